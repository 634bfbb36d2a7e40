/* Timeout scopes: expiry, nesting, rescheduling, and whose cancellation it was. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../loop/alloc.h"
#include "../task/run.h"
#include "../task/sleep.h"
#include "../task/timeout.h"

#define RUN(...) GYRE_RUN_WITH(((gyre_run_options){.loop.clock = GYRE_CLOCK_VIRTUAL}), __VA_ARGS__)

static int64_t now_ms(void)
{
    return (int64_t)(gyre_loop_time(gyre_loop_current()) / 1000000);
}

static unsigned requests(void)
{
    return gyre_task_cancelling(gyre_task_current());
}

static size_t timers(void)
{
    gyre_loop_stats stats;

    gyre_loop_get_stats(gyre_loop_current(), &stats);
    return stats.timers;
}

struct main_in_time {
    gyre_frame frame;
    int64_t rc;
    gyre_timeout timeout;
};
GYRE_CORO(main_in_time)
{
    GYRE_BEGIN;
    assert_int_equal(gyre_timeout_enter(&self->timeout, GYRE_MS(10)), 0);
    assert_int_equal(timers(), 1);
    GYRE_AWAIT(self->rc, gyre_sleep(GYRE_MS(5)));
    assert_int_equal(gyre_timeout_exit(&self->timeout, 42), 42);
    assert_int_equal(now_ms(), 5);
    assert_int_equal(timers(), 0);
    assert_false(gyre_timeout_expired(&self->timeout));
    assert_int_equal(gyre_timeout_when(&self->timeout), GYRE_MS(10));
    /* The same struct serves the next scope. */
    assert_int_equal(gyre_timeout_enter(&self->timeout, GYRE_MS(3)), 0);
    GYRE_AWAIT(self->rc, gyre_sleep(GYRE_MS(5)));
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    assert_int_equal(requests(), 1);
    assert_int_equal(gyre_timeout_exit(&self->timeout, self->rc), GYRE_ETIMEOUT);
    assert_int_equal(requests(), 0);
    assert_int_equal(now_ms(), 8);
    assert_true(gyre_timeout_expired(&self->timeout));
    GYRE_TRY(gyre_sleep(GYRE_MS(5)));
    GYRE_END;
}

static void test_in_time_and_late(void **state)
{
    (void)state;
    assert_int_equal(RUN(main_in_time), 0);
}

struct main_zero {
    gyre_frame frame;
    int64_t rc;
    gyre_timeout timeout;
};
GYRE_CORO(main_zero)
{
    GYRE_BEGIN;
    /* Left before its handle runs: nothing happens, then or later. */
    assert_int_equal(gyre_timeout_enter(&self->timeout, 0), 0);
    assert_int_equal(gyre_timeout_exit(&self->timeout, 1), 1);
    GYRE_TRY(gyre_sleep(0));
    assert_int_equal(gyre_timeout_enter(&self->timeout, -GYRE_MS(3)), 0);
    GYRE_AWAIT(self->rc, gyre_sleep(GYRE_MS(1)));
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    assert_int_equal(gyre_timeout_exit(&self->timeout, self->rc), GYRE_ETIMEOUT);
    assert_int_equal(now_ms(), 0);
    /* A bare yield cannot be cancelled, so the request is thrown after it. */
    assert_int_equal(gyre_timeout_enter(&self->timeout, 0), 0);
    GYRE_AWAIT(self->rc, gyre_sleep(0));
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    assert_int_equal(gyre_timeout_exit(&self->timeout, self->rc), GYRE_ETIMEOUT);
    GYRE_TRY(gyre_sleep(GYRE_MS(10)));
    assert_int_equal(gyre_timeout_enter_at(&self->timeout, GYRE_MS(3)), 0);
    GYRE_AWAIT(self->rc, gyre_sleep(GYRE_MS(1)));
    assert_int_equal(gyre_timeout_exit(&self->timeout, self->rc), GYRE_ETIMEOUT);
    assert_int_equal(gyre_timeout_when(&self->timeout), GYRE_MS(3));
    assert_int_equal(now_ms(), 10);
    GYRE_END;
}

