/*
 * Awaiting jobs: results, errors, context, cancelling in every state, the end of loop and executor.
 */
#include <stdlib.h>

#include "support/gate.h"
#include "support/in_task.h"
#include "task/executor.h"
#include "task/timeout.h"

static struct gate door;

static int64_t add_one(void *arg)
{
    return *(int *)arg + 1;
}

static int64_t fail_with_text(void *arg)
{
    (void)arg;
    return gyre_raise(gyre_error_new(GYRE_EUSER(7), "the thread says no"));
}

/* Awaits a job with the gate. */
struct passer {
    gyre_frame frame;
    gyre_executor *executor;
    bool moved;
    gyre_job job;
};
GYRE_CORO(passer)
{
    GYRE_BEGIN;
    self->job = (gyre_job){.fn = gate_pass, .arg = &door, .drop = gate_drop};
    if (self->moved)
        self->job.release = gate_release;
    GYRE_TRY(gyre_run_in_executor(self->executor, &self->job));
    GYRE_RETURN(self->frame.result);
    GYRE_END;
}

static gyre_executor *new_executor(unsigned threads)
{
    const gyre_executor_options options = {.name = "test", .threads = threads};
    gyre_executor *executor;

    assert_int_equal(gyre_executor_new(&options, &executor), 0);
    return executor;
}

struct results {
    gyre_frame frame;
    int number;
    int64_t rc;
};
GYRE_CORO(results)
{
    GYRE_BEGIN;
    self->number = 41;
    GYRE_TRY(self->rc, gyre_to_thread(add_one, &self->number, NULL));
    assert_int_equal(self->rc, 42);
    GYRE_AWAIT(self->rc, gyre_to_thread(fail_with_text, NULL, NULL));
    assert_int_equal(self->rc, GYRE_EUSER(7));
    assert_string_equal(gyre_error_text(gyre_error_current()), "the thread says no");
    gyre_error_clear();
    assert_false(gyre_job_cancelled());
    GYRE_END;
}
TASK_TEST(results);

/* A job may have a loop of its own. */
struct inner {
    gyre_frame frame;
};
GYRE_CORO(inner)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    GYRE_TRY(gyre_to_thread(fail_with_text, NULL, NULL));
    GYRE_END;
}

static int64_t run_a_loop(void *arg)
{
    (void)arg;
    return GYRE_RUN(inner);
}

struct nested {
    gyre_frame frame;
    int64_t rc;
};
GYRE_CORO(nested)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc, gyre_to_thread(run_a_loop, NULL, NULL));
    assert_int_equal(self->rc, GYRE_EUSER(7));
    assert_string_equal(gyre_error_text(gyre_error_current()), "the thread says no");
    gyre_error_clear();
    GYRE_END;
}
TASK_TEST(nested);

/* ---- context variables ---- */

static atomic_int values_released;

static void release_value(void *value)
{
    (void)value;
    values_released++;
}

static gyre_context_var color = {"color", NULL, release_value};
static char red, green, blue;

static int64_t see_and_set_color(void *arg)
{
    (void)arg;
    if (gyre_context_get(&color) != &red)
        return GYRE_EUSER(1);
    if (gyre_context_set(&color, &green) < 0 || gyre_context_get(&color) != &green)
        return GYRE_EUSER(2);
    return 0;
}

static int64_t see_no_color(void *arg)
{
    (void)arg;
    if (gyre_context_get(&color) || gyre_context_set(&color, &blue) != GYRE_ENOTASK)
        return GYRE_EUSER(1);
    return 0;
}

struct context {
    gyre_frame frame;
};
GYRE_CORO(context)
{
    GYRE_BEGIN;
    values_released = 0;
    assert_int_equal(gyre_context_set(&color, &red), 0);
    GYRE_TRY(gyre_to_thread(see_and_set_color, NULL, NULL));
    assert_ptr_equal(gyre_context_get(&color), &red);
    assert_int_equal(values_released, 1); /* green was of the job's copy */
    GYRE_TRY(gyre_run_in_executor(NULL, &((gyre_job){.fn = see_no_color})));
    GYRE_END;
}
TASK_TEST(context);

/* ---- cancelling ---- */

/* One thread is inside the gate; a second job waits for it and is removed. */
struct cancel_queued {
    gyre_frame frame;
    gyre_executor *executor;
    gyre_task *first, *second;
    int64_t rc;
};
GYRE_CORO(cancel_queued)
{
    GYRE_BEGIN;
    gate_init(&door);
    self->executor = new_executor(1);
    self->first = GYRE_SPAWN(passer, .executor = self->executor);
    self->second = GYRE_SPAWN(passer, .executor = self->executor, .moved = true);
    GYRE_TRY(gyre_sleep(0));
    gate_await_jobs(&door, 1);
    gyre_task_cancel(self->second);
    assert_int_equal(door.released, 1); /* at once */
    GYRE_AWAIT(self->rc, self->second);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    gate_open(&door);
    GYRE_TRY(self->rc, self->first);
    assert_int_equal(self->rc, 42);
    assert_int_equal(door.inside, 1);
    GYRE_TRY(gyre_executor_shutdown(self->executor, GYRE_FOREVER, false));
    gyre_task_unref(self->first);
    gyre_task_unref(self->second);
    gyre_executor_unref(self->executor);
    GYRE_END;
}
TASK_TEST(cancel_queued);

