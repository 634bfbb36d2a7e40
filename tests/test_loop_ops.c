/*
 * Operations: full queues, overflows, cancelling, races with the completion, the seam, the
 * statistics.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "../loop/loop_internal.h"
#include "support/unit.h"

/* An op that counts its end. */
struct job {
    gyre__op op;
    bool ended;
};

static unsigned ended;

static void job_ended(gyre__node *node)
{
    struct job *job = GYRE__CONTAINER(node, struct job, op.node);

    assert_false(job->ended);
    assert_false(job->op.in_flight);
    job->ended = true;
    ended++;
}

static int64_t start(gyre_loop *loop, struct job *job, const gyre__request *request)
{
    gyre__op_init(&job->op, job_ended, NULL);
    job->ended = false;
    return gyre__op_start(loop, &job->op, request);
}

static const gyre__request nop = {.verb = GYRE__OP_NOP, .fd = -1};

static void run_until_ended(gyre_loop *loop, unsigned count)
{
    for (int i = 0; ended < count && i < 100000; i++)
        assert_true(gyre_loop_run_once(loop, GYRE_SECONDS(5)) >= 0);
    assert_int_equal(ended, count);
}

static gyre_loop_stats stats_of(gyre_loop *loop)
{
    gyre_loop_stats stats;

    gyre_loop_get_stats(loop, &stats);
    return stats;
}

static int forget_ended(void **state)
{
    (void)state;
    ended = 0;
    return 0;
}

static void one_nop(void **state)
{
    gyre_loop *loop = unit_loop();
    struct job job;

    (void)state;
    assert_int_equal(start(loop, &job, &nop), 0);
    assert_true(job.op.in_flight);
    assert_int_equal(stats_of(loop).operations, 1);
    assert_false(job.ended);
    run_until_ended(loop, 1);
    assert_int_equal(job.op.res, 0);
    assert_int_equal(stats_of(loop).operations, 0);
    assert_non_null(stats_of(loop).ring_mode);
    assert_true(stats_of(loop).enters >= 1);
    gyre_loop_close(loop);
}

/* Far more than the submission queue has entries, and than the completion queue holds. */
static void a_full_queue_and_overflows(void **state)
{
    enum { JOBS = 1000 };
    gyre_loop *loop = unit_loop_with(&(gyre_loop_options){.ring_entries = 4});
    struct job *jobs = calloc(JOBS, sizeof(*jobs));

    (void)state;
    for (int i = 0; i < JOBS; i++)
        assert_int_equal(start(loop, &jobs[i], &nop), 0);
    run_until_ended(loop, JOBS);
    assert_true(stats_of(loop).submit_full > 0);
    for (int i = 0; i < JOBS; i++)
        assert_true(jobs[i].ended);
    free(jobs);
    gyre_loop_close(loop);
}

/*
 * Reads that wait, all completed in one go: more completions at a time than the queue has room for.
 */
static void completions_overflow(void **state)
{
    enum { JOBS = 200 };
    gyre_loop *loop = unit_loop_with(&(gyre_loop_options){.ring_entries = 2});
    static struct job jobs[JOBS];
    static char bytes[JOBS];
    int ends[2];

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    for (int i = 0; i < JOBS; i++)
        assert_int_equal(start(loop, &jobs[i],
                               &(gyre__request){.verb = GYRE__OP_READ,
                                                .fd = ends[0],
                                                .addr = &bytes[i],
                                                .length = 1,
                                                .offset = UINT64_MAX}),
                         0);
    for (int i = 0; i < 5; i++)
        gyre_loop_run_once(loop, 0);
    assert_int_equal(ended, 0);
    assert_int_equal(write(ends[1], bytes, JOBS), JOBS);
    run_until_ended(loop, JOBS);
    for (int i = 0; i < JOBS; i++)
        assert_int_equal(jobs[i].op.res, 1);
    assert_true(stats_of(loop).cq_overflows > 0);
    close(ends[0]);
    close(ends[1]);
    gyre_loop_close(loop);
}

static void a_read_is_cancelled(void **state)
{
    gyre_loop *loop = unit_loop();
    struct job job;
    char byte;
    int ends[2];
    const gyre__request read_byte = {
        .verb = GYRE__OP_READ, .addr = &byte, .length = 1, .offset = UINT64_MAX};
    gyre__request request = read_byte;

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    request.fd = ends[0];
    start(loop, &job, &request);
    gyre_loop_run_once(loop, 0);
    assert_int_equal(ended, 0);
    gyre__op_cancel(&job.op);
    gyre__op_cancel(&job.op);      /* twice is harmless */
    assert_true(job.op.in_flight); /* the completion is the only end */
    run_until_ended(loop, 1);
    assert_int_equal(job.op.res, -ECANCELED);
    gyre__op_cancel(&job.op); /* not in flight: nothing */
    /* Cancelled before it was even submitted. */
    start(loop, &job, &request);
    gyre__op_cancel(&job.op);
    run_until_ended(loop, 2);
    assert_int_equal(job.op.res, -ECANCELED);
    close(ends[0]);
    close(ends[1]);
    gyre_loop_close(loop);
}

