/* Task groups: waiting, failing, cancelling, and what comes out in which order. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../loop/alloc.h"
#include "../task/async_generator.h"
#include "../task/group.h"
#include "../task/run.h"
#include "../task/sleep.h"
#include "../task/timeout.h"

#define DIRECT   ((gyre_run_options){.loop = {.clock = GYRE_CLOCK_VIRTUAL, .direct_blocks = true}})
#define RUN(...) GYRE_RUN_WITH(DIRECT, __VA_ARGS__)

static char trace[256];

static void note(const char *text)
{
    strncat(trace, text, sizeof(trace) - strlen(trace) - 1);
}

static int64_t now_ms(void)
{
    return (int64_t)(gyre_loop_time(gyre_loop_current()) / 1000000);
}

static unsigned requests(void)
{
    return gyre_task_cancelling(gyre_task_current());
}

/* Sleeps, then gives a result; notes its letter when it ends, in capitals if it was cancelled. */
struct child {
    gyre_frame frame;
    int64_t nap, result;
    int64_t instead; /* when cancelled */
    char letter;
    int64_t rc;
};
GYRE_CORO(child)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc, gyre_sleep(self->nap));
    note((char[]){(char)(self->rc < 0 ? self->letter - 32 : self->letter), '\0'});
    if (self->rc < 0)
        GYRE_RETURN(self->instead ? self->instead : self->rc);
    if (self->result < 0)
        GYRE_RETURN(gyre_raise(gyre_error_newf(self->result, "from %c", self->letter)));
    GYRE_RETURN(self->result);
    GYRE_END;
}

#define CHILD(group_, letter_, ms_, result_)                                                       \
    GYRE_GROUP_SPAWN_DETACHED((group_), child, .letter = (letter_), .nap = GYRE_MS(ms_),           \
                              .result = (result_))

/* The current detail is a group of these codes. */
static void expect_errors(size_t count, const int64_t *codes)
{
    gyre_error *detail = gyre_error_current();

    assert_int_equal(gyre_error_code(detail), GYRE_EGROUP);
    assert_int_equal(gyre_error_count(detail), count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(gyre_error_at(detail, i).code, codes[i]);
}
#define EXPECT_ERRORS(...)                                                                         \
    expect_errors(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t),                        \
                  (const int64_t[]){__VA_ARGS__})

/* ---- nobody fails ---- */

struct main_waits {
    gyre_frame frame;
    gyre_group group;
    gyre_task *task;
    int64_t rc;
};
GYRE_CORO(main_waits)
{
    GYRE_BEGIN;
    assert_int_equal(gyre_group_enter(&self->group), 0);
    assert_int_equal(gyre_group_enter(&self->group), GYRE_EGROUPSTATE);
    self->task =
        GYRE_GROUP_SPAWN(&self->group, child, .letter = 'a', .nap = GYRE_MS(5), .result = 7);
    assert_non_null(self->task);
    assert_true(CHILD(&self->group, 'b', 3, 0));
    assert_int_equal(gyre_group_error(&self->group), 0);
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    GYRE_AWAIT(self->rc, gyre_group_exit(&self->group, 42));
    assert_int_equal(self->rc, 42);
    assert_int_equal(now_ms(), 5);
    assert_string_equal(trace, "ba");
    assert_int_equal(gyre_task_result(self->task), 7);
    gyre_task_unref(self->task);
    /* It takes no more tasks now, but can be entered again. */
    assert_false(CHILD(&self->group, 'c', 0, 0));
    assert_int_equal(gyre_group_error(&self->group), GYRE_EGROUPSTATE);
    GYRE_AWAIT(self->rc, gyre_group_exit(&self->group, 43));
    assert_int_equal(self->rc, 43);
    assert_int_equal(gyre_group_enter(&self->group), 0);
    GYRE_AWAIT(self->rc, gyre_group_exit(&self->group, 44)); /* empty: at once */
    assert_int_equal(self->rc, 44);
    assert_int_equal(now_ms(), 5);
    GYRE_END;
}

