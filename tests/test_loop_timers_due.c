/* Timers that are due: after what was ready, before what that adds, and removable until they run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../loop/loop_internal.h"

static char trace[64];
static gyre_handle *victim;

static int64_t note(gyre_loop *loop, void *arg)
{
    (void)loop;
    strncat(trace, arg, sizeof(trace) - strlen(trace) - 1);
    return 0;
}

static int64_t note_and_add(gyre_loop *loop, void *arg)
{
    note(loop, arg);
    gyre_call_soon(loop, note, (void *)(uintptr_t) "s", NULL);
    gyre_call_later(loop, -GYRE_MS(1), note, (void *)(uintptr_t) "l", NULL);
    return 0;
}

static int64_t cancel_victim(gyre_loop *loop, void *arg)
{
    note(loop, arg);
    gyre_handle_cancel(victim);
    gyre_handle_cancel(victim);
    return 0;
}

static int64_t stop(gyre_loop *loop, void *arg)
{
    note(loop, arg);
    gyre_loop_stop(loop);
    return 0;
}

static gyre_loop *new_loop(void)
{
    gyre_loop *loop;

    trace[0] = '\0';
    assert_int_equal(
        gyre_loop_new(&(gyre_loop_options){.clock = GYRE_CLOCK_VIRTUAL, .direct_blocks = true},
                      &loop),
        0);
    return loop;
}

static void later(gyre_loop *loop, int64_t ms, gyre_callback *callback, const char *text,
                  gyre_handle **out_handle)
{
    assert_int_equal(
        gyre_call_later(loop, GYRE_MS(ms), callback, (void *)(uintptr_t)text, out_handle), 0);
}

static size_t timers(const gyre_loop *loop)
{
    gyre_loop_stats stats;

    gyre_loop_get_stats(loop, &stats);
    return stats.timers;
}

/* What is ready comes first; what either adds waits for the next iteration, due or not. */
static void test_order(void **state)
{
    gyre_loop *loop = new_loop();

    (void)state;
    later(loop, 0, note_and_add, "1", NULL);
    later(loop, 0, note, "2", NULL);
    gyre_call_soon(loop, note_and_add, (void *)(uintptr_t) "a", NULL);
    gyre_call_soon(loop, note, (void *)(uintptr_t) "b", NULL);
    assert_int_equal(gyre_loop_run_once(loop, 0), 1);
    assert_string_equal(trace, "ab12");
    assert_int_equal(gyre_loop_run_once(loop, 0), 1);
    assert_string_equal(trace, "ab12ssll");
    assert_int_equal(gyre_loop_run_once(loop, 0), 0);
    gyre_loop_close(loop);
}

/* Cancelled by one that is due before it, first, in the middle and last of several. */
static void test_cancelled_while_due(void **state)
{
    (void)state;
    for (int which = 0; which < 3; which++) {
        gyre_loop *loop = new_loop();

        later(loop, 5, cancel_victim, "c", NULL);
        for (int i = 0; i < 3; i++)
            later(loop, 5, note, i == 0 ? "1" : i == 1 ? "2" : "3", i == which ? &victim : NULL);
        assert_int_equal(timers(loop), 4);
        assert_int_equal(gyre_loop_run_once(loop, GYRE_FOREVER), 1);
        assert_int_equal(timers(loop), 0);
        assert_string_equal(trace, which == 0 ? "c23" : which == 1 ? "c13" : "c12");
        assert_true(gyre_handle_cancelled(victim));
        gyre_handle_unref(victim);
        later(loop, 1, note, "+", NULL);
        assert_int_equal(gyre_loop_run_once(loop, GYRE_FOREVER), 1);
        assert_int_equal(trace[3], '+');
        gyre_loop_close(loop);
    }
}

/* ... and by something that was ready: nothing else is due then. */
static void test_cancelled_by_ready(void **state)
{
    gyre_loop *loop = new_loop();

    (void)state;
    later(loop, 0, note, "x", &victim);
    gyre_call_soon(loop, cancel_victim, (void *)(uintptr_t) "c", NULL);
    assert_int_equal(gyre_loop_run_once(loop, 0), 1);
    assert_string_equal(trace, "c");
    gyre_handle_unref(victim);
    assert_int_equal(gyre_loop_run_once(loop, 0), 0);
    gyre_loop_close(loop);
}

/* Stopping lets the iteration finish: those that are due run, those that come due do not. */
static void test_stop(void **state)
{
    gyre_loop *loop = new_loop();

    (void)state;
    later(loop, 3, stop, "s", NULL);
    later(loop, 3, note, "1", NULL);
    later(loop, 4, note, "2", NULL);
    assert_int_equal(gyre_loop_run(loop), 0);
    assert_string_equal(trace, "s1");
    gyre_loop_close(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_cancelled_while_due),
        cmocka_unit_test(test_cancelled_by_ready),
        cmocka_unit_test(test_stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