static void test_zero_and_past(void **state)
{
    (void)state;
    assert_int_equal(RUN(main_zero), 0);
}

struct main_states {
    gyre_frame frame;
    int64_t rc;
    gyre_timeout timeout;
};
GYRE_CORO(main_states)
{
    GYRE_BEGIN;
    assert_int_equal(gyre_timeout_reschedule(&self->timeout, 0), GYRE_ESTATE);
    assert_int_equal(gyre_timeout_exit(&self->timeout, -EIO), -EIO);
    assert_int_equal(gyre_timeout_enter(&self->timeout, GYRE_MS(1)), 0);
    assert_int_equal(gyre_timeout_enter(&self->timeout, GYRE_MS(1)), GYRE_ESTATE);
    GYRE_AWAIT(self->rc, gyre_sleep(GYRE_MS(5)));
    assert_int_equal(gyre_timeout_reschedule(&self->timeout, GYRE_MS(100)), GYRE_ESTATE);
    assert_int_equal(gyre_timeout_enter(&self->timeout, GYRE_MS(1)), GYRE_ESTATE);
    assert_int_equal(gyre_timeout_exit(&self->timeout, self->rc), GYRE_ETIMEOUT);
    assert_int_equal(gyre_timeout_reschedule(&self->timeout, GYRE_MS(100)), GYRE_ESTATE);
    assert_int_equal(gyre_timeout_exit(&self->timeout, 7), 7);
    assert_int_equal(gyre_timeout_enter(&self->timeout, GYRE_FOREVER), 0);
    assert_int_equal(timers(), 0);
    assert_true(gyre_timeout_when(&self->timeout) == GYRE_NO_DEADLINE);
    assert_int_equal(gyre_timeout_exit(&self->timeout, 7), 7);
    assert_int_equal(gyre_timeout_reschedule(&self->timeout, GYRE_MS(100)), GYRE_ESTATE);
    GYRE_END;
}

static void test_states(void **state)
{
    gyre_timeout timeout = {0};

    (void)state;
    assert_int_equal(gyre_timeout_enter(&timeout, 1), GYRE_ENOTASK);
    assert_int_equal(gyre_timeout_enter_at(&timeout, 1), GYRE_ENOTASK);
    assert_int_equal(RUN(main_states), 0);
}

/* Two scopes, one in the other. */
struct nested {
    gyre_frame frame;
    int64_t outer_limit, inner_limit;
    int64_t inner_rc, outer_rc;
    gyre_timeout outer, inner;
};
GYRE_CORO(nested)
{
    GYRE_BEGIN;
    gyre_timeout_enter(&self->outer, self->outer_limit);
    gyre_timeout_enter(&self->inner, self->inner_limit);
    GYRE_AWAIT(self->inner_rc, gyre_sleep(GYRE_MS(20)));
    self->inner_rc = gyre_timeout_exit(&self->inner, self->inner_rc);
    self->outer_rc = gyre_timeout_exit(&self->outer, self->inner_rc);
    GYRE_RETURN((self->inner_rc == GYRE_ETIMEOUT) + 2 * (self->outer_rc == GYRE_ETIMEOUT) +
                4 * gyre_timeout_expired(&self->inner) + 8 * gyre_timeout_expired(&self->outer));
    GYRE_END;
}

