/* Done callbacks: a handle each, in order, added late, removed, failing; and cancelling futures. */
#include "../future/future.h"
#include "support/unit.h"

static int64_t trace_result(gyre_future *future, void *word)
{
    unit_trace("%s=%s", (char *)word,
               gyre_future_cancelled(future) ? "cancelled"
                                             : gyre_err_name(gyre_future_result(future)));
    return 0;
}

static void run_in_order_in_the_next_iteration(void **state)
{
    gyre_loop *loop = unit_loop();
    gyre_future *future = gyre_future_new(loop);

    (void)state;
    gyre_future_add_done_callback(future, trace_result, "a");
    gyre_future_add_done_callback(future, trace_result, "b");
    gyre_call_soon(loop, unit_trace_callback, "before", NULL);
    gyre_future_set_result(future, 1);
    gyre_call_soon(loop, unit_trace_callback, "after", NULL);
    gyre_future_add_done_callback(future, trace_result, "late");
    unit_assert_trace("");
    gyre_loop_run_once(loop, 0);
    unit_assert_trace("before a=OK b=OK after late=OK");
    gyre_future_unref(future);
    gyre_loop_close(loop);
}

static void they_keep_the_future(void **state)
{
    gyre_loop *loop = unit_loop();
    gyre_future *future = gyre_future_new(loop);

    (void)state;
    gyre_future_add_done_callback(future, trace_result, "a");
    gyre_future_set_exception(future, -EIO, NULL);
    gyre_future_unref(future); /* scheduled callbacks have references of their own */
    gyre_loop_run_once(loop, 0);
    unit_assert_trace("a=EIO");
    /* Dropped while pending: the callbacks are never called. */
    future = gyre_future_new(loop);
    gyre_future_add_done_callback(future, trace_result, "never");
    gyre_future_unref(future);
    unit_run_dry(loop);
    unit_assert_trace("");
    gyre_loop_close(loop);
}

static void removing_takes_all_equal_ones(void **state)
{
    gyre_loop *loop = unit_loop();
    gyre_future *future = gyre_future_new(loop);
    static char a[] = "a", b[] = "b";

    (void)state;
    assert_int_equal(gyre_future_remove_done_callback(future, trace_result, a), 0);
    gyre_future_add_done_callback(future, trace_result, a);
    gyre_future_add_done_callback(future, trace_result, b);
    gyre_future_add_done_callback(future, trace_result, a);
    gyre_future_add_done_callback(future, trace_result, b);
    gyre_future_add_done_callback(future, trace_result, a);
    assert_int_equal(gyre_future_remove_done_callback(future, trace_result, a), 3);
    gyre_future_add_done_callback(future, trace_result, a); /* the list is whole */
    assert_int_equal(gyre_future_remove_done_callback(future, trace_result, b), 2);
    assert_int_equal(gyre_future_remove_done_callback(future, trace_result, a), 1);
    gyre_future_add_done_callback(future, trace_result, b);
    gyre_future_add_done_callback(future, trace_result, a);
    gyre_future_set_result(future, 0);
    assert_int_equal(gyre_future_remove_done_callback(future, trace_result, a), 0); /* scheduled */
    gyre_loop_run_once(loop, 0);
    unit_assert_trace("b=OK a=OK");
    gyre_future_unref(future);
    gyre_loop_close(loop);
}

/* Every subset of four, removed in every position: the list of callbacks stays whole. */
static void removing_from_anywhere(void **state)
{
    static char words[4][2] = {"0", "1", "2", "3"};
    gyre_loop *loop = unit_loop();

    (void)state;
    for (unsigned subset = 0; subset < 16; subset++) {
        gyre_future *future = gyre_future_new(loop);
        char expected[64] = "";

        for (unsigned i = 0; i < 4; i++)
            gyre_future_add_done_callback(future, trace_result, words[i]);
        for (unsigned i = 0; i < 4; i++) {
            if (subset >> i & 1)
                gyre_future_remove_done_callback(future, trace_result, words[i]);
            else
                strcat(strcat(expected, words[i]), "=OK ");
        }
        strcat(expected, "end=OK");
        gyre_future_add_done_callback(future, trace_result, "end");
        gyre_future_set_result(future, 0);
        gyre_loop_run_once(loop, 0);
        unit_assert_trace(expected);
        gyre_future_unref(future);
    }
    gyre_loop_close(loop);
}

