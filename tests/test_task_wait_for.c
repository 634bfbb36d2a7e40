/*
 * wait_for: every kind of operand, in time, late, cancelled, nested, and with nothing to wait
 * for.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../loop/alloc.h"
#include "../task/factory.h"
#include "../task/inspect.h"
#include "../task/run.h"
#include "../task/sleep.h"
#include "../task/timeout.h"

#define DIRECT   ((gyre_run_options){.loop = {.clock = GYRE_CLOCK_VIRTUAL, .direct_blocks = true}})
#define RUN(...) GYRE_RUN_WITH(DIRECT, __VA_ARGS__)

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

static int started, cleaned;

/* Sleeps, then gives a value; if it is cancelled it does as it is told. */
struct work {
    gyre_frame frame;
    int64_t nap, value;
    int64_t cleanup; /* how long it takes */
    int64_t instead; /* of GYRE_ECANCELLED, if not 0 */
    int64_t rc;
};
GYRE_CORO(work)
{
    GYRE_BEGIN;
    started++;
    GYRE_AWAIT(self->rc, gyre_sleep(self->nap));
    if (self->rc == GYRE_ECANCELLED) {
        if (self->cleanup)
            GYRE_TRY(gyre_sleep(self->cleanup));
        GYRE_RETURN(self->instead ? self->instead : self->rc);
    }
    GYRE_RETURN(self->value);
    GYRE_FINALLY;
    cleaned++;
    GYRE_END;
}

/* Completes without suspending. */
struct quick {
    gyre_frame frame;
    int64_t value;
};
GYRE_CORO(quick)
{
    GYRE_BEGIN;
    GYRE_RETURN(self->value < 0 ? gyre_raise(gyre_error_new(self->value, "quick")) : self->value);
    GYRE_END;
}

static int64_t set_nine(gyre_loop *loop, void *future)
{
    (void)loop;
    gyre_future_set_result(future, 9);
    return 0;
}

struct main_in_time {
    gyre_frame frame;
    gyre_future *future;
    gyre_task *task;
    int64_t rc;
};
GYRE_CORO(main_in_time)
{
    GYRE_BEGIN;
    GYRE_TRY(self->rc, gyre_wait_for(GYRE_CALL(work, .nap = GYRE_MS(2), .value = 4), GYRE_MS(10)));
    assert_int_equal(self->rc, 4);
    self->future = gyre_future_new(gyre_loop_current());
    gyre_call_later(gyre_loop_current(), GYRE_MS(1), set_nine, self->future, NULL);
    GYRE_TRY(self->rc, gyre_wait_for(self->future, GYRE_MS(10)));
    assert_int_equal(self->rc, 9);
    GYRE_TRY(self->rc, gyre_wait_for(self->future, GYRE_MS(10))); /* done: at once */
    assert_int_equal(self->rc, 9);
    self->task = GYRE_SPAWN(work, .nap = GYRE_MS(1), .value = 5);
    GYRE_TRY(self->rc, gyre_wait_for(self->task, GYRE_MS(10)));
    assert_int_equal(self->rc, 5);
    GYRE_TRY(self->rc, gyre_wait_for(gyre_sleep(GYRE_MS(1)), GYRE_MS(10)));
    assert_int_equal(self->rc, 0);
    GYRE_TRY(self->rc, gyre_wait_for(gyre_sleep(GYRE_MS(1)), GYRE_FOREVER));
    assert_int_equal(now_ms(), 6);
    GYRE_TRY(self->rc, gyre_wait_for(GYRE_CALL(quick, .value = 3), GYRE_MS(10)));
    assert_int_equal(self->rc, 3);
    GYRE_AWAIT(self->rc, gyre_wait_for(GYRE_CALL(quick, .value = -EIO), GYRE_MS(10)));
    assert_int_equal(self->rc, -EIO);
    assert_string_equal(gyre_error_text(gyre_error_current()), "quick");
    GYRE_AWAIT(self->rc, gyre_wait_for((gyre_future *)NULL, GYRE_MS(10)));
    assert_int_equal(self->rc, -ENOMEM);
    assert_int_equal(timers(), 0);
    gyre_task_unref(self->task);
    gyre_future_unref(self->future);
    GYRE_END;
}

