/* Deadlocks are reported: who waits for whom, where, and in which circle. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../future/gather.h"
#include "../task/group.h"
#include "../task/inspect.h"
#include "../task/lock.h"
#include "../task/run.h"
#include "../task/sleep.h"
#include "../task/timeout.h"

#define DIRECT   ((gyre_run_options){.loop = {.clock = GYRE_CLOCK_VIRTUAL, .direct_blocks = true}})
#define RUN(...) GYRE_RUN_WITH(DIRECT, __VA_ARGS__)

/* What the handler was told, and the dump at that moment. */
static struct report {
    unsigned deadlocks;
    char *dump;
    size_t size;
} report;

static void catch_deadlock(gyre_loop *loop, const gyre_exception_context *context, void *arg)
{
    FILE *out;

    (void)arg;
    if (context->code != GYRE_EDEADLOCK)
        return;
    report.deadlocks++;
    free(report.dump);
    out = open_memstream(&report.dump, &report.size);
    gyre_loop_dump(loop, out);
    fclose(out);
}

static void catch_reports(gyre_loop *loop, void *arg)
{
    (void)arg;
    gyre_loop_set_exception_handler(loop, catch_deadlock, NULL);
}

static int64_t run(int64_t (*start)(const gyre_run_options *options))
{
    gyre_run_options options = DIRECT;

    options.on_loop = catch_reports;
    free(report.dump);
    report = (struct report){0};
    return start(&options);
}

static void expect(const char *text)
{
    if (!strstr(report.dump, text))
        fail_msg("\"%s\" is not in:\n%s", text, report.dump);
}

static void expect_not(const char *text)
{
    if (strstr(report.dump, text))
        fail_msg("\"%s\" is in:\n%s", text, report.dump);
}

/* ---- nobody completes it ---- */

struct waits_future {
    gyre_frame frame;
    gyre_future *future;
};
GYRE_CORO(waits_future)
{
    GYRE_BEGIN;
    GYRE_TRY(self->future);
    GYRE_END;
}

struct main_future {
    gyre_frame frame;
    gyre_future *future;
    gyre_task *task;
    int64_t rc;
};
GYRE_CORO(main_future)
{
    GYRE_BEGIN;
    self->future = gyre_future_new(gyre_loop_current());
    gyre_future_set_name(self->future, "answer");
    self->task = GYRE_SPAWN(waits_future, .future = self->future);
    GYRE_TRY(self->task);
    GYRE_FINALLY;
    gyre_task_unref(self->task);
    gyre_future_unref(self->future);
    GYRE_END;
}

static int64_t run_future(const gyre_run_options *options)
{
    return GYRE_RUN_WITH(*options, main_future);
}

static void test_future(void **state)
{
    (void)state;
    assert_int_equal(run(run_future), GYRE_EDEADLOCK);
    assert_int_equal(report.deadlocks, 1);
    expect("2 tasks\n");
    expect("Task-1: waiting for task Task-2\n    main_future ");
    expect("Task-2: waiting for future answer made at ");
    expect("    waits_future ");
    expect("test_task_deadlock.c:");
    expect_not("wait for each other");
}

/* ---- circles ---- */

struct link {
    gyre_frame frame;
    gyre_task **next;
};
GYRE_CORO(link)
{
    GYRE_BEGIN;
    GYRE_TRY(*self->next);
    GYRE_END;
}

struct main_circle {
    gyre_frame frame;
    gyre_task *tasks[4];
    gyre_future *gather;
    int64_t rc;
};
GYRE_CORO(main_circle)
{
    GYRE_BEGIN;
    self->tasks[0] = GYRE_SPAWN(link, .next = &self->tasks[1]);
    self->tasks[1] = GYRE_SPAWN(link, .next = &self->tasks[2]);
    self->tasks[2] = GYRE_SPAWN(link, .next = &self->tasks[0]);
    self->tasks[3] = GYRE_SPAWN(link, .next = &self->tasks[1]);
    self->gather = gyre_gather(
        NULL, 2,
        (gyre_future *[]){gyre_task_future(self->tasks[3]), gyre_task_future(self->tasks[0])}, 0);
    GYRE_TRY(self->gather);
    GYRE_FINALLY;
    gyre_future_unref(self->gather);
    for (int i = 0; i < 4; i++)
        gyre_task_unref(self->tasks[i]);
    GYRE_END;
}