struct main_nested {
    gyre_frame frame;
    int64_t rc;
};
GYRE_CORO(main_nested)
{
    GYRE_BEGIN;
    GYRE_TRY(self->rc, GYRE_CALL(nested, .outer_limit = GYRE_MS(5), .inner_limit = GYRE_MS(3)));
    assert_int_equal(self->rc, 1 + 2 + 4);
    GYRE_TRY(self->rc, GYRE_CALL(nested, .outer_limit = GYRE_MS(3), .inner_limit = GYRE_MS(5)));
    assert_int_equal(self->rc, 2 + 8);
    /* Both at once: for the inner one the outer's request is a foreign one. */
    GYRE_TRY(self->rc, GYRE_CALL(nested, .outer_limit = GYRE_MS(3), .inner_limit = GYRE_MS(3)));
    assert_int_equal(self->rc, 2 + 4 + 8);
    GYRE_TRY(self->rc, GYRE_CALL(nested, .outer_limit = GYRE_FOREVER, .inner_limit = GYRE_MS(3)));
    assert_int_equal(self->rc, 1 + 2 + 4);
    assert_int_equal(requests(), 0);
    assert_int_equal(timers(), 0);
    GYRE_END;
}

static void test_nested(void **state)
{
    (void)state;
    assert_int_equal(RUN(main_nested), 0);
}

/* ---- cancelled from outside ---- */

struct victim {
    gyre_frame frame;
    int64_t limit;
    int64_t rc;
    bool *out_expired;
    gyre_timeout timeout;
};
GYRE_CORO(victim)
{
    GYRE_BEGIN;
    gyre_timeout_enter(&self->timeout, self->limit);
    GYRE_AWAIT(self->rc, gyre_sleep(GYRE_MS(20)));
    self->rc = gyre_timeout_exit(&self->timeout, self->rc);
    *self->out_expired = gyre_timeout_expired(&self->timeout);
    GYRE_RETURN(self->rc);
    GYRE_END;
}

static int64_t cancel_it(gyre_loop *loop, void *task)
{
    (void)loop;
    return gyre_task_cancel(task);
}

struct main_foreign {
    gyre_frame frame;
    gyre_task *task;
    int64_t rc;
    bool expired;
};
GYRE_CORO(main_foreign)
{
    GYRE_BEGIN;
    self->task = GYRE_SPAWN(victim, .limit = GYRE_MS(10), .out_expired = &self->expired);
    GYRE_TRY(gyre_sleep(GYRE_MS(3)));
    gyre_task_cancel(self->task);
    GYRE_AWAIT(self->rc, self->task);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    assert_int_equal(gyre_task_cancelling(self->task), 1);
    assert_false(self->expired);
    gyre_task_unref(self->task);
    /* In the same millisecond, after the timeout: it wins all the same. */
    self->task = GYRE_SPAWN(victim, .limit = GYRE_MS(10), .out_expired = &self->expired);
    GYRE_TRY(gyre_sleep(0));
    gyre_call_later(gyre_loop_current(), GYRE_MS(10), cancel_it, self->task, NULL);
    GYRE_AWAIT(self->rc, self->task);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    assert_int_equal(gyre_task_cancelling(self->task), 1);
    assert_true(self->expired);
    gyre_task_unref(self->task);
    /* ... and before it. */
    self->task = GYRE_SPAWN(victim, .limit = GYRE_MS(10), .out_expired = &self->expired);
    gyre_call_later(gyre_loop_current(), GYRE_MS(10), cancel_it, self->task, NULL);
    GYRE_AWAIT(self->rc, self->task);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    assert_int_equal(gyre_task_cancelling(self->task), 1);
    assert_true(self->expired);
    gyre_task_unref(self->task);
    GYRE_END;
}

static void test_cancelled_from_outside(void **state)
{
    (void)state;
    assert_int_equal(RUN(main_foreign), 0);
}

/* A request that was swallowed earlier does not count as a new one. */
struct swallower {
    gyre_frame frame;
    int64_t rc;
    gyre_timeout timeout;
};
GYRE_CORO(swallower)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc, gyre_sleep(GYRE_MS(10)));
    assert_int_equal(requests(), 1);
    gyre_timeout_enter(&self->timeout, GYRE_MS(3));
    GYRE_AWAIT(self->rc, gyre_sleep(GYRE_MS(10)));
    assert_int_equal(gyre_timeout_exit(&self->timeout, self->rc), GYRE_ETIMEOUT);
    assert_int_equal(requests(), 1);
    GYRE_END;
}

