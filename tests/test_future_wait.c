/* gyre_wait(): the three modes, the timeout, what is done and what is pending. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "future/gather.h"
#include "future/wait.h"
#include "support/trace.h"

static gyre_future *plain(void)
{
    return gyre_future_new(trace_loop);
}

static void drop(size_t n, gyre_future *const *futures)
{
    while (n-- > 0)
        gyre_future_unref(futures[n]);
}

/* Runs a wait to its end and gives how many futures are done. */
static size_t done_after(gyre_future *wait)
{
    assert_int_equal(gyre_loop_run_until(trace_loop, wait), 0);
    return gyre_wait_done(wait, NULL, 0);
}

/* ---- modes ---- */

static void test_all_completed(void **state)
{
    gyre_future *futures[] = {job("a", 30, 1), job("b", 10, GYRE_EUSER(2)), job("c", 20, 3)};
    gyre_future *wait = gyre_wait(trace_loop, 3, futures, GYRE_FOREVER, GYRE_ALL_COMPLETED);

    (void)state;
    assert_int_equal(gyre_wait_pending(wait, NULL, 0), 3);
    assert_int_equal(done_after(wait), 3);
    assert_int_equal(gyre_wait_pending(wait, NULL, 0), 0);
    assert_true(gyre_future_unretrieved(futures[1])); /* it is not looked at */
    gyre_future_ignore(futures[1]);
    assert_trace("10 b !2\n20 c 3\n30 a 1\n");
    gyre_future_unref(wait);
    drop(3, futures);
}

static void test_first_completed(void **state)
{
    gyre_future *futures[] = {job("a", 30, 1), job("b", 10, 2), job("c", 20, 3), job("d", 10, 4)};
    gyre_future *wait = gyre_wait(trace_loop, 4, futures, GYRE_FOREVER, GYRE_FIRST_COMPLETED);
    gyre_future *done[4], *pending[4];

    (void)state;
    assert_int_equal(done_after(wait), 2); /* in the order given, not of completion */
    assert_int_equal(gyre_wait_done(wait, done, 4), 2);
    assert_ptr_equal(done[0], futures[1]);
    assert_ptr_equal(done[1], futures[3]);
    assert_int_equal(gyre_wait_pending(wait, pending, 1), 2);
    assert_ptr_equal(pending[0], futures[0]);
    gyre_loop_run_until(trace_loop, futures[2]);
    assert_int_equal(gyre_wait_done(wait, NULL, 0), 3); /* as of now */
    assert_trace("10 b 2\n10 d 4\n20 c 3\n");
    gyre_future_unref(wait);
    gyre_loop_run_until(trace_loop, futures[0]);
    drop(4, futures);
}

static void test_first_exception(void **state)
{
    gyre_future *futures[] = {job("a", 10, 1), job("b", 20, GYRE_EUSER(2)), plain(),
                              job("c", 30, GYRE_EUSER(3))};
    gyre_future *wait = gyre_wait(trace_loop, 4, futures, GYRE_FOREVER, GYRE_FIRST_EXCEPTION);

    (void)state;
    gyre_future_cancel(futures[2]); /* is not an error */
    assert_int_equal(done_after(wait), 3);
    assert_false(gyre_future_unretrieved(futures[1]));
    gyre_loop_run_until(trace_loop, gyre_future_ref(futures[3]));
    assert_trace("10 a 1\n20 b !2\n30 c !3\n");
    gyre_future_unref(futures[3]);
    gyre_future_unref(wait);
    drop(4, futures);
}

static void test_first_exception_without_one(void **state)
{
    gyre_future *futures[] = {plain(), plain()};
    gyre_future *wait = gyre_wait(trace_loop, 2, futures, GYRE_FOREVER, GYRE_FIRST_EXCEPTION);

    (void)state;
    gyre_future_set_result(futures[0], 1);
    trace_settle();
    assert_false(gyre_future_done(wait));
    gyre_future_set_exception(futures[1], GYRE_EUSER(1), NULL);
    assert_int_equal(done_after(wait), 2);
    assert_true(gyre_future_unretrieved(futures[1])); /* the last one ends it whatever it is */
    gyre_future_ignore(futures[1]);
    gyre_future_unref(wait);
    drop(2, futures);
}

/*
 * What completes in the same iteration as the one that ends the wait is looked at, too; what
 * completes after the waiting task has resumed is not.
 */
