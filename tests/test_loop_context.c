/* Context variables: what sees a value, what does not, and when values are released. */
#include <signal.h>
#include <stdio.h>

#include "../loop/context.h"
#include "../task/run.h"
#include "../task/sleep.h"
#include "support/unit.h"

static int alive; /* values that were not released yet */

static void *value(const char *text)
{
    alive++;
    return (void *)(uintptr_t)text;
}

static void release(void *text)
{
    (void)text;
    alive--;
}

static gyre_context_var user = {"user", "nobody", release};
static gyre_context_var request = {"request", "none", release};

static int64_t trace_user(gyre_loop *loop, void *word)
{
    (void)loop;
    unit_trace("%s:%s", (char *)word, (char *)gyre_context_get(&user));
    return 0;
}

static int64_t set_user(gyre_loop *loop, void *text)
{
    assert_int_equal(gyre_context_set(&user, value(text)), 0);
    return gyre_call_soon(loop, trace_user, "child", NULL);
}

static void outside_a_loop(void **state)
{
    (void)state;
    assert_string_equal(gyre_context_get(&user), "nobody");
    assert_int_equal(gyre_context_set(&user, "x"), GYRE_ENOTASK);
    assert_null(gyre_context_copy());
    gyre_context_unref(NULL);
    assert_null(gyre_context_ref(NULL));
}

static void callbacks_pass_it_on_and_keep_it_apart(void **state)
{
    gyre_loop *loop = unit_loop();

    (void)state;
    gyre_call_soon(loop, set_user, "ann", NULL);
    gyre_call_soon(loop, trace_user, "sibling", NULL);
    unit_run_dry(loop);
    unit_assert_trace("sibling:nobody child:ann");
    assert_int_equal(alive, 0);
    gyre_loop_close(loop);
}

/* What a posted callback or a signal handler sets is not seen by what runs after it. */
static void posts_and_signals_leave_nothing_behind(void **state)
{
    gyre_loop *loop = unit_loop();

    (void)state;
    gyre_loop_add_signal_handler(loop, SIGUSR1, set_user, "signal");
    raise(SIGUSR1);
    gyre_call_soon_threadsafe(loop, set_user, "post");
    unit_run_dry(loop);
    unit_assert_trace("child:post child:signal");
    assert_int_equal(alive, 0);
    gyre_call_soon(loop, trace_user, "later", NULL);
    unit_run_dry(loop);
    unit_assert_trace("later:nobody");
    gyre_loop_close(loop);
}

/* ---- tasks ---- */

struct child {
    gyre_frame frame;
    const char *word;
};
GYRE_CORO(child)
{
    GYRE_BEGIN;
    unit_trace("%s:%s", self->word, (char *)gyre_context_get(&user));
    GYRE_TRY(gyre_sleep(10));
    unit_trace("%s:%s", self->word, (char *)gyre_context_get(&user));
    gyre_context_set(&user, value("child"));
    GYRE_TRY(gyre_sleep(10));
    unit_trace("%s:%s", self->word, (char *)gyre_context_get(&user));
    GYRE_RETURN(0);
    GYRE_END;
}

struct parent {
    gyre_frame frame;
    gyre_task *tasks[3];
    gyre_context *old;
};
GYRE_CORO(parent)
{
    GYRE_BEGIN;
    gyre_context_set(&user, value("ann"));
    self->old = gyre_context_copy();
    self->tasks[0] = GYRE_SPAWN(child, .word = "a");
    gyre_context_set(&user, value("bob"));
    self->tasks[1] =
        GYRE_SPAWN_WITH(((gyre_spawn_options){.context = self->old}), child, .word = "b");
    self->tasks[2] =
        GYRE_SPAWN_WITH(((gyre_spawn_options){.empty_context = true}), child, .word = "c");
    GYRE_TRY(gyre_sleep(15));
    unit_trace("parent:%s", (char *)gyre_context_get(&user));
    GYRE_TRY(self->tasks[0]);
    GYRE_TRY(self->tasks[1]);
    GYRE_TRY(self->tasks[2]);
    /* A call shares its caller's context. */
    GYRE_TRY(GYRE_CALL(child, .word = "call"));
    unit_trace("parent:%s", (char *)gyre_context_get(&user));
    GYRE_RETURN(0);
    GYRE_FINALLY;
    gyre_context_unref(self->old);
    for (int i = 0; i < 3; i++)
        gyre_task_unref(self->tasks[i]);
    GYRE_END;
}

static void tasks_take_a_copy(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN_WITH(((gyre_run_options){.loop.clock = GYRE_CLOCK_VIRTUAL}), parent),
                     0);
    unit_assert_trace(
        "a:ann b:ann c:nobody a:ann b:ann c:nobody parent:bob a:child b:child c:child "
        "call:bob call:bob call:child parent:child");
    assert_int_equal(alive, 0);
}

/* Setting again and again must not keep old values, with one variable or with two in turn. */
struct setter {
    gyre_frame frame;
    int i;
};
GYRE_CORO(setter)
{
    GYRE_BEGIN;
    for (self->i = 0; self->i < 1000; self->i++) {
        gyre_context_set(&user, value("u"));
        gyre_context_set(&request, value("r"));
        if (self->i % 100 == 0)
            GYRE_TRY(gyre_sleep(0));
    }
    unit_trace("%s%s %d", (char *)gyre_context_get(&user), (char *)gyre_context_get(&request),
               alive);
    GYRE_RETURN(0);
    GYRE_END;
}

static void setting_again_and_again_keeps_no_old_values(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(setter), 0);
    unit_assert_trace("ur 2");
    assert_int_equal(alive, 0);
}

static void closing_releases_all(void **state)
{
    gyre_loop *loop = unit_loop();
    gyre_task *task = GYRE_SPAWN_ON(loop, parent);

    (void)state;
    gyre_loop_run_once(loop, 0);
    gyre_call_soon(loop, set_user, "late", NULL);
    assert_true(alive > 0);
    gyre_loop_close(loop);
    gyre_task_unref(task);
    assert_int_equal(alive, 0);
    unit_assert_trace(""); /* the children were cancelled before their first step */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outside_a_loop),
        cmocka_unit_test(callbacks_pass_it_on_and_keep_it_apart),
        cmocka_unit_test(posts_and_signals_leave_nothing_behind),
        cmocka_unit_test(tasks_take_a_copy),
        cmocka_unit_test(setting_again_and_again_keeps_no_old_values),
        cmocka_unit_test(closing_releases_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
