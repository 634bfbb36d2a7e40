/*
 * GYRE_FINALLY: on every way out, once; awaits in it; what replaces the result; errors caught and
 * passed on.
 */
#include "support/in_task.h"

/* How the body is left, and what the cleanup does. */
enum way { FALL, RETURN, ERROR, TRY, LOOP };
enum cleanup { NOTHING, VALUE, OTHER_ERROR, FAILING_TRY, SLEEP, CALL };

struct callee {
    gyre_frame frame;
    int64_t rc;
};
GYRE_CORO(callee)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc, gyre_sleep(1));
    unit_trace("callee:%s", gyre_err_name(self->rc));
    GYRE_RETURN(GYRE_EUSER(7));
    GYRE_END;
}

struct body {
    gyre_frame frame;
    enum way way;
    enum cleanup cleanup;
    int i;
    int64_t rc;
};
GYRE_CORO(body)
{
    GYRE_BEGIN;
    if (self->way == RETURN)
        GYRE_RETURN(1);
    if (self->way == ERROR)
        GYRE_RETURN(gyre_raise(gyre_error_new(GYRE_EUSER(1), "body")));
    if (self->way == TRY)
        GYRE_TRY(GYRE_CALL(callee));
    if (self->way == LOOP)
        for (self->i = 0; self->i < 10; self->i++) {
            if (self->i == 3)
                GYRE_RETURN(self->i);
            GYRE_TRY(gyre_sleep(0));
        }
    GYRE_FINALLY;
    unit_trace("finally");
    if (self->cleanup == VALUE)
        GYRE_RETURN(50);
    if (self->cleanup == OTHER_ERROR)
        GYRE_RETURN(gyre_raise(gyre_error_new(GYRE_EUSER(2), "cleanup")));
    if (self->cleanup == FAILING_TRY) {
        GYRE_TRY(GYRE_CALL(callee));
        unit_trace("never");
    }
    if (self->cleanup == SLEEP)
        GYRE_TRY(gyre_sleep(10));
    if (self->cleanup == CALL)
        GYRE_AWAIT(self->rc, GYRE_CALL(callee));
    unit_trace("end");
    GYRE_END;
}

/* One case: how, and what the caller gets. */
#define CASE(way_, cleanup_, result_, text_)                                                       \
    GYRE_AWAIT(self->rc, GYRE_CALL(body, .way = way_, .cleanup = cleanup_));                       \
    assert_int_equal(self->rc, result_);                                                           \
    assert_string_equal(self->rc < 0 ? gyre_error_text(gyre_error_current()) : "", text_);         \
    gyre_error_clear()

struct ways {
    gyre_frame frame;
    int64_t rc;
};
GYRE_CORO(ways)
{
    GYRE_BEGIN;
    CASE(FALL, NOTHING, 0, "");
    CASE(RETURN, NOTHING, 1, "");
    CASE(ERROR, NOTHING, GYRE_EUSER(1), "body");
    CASE(LOOP, NOTHING, 3, "");
    unit_assert_trace("finally end finally end finally end finally end");
    CASE(TRY, NOTHING, GYRE_EUSER(7), "");
    unit_assert_trace("callee:OK finally end");
    CASE(RETURN, VALUE, 50, "");
    CASE(ERROR, VALUE, 50, "");
    CASE(FALL, OTHER_ERROR, GYRE_EUSER(2), "cleanup");
    CASE(ERROR, OTHER_ERROR, GYRE_EUSER(2), "cleanup");
    unit_assert_trace("finally finally finally finally");
    CASE(ERROR, FAILING_TRY, GYRE_EUSER(7), "");
    unit_assert_trace("finally callee:OK");
    CASE(ERROR, SLEEP, GYRE_EUSER(1), "body");
    CASE(RETURN, CALL, 1, "");
    CASE(ERROR, CALL, GYRE_EUSER(1), "body"); /* the error it caught does not replace the result */
    unit_assert_trace("finally end finally callee:OK end finally callee:OK end");
    GYRE_RETURN(0);
    GYRE_END;
}
TASK_TEST(ways);

/*
 * Cancelled in the body: the cleanup may wait. Cancelled again in the cleanup: its await fails,
 * once.
 */
struct cleaner {
    gyre_frame frame;
    int64_t rc;
};
GYRE_CORO(cleaner)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(1000));
    GYRE_FINALLY;
    GYRE_AWAIT(self->rc, gyre_sleep(10));
    unit_trace("one:%s", gyre_err_name(self->rc));
    GYRE_AWAIT(self->rc, gyre_sleep(10));
    unit_trace("two:%s", gyre_err_name(self->rc));
    GYRE_END;
}

struct cancelling {
    gyre_frame frame;
    gyre_task *task;
    int64_t rc;
};
GYRE_CORO(cancelling)
{
    GYRE_BEGIN;
    self->task = GYRE_SPAWN(cleaner);
    GYRE_TRY(gyre_sleep(5));
    gyre_task_cancel(self->task);
    GYRE_AWAIT(self->rc, self->task);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    unit_assert_trace("one:OK two:OK");
    gyre_task_unref(self->task);
    self->task = GYRE_SPAWN(cleaner);
    GYRE_TRY(gyre_sleep(5));
    gyre_task_cancel(self->task);
    GYRE_TRY(gyre_sleep(5));
    gyre_task_cancel(self->task);
    GYRE_AWAIT(self->rc, self->task);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    unit_assert_trace("one:GYRE_ECANCELLED two:OK");
    gyre_task_unref(self->task);
    GYRE_RETURN(0);
    GYRE_END;
}
TASK_TEST(cancelling);

/* Without a cleanup section; with an empty body; with a cleanup only. */
struct bare {
    gyre_frame frame;
};
GYRE_CORO(bare)
{
    GYRE_BEGIN;
    GYRE_END;
}
struct only_cleanup {
    gyre_frame frame;
};
GYRE_CORO(only_cleanup)
{
    GYRE_BEGIN;
    GYRE_FINALLY;
    unit_trace("cleanup");
    GYRE_TRY(gyre_sleep(1));
    GYRE_RETURN(3);
    GYRE_END;
}

struct small_ones {
    gyre_frame frame;
    int64_t rc;
    gyre_task *task;
};
GYRE_CORO(small_ones)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc, GYRE_CALL(bare));
    assert_int_equal(self->rc, 0);
    GYRE_AWAIT(self->rc, GYRE_CALL(only_cleanup));
    assert_int_equal(self->rc, 3);
    self->task = GYRE_SPAWN(bare);
    gyre_task_cancel(self->task);
    GYRE_AWAIT(self->rc, self->task);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    gyre_task_unref(self->task);
    self->task = GYRE_SPAWN(only_cleanup);
    gyre_task_cancel(self->task);
    GYRE_AWAIT(self->rc, self->task);
    assert_int_equal(self->rc, 3); /* the cleanup's result replaces the cancellation */
    gyre_task_unref(self->task);
    unit_assert_trace("cleanup cleanup");
    GYRE_RETURN(0);
    GYRE_END;
}
TASK_TEST(small_ones);

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run_ways),
        cmocka_unit_test(run_cancelling),
        cmocka_unit_test(run_small_ones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