static void test_waits(void **state)
{
    gyre_group group = {0};

    (void)state;
    trace[0] = '\0';
    assert_int_equal(gyre_group_enter(&group), GYRE_ENOTASK);
    assert_int_equal(RUN(main_waits), 0);
}

/* A child spawns while the parent waits for it. */
struct spawner {
    gyre_frame frame;
    gyre_group *group;
};
GYRE_CORO(spawner)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(GYRE_MS(2)));
    assert_true(CHILD(self->group, 'z', 2, 0));
    GYRE_END;
}

struct main_spawns_late {
    gyre_frame frame;
    gyre_group group;
};
GYRE_CORO(main_spawns_late)
{
    GYRE_BEGIN;
    assert_false(CHILD(&self->group, 'a', 0, 0)); /* not entered */
    assert_int_equal(gyre_group_error(&self->group), GYRE_EGROUPSTATE);
    gyre_group_enter(&self->group);
    GYRE_GROUP_SPAWN_DETACHED(&self->group, spawner, .group = &self->group);
    GYRE_TRY(gyre_group_exit(&self->group, 0));
    assert_int_equal(now_ms(), 4);
    assert_string_equal(trace, "z");
    GYRE_END;
}

static void test_spawns_while_waiting(void **state)
{
    (void)state;
    trace[0] = '\0';
    assert_int_equal(RUN(main_spawns_late), 0);
}

/* ---- failing ---- */

struct main_fails {
    gyre_frame frame;
    gyre_group group;
    gyre_task *task;
    int64_t rc;
};
GYRE_CORO(main_fails)
{
    GYRE_BEGIN;
    /* While the body waits: it is cancelled, the others too, in order of creation. */
    gyre_group_enter(&self->group);
    CHILD(&self->group, 'a', 50, 0);
    CHILD(&self->group, 'b', 3, -EIO);
    CHILD(&self->group, 'c', 50, 0);
    GYRE_AWAIT(self->rc, gyre_sleep(GYRE_MS(20)));
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    assert_int_equal(requests(), 1);
    assert_string_equal(trace, "bAC");
    assert_false(CHILD(&self->group, 'd', 0, 0));
    assert_int_equal(gyre_group_error(&self->group), GYRE_EGROUPSTATE);
    GYRE_AWAIT(self->rc, gyre_group_exit(&self->group, self->rc));
    assert_int_equal(self->rc, GYRE_EGROUP);
    EXPECT_ERRORS(-EIO);
    assert_string_equal(gyre_error_text(gyre_error_at(gyre_error_current(), 0).detail), "from b");
    assert_int_equal(requests(), 0); /* taken back */
    assert_int_equal(now_ms(), 3);
    /* While it is being left. */
    gyre_group_enter(&self->group);
    CHILD(&self->group, 'a', 50, 0);
    CHILD(&self->group, 'b', 3, -EPERM);
    GYRE_AWAIT(self->rc, gyre_group_exit(&self->group, 1));
    assert_int_equal(self->rc, GYRE_EGROUP);
    EXPECT_ERRORS(-EPERM);
    assert_int_equal(requests(), 0);
    /* Errors in the order in which they happen, those of the cleanup too. */
    gyre_group_enter(&self->group);
    self->task =
        GYRE_GROUP_SPAWN(&self->group, child, .letter = 'a', .nap = GYRE_MS(50), .instead = -EBUSY);
    CHILD(&self->group, 'b', 2, -EPERM);
    CHILD(&self->group, 'c', 2, -EIO);
    GYRE_AWAIT(self->rc, gyre_group_exit(&self->group, 1));
    EXPECT_ERRORS(-EPERM, -EIO, -EBUSY);
    assert_false(gyre_future_unretrieved(gyre_task_future(self->task)));
    gyre_task_unref(self->task);
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    GYRE_END;
}

static void test_fails(void **state)
{
    (void)state;
    trace[0] = '\0';
    assert_int_equal(RUN(main_fails), 0);
}

