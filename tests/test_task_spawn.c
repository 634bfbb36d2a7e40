/* Tasks: when they start, results, names, who is current, all of them, detached and eager ones. */
#include "../task/run.h"
#include "../task/sleep.h"
#include "support/unit.h"

struct worker {
    gyre_frame frame;
    const char *word;
    int64_t delay, result;
};
GYRE_CORO(worker)
{
    GYRE_BEGIN;
    unit_trace("%s+", self->word);
    if (self->delay >= 0)
        GYRE_TRY(gyre_sleep(self->delay));
    unit_trace("%s-", self->word);
    GYRE_RETURN(self->result);
    GYRE_END;
}

static int64_t run_virtual(const gyre_coro *coro, const void *args)
{
    const gyre_run_options options = {.loop.clock = GYRE_CLOCK_VIRTUAL};

    return gyre__run(&options, coro, args, __FILE__, __LINE__);
}
#define RUN(name_) run_virtual(&name_##_coro, &(struct name_){.frame = {.coro = &name_##_coro}})

/* ---- order and results ---- */

struct order {
    gyre_frame frame;
    gyre_task *a, *b;
    int64_t rc;
};
GYRE_CORO(order)
{
    GYRE_BEGIN;
    self->a = GYRE_SPAWN(worker, .word = "a", .delay = 20, .result = 1);
    self->b = GYRE_SPAWN(worker, .word = "b", .delay = 10, .result = GYRE_EUSER(2));
    unit_trace("spawned");
    assert_false(gyre_task_done(self->a));
    assert_int_equal(gyre_task_result(self->a), GYRE_EINVALIDSTATE);
    GYRE_AWAIT(self->rc, self->a);
    assert_int_equal(self->rc, 1);
    assert_true(gyre_task_done(self->b));
    GYRE_AWAIT(self->rc, self->b);
    assert_int_equal(self->rc, GYRE_EUSER(2));
    GYRE_AWAIT(self->rc, self->b); /* again */
    assert_int_equal(self->rc, GYRE_EUSER(2));
    assert_int_equal(self->frame.result, GYRE_EUSER(2));
    assert_int_equal(gyre_task_result(self->b), GYRE_EUSER(2));
    GYRE_AWAIT(self->rc, (gyre_future *)NULL);
    assert_int_equal(self->rc, -ENOMEM);
    GYRE_AWAIT(self->rc, (gyre_task *)NULL);
    assert_int_equal(self->rc, -ENOMEM);
    GYRE_AWAIT(self->rc, gyre_task_current());
    assert_int_equal(self->rc, GYRE_ESELFAWAIT);
    gyre_task_unref(self->a);
    gyre_task_unref(self->b);
    GYRE_RETURN(99);
    GYRE_END;
}

static void start_in_the_next_iteration(void **state)
{
    (void)state;
    assert_int_equal(RUN(order), 99);
    unit_assert_trace("spawned a+ b+ b- a-");
}

/* ---- names, futures, loops, coroutines ---- */

struct names {
    gyre_frame frame;
    gyre_task *a, *b;
};
GYRE_CORO(names)
{
    GYRE_BEGIN;
    self->a = GYRE_SPAWN(worker, .word = "a");
    self->b = GYRE_SPAWN_WITH(((gyre_spawn_options){.name = "bob"}), worker, .word = "b");
    assert_string_equal(gyre_task_name(gyre_task_current()), "Task-1");
    assert_string_equal(gyre_task_name(self->a), "Task-2");
    assert_string_equal(gyre_task_name(self->b), "bob");
    assert_int_equal(gyre_task_set_name(self->b, "robert"), 0);
    assert_string_equal(gyre_task_name(self->b), "robert");
    assert_ptr_equal(gyre_task_loop(self->a), gyre_loop_current());
    assert_ptr_equal(gyre_task_coro(self->a), &worker_coro);
    assert_ptr_equal(gyre_future_task(gyre_task_future(self->a)), self->a);
    assert_null(gyre_future_task(NULL));
    assert_null(gyre_task_future(NULL));
    assert_int_equal(gyre_future_set_result(gyre_task_future(self->a), 1), GYRE_ESTATE);
    assert_int_equal(gyre_future_set_exception(gyre_task_future(self->a), -EIO, NULL), GYRE_ESTATE);
    GYRE_TRY(self->a);
    GYRE_TRY(self->b);
    assert_ptr_equal(gyre_task_coro(self->a), &worker_coro); /* of a finished one too */
    gyre_task_unref(self->a);
    gyre_task_unref(self->b);
    GYRE_RETURN(0);
    GYRE_END;
}

