/* Coroutines under a lock, condition or semaphore: when they start; the release on each way out. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "support/trace.h"
#include "task/inspect.h"
#include "task/scoped.h"
#include "task/sleep.h"
#include "task/timeout.h"

static gyre_lock lock;
static gyre_semaphore semaphore;
static gyre_condition condition;

static int setup(void **state)
{
    gyre_lock_init(&lock);
    gyre_semaphore_init_bounded(&semaphore, 1);
    gyre_condition_init(&condition, NULL);
    return trace_setup(state);
}

enum primitive { LOCK, CONDITION, SEMAPHORE };

static bool is_held(void)
{
    return gyre_lock_locked(&lock) || gyre_condition_locked(&condition) ||
           gyre_semaphore_locked(&semaphore);
}

/* What runs inside. */
struct inside {
    gyre_frame frame;
    const char *name;
    int64_t ms;
    int64_t result;
    int64_t rc;
};
GYRE_CORO(inside)
{
    GYRE_BEGIN;
    trace("%s in%s", self->name, is_held() ? "" : " without holding");
    if (self->ms)
        GYRE_TRY(gyre_sleep(GYRE_MS(self->ms)));
    if (self->result == GYRE_EUSER(1))
        GYRE_RETURN(gyre_raise(gyre_error_new(GYRE_EUSER(1), "of the operand")));
    GYRE_RETURN(self->result);
    GYRE_FINALLY;
    trace("%s out%s", self->name, is_held() ? "" : " without holding");
    GYRE_END;
}

/* Runs that under one of the three. */
struct user {
    gyre_frame frame;
    const char *name;
    enum primitive primitive;
    int64_t ms;
    int64_t result;
    int64_t rc;
};
GYRE_CORO(user)
{
    GYRE_BEGIN;
    if (self->primitive == LOCK)
        GYRE_AWAIT(self->rc, GYRE_WITH_LOCK(&lock, inside, .name = self->name, .ms = self->ms,
                                            .result = self->result));
    else if (self->primitive == CONDITION)
        GYRE_AWAIT(self->rc, GYRE_WITH_CONDITION(&condition, inside, .name = self->name,
                                                 .ms = self->ms, .result = self->result));
    else
        GYRE_AWAIT(self->rc, GYRE_WITH_SEMAPHORE(&semaphore, inside, .name = self->name,
                                                 .ms = self->ms, .result = self->result));
    trace("%s %s%s%s", self->name, result_text(self->rc), self->rc < 0 ? " " : "",
          self->rc < 0 ? gyre_error_text(gyre_error_current()) : "");
    GYRE_RETURN(self->rc == GYRE_ECANCELLED ? self->rc : 0);
    GYRE_END;
}

static gyre_task *user(enum primitive primitive, const char *name, int64_t ms, int64_t result)
{
    gyre_task *task = GYRE_SPAWN_ON(trace_loop, user, .name = name, .primitive = primitive,
                                    .ms = ms, .result = result);

    assert_non_null(task);
    return task;
}

static void run(gyre_task *task)
{
    gyre_loop_run_until(trace_loop, gyre_task_future(task));
    gyre_task_unref(task);
}

/* All that follows holds for each of the three. */
static void each(void (*test)(enum primitive primitive))
{
    for (int primitive = LOCK; primitive <= SEMAPHORE; primitive++) {
        test((enum primitive)primitive);
        assert_false(is_held());
    }
}

static void free_one(enum primitive primitive)
{
    gyre_task *task = user(primitive, "A", 0, 7);

    assert_int_equal(gyre_loop_run_once(trace_loop, 0), 1);
    assert_true(gyre_task_done(task)); /* nothing suspended */
    assert_trace("0 A in\n0 A out\n0 A 7\n");
    gyre_task_unref(task);
}

static void test_free_ones(void **state)
{
    (void)state;
    each(free_one);
}

static void error_one(enum primitive primitive)
{
    run(user(primitive, "A", 0, GYRE_EUSER(1)));
    assert_trace("0 A in\n0 A out\n0 A !1 of the operand\n");
}

static void test_error(void **state)
{
    (void)state;
    each(error_one);
}

