/* Events: who is woken by setting one, when, and what clearing changes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/trace.h"
#include "task/event.h"
#include "task/inspect.h"
#include "task/sleep.h"

static gyre_event event;

static int setup(void **state)
{
    gyre_event_init(&event);
    return trace_setup(state);
}

struct user {
    gyre_frame frame;
    const char *name;
    int times;
    int64_t rc;
};
GYRE_CORO(user)
{
    GYRE_BEGIN;
    while (self->times-- > 0) {
        GYRE_AWAIT(self->rc, gyre_event_wait(&event));
        trace("%s %s", self->name, result_text(self->rc));
        if (self->rc < 0)
            GYRE_RETURN(self->rc);
    }
    GYRE_END;
}

static gyre_task *user(const char *name, int times)
{
    gyre_task *task = GYRE_SPAWN_ON(trace_loop, user, .name = name, .times = times);

    assert_non_null(task);
    return task;
}

static void drop(size_t n, gyre_task *const *tasks)
{
    while (n-- > 0)
        gyre_task_unref(tasks[n]);
}

static void test_flag(void **state)
{
    (void)state;
    assert_false(gyre_event_is_set(&event));
    gyre_event_clear(&event);
    assert_false(gyre_event_is_set(&event));
    gyre_event_set(&event);
    gyre_event_set(&event);
    assert_true(gyre_event_is_set(&event));
    gyre_event_clear(&event);
    assert_false(gyre_event_is_set(&event));
}

static void test_set_wakes_all_in_order(void **state)
{
    gyre_task *tasks[3];

    (void)state;
    tasks[0] = user("A", 1);
    tasks[1] = user("B", 1);
    tasks[2] = user("C", 1);
    trace_settle();
    assert_trace("");
    gyre_event_set(&event);
    trace_settle();
    assert_trace("0 A 1\n0 B 1\n0 C 1\n");
    drop(3, tasks);
}

/* While it is set, waiting does not suspend: all rounds are one step. */
static void test_set_event_does_not_suspend(void **state)
{
    gyre_task *task = user("A", 3);

    (void)state;
    gyre_event_set(&event);
    assert_int_equal(gyre_loop_run_once(trace_loop, 0), 1);
    assert_true(gyre_task_done(task));
    assert_trace("0 A 1\n0 A 1\n0 A 1\n");
    gyre_task_unref(task);
}

/* Who was woken gets through even if the flag has gone down again; later ones wait. */
static void test_cleared_before_they_run(void **state)
{
    gyre_task *tasks[3];

    (void)state;
    tasks[0] = user("A", 2);
    tasks[1] = user("B", 1);
    trace_settle();
    gyre_event_set(&event);
    gyre_event_clear(&event);
    tasks[2] = user("C", 1);
    trace_settle();
    assert_trace("0 A 1\n0 B 1\n");
    gyre_event_set(&event);
    trace_settle();
    assert_trace("0 A 1\n0 C 1\n");
    drop(3, tasks);
}

static void test_cancelled_waiter(void **state)
{
    gyre_task *tasks[3];

    (void)state;
    tasks[0] = user("A", 1);
    tasks[1] = user("B", 1);
    tasks[2] = user("C", 1);
    trace_settle();
    gyre_task_cancel(tasks[1]);
    gyre_event_set(&event);
    gyre_task_cancel(tasks[2]); /* after it was woken */
    trace_settle();
    assert_trace("0 B CANCELLED\n0 A 1\n0 C CANCELLED\n");
    drop(3, tasks);
}

static int64_t set_later(gyre_loop *loop, void *arg)
{
    (void)loop;
    gyre_event_set(arg);
    return 0;
}

static void test_set_by_a_timer(void **state)
{
    gyre_task *task = user("A", 1);

    (void)state;
    assert_int_equal(gyre_call_later(trace_loop, GYRE_SECONDS(3), set_later, &event, NULL), 0);
    assert_int_equal(gyre_loop_run_until(trace_loop, gyre_task_future(task)), 0);
    assert_trace("3000 A 1\n");
    gyre_task_unref(task);
}

static void test_wrong_loop(void **state)
{
    gyre_loop *other = NULL;
    gyre_task *task = user("A", 1), *stranger;

    (void)state;
    trace_settle();
    assert_int_equal(gyre_loop_new(&(gyre_loop_options){.clock = GYRE_CLOCK_VIRTUAL}, &other), 0);
    stranger = GYRE_SPAWN_ON(other, user, .name = "S", .times = 1);
    assert_int_equal(gyre_loop_run_until(other, gyre_task_future(stranger)), GYRE_EWRONGLOOP);
    gyre_task_unref(stranger);
    assert_int_equal(gyre_loop_close(other), 0);
    gyre_event_set(&event);
    trace_settle();
    assert_trace("0 S WRONGLOOP\n0 A 1\n");
    gyre_task_unref(task);
}

static void test_says_what_it_waits_for(void **state)
{
    gyre_task *task = user("A", 1);
    char text[64];

    (void)state;
    trace_settle();
    assert_string_equal(gyre_task_waits_for(task, text, sizeof(text)), "event");
    gyre_event_set(&event);
    trace_settle();
    assert_trace("0 A 1\n");
    gyre_task_unref(task);
}

static void test_close_with_waiters(void **state)
{
    gyre_task *tasks[2];

    (void)state;
    tasks[0] = user("A", 1);
    tasks[1] = user("B", 1);
    trace_settle();
    trace_close();
    assert_trace("0 A CANCELLED\n0 B CANCELLED\n");
    gyre_event_set(&event); /* nobody is left in it */
    drop(2, tasks);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, trace_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_flag),
        TEST(test_set_wakes_all_in_order),
        TEST(test_set_event_does_not_suspend),
        TEST(test_cleared_before_they_run),
        TEST(test_cancelled_waiter),
        TEST(test_set_by_a_timer),
        TEST(test_wrong_loop),
        TEST(test_says_what_it_waits_for),
        TEST(test_close_with_waiters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
