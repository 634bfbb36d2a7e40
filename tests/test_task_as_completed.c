/* gyre_as_completed: order, several consumers, the timeout, turns given back. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/trace.h"
#include "task/as_completed.h"
#include "task/inspect.h"
#include "task/sleep.h"

static gyre_future *plain(void)
{
    return gyre_future_new(trace_loop);
}

static void drop(size_t n, gyre_future *const *futures)
{
    while (n-- > 0)
        gyre_future_unref(futures[n]);
}

/* Takes `most` results, or all, and traces them; gives the last. */
struct taker {
    gyre_frame frame;
    const char *name;
    gyre_as_completed *ac;
    int most;
    int64_t rc;
};
GYRE_CORO(taker)
{
    GYRE_BEGIN;
    while (self->most-- > 0) {
        GYRE_AWAIT(self->rc, gyre_as_completed_next(self->ac));
        trace("%s got %s", self->name, result_text(self->rc));
        if (self->rc == GYRE_ESTOPITERATION)
            break;
        if (self->rc == GYRE_ECANCELLED && gyre_task_cancelling(gyre_task_current()) > 0)
            GYRE_RETURN(self->rc);
    }
    GYRE_RETURN(0);
    GYRE_END;
}

static gyre_future *taker(const char *name, gyre_as_completed *ac, int most)
{
    return gyre_task_future(GYRE_SPAWN_ON(trace_loop, taker, .name = name, .ac = ac, .most = most));
}

/* ---- results ---- */

static void test_in_order_of_completion(void **state)
{
    gyre_future *futures[] = {job("a", 30, 1), job("b", 10, GYRE_EUSER(2)), plain()};
    gyre_as_completed *ac = gyre_as_completed_new(trace_loop, 3, futures, GYRE_FOREVER);
    gyre_future *main = taker("main", ac, 9);

    (void)state;
    assert_int_equal(gyre_as_completed_count(ac), 3);
    gyre_future_cancel(futures[2]);
    assert_int_equal(gyre_loop_run_until(trace_loop, main), 0);
    assert_false(gyre_future_unretrieved(futures[1]));
    assert_trace("0 main got CANCELLED\n"
                 "10 b !2\n"
                 "10 main got !2\n"
                 "30 a 1\n"
                 "30 main got 1\n"
                 "30 main got STOPITERATION\n");
    gyre_as_completed_free(ac);
    gyre_future_unref(main);
    drop(3, futures);
}

struct finder {
    gyre_frame frame;
    gyre_as_completed *ac;
    gyre_future **found;
    int64_t rc;
};
GYRE_CORO(finder)
{
    GYRE_BEGIN;
    for (;;) {
        GYRE_AWAIT(self->rc, gyre_as_completed_next_future(self->ac, self->found));
        if (self->rc < 0)
            break;
        self->found++;
    }
    GYRE_RETURN(self->rc);
    GYRE_END;
}

static void test_futures_themselves(void **state)
{
    gyre_future *futures[] = {plain(), plain()}, *found[2];
    gyre_as_completed *ac = gyre_as_completed_new(trace_loop, 2, futures, GYRE_FOREVER);
    gyre_future *main =
        gyre_task_future(GYRE_SPAWN_ON(trace_loop, finder, .ac = ac, .found = found));

    (void)state;
    gyre_future_set_exception(futures[1], GYRE_EUSER(1), NULL);
    trace_settle();
    gyre_future_set_result(futures[0], 1);
    assert_int_equal(gyre_loop_run_until(trace_loop, main), GYRE_ESTOPITERATION);
    assert_ptr_equal(found[0], futures[1]);
    assert_ptr_equal(found[1], futures[0]);
    assert_true(gyre_future_unretrieved(futures[1])); /* nothing was looked at */
    gyre_future_ignore(futures[1]);
    gyre_as_completed_free(ac);
    gyre_future_unref(main);
    drop(2, futures);
}

