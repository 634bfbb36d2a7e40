/* Conditions: notifying, waiting for predicates, cancelled waits and the lock they take again. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/trace.h"
#include "task/condition.h"
#include "task/inspect.h"
#include "task/sleep.h"

static gyre_condition condition;
static int stock; /* what the condition is about */

static int setup(void **state)
{
    gyre_condition_init(&condition, NULL);
    stock = 0;
    return trace_setup(state);
}

/* Waits once, with the lock held before, and released some milliseconds after. */
struct waits {
    gyre_frame frame;
    const char *name;
    int64_t ms;
    int64_t rc;
    bool held;
};
GYRE_CORO(waits)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_condition_acquire(&condition));
    self->held = true;
    GYRE_AWAIT(self->rc, gyre_condition_wait(&condition));
    trace("%s %s%s", self->name, result_text(self->rc),
          gyre_condition_locked(&condition) ? "" : " without the lock");
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    if (self->ms)
        GYRE_TRY(gyre_sleep(GYRE_MS(self->ms)));
    GYRE_FINALLY;
    if (self->held)
        assert_int_equal(gyre_condition_release(&condition), 0);
    GYRE_END;
}

static gyre_task *waits(const char *name)
{
    gyre_task *task = GYRE_SPAWN_ON(trace_loop, waits, .name = name);

    assert_non_null(task);
    return task;
}

/* Holds the lock from now on, in the name of nobody. */
struct takes {
    gyre_frame frame;
};
GYRE_CORO(takes)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_condition_acquire(&condition));
    GYRE_END;
}

static void take(void)
{
    gyre_task *task = GYRE_SPAWN_ON(trace_loop, takes);

    assert_int_equal(gyre_loop_run_until(trace_loop, gyre_task_future(task)), 0);
    gyre_task_unref(task);
}

/* Notifies n, or all if n < 0, with the lock held for the call only. */
static void notify(int64_t n)
{
    take();
    assert_int_equal(
        n < 0 ? gyre_condition_notify_all(&condition) : gyre_condition_notify(&condition, n), 0);
    assert_int_equal(gyre_condition_release(&condition), 0);
}

static void drop(size_t n, gyre_task *const *tasks)
{
    while (n-- > 0)
        gyre_task_unref(tasks[n]);
}

struct unlocked {
    gyre_frame frame;
    int64_t rc;
};
GYRE_CORO(unlocked)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc, gyre_condition_wait(&condition));
    GYRE_RETURN(self->rc);
    GYRE_END;
}

static void test_misuse(void **state)
{
    gyre_task *task = GYRE_SPAWN_ON(trace_loop, unlocked);

    (void)state;
    assert_int_equal(gyre_loop_run_until(trace_loop, gyre_task_future(task)), GYRE_ENOTHELD);
    gyre_task_unref(task);
    assert_int_equal(gyre_condition_notify(&condition, 1), GYRE_ENOTHELD);
    assert_int_equal(gyre_condition_notify_all(&condition), GYRE_ENOTHELD);
    assert_int_equal(gyre_condition_release(&condition), GYRE_ENOTHELD);
    assert_false(gyre_condition_locked(&condition));
    take();
    assert_true(gyre_condition_locked(&condition));
    assert_int_equal(gyre_condition_notify(&condition, 1), 0); /* nobody waits: it is lost */
    assert_int_equal(gyre_condition_release(&condition), 0);
}

static void test_notify_wakes_the_first_ones(void **state)
{
    gyre_task *tasks[5];

    (void)state;
    tasks[0] = waits("A");
    tasks[1] = waits("B");
    tasks[2] = waits("C");
    tasks[3] = waits("D");
    tasks[4] = waits("E");
    trace_settle();
    notify(0);
    trace_settle();
    assert_trace("");
    notify(1);
    trace_settle();
    assert_trace("0 A 1\n");
    notify(2);
    trace_settle();
    assert_trace("0 B 1\n0 C 1\n");
    notify(-1);
    trace_settle();
    assert_trace("0 D 1\n0 E 1\n");
    notify(INT64_MAX);
    drop(5, tasks);
}

