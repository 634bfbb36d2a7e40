/* Eager starts, and factories that make every task start so, or not at all. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../task/factory.h"
#include "../task/group.h"
#include "../task/run.h"
#include "../task/sleep.h"

#define DIRECT   ((gyre_run_options){.loop = {.clock = GYRE_CLOCK_VIRTUAL, .direct_blocks = true}})
#define RUN(...) GYRE_RUN_WITH(DIRECT, __VA_ARGS__)
#define EAGER    ((gyre_spawn_options){.eager = true})
#define LAZY     ((gyre_spawn_options){.lazy = true})

static char trace[128];

static void note(char letter)
{
    strncat(trace, (char[]){letter, '\0'}, sizeof(trace) - strlen(trace) - 1);
}

static size_t tasks(void)
{
    gyre_loop_stats stats;

    gyre_loop_get_stats(gyre_loop_current(), &stats);
    return stats.tasks;
}

/* Notes its letter, sleeps unless nap is negative, notes it again in capitals. */
struct letter {
    gyre_frame frame;
    char letter;
    int64_t nap, result;
};
GYRE_CORO(letter)
{
    GYRE_BEGIN;
    note(self->letter);
    if (self->nap >= 0)
        GYRE_TRY(gyre_sleep(self->nap));
    note((char)(self->letter - 32));
    if (self->result < 0)
        GYRE_RETURN(gyre_raise(gyre_error_new(self->result, "first step")));
    GYRE_RETURN(self->result);
    GYRE_END;
}

/* What it sees in its first step. */
struct looks {
    gyre_frame frame;
    gyre_task *spawner;
    size_t tasks_before;
};
GYRE_CORO(looks)
{
    GYRE_BEGIN;
    assert_non_null(gyre_task_current());
    assert_ptr_not_equal(gyre_task_current(), self->spawner);
    assert_string_equal(gyre_task_name(gyre_task_current()), "looker");
    assert_int_equal(tasks(), self->tasks_before + 1);
    assert_null(gyre_error_current());
    GYRE_RETURN(gyre_raise(gyre_error_new(-EIO, "looked")));
    GYRE_END;
}

struct main_first_step {
    gyre_frame frame;
    gyre_task *task;
    int64_t rc;
};
GYRE_CORO(main_first_step)
{
    GYRE_BEGIN;
    /* No await: done at once. */
    self->task = GYRE_SPAWN_WITH(EAGER, letter, .letter = 'a', .nap = -1, .result = 5);
    note('.');
    assert_true(gyre_task_done(self->task));
    assert_int_equal(gyre_task_result(self->task), 5);
    assert_int_equal(tasks(), 1);
    gyre_task_unref(self->task);
    /* It suspends, and goes on as others do. */
    self->task = GYRE_SPAWN_WITH(EAGER, letter, .letter = 'b', .nap = 0, .result = 6);
    note('.');
    assert_false(gyre_task_done(self->task));
    GYRE_TRY(self->rc, self->task);
    assert_int_equal(self->rc, 6);
    assert_string_equal(trace, "aA.b.B");
    gyre_task_unref(self->task);
    /* Current task, all tasks, error details: each task has its own. */
    GYRE_AWAIT(self->rc, GYRE_CALL(letter, .letter = 'c', .nap = -1, .result = -EPERM));
    self->task = GYRE_SPAWN_WITH(((gyre_spawn_options){.eager = true, .name = "looker"}), looks,
                                 .spawner = gyre_task_current(), .tasks_before = tasks());
    assert_string_equal(gyre_error_text(gyre_error_current()), "first step");
    assert_true(gyre_task_done(self->task));
    GYRE_AWAIT(self->rc, self->task);
    assert_int_equal(self->rc, -EIO);
    assert_string_equal(gyre_error_text(gyre_error_current()), "looked");
    gyre_task_unref(self->task);
    GYRE_END;
}

static void test_first_step(void **state)
{
    (void)state;
    trace[0] = '\0';
    assert_int_equal(RUN(main_first_step), 0);
}

struct main_order {
    gyre_frame frame;
};
GYRE_CORO(main_order)
{
    GYRE_BEGIN;
    gyre_task_unref(GYRE_SPAWN(letter, .letter = 'a'));
    gyre_task_unref(GYRE_SPAWN_WITH(EAGER, letter, .letter = 'b'));
    gyre_task_unref(GYRE_SPAWN(letter, .letter = 'c'));
    gyre_task_unref(GYRE_SPAWN_WITH(EAGER, letter, .letter = 'd'));
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    assert_string_equal(trace, "bdaBcDAC");
    GYRE_END;
}

static void test_order(void **state)
{
    (void)state;
    trace[0] = '\0';
    assert_int_equal(RUN(main_order), 0);
}

/* ---- cancelling ---- */