static int64_t run_circle(const gyre_run_options *options)
{
    return GYRE_RUN_WITH(*options, main_circle);
}

static void test_circle(void **state)
{
    (void)state;
    assert_int_equal(run(run_circle), GYRE_EDEADLOCK);
    expect("5 tasks\n");
    expect("Task-1: waiting for gather of task Task-5, task Task-2\n    main_circle ");
    expect("Task-2: waiting for task Task-3\n");
    expect("tasks that wait for each other:\n    Task-3 -> Task-4 -> Task-2 -> Task-3\n");
    assert_ptr_equal(strstr(report.dump, "->"), strstr(strstr(report.dump, "each other"), "->"));
}

/* A child of a group that waits for its parent. */
struct waits_parent {
    gyre_frame frame;
    gyre_task *parent;
};
GYRE_CORO(waits_parent)
{
    GYRE_BEGIN;
    GYRE_TRY(self->parent);
    GYRE_END;
}

struct main_group {
    gyre_frame frame;
    gyre_group group;
};
GYRE_CORO(main_group)
{
    GYRE_BEGIN;
    gyre_group_enter(&self->group);
    GYRE_GROUP_SPAWN_DETACHED(&self->group, waits_parent, .parent = gyre_task_current());
    GYRE_TRY(gyre_group_exit(&self->group, 0));
    GYRE_END;
}

static int64_t run_group(const gyre_run_options *options)
{
    return GYRE_RUN_WITH(*options, main_group);
}

static void test_group(void **state)
{
    (void)state;
    run(run_group);
    assert_true(report.deadlocks >
                0); /* cancelling the child asks the parent, which goes on waiting for it */
    expect("Task-1: waiting for the tasks of a group: task Task-2");
    expect("    Task-1 -> Task-2 -> Task-1\n");
}

/* ---- locks ---- */

struct takes {
    gyre_frame frame;
    gyre_lock *first, *second; /* second: may be NULL */
};
GYRE_CORO(takes)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_lock_acquire(self->first));
    GYRE_TRY(gyre_sleep(0));
    if (self->second)
        GYRE_TRY(gyre_lock_acquire(self->second));
    GYRE_END;
}

struct main_locks {
    gyre_frame frame;
    gyre_lock a, b, c;
    gyre_task *tasks[4];
    int64_t rc;
    int i;
};
GYRE_CORO(main_locks)
{
    char text[16];

    GYRE_BEGIN;
    gyre_lock_init(&self->a);
    gyre_lock_init(&self->b);
    gyre_lock_init(&self->c);
    self->tasks[0] = GYRE_SPAWN(takes, .first = &self->a, .second = &self->b);
    self->tasks[1] = GYRE_SPAWN(takes, .first = &self->b, .second = &self->a);
    self->tasks[2] = GYRE_SPAWN(takes, .first = &self->c); /* ends with it */
    self->tasks[3] = GYRE_SPAWN(takes, .first = &self->c);
    GYRE_TRY(self->tasks[2]);
    assert_string_equal(gyre_task_waits_for(self->tasks[2], text, sizeof(text)), "nothing");
    GYRE_TRY(gyre_sleep(GYRE_FOREVER));
    GYRE_FINALLY;
    for (self->i = 0; self->i < 4; self->i++)
        gyre_task_cancel(self->tasks[self->i]);
    for (self->i = 0; self->i < 4; self->i++)
        GYRE_AWAIT(self->rc, self->tasks[self->i]); /* the locks must outlive their waiters */
    for (self->i = 0; self->i < 4; self->i++)
        gyre_task_unref(self->tasks[self->i]);
    GYRE_END;
}

/* A lock is not recursive. */
struct main_twice {
    gyre_frame frame;
    gyre_lock lock;
};
GYRE_CORO(main_twice)
{
    GYRE_BEGIN;
    gyre_lock_init(&self->lock);
    GYRE_TRY(gyre_lock_acquire(&self->lock));
    GYRE_TRY(gyre_lock_acquire(&self->lock));
    GYRE_END;
}

static int64_t run_locks(const gyre_run_options *options)
{
    return GYRE_RUN_WITH(*options, main_locks);
}