/* Who was notified goes on when it gets the lock, and not before. */
static void test_notified_ones_wait_for_the_lock(void **state)
{
    gyre_task *tasks[2];
    char text[64];

    (void)state;
    tasks[0] = waits("A");
    tasks[1] = waits("B");
    trace_settle();
    assert_string_equal(gyre_task_waits_for(tasks[0], text, sizeof(text)), "condition");
    take();
    gyre_condition_notify_all(&condition);
    trace_settle();
    assert_trace("");
    assert_memory_equal(gyre_task_waits_for(tasks[0], text, sizeof(text)), "lock", 4);
    gyre_condition_release(&condition);
    trace_settle();
    assert_trace("0 A 1\n0 B 1\n");
    assert_false(gyre_condition_locked(&condition));
    drop(2, tasks);
}

/* Notifying a second time before the first one ran reaches the next. */
static void test_notify_twice(void **state)
{
    gyre_task *tasks[2];

    (void)state;
    tasks[0] = waits("A");
    tasks[1] = waits("B");
    trace_settle();
    take();
    gyre_condition_notify(&condition, 1);
    gyre_condition_notify(&condition, 1);
    gyre_condition_release(&condition);
    trace_settle();
    assert_trace("0 A 1\n0 B 1\n");
    drop(2, tasks);
}

/* A cancelled wait has the lock again, and wakes one more, notified or not. */
static void test_cancelled_wait(void **state)
{
    gyre_task *tasks[2];

    (void)state;
    tasks[0] = waits("A");
    tasks[1] = waits("B");
    trace_settle();
    gyre_task_cancel(tasks[0]);
    trace_settle();
    assert_trace("0 A CANCELLED\n0 B 1\n");
    assert_true(gyre_task_cancelled(tasks[0]));
    drop(2, tasks);
}

static void test_cancelled_after_the_notification(void **state)
{
    gyre_task *tasks[3];

    (void)state;
    tasks[0] = waits("A");
    tasks[1] = waits("B");
    tasks[2] = waits("C");
    trace_settle();
    take();
    gyre_condition_notify(&condition, 1);
    gyre_task_cancel(tasks[0]);
    gyre_condition_release(&condition);
    trace_settle();
    assert_trace("0 A CANCELLED\n0 B 1\n");
    gyre_task_cancel(tasks[2]);
    trace_settle();
    assert_trace("0 C CANCELLED\n");
    drop(3, tasks);
}

/* Cancelled again while it waits for the lock: it goes on, and the last message counts. */
static void test_cancelled_while_it_takes_the_lock_again(void **state)
{
    gyre_error *first = gyre_error_new(GYRE_ECANCELLED, "first");
    gyre_error *second = gyre_error_new(GYRE_ECANCELLED, "second");
    gyre_future *watcher;
    gyre_task *tasks[2];

    (void)state;
    tasks[0] = waits("A");
    tasks[1] = waits("B");
    watcher = waiter("watcher", gyre_task_future(tasks[0]));
    trace_settle();
    take();
    gyre_task_cancel_with(tasks[0], first);
    trace_settle();
    assert_trace("");
    gyre_task_cancel_with(tasks[0], second);
    gyre_error_unref(first);
    gyre_error_unref(second);
    trace_settle();
    assert_trace("");
    gyre_condition_release(&condition);
    trace_settle();
    assert_trace("0 A CANCELLED\n0 B 1\n0 watcher got CANCELLED second\n");
    gyre_future_unref(watcher);
    drop(2, tasks);
}

/* Notified, and cancelled while it waits for the lock: the wait counts as cancelled. */
static void test_notified_then_cancelled_at_the_lock(void **state)
{
    gyre_task *tasks[2];

    (void)state;
    tasks[0] = waits("A");
    tasks[1] = waits("B");
    trace_settle();
    take();
    gyre_condition_notify(&condition, 1);
    trace_settle();
    gyre_task_cancel(tasks[0]);
    trace_settle();
    gyre_condition_release(&condition);
    trace_settle();
    assert_trace("0 A CANCELLED\n0 B 1\n");
    drop(2, tasks);
}

/* ---- predicates ---- */

static bool enough(void *arg)
{
    trace("asked %d", stock);
    return stock >= *(const int *)arg;
}

struct waits_for {
    gyre_frame frame;
    const char *name;
    int wanted;
    int64_t rc;
    bool held;
};
GYRE_CORO(waits_for)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_condition_acquire(&condition));
    self->held = true;
    GYRE_AWAIT(self->rc, gyre_condition_wait_for(&condition, enough, &self->wanted));
    trace("%s %s", self->name, result_text(self->rc));
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    GYRE_FINALLY;
    if (self->held)
        gyre_condition_release(&condition);
    GYRE_END;
}