static void test_in_time(void **state)
{
    (void)state;
    assert_int_equal(RUN(main_in_time), 0);
}

struct main_late {
    gyre_frame frame;
    gyre_future *future;
    gyre_task *task;
    int64_t rc;
};
GYRE_CORO(main_late)
{
    GYRE_BEGIN;
    cleaned = 0;
    GYRE_AWAIT(self->rc, gyre_wait_for(GYRE_CALL(work, .nap = GYRE_MS(20)), GYRE_MS(3)));
    assert_int_equal(self->rc, GYRE_ETIMEOUT);
    assert_null(gyre_error_current());
    assert_int_equal(cleaned, 1);
    assert_int_equal(requests(), 0);
    assert_int_equal(now_ms(), 3);
    self->future = gyre_future_new(gyre_loop_current());
    GYRE_AWAIT(self->rc, gyre_wait_for(self->future, GYRE_MS(3)));
    assert_int_equal(self->rc, GYRE_ETIMEOUT);
    assert_true(gyre_future_cancelled(self->future));
    GYRE_AWAIT(self->rc, gyre_wait_for(self->future, GYRE_MS(3))); /* it was cancelled before */
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    gyre_future_unref(self->future);
    self->task = GYRE_SPAWN(work, .nap = GYRE_MS(20), .cleanup = GYRE_MS(5));
    GYRE_AWAIT(self->rc, gyre_wait_for(self->task, GYRE_MS(3)));
    assert_int_equal(self->rc, GYRE_ETIMEOUT);
    assert_int_equal(now_ms(), 3 + 3 + 3 + 5); /* its cleanup is waited for */
    assert_true(gyre_task_cancelled(self->task));
    gyre_task_unref(self->task);
    /* What the operand makes of its cancellation comes out. */
    GYRE_AWAIT(self->rc,
               gyre_wait_for(GYRE_CALL(work, .nap = GYRE_MS(20), .instead = 6), GYRE_MS(3)));
    assert_int_equal(self->rc, 6);
    GYRE_AWAIT(self->rc,
               gyre_wait_for(GYRE_CALL(work, .nap = GYRE_MS(20), .instead = -EIO), GYRE_MS(3)));
    assert_int_equal(self->rc, -EIO);
    assert_int_equal(requests(), 0);
    /* The same millisecond: the timer of the wait is the older one. */
    GYRE_AWAIT(self->rc, gyre_wait_for(GYRE_CALL(work, .nap = GYRE_MS(3)), GYRE_MS(3)));
    assert_int_equal(self->rc, GYRE_ETIMEOUT);
    assert_int_equal(timers(), 0);
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    GYRE_END;
}

static void test_late(void **state)
{
    (void)state;
    assert_int_equal(RUN(main_late), 0);
}

/* ---- nested ---- */