/* A running job that owns its argument is left behind, and what it gives is dropped. */
struct cancel_moved {
    gyre_frame frame;
    gyre_executor *executor;
    gyre_task *task;
    int64_t rc;
};
GYRE_CORO(cancel_moved)
{
    GYRE_BEGIN;
    gate_init(&door);
    self->executor = new_executor(1);
    self->task = GYRE_SPAWN(passer, .executor = self->executor, .moved = true);
    GYRE_TRY(gyre_sleep(0));
    gate_await_jobs(&door, 1);
    gyre_task_cancel_with(self->task, NULL);
    GYRE_AWAIT(self->rc, self->task);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    assert_int_equal(door.left, 0);
    gate_open(&door);
    GYRE_TRY(self->rc, gyre_executor_shutdown(self->executor, GYRE_FOREVER, false));
    assert_int_equal(self->rc, 0);
    assert_int_equal(door.told, 1);
    assert_int_equal(door.released, 1);
    assert_int_equal(door.dropped, 1);
    gyre_task_unref(self->task);
    gyre_executor_unref(self->executor);
    GYRE_END;
}
TASK_TEST(cancel_moved);

/*
 * With a borrowed argument the await lasts until the function has returned; the message stays the
 * first.
 */
struct cancel_borrowed {
    gyre_frame frame;
    gyre_executor *executor;
    gyre_task *task;
    int64_t rc;
};
GYRE_CORO(cancel_borrowed)
{
    GYRE_BEGIN;
    gate_init(&door);
    door.until_told = true;
    self->executor = new_executor(1);
    self->task = GYRE_SPAWN(passer, .executor = self->executor);
    GYRE_TRY(gyre_sleep(0));
    gate_await_jobs(&door, 1);
    {
        gyre_error *why = gyre_error_new(GYRE_ECANCELLED, "enough");

        assert_int_equal(gyre_task_cancel_with(self->task, why), 1);
        assert_int_equal(gyre_task_cancel(self->task), 1);
        gyre_error_unref(why);
    }
    GYRE_AWAIT(self->rc, self->task);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    assert_string_equal(gyre_error_text(gyre_error_current()), "enough");
    gyre_error_clear();
    assert_int_equal(door.left, 1);
    assert_int_equal(door.told, 1);
    assert_int_equal(door.dropped, 1);
    GYRE_TRY(gyre_executor_shutdown(self->executor, GYRE_FOREVER, false));
    gyre_task_unref(self->task);
    gyre_executor_unref(self->executor);
    GYRE_END;
}
TASK_TEST(cancel_borrowed);

/* The job was done, but the task is cancelled before it hears of it. */
struct cancel_arrived {
    gyre_frame frame;
    gyre_executor *executor;
    gyre_task *task;
    int64_t rc;
};
GYRE_CORO(cancel_arrived)
{
    GYRE_BEGIN;
    gate_init(&door);
    gate_open(&door);
    self->executor = new_executor(1);
    self->task = GYRE_SPAWN(passer, .executor = self->executor);
    GYRE_TRY(gyre_sleep(0));
    assert_int_equal(gyre_executor_shutdown_blocking(self->executor, GYRE_FOREVER, false), 0);
    gyre_task_cancel(self->task);
    GYRE_AWAIT(self->rc, self->task);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    assert_int_equal(door.told, 0);
    GYRE_TRY(gyre_sleep(0));
    assert_int_equal(door.dropped, 1);
    gyre_task_unref(self->task);
    gyre_executor_unref(self->executor);
    GYRE_END;
}
TASK_TEST(cancel_arrived);

/* On the real clock, as a job that runs holds the virtual one. */
struct times_out {
    gyre_frame frame;
    int64_t rc;
};
GYRE_CORO(times_out)
{
    GYRE_BEGIN;
    gate_init(&door);
    door.until_told = true;
    GYRE_AWAIT(self->rc, gyre_wait_for(gyre_to_thread(gate_pass, &door, NULL), GYRE_MS(5)));
    assert_int_equal(self->rc, GYRE_ETIMEOUT);
    assert_int_equal(door.left, door.inside); /* 0 if it took so long to start a thread */
    GYRE_END;
}

static void run_times_out(void **state)
{
    (void)state;
    unit_forget_loops();
    assert_int_equal(GYRE_RUN(times_out), 0);
}

/* ---- the end of the loop ---- */

