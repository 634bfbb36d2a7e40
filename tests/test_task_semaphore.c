/* Semaphores: counting, the order of waiters, turns passed on by cancelled ones, bounds, misuse. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/trace.h"
#include "task/inspect.h"
#include "task/semaphore.h"
#include "task/sleep.h"

static gyre_semaphore semaphore;

/* Acquires once; keeps it for some milliseconds, or for good if ms < 0. */
struct user {
    gyre_frame frame;
    const char *name;
    int64_t ms;
    int64_t rc;
    bool held;
};
GYRE_CORO(user)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc, gyre_semaphore_acquire(&semaphore));
    trace("%s %s", self->name, result_text(self->rc));
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    if (self->ms < 0)
        GYRE_RETURN(0);
    self->held = true;
    GYRE_TRY(gyre_sleep(GYRE_MS(self->ms)));
    GYRE_FINALLY;
    if (self->held)
        gyre_semaphore_release(&semaphore);
    GYRE_END;
}

static gyre_task *user(const char *name, int64_t ms)
{
    gyre_task *task = GYRE_SPAWN_ON(trace_loop, user, .name = name, .ms = ms);

    assert_non_null(task);
    return task;
}

static gyre_task *taker(const char *name)
{
    return user(name, -1);
}

static void drop(size_t n, gyre_task *const *tasks)
{
    while (n-- > 0)
        gyre_task_unref(tasks[n]);
}

static void test_misuse(void **state)
{
    (void)state;
    assert_int_equal(gyre_semaphore_init(&semaphore, -1), -EINVAL);
    assert_int_equal(gyre_semaphore_init_bounded(&semaphore, -1), -EINVAL);
    assert_int_equal(gyre_semaphore_init_bounded(&semaphore, 2), 0);
    assert_int_equal(gyre_semaphore_release(&semaphore), GYRE_EOVERRELEASE);
    assert_int_equal(gyre_semaphore_init(&semaphore, 0), 0);
    assert_true(gyre_semaphore_locked(&semaphore));
    assert_int_equal(gyre_semaphore_release(&semaphore), 0); /* one that has no bound may grow */
    assert_int_equal(gyre_semaphore_release(&semaphore), 0);
    assert_false(gyre_semaphore_locked(&semaphore));
    assert_int_equal(semaphore.value, 2);
}

static void test_counts(void **state)
{
    gyre_task *tasks[3];

    (void)state;
    gyre_semaphore_init_bounded(&semaphore, 2);
    tasks[0] = taker("A");
    tasks[1] = taker("B");
    tasks[2] = taker("C");
    assert_int_equal(gyre_loop_run_once(trace_loop, 0), 1);
    assert_trace("0 A 1\n0 B 1\n");
    assert_true(gyre_semaphore_locked(&semaphore));
    assert_int_equal(gyre_semaphore_release(&semaphore), 0);
    trace_settle();
    assert_trace("0 C 1\n");
    assert_int_equal(gyre_semaphore_release(&semaphore), 0);
    assert_int_equal(gyre_semaphore_release(&semaphore), 0);
    assert_int_equal(gyre_semaphore_release(&semaphore), GYRE_EOVERRELEASE);
    drop(3, tasks);
}

/* Five tasks, two at a time. */
static void test_first_come_first_served(void **state)
{
    gyre_task *tasks[5];

    (void)state;
    gyre_semaphore_init(&semaphore, 2);
    tasks[0] = user("A", 3);
    tasks[1] = user("B", 1);
    tasks[2] = user("C", 1);
    tasks[3] = user("D", 5);
    tasks[4] = user("E", 1);
    assert_int_equal(gyre_loop_run_until(trace_loop, gyre_task_future(tasks[3])), 0);
    assert_trace("0 A 1\n0 B 1\n1 C 1\n2 D 1\n3 E 1\n");
    assert_int_equal(semaphore.value, 2);
    drop(5, tasks);
}

/* What was released is counted out to the first at once: the value stays 0, and nobody passes. */
static void test_nobody_passes_a_woken_waiter(void **state)
{
    gyre_task *tasks[3];

    (void)state;
    gyre_semaphore_init(&semaphore, 0);
    tasks[0] = taker("A");
    trace_settle();
    tasks[1] = taker("B"); /* runs before A */
    gyre_semaphore_release(&semaphore);
    assert_int_equal(semaphore.value, 0);
    assert_true(gyre_semaphore_locked(&semaphore));
    tasks[2] = taker("C");
    gyre_semaphore_release(&semaphore); /* A is woken already and B not there: this one stays */
    assert_int_equal(semaphore.value, 1);
    assert_true(gyre_semaphore_locked(&semaphore)); /* for A stands in line */
    trace_settle();
    assert_trace("0 A 1\n0 B 1\n");
    gyre_semaphore_release(&semaphore);
    trace_settle();
    assert_trace("0 C 1\n");
    drop(3, tasks);
}

