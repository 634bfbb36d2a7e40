/* Barriers: rounds, who comes while one drains, cancelled parties, resetting and breaking. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/trace.h"
#include "task/barrier.h"
#include "task/sleep.h"

static gyre_barrier barrier;

static int setup(void **state)
{
    if (gyre_barrier_init(&barrier, 3) < 0)
        return -1;
    return trace_setup(state);
}

/* Comes after some milliseconds, as often as it says. */
struct party {
    gyre_frame frame;
    const char *name;
    int64_t ms;
    int times;
    int64_t rc;
};
GYRE_CORO(party)
{
    GYRE_BEGIN;
    while (self->times-- > 0) {
        if (self->ms)
            GYRE_TRY(gyre_sleep(GYRE_MS(self->ms)));
        GYRE_AWAIT(self->rc, gyre_barrier_wait(&barrier));
        trace("%s %s", self->name, result_text(self->rc));
        if (self->rc < 0)
            GYRE_RETURN(self->rc);
    }
    GYRE_END;
}

static gyre_task *party(const char *name, int64_t ms, int times)
{
    gyre_task *task = GYRE_SPAWN_ON(trace_loop, party, .name = name, .ms = ms, .times = times);

    assert_non_null(task);
    return task;
}

/* Resets or breaks it. */
struct changer {
    gyre_frame frame;
    bool broken;
    int64_t rc;
};
GYRE_CORO(changer)
{
    GYRE_BEGIN;
    if (self->broken)
        GYRE_AWAIT(self->rc, gyre_barrier_abort(&barrier));
    else
        GYRE_AWAIT(self->rc, gyre_barrier_reset(&barrier));
    trace("%s %s", self->broken ? "abort" : "reset", result_text(self->rc));
    GYRE_RETURN(self->rc);
    GYRE_END;
}

static void change(bool broken)
{
    gyre_task *task = GYRE_SPAWN_ON(trace_loop, changer, .broken = broken);

    trace_settle();
    assert_true(gyre_task_done(task));
    gyre_task_unref(task);
}

static void drop(size_t n, gyre_task *const *tasks)
{
    while (n-- > 0)
        gyre_task_unref(tasks[n]);
}

static void test_misuse(void **state)
{
    (void)state;
    assert_int_equal(gyre_barrier_init(&barrier, 0), -EINVAL);
}

static void test_fills_and_lets_go(void **state)
{
    gyre_task *tasks[3];

    (void)state;
    assert_int_equal(gyre_barrier_parties(&barrier), 3);
    assert_int_equal(gyre_barrier_n_waiting(&barrier), 0);
    assert_false(gyre_barrier_broken(&barrier));
    tasks[0] = party("A", 0, 1);
    tasks[1] = party("B", 0, 1);
    trace_settle();
    assert_int_equal(gyre_barrier_n_waiting(&barrier), 2);
    assert_trace("");
    tasks[2] = party("C", 0, 1);
    assert_int_equal(gyre_loop_run_once(trace_loop, 0), 1);
    assert_trace("0 C 2\n");                               /* the last one does not suspend */
    assert_int_equal(gyre_barrier_n_waiting(&barrier), 0); /* it drains */
    trace_settle();
    assert_trace("0 A 0\n0 B 1\n");
    assert_int_equal(gyre_barrier_n_waiting(&barrier), 0);
    drop(3, tasks);
}

static void test_rounds(void **state)
{
    gyre_task *tasks[3];

    (void)state;
    tasks[0] = party("A", 1, 2);
    tasks[1] = party("B", 3, 2);
    tasks[2] = party("C", 2, 2);
    assert_int_equal(gyre_loop_run_until(trace_loop, gyre_task_future(tasks[1])), 0);
    trace_settle();
    assert_trace("3 B 2\n3 A 0\n3 C 1\n6 B 2\n6 A 0\n6 C 1\n");
    drop(3, tasks);
}

/* Whoever comes while the others leave belongs to the next round. */
static void test_comes_while_it_drains(void **state)
{
    gyre_task *tasks[6];

    (void)state;
    tasks[0] = party("A", 0, 1);
    tasks[1] = party("B", 0, 1);
    trace_settle();
    tasks[2] = party("C", 0, 1);
    tasks[3] = party("D", 0, 1);
    tasks[4] = party("E", 0, 1);
    tasks[5] = party("F", 0, 1);
    trace_settle();
    assert_trace("0 C 2\n0 A 0\n0 B 1\n0 F 2\n0 D 0\n0 E 1\n");
    drop(6, tasks);
}