static void test_nothing_to_watch(void **state)
{
    gyre_as_completed *ac = gyre_as_completed_new(trace_loop, 0, NULL, GYRE_MS(5));
    gyre_future *main = taker("main", ac, 9);

    (void)state;
    assert_int_equal(gyre_as_completed_count(ac), 0);
    gyre_loop_run_until(trace_loop, main);
    assert_trace("0 main got STOPITERATION\n");
    gyre_as_completed_free(ac);
    gyre_future_unref(main);
}

static void test_duplicates_and_done_futures(void **state)
{
    gyre_future *a = plain(), *b = plain(), *futures[] = {a, b, a, b};
    gyre_as_completed *ac;
    gyre_future *main;

    (void)state;
    gyre_future_set_result(b, 2);
    ac = gyre_as_completed_new(trace_loop, 4, futures, GYRE_FOREVER);
    assert_int_equal(gyre_as_completed_count(ac), 2);
    main = taker("main", ac, 9);
    trace_settle();
    gyre_future_set_result(a, 1);
    gyre_loop_run_until(trace_loop, main);
    assert_trace("0 main got 2\n0 main got 1\n0 main got STOPITERATION\n");
    gyre_as_completed_free(ac);
    gyre_future_unref(main);
    drop(2, futures);
}

static void test_what_is_there_is_taken_at_once(void **state)
{
    gyre_future *futures[] = {plain(), plain()};
    gyre_as_completed *ac = gyre_as_completed_new(trace_loop, 2, futures, GYRE_FOREVER);
    gyre_future *main;

    (void)state;
    gyre_future_set_result(futures[0], 1);
    gyre_future_set_result(futures[1], 2);
    trace_settle();
    main = taker("main", ac, 9);
    gyre_loop_run_once(trace_loop, 0); /* one step takes all */
    assert_true(gyre_future_done(main));
    assert_trace("0 main got 1\n0 main got 2\n0 main got STOPITERATION\n");
    gyre_as_completed_free(ac);
    gyre_future_unref(main);
    drop(2, futures);
}

/* ---- several consumers ---- */

static void test_consumers_take_turns(void **state)
{
    gyre_future *futures[] = {plain(), plain(), plain()};
    gyre_as_completed *ac = gyre_as_completed_new(trace_loop, 3, futures, GYRE_FOREVER);
    gyre_future *takers[] = {taker("x", ac, 2), taker("y", ac, 9), taker("z", ac, 9),
                             taker("w", ac, 9)};

    (void)state;
    trace_settle();
    assert_trace("0 w got STOPITERATION\n"); /* three are being taken */
    for (int i = 0; i < 3; i++)
        gyre_future_set_result(futures[i], i);
    trace_settle();
    assert_trace("0 x got 0\n"
                 "0 x got STOPITERATION\n"
                 "0 y got 1\n"
                 "0 y got STOPITERATION\n"
                 "0 z got 2\n"
                 "0 z got STOPITERATION\n");
    gyre_as_completed_free(ac);
    drop(4, takers);
    drop(3, futures);
}

static void test_cancelled_consumer_gives_its_turn_back(void **state)
{
    gyre_future *futures[] = {plain()};
    gyre_as_completed *ac = gyre_as_completed_new(trace_loop, 1, futures, GYRE_FOREVER);
    gyre_future *x = taker("x", ac, 9), *y;
    gyre_error *cause = gyre_error_new(GYRE_ECANCELLED, "enough");

    (void)state;
    trace_settle();
    gyre_future_cancel_with(x, cause);
    trace_settle();
    assert_int_equal(gyre_future_result(x), GYRE_ECANCELLED);
    assert_ptr_equal(gyre_error_current(), cause);
    y = taker("y", ac, 9);
    gyre_future_set_result(futures[0], 1);
    gyre_loop_run_until(trace_loop, y);
    assert_trace("0 x got CANCELLED\n0 y got 1\n0 y got STOPITERATION\n");
    gyre_error_unref(cause);
    gyre_as_completed_free(ac);
    gyre_future_unref(x);
    gyre_future_unref(y);
    drop(1, futures);
}