static void contended_one(enum primitive primitive)
{
    uint64_t start = gyre_loop_time(trace_loop) / 1000000;
    gyre_task *first = user(primitive, "A", 2, 1), *second = user(primitive, "B", 2, 2);
    char expected[160];

    run(second);
    gyre_task_unref(first);
    snprintf(expected, sizeof(expected), "%d A in\n%d A out\n%d A 1\n%d B in\n%d B out\n%d B 2\n",
             (int)start, (int)start + 2, (int)start + 2, (int)start + 2, (int)start + 4,
             (int)start + 4);
    assert_trace(expected);
}

static void test_contended(void **state)
{
    (void)state;
    each(contended_one);
}

/* Cancelled in line: the coroutine never starts, its FINALLY section neither. */
static void cancelled_in_line(enum primitive primitive)
{
    gyre_task *first = user(primitive, "A", GYRE_FOREVER / GYRE_MS(1), 1);
    gyre_task *second = user(primitive, "B", 0, 2), *third = user(primitive, "C", 0, 3);

    trace_settle();
    assert_trace("0 A in\n");
    gyre_task_cancel(second);
    trace_settle();
    assert_trace("0 B CANCELLED \n");
    assert_true(gyre_task_cancelled(second));
    gyre_task_cancel(first);
    trace_settle();
    assert_trace("0 A out\n0 A CANCELLED \n0 C in\n0 C out\n0 C 3\n");
    gyre_task_unref(first);
    gyre_task_unref(second);
    gyre_task_unref(third);
}

static void test_cancelled_in_line(void **state)
{
    (void)state;
    each(cancelled_in_line);
}

/* Its turn had come, then it was cancelled: the next one gets it. */
static void cancelled_after_the_wake(enum primitive primitive)
{
    gyre_task *first = user(primitive, "A", GYRE_FOREVER / GYRE_MS(1), 1);
    gyre_task *second = user(primitive, "B", 0, 2), *third = user(primitive, "C", 0, 3);

    trace_settle();
    gyre_task_cancel(first);
    assert_int_equal(gyre_loop_run_once(trace_loop, 0), 1);
    gyre_task_cancel(second);
    trace_settle();
    assert_trace("0 A in\n0 A out\n0 A CANCELLED \n0 B CANCELLED \n0 C in\n0 C out\n0 C 3\n");
    gyre_task_unref(first);
    gyre_task_unref(second);
    gyre_task_unref(third);
}

static void test_cancelled_after_the_wake(void **state)
{
    (void)state;
    each(cancelled_after_the_wake);
}

/* ---- what only some can ---- */

struct releases {
    gyre_frame frame;
    bool of_lock;
};
GYRE_CORO(releases)
{
    GYRE_BEGIN;
    if (self->of_lock)
        gyre_lock_release(&lock);
    else
        gyre_semaphore_release(&semaphore);
    GYRE_RETURN(5);
    GYRE_END;
}

struct main_releases {
    gyre_frame frame;
    int64_t rc;
};
GYRE_CORO(main_releases)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc, GYRE_WITH_LOCK(&lock, releases, .of_lock = true));
    assert_int_equal(self->rc, GYRE_ENOTHELD);
    GYRE_AWAIT(self->rc, GYRE_WITH_SEMAPHORE(&semaphore, releases));
    assert_int_equal(self->rc, GYRE_EOVERRELEASE);
    GYRE_END;
}

static void test_operand_that_releases(void **state)
{
    (void)state;
    run(GYRE_SPAWN_ON(trace_loop, main_releases));
}

struct main_nested {
    gyre_frame frame;
    int64_t rc;
};
GYRE_CORO(main_nested)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc, GYRE_WITH_LOCK(&lock, user, .name = "A", .primitive = SEMAPHORE));
    trace("outer %s", result_text(self->rc));
    GYRE_END;
}

static void test_nested(void **state)
{
    (void)state;
    run(GYRE_SPAWN_ON(trace_loop, main_nested));
    assert_trace("0 A in\n0 A out\n0 A 0\n0 outer 0\n");
    assert_false(is_held());
}

/* The condition's own wait, under its lock. */
struct waits {
    gyre_frame frame;
};
GYRE_CORO(waits)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_condition_wait(&condition));
    GYRE_RETURN(9);
    GYRE_END;
}

struct notifies {
    gyre_frame frame;
};
GYRE_CORO(notifies)
{
    GYRE_BEGIN;
    GYRE_RETURN(gyre_condition_notify(&condition, 1));
    GYRE_END;
}

