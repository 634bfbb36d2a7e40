/*
 * Futures: values, errors, pointers; states in which they cannot be set; errors nobody retrieved.
 */
#include <stdlib.h>

#include "../future/future.h"
#include "support/unit.h"

static void a_value(void **state)
{
    gyre_loop *loop = unit_loop();
    gyre_future *future = gyre_future_new(loop);
    int64_t code = 77;
    gyre_error *detail = (gyre_error *)&code;

    (void)state;
    assert_int_equal(gyre_future_get_state(future), GYRE_FUTURE_PENDING);
    assert_false(gyre_future_done(future));
    assert_int_equal(gyre_future_result(future), GYRE_EINVALIDSTATE);
    assert_int_equal(gyre_future_exception(future, &code, &detail), GYRE_EINVALIDSTATE);
    assert_int_equal(code, 0);
    assert_null(detail);
    assert_int_equal(gyre_future_set_result(future, -1), -EINVAL);
    assert_int_equal(gyre_future_set_result(future, INT64_MAX), 0);
    assert_int_equal(gyre_future_get_state(future), GYRE_FUTURE_DONE);
    assert_true(gyre_future_done(future));
    assert_false(gyre_future_cancelled(future));
    assert_int_equal(gyre_future_result(future), INT64_MAX);
    assert_int_equal(gyre_future_exception(future, &code, NULL), 0);
    assert_int_equal(code, 0);
    assert_null(gyre_future_pointer(future));
    /* Once and for good. */
    assert_int_equal(gyre_future_set_result(future, 2), GYRE_EINVALIDSTATE);
    assert_int_equal(gyre_future_set_exception(future, -EIO, NULL), GYRE_EINVALIDSTATE);
    assert_int_equal(gyre_future_cancel(future), 0);
    assert_int_equal(gyre_future_result(future), INT64_MAX);
    assert_string_equal(gyre_future_file(future) + strlen(gyre_future_file(future)) - 20,
                        "test_future_result.c");
    assert_true(gyre_future_line(future) > 0);
    gyre_future_unref(future);
    gyre_future_unref(NULL);
    assert_null(gyre_future_ref(NULL));
    gyre_loop_close(loop);
}

static void an_error(void **state)
{
    gyre_loop *loop = unit_loop();
    gyre_future *future = gyre_future_new(loop);
    gyre_error *detail = gyre_error_new(GYRE_EUSER(1), "why"), *seen;
    int64_t code;

    (void)state;
    assert_int_equal(gyre_future_set_exception(future, 0, NULL), -EINVAL);
    assert_int_equal(gyre_future_set_exception(future, 5, NULL), -EINVAL);
    assert_int_equal(gyre_future_set_exception(future, GYRE_ECANCELLED, NULL), -EINVAL);
    assert_int_equal(gyre_future_set_exception(future, GYRE_ESTOPITERATION, NULL), -EINVAL);
    assert_int_equal(gyre_future_set_exception(future, GYRE_EUSER(1), detail), 0);
    gyre_error_unref(detail); /* borrowed: the future has its own reference */
    assert_true(gyre_future_unretrieved(future));
    assert_int_equal(gyre_future_exception(future, &code, &seen), 0);
    assert_false(gyre_future_unretrieved(future));
    assert_int_equal(code, GYRE_EUSER(1));
    assert_string_equal(gyre_error_text(seen), "why");
    for (int i = 0; i < 2; i++) { /* again and again */
        gyre_error_clear();
        assert_int_equal(gyre_future_result(future), GYRE_EUSER(1));
        assert_string_equal(gyre_error_text(gyre_error_current()), "why");
    }
    gyre_error_clear();
    gyre_future_unref(future);
    gyre_loop_close(loop);
}

/* An error without a detail must not keep the detail of an earlier one as the current one. */
static void an_error_without_detail_forgets_the_last_one(void **state)
{
    gyre_loop *loop = unit_loop();
    gyre_future *future = gyre_future_new(loop);

    (void)state;
    (void)gyre_raise(gyre_error_new(GYRE_EUSER(1), "old"));
    gyre_future_set_exception(future, GYRE_EUSER(1), NULL);
    assert_int_equal(gyre_future_result(future), GYRE_EUSER(1));
    assert_null(gyre_error_current());
    gyre_future_unref(future);
    gyre_loop_close(loop);
}

