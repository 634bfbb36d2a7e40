/* Handles: order, turns, cancelling, references, and results that are errors. */
#include "support/unit.h"

static int64_t add_more(gyre_loop *loop, void *arg)
{
    unit_trace("%s", (char *)arg);
    gyre_call_soon(loop, unit_trace_callback, "next-turn", NULL);
    return 0;
}

static void run_in_order_turn_by_turn(void **state)
{
    gyre_loop *loop = unit_loop();

    (void)state;
    gyre_call_soon(loop, add_more, "a", NULL);
    gyre_call_soon(loop, unit_trace_callback, "b", NULL);
    gyre_call_soon(loop, add_more, "c", NULL);
    unit_assert_trace("");
    assert_int_equal(gyre_loop_run_once(loop, 0), 1);
    unit_assert_trace("a b c");
    assert_int_equal(gyre_loop_run_once(loop, 0), 1);
    unit_assert_trace("next-turn next-turn");
    assert_int_equal(gyre_loop_run_once(loop, 0), 0);
    gyre_loop_close(loop);
}

static void cancelled_ones_do_not_run(void **state)
{
    gyre_loop *loop = unit_loop();
    gyre_handle *first, *second, *timed;

    (void)state;
    gyre_call_soon(loop, unit_trace_callback, "first", &first);
    gyre_call_soon(loop, unit_trace_callback, "second", &second);
    gyre_call_later(loop, 5, unit_trace_callback, "timed", &timed);
    assert_false(gyre_handle_cancelled(first));
    assert_int_equal(gyre_handle_when(first), 0);
    assert_int_equal(gyre_handle_when(timed), 5);
    gyre_handle_cancel(first);
    gyre_handle_cancel(first);
    gyre_handle_cancel(timed);
    assert_true(gyre_handle_cancelled(first));
    assert_true(gyre_handle_cancelled(timed));
    unit_run_dry(loop);
    unit_assert_trace("second");
    assert_int_equal(gyre_loop_time(loop), 0);
    gyre_handle_cancel(second); /* too late, harmless */
    gyre_handle_unref(first);
    gyre_handle_unref(second);
    gyre_handle_unref(gyre_handle_ref(timed));
    gyre_handle_unref(timed);
    gyre_handle_unref(NULL);
    assert_null(gyre_handle_ref(NULL));
    gyre_loop_close(loop);
}

static gyre_handle *victim;

static int64_t cancel_victim(gyre_loop *loop, void *arg)
{
    (void)loop;
    (void)arg;
    gyre_handle_cancel(victim);
    return 0;
}

/* One callback cancels the next, in the ready queue or among the timers that are due now. */
static void one_cancels_the_next(void **state)
{
    gyre_loop *loop = unit_loop();

    (void)state;
    gyre_call_soon(loop, cancel_victim, NULL, NULL);
    gyre_call_soon(loop, unit_trace_callback, "soon", &victim);
    gyre_loop_run_once(loop, 0);
    gyre_handle_unref(victim);
    gyre_call_at(loop, 7, cancel_victim, NULL, NULL);
    gyre_call_at(loop, 7, unit_trace_callback, "timer", &victim);
    gyre_call_at(loop, 7, unit_trace_callback, "other", NULL);
    gyre_loop_run_once(loop, GYRE_FOREVER);
    gyre_handle_unref(victim);
    unit_run_dry(loop);
    unit_assert_trace("other");
    gyre_loop_close(loop);
}

static int64_t cancel_itself(gyre_loop *loop, void *arg)
{
    (void)loop;
    gyre_handle_cancel(*(gyre_handle **)arg);
    gyre_handle_unref(*(gyre_handle **)arg);
    return 0;
}

static void one_cancels_itself(void **state)
{
    gyre_loop *loop = unit_loop();
    gyre_handle *soon, *timed;

    (void)state;
    gyre_call_soon(loop, cancel_itself, &soon, &soon);
    gyre_call_later(loop, 3, cancel_itself, &timed, &timed);
    unit_run_dry(loop);
    gyre_loop_close(loop);
}

static int64_t fail_with_text(gyre_loop *loop, void *arg)
{
    (void)loop;
    return gyre_raise(gyre_error_new(GYRE_EUSER(4), arg));
}

static int64_t fail_plainly(gyre_loop *loop, void *arg)
{
    (void)loop;
    (void)arg;
    return GYRE_EUSER(4);
}

static void errors_are_reported(void **state)
{
    gyre_loop *loop = unit_loop();

    (void)state;
    unit_record_reports(loop);
    gyre_call_soon(loop, fail_with_text, "broken", NULL);
    gyre_loop_run_once(loop, 0);
    assert_int_equal(unit_reports(), 1);
    assert_int_equal(unit_last_report()->code, GYRE_EUSER(4));
    assert_string_equal(unit_last_report()->text, "broken");
    assert_true(unit_last_report()->has_handle);
    /* The same code again, without a detail: it must not inherit the last one's. */
    gyre_call_soon(loop, fail_plainly, NULL, NULL);
    gyre_loop_run_once(loop, 0);
    assert_int_equal(unit_reports(), 2);
    assert_string_equal(unit_last_report()->text, "");
    gyre_loop_close(loop);
}

static void closing_drops_them(void **state)
{
    gyre_loop *loop = unit_loop();

    (void)state;
    gyre_call_soon(loop, unit_trace_callback, "soon", NULL);
    gyre_call_later(loop, 1, unit_trace_callback, "later", NULL);
    gyre_call_later(loop, GYRE_FOREVER, unit_trace_callback, "never", NULL);
    gyre_call_soon_threadsafe(loop, unit_trace_callback, "posted");
    gyre_loop_close(loop);
    unit_assert_trace("");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run_in_order_turn_by_turn), cmocka_unit_test(cancelled_ones_do_not_run),
        cmocka_unit_test(one_cancels_the_next),      cmocka_unit_test(one_cancels_itself),
        cmocka_unit_test(errors_are_reported),       cmocka_unit_test(closing_drops_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
