/* Locks: states, the order of waiters, cancelled ones passing the wake on, misuse, closing. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/trace.h"
#include "task/inspect.h"
#include "task/lock.h"
#include "task/sleep.h"

static gyre_lock lock;

static int setup(void **state)
{
    gyre_lock_init(&lock);
    return trace_setup(state);
}

/* Acquires `times` times, keeps it each time for some milliseconds. */
struct user {
    gyre_frame frame;
    const char *name;
    gyre_lock *lock;
    int64_t ms; /* < 0: keeps it for good */
    int times;
    int64_t rc;
    bool held;
};
GYRE_CORO(user)
{
    GYRE_BEGIN;
    while (self->times-- > 0) {
        GYRE_AWAIT(self->rc, gyre_lock_acquire(self->lock));
        trace("%s %s", self->name, result_text(self->rc));
        if (self->rc < 0)
            GYRE_RETURN(self->rc);
        if (self->ms < 0)
            GYRE_RETURN(0);
        self->held = true;
        GYRE_TRY(gyre_sleep(GYRE_MS(self->ms)));
        self->held = false;
        gyre_lock_release(self->lock);
    }
    GYRE_FINALLY;
    if (self->held)
        gyre_lock_release(self->lock);
    GYRE_END;
}

static gyre_task *user(const char *name, int64_t ms, int times)
{
    gyre_task *task =
        GYRE_SPAWN_ON(trace_loop, user, .name = name, .lock = &lock, .ms = ms, .times = times);

    assert_non_null(task);
    return task;
}

/* One that takes it for good. */
static gyre_task *taker(const char *name)
{
    return user(name, -1, 1);
}

static void drop(size_t n, gyre_task *const *tasks)
{
    while (n-- > 0)
        gyre_task_unref(tasks[n]);
}

static void test_states(void **state)
{
    gyre_task *task;

    (void)state;
    assert_false(gyre_lock_locked(&lock));
    assert_int_equal(gyre_lock_release(&lock), GYRE_ENOTHELD);
    task = taker("A");
    trace_settle();
    assert_trace("0 A 1\n");
    assert_true(gyre_lock_locked(&lock));
    assert_true(gyre_task_done(task));
    assert_int_equal(gyre_lock_release(&lock), 0);
    assert_false(gyre_lock_locked(&lock));
    assert_int_equal(gyre_lock_release(&lock), GYRE_ENOTHELD);
    gyre_task_unref(task);
}

/* A free lock does not suspend: two tasks that use it in one step each run one after the other. */
static void test_free_lock_does_not_suspend(void **state)
{
    gyre_loop_stats before, after;
    gyre_task *task;

    (void)state;
    task = taker("A");
    gyre_loop_get_stats(trace_loop, &before);
    assert_int_equal(gyre_loop_run_once(trace_loop, 0), 1);
    gyre_loop_get_stats(trace_loop, &after);
    assert_true(gyre_task_done(task));
    assert_int_equal(after.iterations, before.iterations + 1);
    assert_trace("0 A 1\n");
    gyre_task_unref(task);
}

struct main_order {
    gyre_frame frame;
    gyre_task *tasks[3];
};
GYRE_CORO(main_order)
{
    GYRE_BEGIN;
    self->tasks[0] = user("A", 2, 2);
    self->tasks[1] = user("B", 3, 2);
    self->tasks[2] = user("C", 4, 2);
    GYRE_TRY(self->tasks[0]);
    GYRE_TRY(self->tasks[1]);
    GYRE_TRY(self->tasks[2]);
    GYRE_FINALLY;
    drop(3, self->tasks);
    GYRE_END;
}

static void test_first_come_first_served(void **state)
{
    gyre_task *task = GYRE_SPAWN_ON(trace_loop, main_order);

    (void)state;
    assert_int_equal(gyre_loop_run_until(trace_loop, gyre_task_future(task)), 0);
    assert_trace("0 A 1\n2 B 1\n5 C 1\n9 A 1\n11 B 1\n14 C 1\n");
    assert_false(gyre_lock_locked(&lock));
    gyre_task_unref(task);
}