/* The body fails: its error is the last, and tasks that have not started never do. */
struct body_fails {
    gyre_frame frame;
    gyre_group group;
    int64_t rc;
};
GYRE_CORO(body_fails)
{
    GYRE_BEGIN;
    gyre_group_enter(&self->group);
    CHILD(&self->group, 'a', 5, 0);
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    CHILD(&self->group, 'b', 5, 0);
    GYRE_GROUP_SPAWN_DETACHED(&self->group, child, .letter = 'c', .nap = GYRE_MS(5),
                              .instead = -EIO);
    GYRE_RETURN(gyre_raise(gyre_error_new(GYRE_EUSER(1), "body")));
    GYRE_FINALLY;
    GYRE_AWAIT(self->rc, gyre_group_exit(&self->group, self->frame.value));
    GYRE_RETURN(self->rc);
    GYRE_END;
}

struct main_body_fails {
    gyre_frame frame;
    gyre_task *task;
    int64_t rc;
};
GYRE_CORO(main_body_fails)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc, GYRE_CALL(body_fails));
    assert_int_equal(self->rc, GYRE_EGROUP);
    EXPECT_ERRORS(GYRE_EUSER(1));
    assert_string_equal(gyre_error_text(gyre_error_at(gyre_error_current(), 0).detail), "body");
    assert_string_equal(trace, "A");
    assert_int_equal(now_ms(), 1);
    /* Through a task, too. */
    self->task = GYRE_SPAWN(body_fails);
    GYRE_AWAIT(self->rc, self->task);
    assert_int_equal(self->rc, GYRE_EGROUP);
    EXPECT_ERRORS(GYRE_EUSER(1));
    gyre_task_unref(self->task);
    GYRE_END;
}

static void test_body_fails(void **state)
{
    (void)state;
    trace[0] = '\0';
    assert_int_equal(RUN(main_body_fails), 0);
}

/* A cancelled child is no failure. */
struct main_child_cancelled {
    gyre_frame frame;
    gyre_group group;
    gyre_task *task;
};
GYRE_CORO(main_child_cancelled)
{
    GYRE_BEGIN;
    gyre_group_enter(&self->group);
    self->task = GYRE_GROUP_SPAWN(&self->group, child, .letter = 'a', .nap = GYRE_MS(5));
    CHILD(&self->group, 'b', 5, 0);
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    gyre_task_cancel(self->task);
    GYRE_TRY(gyre_group_exit(&self->group, 0));
    assert_string_equal(trace, "Ab");
    gyre_task_unref(self->task);
    GYRE_END;
}

static void test_child_cancelled(void **state)
{
    (void)state;
    trace[0] = '\0';
    assert_int_equal(RUN(main_child_cancelled), 0);
}

/* ---- cancelled from outside ---- */

struct parent {
    gyre_frame frame;
    int64_t body;    /* how long it sleeps in the group */
    int64_t instead; /* of the cancellation, in a child */
    gyre_group group;
    int64_t rc;
};
GYRE_CORO(parent)
{
    GYRE_BEGIN;
    gyre_group_enter(&self->group);
    CHILD(&self->group, 'a', 20, 0);
    GYRE_GROUP_SPAWN_DETACHED(&self->group, child, .letter = 'b', .nap = GYRE_MS(20),
                              .instead = self->instead);
    GYRE_AWAIT(self->rc, gyre_sleep(self->body));
    GYRE_AWAIT(self->rc, gyre_group_exit(&self->group, self->rc));
    if (self->rc == GYRE_EGROUP) {
        /* The cancellation comes with the next await. */
        EXPECT_ERRORS(-EIO);
        assert_int_equal(requests(), 1);
        GYRE_AWAIT(self->rc, gyre_sleep(GYRE_MS(1)));
        assert_int_equal(self->rc, GYRE_ECANCELLED);
    }
    GYRE_RETURN(self->rc);
    GYRE_END;
}

