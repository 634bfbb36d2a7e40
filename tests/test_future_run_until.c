/* Running a loop until a future is done: results, stops, deadlocks, wrong loops. */
#include "../future/future.h"
#include "../task/run.h"
#include "../task/sleep.h"
#include "support/unit.h"

struct sleeper {
    gyre_frame frame;
    int64_t result;
};
GYRE_CORO(sleeper)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(GYRE_MS(3)));
    GYRE_RETURN(self->result);
    GYRE_END;
}

static int64_t set(gyre_loop *loop, void *future)
{
    (void)loop;
    gyre_future_set_result(future, 12);
    return 0;
}

static int64_t stop(gyre_loop *loop, void *arg)
{
    (void)arg;
    gyre_loop_stop(loop);
    return 0;
}

static void gives_the_result(void **state)
{
    gyre_loop *loop = unit_loop();
    gyre_future *future = gyre_future_new(loop);
    gyre_task *task = GYRE_SPAWN_ON(loop, sleeper, .result = GYRE_EUSER(1));

    (void)state;
    unit_record_reports(loop);
    gyre_call_later(loop, 5, set, future, NULL);
    assert_int_equal(gyre_loop_run_until(loop, future), 12);
    assert_int_equal(gyre_loop_run_until(loop, future), 12); /* done already */
    assert_int_equal(gyre_loop_run_until(loop, gyre_task_future(task)), GYRE_EUSER(1));
    gyre_task_unref(task);
    gyre_future_unref(future);
    assert_int_equal(unit_reports(), 0);
    gyre_loop_close(loop);
}

static void stopped_before_it_is_done(void **state)
{
    gyre_loop *loop = unit_loop();
    gyre_future *future = gyre_future_new(loop);

    (void)state;
    gyre_call_soon(loop, stop, NULL, NULL);
    gyre_call_later(loop, 5, set, future, NULL);
    assert_int_equal(gyre_loop_run_until(loop, future), GYRE_ELOOPSTOPPED);
    assert_false(gyre_future_done(future));
    assert_int_equal(gyre_loop_run_until(loop, future), 12); /* its first stop callback is gone */
    gyre_future_unref(future);
    gyre_loop_close(loop);
}

static void other_refusals(void **state)
{
    gyre_loop *loop = unit_loop(), *other = unit_loop();
    gyre_future *future = gyre_future_new(other);

    (void)state;
    assert_int_equal(gyre_loop_run_until(loop, future), GYRE_EWRONGLOOP);
    assert_int_equal(gyre_loop_run_until(loop, NULL), -ENOMEM);
    gyre_future_unref(future);
    gyre_loop_close(other);
    gyre_loop_close(loop);
}

static void deadlocks_are_seen(void **state)
{
    gyre_loop *loop = unit_loop();
    gyre_future *future = gyre_future_new(loop);

    (void)state;
    unit_record_reports(loop);
    gyre_call_later(loop, 5, unit_trace_callback, "timer", NULL);
    gyre_call_later(loop, GYRE_FOREVER, unit_trace_callback, "never", NULL);
    assert_int_equal(gyre_loop_run_until(loop, future), GYRE_EDEADLOCK);
    unit_assert_trace("timer");
    assert_int_equal(unit_last_report()->code, GYRE_EDEADLOCK);
    gyre_loop_close(loop);
    gyre_future_unref(future);
}

static int64_t nested(gyre_loop *loop, void *future)
{
    assert_int_equal(gyre_loop_run_until(loop, future), GYRE_ELOOPRUNNING);
    return 0;
}

static void it_does_not_nest(void **state)
{
    gyre_loop *loop = unit_loop();
    gyre_future *future = gyre_future_new(loop);

    (void)state;
    gyre_call_soon(loop, nested, future, NULL);
    gyre_call_later(loop, 5, set, future, NULL);
    assert_int_equal(gyre_loop_run_until(loop, future), 12);
    gyre_future_unref(future);
    gyre_loop_close(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_result), cmocka_unit_test(stopped_before_it_is_done),
        cmocka_unit_test(other_refusals),   cmocka_unit_test(deadlocks_are_seen),
        cmocka_unit_test(it_does_not_nest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