struct main_earlier {
    gyre_frame frame;
    gyre_task *task;
};
GYRE_CORO(main_earlier)
{
    GYRE_BEGIN;
    self->task = GYRE_SPAWN(swallower);
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    gyre_task_cancel(self->task);
    GYRE_TRY(self->task);
    assert_int_equal(now_ms(), 4);
    gyre_task_unref(self->task);
    GYRE_END;
}

static void test_earlier_request(void **state)
{
    (void)state;
    assert_int_equal(RUN(main_earlier), 0);
}

/* ---- other results ---- */

struct main_other_results {
    gyre_frame frame;
    int64_t rc;
    gyre_timeout timeout;
};
GYRE_CORO(main_other_results)
{
    GYRE_BEGIN;
    /* An error in its cleanup comes out as it is, and so does a value. */
    gyre_timeout_enter(&self->timeout, GYRE_MS(3));
    GYRE_AWAIT(self->rc, gyre_sleep(GYRE_MS(10)));
    assert_int_equal(gyre_timeout_exit(&self->timeout, -EIO), -EIO);
    assert_int_equal(requests(), 0);
    gyre_timeout_enter(&self->timeout, GYRE_MS(3));
    GYRE_AWAIT(self->rc, gyre_sleep(GYRE_MS(10)));
    assert_int_equal(gyre_timeout_exit(&self->timeout, 5), 5);
    assert_true(gyre_timeout_expired(&self->timeout));
    assert_int_equal(requests(), 0);
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    GYRE_END;
}

static void test_other_results(void **state)
{
    (void)state;
    assert_int_equal(RUN(main_other_results), 0);
}

/* ---- rescheduling ---- */

struct main_reschedule {
    gyre_frame frame;
    int64_t rc;
    gyre_timeout timeout;
};
GYRE_CORO(main_reschedule)
{
    GYRE_BEGIN;
    gyre_timeout_enter(&self->timeout, GYRE_MS(3));
    assert_int_equal(gyre_timeout_reschedule(&self->timeout, GYRE_MS(8)), 0);
    assert_int_equal(gyre_timeout_when(&self->timeout), GYRE_MS(8));
    assert_int_equal(timers(), 1);
    GYRE_TRY(gyre_sleep(GYRE_MS(5)));
    GYRE_AWAIT(self->rc, gyre_sleep(GYRE_MS(5)));
    assert_int_equal(gyre_timeout_exit(&self->timeout, self->rc), GYRE_ETIMEOUT);
    assert_int_equal(now_ms(), 8);
    /* Never, after one that had passed. */
    gyre_timeout_enter(&self->timeout, 0);
    assert_int_equal(gyre_timeout_reschedule(&self->timeout, GYRE_NO_DEADLINE), 0);
    assert_true(gyre_timeout_when(&self->timeout) == GYRE_NO_DEADLINE);
    GYRE_TRY(gyre_sleep(GYRE_MS(100)));
    /* From never to at once. */
    assert_int_equal(gyre_timeout_reschedule(&self->timeout, GYRE_MS(1)), 0);
    assert_false(gyre_timeout_expired(&self->timeout));
    GYRE_AWAIT(self->rc, gyre_sleep(GYRE_MS(5)));
    assert_true(gyre_timeout_expired(&self->timeout));
    assert_int_equal(gyre_timeout_exit(&self->timeout, self->rc), GYRE_ETIMEOUT);
    assert_int_equal(now_ms(), 108);
    GYRE_END;
}

struct watched {
    gyre_frame frame;
    gyre_timeout *timeout;
    int64_t rc;
};
GYRE_CORO(watched)
{
    GYRE_BEGIN;
    gyre_timeout_enter(self->timeout, GYRE_FOREVER);
    GYRE_AWAIT(self->rc, gyre_sleep(GYRE_FOREVER));
    GYRE_RETURN(gyre_timeout_exit(self->timeout, self->rc));
    GYRE_END;
}