struct main_nested {
    gyre_frame frame;
    int64_t rc;
    int i;
};
GYRE_CORO(main_nested)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc,
               gyre_wait_for(gyre_wait_for(gyre_sleep(GYRE_MS(20)), GYRE_MS(3)), GYRE_MS(5)));
    assert_int_equal(self->rc, GYRE_ETIMEOUT);
    assert_int_equal(now_ms(), 3);
    GYRE_AWAIT(self->rc,
               gyre_wait_for(gyre_wait_for(gyre_sleep(GYRE_MS(20)), GYRE_MS(5)), GYRE_MS(3)));
    assert_int_equal(self->rc, GYRE_ETIMEOUT);
    assert_int_equal(now_ms(), 6);
    GYRE_AWAIT(self->rc,
               gyre_wait_for(gyre_wait_for(gyre_sleep(GYRE_MS(20)), GYRE_MS(3)), GYRE_MS(3)));
    assert_int_equal(self->rc, GYRE_ETIMEOUT);
    assert_int_equal(now_ms(), 9);
    GYRE_AWAIT(self->rc,
               gyre_wait_for(gyre_wait_for(gyre_sleep(GYRE_MS(1)), GYRE_MS(3)), GYRE_MS(3)));
    assert_int_equal(self->rc, 0);
    /* With nothing to wait for, inside and outside. */
    GYRE_AWAIT(self->rc, gyre_wait_for(gyre_wait_for(gyre_sleep(GYRE_MS(1)), 0), GYRE_MS(3)));
    assert_int_equal(self->rc, GYRE_ETIMEOUT);
    GYRE_AWAIT(self->rc, gyre_wait_for(gyre_wait_for(gyre_sleep(GYRE_MS(1)), GYRE_MS(3)), 0));
    assert_int_equal(self->rc, GYRE_ETIMEOUT);
    GYRE_AWAIT(self->rc, gyre_wait_for(gyre_wait_for(gyre_sleep(GYRE_MS(1)), 0), 0));
    assert_int_equal(self->rc, GYRE_ETIMEOUT);
    started = 0;
    GYRE_AWAIT(self->rc, gyre_wait_for(gyre_wait_for(GYRE_CALL(work, .nap = 1), 0), GYRE_MS(1)));
    assert_int_equal(self->rc, GYRE_ETIMEOUT);
    assert_int_equal(started, 0);
    assert_int_equal(now_ms(), 10);
    assert_int_equal(requests(), 0);
    assert_int_equal(timers(), 0);
    for (self->i = 0; self->i < 1000; self->i++) {
        GYRE_AWAIT(self->rc,
                   gyre_wait_for(gyre_wait_for(gyre_sleep(GYRE_MS(2)), GYRE_MS(1)), GYRE_MS(3)));
        assert_int_equal(self->rc, GYRE_ETIMEOUT);
    }
    GYRE_END;
}

static void test_nested(void **state)
{
    (void)state;
    assert_int_equal(RUN(main_nested), 0);
}

/* ---- cancelled from outside ---- */

struct waits {
    gyre_frame frame;
    gyre_future *future;
    int64_t limit;
    int64_t rc;
};
GYRE_CORO(waits)
{
    GYRE_BEGIN;
    if (self->future)
        GYRE_TRY(self->rc, gyre_wait_for(self->future, self->limit));
    GYRE_TRY(self->rc, gyre_wait_for(GYRE_CALL(work, .nap = GYRE_MS(20), .cleanup = GYRE_MS(1)),
                                     self->limit));
    GYRE_RETURN(self->rc);
    GYRE_END;
}

static int64_t cancel_it(gyre_loop *loop, void *task)
{
    (void)loop;
    return gyre_task_cancel(task);
}

struct main_cancelled {
    gyre_frame frame;
    gyre_task *task;
    gyre_future *future;
    int64_t rc;
};
GYRE_CORO(main_cancelled)
{
    GYRE_BEGIN;
    self->task = GYRE_SPAWN(waits, .limit = GYRE_MS(10));
    GYRE_TRY(gyre_sleep(GYRE_MS(2)));
    gyre_task_cancel(self->task);
    GYRE_AWAIT(self->rc, self->task);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    assert_int_equal(now_ms(), 3);
    assert_int_equal(timers(), 0);
    gyre_task_unref(self->task);
    /* At the same moment as the time-out, which has fired already. */
    self->future = gyre_future_new(gyre_loop_current());
    self->task = GYRE_SPAWN(waits, .future = self->future, .limit = GYRE_MS(10));
    GYRE_TRY(gyre_sleep(0));
    gyre_call_later(gyre_loop_current(), GYRE_MS(10), cancel_it, self->task, NULL);
    GYRE_AWAIT(self->rc, self->task);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    assert_int_equal(gyre_task_cancelling(self->task), 1);
    assert_true(gyre_future_cancelled(self->future));
    gyre_task_unref(self->task);
    gyre_future_unref(self->future);
    /*
     * The future is done when the cancellation comes: it wins too, and the result stays with the
     * future.
     */
    self->future = gyre_future_new(gyre_loop_current());
    self->task = GYRE_SPAWN(waits, .future = self->future, .limit = GYRE_MS(10));
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    gyre_future_set_result(self->future, 1);
    gyre_task_cancel(self->task);
    GYRE_AWAIT(self->rc, self->task);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    assert_int_equal(gyre_future_result(self->future), 1);
    gyre_task_unref(self->task);
    gyre_future_unref(self->future);
    GYRE_END;
}