static void names_and_kin(void **state)
{
    (void)state;
    assert_int_equal(RUN(names), 0);
    unit_assert_trace("a+ b+ a- b-");
}

/* ---- the current task ---- */

static int64_t no_task_here(gyre_loop *loop, void *arg)
{
    (void)loop;
    (void)arg;
    assert_null(gyre_task_current());
    unit_trace("callback");
    return 0;
}

struct current {
    gyre_frame frame;
    gyre_task *me;
};
GYRE_CORO(current)
{
    GYRE_BEGIN;
    self->me = gyre_task_current();
    assert_non_null(self->me);
    gyre_call_soon(gyre_loop_current(), no_task_here, NULL, NULL);
    GYRE_TRY(gyre_sleep(0));
    assert_ptr_equal(gyre_task_current(), self->me);
    GYRE_RETURN(0);
    GYRE_END;
}

static void the_current_one(void **state)
{
    (void)state;
    assert_null(gyre_task_current());
    assert_int_equal(RUN(current), 0);
    assert_null(gyre_task_current());
    unit_assert_trace("callback");
}

/* ---- all of them ---- */

static bool trace_name(gyre_task *task, void *arg)
{
    unit_trace("%s", gyre_task_name(task));
    return strcmp(gyre_task_name(task), arg) != 0;
}

struct census {
    gyre_frame frame;
    gyre_task *tasks[3];
    gyre_loop_stats stats;
};
GYRE_CORO(census)
{
    GYRE_BEGIN;
    for (int i = 0; i < 3; i++)
        self->tasks[i] = GYRE_SPAWN(worker, .word = "w", .delay = i * 10);
    gyre_loop_each_task(gyre_loop_current(), trace_name, "none");
    gyre_loop_each_task(gyre_loop_current(), trace_name, "Task-2");
    gyre_loop_get_stats(gyre_loop_current(), &self->stats);
    assert_int_equal(self->stats.tasks, 4);
    GYRE_TRY(self->tasks[1]);
    gyre_loop_each_task(gyre_loop_current(), trace_name, "none");
    GYRE_TRY(self->tasks[2]);
    for (int i = 0; i < 3; i++)
        gyre_task_unref(self->tasks[i]);
    GYRE_RETURN(0);
    GYRE_END;
}

static void all_unfinished_ones(void **state)
{
    (void)state;
    assert_int_equal(RUN(census), 0);
    unit_assert_trace("Task-1 Task-2 Task-3 Task-4 Task-1 Task-2 w+ w+ w+ w- w- Task-1 Task-4 w-");
}

/* ---- detached ---- */

struct detacher {
    gyre_frame frame;
};
GYRE_CORO(detacher)
{
    GYRE_BEGIN;
    assert_true(GYRE_SPAWN_DETACHED(worker, .word = "ok", .delay = 5));
    assert_true(GYRE_SPAWN_DETACHED(worker, .word = "bad", .delay = 1, .result = GYRE_EUSER(5)));
    unit_record_reports(gyre_loop_current());
    GYRE_TRY(gyre_sleep(3));
    assert_int_equal(unit_reports(), 1); /* as soon as it ends */
    assert_int_equal(unit_last_report()->code, GYRE_EUSER(5));
    assert_string_equal(unit_last_report()->message, "error of a task was never retrieved");
    assert_string_equal(unit_last_report()->name, "Task-3");
    GYRE_TRY(gyre_sleep(10));
    assert_int_equal(unit_reports(), 1);
    GYRE_RETURN(0);
    GYRE_END;
}

static void detached_ones(void **state)
{
    (void)state;
    assert_int_equal(RUN(detacher), 0);
    unit_assert_trace("ok+ bad+ bad- ok-");
}

/* ---- eager ---- */