static void test_first_exception_looks_until_the_waiter_resumes(void **state)
{
    gyre_future *futures[] = {plain(), plain(), plain(), plain()};
    gyre_future *wait = gyre_wait(trace_loop, 4, futures, GYRE_FOREVER, GYRE_FIRST_EXCEPTION);

    (void)state;
    gyre_future_set_exception(futures[0], GYRE_EUSER(1), NULL);
    gyre_loop_run_once(trace_loop, 0);
    assert_true(gyre_future_done(wait));
    gyre_future_set_exception(futures[1], GYRE_EUSER(2), NULL);
    gyre_loop_run_once(trace_loop, 0);
    assert_false(gyre_future_unretrieved(futures[1]));
    gyre_future_set_exception(futures[2], GYRE_EUSER(3), NULL);
    trace_settle();
    assert_true(gyre_future_unretrieved(futures[2]));
    gyre_future_ignore(futures[2]);
    gyre_future_unref(wait);
    drop(4, futures);
}

static void test_done_futures_take_an_iteration(void **state)
{
    gyre_future *futures[] = {plain(), plain()}, *wait, *main;

    (void)state;
    gyre_future_set_result(futures[0], 1);
    wait = gyre_wait(trace_loop, 2, futures, GYRE_FOREVER, GYRE_FIRST_COMPLETED);
    assert_false(gyre_future_done(wait));
    main = waiter("main", wait);
    assert_int_equal(gyre_loop_run_until(trace_loop, main), 0);
    assert_int_equal(gyre_wait_done(wait, NULL, 0), 1);
    assert_trace("0 main got 0\n");
    gyre_future_unref(main);
    gyre_future_unref(wait);
    drop(2, futures);
}

static void test_duplicates_are_dropped(void **state)
{
    gyre_future *a = plain(), *b = plain(), *futures[] = {b, a, b, a, a}, *found[5], *wait;

    (void)state;
    gyre_future_set_result(a, 1);
    wait = gyre_wait(trace_loop, 5, futures, GYRE_FOREVER, GYRE_ALL_COMPLETED);
    trace_settle();
    assert_false(gyre_future_done(wait));
    gyre_future_set_result(b, 2);
    assert_int_equal(done_after(wait), 2);
    assert_int_equal(gyre_wait_done(wait, found, 5), 2);
    assert_ptr_equal(found[0], b);
    assert_ptr_equal(found[1], a);
    gyre_future_unref(wait);
    drop(2, futures);
}

/* ---- timeout ---- */

static void test_timeout(void **state)
{
    gyre_future *futures[] = {job("a", 10, 1), job("b", 30, 2)};
    gyre_future *wait = gyre_wait(trace_loop, 2, futures, GYRE_MS(20), GYRE_ALL_COMPLETED);
    gyre_future *pending[2];

    (void)state;
    assert_int_equal(done_after(wait), 1);
    trace("over");
    assert_int_equal(gyre_wait_pending(wait, pending, 2), 1);
    assert_ptr_equal(pending[0], futures[1]);
    assert_int_equal(gyre_loop_run_until(trace_loop, futures[1]), 2); /* it goes on */
    assert_trace("10 a 1\n20 over\n30 b 2\n");
    gyre_future_unref(wait);
    drop(2, futures);
}

static size_t timers(void)
{
    gyre_loop_stats stats;

    gyre_loop_get_stats(trace_loop, &stats);
    return stats.timers;
}

static void test_timer_goes_with_the_wait(void **state)
{
    gyre_future *future = plain();
    gyre_future *wait = gyre_wait(trace_loop, 1, &future, GYRE_SECONDS(9), GYRE_ALL_COMPLETED);

    (void)state;
    assert_int_equal(timers(), 1);
    gyre_future_set_result(future, 1);
    assert_int_equal(done_after(wait), 1);
    assert_int_equal(timers(), 0);
    assert_int_equal(gyre_loop_time(trace_loop), 0);
    gyre_future_unref(wait);
    gyre_future_unref(future);
}