/* The cancellation comes too late: the real result is delivered, and nothing else ends by it. */
static void the_completion_wins(void **state)
{
    gyre_loop *loop = unit_loop();
    struct job one, two;
    char bytes[2];
    int ends[2];
    gyre__request request = {.verb = GYRE__OP_READ, .length = 1, .offset = UINT64_MAX};

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    request.fd = ends[0];
    request.addr = &bytes[0];
    start(loop, &one, &request);
    gyre_loop_run_once(loop, 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    gyre__op_cancel(&one.op);
    run_until_ended(loop, 1);
    assert_true(one.op.res == 1 || one.op.res == -ECANCELED);
    /* The same memory as an op of its own again: a stale cancellation must not hit it. */
    start(loop, &one, &nop);
    run_until_ended(loop, 2);
    assert_int_equal(one.op.res, 0);
    gyre__op_cancel(&one.op);
    request.addr = &bytes[1];
    start(loop, &two, &request);
    for (int i = 0; i < 3; i++)
        gyre_loop_run_once(loop, 0);
    assert_true(two.op.in_flight || two.op.res == 1);
    close(ends[1]);
    run_until_ended(loop, 3);
    close(ends[0]);
    gyre_loop_close(loop);
}

static void everything_on_a_descriptor_is_cancelled(void **state)
{
    gyre_loop *loop = unit_loop();
    struct job jobs[5], other;
    char bytes[6];
    int ends[2], others[2];
    gyre__request request = {.verb = GYRE__OP_READ, .length = 1, .offset = UINT64_MAX};

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(pipe2(others, O_CLOEXEC), 0);
    for (int i = 0; i < 5; i++) {
        request.fd = ends[0];
        request.addr = &bytes[i];
        start(loop, &jobs[i], &request);
    }
    request.fd = others[0];
    request.addr = &bytes[5];
    start(loop, &other, &request);
    gyre_loop_run_once(loop, 0);
    gyre__op_cancel_fd(loop, ends[0]);
    run_until_ended(loop, 5);
    for (int i = 0; i < 5; i++)
        assert_int_equal(jobs[i].op.res, -ECANCELED);
    assert_true(other.op.in_flight);
    for (int i = 0; i < 2; i++)
        close(ends[i]);
    gyre_loop_close(loop); /* cancels the other one, and waits for it */
    assert_int_equal(ended, 6);
    assert_int_equal(other.op.res, -ECANCELED);
    for (int i = 0; i < 2; i++)
        close(others[i]);
}

/* The virtual clock stands still while an operation is under way. */
static void the_virtual_clock_waits_for_operations(void **state)
{
    gyre_loop *loop = unit_loop();
    struct job job;

    (void)state;
    start(loop, &job, &nop);
    gyre_call_later(loop, 10, unit_trace_callback, "timer", NULL);
    assert_int_equal(gyre_loop_run_once(loop, GYRE_FOREVER), 1);
    assert_int_equal(gyre_loop_time(loop), 0);
    assert_int_equal(ended, 1);
    unit_run_dry(loop);
    unit_assert_trace("timer");
    gyre_loop_close(loop);
}

/* A multishot poll: several completions, of which only the last is the end. */
static int more_came;

static void count_more(gyre__op *op)
{
    assert_true(op->in_flight);
    more_came++;
}

static void several_completions_of_one(void **state)
{
    gyre_loop *loop = unit_loop();
    struct job job = {.ended = false};
    int ends[2];

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    gyre__op_init(&job.op, job_ended, count_more);
    assert_int_equal(gyre__op_start(loop, &job.op,
                                    &(gyre__request){.verb = GYRE__OP_POLL,
                                                     .multishot = true,
                                                     .fd = ends[0],
                                                     .flags = 1 /* POLLIN */}),
                     0);
    for (int i = 0; i < 3; i++) {
        char byte = 'x';

        gyre_loop_run_once(loop, 0);
        assert_int_equal(write(ends[1], &byte, 1), 1);
        for (int k = 0; k < 100 && more_came <= i; k++)
            gyre_loop_run_once(loop, GYRE_MS(1));
        assert_int_equal(read(ends[0], &byte, 1), 1);
    }
    assert_true(more_came >= 3);
    more_came = 0;
    assert_int_equal(stats_of(loop).operations, 1);
    gyre__op_cancel(&job.op);
    run_until_ended(loop, 1);
    close(ends[0]);
    close(ends[1]);
    gyre_loop_close(loop);
}

static void verbs_that_are_unknown(void **state)
{
    gyre_loop *loop = unit_loop();
    struct job job;

    (void)state;
    assert_true(gyre__op_supported(loop, GYRE__OP_NOP));
    assert_true(gyre__op_supported(loop, GYRE__OP_READ));
    loop->backend.verbs &= ~(UINT64_C(1) << GYRE__OP_FSYNC); /* as an older kernel would say */
    assert_int_equal(start(loop, &job, &(gyre__request){.verb = GYRE__OP_FSYNC, .fd = 0}),
                     GYRE_EUNSUPPORTED);
    assert_false(job.op.in_flight);
    assert_int_equal(stats_of(loop).operations, 0);
    gyre_loop_close(loop);
}

/* ---- the seam ---- */

static int64_t refuse_reads(void *context, gyre__op *op, gyre__request *request)
{
    (void)op;
    ++*(int *)context;
    return request->verb == GYRE__OP_READ ? -EBUSY : 0;
}

static void answer_42(void *context, gyre__op *op, int32_t *res, uint32_t *flags)
{
    (void)context;
    (void)op;
    (void)flags;
    *res = 42;
}

static void the_seam(void **state)
{
    gyre_loop *loop = unit_loop();
    struct job job;
    int seen = 0;
    const gyre__seam seam = {.start = refuse_reads, .complete = answer_42, .context = &seen};

    (void)state;
    gyre__loop_set_seam(loop, &seam);
    assert_int_equal(start(loop, &job, &(gyre__request){.verb = GYRE__OP_READ, .fd = 0}), -EBUSY);
    assert_false(job.op.in_flight);
    assert_int_equal(start(loop, &job, &nop), 0);
    run_until_ended(loop, 1);
    assert_int_equal(job.op.res, 42);
    assert_int_equal(seen, 2); /* the loop's own operations are not shown */
    gyre__loop_set_seam(loop, NULL);
    start(loop, &job, &nop);
    run_until_ended(loop, 2);
    assert_int_equal(job.op.res, 0);
    gyre_loop_close(loop);
}

/* Closing waits for what the kernel has, even in a ring that is full of it. */
static void closing_with_many_in_flight(void **state)
{
    enum { JOBS = 300 };
    gyre_loop *loop = unit_loop_with(&(gyre_loop_options){.ring_entries = 2});
    static struct job jobs[JOBS];
    static char bytes[JOBS];
    int ends[2];

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    for (int i = 0; i < JOBS; i++)
        start(loop, &jobs[i],
              &(gyre__request){.verb = GYRE__OP_READ,
                               .fd = ends[0],
                               .addr = &bytes[i],
                               .length = 1,
                               .offset = UINT64_MAX});
    gyre_loop_close(loop);
    assert_int_equal(ended, JOBS);
    for (int i = 0; i < JOBS; i++)
        assert_int_equal(jobs[i].op.res, -ECANCELED);
    close(ends[0]);
    close(ends[1]);
}

/*
 * As on kernels before 5.17 and 5.19: cancellations have completions, and there is none of
 * everything.
 */
static void older_cancellations(void **state)
{
    gyre_loop *loop = unit_loop();
    struct job job;
    char byte;
    int ends[2];

    (void)state;
    loop->backend.cancel_flags = 0;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    start(loop, &job,
          &(gyre__request){.verb = GYRE__OP_READ, .fd = ends[0], .addr = &byte, .length = 1});
    gyre_loop_run_once(loop, 0);
    gyre__op_cancel(&job.op);
    gyre__op_cancel(&job.op);
    run_until_ended(loop, 1);
    assert_int_equal(job.op.res, -ECANCELED);
    assert_int_equal(stats_of(loop).operations, 0);
    close(ends[0]);
    close(ends[1]);
    gyre_loop_close(loop);
}

int main(void)
{
    static const char *const modes[] = {"defer_taskrun", "coop_taskrun", "plain"};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_nop, forget_ended),
        cmocka_unit_test_setup(a_full_queue_and_overflows, forget_ended),
        cmocka_unit_test_setup(completions_overflow, forget_ended),
        cmocka_unit_test_setup(a_read_is_cancelled, forget_ended),
        cmocka_unit_test_setup(the_completion_wins, forget_ended),
        cmocka_unit_test_setup(everything_on_a_descriptor_is_cancelled, forget_ended),
        cmocka_unit_test_setup(the_virtual_clock_waits_for_operations, forget_ended),
        cmocka_unit_test_setup(several_completions_of_one, forget_ended),
        cmocka_unit_test_setup(verbs_that_are_unknown, forget_ended),
        cmocka_unit_test_setup(the_seam, forget_ended),
        cmocka_unit_test_setup(closing_with_many_in_flight, forget_ended),
        cmocka_unit_test_setup(older_cancellations, forget_ended),
    };
    int failures = 0;

    /* In the modes of older kernels, too. */
    for (gyre__ring_rung = 0; gyre__ring_rung < 3; gyre__ring_rung++) {
        print_message("mode %s or lower\n", modes[gyre__ring_rung]);
        failures += cmocka_run_group_tests(tests, NULL, NULL);
    }
    return failures;
}