static int64_t run_twice(const gyre_run_options *options)
{
    return GYRE_RUN_WITH(*options, main_twice);
}

static void test_locks(void **state)
{
    (void)state;
    assert_int_equal(run(run_locks), GYRE_EDEADLOCK);
    expect("Task-2: waiting for lock, held by task Task-3\n    takes ");
    expect("Task-3: waiting for lock, held by task Task-2\n    takes ");
    expect("Task-5: waiting for lock, held by a task that has ended\n    takes ");
    expect("tasks that wait for each other:\n    Task-2 -> Task-3 -> Task-2\n");
    assert_int_equal(run(run_twice), GYRE_EDEADLOCK);
    expect("Task-1: waiting for lock, held by itself\n    main_twice ");
    expect("    Task-1 -> Task-1\n");
}

/* The end of what a wait_for with nothing to wait for has cancelled. */
struct stubborn {
    gyre_frame frame;
    int64_t rc;
};
GYRE_CORO(stubborn)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc, gyre_sleep(GYRE_FOREVER));
    GYRE_AWAIT(self->rc, gyre_sleep(GYRE_FOREVER));
    GYRE_END;
}

struct main_ending {
    gyre_frame frame;
    gyre_task *task;
};
GYRE_CORO(main_ending)
{
    GYRE_BEGIN;
    self->task = GYRE_SPAWN(stubborn);
    GYRE_TRY(gyre_sleep(0));
    GYRE_TRY(gyre_wait_for(self->task, 0));
    GYRE_FINALLY;
    gyre_task_unref(self->task);
    GYRE_END;
}

static int64_t run_ending(const gyre_run_options *options)
{
    return GYRE_RUN_WITH(*options, main_ending);
}

static void test_ending(void **state)
{
    (void)state;
    assert_int_equal(run(run_ending), GYRE_EDEADLOCK);
    expect("Task-1: waiting for the end of what was cancelled: task Task-2\n    main_ending ");
    expect("Task-2: waiting for sleep without end, 1 cancel request\n    stubborn ");
}

/* On the real clock too: the SIGINT handler of the run hides nothing, one that somebody set does. */
struct main_real {
    gyre_frame frame;
    bool own_handler;
    gyre_future *future;
    int64_t rc;
};

static int64_t on_signal(gyre_loop *loop, void *arg)
{
    struct main_real *self = arg;

    (void)loop;
    return gyre_future_set_result(self->future, 5);
}

GYRE_CORO(main_real)
{
    GYRE_BEGIN;
    self->future = gyre_future_new(gyre_loop_current());
    if (self->own_handler) {
        gyre_loop_add_signal_handler(gyre_loop_current(), SIGINT, on_signal, self);
        if (fork() == 0) {
            usleep(20000);
            kill(getppid(), SIGINT);
            _exit(0);
        }
    }
    GYRE_AWAIT(self->rc, self->future);
    gyre_future_unref(self->future);
    GYRE_RETURN(self->rc);
    GYRE_END;
}

static int64_t run_real(const gyre_run_options *options)
{
    gyre_run_options real = *options;

    real.loop.clock = GYRE_CLOCK_REAL;
    return GYRE_RUN_WITH(real, main_real);
}

static int64_t run_real_handler(const gyre_run_options *options)
{
    gyre_run_options real = *options;

    real.loop.clock = GYRE_CLOCK_REAL;
    return GYRE_RUN_WITH(real, main_real, .own_handler = true);
}

static void test_real_clock(void **state)
{
    (void)state;
    assert_int_equal(run(run_real), GYRE_EDEADLOCK);
    expect("Task-1: waiting for future made at ");
    assert_int_equal(run(run_real_handler), 5);
    wait(NULL);
}

/* ---- no deadlock ---- */

struct main_timer {
    gyre_frame frame;
    gyre_future *future;
    int64_t rc;
};
GYRE_CORO(main_timer)
{
    GYRE_BEGIN;
    self->future = gyre_future_new(gyre_loop_current());
    GYRE_AWAIT(self->rc, gyre_wait_for(self->future, GYRE_MS(1)));
    gyre_future_unref(self->future);
    GYRE_RETURN(self->rc);
    GYRE_END;
}

static int64_t run_timer(const gyre_run_options *options)
{
    return GYRE_RUN_WITH(*options, main_timer);
}