struct main_outside {
    gyre_frame frame;
    gyre_task *task;
    gyre_error *why;
    int64_t rc;
};
GYRE_CORO(main_outside)
{
    GYRE_BEGIN;
    self->why = gyre_error_new(GYRE_ECANCELLED, "enough");
    /* In the body, then while it leaves; its message comes out. */
    self->task = GYRE_SPAWN(parent, .body = GYRE_MS(9));
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    gyre_task_cancel_with(self->task, self->why);
    GYRE_AWAIT(self->rc, self->task);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    assert_string_equal(gyre_error_text(gyre_error_current()), "enough");
    assert_string_equal(trace, "AB");
    gyre_task_unref(self->task);
    self->task = GYRE_SPAWN(parent, .body = 0);
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    gyre_task_cancel_with(self->task, self->why);
    GYRE_AWAIT(self->rc, self->task);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    assert_string_equal(gyre_error_text(gyre_error_current()), "enough");
    assert_int_equal(gyre_task_cancelling(self->task), 1);
    gyre_task_unref(self->task);
    /* With a child that fails on the way. */
    self->task = GYRE_SPAWN(parent, .body = 0, .instead = -EIO);
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    gyre_task_cancel(self->task);
    GYRE_AWAIT(self->rc, self->task);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    gyre_task_unref(self->task);
    /* In the same iteration as a failing child: twice cancelled, once taken back. */
    self->task = GYRE_SPAWN(parent, .body = GYRE_MS(9), .instead = -EIO);
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    gyre_task_cancel(self->task);
    gyre_task_cancel(self->task);
    gyre_task_uncancel(self->task);
    GYRE_AWAIT(self->rc, self->task);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    gyre_task_unref(self->task);
    gyre_error_unref(self->why);
    GYRE_END;
}

static void test_cancelled_from_outside(void **state)
{
    (void)state;
    trace[0] = '\0';
    assert_int_equal(RUN(main_outside), 0);
}

/* ---- nested, and in timeouts ---- */

struct main_nested {
    gyre_frame frame;
    gyre_group outer, inner;
    int64_t rc;
};
GYRE_CORO(main_nested)
{
    GYRE_BEGIN;
    gyre_group_enter(&self->outer);
    CHILD(&self->outer, 'a', 3, -EPERM);
    gyre_group_enter(&self->inner);
    CHILD(&self->inner, 'b', 3, -EIO);
    GYRE_AWAIT(self->rc, gyre_group_exit(&self->inner, 0));
    assert_int_equal(self->rc, GYRE_EGROUP);
    EXPECT_ERRORS(-EIO);
    assert_int_equal(requests(), 1); /* that of the outer one */
    GYRE_AWAIT(self->rc, gyre_group_exit(&self->outer, self->rc));
    assert_int_equal(self->rc, GYRE_EGROUP);
    EXPECT_ERRORS(-EPERM, GYRE_EGROUP);
    assert_int_equal(gyre_error_at(gyre_error_at(gyre_error_current(), 1).detail, 0).code, -EIO);
    assert_int_equal(requests(), 0);
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    GYRE_END;
}

struct limited {
    gyre_frame frame;
    gyre_group group;
    int64_t rc;
    int64_t instead;
};
GYRE_CORO(limited)
{
    GYRE_BEGIN;
    gyre_group_enter(&self->group);
    GYRE_GROUP_SPAWN_DETACHED(&self->group, child, .letter = 'a', .nap = GYRE_MS(20),
                              .instead = self->instead);
    GYRE_AWAIT(self->rc, gyre_group_exit(&self->group, 0));
    GYRE_RETURN(self->rc);
    GYRE_END;
}

