/* gyre_gather(): results, errors, cancellation both ways, and how long it lives. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "future/gather.h"
#include "support/trace.h"
#include "task/sleep.h"

enum { RETURN = GYRE_GATHER_RETURN_EXCEPTIONS };

static gyre_future *plain(void)
{
    return gyre_future_new(trace_loop);
}

static void drop(size_t n, gyre_future *const *futures)
{
    while (n-- > 0)
        gyre_future_unref(futures[n]);
}

static gyre_error *message(const char *text)
{
    return gyre_error_new(GYRE_ECANCELLED, text);
}

/* ---- results ---- */

static void test_results_in_order_of_arguments(void **state)
{
    gyre_future *children[] = {job("a", 30, 1), job("b", 10, 2), job("c", 20, 3)};
    gyre_future *all = gyre_gather(trace_loop, 3, children, 0);

    (void)state;
    assert_int_equal(gyre_gather_result(all, 0, NULL), GYRE_EINVALIDSTATE);
    assert_int_equal(gyre_loop_run_until(trace_loop, all), 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(gyre_gather_result(all, i, NULL), (int64_t)i + 1);
    assert_int_equal(gyre_gather_result(all, 3, NULL), -EINVAL);
    assert_int_equal(gyre_gather_result(children[0], 0, NULL), -EINVAL);
    assert_trace("10 b 2\n20 c 3\n30 a 1\n");
    gyre_future_unref(all);
    drop(3, children);
}

static void test_nothing_is_done_at_once(void **state)
{
    gyre_future *all = gyre_gather(trace_loop, 0, NULL, 0);

    (void)state;
    assert_true(gyre_future_done(all));
    assert_int_equal(gyre_future_result(all), 0);
    assert_int_equal(gyre_gather_result(all, 0, NULL), -EINVAL);
    gyre_future_unref(all);
}

static void test_done_children_are_taken_in_the_call(void **state)
{
    gyre_future *children[] = {plain(), plain(), plain()};
    gyre_future *all;

    (void)state;
    gyre_future_set_result(children[0], 4);
    gyre_future_set_result(children[1], 5);
    all = gyre_gather(trace_loop, 2, children, 0);
    assert_true(gyre_future_done(all));
    assert_int_equal(gyre_future_result(all), 2);
    gyre_future_unref(all);

    all = gyre_gather(trace_loop, 3, children, 0);
    assert_false(gyre_future_done(all));
    gyre_future_set_result(children[2], 6);
    assert_false(gyre_future_done(all)); /* its handle has not run */
    trace_settle();
    assert_int_equal(gyre_future_result(all), 3);
    assert_int_equal(gyre_gather_result(all, 2, NULL), 6);
    gyre_future_unref(all);
    drop(3, children);
}

static void test_an_error_among_done_children(void **state)
{
    gyre_future *children[] = {plain(), plain(), plain()};
    gyre_future *all;

    (void)state;
    gyre_future_set_result(children[0], 4);
    gyre_future_set_exception(children[1], GYRE_EUSER(7), NULL);
    all = gyre_gather(trace_loop, 3, children, 0);
    assert_int_equal(gyre_future_result(all), GYRE_EUSER(7));
    assert_false(gyre_future_unretrieved(children[1]));
    gyre_future_unref(all); /* lives on until children[2] has ended */
    gyre_future_set_exception(children[2], GYRE_EUSER(8), NULL);
    assert_true(gyre_future_unretrieved(children[2]));
    trace_settle();
    assert_false(gyre_future_unretrieved(children[2]));
    drop(3, children);
}

static void test_duplicates(void **state)
{
    gyre_future *a = plain(), *b = plain();
    gyre_future *children[] = {a, b, a, b, b};
    gyre_future *all;

    (void)state;
    gyre_future_set_result(b, 2);
    all = gyre_gather(trace_loop, 5, children, 0);
    assert_false(gyre_future_done(all));
    gyre_future_set_result(a, 1);
    trace_settle();
    assert_int_equal(gyre_future_result(all), 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(gyre_gather_result(all, i, NULL), children[i] == a ? 1 : 2);
    gyre_future_unref(all);
    all = gyre_gather(trace_loop, 5, children, 0); /* all done, in the call */
    assert_int_equal(gyre_future_result(all), 5);
    gyre_future_unref(all);
    drop(2, children);
}

/* Two gathers of the same futures, entered in turn, do not take each other for duplicates. */
static void test_shared_children(void **state)
{
    gyre_future *children[] = {plain(), plain()};
    gyre_future *first = gyre_gather(trace_loop, 2, children, 0);
    gyre_future *second = gyre_gather(trace_loop, 2, children, 0);

    (void)state;
    watch(first, "first");
    watch(second, "second");
    gyre_future_set_result(children[1], 2);
    gyre_future_set_result(children[0], 1);
    trace_settle();
    assert_trace("0 first done\n0 second done\n");
    gyre_future_unref(first);
    gyre_future_unref(second);
    drop(2, children);
}

/* ---- errors ---- */

static void test_first_error_ends_it_and_the_rest_goes_on(void **state)
{
    gyre_future *children[] = {job("a", 10, 1), job("b", 20, GYRE_EUSER(5)),
                               job("c", 30, GYRE_EUSER(6)), job("d", 40, 4)};
    gyre_future *all = gyre_gather(trace_loop, 4, children, 0);

    (void)state;
    watch(all, "all");
    assert_int_equal(gyre_loop_run_until(trace_loop, all), GYRE_EUSER(5));
    assert_int_equal(gyre_gather_result(all, 0, NULL), 1);
    assert_int_equal(gyre_gather_result(all, 2, NULL), GYRE_EINVALIDSTATE);
    assert_int_equal(gyre_future_cancel(all), 0); /* too late */
    gyre_loop_run_until(trace_loop, children[3]);
    assert_false(gyre_future_unretrieved(children[2]));
    assert_int_equal(gyre_gather_result(all, 2, NULL), GYRE_EUSER(6));
    assert_trace("10 a 1\n20 b !5\n20 all done\n30 c !6\n40 d 4\n");
    gyre_future_unref(all);
    drop(4, children);
}

static void test_detail_follows_the_error(void **state)
{
    gyre_future *child = plain(), *all = gyre_gather(trace_loop, 1, &child, 0), *both;
    gyre_error *detail = gyre_error_new(GYRE_EUSER(3), "why"), *found;
    int64_t code;

    (void)state;
    gyre_future_set_exception(child, GYRE_EUSER(3), detail);
    trace_settle();
    assert_int_equal(gyre_future_exception(all, &code, &found), 0);
    assert_ptr_equal(found, detail);
    both = gyre_gather(trace_loop, 1, &child, RETURN);
    assert_int_equal(gyre_future_result(both), 1);
    assert_int_equal(gyre_gather_result(both, 0, &found), GYRE_EUSER(3));
    assert_ptr_equal(found, detail);
    gyre_error_unref(detail);
    gyre_future_unref(both);
    gyre_future_unref(all);
    gyre_future_unref(child);
}

static void test_return_exceptions(void **state)
{
    gyre_future *children[] = {job("a", 10, GYRE_EUSER(5)), plain(), job("c", 20, 3)};
    gyre_future *all = gyre_gather(trace_loop, 3, children, RETURN);
    gyre_error *cause = message("enough"), *detail;

    (void)state;
    gyre_future_cancel_with(children[1], cause);
    trace_settle();
    gyre_loop_run_until(trace_loop, children[0]);
    assert_int_equal(gyre_loop_run_until(trace_loop, all), 3);
    assert_int_equal(gyre_gather_result(all, 0, &detail), GYRE_EUSER(5));
    assert_null(detail);
    assert_int_equal(gyre_gather_result(all, 1, &detail), GYRE_ECANCELLED);
    assert_ptr_equal(detail, cause);
    assert_int_equal(gyre_gather_result(all, 2, NULL), 3);
    gyre_error_unref(cause);
    gyre_future_unref(all);
    drop(3, children);
    assert_trace("10 a !5\n20 c 3\n");
}

/* As a list of results is made only at the end, the errors are looked at only then. */
static void test_return_exceptions_retrieves_at_the_end(void **state)
{
    gyre_future *children[] = {plain(), plain()};
    gyre_future *all = gyre_gather(trace_loop, 2, children, RETURN);

    (void)state;
    gyre_future_set_exception(children[0], GYRE_EUSER(1), NULL);
    trace_settle();
    assert_true(gyre_future_unretrieved(children[0]));
    gyre_future_set_result(children[1], 0);
    trace_settle();
    assert_false(gyre_future_unretrieved(children[0]));
    gyre_future_unref(all);
    drop(2, children);
}

static void test_nobody_retrieves_the_gathers_error(void **state)
{
    gyre_future *child = plain();

    (void)state;
    gyre_future_unref(gyre_gather(trace_loop, 1, &child, 0)); /* lives on all the same */
    gyre_future_set_exception(child, GYRE_EUSER(1), NULL);
    gyre_future_unref(child);
    trace_settle();
    assert_int_equal(trace_reports(), 1);
    assert_trace("0 reported !1\n");
}

static void test_refused(void **state)
{
    gyre_future *child = plain(), *done = plain(), *all;
    gyre_future *children[] = {child, done, child, NULL};
    const gyre_loop_options options = {.clock = GYRE_CLOCK_VIRTUAL};
    gyre_loop *other;

    (void)state;
    gyre_future_set_result(done, 1);
    assert_null(gyre_gather(trace_loop, 4, children, 0));
    assert_null(gyre_gather(trace_loop, SIZE_MAX / 16, children, 0));

    assert_int_equal(gyre_loop_new(&options, &other), 0);
    children[3] = gyre_future_new(other);
    all = gyre_gather(trace_loop, 4, children, 0);
    assert_int_equal(gyre_future_result(all), GYRE_EWRONGLOOP);
    assert_int_equal(gyre_gather_result(all, 0, NULL), -EINVAL);
    gyre_future_unref(all);
    gyre_future_unref(children[3]);
    gyre_loop_close(other);

    all = gyre_gather(trace_loop, 3, children, 0); /* nothing was left behind */
    assert_int_equal(gyre_future_set_result(all, 1), GYRE_EINVALIDSTATE);
    gyre_future_set_result(child, 2);
    trace_settle();
    assert_int_equal(gyre_future_result(all), 3);
    gyre_future_unref(all);
    drop(2, children);
}

static void test_memory_is_short(void **state)
{
    gyre_future *children[] = {plain(), plain()};
    gyre_future *all = NULL;
    size_t n = 0;

    (void)state;
    for (; !all; n++) {
        trace_fail_after(n);
        all = gyre_gather(trace_loop, 2, children, 0);
    }
    assert_int_equal(n - 1, 2); /* the future and one block of entries */
    trace_fail_after(0);        /* ending and cancelling need none */
    gyre_future_set_result(children[0], 1);
    trace_settle();
    assert_int_equal(gyre_future_cancel(all), 1);
    trace_settle();
    assert_int_equal(gyre_future_result(all), GYRE_ECANCELLED);
    gyre_future_unref(all);
    drop(2, children);
}

/* ---- references ---- */

static void test_moved(void **state)
{
    gyre_future *children[] = {job("a", 10, 1), job("b", 20, GYRE_EUSER(2)), NULL};
    gyre_future *all;

    (void)state;
    children[2] = gyre_future_ref(children[0]);
    all = gyre_gather(trace_loop, 3, children, GYRE_GATHER_MOVE | RETURN);
    assert_int_equal(gyre_loop_run_until(trace_loop, all), 3);
    assert_int_equal(gyre_gather_result(all, 0, NULL), 1);
    assert_int_equal(gyre_gather_result(all, 1, NULL), GYRE_EUSER(2));
    assert_int_equal(gyre_gather_result(all, 2, NULL), 1);
    assert_trace("10 a 1\n20 b !2\n");
    gyre_future_unref(all);
}

static void test_moved_even_if_it_fails(void **state)
{
    gyre_future *kept = plain(), *children[3];

    (void)state;
    for (size_t n = 0; n < 2; n++) {
        children[0] = gyre_future_ref(kept);
        children[1] = plain();
        children[2] = gyre_future_ref(children[1]);
        trace_fail_after(n);
        assert_null(gyre_gather(trace_loop, 3, children, GYRE_GATHER_MOVE));
        trace_fail_after(SIZE_MAX);
    }
    children[0] = plain();
    children[1] = NULL;
    children[2] = gyre_future_ref(kept);
    assert_null(gyre_gather(trace_loop, 3, children, GYRE_GATHER_MOVE));
    gyre_future_unref(kept);
}

/* More children than fit one block: other memory, and values that outlive their futures. */
static void test_many(void **state)
{
    enum { MANY = 1000 };
    gyre_future *children[MANY], *all;

    (void)state;
    for (int i = 0; i < MANY; i++)
        children[i] = plain();
    for (size_t n = 0; n < 3; n++) {
        trace_fail_after(n);
        all = gyre_gather(trace_loop, MANY, children, 0);
        assert_null(all);
    }
    trace_fail_after(SIZE_MAX);
    all = gyre_gather(trace_loop, MANY, children, 0);
    for (int i = MANY; i-- > 0;) {
        gyre_future_set_result(children[i], i);
        gyre_future_unref(children[i]);
    }
    assert_int_equal(gyre_loop_run_until(trace_loop, all), MANY);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(gyre_gather_result(all, i, NULL), i);
    assert_int_equal(gyre_future_cancel(all), 0);
    gyre_future_unref(all);
}

/* ---- cancellation ---- */

static void test_cancelled_child_is_an_error(void **state)
{
    gyre_future *children[] = {job("a", 10, 1), job("b", 20, 2)};
    gyre_future *all = gyre_gather(trace_loop, 2, children, 0);
    gyre_future *main = waiter("main", all);
    gyre_error *cause = message("enough");

    (void)state;
    trace_settle();
    gyre_future_cancel_with(children[0], cause);
    assert_int_equal(gyre_loop_run_until(trace_loop, main), GYRE_ECANCELLED);
    assert_true(gyre_future_cancelled(main));
    assert_int_equal(gyre_future_get_state(all), GYRE_FUTURE_DONE);
    assert_int_equal(gyre_loop_run_until(trace_loop, children[1]), 2);
    assert_trace("0 a cancelled enough\n0 main got CANCELLED enough\n20 b 2\n");
    gyre_error_unref(cause);
    gyre_future_unref(main);
    gyre_future_unref(all);
    drop(2, children);
}

static void cancelled_gather(unsigned flags)
{
    gyre_future *children[] = {job("a", 10, 1), stubborn_job("b", 20, 2), plain()};
    gyre_future *all = gyre_gather(trace_loop, 3, children, flags);
    gyre_future *main = waiter("main", all);
    gyre_error *cause = message("enough");

    watch(all, "all");
    trace_settle();
    gyre_future_set_result(children[2], 0);
    trace_settle();
    assert_int_equal(gyre_future_cancel_with(all, cause), 1);
    assert_false(gyre_future_done(all));
    assert_int_equal(gyre_loop_run_until(trace_loop, main), GYRE_ECANCELLED);
    assert_int_equal(gyre_future_get_state(all), GYRE_FUTURE_DONE);
    assert_int_equal(gyre_loop_run_until(trace_loop, children[1]), 2);
    gyre_error_unref(cause);
    gyre_future_unref(main);
    gyre_future_unref(all);
    drop(3, children);
}

static void test_cancelled_gather(void **state)
{
    (void)state;
    cancelled_gather(0); /* a's end is an error like others: nobody waits for b */
    assert_trace("0 a cancelled enough\n"
                 "0 b cancelled enough\n"
                 "0 all done\n"
                 "0 main got CANCELLED enough\n"
                 "20 b 2\n");
}

static void test_cancelled_gather_that_returns_exceptions(void **state)
{
    (void)state;
    cancelled_gather(RETURN); /* the message would be that of the last argument, which has none */
    assert_trace("0 a cancelled enough\n"
                 "0 b cancelled enough\n"
                 "20 b 2\n"
                 "20 all done\n"
                 "20 main got CANCELLED\n");
}

static void test_cancelled_gather_has_the_message_of_the_last(void **state)
{
    gyre_future *children[] = {plain(), plain()};
    gyre_future *all = gyre_gather(trace_loop, 2, children, RETURN);
    gyre_error *cause = message("enough"), *detail;
    int64_t code;

    (void)state;
    gyre_future_cancel_with(all, cause);
    assert_int_equal(gyre_future_cancel(all), 0); /* all children are done, their handles wait */
    trace_settle();
    assert_int_equal(gyre_future_exception(all, &code, &detail), 0);
    assert_int_equal(code, GYRE_ECANCELLED);
    assert_ptr_equal(detail, cause);
    gyre_error_unref(cause);
    gyre_future_unref(all);
    drop(2, children);
}

/* Cancels itself with a message, ignores that, and gives the result. */
struct self_cancelling {
    gyre_frame frame;
    int64_t result;
    int64_t rc;
};
GYRE_CORO(self_cancelling)
{
    GYRE_BEGIN;
    {
        gyre_error *cause = message("an old request");

        gyre_task_cancel_with(gyre_task_current(), cause);
        gyre_task_cancel_with(gyre_task_current(), cause);
        gyre_error_unref(cause);
    }
    GYRE_AWAIT(self->rc, gyre_sleep(0));
    GYRE_RETURN(self->result);
    GYRE_END;
}

/* CPython's gather() asks the last child for its message even if that was not cancelled. */
static void last_child_had_a_request(int64_t result)
{
    gyre_future *children[2] = {plain(), NULL}, *all;
    gyre_error *detail;
    int64_t code;

    children[1] = gyre_task_future(GYRE_SPAWN_ON(trace_loop, self_cancelling, .result = result));
    all = gyre_gather(trace_loop, 2, children, RETURN);
    trace_settle();
    assert_int_equal(gyre_future_cancel(all), 1);
    trace_settle();
    assert_int_equal(gyre_gather_result(all, 1, &detail), result);
    assert_null(detail);
    assert_int_equal(gyre_future_exception(all, &code, &detail), 0);
    assert_int_equal(code, GYRE_ECANCELLED);
    assert_string_equal(gyre_error_text(detail), "an old request");
    assert_int_equal(gyre_future_result(children[1]), result);
    assert_null(gyre_error_current());
    gyre_future_unref(all);
    drop(2, children);
}

static void test_message_of_a_last_child_that_went_on(void **state)
{
    (void)state;
    last_child_had_a_request(3);
    last_child_had_a_request(GYRE_EUSER(3));
}

/* The request counts even if all children have results in the end. */
static void test_request_is_remembered(void **state)
{
    gyre_future *children[] = {stubborn_job("a", 10, 1), job("b", 5, 2)};
    gyre_future *all = gyre_gather(trace_loop, 2, children, 0);

    (void)state;
    gyre_loop_run_until(trace_loop, children[1]);
    assert_int_equal(gyre_future_cancel(all), 1);
    assert_int_equal(gyre_loop_run_until(trace_loop, all), GYRE_ECANCELLED);
    assert_int_equal(gyre_gather_result(all, 0, NULL), 1);
    assert_int_equal(gyre_gather_result(all, 1, NULL), 2);
    assert_trace("5 b 2\n5 a cancelled\n15 a 1\n");
    gyre_future_unref(all);
    drop(2, children);
}

static void test_cancelling_who_awaits_cancels_the_children(void **state)
{
    gyre_future *children[] = {job("a", 10, 1), job("b", 20, 2)};
    gyre_future *all = gyre_gather(trace_loop, 2, children, 0);
    gyre_future *main = waiter("main", all);

    (void)state;
    trace_settle();
    gyre_future_cancel(main);
    assert_int_equal(gyre_loop_run_until(trace_loop, main), GYRE_ECANCELLED);
    trace_settle();
    assert_true(gyre_future_cancelled(children[0]));
    assert_true(gyre_future_cancelled(children[1]));
    assert_trace("0 a cancelled\n0 b cancelled\n0 main got CANCELLED\n");
    gyre_future_unref(main);
    gyre_future_unref(all);
    drop(2, children);
}

/* When every child is done the gather does not answer: the request is kept by the task. */
static void test_cancelling_who_awaits_too_late(void **state)
{
    gyre_future *child = plain(), *all = gyre_gather(trace_loop, 1, &child, 0);
    gyre_future *main = waiter("main", all);

    (void)state;
    trace_settle();
    gyre_future_set_result(child, 1);
    gyre_future_cancel(main);
    trace_settle();
    assert_true(gyre_future_cancelled(main));
    assert_int_equal(gyre_future_result(all), 1);
    assert_trace("0 main got CANCELLED\n");
    gyre_future_unref(main);
    gyre_future_unref(all);
    gyre_future_unref(child);
}

static void test_duplicates_are_asked_twice(void **state)
{
    gyre_future *child = stubborn_job("a", 10, 1), *children[] = {child, child};
    gyre_future *all = gyre_gather(trace_loop, 2, children, 0);

    (void)state;
    trace_settle();
    gyre_future_cancel(all);
    assert_int_equal(gyre_task_cancelling(gyre_future_task(child)), 2);
    assert_int_equal(gyre_loop_run_until(trace_loop, all), GYRE_ECANCELLED);
    assert_int_equal(gyre_future_result(child), 1); /* they came out of one sleep together */
    assert_trace("0 a cancelled\n10 a 1\n");
    gyre_future_unref(all);
    gyre_future_unref(child);
}

/* Cancelling a future that is done counts as looking at its error, unless it is a gather. */
static void test_cancelling_retrieves_errors_of_children(void **state)
{
    gyre_future *child = plain(), *all = gyre_gather(trace_loop, 1, &child, RETURN), *both;

    (void)state;
    gyre_future_set_exception(child, GYRE_EUSER(1), NULL);
    assert_int_equal(gyre_future_cancel(all), 0);
    assert_false(gyre_future_unretrieved(child));
    trace_settle();
    gyre_future_unref(all);
    all = gyre_gather(trace_loop, 1, &child, 0);
    assert_int_equal(gyre_future_cancel(all), 0);
    assert_true(gyre_future_unretrieved(all));
    both = gyre_gather(trace_loop, 1, &all, RETURN);
    assert_false(gyre_future_unretrieved(all));
    gyre_future_unref(both);
    gyre_future_unref(all);
    gyre_future_unref(child);
}

/* ---- nesting ---- */

static void test_nested(void **state)
{
    gyre_future *a = plain(), *b = plain(), *inner = gyre_gather(trace_loop, 1, &a, 0);
    gyre_future *children[] = {b, inner}, *outer = gyre_gather(trace_loop, 2, children, 0);
    gyre_error *cause = message("enough"), *detail;
    int64_t code;

    (void)state;
    watch(a, "a");
    watch(b, "b");
    watch(inner, "inner");
    watch(outer, "outer");
    assert_int_equal(gyre_future_cancel_with(outer, cause), 1);
    trace_settle();
    assert_trace("0 b cancelled\n0 a cancelled\n0 outer done\n0 inner done\n");
    assert_int_equal(gyre_future_exception(outer, &code, &detail), 0);
    assert_int_equal(code, GYRE_ECANCELLED);
    assert_ptr_equal(detail, cause);
    assert_int_equal(gyre_gather_result(outer, 1, &detail), GYRE_ECANCELLED);
    assert_ptr_equal(detail, cause);
    gyre_error_unref(cause);
    drop(2, children);
    gyre_future_unref(a);
    gyre_future_unref(outer);
}

static void test_nested_without_pending_children_cannot_be_cancelled(void **state)
{
    gyre_future *a = plain(), *inner = gyre_gather(trace_loop, 1, &a, 0);
    gyre_future *outer = gyre_gather(trace_loop, 1, &inner, 0);

    (void)state;
    gyre_future_set_result(a, 1);
    assert_int_equal(gyre_future_cancel(outer), 0);
    trace_settle();
    assert_int_equal(gyre_future_result(outer), 1);
    gyre_future_unref(outer);
    gyre_future_unref(inner);
    gyre_future_unref(a);
}

static void test_nested_deeply(void **state)
{
    gyre_future *bottom = plain(), *at = bottom;

    (void)state;
    for (int i = 0; i < 200000; i++) {
        gyre_future *outer = gyre_gather(trace_loop, 1, &at, 0);

        if (at != bottom)
            gyre_future_unref(at);
        at = outer;
    }
    assert_int_equal(gyre_future_cancel(at), 1);
    assert_true(gyre_future_cancelled(bottom));
    trace_settle();
    assert_int_equal(gyre_future_result(at), GYRE_ECANCELLED);
    gyre_future_unref(at); /* and with it all the others */
    gyre_future_unref(bottom);
}

struct awaits {
    gyre_frame frame;
    gyre_future **future;
};
GYRE_CORO(awaits)
{
    GYRE_BEGIN;
    GYRE_TRY(*self->future);
    GYRE_RETURN(0);
    GYRE_END;
}

/* A task that awaits gather(task that awaits gather(...)): the other kind of depth. */
static void test_chain_of_tasks_and_gathers(void **state)
{
    enum { DEPTH = 50000 };
    gyre_future *bottom = plain(), *task = gyre_future_ref(bottom);
    gyre_future **gathers = malloc(DEPTH * sizeof(gyre_future *));

    (void)state;
    for (int i = 0; i < DEPTH; i++) {
        gathers[i] = gyre_gather(trace_loop, 1, &task, 0);
        gyre_future_unref(task);
        task = gyre_task_future(GYRE_SPAWN_ON(trace_loop, awaits, .future = &gathers[i]));
    }
    trace_settle();
    assert_int_equal(gyre_future_cancel(task), 1);
    assert_true(gyre_future_cancelled(bottom));
    trace_settle();
    assert_true(gyre_future_cancelled(task));
    gyre_future_unref(task);
    drop(DEPTH, gathers);
    gyre_future_unref(bottom);
    free(gathers);
}

/* CPython ends this with a RecursionError. */
static void test_a_task_that_awaits_a_gather_of_itself(void **state)
{
    gyre_future *all = NULL;
    gyre_future *task = gyre_task_future(GYRE_SPAWN_ON(trace_loop, awaits, .future = &all));

    (void)state;
    all = gyre_gather(trace_loop, 1, &task, 0);
    trace_settle();
    assert_int_equal(gyre_future_cancel(task), 1);
    assert_int_equal(gyre_future_cancel(all), 1);
    trace_close();
    assert_true(gyre_future_cancelled(task));
    assert_int_equal(gyre_future_result(all), GYRE_ECANCELLED);
    gyre_future_unref(all);
    gyre_future_unref(task);
}

/* ---- the loop closes ---- */

static void test_loop_closed_with_pending_children(void **state)
{
    gyre_future *children[] = {plain(), plain(), plain()};
    gyre_future *all = gyre_gather(trace_loop, 3, children, 0);
    gyre_future *outer = gyre_gather(trace_loop, 1, &all, 0);

    (void)state;
    gyre_future_set_result(children[1], 1); /* its handle never runs as usual */
    gyre_future_unref(outer);
    trace_close();
    assert_int_equal(gyre_future_get_state(all), GYRE_FUTURE_PENDING);
    gyre_future_unref(all);
    drop(3, children);
}

static void test_loop_closed_with_tasks(void **state)
{
    gyre_future *children[] = {job("a", 10, 1), stubborn_job("b", 20, 2)};
    gyre_future *all = gyre_gather(trace_loop, 2, children, RETURN);
    gyre_future *main = waiter("main", all);

    (void)state;
    trace_settle();
    trace_close();
    assert_true(gyre_future_cancelled(main));
    assert_int_equal(gyre_future_result(all), GYRE_ECANCELLED);
    gyre_future_unref(main);
    gyre_future_unref(all);
    drop(2, children);
}

static void test_nothing_is_made_while_the_loop_closes(void **state)
{
    gyre_loop *loop = trace_loop;
    gyre_future *kept = plain();

    (void)state;
    trace_close();
    assert_null(gyre_gather(loop, 1, &kept, 0));
    gyre_future_unref(kept);
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(test_##name_, trace_setup, trace_teardown)
    const struct CMUnitTest tests[] = {
        TEST(results_in_order_of_arguments),
        TEST(nothing_is_done_at_once),
        TEST(done_children_are_taken_in_the_call),
        TEST(an_error_among_done_children),
        TEST(duplicates),
        TEST(shared_children),
        TEST(first_error_ends_it_and_the_rest_goes_on),
        TEST(detail_follows_the_error),
        TEST(return_exceptions),
        TEST(return_exceptions_retrieves_at_the_end),
        TEST(nobody_retrieves_the_gathers_error),
        TEST(refused),
        TEST(memory_is_short),
        TEST(moved),
        TEST(moved_even_if_it_fails),
        TEST(many),
        TEST(cancelled_child_is_an_error),
        TEST(cancelled_gather),
        TEST(cancelled_gather_that_returns_exceptions),
        TEST(cancelled_gather_has_the_message_of_the_last),
        TEST(message_of_a_last_child_that_went_on),
        TEST(request_is_remembered),
        TEST(cancelling_who_awaits_cancels_the_children),
        TEST(cancelling_who_awaits_too_late),
        TEST(duplicates_are_asked_twice),
        TEST(cancelling_retrieves_errors_of_children),
        TEST(nested),
        TEST(nested_without_pending_children_cannot_be_cancelled),
        TEST(nested_deeply),
        TEST(chain_of_tasks_and_gathers),
        TEST(a_task_that_awaits_a_gather_of_itself),
        TEST(loop_closed_with_pending_children),
        TEST(loop_closed_with_tasks),
        TEST(nothing_is_made_while_the_loop_closes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