struct main_condition {
    gyre_frame frame;
    bool notifies;
    int64_t rc;
};
GYRE_CORO(main_condition)
{
    GYRE_BEGIN;
    if (self->notifies)
        GYRE_AWAIT(self->rc, GYRE_WITH_CONDITION(&condition, notifies));
    else
        GYRE_AWAIT(self->rc, GYRE_WITH_CONDITION(&condition, waits));
    GYRE_RETURN(self->rc);
    GYRE_END;
}

static void test_condition_waits_inside(void **state)
{
    gyre_task *task = GYRE_SPAWN_ON(trace_loop, main_condition);

    (void)state;
    trace_settle();
    assert_false(is_held());
    run(GYRE_SPAWN_ON(trace_loop, main_condition, .notifies = true));
    trace_settle();
    assert_int_equal(gyre_task_result(task), 9);
    assert_false(is_held());
    gyre_task_unref(task);
}

/* In line and inside, under a timeout; with one of 0, too. */
struct main_timeout {
    gyre_frame frame;
    int64_t rc;
};
GYRE_CORO(main_timeout)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc,
               gyre_wait_for(GYRE_WITH_LOCK(&lock, inside, .name = "A", .ms = 9), GYRE_MS(5)));
    assert_int_equal(self->rc, GYRE_ETIMEOUT);
    assert_false(is_held());
    GYRE_AWAIT(self->rc, gyre_wait_for(GYRE_WITH_LOCK(&lock, inside, .name = "B", .ms = 9), 0));
    assert_int_equal(self->rc, GYRE_ETIMEOUT);
    assert_false(is_held());
    GYRE_TRY(gyre_lock_acquire(&lock));
    GYRE_AWAIT(self->rc, gyre_wait_for(GYRE_WITH_LOCK(&lock, inside, .name = "C"), GYRE_MS(5)));
    assert_int_equal(self->rc, GYRE_ETIMEOUT);
    GYRE_AWAIT(self->rc, gyre_wait_for(GYRE_WITH_LOCK(&lock, inside, .name = "D"), 0));
    assert_int_equal(self->rc, GYRE_ETIMEOUT);
    gyre_lock_release(&lock);
    GYRE_END;
}

static void test_timeouts(void **state)
{
    (void)state;
    run(GYRE_SPAWN_ON(trace_loop, main_timeout));
    assert_trace("0 A in\n5 A out\n5 B in\n5 B out\n");
    assert_false(is_held());
}

/* Shortage is known before anything is held. */
static void test_no_memory(void **state)
{
    (void)state;
    for (int primitive = LOCK; primitive <= SEMAPHORE; primitive++) {
        gyre_task *task = user((enum primitive)primitive, "A", 0, 7);

        trace_fail_after(0);
        trace_settle();
        trace_fail_after(SIZE_MAX);
        assert_trace("0 A ENOMEM \n");
        assert_false(is_held());
        gyre_task_unref(task);
    }
}

/* The library's frame is not in the backtrace; the unstarted coroutine is, without a line. */
static void test_backtrace(void **state)
{
    gyre_task *first = user(LOCK, "A", 10, 1), *second = user(LOCK, "B", 0, 2);
    gyre_frame_info frames[4];

    (void)state;
    trace_settle();
    assert_int_equal(gyre_task_backtrace(first, frames, 4), 2);
    assert_string_equal(frames[0].function, "inside");
    assert_string_equal(frames[1].function, "user");
    assert_int_equal(gyre_task_backtrace(second, frames, 4), 2);
    assert_string_equal(frames[0].function, "inside");
    assert_int_equal(frames[0].line, 0);
    trace_close();
    assert_trace("0 A in\n0 A out\n0 A CANCELLED \n0 B CANCELLED \n");
    assert_false(is_held());
    gyre_task_unref(first);
    gyre_task_unref(second);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, trace_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_free_ones),
        TEST(test_error),
        TEST(test_contended),
        TEST(test_cancelled_in_line),
        TEST(test_cancelled_after_the_wake),
        TEST(test_operand_that_releases),
        TEST(test_nested),
        TEST(test_condition_waits_inside),
        TEST(test_timeouts),
        TEST(test_no_memory),
        TEST(test_backtrace),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