static void test_cancelled(void **state)
{
    (void)state;
    assert_int_equal(RUN(main_cancelled), 0);
}

/* ---- nothing to wait for ---- */

struct main_zero {
    gyre_frame frame;
    gyre_future *future;
    gyre_task *task;
    int64_t rc;
};
GYRE_CORO(main_zero)
{
    GYRE_BEGIN;
    /* What is done gives its result. */
    self->future = gyre_future_new(gyre_loop_current());
    gyre_future_set_result(self->future, 4);
    GYRE_TRY(self->rc, gyre_wait_for(self->future, 0));
    assert_int_equal(self->rc, 4);
    GYRE_TRY(self->rc, gyre_wait_for(self->future, -GYRE_MS(3)));
    assert_int_equal(self->rc, 4);
    gyre_future_unref(self->future);
    /* A pending future is cancelled. */
    self->future = gyre_future_new(gyre_loop_current());
    GYRE_AWAIT(self->rc, gyre_wait_for(self->future, 0));
    assert_int_equal(self->rc, GYRE_ETIMEOUT);
    assert_true(gyre_future_cancelled(self->future));
    gyre_future_unref(self->future);
    /* A task too, and its end is awaited. */
    self->task = GYRE_SPAWN(work, .nap = GYRE_MS(20), .cleanup = GYRE_MS(2));
    GYRE_TRY(gyre_sleep(0));
    GYRE_AWAIT(self->rc, gyre_wait_for(self->task, 0));
    assert_int_equal(self->rc, GYRE_ETIMEOUT);
    assert_int_equal(now_ms(), 2);
    gyre_task_unref(self->task);
    self->task = GYRE_SPAWN(work, .nap = GYRE_MS(20), .instead = 8);
    GYRE_TRY(gyre_sleep(0));
    GYRE_AWAIT(self->rc, gyre_wait_for(self->task, 0));
    assert_int_equal(self->rc, 8);
    gyre_task_unref(self->task);
    self->task = GYRE_SPAWN(work, .nap = GYRE_MS(20), .instead = -EIO);
    GYRE_TRY(gyre_sleep(0));
    GYRE_AWAIT(self->rc, gyre_wait_for(self->task, 0));
    assert_int_equal(self->rc, -EIO);
    assert_false(gyre_future_unretrieved(gyre_task_future(self->task)));
    gyre_task_unref(self->task);
    /* A call never starts, but its cleanup runs. */
    started = cleaned = 0;
    GYRE_AWAIT(self->rc, gyre_wait_for(GYRE_CALL(work, .nap = 0), 0));
    assert_int_equal(self->rc, GYRE_ETIMEOUT);
    assert_int_equal(started, 0);
    assert_int_equal(cleaned, 1);
    GYRE_AWAIT(self->rc, gyre_wait_for(GYRE_CALL(quick, .value = 3), 0));
    assert_int_equal(self->rc, GYRE_ETIMEOUT);
    /* Others are cancelled unless they complete at once. */
    GYRE_AWAIT(self->rc, gyre_wait_for(gyre_sleep(GYRE_MS(1)), 0));
    assert_int_equal(self->rc, GYRE_ETIMEOUT);
    GYRE_AWAIT(self->rc, gyre_wait_for(gyre_sleep(0), 0));
    assert_int_equal(self->rc, GYRE_ETIMEOUT);
    GYRE_AWAIT(self->rc, gyre_wait_for((gyre_future *)NULL, 0));
    assert_int_equal(self->rc, -ENOMEM);
    assert_int_equal(requests(), 0);
    assert_int_equal(now_ms(), 2);
    assert_int_equal(timers(), 0);
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    GYRE_END;
}