/* Between the release and the step of who was woken the lock is free, yet nobody jumps in. */
static void test_nobody_passes_a_woken_waiter(void **state)
{
    gyre_task *tasks[4];

    (void)state;
    tasks[0] = taker("A");
    tasks[1] = taker("B");
    trace_settle();
    tasks[2] = taker("C"); /* runs before B: it is ready first */
    assert_int_equal(gyre_lock_release(&lock), 0);
    assert_false(gyre_lock_locked(&lock));
    tasks[3] = taker("D");
    trace_settle();
    assert_trace("0 A 1\n0 B 1\n");
    gyre_lock_release(&lock);
    trace_settle();
    assert_trace("0 C 1\n");
    gyre_lock_release(&lock);
    trace_settle();
    assert_trace("0 D 1\n");
    drop(4, tasks);
}

/* Those whose wait was cancelled do not count, even before they have run. */
static void test_cancelled_waiters_do_not_count(void **state)
{
    gyre_task *tasks[3];

    (void)state;
    tasks[0] = taker("A");
    tasks[1] = taker("B");
    trace_settle();
    tasks[2] = taker("C");
    gyre_task_cancel(tasks[1]);
    gyre_lock_release(&lock);
    trace_settle();
    assert_trace("0 A 1\n0 C 1\n0 B CANCELLED\n");
    assert_true(gyre_task_cancelled(tasks[1]));
    drop(3, tasks);
}

/* Releasing looks at the first only; when that was cancelled it wakes the next itself. */
static void test_cancelled_first_wakes_the_next(void **state)
{
    gyre_task *tasks[4];

    (void)state;
    tasks[0] = taker("A");
    tasks[1] = taker("B");
    tasks[2] = taker("C");
    trace_settle();
    gyre_task_cancel(tasks[1]);
    gyre_lock_release(&lock);
    tasks[3] = taker("D"); /* C waits, so this one does too */
    trace_settle();
    assert_trace("0 A 1\n0 B CANCELLED\n0 C 1\n");
    gyre_lock_release(&lock);
    trace_settle();
    assert_trace("0 D 1\n");
    drop(4, tasks);
}

/* Woken, then cancelled before it could run: the next gets the lock. */
static void test_cancelled_after_the_wake(void **state)
{
    gyre_task *tasks[3];

    (void)state;
    tasks[0] = taker("A");
    tasks[1] = taker("B");
    tasks[2] = taker("C");
    trace_settle();
    gyre_lock_release(&lock);
    assert_int_equal(gyre_task_cancel(tasks[1]), 1);
    trace_settle();
    assert_trace("0 A 1\n0 B CANCELLED\n0 C 1\n");
    assert_true(gyre_lock_locked(&lock));
    drop(3, tasks);
}

/* The last waiter, woken and cancelled, leaves the lock free. */
static void test_cancelled_last_waiter(void **state)
{
    gyre_task *tasks[2];

    (void)state;
    tasks[0] = taker("A");
    tasks[1] = taker("B");
    trace_settle();
    gyre_lock_release(&lock);
    gyre_task_cancel(tasks[1]);
    trace_settle();
    assert_trace("0 A 1\n0 B CANCELLED\n");
    assert_false(gyre_lock_locked(&lock));
    drop(2, tasks);
}

static void test_cancellation_keeps_its_message(void **state)
{
    gyre_error *why = gyre_error_new(GYRE_ECANCELLED, "enough");
    gyre_future *watcher;
    gyre_task *tasks[2];

    (void)state;
    tasks[0] = taker("A");
    tasks[1] = taker("B");
    watcher = waiter("watcher", gyre_task_future(tasks[1]));
    trace_settle();
    gyre_task_cancel_with(tasks[1], why);
    gyre_error_unref(why);
    trace_settle();
    assert_trace("0 A 1\n0 B CANCELLED\n0 watcher got CANCELLED enough\n");
    gyre_future_unref(watcher);
    drop(2, tasks);
}