static void test_no_timeout_at_all(void **state)
{
    gyre_future *future = plain(), *nap = job("nap", 10, 0), *wait, *late;

    (void)state;
    gyre_loop_run_until(trace_loop, nap);
    wait = gyre_wait(trace_loop, 1, &future, 0, GYRE_ALL_COMPLETED);
    late = gyre_wait(trace_loop, 1, &future, -GYRE_MS(1), GYRE_ALL_COMPLETED);
    assert_false(gyre_future_done(wait));
    watch(wait, "wait");
    watch(late, "late");
    assert_int_equal(done_after(wait), 0);
    assert_trace("10 nap 0\n10 late done\n10 wait done\n"); /* the earlier deadline first */
    gyre_future_unref(nap);
    gyre_future_unref(late);
    gyre_future_unref(wait);
    gyre_future_unref(future);
}

/* The first of them ends the wait, the other does nothing. */
static void test_timeout_and_completion_together(void **state)
{
    gyre_future *futures[] = {job("a", 10, 1), job("b", 10, 2)};
    gyre_future *wait = gyre_wait(trace_loop, 2, futures, GYRE_MS(10), GYRE_ALL_COMPLETED);

    (void)state;
    assert_int_equal(done_after(wait), 2); /* the tasks ended before who waits resumed */
    trace_settle();
    assert_trace("10 a 1\n10 b 2\n");
    gyre_future_unref(wait);
    drop(2, futures);
}

/* ---- cancellation, misuse ---- */

static void test_cancelling_who_waits(void **state)
{
    gyre_future *futures[] = {job("a", 10, 1), plain()};
    gyre_future *wait = gyre_wait(trace_loop, 2, futures, GYRE_MS(30), GYRE_ALL_COMPLETED);
    gyre_future *main = waiter("main", wait);
    gyre_error *cause = gyre_error_new(GYRE_ECANCELLED, "enough");

    (void)state;
    trace_settle();
    assert_int_equal(gyre_future_cancel_with(main, cause), 1);
    assert_true(gyre_future_cancelled(wait));
    assert_int_equal(gyre_loop_run_until(trace_loop, main), GYRE_ECANCELLED);
    assert_int_equal(timers(), 1); /* a's */
    assert_int_equal(gyre_loop_run_until(trace_loop, futures[0]), 1);
    assert_trace("0 main got CANCELLED enough\n10 a 1\n");
    gyre_error_unref(cause);
    gyre_future_unref(main);
    gyre_future_unref(wait);
    drop(2, futures);
}

static void test_misuse(void **state)
{
    gyre_future *future = plain(), *futures[] = {future, NULL}, *wait;
    const gyre_loop_options options = {.clock = GYRE_CLOCK_VIRTUAL};
    gyre_loop *other;

    (void)state;
    wait = gyre_wait(trace_loop, 0, NULL, GYRE_FOREVER, GYRE_ALL_COMPLETED);
    assert_int_equal(gyre_future_result(wait), -EINVAL);
    gyre_future_unref(wait);
    wait = gyre_wait(trace_loop, 1, futures, GYRE_FOREVER, (gyre_wait_mode)3);
    assert_int_equal(gyre_future_result(wait), -EINVAL);
    gyre_future_unref(wait);
    assert_null(gyre_wait(trace_loop, 2, futures, GYRE_FOREVER, GYRE_ALL_COMPLETED));
    assert_int_equal(gyre_wait_done(future, NULL, 0), 0);
    assert_int_equal(gyre_loop_new(&options, &other), 0);
    futures[1] = gyre_future_new(other);
    wait = gyre_wait(trace_loop, 2, futures, GYRE_FOREVER, GYRE_ALL_COMPLETED);
    assert_int_equal(gyre_future_result(wait), GYRE_EWRONGLOOP);
    assert_int_equal(gyre_wait_pending(wait, NULL, 0), 0);
    gyre_future_unref(wait);
    gyre_future_unref(futures[1]);
    gyre_loop_close(other);
    wait = gyre_wait(trace_loop, 1, futures, GYRE_FOREVER, GYRE_ALL_COMPLETED);
    assert_int_equal(gyre_future_set_result(wait, 1), GYRE_EINVALIDSTATE);
    gyre_future_set_result(future, 1);
    assert_int_equal(done_after(wait), 1);
    gyre_future_unref(wait);
    gyre_future_unref(future);
}

