/*
 * fork(): the child may only close the loop; using it aborts; the parent's goes on; new loops work.
 */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "../future/future.h"
#include "support/unit.h"

static void use_it(void *arg)
{
    gyre_call_soon(arg, unit_trace_callback, "x", NULL);
}

static void run_it(void *arg)
{
    gyre_loop_run_once(arg, 0);
}

static void set_future(void *arg)
{
    gyre_future_set_result(arg, 1);
}

static void using_it_in_the_child_aborts(void **state)
{
    gyre_loop *loop = unit_loop(), *fresh = unit_loop();
    gyre_future *future = gyre_future_new(loop);

    (void)state;
    gyre_loop_run_once(loop, 0);
    unit_assert_aborts(use_it, loop, "gyre_call_soon: the loop was made before fork()");
    unit_assert_aborts(run_it, loop, "gyre_loop_run: the loop was made before fork()");
    unit_assert_aborts(run_it, fresh, "made before fork()"); /* one that never ran, too */
    unit_assert_aborts(set_future, future, "made before fork()");
    gyre_future_unref(future);
    gyre_loop_close(fresh);
    gyre_loop_close(loop);
}

static int close_and_start_anew(void *arg)
{
    unsigned before = unit_descriptors();
    gyre_loop *loop;

    if (gyre_call_soon_threadsafe(arg, unit_trace_callback, "child") != GYRE_EFORKED)
        return 6;
    if (gyre_loop_current() || gyre_loop_close(arg) != 0)
        return 1;
    if (unit_descriptors() >= before)
        return 2;
    if (gyre_loop_new(NULL, &loop) < 0)
        return 3;
    gyre_call_soon(loop, unit_trace_callback, "child", NULL);
    if (gyre_loop_run_once(loop, 0) != 1)
        return 4;
    raise(SIGUSR1); /* the parent's handler was put back: ignored, as before the loop */
    return gyre_loop_close(loop) == 0 ? 0 : 5;
}

static void the_child_closes_it_and_makes_another(void **state)
{
    gyre_loop *loop = unit_loop_with(NULL);

    (void)state;
    signal(SIGUSR1, SIG_IGN);
    assert_int_equal(gyre_loop_add_signal_handler(loop, SIGUSR1, unit_trace_callback, "usr1"), 0);
    gyre_loop_run_once(loop, GYRE_US(10)); /* so that it has slept: its eventfd is armed */
    gyre_call_later(loop, GYRE_MS(1), unit_trace_callback, "timer", NULL);
    assert_int_equal(unit_in_child(close_and_start_anew, loop), 0);
    /* All is as it was here. */
    raise(SIGUSR1);
    for (int i = 0; i < 4; i++)
        gyre_loop_run_once(loop, GYRE_MS(1));
    unit_assert_trace("usr1 timer");
    gyre_loop_close(loop);
    signal(SIGUSR1, SIG_DFL);
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int64_t fork_inside(gyre_loop *loop, void *arg)
{
    *(int *)arg = unit_in_child(close_and_start_anew, loop);
    return gyre_call_soon(loop, unit_trace_callback, "parent", NULL);
}

static void forking_inside_a_callback(void **state)
{
    gyre_loop *loop = unit_loop();
    int status = -1;

    (void)state;
    signal(SIGUSR1, SIG_IGN);
    gyre_call_soon(loop, fork_inside, &status, NULL);
    unit_run_dry(loop);
    assert_int_equal(status, 0);
    assert_int_equal(unit_in_child(nothing, NULL), 0);
    unit_assert_trace("parent");
    gyre_loop_close(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(using_it_in_the_child_aborts),
        cmocka_unit_test(the_child_closes_it_and_makes_another),
        cmocka_unit_test(forking_inside_a_callback),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
