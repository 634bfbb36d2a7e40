/* Timers as users see them: order, priorities, deadlines in the past and far away, cancelling. */
#include "support/unit.h"

static void run_in_order_of_deadline(void **state)
{
    gyre_loop *loop = unit_loop();

    (void)state;
    gyre_call_later(loop, GYRE_MS(30), unit_trace_callback, "30", NULL);
    gyre_call_later(loop, GYRE_MS(10), unit_trace_callback, "10", NULL);
    gyre_call_at(loop, 20000000, unit_trace_callback, "20", NULL);
    gyre_call_later(loop, GYRE_MS(10) + 1, unit_trace_callback, "10+1ns", NULL);
    unit_run_dry(loop);
    unit_assert_trace("10 10+1ns 20 30");
    assert_int_equal(gyre_loop_time(loop), 30000000);
    gyre_loop_close(loop);
}

static void equal_deadlines_keep_their_order(void **state)
{
    gyre_loop *loop = unit_loop();
    static char words[40][4];

    (void)state;
    for (int i = 0; i < 40; i++) {
        words[i][0] = (char)('a' + i % 26);
        gyre_call_at(loop, 5, unit_trace_callback, words[i], NULL);
    }
    assert_int_equal(gyre_loop_run_once(loop, GYRE_FOREVER), 1);
    unit_assert_trace(
        "a b c d e f g h i j k l m n o p q r s t u v w x y z a b c d e f g h i j k l m n");
    gyre_loop_close(loop);
}

static void priorities_break_ties(void **state)
{
    gyre_loop *loop = unit_loop();

    (void)state;
    gyre_call_at_priority(loop, 9, 5, unit_trace_callback, "5", NULL);
    gyre_call_at(loop, 9, unit_trace_callback, "0", NULL);
    gyre_call_at_priority(loop, 9, INT16_MIN, unit_trace_callback, "min", NULL);
    gyre_call_at_priority(loop, 9, INT16_MAX, unit_trace_callback, "max", NULL);
    gyre_call_at_priority(loop, 9, 5, unit_trace_callback, "5b", NULL);
    gyre_call_at_priority(loop, 8, INT16_MAX, unit_trace_callback, "8", NULL);
    unit_run_dry(loop);
    unit_assert_trace("8 min 0 5 5b max");
    gyre_loop_close(loop);
}

/* As in CPython: what is overdue runs in this iteration, after all that is ready. */
static void the_past_runs_at_once_after_what_is_ready(void **state)
{
    gyre_loop *loop = unit_loop();

    (void)state;
    gyre_call_later(loop, GYRE_SECONDS(1), unit_trace_callback, "1s", NULL);
    gyre_loop_run_once(loop, GYRE_FOREVER);
    gyre_call_later(loop, 0, unit_trace_callback, "now", NULL);
    gyre_call_at(loop, 5, unit_trace_callback, "long-ago", NULL);
    gyre_call_later(loop, -1, unit_trace_callback, "negative", NULL);
    gyre_call_later(loop, INT64_MIN, unit_trace_callback, "min", NULL);
    gyre_call_soon(loop, unit_trace_callback, "soon", NULL);
    assert_int_equal(gyre_loop_run_once(loop, 0), 1);
    unit_assert_trace("1s soon min long-ago negative now");
    assert_int_equal(gyre_loop_time(loop), 1000000000);
    gyre_loop_close(loop);
}

static void far_deadlines_and_never(void **state)
{
    gyre_loop *loop = unit_loop();
    gyre_handle *never;

    (void)state;
    gyre_call_later(loop, GYRE_SECONDS(86400.0 * 365 * 200), unit_trace_callback, "200y", NULL);
    gyre_call_later(loop, GYRE_SECONDS(3600), unit_trace_callback, "1h", NULL);
    gyre_call_later(loop, GYRE_FOREVER, unit_trace_callback, "never", &never);
    gyre_call_at(loop, UINT64_MAX, unit_trace_callback, "never2", NULL);
    gyre_call_later(loop, INT64_MAX - 1, unit_trace_callback, "nearly-never", NULL);
    for (int i = 0; i < 3; i++)
        gyre_loop_run_once(loop, GYRE_FOREVER);
    unit_assert_trace("1h 200y nearly-never");
    /* Time has come to its end: these cannot be told apart any more, and wait for ever. */
    unit_run_dry(loop);
    unit_assert_trace("");
    gyre_handle_cancel(never);
    gyre_handle_unref(never);
    gyre_loop_close(loop);
}

static void cancelling_frees_at_once(void **state)
{
    gyre_loop *loop = unit_loop();
    gyre_handle *handles[100];
    gyre_loop_stats stats;

    (void)state;
    for (int i = 0; i < 100; i++)
        gyre_call_later(loop, GYRE_MS(i * i), unit_trace_callback, "x", &handles[i]);
    gyre_loop_get_stats(loop, &stats);
    assert_int_equal(stats.timers, 100);
    for (int i = 0; i < 100; i++)
        if (i != 50)
            gyre_handle_cancel(handles[i]);
    gyre_loop_get_stats(loop, &stats);
    assert_int_equal(stats.timers, 1);
    unit_run_dry(loop);
    unit_assert_trace("x");
    assert_int_equal(gyre_loop_time(loop), 2500000000);
    for (int i = 0; i < 100; i++)
        gyre_handle_unref(handles[i]);
    gyre_loop_close(loop);
}

/* A timer set by a timer for the same moment runs in the next iteration. */
static int64_t again(gyre_loop *loop, void *arg)
{
    int *left = arg;

    unit_trace("%d@%llu", *left, (unsigned long long)gyre_loop_time(loop));
    return --*left ? gyre_call_at(loop, 4, again, left, NULL) : 0;
}

static void timers_set_by_timers(void **state)
{
    gyre_loop *loop = unit_loop();
    int left = 3;

    (void)state;
    gyre_call_at(loop, 4, again, &left, NULL);
    assert_int_equal(gyre_loop_run_once(loop, GYRE_FOREVER), 1);
    unit_assert_trace("3@4");
    unit_run_dry(loop);
    unit_assert_trace("2@4 1@4");
    gyre_loop_close(loop);
}

static int64_t stop(gyre_loop *loop, void *arg)
{
    (void)arg;
    gyre_loop_stop(loop);
    return 0;
}

/* The only test that waits: the real clock never runs a timer early. */
static void real_time(void **state)
{
    gyre_loop *loop = unit_loop_with(NULL);
    uint64_t start = gyre_loop_time(loop);

    (void)state;
    gyre_call_later(loop, GYRE_MS(3), stop, NULL, NULL);
    gyre_call_later(loop, GYRE_MS(1), unit_trace_callback, "1", NULL);
    gyre_call_later(loop, GYRE_SECONDS(100), unit_trace_callback, "100", NULL);
    assert_int_equal(gyre_loop_run(loop), 0);
    assert_true(gyre_loop_time(loop) - start >= 3000000);
    unit_assert_trace("1");
    gyre_loop_close(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run_in_order_of_deadline),
        cmocka_unit_test(equal_deadlines_keep_their_order),
        cmocka_unit_test(priorities_break_ties),
        cmocka_unit_test(the_past_runs_at_once_after_what_is_ready),
        cmocka_unit_test(far_deadlines_and_never),
        cmocka_unit_test(cancelling_frees_at_once),
        cmocka_unit_test(timers_set_by_timers),
        cmocka_unit_test(real_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