struct main_in_timeout {
    gyre_frame frame;
    gyre_group group;
    gyre_timeout timeout;
    int64_t rc;
};
GYRE_CORO(main_in_timeout)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc, gyre_wait_for(GYRE_CALL(limited), GYRE_MS(3)));
    assert_int_equal(self->rc, GYRE_ETIMEOUT);
    assert_string_equal(trace, "A");
    /* An error of a child has priority, and the request of the timeout is its own affair. */
    GYRE_AWAIT(self->rc, gyre_wait_for(GYRE_CALL(limited, .instead = -EIO), GYRE_MS(3)));
    assert_int_equal(self->rc, GYRE_EGROUP);
    EXPECT_ERRORS(-EIO);
    assert_int_equal(requests(), 0);
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    /* The other way round: the group sees a body that timed out. */
    gyre_group_enter(&self->group);
    CHILD(&self->group, 'b', 20, 0);
    gyre_timeout_enter(&self->timeout, GYRE_MS(3));
    GYRE_AWAIT(self->rc, gyre_sleep(GYRE_MS(20)));
    self->rc = gyre_timeout_exit(&self->timeout, self->rc);
    assert_int_equal(self->rc, GYRE_ETIMEOUT);
    GYRE_AWAIT(self->rc, gyre_group_exit(&self->group, self->rc));
    EXPECT_ERRORS(GYRE_ETIMEOUT);
    /* Leaving the group itself under a timeout. */
    gyre_group_enter(&self->group);
    CHILD(&self->group, 'c', 20, 0);
    GYRE_AWAIT(self->rc, gyre_wait_for(gyre_group_exit(&self->group, 0), GYRE_MS(3)));
    assert_int_equal(self->rc, GYRE_ETIMEOUT);
    gyre_group_enter(&self->group);
    CHILD(&self->group, 'd', 20, 0);
    GYRE_AWAIT(self->rc, gyre_wait_for(gyre_group_exit(&self->group, 0), 0));
    assert_int_equal(self->rc, GYRE_ETIMEOUT);
    assert_int_equal(requests(), 0);
    GYRE_END;
}

static void test_nested(void **state)
{
    (void)state;
    trace[0] = '\0';
    assert_int_equal(RUN(main_nested), 0);
    trace[0] = '\0';
    assert_int_equal(RUN(main_in_timeout), 0);
}

/* ---- eager children ---- */

struct main_eager {
    gyre_frame frame;
    gyre_group group;
    gyre_task *task;
    int64_t rc;
};
GYRE_CORO(main_eager)
{
    GYRE_BEGIN;
    gyre_group_enter(&self->group);
    self->task = GYRE_GROUP_SPAWN_WITH(
        &self->group, ((gyre_spawn_options){.eager = true, .name = "e"}), body_fails);
    assert_string_equal(gyre_task_name(self->task), "e");
    gyre_task_unref(self->task);
    assert_int_equal(requests(), 0);
    GYRE_AWAIT(self->rc, gyre_group_exit(&self->group, 0));
    EXPECT_ERRORS(GYRE_EGROUP);
    assert_int_equal(requests(), 0);
    GYRE_END;
}

/*
 * Done, with an error, before it is in the group: the parent is cancelled no sooner than with its
 * callback.
 */
struct fails_at_once {
    gyre_frame frame;
};
GYRE_CORO(fails_at_once)
{
    GYRE_BEGIN;
    GYRE_RETURN(-EIO);
    GYRE_END;
}

struct main_eager_fails {
    gyre_frame frame;
    gyre_group group;
    gyre_task *task;
    int64_t rc;
};
GYRE_CORO(main_eager_fails)
{
    GYRE_BEGIN;
    gyre_group_enter(&self->group);
    self->task =
        GYRE_GROUP_SPAWN_WITH(&self->group, ((gyre_spawn_options){.eager = true}), fails_at_once);
    assert_true(gyre_task_done(self->task));
    gyre_task_unref(self->task);
    assert_int_equal(requests(), 0);
    assert_true(CHILD(&self->group, 'a', 1, 0));
    GYRE_AWAIT(self->rc, gyre_sleep(0));
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    GYRE_AWAIT(self->rc, gyre_group_exit(&self->group, self->rc));
    EXPECT_ERRORS(-EIO);
    GYRE_END;
}

/* Cancels the group before it is in it. */
struct cancels_at_once {
    gyre_frame frame;
    gyre_group *group;
};
GYRE_CORO(cancels_at_once)
{
    GYRE_BEGIN;
    gyre_group_cancel(self->group);
    GYRE_TRY(gyre_sleep(GYRE_MS(9)));
    GYRE_END;
}

struct main_eager_cancels {
    gyre_frame frame;
    gyre_group group;
};
GYRE_CORO(main_eager_cancels)
{
    GYRE_BEGIN;
    gyre_group_enter(&self->group);
    assert_true(gyre__spawned(
        GYRE_GROUP_SPAWN_WITH(&self->group, ((gyre_spawn_options){.eager = true, .detached = true}),
                              cancels_at_once, .group = &self->group)));
    GYRE_TRY(gyre_group_exit(&self->group, 0));
    assert_int_equal(now_ms(), 0);
    GYRE_END;
}