/* x has been woken when it is cancelled: y, who waits behind it, is woken instead. */
static void test_cancelled_after_it_was_woken(void **state)
{
    gyre_future *futures[] = {plain(), plain()};
    gyre_as_completed *ac = gyre_as_completed_new(trace_loop, 2, futures, GYRE_FOREVER);
    gyre_future *x = taker("x", ac, 1), *y = taker("y", ac, 1);

    (void)state;
    trace_settle();
    gyre_future_set_result(futures[1], 5);
    gyre_loop_run_once(trace_loop, 0); /* the completion's handle */
    assert_int_equal(gyre_future_cancel(x), 1);
    trace_settle();
    assert_trace("0 x got CANCELLED\n0 y got 5\n");
    gyre_as_completed_free(ac);
    gyre_future_unref(x);
    gyre_future_unref(y);
    drop(2, futures);
}

/* x is woken, but a newcomer takes the result first: x waits again, at the end. */
static void test_newcomer_takes_first(void **state)
{
    gyre_future *futures[] = {plain(), plain()};
    gyre_as_completed *ac = gyre_as_completed_new(trace_loop, 2, futures, GYRE_FOREVER);
    gyre_future *x = taker("x", ac, 1), *y;

    (void)state;
    trace_settle();
    gyre_future_set_result(futures[0], 1);
    y = taker("y", ac, 1); /* its first step comes before x's next one */
    trace_settle();
    assert_trace("0 y got 1\n");
    gyre_future_set_result(futures[1], 2);
    trace_settle();
    assert_trace("0 x got 2\n");
    gyre_as_completed_free(ac);
    gyre_future_unref(x);
    gyre_future_unref(y);
    drop(2, futures);
}

/* A cancelled consumer that is still in the list is passed over. */
static void test_cancelled_consumer_is_passed_over(void **state)
{
    gyre_future *futures[] = {plain(), plain()};
    gyre_as_completed *ac = gyre_as_completed_new(trace_loop, 2, futures, GYRE_FOREVER);
    gyre_future *x = taker("x", ac, 1), *y = taker("y", ac, 1);

    (void)state;
    trace_settle();
    gyre_future_set_result(futures[0], 1);
    gyre_future_cancel(x); /* before the completion's handle runs */
    trace_settle();
    assert_trace("0 x got CANCELLED\n0 y got 1\n");
    gyre_as_completed_free(ac);
    gyre_future_unref(x);
    gyre_future_unref(y);
    drop(2, futures);
}

/* ---- timeout ---- */

static size_t timers(void)
{
    gyre_loop_stats stats;

    gyre_loop_get_stats(trace_loop, &stats);
    return stats.timers;
}

static void test_timeout(void **state)
{
    gyre_future *futures[] = {job("a", 10, 1), job("b", 30, 2), job("c", 40, 3)};
    gyre_as_completed *ac = gyre_as_completed_new(trace_loop, 3, futures, GYRE_MS(20));
    gyre_future *main = taker("main", ac, 9);

    (void)state;
    gyre_loop_run_until(trace_loop, main);
    gyre_loop_run_until(trace_loop, futures[2]); /* they go on */
    assert_trace("10 a 1\n"
                 "10 main got 1\n"
                 "20 main got TIMEOUT\n"
                 "20 main got TIMEOUT\n"
                 "20 main got STOPITERATION\n"
                 "30 b 2\n"
                 "40 c 3\n");
    gyre_as_completed_free(ac);
    gyre_future_unref(main);
    drop(3, futures);
}

static void test_timer_goes_with_the_last(void **state)
{
    gyre_future *future = plain();
    gyre_as_completed *ac = gyre_as_completed_new(trace_loop, 1, &future, GYRE_SECONDS(9));

    (void)state;
    assert_int_equal(timers(), 1);
    gyre_future_set_result(future, 1);
    trace_settle();
    assert_int_equal(timers(), 0);
    gyre_as_completed_free(ac);
    ac = gyre_as_completed_new(trace_loop, 1, &future, GYRE_SECONDS(9));
    gyre_as_completed_free(ac); /* and with the iterator */
    assert_int_equal(timers(), 0);
    gyre_future_unref(future);
}

