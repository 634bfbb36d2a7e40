/* A loop's life: options, closing, closing twice and inside, what outlives it. */
#include "../future/future.h"
#include "support/unit.h"

static void opens_and_closes(void **state)
{
    unsigned before = unit_descriptors();
    gyre_loop *loop = unit_loop_with(NULL);

    (void)state;
    assert_false(gyre_loop_is_running(loop));
    assert_false(gyre_loop_is_closed(loop));
    assert_null(gyre_loop_current());
    assert_int_equal(gyre_loop_close(loop), 0);
    assert_int_equal(gyre_loop_close(NULL), 0);
    assert_int_equal(unit_descriptors(), before);
}

static void refuses_bad_options(void **state)
{
    gyre_loop *loop = NULL;

    (void)state;
    assert_int_equal(gyre_loop_new(&(gyre_loop_options){.ring_entries = 3}, &loop), -EINVAL);
    assert_non_null(strstr(gyre_loop_error_text(), "power of two"));
    assert_int_equal(gyre_loop_new(&(gyre_loop_options){.ring_entries = 65536}, &loop), -EINVAL);
    assert_null(loop);
}

static void the_largest_ring(void **state)
{
    gyre_loop *loop;
    int64_t rc = gyre_loop_new(&(gyre_loop_options){.ring_entries = 32768}, &loop);

    (void)state;
    if (rc == GYRE_ENORING && strstr(gyre_loop_error_text(), "memory")) {
        print_message("%s\n", gyre_loop_error_text());
        skip();
    }
    assert_int_equal(rc, 0);
    gyre_call_soon(loop, unit_trace_callback, "", NULL);
    assert_int_equal(gyre_loop_run_once(loop, 0), 1);
    gyre_loop_close(loop);
    unit_assert_trace("");
}

static int64_t close_inside(gyre_loop *loop, void *arg)
{
    *(int64_t *)arg = gyre_loop_close(loop);
    return 0;
}

static void cannot_be_closed_while_it_runs(void **state)
{
    gyre_loop *loop = unit_loop();
    int64_t rc = 0;

    (void)state;
    assert_int_equal(gyre_call_soon(loop, close_inside, &rc, NULL), 0);
    assert_int_equal(gyre_loop_run_once(loop, 0), 1);
    assert_int_equal(rc, GYRE_ELOOPRUNNING);
    assert_int_equal(gyre_loop_close(loop), 0);
}

/* What still has a reference keeps the struct; everything on it answers that the loop is closed. */
static void objects_outlive_it(void **state)
{
    gyre_loop *loop = unit_loop();
    gyre_future *future = gyre_future_new(loop);
    gyre_handle *soon, *later;

    (void)state;
    assert_int_equal(gyre_call_soon(loop, unit_trace_callback, "soon", &soon), 0);
    assert_int_equal(gyre_call_later(loop, 5, unit_trace_callback, "later", &later), 0);
    assert_int_equal(gyre_loop_close(loop), 0);
    unit_assert_trace("");
    assert_true(gyre_loop_is_closed(loop));
    assert_int_equal(gyre_loop_close(loop), 0);
    assert_int_equal(gyre_loop_run(loop), GYRE_ELOOPCLOSED);
    assert_int_equal(gyre_loop_run_once(loop, 0), GYRE_ELOOPCLOSED);
    assert_int_equal(gyre_loop_run_until(loop, future), GYRE_ELOOPCLOSED);
    assert_int_equal(gyre_call_soon(loop, unit_trace_callback, "", NULL), GYRE_ELOOPCLOSED);
    assert_int_equal(gyre_call_later(loop, 0, unit_trace_callback, "", NULL), GYRE_ELOOPCLOSED);
    assert_int_equal(gyre_call_soon_threadsafe(loop, unit_trace_callback, ""), GYRE_ELOOPCLOSED);
    assert_int_equal(gyre_loop_add_signal_handler(loop, 10, unit_trace_callback, ""),
                     GYRE_ELOOPCLOSED);
    assert_null(gyre_future_new(loop));
    assert_ptr_equal(gyre_future_loop(future), loop);
    assert_int_equal(gyre_future_cancel(future), 1);
    assert_int_equal(gyre_future_add_done_callback(future, NULL, NULL), GYRE_ELOOPCLOSED);
    gyre_handle_cancel(later);
    gyre_handle_cancel(soon);
    gyre_handle_unref(later);
    gyre_handle_unref(soon);
    gyre_future_unref(future);
}

/*
 * A callback of a running loop makes, uses and closes another one; the outer one goes on as before.
 */
static int64_t use_inner_loop(gyre_loop *outer, void *arg)
{
    gyre_loop *inner = unit_loop();
    gyre_future *future = gyre_future_new(inner);

    (void)arg;
    assert_int_equal(gyre_loop_run_once(inner, 0), GYRE_ELOOPRUNNING);
    assert_ptr_equal(gyre_loop_current(), outer);
    gyre_future_unref(future);
    assert_int_equal(gyre_loop_close(inner), 0);
    assert_ptr_equal(gyre_loop_current(), outer);
    unit_trace("inner");
    return gyre_call_soon(gyre_loop_current(), unit_trace_callback, "outer", NULL);
}

static void another_one_can_be_closed_inside(void **state)
{
    gyre_loop *loop = unit_loop();

    (void)state;
    unit_record_reports(loop);
    assert_int_equal(gyre_call_soon(loop, use_inner_loop, NULL, NULL), 0);
    unit_run_dry(loop);
    unit_assert_trace("inner outer");
    assert_int_equal(unit_reports(), 0);
    gyre_loop_close(loop);
}

static void two_take_turns(void **state)
{
    gyre_loop *one = unit_loop(), *two = unit_loop();

    (void)state;
    for (int i = 0; i < 3; i++) {
        gyre_call_soon(one, unit_trace_callback, "one", NULL);
        gyre_call_soon(two, unit_trace_callback, "two", NULL);
        assert_int_equal(gyre_loop_run_once(two, 0), 1);
        assert_int_equal(gyre_loop_run_once(one, 0), 1);
    }
    unit_assert_trace("two one two one two one");
    gyre_loop_close(one);
    gyre_loop_close(two);
}

static void many_come_and_go(void **state)
{
    unsigned before = unit_descriptors();

    (void)state;
    for (int i = 0; i < 200; i++) {
        gyre_loop *loop = unit_loop_with(&(gyre_loop_options){.ring_entries = 1u << (i % 6)});

        gyre_call_soon(loop, unit_trace_callback, "x", NULL);
        gyre_loop_run_once(loop, i % 2 ? 0 : GYRE_US(1));
        gyre_loop_close(loop);
        unit_assert_trace("x");
    }
    assert_int_equal(unit_descriptors(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_and_closes),   cmocka_unit_test(refuses_bad_options),
        cmocka_unit_test(the_largest_ring),   cmocka_unit_test(cannot_be_closed_while_it_runs),
        cmocka_unit_test(objects_outlive_it), cmocka_unit_test(another_one_can_be_closed_inside),
        cmocka_unit_test(two_take_turns),     cmocka_unit_test(many_come_and_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