struct main_reschedule_other {
    gyre_frame frame;
    gyre_timeout timeout;
    gyre_task *task;
    int64_t rc;
};
GYRE_CORO(main_reschedule_other)
{
    GYRE_BEGIN;
    self->task = GYRE_SPAWN(watched, .timeout = &self->timeout);
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    assert_int_equal(gyre_timeout_reschedule(&self->timeout, GYRE_MS(7)), 0);
    GYRE_AWAIT(self->rc, self->task);
    assert_int_equal(self->rc, GYRE_ETIMEOUT);
    assert_int_equal(now_ms(), 7);
    gyre_task_unref(self->task);
    GYRE_END;
}

static void test_reschedule(void **state)
{
    (void)state;
    assert_int_equal(RUN(main_reschedule), 0);
    assert_int_equal(RUN(main_reschedule_other), 0);
}

/* ---- around a whole coroutine ---- */

struct whole {
    gyre_frame frame;
    int64_t limit;
    gyre_timeout timeout;
};
GYRE_CORO(whole)
{
    GYRE_BEGIN;
    gyre_timeout_enter(&self->timeout, self->limit);
    GYRE_TRY(gyre_sleep(GYRE_MS(5)));
    GYRE_RETURN(gyre_raise(gyre_error_new(GYRE_EUSER(1), "why")));
    GYRE_FINALLY;
    GYRE_RETURN(gyre_timeout_exit(&self->timeout, self->frame.value));
    GYRE_END;
}

struct main_whole {
    gyre_frame frame;
    int64_t rc;
    gyre_task *task;
};
GYRE_CORO(main_whole)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc, GYRE_CALL(whole, .limit = GYRE_MS(3)));
    assert_int_equal(self->rc, GYRE_ETIMEOUT);
    /* An error that is handed through keeps its detail. */
    GYRE_AWAIT(self->rc, GYRE_CALL(whole, .limit = GYRE_MS(9)));
    assert_int_equal(self->rc, GYRE_EUSER(1));
    assert_string_equal(gyre_error_text(gyre_error_current()), "why");
    /* A task that never started goes there too. */
    self->task = GYRE_SPAWN(whole, .limit = GYRE_MS(3));
    gyre_task_cancel(self->task);
    GYRE_AWAIT(self->rc, self->task);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    gyre_task_unref(self->task);
    GYRE_END;
}

static void test_whole_coroutine(void **state)
{
    (void)state;
    assert_int_equal(RUN(main_whole), 0);
}

/* ---- a scope that is left in the iteration in which it would expire ---- */

static uint64_t hand_clock;

static uint64_t read_hand_clock(void *context)
{
    (void)context;
    return hand_clock;
}

struct waiter {
    gyre_frame frame;
    gyre_future *future;
    int64_t rc;
    gyre_timeout timeout;
};
GYRE_CORO(waiter)
{
    GYRE_BEGIN;
    gyre_timeout_enter(&self->timeout, GYRE_MS(3));
    GYRE_AWAIT(self->rc, self->future);
    GYRE_RETURN(gyre_timeout_exit(&self->timeout, self->rc));
    GYRE_END;
}

struct main_due {
    gyre_frame frame;
    gyre_future *future;
    gyre_task *task;
    int64_t rc;
};
GYRE_CORO(main_due)
{
    GYRE_BEGIN;
    self->future = gyre_future_new(gyre_loop_current());
    self->task = GYRE_SPAWN(waiter, .future = self->future);
    GYRE_TRY(gyre_sleep(0));
    /* The waiter is woken before its timer, which is due in the same iteration; its frame goes. */
    gyre_future_set_result(self->future, 9);
    hand_clock += GYRE_MS(5);
    GYRE_TRY(self->rc, self->task);
    assert_int_equal(self->rc, 9);
    assert_int_equal(gyre_task_cancelling(self->task), 0);
    gyre_task_unref(self->task);
    gyre_future_unref(self->future);
    GYRE_TRY(gyre_sleep(0));
    GYRE_END;
}

