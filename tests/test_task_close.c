/*
 * Closing a loop with tasks in it: each runs to its end, whatever it waits for, and nothing is
 * left.
 */
#include <fcntl.h>
#include <unistd.h>

#include "../task/task_internal.h"
#include "support/in_task.h"

static gyre_await read_byte(int fd, char *byte)
{
    return gyre__park_op(
        gyre__task_running("read_byte"),
        &(gyre__request){
            .verb = GYRE__OP_READ, .fd = fd, .addr = byte, .length = 1, .offset = UINT64_MAX},
        &gyre__wait_op);
}

/* Waits in one of many ways; its cleanup tries to await, and traces what came of it. */
enum kind { SLEEP, FOREVER, YIELD, FUTURE, READ, STUBBORN, KINDS };

struct guest {
    gyre_frame frame;
    enum kind kind;
    int fd, i;
    char byte;
    gyre_future *future;
    int64_t rc;
};
GYRE_CORO(guest)
{
    GYRE_BEGIN;
    self->future = gyre_future_new(gyre_loop_current());
    if (self->kind == SLEEP)
        GYRE_TRY(gyre_sleep(GYRE_SECONDS(5)));
    if (self->kind == FOREVER)
        GYRE_TRY(gyre_sleep(GYRE_FOREVER));
    if (self->kind == YIELD)
        for (;;)
            GYRE_TRY(gyre_sleep(0));
    if (self->kind == FUTURE)
        GYRE_TRY(self->future);
    if (self->kind == READ)
        GYRE_TRY(read_byte(self->fd, &self->byte));
    if (self->kind == STUBBORN)
        for (self->i = 0; self->i < 1000; self->i++)
            GYRE_AWAIT(self->rc, gyre_sleep(1)); /* ignores its cancellation for a while */
    GYRE_RETURN(0);
    GYRE_FINALLY;
    GYRE_AWAIT(self->rc, gyre_sleep(1)); /* nothing waits any more */
    unit_trace("%d:%s", self->kind, gyre_err_name(self->rc));
    GYRE_AWAIT(self->rc, read_byte(self->fd, &self->byte));
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    assert_null(gyre_future_new(gyre_loop_current()));
    assert_null(GYRE_SPAWN(guest));
    assert_int_equal(gyre_call_soon(gyre_loop_current(), NULL, NULL, NULL), GYRE_ELOOPCLOSED);
    gyre_future_unref(self->future);
    GYRE_END;
}

static void whatever_they_wait_for(void **state)
{
    gyre_loop *loop = unit_loop();
    gyre_task *tasks[KINDS];
    int ends[2];

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    for (int i = 0; i < KINDS; i++)
        tasks[i] = GYRE_SPAWN_ON(loop, guest, .kind = i, .fd = ends[0]);
    for (int i = 0; i < 4; i++)
        gyre_loop_run_once(loop, 0);
    assert_int_equal(gyre_loop_close(loop), 0);
    for (int i = 0; i < KINDS; i++) {
        assert_true(gyre_task_done(tasks[i]));
        assert_int_equal(gyre_task_cancelled(tasks[i]), i != STUBBORN);
        gyre_task_unref(tasks[i]);
    }
    unit_assert_trace("2:GYRE_ECANCELLED 0:GYRE_ECANCELLED 1:GYRE_ECANCELLED 3:GYRE_ECANCELLED "
                      "5:GYRE_ECANCELLED 4:GYRE_ECANCELLED");
    close(ends[0]);
    close(ends[1]);
}

/* Before anything ran: no body starts, every cleanup does. */
struct never {
    gyre_frame frame;
    gyre_future *owned;
};
GYRE_CORO(never)
{
    GYRE_BEGIN;
    unit_trace("started");
    GYRE_FINALLY;
    unit_trace("cleanup");
    gyre_future_unref(self->owned);
    GYRE_END;
}

static void before_they_started(void **state)
{
    gyre_loop *loop = unit_loop();
    gyre_future *future = gyre_future_new(loop);
    gyre_task *task = GYRE_SPAWN_ON(loop, never, .owned = gyre_future_ref(future));

    (void)state;
    gyre_loop_close(loop);
    unit_assert_trace("cleanup");
    assert_true(gyre_task_cancelled(task));
    gyre_task_unref(task);
    gyre_future_unref(future);
}