struct suicidal {
    gyre_frame frame;
    int64_t rc;
};
GYRE_CORO(suicidal)
{
    GYRE_BEGIN;
    gyre_task_cancel(gyre_task_current());
    GYRE_AWAIT(self->rc, gyre_sleep(GYRE_MS(1)));
    GYRE_RETURN(self->rc);
    GYRE_END;
}

struct main_cancel {
    gyre_frame frame;
    gyre_task *task;
    int64_t rc;
};
GYRE_CORO(main_cancel)
{
    GYRE_BEGIN;
    self->task = GYRE_SPAWN_WITH(EAGER, suicidal);
    assert_int_equal(gyre_task_cancelling(gyre_task_current()), 0);
    assert_false(gyre_task_done(self->task));
    GYRE_AWAIT(self->rc, self->task);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    assert_int_equal(gyre_loop_time(gyre_loop_current()), 0);
    gyre_task_unref(self->task);
    self->task = GYRE_SPAWN_WITH(EAGER, letter, .letter = 'a', .nap = GYRE_MS(10));
    gyre_task_cancel(self->task);
    GYRE_AWAIT(self->rc, self->task);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    assert_string_equal(trace, "a");
    gyre_task_unref(self->task);
    GYRE_END;
}

static void test_cancelled(void **state)
{
    (void)state;
    trace[0] = '\0';
    assert_int_equal(RUN(main_cancel), 0);
}

/* ---- from a callback, from an eager task, outside of a run ---- */

static int64_t spawn_in_callback(gyre_loop *loop, void *arg)
{
    gyre_task **out = arg;

    (void)loop;
    assert_null(gyre_task_current());
    *out = GYRE_SPAWN_WITH(EAGER, letter, .letter = 'k');
    assert_null(gyre_task_current());
    note('.');
    return 0;
}

struct spawner {
    gyre_frame frame;
    unsigned depth;
};
GYRE_CORO(spawner)
{
    GYRE_BEGIN;
    note((char)('a' + self->depth));
    if (self->depth < 3)
        assert_true(
            gyre__spawned(GYRE_SPAWN_WITH(((gyre_spawn_options){.eager = true, .detached = true}),
                                          spawner, .depth = self->depth + 1)));
    if (self->depth % 2)
        GYRE_TRY(gyre_sleep(0));
    note((char)('A' + self->depth));
    GYRE_END;
}

struct main_places {
    gyre_frame frame;
    gyre_task *task;
};
GYRE_CORO(main_places)
{
    GYRE_BEGIN;
    gyre_call_soon(gyre_loop_current(), spawn_in_callback, &self->task, NULL);
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    assert_string_equal(trace, "k.K");
    assert_true(gyre_task_done(self->task));
    gyre_task_unref(self->task);
    gyre_task_unref(GYRE_SPAWN_WITH(EAGER, spawner));
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    assert_string_equal(trace, "k.KabcdCADB");
    GYRE_END;
}

static void test_places(void **state)
{
    gyre_loop *loop;
    gyre_task *task;

    (void)state;
    trace[0] = '\0';
    assert_int_equal(RUN(main_places), 0);
    /* While the loop does not run, nothing starts. */
    trace[0] = '\0';
    assert_int_equal(gyre_loop_new(&(gyre_loop_options){.clock = GYRE_CLOCK_VIRTUAL}, &loop), 0);
    task =
        GYRE_SPAWN_WITH(((gyre_spawn_options){.loop = loop, .eager = true}), letter, .letter = 'a');
    assert_string_equal(trace, "");
    assert_int_equal(gyre_loop_run_until(loop, gyre_task_future(task)), 0);
    assert_string_equal(trace, "aA");
    gyre_task_unref(task);
    gyre_loop_close(loop);
}

/* ---- context variables ---- */

static gyre_context_var variable;

struct sets {
    gyre_frame frame;
};
GYRE_CORO(sets)
{
    GYRE_BEGIN;
    assert_string_equal(gyre_context_get(&variable), "outer");
    assert_int_equal(gyre_context_set(&variable, (void *)(uintptr_t) "inner"), 0);
    GYRE_TRY(gyre_sleep(0));
    assert_string_equal(gyre_context_get(&variable), "inner");
    GYRE_END;
}

struct main_context {
    gyre_frame frame;
    gyre_task *task;
};
GYRE_CORO(main_context)
{
    GYRE_BEGIN;
    assert_int_equal(gyre_context_set(&variable, (void *)(uintptr_t) "outer"), 0);
    self->task = GYRE_SPAWN_WITH(EAGER, sets);
    assert_string_equal(gyre_context_get(&variable), "outer");
    GYRE_TRY(self->task);
    assert_string_equal(gyre_context_get(&variable), "outer");
    gyre_task_unref(self->task);
    GYRE_END;
}

static void test_context(void **state)
{
    (void)state;
    assert_int_equal(RUN(main_context), 0);
}