/* The future completes in the iteration in which the timeout runs, before or after it. */
static void test_timeout_and_completion_together(void **state)
{
    gyre_future *before = job("a", 10, 1), *after, *main;
    gyre_as_completed *ac;

    (void)state;
    gyre_loop_run_once(trace_loop, 0); /* a's timer is set before that of the timeout */
    ac = gyre_as_completed_new(trace_loop, 1, &before, GYRE_MS(10));
    main = taker("main", ac, 9);
    gyre_loop_run_until(trace_loop, main);
    trace_settle();
    assert_trace("10 a 1\n10 main got TIMEOUT\n10 main got STOPITERATION\n");
    gyre_as_completed_free(ac);
    gyre_future_unref(main);
    gyre_future_unref(before);

    after = plain(); /* done, and its handle in the queue, when the timeout runs */
    ac = gyre_as_completed_new(trace_loop, 1, &after, 0);
    gyre_future_set_result(after, 1);
    main = taker("main", ac, 9);
    gyre_loop_run_until(trace_loop, main);
    assert_trace("10 main got 1\n10 main got STOPITERATION\n");
    gyre_as_completed_free(ac);
    gyre_future_unref(main);
    gyre_future_unref(after);
}

/* ---- misuse, memory, life ---- */

static void test_dumps_say_what_is_waited_for(void **state)
{
    gyre_future *futures[] = {plain(), job("a", 10, 1)};
    gyre_as_completed *ac = gyre_as_completed_new(trace_loop, 2, futures, GYRE_FOREVER);
    gyre_future *x = taker("x", ac, 9);
    char text[128];

    (void)state;
    trace_settle();
    gyre_future_set_result(futures[0], 1);
    trace_settle();
    assert_non_null(gyre_future_task(x));
    assert_string_equal(gyre_task_waits_for(gyre_future_task(x), text, sizeof(text)),
                        "as_completed: task Task-1");
    gyre_loop_run_until(trace_loop, x);
    assert_trace("0 x got 1\n10 a 1\n10 x got 1\n10 x got STOPITERATION\n");
    gyre_as_completed_free(ac);
    gyre_future_unref(x);
    drop(2, futures);
}

static void test_misuse(void **state)
{
    gyre_future *future = plain(), *futures[] = {future, NULL}, *main;
    const gyre_loop_options options = {.clock = GYRE_CLOCK_VIRTUAL};
    gyre_loop *other;

    (void)state;
    assert_null(gyre_as_completed_new(trace_loop, 2, futures, GYRE_FOREVER));
    assert_int_equal(gyre_loop_new(&options, &other), 0);
    futures[1] = gyre_future_new(other);
    assert_null(gyre_as_completed_new(trace_loop, 2, futures, GYRE_FOREVER));
    gyre_future_unref(futures[1]);
    gyre_loop_close(other);
    gyre_as_completed_free(NULL);
    assert_int_equal(gyre_as_completed_count(NULL), 0);
    main = taker("main", NULL, 1);
    gyre_loop_run_until(trace_loop, main);
    assert_trace("0 main got ENOMEM\n");
    gyre_future_unref(main);
    gyre_future_unref(future);
}

static void test_memory_is_short(void **state)
{
    gyre_future *future = plain();
    gyre_as_completed *ac = NULL;
    gyre_future *main;
    size_t n = 0;

    (void)state;
    for (; !ac; n++) {
        trace_fail_after(n);
        ac = gyre_as_completed_new(trace_loop, 1, &future, GYRE_FOREVER);
    }
    assert_int_equal(n - 1, 2);
    trace_fail_after(SIZE_MAX);
    main = taker("main", ac, 2);
    trace_fail_after(0);
    trace_settle();
    gyre_future_set_result(future, 1);
    trace_settle();
    trace_fail_after(SIZE_MAX);
    gyre_loop_run_until(trace_loop, main);
    gyre_as_completed_free(ac);
    gyre_future_unref(main);
    gyre_future_unref(future);
}