static void test_cancelled_waiters_do_not_count(void **state)
{
    gyre_task *tasks[2];

    (void)state;
    gyre_semaphore_init(&semaphore, 0);
    tasks[0] = taker("A");
    trace_settle();
    tasks[1] = taker("B"); /* runs before A */
    gyre_task_cancel(tasks[0]);
    gyre_semaphore_release(&semaphore);
    assert_int_equal(semaphore.value, 1);
    assert_false(gyre_semaphore_locked(&semaphore));
    trace_settle();
    assert_trace("0 B 1\n0 A CANCELLED\n");
    drop(2, tasks);
}

/* Woken, then cancelled: its turn goes to the next, or back to the counter. */
static void test_cancelled_after_the_wake(void **state)
{
    gyre_task *tasks[3];

    (void)state;
    gyre_semaphore_init_bounded(&semaphore, 1);
    tasks[0] = taker("A");
    tasks[1] = taker("B");
    tasks[2] = taker("C");
    trace_settle();
    gyre_semaphore_release(&semaphore);
    gyre_task_cancel(tasks[1]);
    trace_settle();
    assert_trace("0 A 1\n0 B CANCELLED\n0 C 1\n");
    assert_int_equal(semaphore.value, 0);
    drop(3, tasks);
    tasks[0] = taker("D");
    trace_settle();
    gyre_semaphore_release(&semaphore);
    gyre_task_cancel(tasks[0]);
    trace_settle();
    assert_trace("0 D CANCELLED\n");
    assert_int_equal(semaphore.value, 1);
    gyre_task_unref(tasks[0]);
}

/* Two were released while the first of three was cancelled: the other two get them. */
static void test_cancelled_waiter_lets_all_through(void **state)
{
    gyre_task *tasks[3];

    (void)state;
    gyre_semaphore_init(&semaphore, 0);
    tasks[0] = taker("A");
    tasks[1] = taker("B");
    tasks[2] = taker("C");
    trace_settle();
    gyre_task_cancel(tasks[0]);
    gyre_semaphore_release(&semaphore);
    gyre_semaphore_release(&semaphore);
    trace_settle();
    assert_trace("0 A CANCELLED\n0 B 1\n0 C 1\n");
    drop(3, tasks);
}

static void test_wrong_loop(void **state)
{
    gyre_loop *other = NULL;
    gyre_task *task, *stranger;

    (void)state;
    gyre_semaphore_init(&semaphore, 0);
    task = taker("A");
    trace_settle();
    assert_int_equal(gyre_loop_new(&(gyre_loop_options){.clock = GYRE_CLOCK_VIRTUAL}, &other), 0);
    stranger = GYRE_SPAWN_ON(other, user, .name = "S");
    assert_int_equal(gyre_loop_run_until(other, gyre_task_future(stranger)), GYRE_EWRONGLOOP);
    gyre_task_unref(stranger);
    assert_int_equal(gyre_loop_close(other), 0);
    gyre_semaphore_release(&semaphore);
    trace_settle();
    assert_trace("0 S WRONGLOOP\n0 A 1\n");
    gyre_task_unref(task);
}

static void test_close_with_waiters(void **state)
{
    gyre_task *tasks[3];
    char text[64];

    (void)state;
    gyre_semaphore_init_bounded(&semaphore, 1);
    tasks[0] = user("A", 100);
    tasks[1] = user("B", 1);
    tasks[2] = user("C", 1);
    trace_settle();
    assert_string_equal(gyre_task_waits_for(tasks[1], text, sizeof(text)), "semaphore");
    trace_close();
    assert_trace("0 A 1\n0 B CANCELLED\n0 C CANCELLED\n");
    assert_int_equal(semaphore.value, 1);
    drop(3, tasks);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, trace_setup, trace_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_misuse),
        TEST(test_counts),
        TEST(test_first_come_first_served),
        TEST(test_nobody_passes_a_woken_waiter),
        TEST(test_cancelled_waiters_do_not_count),
        TEST(test_cancelled_after_the_wake),
        TEST(test_cancelled_waiter_lets_all_through),
        TEST(test_wrong_loop),
        TEST(test_close_with_waiters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