static void test_eager(void **state)
{
    (void)state;
    trace[0] = '\0';
    assert_int_equal(RUN(main_eager), 0);
    assert_int_equal(RUN(main_eager_fails), 0);
    assert_int_equal(RUN(main_eager_cancels), 0);
}

/* ---- in an asynchronous generator, which one task steps into the group and another one out ---- */

struct in_group {
    gyre_frame frame;
    gyre_group group;
    int64_t result; /* of the child */
};
GYRE_CORO(in_group)
{
    GYRE_BEGIN;
    gyre_group_enter(&self->group);
    CHILD(&self->group, 'a', 5, self->result);
    GYRE_YIELD(1);
    GYRE_TRY(gyre_group_exit(&self->group, 0));
    note("|");
    GYRE_END;
}

struct stepper {
    gyre_frame frame;
    gyre_async_generator *generator;
};
GYRE_CORO(stepper)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_async_generator_next(self->generator));
    GYRE_END;
}

struct main_two_steppers {
    gyre_frame frame;
    gyre_async_generator *generator;
    gyre_task *task;
    int64_t result, rc;
};
GYRE_CORO(main_two_steppers)
{
    GYRE_BEGIN;
    self->generator = GYRE_ASYNC_GENERATOR(in_group, .result = self->result);
    self->task = GYRE_SPAWN(stepper, .generator = self->generator);
    GYRE_TRY(self->task);
    gyre_task_unref(self->task); /* the group keeps its parent */
    GYRE_AWAIT(self->rc, gyre_async_generator_next(self->generator));
    assert_int_equal(now_ms(), 5);
    gyre_async_generator_free(self->generator);
    GYRE_RETURN(self->rc == GYRE_ESTOPASYNCITERATION ? 0 : self->rc);
    GYRE_END;
}

static unsigned reported;

static void count_report(gyre_loop *loop, const gyre_exception_context *context, void *arg)
{
    (void)loop;
    (void)arg;
    if (context->code == -EIO || context->code == -EPERM)
        reported++;
}

static void handle_reports(gyre_loop *loop, void *arg)
{
    gyre_loop_set_exception_handler(loop, count_report, arg);
}

static void test_left_by_another(void **state)
{
    gyre_run_options options = DIRECT;

    (void)state;
    options.on_loop = handle_reports;
    trace[0] = '\0';
    reported = 0;
    assert_int_equal(GYRE_RUN_WITH(options, main_two_steppers, .result = 0), 0);
    assert_string_equal(trace, "a|");
    assert_int_equal(reported, 0);
    /* The parent has ended: there is nobody to cancel, and that is said. */
    assert_int_equal(GYRE_RUN_WITH(options, main_two_steppers, .result = -EIO), GYRE_EGROUP);
    EXPECT_ERRORS(-EIO);
    assert_string_equal(trace, "a|a");
    assert_int_equal(reported, 1);
}

/* ---- gyre_group_cancel ---- */

struct canceller {
    gyre_frame frame;
    gyre_group *group;
};
GYRE_CORO(canceller)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(GYRE_MS(2)));
    gyre_group_cancel(self->group);
    gyre_group_cancel(self->group);
    GYRE_END;
}