struct eager {
    gyre_frame frame;
    gyre_task *a, *b, *me;
};
GYRE_CORO(eager)
{
    GYRE_BEGIN;
    self->me = gyre_task_current();
    self->a = GYRE_SPAWN_WITH(((gyre_spawn_options){.eager = true}), worker, .word = "a",
                              .delay = -1, .result = 5);
    unit_trace("|");
    assert_true(gyre_task_done(self->a)); /* it did not suspend, so it ended in the call */
    assert_int_equal(gyre_task_result(self->a), 5);
    assert_ptr_equal(gyre_task_current(), self->me);
    self->b = GYRE_SPAWN_WITH(((gyre_spawn_options){.eager = true}), worker, .word = "b",
                              .delay = 5, .result = GYRE_EUSER(1));
    unit_trace("|");
    assert_false(gyre_task_done(self->b));
    GYRE_SPAWN_DETACHED(worker, .word = "c", .delay = -1);
    (void)!GYRE_SPAWN_WITH(((gyre_spawn_options){.eager = true, .detached = true}), worker,
                           .word = "d", .delay = -1);
    GYRE_AWAIT(self->frame.result, self->b);
    assert_int_equal(self->frame.result, GYRE_EUSER(1));
    gyre_task_unref(self->a);
    gyre_task_unref(self->b);
    GYRE_RETURN(0);
    GYRE_END;
}

static void eager_ones(void **state)
{
    (void)state;
    assert_int_equal(RUN(eager), 0);
    unit_assert_trace("a+ a- | b+ | d+ d- c+ c- b-");
}

/* On a loop that does not run yet an eager task starts as any other. */
static void eager_before_the_loop_runs(void **state)
{
    gyre_loop *loop = unit_loop();
    gyre_task *task =
        GYRE_SPAWN_WITH(((gyre_spawn_options){.loop = loop, .eager = true}), worker, .word = "x");

    (void)state;
    unit_assert_trace("");
    assert_int_equal(gyre_loop_run_until(loop, gyre_task_future(task)), 0);
    unit_assert_trace("x+ x-");
    gyre_task_unref(task);
    gyre_loop_close(loop);
}

/* ---- outside ---- */

static void a_task_outlives_its_loop(void **state)
{
    gyre_loop *loop = unit_loop();
    gyre_task *done = GYRE_SPAWN_ON(loop, worker, .word = "done", .result = 3);
    gyre_task *left = GYRE_SPAWN_ON(loop, worker, .word = "left", .delay = 5);

    (void)state;
    assert_int_equal(gyre_loop_run_until(loop, gyre_task_future(done)), 3);
    gyre_loop_close(loop);
    unit_assert_trace("done+ left+ done-");
    assert_int_equal(gyre_task_result(done), 3);
    assert_true(gyre_task_cancelled(left));
    assert_string_equal(gyre_task_name(left), "Task-2");
    assert_int_equal(gyre_task_cancel(left), 0);
    assert_null(GYRE_SPAWN_ON(loop, worker, .word = "late"));
    gyre_task_unref(done);
    gyre_task_unref(gyre_task_ref(left));
    gyre_task_unref(left);
    gyre_task_unref(NULL);
}

static void spawn_nowhere(void *arg)
{
    (void)arg;
    (void)!GYRE_SPAWN(worker, .word = "");
}

static void await_nowhere(void *arg)
{
    (void)arg;
    (void)!gyre_sleep(1).pending;
}

static int64_t await_in_callback(gyre_loop *loop, void *arg)
{
    (void)loop;
    await_nowhere(arg);
    return 0;
}

static void run_callback(void *arg)
{
    gyre_loop *loop = unit_loop();

    gyre_call_soon(loop, await_in_callback, arg, NULL);
    gyre_loop_run_once(loop, 0);
}

static void outside_of_tasks(void **state)
{
    (void)state;
    unit_assert_aborts(spawn_nowhere, NULL,
                       "test_task_spawn.c:", "GYRE_SPAWN where no loop is running");
    unit_assert_aborts(await_nowhere, NULL, "gyre_sleep", "awaited where no task is running");
    unit_assert_aborts(run_callback, NULL, "gyre_sleep", "awaited where no task is running");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start_in_the_next_iteration),
        cmocka_unit_test(names_and_kin),
        cmocka_unit_test(the_current_one),
        cmocka_unit_test(all_unfinished_ones),
        cmocka_unit_test(detached_ones),
        cmocka_unit_test(eager_ones),
        cmocka_unit_test(eager_before_the_loop_runs),
        cmocka_unit_test(a_task_outlives_its_loop),
        cmocka_unit_test(outside_of_tasks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