static void test_left_while_due(void **state)
{
    const gyre_run_options options = {.loop = {.now = read_hand_clock, .direct_blocks = true}};

    (void)state;
    hand_clock = GYRE_SECONDS(1);
    assert_int_equal(GYRE_RUN_WITH(options, main_due), 0);
}

/* ---- shortage ---- */

static bool refuse_memory;

static void *scarce_alloc(void *context, size_t size)
{
    (void)context;
    return refuse_memory ? NULL : malloc(size);
}

static void *scarce_resize(void *context, void *block, size_t size)
{
    (void)context;
    return refuse_memory ? NULL : realloc(block, size);
}

static void scarce_release(void *context, void *block)
{
    (void)context;
    free(block);
}

struct main_shortage {
    gyre_frame frame;
    gyre_timeout timeout;
    int64_t rc;
};
GYRE_CORO(main_shortage)
{
    GYRE_BEGIN;
    refuse_memory = true;
    assert_int_equal(gyre_timeout_enter(&self->timeout, 0), -ENOMEM);
    assert_int_equal(gyre_timeout_exit(&self->timeout, 3), 3);
    /* A deadline to come needs no memory. */
    assert_int_equal(gyre_timeout_enter(&self->timeout, GYRE_MS(2)), 0);
    assert_int_equal(gyre_timeout_reschedule(&self->timeout, 0), -ENOMEM);
    assert_int_equal(gyre_timeout_reschedule(&self->timeout, GYRE_MS(4)), 0);
    GYRE_AWAIT(self->rc, gyre_sleep(GYRE_MS(9)));
    refuse_memory = false;
    assert_int_equal(gyre_timeout_exit(&self->timeout, self->rc), GYRE_ETIMEOUT);
    assert_int_equal(now_ms(), 4);
    GYRE_END;
}

static void test_shortage(void **state)
{
    const gyre_run_options options = {.loop = {.clock = GYRE_CLOCK_VIRTUAL, .direct_blocks = true}};

    (void)state;
    gyre_set_allocator(&(gyre_allocator){scarce_alloc, scarce_resize, scarce_release, NULL});
    assert_int_equal(GYRE_RUN_WITH(options, main_shortage), 0);
    gyre_set_allocator(NULL);
}

/* ---- closing the loop at any point ---- */

static void quiet(gyre_loop *loop, const gyre_exception_context *context, void *arg)
{
    (void)loop;
    (void)context;
    (void)arg;
}

static void test_close_anywhere(void **state)
{
    bool expired;

    (void)state;
    for (unsigned iterations = 0; iterations < 6; iterations++) {
        gyre_loop *loop;

        assert_int_equal(
            gyre_loop_new(&(gyre_loop_options){.clock = GYRE_CLOCK_VIRTUAL, .direct_blocks = true},
                          &loop),
            0);
        gyre_loop_set_exception_handler(loop, quiet, NULL);
        gyre_task_unref(GYRE_SPAWN_ON(loop, nested, .outer_limit = 0, .inner_limit = GYRE_MS(3)));
        gyre_task_unref(
            GYRE_SPAWN_ON(loop, nested, .outer_limit = GYRE_MS(3), .inner_limit = GYRE_MS(2)));
        gyre_task_unref(GYRE_SPAWN_ON(loop, victim, .limit = GYRE_MS(2), .out_expired = &expired));
        for (unsigned i = 0; i < iterations; i++)
            gyre_loop_run_once(loop, GYRE_FOREVER);
        assert_int_equal(gyre_loop_close(loop), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_time_and_late),
        cmocka_unit_test(test_zero_and_past),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_cancelled_from_outside),
        cmocka_unit_test(test_earlier_request),
        cmocka_unit_test(test_other_results),
        cmocka_unit_test(test_reschedule),
        cmocka_unit_test(test_whole_coroutine),
        cmocka_unit_test(test_left_while_due),
        cmocka_unit_test(test_shortage),
        cmocka_unit_test(test_close_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