static void test_memory_is_short(void **state)
{
    gyre_future *futures[] = {plain(), plain()}, *wait = NULL;
    size_t n = 0;

    (void)state;
    gyre_future_set_result(futures[1], 1);
    for (; !wait; n++) {
        trace_fail_after(n);
        wait = gyre_wait(trace_loop, 2, futures, GYRE_MS(5), GYRE_ALL_COMPLETED);
    }
    assert_int_equal(n - 1, 2);
    trace_fail_after(SIZE_MAX);
    assert_int_equal(done_after(wait), 1);
    gyre_future_unref(wait);
    drop(2, futures);
}

/* ---- life ---- */

static void test_a_wait_that_nobody_awaits(void **state)
{
    gyre_future *futures[] = {plain(), plain()};

    (void)state;
    gyre_future_unref(gyre_wait(trace_loop, 2, futures, GYRE_MS(5), GYRE_ALL_COMPLETED));
    gyre_future_unref(gyre_wait(trace_loop, 2, futures, GYRE_FOREVER, GYRE_FIRST_COMPLETED));
    gyre_future_set_result(futures[0], 1);
    trace_settle();
    drop(2, futures);
}

static void test_loop_closed(void **state)
{
    gyre_future *futures[] = {plain(), plain(), job("a", 10, 1)}, *waits[4], *main;

    (void)state;
    gyre_future_set_result(futures[1], 1);
    waits[0] = gyre_wait(trace_loop, 1, futures, GYRE_MS(5), GYRE_ALL_COMPLETED);
    waits[1] = gyre_wait(trace_loop, 2, futures, GYRE_MS(5), GYRE_FIRST_COMPLETED);
    waits[2] = gyre_wait(trace_loop, 3, futures, GYRE_FOREVER, GYRE_FIRST_EXCEPTION);
    main = waiter("main", waits[2]);
    gyre_loop_run_once(trace_loop, 0);
    waits[3] = gyre_wait(trace_loop, 2, futures, 0, GYRE_ALL_COMPLETED);
    trace_close();
    assert_true(gyre_future_cancelled(main));
    assert_false(gyre_future_done(waits[0]));
    assert_true(gyre_future_done(waits[1]));
    assert_true(gyre_future_cancelled(waits[2]));
    assert_int_equal(gyre_wait_pending(waits[0], NULL, 0), 1);
    gyre_future_unref(main);
    drop(4, waits);
    drop(3, futures);
    assert_trace("0 a cancelled\n0 main got CANCELLED\n");
}

/* The experiment with nine sleepers, here on top of a gather as one of the operands. */
static void test_waits_in_a_row(void **state)
{
    gyre_future *jobs[] = {job("a", 10, 1), job("b", 20, 2)};
    gyre_future *both = gyre_gather(trace_loop, 2, jobs, 0);
    gyre_future *futures[] = {both, job("c", 15, 3), job("d", 40, 4)}, *left[3], *wait;
    size_t n = 3, counts[3];
    const int64_t timeouts[] = {GYRE_FOREVER, GYRE_MS(10), GYRE_FOREVER};

    (void)state;
    for (size_t i = 0; i < n; i++)
        left[i] = futures[i];
    for (size_t i = 0; i < 3; i++) {
        wait = gyre_wait(trace_loop, n, left, timeouts[i],
                         i == 0 ? GYRE_FIRST_COMPLETED : GYRE_ALL_COMPLETED);
        counts[i] = done_after(wait);
        n = gyre_wait_pending(wait, left, 3);
        gyre_future_unref(wait);
    }
    assert_int_equal(counts[0], 1);
    assert_int_equal(counts[1], 1);
    assert_int_equal(counts[2], 1);
    assert_int_equal(n, 0);
    assert_trace("10 a 1\n15 c 3\n20 b 2\n40 d 4\n");
    drop(3, futures);
    drop(2, jobs);
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(test_##name_, trace_setup, trace_teardown)
    const struct CMUnitTest tests[] = {
        TEST(all_completed),
        TEST(first_completed),
        TEST(first_exception),
        TEST(first_exception_without_one),
        TEST(first_exception_looks_until_the_waiter_resumes),
        TEST(done_futures_take_an_iteration),
        TEST(duplicates_are_dropped),
        TEST(timeout),
        TEST(timer_goes_with_the_wait),
        TEST(no_timeout_at_all),
        TEST(timeout_and_completion_together),
        TEST(cancelling_who_waits),
        TEST(misuse),
        TEST(memory_is_short),
        TEST(a_wait_that_nobody_awaits),
        TEST(loop_closed),
        TEST(waits_in_a_row),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
