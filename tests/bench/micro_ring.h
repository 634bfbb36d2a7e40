/* Operations that do nothing: gyre's, and liburing's own on the same ring and on a plain one. */
#ifndef GYRE_TESTS_BENCH_MICRO_RING_H
#define GYRE_TESTS_BENCH_MICRO_RING_H

#include <liburing.h>

#include "../../task/task_internal.h"
#include "micro_tasks.h"

enum { NOPS = 640000 };

static gyre_await micro_nop(void)
{
    static const gyre__request request = {.verb = GYRE__OP_NOP, .fd = -1};

    return gyre__park_op(gyre__task_running("micro_nop"), &request, &gyre__wait_op);
}

struct nopper {
    gyre_frame frame;
    int times;
};

GYRE_CORO(nopper)
{
    GYRE_BEGIN;
    while (self->times-- > 0)
        GYRE_TRY(micro_nop());
    GYRE_END;
}

/* So many tasks at once that each enter carries a batch. */
static double micro_nops(int batch)
{
    gyre_task *last = NULL;

    micro_open();
    for (int i = 0; i < batch; i++) {
        gyre_task_unref(last);
        last = GYRE_SPAWN_ON(micro_loop, nopper, .times = NOPS / batch);
    }
    return micro_run(last, NOPS);
}

static double micro_nop1(void)
{
    return micro_nops(1);
}

static double micro_nop32(void)
{
    return micro_nops(32);
}

static double micro_nop128(void)
{
    return micro_nops(128);
}

static double raw_nops(unsigned batch, unsigned flags)
{
    struct io_uring_params params = {.flags = flags | IORING_SETUP_CQSIZE, .cq_entries = 1024};
    struct io_uring ring;
    double start;

    if (io_uring_queue_init_params(256, &ring, &params) < 0)
        return 0;
    io_uring_register_ring_fd(&ring);
    start = bench_cpu_ns();
    for (unsigned round = 0; round < NOPS / batch; round++) {
        struct io_uring_cqe *cqe;
        unsigned head, seen = 0;

        for (unsigned i = 0; i < batch; i++)
            io_uring_prep_nop(io_uring_get_sqe(&ring));
        io_uring_submit_and_wait(&ring, batch);
        io_uring_for_each_cqe(&ring, head, cqe) seen++;
        io_uring_cq_advance(&ring, seen);
        bench_check(seen == batch, "a no-op");
    }
    start = bench_cpu_ns() - start;
    io_uring_queue_exit(&ring);
    return start / NOPS;
}

/* What gyre asks for; newer than some headers. */
enum { SINGLE_ISSUER = 1 << 12, DEFER_TASKRUN = 1 << 13 };
enum {
    SAME_FLAGS = SINGLE_ISSUER | DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL
};

static double floor_nop1(void)
{
    return raw_nops(1, SAME_FLAGS);
}

static double floor_nop32(void)
{
    return raw_nops(32, SAME_FLAGS);
}

static double floor_nop128(void)
{
    return raw_nops(128, SAME_FLAGS);
}

static double floor_nop1_plain(void)
{
    return raw_nops(1, 0);
}

static double floor_nop32_plain(void)
{
    return raw_nops(32, 0);
}

#endif