struct main_cancel {
    gyre_frame frame;
    gyre_group group, early;
    int64_t rc;
};
GYRE_CORO(main_cancel)
{
    GYRE_BEGIN;
    gyre_group_enter(&self->group);
    CHILD(&self->group, 'a', 20, 0);
    GYRE_GROUP_SPAWN_DETACHED(&self->group, canceller, .group = &self->group);
    GYRE_AWAIT(self->rc, gyre_sleep(GYRE_MS(20)));
    GYRE_AWAIT(self->rc, gyre_group_exit(&self->group, self->rc));
    assert_int_equal(self->rc, 0);
    assert_int_equal(requests(), 0);
    assert_int_equal(now_ms(), 2);
    gyre_group_cancel(&self->group); /* left: nothing happens */
    gyre_group_enter(&self->group);
    GYRE_GROUP_SPAWN_DETACHED(&self->group, canceller, .group = &self->group);
    GYRE_AWAIT(self->rc, gyre_group_exit(&self->group, 5));
    assert_int_equal(self->rc, 5);
    gyre_group_cancel(&self->early);
    gyre_group_enter(&self->early);
    GYRE_AWAIT(self->rc, gyre_sleep(GYRE_MS(1)));
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    GYRE_AWAIT(self->rc, gyre_group_exit(&self->early, self->rc));
    assert_int_equal(self->rc, 0);
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    GYRE_END;
}

static void test_cancel(void **state)
{
    (void)state;
    trace[0] = '\0';
    assert_int_equal(RUN(main_cancel), 0);
}

/* ---- shortage ---- */

static bool refuse_memory;

static void *scarce_alloc(void *context, size_t size)
{
    (void)context;
    return refuse_memory ? NULL : malloc(size);
}

static void *scarce_resize(void *context, void *block, size_t size)
{
    (void)context;
    return refuse_memory ? NULL : realloc(block, size);
}

static void scarce_release(void *context, void *block)
{
    (void)context;
    free(block);
}

struct main_shortage {
    gyre_frame frame;
    gyre_group group;
    int64_t rc;
};
GYRE_CORO(main_shortage)
{
    GYRE_BEGIN;
    gyre_loop_set_exception_handler(gyre_loop_current(), count_report, NULL);
    gyre_group_enter(&self->group);
    CHILD(&self->group, 'a', 1, -EIO);
    refuse_memory = true;
    assert_false(CHILD(&self->group, 'b', 1, 0));
    assert_int_equal(gyre_group_error(&self->group), -ENOMEM);
    /* Leaving needs no memory; what the detail cannot say is reported. */
    GYRE_AWAIT(self->rc, gyre_group_exit(&self->group, -EPERM));
    refuse_memory = false;
    assert_int_equal(self->rc, GYRE_EGROUP);
    assert_null(gyre_error_current());
    assert_int_equal(reported, 1); /* the child was cancelled before it failed */
    GYRE_END;
}

static void test_shortage(void **state)
{
    (void)state;
    trace[0] = '\0';
    gyre_set_allocator(&(gyre_allocator){scarce_alloc, scarce_resize, scarce_release, NULL});
    assert_int_equal(RUN(main_shortage), 0);
    gyre_set_allocator(NULL);
}

/* ---- closing the loop at any point ---- */

static void test_close_anywhere(void **state)
{
    const gyre_loop_options options = {.clock = GYRE_CLOCK_VIRTUAL, .direct_blocks = true};

    (void)state;
    for (unsigned iterations = 0; iterations < 12; iterations++) {
        gyre_loop *loop;

        assert_int_equal(gyre_loop_new(&options, &loop), 0);
        gyre_loop_set_exception_handler(loop, count_report, NULL);
        gyre_task_unref(GYRE_SPAWN_ON(loop, parent, .body = GYRE_MS(2)));
        gyre_task_unref(GYRE_SPAWN_ON(loop, parent, .body = 0));
        gyre_task_unref(GYRE_SPAWN_ON(loop, body_fails));
        gyre_task_unref(GYRE_SPAWN_ON(loop, limited));
        for (unsigned i = 0; i < iterations; i++)
            gyre_loop_run_once(loop, GYRE_FOREVER);
        assert_int_equal(gyre_loop_close(loop), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waits),           cmocka_unit_test(test_spawns_while_waiting),
        cmocka_unit_test(test_fails),           cmocka_unit_test(test_body_fails),
        cmocka_unit_test(test_child_cancelled), cmocka_unit_test(test_cancelled_from_outside),
        cmocka_unit_test(test_nested),          cmocka_unit_test(test_eager),
        cmocka_unit_test(test_cancel),          cmocka_unit_test(test_shortage),
        cmocka_unit_test(test_close_anywhere),  cmocka_unit_test(test_left_by_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