static int64_t release_in_callback(gyre_loop *loop, void *arg)
{
    (void)loop;
    trace("released %s", result_text(gyre_lock_release(arg)));
    return 0;
}

static void test_callbacks_may_release(void **state)
{
    gyre_task *tasks[2];

    (void)state;
    tasks[0] = taker("A");
    tasks[1] = taker("B");
    trace_settle();
    assert_int_equal(gyre_call_soon(trace_loop, release_in_callback, &lock, NULL), 0);
    trace_settle();
    assert_trace("0 A 1\n0 released 0\n0 B 1\n");
    drop(2, tasks);
}

static void test_says_who_holds_it(void **state)
{
    gyre_task *tasks[2];
    char text[64];

    (void)state;
    tasks[0] = user("A", 100, 1);
    tasks[1] = taker("B");
    gyre_task_set_name(tasks[0], "holder");
    trace_settle();
    assert_string_equal(gyre_task_waits_for(tasks[1], text, sizeof(text)),
                        "lock, held by task holder");
    trace_close();
    assert_trace("0 A 1\n0 B CANCELLED\n");
    drop(2, tasks);
}

/* A lock belongs to the loop of those who waited; a free one may be used anywhere. */
static void test_wrong_loop(void **state)
{
    gyre_loop *other = NULL;
    gyre_task *tasks[2], *stranger;

    (void)state;
    tasks[0] = taker("A");
    tasks[1] = taker("B");
    trace_settle();
    assert_int_equal(gyre_loop_new(&(gyre_loop_options){.clock = GYRE_CLOCK_VIRTUAL}, &other), 0);
    stranger = GYRE_SPAWN_ON(other, user, .name = "S", .lock = &lock, .ms = 0, .times = 1);
    assert_int_equal(gyre_loop_run_until(other, gyre_task_future(stranger)), GYRE_EWRONGLOOP);
    gyre_task_unref(stranger);
    gyre_lock_release(&lock);
    trace_settle();
    gyre_lock_release(&lock);
    stranger = GYRE_SPAWN_ON(other, user, .name = "S", .lock = &lock, .ms = 0, .times = 1);
    assert_int_equal(gyre_loop_run_until(other, gyre_task_future(stranger)), 0);
    gyre_task_unref(stranger);
    assert_int_equal(gyre_loop_close(other), 0);
    assert_trace("0 A 1\n0 S WRONGLOOP\n0 B 1\n0 S 1\n");
    drop(2, tasks);
}

static void test_close_with_waiters(void **state)
{
    gyre_task *tasks[4];

    (void)state;
    tasks[0] = user("A", 100, 1);
    tasks[1] = user("B", 1, 1);
    tasks[2] = user("C", 1, 1);
    trace_settle();
    tasks[3] = user("D", 1, 1); /* never starts */
    trace_close();
    assert_trace("0 A 1\n0 B CANCELLED\n0 C CANCELLED\n");
    assert_false(gyre_lock_locked(&lock));
    for (int i = 0; i < 4; i++)
        assert_true(gyre_task_cancelled(tasks[i]));
    drop(4, tasks);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, trace_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_states),
        TEST(test_free_lock_does_not_suspend),
        TEST(test_first_come_first_served),
        TEST(test_nobody_passes_a_woken_waiter),
        TEST(test_cancelled_waiters_do_not_count),
        TEST(test_cancelled_first_wakes_the_next),
        TEST(test_cancelled_after_the_wake),
        TEST(test_cancelled_last_waiter),
        TEST(test_cancellation_keeps_its_message),
        TEST(test_callbacks_may_release),
        TEST(test_says_who_holds_it),
        TEST(test_wrong_loop),
        TEST(test_close_with_waiters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