/* Deep in calls, tasks that await tasks, and a cycle. */
struct knot {
    gyre_frame frame;
    gyre_task **other;
    int depth;
    int64_t rc;
};
GYRE_CORO(knot)
{
    GYRE_BEGIN;
    if (self->depth > 0)
        GYRE_TRY(GYRE_CALL(knot, .other = self->other, .depth = self->depth - 1));
    else
        GYRE_TRY(*self->other);
    GYRE_FINALLY;
    unit_trace("%d", self->depth);
    GYRE_END;
}

static void a_cycle_of_tasks(void **state)
{
    gyre_loop *loop = unit_loop();
    gyre_task *a = NULL, *b = NULL;

    (void)state;
    a = GYRE_SPAWN_ON(loop, knot, .other = &b, .depth = 2);
    b = GYRE_SPAWN_ON(loop, knot, .other = &a, .depth = 1);
    gyre_loop_run_once(loop, 0);
    gyre_loop_close(loop);
    assert_true(gyre_task_cancelled(a) && gyre_task_cancelled(b));
    gyre_task_unref(a);
    gyre_task_unref(b);
    unit_assert_trace("0 1 2 0 1");
}

/* Closing inside the closing is refused. */
struct closer {
    gyre_frame frame;
};
GYRE_CORO(closer)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(GYRE_FOREVER));
    GYRE_FINALLY;
    unit_trace("close:%s", gyre_err_name(gyre_loop_close(gyre_loop_current())));
    unit_trace("run:%s", gyre_err_name(gyre_loop_run(gyre_loop_current())));
    GYRE_END;
}

static void closing_does_not_nest(void **state)
{
    gyre_loop *loop = unit_loop();

    (void)state;
    gyre_task_unref(GYRE_SPAWN_ON(loop, closer));
    gyre_loop_run_once(loop, 0);
    gyre_loop_close(loop);
    unit_assert_trace("close:GYRE_ELOOPRUNNING run:GYRE_ELOOPCLOSED");
}

/* Errors that come up while the loop closes are reported still. */
struct failing {
    gyre_frame frame;
};
GYRE_CORO(failing)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(GYRE_FOREVER));
    GYRE_FINALLY;
    GYRE_RETURN(gyre_raise(gyre_error_new(-EIO, "in cleanup")));
    GYRE_END;
}

static void errors_are_reported(void **state)
{
    gyre_loop *loop = unit_loop();

    (void)state;
    unit_record_reports(loop);
    gyre_task_unref(GYRE_SPAWN_ON(loop, failing));
    gyre_loop_run_once(loop, 0);
    gyre_loop_close(loop);
    assert_int_equal(unit_reports(), 1);
    assert_string_equal(unit_last_report()->text, "in cleanup");
}

/* A task that goes on awaiting for ever is named, not waited for. */
struct immortal {
    gyre_frame frame;
    int64_t rc;
};
GYRE_CORO(immortal)
{
    GYRE_BEGIN;
    for (;;)
        GYRE_AWAIT(self->rc, gyre_sleep(1));
    GYRE_END;
}

static void close_with_immortal(void *arg)
{
    gyre_loop *loop = unit_loop();

    (void)arg;
    gyre_task_unref(
        GYRE_SPAWN_WITH(((gyre_spawn_options){.loop = loop, .name = "Methuselah"}), immortal));
    gyre_loop_run_once(loop, 0);
    gyre_loop_close(loop);
}

static void one_that_never_ends_aborts(void **state)
{
    (void)state;
    unit_assert_aborts(close_with_immortal, NULL, "gyre_loop_close: Methuselah (immortal)",
                       "goes on awaiting although its loop is being closed");
}

/* But many that each await a few times in their cleanup are no reason to abort. */
struct tidy {
    gyre_frame frame;
    int i;
    int64_t rc;
};
GYRE_CORO(tidy)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(GYRE_FOREVER));
    GYRE_FINALLY;
    for (self->i = 0; self->i < 12; self->i++)
        GYRE_AWAIT(self->rc, gyre_sleep(1));
    GYRE_END;
}

static void many_that_await_a_little(void **state)
{
    gyre_loop *loop = unit_loop();

    (void)state;
    for (int i = 0; i < 100000; i++)
        gyre_task_unref(GYRE_SPAWN_ON(loop, tidy));
    gyre_loop_run_once(loop, 0);
    gyre_loop_close(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_that_await_a_little),   cmocka_unit_test(whatever_they_wait_for),
        cmocka_unit_test(before_they_started),        cmocka_unit_test(a_cycle_of_tasks),
        cmocka_unit_test(closing_does_not_nest),      cmocka_unit_test(errors_are_reported),
        cmocka_unit_test(one_that_never_ends_aborts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
