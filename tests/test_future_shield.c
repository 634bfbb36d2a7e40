/* gyre_shield(): what passes through it, and what does not. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "future/gather.h"
#include "future/shield.h"
#include "support/trace.h"

static gyre_future *plain(void)
{
    return gyre_future_new(trace_loop);
}

static void drop(gyre_future *a, gyre_future *b)
{
    gyre_future_unref(a);
    gyre_future_unref(b);
}

static void test_done_futures_come_back(void **state)
{
    gyre_future *inner = plain(), *outer;

    (void)state;
    gyre_future_set_result(inner, 1);
    outer = gyre_shield(inner);
    assert_ptr_equal(outer, inner);
    drop(outer, inner);
    assert_null(gyre_shield(NULL));
}

static void test_result_passes(void **state)
{
    gyre_future *inner = job("a", 10, 7), *outer = gyre_shield(inner);

    (void)state;
    assert_ptr_not_equal(outer, inner);
    assert_int_equal(gyre_future_set_result(outer, 1), GYRE_EINVALIDSTATE);
    watch(inner, "inner");
    watch(outer, "outer");
    assert_int_equal(gyre_loop_run_until(trace_loop, outer), 7);
    assert_trace("10 a 7\n10 inner done\n10 outer done\n");
    drop(outer, inner);
}

static void test_error_passes(void **state)
{
    gyre_future *inner = plain(), *outer = gyre_shield(inner);
    gyre_error *detail = gyre_error_new(GYRE_EUSER(2), "why"), *found;
    int64_t code;

    (void)state;
    gyre_future_set_exception(inner, GYRE_EUSER(2), detail);
    trace_settle();
    assert_false(gyre_future_unretrieved(inner));
    assert_true(gyre_future_unretrieved(outer));
    assert_int_equal(gyre_future_exception(outer, &code, &found), 0);
    assert_int_equal(code, GYRE_EUSER(2));
    assert_ptr_equal(found, detail);
    gyre_error_unref(detail);
    drop(outer, inner);
}

static void test_cancelled_inner(void **state)
{
    gyre_future *inner = plain(), *outer = gyre_shield(inner);
    gyre_error *cause = gyre_error_new(GYRE_ECANCELLED, "enough");

    (void)state;
    gyre_future_cancel_with(inner, cause);
    trace_settle();
    assert_true(gyre_future_cancelled(outer));
    assert_int_equal(gyre_future_result(outer), GYRE_ECANCELLED);
    assert_null(gyre_error_current()); /* outer.cancel() says nothing */
    gyre_error_unref(cause);
    drop(outer, inner);
}

/* A cancelled gather is done with GYRE_ECANCELLED as its error: so is its shield. */
static void test_cancelled_gather(void **state)
{
    gyre_future *child = plain(), *inner = gyre_gather(trace_loop, 1, &child, 0);
    gyre_future *outer = gyre_shield(inner);

    (void)state;
    gyre_future_cancel(inner);
    trace_settle();
    assert_int_equal(gyre_future_get_state(outer), GYRE_FUTURE_DONE);
    assert_int_equal(gyre_future_result(outer), GYRE_ECANCELLED);
    drop(outer, inner);
    gyre_future_unref(child);
}

static void test_cancelled_outer(void **state)
{
    gyre_future *inner = job("a", 10, 7), *outer = gyre_shield(inner);
    gyre_future *main = waiter("main", outer);
    gyre_error *cause = gyre_error_new(GYRE_ECANCELLED, "enough");

    (void)state;
    trace_settle();
    assert_int_equal(gyre_future_cancel_with(main, cause), 1);
    assert_true(gyre_future_cancelled(outer));
    assert_int_equal(gyre_future_cancel(outer), 0);
    assert_int_equal(gyre_loop_run_until(trace_loop, inner), 7);
    assert_trace("0 main got CANCELLED enough\n10 a 7\n");
    gyre_error_unref(cause);
    gyre_future_unref(main);
    drop(outer, inner);
}

/* The error stays with the inner future, and is reported if nobody else retrieves it. */
static void test_cancelled_outer_leaves_errors_alone(void **state)
{
    gyre_future *inner = plain(), *outer = gyre_shield(inner);

    (void)state;
    gyre_future_cancel(outer);
    gyre_future_set_exception(inner, GYRE_EUSER(2), NULL);
    trace_settle();
    assert_true(gyre_future_unretrieved(inner));
    drop(outer, inner);
    assert_int_equal(trace_reports(), 1);
}

/* The inner future is done, but its handle has not run when the outer one is cancelled. */
static void test_cancelled_in_between(void **state)
{
    gyre_future *inner = plain(), *outer = gyre_shield(inner);

    (void)state;
    gyre_future_set_exception(inner, GYRE_EUSER(2), NULL);
    assert_int_equal(gyre_future_cancel(outer), 1);
    gyre_future_unref(outer);
    trace_settle();
    assert_true(gyre_future_unretrieved(inner));
    gyre_future_ignore(inner);
    gyre_future_unref(inner);
}

static void test_shield_of_a_shield(void **state)
{
    gyre_future *inner = plain(), *middle = gyre_shield(inner), *outer = gyre_shield(middle);

    (void)state;
    gyre_future_cancel(outer);
    trace_settle();
    assert_false(gyre_future_done(middle));
    gyre_future_set_result(inner, 3);
    trace_settle();
    assert_int_equal(gyre_future_result(middle), 3);
    gyre_future_unref(middle);
    drop(outer, inner);
}

static void test_memory_is_short(void **state)
{
    gyre_future *inner = plain(), *outer = NULL;
    size_t n = 0;

    (void)state;
    for (; !outer; n++) {
        trace_fail_after(n);
        outer = gyre_shield(inner);
    }
    assert_int_equal(n - 1, 2);
    trace_fail_after(0);
    gyre_future_set_result(inner, 1);
    trace_settle();
    assert_int_equal(gyre_future_result(outer), 1);
    drop(outer, inner);
}

static void test_loop_closed(void **state)
{
    gyre_future *inner = plain(), *done = plain(), *outer = gyre_shield(inner);
    gyre_future *shielded = job("a", 10, 1), *shield = gyre_shield(shielded);
    gyre_future *over = gyre_shield(done), *main = waiter("main", shield);

    (void)state;
    gyre_future_unref(gyre_shield(inner)); /* that nobody awaits */
    trace_settle();
    gyre_future_set_result(done, 1);
    trace_close();
    assert_false(gyre_future_done(outer));
    assert_int_equal(gyre_future_result(over), 1);
    assert_true(gyre_future_cancelled(main));
    assert_null(gyre_shield(inner)); /* too late for a new one */
    assert_trace("0 a cancelled\n0 main got CANCELLED\n");
    drop(shield, shielded);
    gyre_future_unref(main);
    drop(over, done);
    drop(outer, inner);
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(test_##name_, trace_setup, trace_teardown)
    const struct CMUnitTest tests[] = {
        TEST(done_futures_come_back),
        TEST(result_passes),
        TEST(error_passes),
        TEST(cancelled_inner),
        TEST(cancelled_gather),
        TEST(cancelled_outer),
        TEST(cancelled_outer_leaves_errors_alone),
        TEST(cancelled_in_between),
        TEST(shield_of_a_shield),
        TEST(memory_is_short),
        TEST(loop_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