static void test_zero(void **state)
{
    (void)state;
    assert_int_equal(RUN(main_zero), 0);
}

/* With an eager factory the call starts, and may be done. */
struct main_zero_eager {
    gyre_frame frame;
    int64_t rc;
};
GYRE_CORO(main_zero_eager)
{
    GYRE_BEGIN;
    gyre_loop_set_task_factory(gyre_loop_current(), gyre_eager_task_factory, NULL);
    GYRE_AWAIT(self->rc, gyre_wait_for(GYRE_CALL(quick, .value = 3), 0));
    assert_int_equal(self->rc, 3);
    GYRE_AWAIT(self->rc, gyre_wait_for(GYRE_CALL(quick, .value = -EIO), 0));
    assert_int_equal(self->rc, -EIO);
    assert_string_equal(gyre_error_text(gyre_error_current()), "quick");
    started = 0;
    GYRE_AWAIT(self->rc, gyre_wait_for(GYRE_CALL(work, .nap = GYRE_MS(5)), 0));
    assert_int_equal(self->rc, GYRE_ETIMEOUT);
    assert_int_equal(started, 1);
    GYRE_END;
}

static void test_zero_eager(void **state)
{
    (void)state;
    assert_int_equal(RUN(main_zero_eager), 0);
}

/* Cancelled while it waits for the end of what it cancelled: does not wait any longer. */
struct zero_waits {
    gyre_frame frame;
    gyre_task *task;
    gyre_future *future;
    int64_t rc;
};
GYRE_CORO(zero_waits)
{
    GYRE_BEGIN;
    if (self->task)
        GYRE_AWAIT(self->rc, gyre_wait_for(self->task, 0));
    else
        GYRE_AWAIT(self->rc, gyre_wait_for(self->future, 0));
    GYRE_RETURN(self->rc);
    GYRE_END;
}

struct main_zero_cancelled {
    gyre_frame frame;
    gyre_task *slow, *task;
    gyre_future *future;
    int64_t rc;
};
GYRE_CORO(main_zero_cancelled)
{
    GYRE_BEGIN;
    self->slow = GYRE_SPAWN(work, .nap = GYRE_MS(20), .cleanup = GYRE_MS(10));
    GYRE_TRY(gyre_sleep(0));
    self->task = GYRE_SPAWN(zero_waits, .task = self->slow);
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    gyre_task_cancel(self->task);
    GYRE_AWAIT(self->rc, self->task);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    assert_int_equal(now_ms(), 1);
    assert_false(gyre_task_done(self->slow));
    gyre_task_unref(self->task);
    /*
     * Its end, and the end of the wait, in one iteration: the entry in the ready queue outlives
     * the frame.
     */
    self->task = GYRE_SPAWN(zero_waits, .task = self->slow);
    GYRE_TRY(gyre_sleep(0)); /* the task cancels the slow one a second time, in its cleanup */
    gyre_task_cancel(self->task);
    GYRE_AWAIT(self->rc, self->task);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    GYRE_AWAIT(self->rc, self->slow);
    gyre_task_unref(self->task);
    gyre_task_unref(self->slow);
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    GYRE_END;
}

static void test_zero_cancelled(void **state)
{
    (void)state;
    assert_int_equal(RUN(main_zero_cancelled), 0);
}

/* ---- frames ---- */

struct deep {
    gyre_frame frame;
    unsigned depth;
    int64_t rc;
};
GYRE_CORO(deep)
{
    GYRE_BEGIN;
    if (self->depth == 0)
        GYRE_RETURN(gyre_raise(gyre_error_new(GYRE_EUSER(1), "from below")));
    GYRE_TRY(gyre_sleep(0));
    GYRE_TRY(self->rc,
             gyre_wait_for(GYRE_CALL(deep, .depth = self->depth - 1), GYRE_MS(self->depth)));
    GYRE_END;
}