static void test_timer_is_none(void **state)
{
    (void)state;
    assert_int_equal(run(run_timer), GYRE_ETIMEOUT);
    assert_int_equal(report.deadlocks, 0);
}

/* After the report the loop is as before: what it waits for can still come. */
static void test_goes_on(void **state)
{
    gyre_loop *loop;
    gyre_future *future;
    gyre_task *task;

    (void)state;
    report.deadlocks = 0;
    assert_int_equal(gyre_loop_new(&(gyre_loop_options){.clock = GYRE_CLOCK_VIRTUAL}, &loop), 0);
    catch_reports(loop, NULL);
    future = gyre_future_new(loop);
    task = GYRE_SPAWN_ON(loop, waits_future, .future = future);
    assert_int_equal(gyre_loop_run_until(loop, gyre_task_future(task)), GYRE_EDEADLOCK);
    assert_int_equal(gyre_loop_run(loop), GYRE_EDEADLOCK);
    assert_int_equal(report.deadlocks, 2);
    gyre_future_set_result(future, 1);
    assert_int_equal(gyre_loop_run_until(loop, gyre_task_future(task)), 0);
    gyre_task_unref(task);
    gyre_future_unref(future);
    gyre_loop_close(loop);
}

/* ---- texts and graphs ---- */

struct main_graph {
    gyre_frame frame;
    gyre_future *future, *gather;
    gyre_task *tasks[20];
    int i;
};
GYRE_CORO(main_graph)
{
    gyre_task *found[4];
    char text[64], *dump;
    size_t size;
    FILE *out;

    GYRE_BEGIN;
    self->future = gyre_future_new(gyre_loop_current());
    for (self->i = 0; self->i < 20; self->i++)
        self->tasks[self->i] = GYRE_SPAWN(waits_future, .future = self->future);
    GYRE_TRY(gyre_sleep(0));
    self->gather = gyre_gather(NULL, 20, (gyre_future **)self->tasks, 0);
    gyre_task_unref(GYRE_SPAWN(waits_future, .future = self->gather));
    gyre_task_unref(GYRE_SPAWN(waits_future, .future = gyre_task_future(self->tasks[0])));
    GYRE_TRY(gyre_sleep(0));
    assert_int_equal(gyre_task_awaited_by(self->tasks[0], found, 4), 2);
    assert_string_equal(gyre_task_name(found[0]), "Task-22");
    assert_string_equal(gyre_task_name(found[1]), "Task-23");
    assert_int_equal(gyre_task_awaited_by(self->tasks[1], found, 0), 1);
    /* Cut off, never written past the end. */
    memset(text, 'x', sizeof(text));
    gyre_task_waits_for(found[0], text, 17);
    assert_string_equal(text, "gather of task T");
    assert_int_equal(text[17], 'x');
    out = open_memstream(&dump, &size);
    gyre_task_print_graph(self->tasks[0], out);
    fclose(out);
    assert_non_null(strstr(dump, "Task-2: waiting for future made at"));
    assert_non_null(
        strstr(dump, "\n  awaited by\n    Task-22: waiting for gather of task Task-2, "));
    assert_non_null(strstr(dump, ", ...\n        waits_future "));
    assert_non_null(strstr(dump, "\n  awaited by\n    Task-23: waiting for task Task-2\n"));
    free(dump);
    gyre_future_set_result(self->future, 0);
    GYRE_TRY(self->gather);
    GYRE_FINALLY;
    gyre_future_unref(self->gather);
    gyre_future_unref(self->future);
    for (self->i = 0; self->i < 20; self->i++)
        gyre_task_unref(self->tasks[self->i]);
    GYRE_END;
}

static void test_graph(void **state)
{
    (void)state;
    assert_int_equal(RUN(main_graph), 0);
}

static int free_report(void **state)
{
    (void)state;
    free(report.dump);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_future),     cmocka_unit_test(test_circle),
        cmocka_unit_test(test_group),      cmocka_unit_test(test_ending),
        cmocka_unit_test(test_locks),      cmocka_unit_test(test_timer_is_none),
        cmocka_unit_test(test_goes_on),    cmocka_unit_test(test_graph),
        cmocka_unit_test(test_real_clock),
    };

    return cmocka_run_group_tests(tests, NULL, free_report);
}