static int64_t fail_callback(gyre_future *future, void *arg)
{
    (void)future;
    return gyre_raise(gyre_error_new(GYRE_EUSER(8), arg));
}

static void errors_are_reported(void **state)
{
    gyre_loop *loop = unit_loop();
    gyre_future *future = gyre_future_new(loop);

    (void)state;
    unit_record_reports(loop);
    gyre_future_add_done_callback(future, fail_callback, "in callback");
    gyre_future_add_done_callback(future, trace_result, "next");
    gyre_future_set_result(future, 0);
    gyre_loop_run_once(loop, 0);
    unit_assert_trace("next=OK");
    assert_int_equal(unit_reports(), 1);
    assert_int_equal(unit_last_report()->code, GYRE_EUSER(8));
    assert_string_equal(unit_last_report()->text, "in callback");
    gyre_future_unref(future);
    gyre_loop_close(loop);
}

static int64_t chain_callback(gyre_future *future, void *arg)
{
    unit_trace("first");
    gyre_future_add_done_callback(future, trace_result, "added");
    gyre_future_unref(future); /* the test's own */
    (void)arg;
    return 0;
}

static void adding_and_letting_go_inside_one(void **state)
{
    gyre_loop *loop = unit_loop();
    gyre_future *future = gyre_future_new(loop);

    (void)state;
    gyre_future_add_done_callback(future, chain_callback, NULL);
    gyre_future_set_result(future, 0);
    gyre_loop_run_once(loop, 0);
    unit_assert_trace("first");
    gyre_loop_run_once(loop, 0);
    unit_assert_trace("added=OK");
    gyre_loop_close(loop);
}

/* ---- cancelling ---- */

static void cancelling(void **state)
{
    gyre_loop *loop = unit_loop();
    gyre_future *future = gyre_future_new(loop);
    gyre_error *why = gyre_error_new(GYRE_ECANCELLED, "no need");
    int64_t code = 5;

    (void)state;
    gyre_future_add_done_callback(future, trace_result, "a");
    assert_int_equal(gyre_future_cancel_with(future, why), 1);
    gyre_error_unref(why);
    assert_int_equal(gyre_future_cancel(future), 0);
    assert_int_equal(gyre_future_get_state(future), GYRE_FUTURE_CANCELLED);
    assert_true(gyre_future_done(future));
    assert_true(gyre_future_cancelled(future));
    assert_int_equal(gyre_future_set_result(future, 1), GYRE_EINVALIDSTATE);
    assert_int_equal(gyre_future_result(future), GYRE_ECANCELLED);
    assert_string_equal(gyre_error_text(gyre_error_current()), "no need");
    assert_int_equal(gyre_future_exception(future, &code, NULL), GYRE_ECANCELLED);
    assert_int_equal(code, 0);
    unit_run_dry(loop);
    unit_assert_trace("a=cancelled");
    assert_int_equal(gyre_loop_run_until(loop, future), GYRE_ECANCELLED);
    gyre_error_clear();
    gyre_future_unref(future);
    gyre_loop_close(loop);
}

/* ---- closing the loop ---- */

static void closing_drops_them(void **state)
{
    gyre_loop *loop = unit_loop();
    gyre_future *done = gyre_future_new(loop), *pending = gyre_future_new(loop);

    (void)state;
    gyre_future_add_done_callback(done, trace_result, "done");
    gyre_future_add_done_callback(pending, trace_result, "pending");
    gyre_future_set_result(done, 0);
    gyre_loop_close(loop);
    gyre_future_set_result(pending, 3); /* without its loop */
    assert_int_equal(gyre_future_result(pending), 3);
    gyre_future_unref(done);
    gyre_future_unref(pending);
    unit_assert_trace("");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run_in_order_in_the_next_iteration),
        cmocka_unit_test(they_keep_the_future),
        cmocka_unit_test(removing_takes_all_equal_ones),
        cmocka_unit_test(removing_from_anywhere),
        cmocka_unit_test(errors_are_reported),
        cmocka_unit_test(adding_and_letting_go_inside_one),
        cmocka_unit_test(cancelling),
        cmocka_unit_test(closing_drops_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