/* Closes the loop while the job runs. */
static void close_while_running(bool moved)
{
    gyre_executor *executor = new_executor(1);
    gyre_loop *loop = unit_loop();
    gyre_task *task;

    gate_init(&door);
    door.until_told = !moved;
    task = GYRE_SPAWN_ON(loop, passer, .executor = executor, .moved = moved);
    assert_true(gyre_loop_run_once(loop, 0) >= 0);
    gate_await_jobs(&door, 1);
    assert_int_equal(gyre_loop_close(loop), 0);
    assert_true(gyre_task_cancelled(task));
    assert_int_equal(door.left, moved ? 0 : 1); /* what is borrowed is waited for */
    gate_open(&door);
    assert_int_equal(gyre_executor_shutdown_blocking(executor, GYRE_FOREVER, false), 0);
    assert_int_equal(door.left, 1);
    assert_int_equal(door.told, 1);
    assert_int_equal(door.dropped, 1);
    assert_int_equal(door.released, moved ? 1 : 0);
    gyre_task_unref(task);
    gyre_executor_unref(executor);
}

static void test_loop_closes_around_a_moved_argument(void **state)
{
    (void)state;
    unit_forget_loops();
    close_while_running(true);
}

static void test_loop_closes_around_a_borrowed_argument(void **state)
{
    (void)state;
    close_while_running(false);
}

/* The run ends, but the job does not: it is abandoned, and somebody is told. */
struct leaves_a_job {
    gyre_frame frame;
};
GYRE_CORO(leaves_a_job)
{
    GYRE_BEGIN;
    gate_init(&door);
    GYRE_SPAWN_DETACHED(passer, .moved = true);
    GYRE_TRY(gyre_sleep(0));
    GYRE_TRY(gyre_sleep(0));
    gate_await_jobs(&door, 1);
    GYRE_END;
}

static void test_run_abandons_in_time(void **state)
{
    const gyre_run_options options = {.executor_timeout_ns = GYRE_MS(5), .on_loop = unit_on_loop};

    (void)state;
    assert_int_equal(GYRE_RUN_WITH(options, leaves_a_job), 0);
    assert_int_equal(unit_reports(), 1);
    assert_int_equal(unit_last_report()->code, GYRE_ETIMEOUT);
    assert_int_equal(door.left, 0);
    gate_open(&door);
    gate_await_dropped(&door, 1); /* the last that the thread does with it */
}

/* ---- the default executor ---- */

struct defaults {
    gyre_frame frame;
    gyre_executor *mine;
    int number;
    int64_t rc;
};
GYRE_CORO(defaults)
{
    GYRE_BEGIN;
    assert_non_null(gyre_loop_default_executor(gyre_loop_current()));
    self->mine = new_executor(1);
    assert_int_equal(gyre_loop_set_default_executor(gyre_loop_current(), self->mine), 0);
    assert_ptr_equal(gyre_loop_default_executor(gyre_loop_current()), self->mine);
    gyre_executor_unref(self->mine);
    GYRE_TRY(gyre_to_thread(add_one, &self->number, NULL));
    GYRE_TRY(self->rc, gyre_loop_shutdown_default_executor(GYRE_FOREVER));
    assert_int_equal(self->rc, 0);
    GYRE_AWAIT(self->rc, gyre_to_thread(add_one, &self->number, NULL));
    assert_int_equal(self->rc, GYRE_EEXECUTORSHUTDOWN);
    assert_null(gyre_loop_default_executor(gyre_loop_current()));
    GYRE_TRY(self->rc, gyre_loop_shutdown_default_executor(GYRE_FOREVER));
    assert_int_equal(self->rc, 0);
    GYRE_END;
}
TASK_TEST(defaults);

/* No thread can have a stack of that size. */
struct no_thread {
    gyre_frame frame;
    gyre_executor *executor;
    int64_t rc;
};
GYRE_CORO(no_thread)
{
    GYRE_BEGIN;
    gate_init(&door);
    {
        const gyre_executor_options options = {.stack_size = (size_t)1 << 62};

        assert_int_equal(gyre_executor_new(&options, &self->executor), 0);
    }
    GYRE_AWAIT(self->rc, GYRE_CALL(passer, .executor = self->executor, .moved = true));
    assert_int_equal(self->rc, -EAGAIN);
    assert_int_equal(door.released, 1);
    gyre_executor_unref(self->executor);
    GYRE_END;
}
TASK_TEST(no_thread);

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run_results),
        cmocka_unit_test(run_nested),
        cmocka_unit_test(run_context),
        cmocka_unit_test(run_cancel_queued),
        cmocka_unit_test(run_cancel_moved),
        cmocka_unit_test(run_cancel_borrowed),
        cmocka_unit_test(run_cancel_arrived),
        cmocka_unit_test(run_times_out),
        cmocka_unit_test(test_loop_closes_around_a_moved_argument),
        cmocka_unit_test(test_loop_closes_around_a_borrowed_argument),
        cmocka_unit_test(test_run_abandons_in_time),
        cmocka_unit_test(run_defaults),
        cmocka_unit_test(run_no_thread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