static void test_cancelled_party(void **state)
{
    gyre_task *tasks[4];

    (void)state;
    tasks[0] = party("A", 0, 1);
    tasks[1] = party("B", 0, 1);
    trace_settle();
    gyre_task_cancel(tasks[0]);
    trace_settle();
    assert_trace("0 A CANCELLED\n");
    assert_int_equal(gyre_barrier_n_waiting(&barrier), 1);
    tasks[2] = party("C", 0, 1);
    tasks[3] = party("D", 0, 1);
    trace_settle();
    assert_trace("0 D 2\n0 B 1\n0 C 1\n"); /* as asyncio counts: C is the second that is there */
    assert_int_equal(gyre_barrier_n_waiting(&barrier), 0);
    drop(4, tasks);
}

/* Cancelled when it had already been let go: the barrier still empties. */
static void test_cancelled_while_it_drains(void **state)
{
    gyre_task *tasks[3];

    (void)state;
    tasks[0] = party("A", 0, 1);
    tasks[1] = party("B", 0, 1);
    trace_settle();
    tasks[2] = party("C", 0, 1);
    assert_int_equal(gyre_loop_run_once(trace_loop, 0), 1);
    gyre_task_cancel(tasks[0]);
    trace_settle();
    assert_trace("0 C 2\n0 A CANCELLED\n0 B 1\n");
    assert_int_equal(barrier.state, GYRE__BARRIER_FILLING);
    assert_int_equal(barrier.count, 0);
    drop(3, tasks);
}

static void test_abort(void **state)
{
    gyre_task *tasks[3];

    (void)state;
    tasks[0] = party("A", 0, 1);
    tasks[1] = party("B", 0, 1);
    trace_settle();
    change(true);
    assert_trace("0 abort 0\n0 A BROKENBARRIER\n0 B BROKENBARRIER\n");
    assert_true(gyre_barrier_broken(&barrier));
    assert_int_equal(gyre_barrier_n_waiting(&barrier), 0);
    tasks[2] = party("C", 0, 1); /* at once, until a reset */
    trace_settle();
    assert_trace("0 C BROKENBARRIER\n");
    change(false);
    assert_trace("0 reset 0\n");
    assert_false(gyre_barrier_broken(&barrier));
    for (int i = 0; i < 3; i++)
        gyre_future_ignore(gyre_task_future(tasks[i]));
    drop(3, tasks);
}

static void test_reset(void **state)
{
    gyre_task *tasks[5];

    (void)state;
    tasks[0] = party("A", 0, 1);
    tasks[1] = party("B", 0, 1);
    trace_settle();
    change(false);
    assert_trace("0 reset 0\n0 A BROKENBARRIER\n0 B BROKENBARRIER\n");
    assert_false(gyre_barrier_broken(&barrier));
    tasks[2] = party("C", 0, 1);
    tasks[3] = party("D", 0, 1);
    tasks[4] = party("E", 0, 1);
    trace_settle();
    assert_trace("0 E 2\n0 C 0\n0 D 1\n");
    for (int i = 0; i < 5; i++)
        gyre_future_ignore(gyre_task_future(tasks[i]));
    drop(5, tasks);
}

static void test_one_party(void **state)
{
    gyre_task *task;

    (void)state;
    assert_int_equal(gyre_barrier_init(&barrier, 1), 0);
    task = party("A", 0, 3);
    assert_int_equal(gyre_loop_run_once(trace_loop, 0), 1);
    assert_true(gyre_task_done(task));
    assert_trace("0 A 0\n0 A 0\n0 A 0\n");
    gyre_task_unref(task);
}

static void test_close_with_waiters(void **state)
{
    gyre_task *tasks[5];

    (void)state;
    tasks[0] = party("A", 0, 1);
    tasks[1] = party("B", 0, 1);
    trace_settle();
    tasks[2] = party("C", 0, 1);
    tasks[3] = party("D", 0, 1);
    tasks[4] = party("E", 0, 1);
    assert_int_equal(gyre_loop_run_once(trace_loop, 0), 1);
    trace_close(); /* A and B on their way out, D and E before the door */
    assert_trace("0 C 2\n0 A CANCELLED\n0 B CANCELLED\n0 D CANCELLED\n0 E CANCELLED\n");
    assert_int_equal(barrier.count, 0);
    assert_int_equal(barrier.state, GYRE__BARRIER_FILLING);
    assert_false(gyre_condition_locked(&barrier.changed));
    drop(5, tasks);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, trace_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_misuse),          TEST(test_fills_and_lets_go),
        TEST(test_rounds),          TEST(test_comes_while_it_drains),
        TEST(test_cancelled_party), TEST(test_cancelled_while_it_drains),
        TEST(test_abort),           TEST(test_reset),
        TEST(test_one_party),       TEST(test_close_with_waiters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