struct stuck {
    gyre_frame frame;
};
GYRE_CORO(stuck)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_wait_for(GYRE_CALL(work, .nap = GYRE_FOREVER), GYRE_SECONDS(9)));
    GYRE_END;
}

struct main_frames {
    gyre_frame frame;
    int64_t rc;
    gyre_task *task;
};
GYRE_CORO(main_frames)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc, GYRE_CALL(deep, .depth = 200));
    assert_int_equal(self->rc, GYRE_EUSER(1));
    assert_string_equal(gyre_error_text(gyre_error_current()), "from below");
    self->task = GYRE_SPAWN(stuck);
    GYRE_TRY(gyre_sleep(0));
    gyre_frame_info frames[3];
    assert_int_equal(gyre_task_backtrace(self->task, frames, 3), 2);
    assert_string_equal(frames[0].function, "work");
    assert_string_equal(frames[1].function, "stuck");
    gyre_task_unref(self->task);
    GYRE_END;
}

static void test_frames(void **state)
{
    (void)state;
    assert_int_equal(RUN(main_frames), 0);
}

/* ---- shortage: the operand is not evaluated, or not cancelled ---- */

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

static int evaluated;

static gyre_await evaluate(void)
{
    evaluated++;
    return gyre_sleep(0);
}

struct main_shortage {
    gyre_frame frame;
    gyre_future *future;
    int64_t rc;
};
GYRE_CORO(main_shortage)
{
    GYRE_BEGIN;
    self->future = gyre_future_new(gyre_loop_current());
    refuse_memory = true;
    GYRE_AWAIT(self->rc, gyre_wait_for(evaluate(), GYRE_MS(5)));
    assert_int_equal(self->rc, -ENOMEM);
    GYRE_AWAIT(self->rc, gyre_wait_for(self->future, 0));
    assert_int_equal(self->rc, -ENOMEM);
    refuse_memory = false;
    assert_int_equal(evaluated, 0);
    assert_false(gyre_future_done(self->future));
    assert_int_equal(timers(), 0);
    gyre_future_unref(self->future);
    GYRE_END;
}

static void test_shortage(void **state)
{
    (void)state;
    gyre_set_allocator(&(gyre_allocator){scarce_alloc, scarce_resize, scarce_release, NULL});
    assert_int_equal(RUN(main_shortage), 0);
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
    (void)state;
    for (unsigned iterations = 0; iterations < 12; iterations++) {
        const gyre_loop_options options = {.clock = GYRE_CLOCK_VIRTUAL, .direct_blocks = true};
        gyre_loop *loop;
        gyre_task *slow;

        assert_int_equal(gyre_loop_new(&options, &loop), 0);
        gyre_loop_set_exception_handler(loop, quiet, NULL);
        slow = GYRE_SPAWN_ON(loop, work, .nap = GYRE_MS(2), .cleanup = GYRE_MS(2));
        gyre_task_unref(GYRE_SPAWN_ON(loop, waits, .limit = GYRE_MS(2)));
        gyre_task_unref(GYRE_SPAWN_ON(loop, waits, .limit = 0));
        gyre_task_unref(GYRE_SPAWN_ON(loop, zero_waits, .task = slow));
        for (unsigned i = 0; i < iterations; i++)
            gyre_loop_run_once(loop, GYRE_FOREVER);
        gyre_task_unref(slow);
        assert_int_equal(gyre_loop_close(loop), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_time),        cmocka_unit_test(test_late),
        cmocka_unit_test(test_nested),         cmocka_unit_test(test_cancelled),
        cmocka_unit_test(test_zero),           cmocka_unit_test(test_zero_eager),
        cmocka_unit_test(test_zero_cancelled), cmocka_unit_test(test_frames),
        cmocka_unit_test(test_shortage),       cmocka_unit_test(test_close_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
