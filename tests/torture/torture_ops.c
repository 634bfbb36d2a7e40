/*
 * Torture of operations: waits for the kernel, with completions that fail, come short or are
 * refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../../task/run.h"
#include "../../task/sleep.h"
#include "../../task/task_internal.h"
#include "../support/torture.h"

/* ---- awaitable calls, as net/ makes them ---- */

static gyre_await nop(void)
{
    return gyre__park_op(gyre__task_running("nop"),
                         &(gyre__request){.verb = GYRE__OP_NOP, .fd = -1}, &gyre__wait_op);
}

static gyre_await transfer(enum gyre__verb verb, int fd, void *buffer, size_t size)
{
    return gyre__park_op(gyre__task_running("transfer"),
                         &(gyre__request){.verb = (uint8_t)verb,
                                          .fd = fd,
                                          .addr = buffer,
                                          .length = (uint32_t)size,
                                          .offset = UINT64_MAX},
                         &gyre__wait_op);
}

static gyre_await open_file(const char *path)
{
    return gyre__park_op(
        gyre__task_running("open_file"),
        &(gyre__request){
            .verb = GYRE__OP_OPENAT, .fd = AT_FDCWD, .addr = path, .flags = O_RDONLY | O_CLOEXEC},
        &gyre__wait_op);
}

static int ends[2];

static int64_t make_pipe(gyre_loop *loop)
{
    (void)loop;
    return pipe2(ends, O_CLOEXEC) < 0 ? -errno : 0;
}

static void close_pipe(void)
{
    close(ends[0]);
    close(ends[1]);
}

/* ---- scenarios ---- */

struct nops {
    gyre_frame frame;
    int i;
};
GYRE_CORO(nops)
{
    GYRE_BEGIN;
    for (self->i = 0; self->i < 5; self->i++)
        GYRE_TRY(nop());
    GYRE_RETURN(0);
    GYRE_END;
}

/* More at a time than the ring has entries, so that it fills up. */
struct crowd {
    gyre_frame frame;
    gyre_task *tasks[12];
    int i;
    int64_t result;
};
GYRE_CORO(crowd)
{
    GYRE_BEGIN;
    for (self->i = 0; self->i < 12; self->i++)
        self->tasks[self->i] = GYRE_SPAWN(nops);
    for (self->i = 0; self->i < 12; self->i++)
        GYRE_TRY(self->tasks[self->i]);
    GYRE_RETURN(self->i);
    GYRE_FINALLY;
    for (self->i = 0; self->i < 12; self->i++) {
        if (self->tasks[self->i])
            gyre_future_ignore(gyre_task_future(self->tasks[self->i]));
        gyre_task_unref(self->tasks[self->i]);
    }
    GYRE_END;
}

/* A read of what never comes, ended by a cancellation. */
struct reader {
    gyre_frame frame;
    char buffer[16];
    size_t have;
    int64_t result;
};
GYRE_CORO(reader)
{
    GYRE_BEGIN;
    while (self->have < 5) {
        GYRE_TRY(self->result, transfer(GYRE__OP_READ, ends[0], self->buffer + self->have,
                                        sizeof(self->buffer) - self->have));
        if (self->result == 0)
            GYRE_RETURN(GYRE_EEOF);
        self->have += (size_t)self->result;
    }
    GYRE_RETURN(memcmp(self->buffer, "hello", 5) == 0);
    GYRE_END;
}

struct waiter {
    gyre_frame frame;
    gyre_task *task;
    int64_t result;
};
GYRE_CORO(waiter)
{
    GYRE_BEGIN;
    self->task = GYRE_SPAWN(reader);
    if (!self->task)
        GYRE_RETURN(-ENOMEM);
    GYRE_TRY(gyre_sleep(GYRE_US(50)));
    gyre_task_cancel(self->task);
    gyre_task_cancel(self->task);
    GYRE_AWAIT(self->result, self->task);
    GYRE_RETURN(self->result == GYRE_ECANCELLED ? 1 : self->result);
    GYRE_FINALLY;
    if (self->task) /* nobody else would end it */
        gyre_task_cancel(self->task);
    gyre_task_unref(self->task);
    GYRE_END;
}

/* One writes, one reads; the reader is cancelled if the writer fails. */
struct conversation {
    gyre_frame frame;
    gyre_task *task;
    size_t sent;
    int64_t result;
};
GYRE_CORO(conversation)
{
    GYRE_BEGIN;
    self->task = GYRE_SPAWN(reader);
    while (self->sent < 5) {
        GYRE_TRY(self->result, transfer(GYRE__OP_WRITE, ends[1],
                                        (char *)(uintptr_t) "hello" + self->sent, 5 - self->sent));
        self->sent += (size_t)self->result;
    }
    GYRE_TRY(self->result, self->task);
    GYRE_RETURN(self->result);
    GYRE_FINALLY;
    if (self->task) {
        gyre_task_cancel(self->task);
        gyre_future_ignore(gyre_task_future(self->task));
    }
    gyre_task_unref(self->task);
    GYRE_END;
}

/* A result that owns something reaches the task even when it was cancelled meanwhile. */
struct opener {
    gyre_frame frame;
    int64_t fd, rc;
};
GYRE_CORO(opener)
{
    GYRE_BEGIN;
    self->fd = -1;
    GYRE_TRY(self->fd, open_file("/dev/null"));
    GYRE_TRY(gyre_sleep(0));
    GYRE_RETURN(1);
    GYRE_FINALLY;
    if (self->fd >= 0)
        close((int)self->fd);
    GYRE_END;
}

/* Deep in calls, with a cleanup that does I/O too. */
struct deep_io {
    gyre_frame frame;
    int depth;
};
GYRE_CORO(deep_io)
{
    GYRE_BEGIN;
    if (self->depth > 0)
        GYRE_TRY(GYRE_CALL(deep_io, .depth = self->depth - 1));
    else
        GYRE_TRY(GYRE_CALL(opener));
    GYRE_RETURN(self->depth);
    GYRE_FINALLY;
    GYRE_TRY(nop());
    GYRE_END;
}

static const torture_scenario scenarios[] = {
    {TORTURE_MAIN(nops), .flags = TORTURE_IO},
    {TORTURE_MAIN(crowd), .expect = 12, .flags = TORTURE_IO | TORTURE_MAY_REPORT},
    {TORTURE_MAIN(waiter), .expect = 1, .flags = TORTURE_IO, .setup = make_pipe,
     .teardown = close_pipe},
    {TORTURE_MAIN(conversation), .expect = 1, .flags = TORTURE_IO, .setup = make_pipe,
     .teardown = close_pipe},
    {TORTURE_MAIN(opener), .expect = 1, .flags = TORTURE_IO},
    {TORTURE_MAIN(deep_io, .depth = 9), .expect = 9, .flags = TORTURE_IO},
};

int main(int argc, char **argv)
{
    return torture_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
