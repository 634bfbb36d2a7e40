/* The ways to run a loop: for ever, once, stopped before, inside and between. */
#include <time.h>

#include "support/unit.h"

static int64_t stop(gyre_loop *loop, void *arg)
{
    unit_trace("%s", (char *)arg);
    assert_true(gyre_loop_is_running(loop));
    assert_ptr_equal(gyre_loop_current(), loop);
    gyre_loop_stop(loop);
    return 0;
}

/* The iteration in which stop() is called is finished, and no other one begins. */
static void stop_lets_the_iteration_finish(void **state)
{
    gyre_loop *loop = unit_loop();

    (void)state;
    gyre_call_soon(loop, stop, "stop", NULL);
    gyre_call_soon(loop, unit_trace_callback, "same", NULL);
    gyre_call_later(loop, 5, unit_trace_callback, "later", NULL);
    assert_int_equal(gyre_loop_run(loop), 0);
    unit_assert_trace("stop same");
    assert_false(gyre_loop_is_running(loop));
    assert_null(gyre_loop_current());
    unit_run_dry(loop);
    unit_assert_trace("later");
    gyre_loop_close(loop);
}

static void stop_before_a_run_makes_it_one_iteration(void **state)
{
    gyre_loop *loop = unit_loop();

    (void)state;
    gyre_call_soon(loop, unit_trace_callback, "first", NULL);
    gyre_loop_stop(loop);
    assert_int_equal(gyre_loop_run(loop), 0);
    unit_assert_trace("first");
    gyre_call_soon(loop, unit_trace_callback, "second", NULL);
    gyre_call_soon(loop, stop, "stop", NULL);
    assert_int_equal(gyre_loop_run(loop), 0);
    unit_assert_trace("second stop");
    gyre_loop_stop_threadsafe(loop);
    assert_int_equal(gyre_loop_run(loop), 0);
    gyre_loop_close(loop);
}

static int64_t nest(gyre_loop *loop, void *arg)
{
    int64_t *rc = arg;

    rc[0] = gyre_loop_run(loop);
    rc[1] = gyre_loop_run_once(loop, 0);
    return 0;
}

static void it_does_not_nest(void **state)
{
    gyre_loop *loop = unit_loop();
    int64_t rc[2] = {0, 0};

    (void)state;
    gyre_call_soon(loop, nest, rc, NULL);
    gyre_loop_run_once(loop, 0);
    assert_int_equal(rc[0], GYRE_ELOOPRUNNING);
    assert_int_equal(rc[1], GYRE_ELOOPRUNNING);
    gyre_loop_close(loop);
}

static uint64_t monotonic(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void once_waits_no_longer_than_told(void **state)
{
    gyre_loop *loop = unit_loop_with(NULL);
    uint64_t start = monotonic(), taken;

    (void)state;
    gyre_call_later(loop, GYRE_SECONDS(100), unit_trace_callback, "", NULL);
    assert_int_equal(gyre_loop_run_once(loop, 0), 0);
    assert_int_equal(gyre_loop_run_once(loop, -5), 0);
    assert_int_equal(gyre_loop_run_once(loop, GYRE_MS(5)), 0);
    taken = monotonic() - start;
    assert_true(taken >= 5000000 && taken < 5000000000);
    gyre_loop_close(loop);
}

static void once_runs_what_is_due(void **state)
{
    gyre_loop *loop = unit_loop_with(NULL);

    (void)state;
    gyre_call_later(loop, GYRE_MS(2), unit_trace_callback, "2ms", NULL);
    assert_int_equal(gyre_loop_run_once(loop, GYRE_SECONDS(10)), 1);
    unit_assert_trace("2ms");
    gyre_call_soon(loop, unit_trace_callback, "soon", NULL);
    assert_int_equal(gyre_loop_run_once(loop, GYRE_FOREVER), 1);
    unit_assert_trace("soon");
    gyre_loop_close(loop);
}

/* Posts and signals before a wait of "for ever" end it, on the virtual clock too. */
static void once_takes_in_what_was_posted(void **state)
{
    gyre_loop *loop = unit_loop();

    (void)state;
    gyre_call_later(loop, 5, unit_trace_callback, "timer", NULL);
    gyre_call_soon_threadsafe(loop, unit_trace_callback, "posted");
    assert_int_equal(gyre_loop_run_once(loop, GYRE_FOREVER), 1);
    unit_assert_trace("posted");
    gyre_loop_close(loop);
}

static int64_t spin(gyre_loop *loop, void *arg)
{
    int *left = arg;

    if (--*left > 0)
        return gyre_call_soon(loop, spin, left, NULL);
    gyre_loop_stop(loop);
    return 0;
}

/* A callback that calls itself again for ever does not keep timers and posts away. */
static void a_busy_loop_starves_nobody(void **state)
{
    gyre_loop *loop = unit_loop_with(NULL);
    int left = 100000;
    gyre_loop_stats stats;

    (void)state;
    gyre_call_soon(loop, spin, &left, NULL);
    gyre_call_later(loop, 1, unit_trace_callback, "timer", NULL);
    gyre_call_soon_threadsafe(loop, unit_trace_callback, "post");
    assert_int_equal(gyre_loop_run(loop), 0);
    unit_assert_trace("post timer");
    gyre_loop_get_stats(loop, &stats);
    assert_int_equal(stats.iterations, 100000);
    assert_true(stats.enters < 1000); /* a busy loop enters the kernel only for something */
    gyre_loop_close(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stop_lets_the_iteration_finish),
        cmocka_unit_test(stop_before_a_run_makes_it_one_iteration),
        cmocka_unit_test(it_does_not_nest),
        cmocka_unit_test(once_waits_no_longer_than_told),
        cmocka_unit_test(once_runs_what_is_due),
        cmocka_unit_test(once_takes_in_what_was_posted),
        cmocka_unit_test(a_busy_loop_starves_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