/* Where the stack of the task cannot grow the turn goes back. */
struct deep {
    gyre_frame frame;
    gyre_as_completed *ac;
    int64_t rc;
    char room[4000];
};
GYRE_CORO(deep)
{
    GYRE_BEGIN;
    trace_fail_after(0);
    GYRE_AWAIT(self->rc, gyre_as_completed_next(self->ac));
    trace_fail_after(SIZE_MAX);
    trace("deep got %s", result_text(self->rc));
    GYRE_RETURN(0);
    GYRE_END;
}

static void test_stack_cannot_grow(void **state)
{
    gyre_future *future = plain();
    gyre_as_completed *ac = gyre_as_completed_new(trace_loop, 1, &future, GYRE_FOREVER);
    gyre_future *deep = gyre_task_future(GYRE_SPAWN_ON(trace_loop, deep, .ac = ac)), *main;

    (void)state;
    gyre_loop_run_until(trace_loop, deep);
    main = taker("main", ac, 9);
    gyre_future_set_result(future, 1);
    gyre_loop_run_until(trace_loop, main);
    assert_trace("0 deep got ENOMEM\n0 main got 1\n0 main got STOPITERATION\n");
    gyre_as_completed_free(ac);
    gyre_future_unref(deep);
    gyre_future_unref(main);
    gyre_future_unref(future);
}

static void test_freed_while_a_task_waits(void **state)
{
    gyre_future *futures[] = {plain(), plain()};
    gyre_as_completed *ac = gyre_as_completed_new(trace_loop, 2, futures, GYRE_MS(90));
    gyre_future *x = taker("x", ac, 1), *y = taker("y", ac, 1);

    (void)state;
    trace_settle();
    gyre_as_completed_free(ac);
    gyre_future_set_result(futures[0], 1);
    trace_settle();
    gyre_future_cancel(y);
    trace_settle();
    assert_trace("0 x got 1\n0 y got CANCELLED\n");
    assert_int_equal(timers(), 0);
    gyre_future_unref(x);
    gyre_future_unref(y);
    drop(2, futures);
}

static void test_freed_with_handles_on_their_way(void **state)
{
    gyre_future *futures[] = {plain(), plain()};
    gyre_as_completed *ac = gyre_as_completed_new(trace_loop, 2, futures, 0);

    (void)state;
    gyre_future_set_result(futures[0], 1);
    gyre_as_completed_free(ac);
    trace_settle();
    drop(2, futures);
}

static void test_loop_closed(void **state)
{
    gyre_future *futures[] = {plain(), job("a", 10, 1)};
    gyre_as_completed *ac = gyre_as_completed_new(trace_loop, 2, futures, GYRE_MS(5));
    gyre_as_completed *idle = gyre_as_completed_new(trace_loop, 2, futures, GYRE_MS(5));
    gyre_future *x = taker("x", ac, 9);

    (void)state;
    trace_settle();
    trace_close();
    assert_trace("0 a cancelled\n0 x got CANCELLED\n");
    assert_true(gyre_future_cancelled(x));
    gyre_as_completed_free(ac);
    gyre_as_completed_free(idle);
    gyre_future_unref(x);
    drop(2, futures);
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(test_##name_, trace_setup, trace_teardown)
    const struct CMUnitTest tests[] = {
        TEST(in_order_of_completion),
        TEST(futures_themselves),
        TEST(nothing_to_watch),
        TEST(duplicates_and_done_futures),
        TEST(what_is_there_is_taken_at_once),
        TEST(consumers_take_turns),
        TEST(cancelled_consumer_gives_its_turn_back),
        TEST(cancelled_after_it_was_woken),
        TEST(newcomer_takes_first),
        TEST(cancelled_consumer_is_passed_over),
        TEST(timeout),
        TEST(timer_goes_with_the_last),
        TEST(timeout_and_completion_together),
        TEST(dumps_say_what_is_waited_for),
        TEST(misuse),
        TEST(memory_is_short),
        TEST(stack_cannot_grow),
        TEST(freed_while_a_task_waits),
        TEST(freed_with_handles_on_their_way),
        TEST(loop_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