static int released;

static void count_release(void *pointer)
{
    free(pointer);
    released++;
}

static void a_pointer(void **state)
{
    gyre_loop *loop = unit_loop();
    gyre_future *future = gyre_future_new(loop);
    char *thing = malloc(10);

    (void)state;
    assert_int_equal(gyre_future_set_pointer(future, -2, thing, count_release), -EINVAL);
    assert_null(gyre_future_pointer(future));
    assert_int_equal(gyre_future_set_pointer(future, 10, thing, count_release), 0);
    assert_ptr_equal(gyre_future_pointer(future), thing);
    assert_int_equal(gyre_future_result(future), 10);
    assert_int_equal(gyre_future_set_pointer(future, 10, NULL, count_release), GYRE_EINVALIDSTATE);
    assert_ptr_equal(gyre_future_pointer(future), thing);
    gyre_future_ref(future);
    gyre_future_unref(future);
    assert_int_equal(released, 0);
    gyre_loop_close(loop);
    assert_ptr_equal(gyre_future_pointer(future), thing);
    gyre_future_unref(future);
    assert_int_equal(released, 1);
}

static void an_error_nobody_retrieved_is_reported(void **state)
{
    gyre_loop *loop = unit_loop();
    gyre_future *future = gyre_future_new(loop);
    unsigned line = __LINE__ - 1;
    gyre_error *detail = gyre_error_new(-EIO, "lost");

    (void)state;
    unit_record_reports(loop);
    gyre_future_set_name(future, "the lost one");
    gyre_future_set_exception(future, -EIO, detail);
    gyre_error_unref(detail);
    assert_int_equal(unit_reports(), 0);
    gyre_future_unref(future);
    assert_int_equal(unit_reports(), 1);
    assert_int_equal(unit_last_report()->code, -EIO);
    assert_string_equal(unit_last_report()->text, "lost");
    assert_string_equal(unit_last_report()->name, "the lost one");
    assert_string_equal(unit_last_report()->message, "error of a future was never retrieved");
    assert_int_equal(unit_last_report()->line, line);
    assert_true(unit_last_report()->has_future);
    gyre_loop_close(loop);
}

static void what_was_retrieved_ignored_or_no_error_is_not(void **state)
{
    gyre_loop *loop = unit_loop();
    gyre_future *futures[4];
    int64_t code;

    (void)state;
    unit_record_reports(loop);
    for (int i = 0; i < 4; i++)
        futures[i] = gyre_future_new(loop);
    for (int i = 0; i < 3; i++)
        gyre_future_set_exception(futures[i], -EIO, NULL);
    gyre_future_cancel(futures[3]);
    gyre_future_result(futures[0]);
    gyre_future_exception(futures[1], &code, NULL);
    gyre_future_ignore(futures[2]);
    for (int i = 0; i < 4; i++)
        gyre_future_unref(futures[i]);
    assert_int_equal(unit_reports(), 0);
    gyre_loop_close(loop);
}

static gyre_future *kept;

static void keep(gyre_loop *loop, const gyre_exception_context *context, void *arg)
{
    (void)loop;
    (void)arg;
    kept = gyre_future_ref(context->future);
}

/* The handler may keep the future that it is told about. */
static void a_handler_keeps_the_future(void **state)
{
    gyre_loop *loop = unit_loop();
    gyre_future *future = gyre_future_new(loop);

    (void)state;
    gyre_loop_set_exception_handler(loop, keep, NULL);
    gyre_future_set_exception(future, -EIO, NULL);
    gyre_future_unref(future);
    assert_ptr_equal(kept, future);
    assert_int_equal(gyre_future_result(kept), -EIO);
    gyre_future_unref(kept);
    gyre_loop_close(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value),
        cmocka_unit_test(an_error),
        cmocka_unit_test(an_error_without_detail_forgets_the_last_one),
        cmocka_unit_test(a_pointer),
        cmocka_unit_test(an_error_nobody_retrieved_is_reported),
        cmocka_unit_test(what_was_retrieved_ignored_or_no_error_is_not),
        cmocka_unit_test(a_handler_keeps_the_future),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