/* ---- factories ---- */

struct counts {
    unsigned made, refused;
    unsigned limit;
};

static gyre_task *counting_factory(gyre_loop *loop, const gyre_spawn_options *options,
                                   const gyre_coro *coro, const void *args, const char *file,
                                   unsigned line, void *arg)
{
    struct counts *counts = arg;
    gyre_spawn_options own = *options;

    assert_ptr_equal(options->loop, loop);
    assert_non_null(strstr(file, "test_task_eager.c"));
    assert_int_not_equal(line, 0);
    if (counts->made >= counts->limit) {
        counts->refused++;
        return NULL;
    }
    counts->made++;
    if (!own.name)
        own.name = coro->name;
    return gyre_task_new(&own, coro, args, file, line);
}

static struct counts counts;

struct main_factory {
    gyre_frame frame;
    gyre_group group;
    gyre_task *task;
};
GYRE_CORO(main_factory)
{
    GYRE_BEGIN;
    assert_null(gyre_loop_get_task_factory(gyre_loop_current()));
    counts = (struct counts){.limit = 3};
    assert_int_equal(gyre_loop_set_task_factory(gyre_loop_current(), counting_factory, &counts), 0);
    assert_ptr_equal(gyre_loop_get_task_factory(gyre_loop_current()), counting_factory);
    self->task = GYRE_SPAWN(letter, .letter = 'a');
    assert_string_equal(gyre_task_name(self->task), "letter");
    assert_string_equal(trace, "");
    gyre_task_unref(self->task);
    assert_true(GYRE_SPAWN_DETACHED(letter, .letter = 'b'));
    gyre_group_enter(&self->group);
    assert_true(GYRE_GROUP_SPAWN_DETACHED(&self->group, letter, .letter = 'c'));
    assert_false(GYRE_GROUP_SPAWN_DETACHED(&self->group, letter, .letter = 'd'));
    assert_int_equal(gyre_group_error(&self->group), -ENOMEM);
    GYRE_TRY(gyre_group_exit(&self->group, 0));
    assert_null(GYRE_SPAWN(letter, .letter = 'e'));
    assert_int_equal(counts.made, 3);
    assert_int_equal(counts.refused, 2);
    /* Eager by default, and the exception. */
    assert_int_equal(gyre_loop_set_task_factory(gyre_loop_current(), gyre_eager_task_factory, NULL),
                     0);
    trace[0] = '\0';
    gyre_task_unref(GYRE_SPAWN(letter, .letter = 'a'));
    gyre_task_unref(GYRE_SPAWN_WITH(LAZY, letter, .letter = 'b'));
    assert_string_equal(trace, "a");
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    assert_string_equal(trace, "aAbB");
    assert_int_equal(gyre_loop_set_task_factory(gyre_loop_current(), NULL, NULL), 0);
    assert_int_equal(gyre_loop_set_task_factory(gyre_loop_current(), NULL, NULL), 0);
    assert_null(gyre_loop_get_task_factory(gyre_loop_current()));
    gyre_task_unref(GYRE_SPAWN(letter, .letter = 'c'));
    assert_string_equal(trace, "aAbB");
    /* One that is left set goes with the loop. */
    assert_int_equal(gyre_loop_set_task_factory(gyre_loop_current(), gyre_eager_task_factory, NULL),
                     0);
    GYRE_END;
}

static void test_factories(void **state)
{
    (void)state;
    trace[0] = '\0';
    assert_int_equal(RUN(main_factory), 0);
}

static void use_eager_factory(gyre_loop *loop, void *arg)
{
    (void)arg;
    assert_int_equal(gyre_loop_set_task_factory(loop, gyre_eager_task_factory, NULL), 0);
}

struct main_eager_run {
    gyre_frame frame;
    gyre_group group;
};
GYRE_CORO(main_eager_run)
{
    GYRE_BEGIN;
    gyre_group_enter(&self->group);
    GYRE_GROUP_SPAWN_DETACHED(&self->group, letter, .letter = 'a', .nap = -1);
    GYRE_GROUP_SPAWN_DETACHED(&self->group, letter, .letter = 'b', .nap = GYRE_MS(1));
    note('.');
    GYRE_TRY(gyre_group_exit(&self->group, 0));
    assert_string_equal(trace, "aAb.B");
    GYRE_END;
}

static void test_eager_run(void **state)
{
    gyre_run_options options = DIRECT;

    (void)state;
    trace[0] = '\0';
    options.on_loop = use_eager_factory;
    assert_int_equal(GYRE_RUN_WITH(options, main_eager_run), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_step), cmocka_unit_test(test_order),
        cmocka_unit_test(test_cancelled),  cmocka_unit_test(test_places),
        cmocka_unit_test(test_context),    cmocka_unit_test(test_factories),
        cmocka_unit_test(test_eager_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