static void test_wait_for(void **state)
{
    gyre_task *tasks[2];

    (void)state;
    tasks[0] = GYRE_SPAWN_ON(trace_loop, waits_for, .name = "A", .wanted = 0);
    assert_int_equal(gyre_loop_run_once(trace_loop, 0), 1);
    assert_true(gyre_task_done(tasks[0])); /* did not suspend */
    assert_trace("0 asked 0\n0 A 1\n");
    tasks[1] = GYRE_SPAWN_ON(trace_loop, waits_for, .name = "B", .wanted = 2);
    trace_settle();
    stock = 1;
    notify(-1);
    trace_settle();
    assert_trace("0 asked 0\n0 asked 1\n");
    stock = 2;
    notify(-1);
    trace_settle();
    assert_trace("0 asked 2\n0 B 1\n");
    drop(2, tasks);
}

static void test_wait_for_cancelled(void **state)
{
    gyre_task *task = GYRE_SPAWN_ON(trace_loop, waits_for, .name = "A", .wanted = 2);

    (void)state;
    trace_settle();
    gyre_task_cancel(task);
    trace_settle();
    assert_trace("0 asked 0\n0 A CANCELLED\n");
    assert_false(gyre_condition_locked(&condition));
    gyre_task_unref(task);
}

/* ---- one lock for two, the end, and shortage ---- */

static void test_shared_lock(void **state)
{
    gyre_lock lock;
    gyre_condition other;

    (void)state;
    gyre_lock_init(&lock);
    gyre_condition_init(&condition, &lock);
    gyre_condition_init(&other, &lock);
    take();
    assert_true(gyre_lock_locked(&lock));
    assert_true(gyre_condition_locked(&other));
    assert_int_equal(gyre_condition_notify_all(&other), 0);
    assert_int_equal(gyre_condition_release(&other), 0);
    assert_false(gyre_lock_locked(&lock));
}

/* -ENOMEM comes before the lock is given up. */
static void test_no_memory(void **state)
{
    gyre_task *task;

    (void)state;
    task = waits("A");
    trace_fail_after(0);
    trace_settle();
    trace_fail_after(SIZE_MAX);
    assert_trace("0 A ENOMEM\n");
    assert_int_equal(gyre_task_result(task), -ENOMEM);
    assert_false(gyre_condition_locked(&condition));
    gyre_task_unref(task);
}

/* All have the lock when they end, although nobody can wait for it any more. */
static void test_close_with_waiters(void **state)
{
    gyre_task *tasks[3];

    (void)state;
    tasks[0] = waits("A");
    tasks[1] = waits("B");
    tasks[2] = GYRE_SPAWN_ON(trace_loop, waits_for, .name = "C", .wanted = 2);
    trace_settle();
    trace_close();
    assert_trace("0 asked 0\n0 A CANCELLED\n0 B CANCELLED\n0 C CANCELLED\n");
    assert_false(gyre_condition_locked(&condition));
    drop(3, tasks);
}

static void test_close_while_the_lock_is_held(void **state)
{
    gyre_task *tasks[2];

    (void)state;
    tasks[0] = waits("A");
    tasks[1] = waits("B");
    trace_settle();
    take();
    trace_close();
    assert_trace("0 A CANCELLED\n0 B CANCELLED\n");
    assert_true(gyre_condition_locked(&condition)); /* by who took it */
    assert_int_equal(gyre_condition_release(&condition), 0);
    assert_int_equal(gyre_condition_release(&condition), GYRE_ENOTHELD);
    drop(2, tasks);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, trace_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_misuse),
        TEST(test_notify_wakes_the_first_ones),
        TEST(test_notified_ones_wait_for_the_lock),
        TEST(test_notify_twice),
        TEST(test_cancelled_wait),
        TEST(test_cancelled_after_the_notification),
        TEST(test_cancelled_while_it_takes_the_lock_again),
        TEST(test_notified_then_cancelled_at_the_lock),
        TEST(test_wait_for),
        TEST(test_wait_for_cancelled),
        TEST(test_shared_lock),
        TEST(test_no_memory),
        TEST(test_close_with_waiters),
        TEST(test_close_while_the_lock_is_held),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
