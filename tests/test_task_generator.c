/* Generators: next, send, throw, close, yield from, the four states, and what they refuse. */
#include "support/unit.h"

#include "../task/generator.h"
#include "../task/run.h"
#include "../task/sleep.h"

#define E1 GYRE_EUSER(1)
#define E2 GYRE_EUSER(2)

static char trace[256];

static void note(const char *text)
{
    strncat(trace, text, sizeof(trace) - strlen(trace) - 1);
}

static void note_code(int64_t code)
{
    note(code == GYRE_NONE ? "none" : code >= 0 ? "value" : gyre_err_name(code) + 6);
}

static void check_trace(const char *expected)
{
    assert_string_equal(trace, expected);
    trace[0] = '\0';
}

static int start(void **state)
{
    (void)state;
    trace[0] = '\0';
    gyre_error_clear();
    return 0;
}

/* Yields 1 .. n, notes what is sent, returns `result`. */
struct plain {
    gyre_frame frame;
    int64_t n, result;
    int64_t i, sent;
};
GYRE_CORO(plain)
{
    GYRE_BEGIN;
    for (self->i = 1; self->i <= self->n; self->i++) {
        GYRE_YIELD(self->sent, self->i);
        note(self->sent == GYRE_NONE ? "-" : (char[]){(char)('0' + self->sent), '\0'});
    }
    GYRE_RETURN(self->result);
    GYRE_FINALLY;
    note("f");
    GYRE_END;
}

/* Yields 1 and catches what is thrown; yields 2 if that is E1; ends with `instead` or yields 3. */
struct catches {
    gyre_frame frame;
    int64_t instead;
    int64_t rc;
};
GYRE_CORO(catches)
{
    GYRE_BEGIN;
    GYRE_YIELD_CATCH(self->rc, 1);
    note_code(self->rc);
    if (self->rc == E1)
        GYRE_YIELD(2);
    if (self->instead)
        GYRE_RETURN(self->instead);
    GYRE_YIELD(3);
    GYRE_FINALLY;
    note(".");
    GYRE_END;
}

static void test_values_states_and_return(void **state)
{
    gyre_generator *generator = GYRE_GENERATOR(plain, .n = 2, .result = 9);

    (void)state;
    assert_int_equal(gyre_generator_get_state(generator), GYRE_GENERATOR_CREATED);
    assert_int_equal(gyre_generator_next(generator), 1);
    assert_int_equal(gyre_generator_get_state(generator), GYRE_GENERATOR_SUSPENDED);
    assert_int_equal(gyre_generator_next(generator), 2);
    assert_int_equal(gyre_generator_value(generator), GYRE_NONE);
    assert_int_equal(gyre_generator_next(generator), GYRE_ESTOPITERATION);
    assert_int_equal(gyre_generator_value(generator), 9);
    assert_int_equal(gyre_generator_get_state(generator), GYRE_GENERATOR_CLOSED);
    assert_int_equal(gyre_generator_next(generator), GYRE_ESTOPITERATION);
    assert_int_equal(gyre_generator_value(generator), GYRE_NONE);
    assert_int_equal(gyre_generator_close(generator), 0);
    gyre_generator_free(generator);
    check_trace("--f");
}

static void test_send(void **state)
{
    gyre_generator *generator = GYRE_GENERATOR(plain, .n = 3, .result = GYRE_NONE);

    (void)state;
    assert_int_equal(gyre_generator_send(generator, 5), GYRE_ETYPE);
    assert_int_equal(gyre_generator_get_state(generator), GYRE_GENERATOR_CREATED);
    assert_int_equal(gyre_generator_send(generator, GYRE_NONE), 1);
    assert_int_equal(gyre_generator_send(generator, -1), -EINVAL);
    assert_int_equal(gyre_generator_send(generator, 6), 2);
    assert_int_equal(gyre_generator_send(generator, 0), 3);
    assert_int_equal(gyre_generator_send(generator, 7), GYRE_ESTOPITERATION);
    assert_int_equal(gyre_generator_value(generator), GYRE_NONE);
    assert_int_equal(gyre_generator_send(generator, 8), GYRE_ESTOPITERATION);
    gyre_generator_free(generator);
    check_trace("607f");
}

static void test_throw(void **state)
{
    gyre_generator *generator = GYRE_GENERATOR(catches);

    (void)state;
    assert_int_equal(gyre_generator_next(generator), 1);
    assert_int_equal(gyre_generator_throw(generator, 5, NULL), -EINVAL);
    assert_int_equal(gyre_generator_throw(generator, E1, NULL), 2);
    assert_int_equal(gyre_generator_next(generator), 3);
    assert_int_equal(gyre_generator_throw(generator, E2, NULL), E2);
    assert_int_equal(gyre_generator_get_state(generator), GYRE_GENERATOR_CLOSED);
    assert_int_equal(gyre_generator_throw(generator, E1, NULL), E1);
    gyre_generator_free(generator);
    check_trace("USER.");
}

static void test_throw_into_one_that_has_not_started(void **state)
{
    gyre_generator *generator = GYRE_GENERATOR(catches);

    (void)state;
    assert_int_equal(gyre_generator_throw(generator, E1, NULL), E1);
    assert_int_equal(gyre_generator_get_state(generator), GYRE_GENERATOR_CLOSED);
    assert_int_equal(gyre_generator_next(generator), GYRE_ESTOPITERATION);
    gyre_generator_free(generator);
    generator = GYRE_GENERATOR(catches);
    assert_int_equal(gyre_generator_throw(generator, GYRE_ESTOPITERATION, NULL),
                     GYRE_ESTOPITERATION);
    gyre_generator_free(generator);
    check_trace("..");
}

static void test_details_travel(void **state)
{
    gyre_generator *generator = GYRE_GENERATOR(catches);
    gyre_error *detail = gyre_error_new(E1, "thrown");

    (void)state;
    assert_int_equal(gyre_generator_throw(generator, E1, detail), E1);
    assert_ptr_equal(gyre_error_current(), detail);
    assert_int_equal(gyre_generator_next(generator), GYRE_ESTOPITERATION);
    assert_null(gyre_error_current());
    assert_int_equal(gyre_generator_throw(generator, E1, detail), E1);
    assert_ptr_equal(gyre_error_current(), detail);
    gyre_generator_free(generator);
    gyre_generator_free(GYRE_GENERATOR(plain));
    assert_ptr_equal(gyre_error_current(), detail); /* closing another one does not touch it */

    generator = GYRE_GENERATOR(plain, .n = 1);
    assert_int_equal(gyre_generator_next(generator), 1);
    assert_int_equal(gyre_generator_throw(generator, E1, NULL), E1);
    assert_null(gyre_error_current());
    gyre_generator_free(generator);
    gyre_error_unref(detail);
}

static void test_close(void **state)
{
    gyre_generator *generator = GYRE_GENERATOR(plain, .n = 2);

    (void)state;
    assert_int_equal(gyre_generator_next(generator), 1);
    assert_int_equal(gyre_generator_close(generator), 0);
    assert_int_equal(gyre_generator_get_state(generator), GYRE_GENERATOR_CLOSED);
    assert_int_equal(gyre_generator_close(generator), 0);
    assert_int_equal(gyre_generator_next(generator), GYRE_ESTOPITERATION);
    gyre_generator_free(generator);
    check_trace("f");
    /* Not started: the cleanup section ends what the arguments own. */
    generator = GYRE_GENERATOR(plain, .n = 2);
    assert_int_equal(gyre_generator_close(generator), 0);
    assert_int_equal(gyre_generator_get_state(generator), GYRE_GENERATOR_CLOSED);
    gyre_generator_free(generator);
    check_trace("f");
}

static void test_close_that_is_answered(void **state)
{
    gyre_generator *generator = GYRE_GENERATOR(catches, .instead = 7);

    (void)state;
    assert_int_equal(gyre_generator_next(generator), 1);
    assert_int_equal(gyre_generator_close(generator), 0);
    assert_int_equal(gyre_generator_value(generator), 7);
    gyre_generator_free(generator);

    generator = GYRE_GENERATOR(catches, .instead = E2);
    assert_int_equal(gyre_generator_next(generator), 1);
    assert_int_equal(gyre_generator_close(generator), E2);
    assert_int_equal(gyre_generator_get_state(generator), GYRE_GENERATOR_CLOSED);
    gyre_generator_free(generator);

    generator = GYRE_GENERATOR(catches); /* yields 3 */
    assert_int_equal(gyre_generator_next(generator), 1);
    assert_int_equal(gyre_generator_close(generator), GYRE_EGENERATORIGNOREDEXIT);
    assert_int_equal(gyre_generator_get_state(generator), GYRE_GENERATOR_SUSPENDED);
    assert_int_equal(gyre_generator_next(generator), GYRE_ESTOPITERATION);
    gyre_generator_free(generator);
}

static void test_throwing_generator_exit(void **state)
{
    gyre_generator *generator = GYRE_GENERATOR(plain, .n = 2);

    (void)state;
    assert_int_equal(gyre_generator_next(generator), 1);
    assert_int_equal(gyre_generator_throw(generator, GYRE_EGENERATOREXIT, NULL),
                     GYRE_EGENERATOREXIT);
    gyre_generator_free(generator);
    generator = GYRE_GENERATOR(catches);
    assert_int_equal(gyre_generator_next(generator), 1);
    assert_int_equal(gyre_generator_throw(generator, GYRE_EGENERATOREXIT, NULL), 3);
    gyre_generator_free(generator);
    check_trace("fGENERATOREXIT.");
}

static void test_null_is_no_memory(void **state)
{
    (void)state;
    assert_int_equal(gyre_generator_next(NULL), -ENOMEM);
    assert_int_equal(gyre_generator_throw(NULL, E1, NULL), -ENOMEM);
    assert_int_equal(gyre_generator_close(NULL), 0);
    assert_null(gyre_generator_iter(NULL));
    gyre_generator_free(NULL);
}

/* Ends with an error. */
struct raises {
    gyre_frame frame;
    int64_t code;
};
GYRE_CORO(raises)
{
    GYRE_BEGIN;
    GYRE_YIELD(1);
    GYRE_RETURN(gyre_raise(gyre_error_new(self->code, "why")));
    GYRE_END;
}

static int64_t raised(int64_t code)
{
    gyre_generator *generator = GYRE_GENERATOR(raises, .code = code);
    int64_t rc;

    assert_int_equal(gyre_generator_next(generator), 1);
    rc = gyre_generator_next(generator);
    assert_int_equal(gyre_generator_get_state(generator), GYRE_GENERATOR_CLOSED);
    assert_int_equal(gyre_generator_value(generator), GYRE_NONE);
    gyre_generator_free(generator);
    return rc;
}

static void test_errors_it_raises(void **state)
{
    (void)state;
    assert_int_equal(raised(E1), E1);
    assert_string_equal(gyre_error_text(gyre_error_current()), "why");
    assert_int_equal(raised(GYRE_ESTOPITERATION), GYRE_EGENERATORRAISEDSTOP);
    assert_null(gyre_error_current());
    assert_int_equal(raised(GYRE_ESTOPASYNCITERATION), GYRE_ESTOPASYNCITERATION);
    assert_int_equal(raised(GYRE_EGENERATOREXIT), GYRE_EGENERATOREXIT);
}

struct negative {
    gyre_frame frame;
    int64_t rc;
};
GYRE_CORO(negative)
{
    GYRE_BEGIN;
    GYRE_YIELD_CATCH(self->rc, -5);
    assert_int_equal(self->rc, -EINVAL);
    GYRE_YIELD(1);
    GYRE_YIELD(-1);
    GYRE_END;
}

static void test_a_negative_yield_is_an_error_at_the_yield(void **state)
{
    gyre_generator *generator = GYRE_GENERATOR(negative);

    (void)state;
    assert_int_equal(gyre_generator_next(generator), 1);
    assert_int_equal(gyre_generator_next(generator), -EINVAL);
    assert_int_equal(gyre_generator_get_state(generator), GYRE_GENERATOR_CLOSED);
    gyre_generator_free(generator);
}

/* Steps itself in every way. */
struct selfish {
    gyre_frame frame;
    gyre_generator **me;
};
GYRE_CORO(selfish)
{
    GYRE_BEGIN;
    assert_int_equal(gyre_generator_get_state(*self->me), GYRE_GENERATOR_RUNNING);
    assert_int_equal(gyre_generator_next(*self->me), GYRE_EGENERATORRUNNING);
    assert_int_equal(gyre_generator_send(*self->me, 3), GYRE_EGENERATORRUNNING);
    assert_int_equal(gyre_generator_throw(*self->me, E1, NULL), GYRE_EGENERATORRUNNING);
    assert_int_equal(gyre_generator_close(*self->me), GYRE_EGENERATORRUNNING);
    GYRE_YIELD(1);
    GYRE_YIELD_FROM(*self->me);
    GYRE_END;
}

static void test_it_cannot_step_itself(void **state)
{
    gyre_generator *generator;

    (void)state;
    generator = GYRE_GENERATOR(selfish, .me = &generator);
    assert_int_equal(gyre_generator_next(generator), 1);
    assert_int_equal(gyre_generator_next(generator), GYRE_EGENERATORRUNNING); /* as in CPython */
    gyre_generator_free(generator);
}

/* ---- yield from ---- */

/* Yields from what it is given; notes what comes of that, yields it. */
struct outer {
    gyre_frame frame;
    gyre_iter *source; /* owned until it yields from it */
    int64_t rc;
};
GYRE_CORO(outer)
{
    gyre_iter *source = self->source;

    GYRE_BEGIN;
    self->source = NULL;
    GYRE_YIELD_FROM_CATCH(self->rc, source);
    note_code(self->rc);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    GYRE_YIELD(self->rc);
    GYRE_FINALLY;
    gyre_iter_free(self->source);
    note("o");
    GYRE_END;
}

#define OUTER(source_)      GYRE_GENERATOR(outer, .source = (source_))
#define OUTER_ITER(source_) gyre_generator_iter(OUTER(source_))

static void test_yield_from_passes_values_and_result(void **state)
{
    gyre_generator *generator = OUTER(GYRE_ITER(plain, .n = 2, .result = 7));

    (void)state;
    assert_int_equal(gyre_generator_next(generator), 1);
    assert_int_equal(gyre_generator_send(generator, 5), 2);
    assert_int_equal(gyre_generator_next(generator), 7);
    assert_int_equal(gyre_generator_next(generator), GYRE_ESTOPITERATION);
    assert_int_equal(gyre_generator_value(generator), GYRE_NONE);
    gyre_generator_free(generator);
    check_trace("5-fvalueo");
}

static void test_yield_from_passes_errors(void **state)
{
    gyre_generator *generator = OUTER(GYRE_ITER(catches));

    (void)state;
    assert_int_equal(gyre_generator_next(generator), 1);
    assert_int_equal(gyre_generator_throw(generator, E1, NULL), 2);
    assert_int_equal(gyre_generator_throw(generator, E2, NULL), E2);
    gyre_generator_free(generator);
    check_trace("USER.USERo");

    generator = OUTER(GYRE_ITER(raises, .code = GYRE_ESTOPITERATION));
    assert_int_equal(gyre_generator_next(generator), 1);
    assert_int_equal(gyre_generator_next(generator), GYRE_EGENERATORRAISEDSTOP);
    gyre_generator_free(generator);
    check_trace("GENERATORRAISEDSTOPo");
}

static void test_yield_from_closes_inside_out(void **state)
{
    gyre_generator *generator = OUTER(OUTER_ITER(GYRE_ITER(plain, .n = 2)));

    (void)state;
    assert_int_equal(gyre_generator_next(generator), 1);
    assert_int_equal(gyre_generator_close(generator), 0);
    gyre_generator_free(generator);
    check_trace("fGENERATOREXIToGENERATOREXITo");
    /* The inner one answers with a value: the outer one is closed all the same. */
    generator = OUTER(GYRE_ITER(catches, .instead = 7));
    assert_int_equal(gyre_generator_next(generator), 1);
    assert_int_equal(gyre_generator_throw(generator, GYRE_EGENERATOREXIT, NULL),
                     GYRE_EGENERATOREXIT);
    gyre_generator_free(generator);
    check_trace("GENERATOREXIT.GENERATOREXITo");
    /* It raises: that is what the outer one gets. */
    generator = OUTER(GYRE_ITER(catches, .instead = E2));
    assert_int_equal(gyre_generator_next(generator), 1);
    assert_int_equal(gyre_generator_close(generator), E2);
    gyre_generator_free(generator);
    check_trace("GENERATOREXIT.USERo");
}

static void test_yield_from_one_that_ignores_being_closed(void **state)
{
    gyre_generator *generator = OUTER(OUTER_ITER(GYRE_ITER(catches)));

    (void)state;
    assert_int_equal(gyre_generator_next(generator), 1);
    assert_int_equal(gyre_generator_close(generator), GYRE_EGENERATORIGNOREDEXIT);
    gyre_generator_free(generator);
    check_trace("GENERATOREXIT.GENERATORIGNOREDEXIToGENERATORIGNOREDEXITo");
}

/* Closed, it yields from something else instead. */
struct stubborn {
    gyre_frame frame;
    int64_t rc;
};
GYRE_CORO(stubborn)
{
    GYRE_BEGIN;
    GYRE_YIELD_FROM_CATCH(self->rc, GYRE_ITER(plain, .n = 1));
    note_code(self->rc);
    GYRE_YIELD_FROM(GYRE_ITER(plain, .n = 0));
    GYRE_YIELD_FROM(GYRE_ITER(plain, .n = 5));
    GYRE_FINALLY;
    note("s");
    GYRE_END;
}

static void test_yield_from_begun_while_being_closed(void **state)
{
    gyre_generator *generator = OUTER(GYRE_ITER(stubborn));

    (void)state;
    assert_int_equal(gyre_generator_next(generator), 1);
    assert_int_equal(gyre_generator_close(generator), GYRE_EGENERATORIGNOREDEXIT);
    gyre_generator_free(generator);
    check_trace("fGENERATOREXITffsGENERATORIGNOREDEXITo");
    generator = GYRE_GENERATOR(stubborn);
    assert_int_equal(gyre_generator_next(generator), 1);
    assert_int_equal(gyre_generator_close(generator), GYRE_EGENERATORIGNOREDEXIT);
    assert_int_equal(gyre_generator_next(generator), 2);
    gyre_generator_free(generator);
    check_trace("fGENERATOREXITf-fs");
}

static void test_yield_from_an_iterator(void **state)
{
    gyre_generator *generator = OUTER(gyre_iter_range(1, 4, 1));

    (void)state;
    assert_int_equal(gyre_generator_next(generator), 1);
    assert_int_equal(gyre_generator_next(generator), 2);
    assert_int_equal(gyre_generator_send(generator, 5), GYRE_ETYPE); /* it has no send() */
    gyre_generator_free(generator);
    generator = OUTER(gyre_iter_range(1, 2, 1));
    assert_int_equal(gyre_generator_next(generator), 1);
    assert_int_equal(gyre_generator_next(generator), GYRE_NONE);
    gyre_generator_free(generator);
    generator = OUTER(gyre_iter_range(1, 3, 1));
    assert_int_equal(gyre_generator_next(generator), 1);
    assert_int_equal(gyre_generator_throw(generator, E1, NULL), E1);
    gyre_generator_free(generator);
    generator = OUTER(gyre_iter_range(1, 3, 1));
    assert_int_equal(gyre_generator_next(generator), 1);
    assert_int_equal(gyre_generator_close(generator), 0);
    gyre_generator_free(generator);
    generator = OUTER(NULL); /* could not be made */
    assert_int_equal(gyre_generator_next(generator), -ENOMEM);
    gyre_generator_free(generator);
}

static void test_yield_from_one_that_has_started_or_ended(void **state)
{
    gyre_generator *inner = GYRE_GENERATOR(plain, .n = 2, .result = 4), *generator;

    (void)state;
    assert_int_equal(gyre_generator_next(inner), 1);
    generator = OUTER(gyre_generator_iter(inner));
    assert_int_equal(gyre_generator_next(generator), 2);
    assert_int_equal(gyre_generator_get_state(inner), GYRE_GENERATOR_SUSPENDED);
    assert_int_equal(gyre_generator_next(inner), GYRE_EGENERATORRUNNING); /* not ours any more */
    assert_int_equal(gyre_generator_next(generator), 4);
    gyre_generator_free(generator);

    inner = GYRE_GENERATOR(plain);
    assert_int_equal(gyre_generator_next(inner), GYRE_ESTOPITERATION);
    generator = OUTER(gyre_generator_iter(inner));
    assert_int_equal(gyre_generator_next(generator), GYRE_NONE);
    gyre_generator_free(generator);
}

static void test_free_closes(void **state)
{
    gyre_generator *generator = OUTER(OUTER_ITER(GYRE_ITER(plain, .n = 2)));

    (void)state;
    assert_int_equal(gyre_generator_next(generator), 1);
    gyre_generator_free(generator);
    check_trace("fGENERATOREXIToGENERATOREXITo");
    gyre_generator_free(GYRE_GENERATOR(plain));
    check_trace("f");
    gyre_generator_free(OUTER(GYRE_ITER(plain)));
    check_trace("fo");
}

/* A chain that is longer than a C stack is deep. */
struct deep {
    gyre_frame frame;
    int64_t depth;
    int64_t result;
};
GYRE_CORO(deep)
{
    GYRE_BEGIN;
    if (self->depth == 0) {
        GYRE_YIELD(42);
        GYRE_RETURN(0);
    }
    GYRE_YIELD_FROM(self->result, GYRE_GENERATOR(deep, .depth = self->depth - 1));
    GYRE_RETURN(self->result + 1);
    GYRE_END;
}

static void test_deep_chains(void **state)
{
    enum { DEPTH = 200000 };
    gyre_generator *generator = GYRE_GENERATOR(deep, .depth = DEPTH);

    (void)state;
    assert_int_equal(gyre_generator_next(generator), 42);
    assert_int_equal(gyre_generator_next(generator), GYRE_ESTOPITERATION);
    assert_int_equal(gyre_generator_value(generator), DEPTH);
    gyre_generator_free(generator);
    generator = GYRE_GENERATOR(deep, .depth = DEPTH);
    assert_int_equal(gyre_generator_next(generator), 42);
    assert_int_equal(gyre_generator_throw(generator, E1, NULL), E1);
    gyre_generator_free(generator);
    generator = GYRE_GENERATOR(deep, .depth = DEPTH);
    assert_int_equal(gyre_generator_next(generator), 42);
    gyre_generator_free(generator);
}

/* ---- with a loop ---- */

/* Notes in which task it is stepped. */
struct who {
    gyre_frame frame;
};
GYRE_CORO(who)
{
    GYRE_BEGIN;
    for (;;) {
        note(gyre_task_current() ? gyre_task_name(gyre_task_current()) : "none");
        GYRE_YIELD(1);
    }
    GYRE_END;
}

struct steps {
    gyre_frame frame;
    gyre_generator *generator;
};
GYRE_CORO(steps)
{
    GYRE_BEGIN;
    gyre_generator_next(self->generator);
    GYRE_TRY(gyre_sleep(0)); /* outside of it the task can await */
    GYRE_END;
}

static gyre_task *spawn_steps(gyre_generator *generator, bool eager)
{
    return GYRE_SPAWN_WITH(
        ((gyre_spawn_options){.name = eager ? " eager" : " task", .eager = eager}), steps,
        .generator = generator);
}

/* Starts a task that steps another generator at once, inside of this one. */
struct starts {
    gyre_frame frame;
    gyre_generator *other;
};
GYRE_CORO(starts)
{
    GYRE_BEGIN;
    note(" in ");
    note(gyre_task_name(gyre_task_current()));
    gyre_task_unref(spawn_steps(self->other, true));
    note(" in ");
    note(gyre_task_name(gyre_task_current()));
    GYRE_END;
}

static int64_t step_in_callback(gyre_loop *loop, void *arg)
{
    (void)loop;
    note(" callback ");
    gyre_generator_next(arg);
    return 0;
}

struct across_tasks {
    gyre_frame frame;
    gyre_generator *generator, *starts;
    gyre_task *task;
};
GYRE_CORO(across_tasks)
{
    GYRE_BEGIN;
    self->generator = GYRE_GENERATOR(who);
    gyre_task_set_name(gyre_task_current(), "main");
    gyre_generator_next(self->generator);
    GYRE_TRY(GYRE_CALL(steps, .generator = self->generator));
    self->task = spawn_steps(self->generator, false);
    gyre_call_soon(gyre_loop_current(), step_in_callback, self->generator, NULL);
    GYRE_TRY(self->task);
    self->starts = GYRE_GENERATOR(starts, .other = self->generator);
    assert_int_equal(gyre_generator_next(self->starts), GYRE_ESTOPITERATION);
    GYRE_TRY(gyre_sleep(0));
    GYRE_FINALLY;
    gyre_task_unref(self->task);
    gyre_generator_free(self->starts);
    gyre_generator_free(self->generator);
    GYRE_END;
}

static void test_it_is_bound_to_no_task(void **state)
{
    (void)state;
    assert_int_equal(
        GYRE_RUN_WITH(((gyre_run_options){.loop.clock = GYRE_CLOCK_VIRTUAL}), across_tasks), 0);
    check_trace("mainmain task callback none in main eager in main");
}

static void report(gyre_loop *loop, const gyre_exception_context *context, void *arg)
{
    (void)loop;
    (void)arg;
    note(context->name);
    note_code(context->code);
    note(gyre_error_text(context->detail));
}

struct frees {
    gyre_frame frame;
    gyre_generator *generator;
};
GYRE_CORO(frees)
{
    GYRE_BEGIN;
    gyre_loop_set_exception_handler(gyre_loop_current(), report, NULL);
    self->generator = GYRE_GENERATOR(catches, .instead = E2);
    gyre_generator_next(self->generator);
    gyre_generator_free(self->generator);
    self->generator = GYRE_GENERATOR(catches);
    gyre_generator_next(self->generator);
    gyre_generator_free(self->generator);
    GYRE_END;
}

static void test_free_reports_what_closing_raises(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(frees), 0);
    check_trace("GENERATOREXIT.catchesUSERGENERATOREXITcatchesGENERATORIGNOREDEXIT");
}

/* ---- misuse ---- */

/* Awaits where it must not be awaited. */
struct awaits {
    gyre_frame frame;
    bool calls;
};
GYRE_CORO(awaits)
{
    GYRE_BEGIN;
    if (self->calls)
        GYRE_TRY(GYRE_CALL(steps));
    GYRE_TRY(gyre_sleep(0));
    GYRE_YIELD(1);
    GYRE_END;
}

struct steps_it {
    gyre_frame frame;
    bool calls, yields;
};
GYRE_CORO(steps_it)
{
    GYRE_BEGIN;
    if (self->yields)
        GYRE_YIELD(1);
    gyre_generator_next(GYRE_GENERATOR(awaits, .calls = self->calls));
    GYRE_END;
}

struct frees_itself {
    gyre_frame frame;
    gyre_generator **me;
};
GYRE_CORO(frees_itself)
{
    GYRE_BEGIN;
    gyre_generator_free(*self->me);
    GYRE_END;
}

static void await_in_generator(void *arg)
{
    GYRE_RUN(steps_it, .calls = arg != NULL);
}

static void await_without_loop(void *arg)
{
    (void)arg;
    gyre_generator_next(GYRE_GENERATOR(awaits));
}

static void yield_in_coroutine(void *arg)
{
    (void)arg;
    GYRE_RUN(steps_it, .yields = true);
}

static void yield_from_in_coroutine(void *arg)
{
    (void)arg;
    GYRE_RUN(outer);
}

static void free_running(void *arg)
{
    gyre_generator *generator;

    (void)arg;
    generator = GYRE_GENERATOR(frees_itself, .me = &generator);
    gyre_generator_next(generator);
}

static void free_twice(void *arg)
{
    gyre_generator *inner = GYRE_GENERATOR(plain, .n = 2);

    (void)arg;
    gyre_generator_next(OUTER(gyre_generator_iter(inner)));
    gyre_generator_free(inner);
}

static void test_misuse_aborts(void **state)
{
    (void)state;
    unit_assert_aborts(await_in_generator, NULL, "gyre_sleep", "in a generator");
    unit_assert_aborts(await_in_generator, state, "GYRE_CALL", "in a generator");
    unit_assert_aborts(await_without_loop, NULL, "gyre_sleep", "no task is running");
    unit_assert_aborts(yield_in_coroutine, NULL, "steps_it", "GYRE_YIELD outside a generator");
    unit_assert_aborts(yield_from_in_coroutine, NULL, "outer", "GYRE_YIELD_FROM outside");
    unit_assert_aborts(free_running, NULL, "gyre_generator_free: frees_itself is running");
    unit_assert_aborts(free_twice, NULL, "plain is what another generator yields from");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_values_states_and_return, start),
        cmocka_unit_test_setup(test_send, start),
        cmocka_unit_test_setup(test_throw, start),
        cmocka_unit_test_setup(test_throw_into_one_that_has_not_started, start),
        cmocka_unit_test_setup(test_details_travel, start),
        cmocka_unit_test_setup(test_close, start),
        cmocka_unit_test_setup(test_close_that_is_answered, start),
        cmocka_unit_test_setup(test_throwing_generator_exit, start),
        cmocka_unit_test_setup(test_null_is_no_memory, start),
        cmocka_unit_test_setup(test_errors_it_raises, start),
        cmocka_unit_test_setup(test_a_negative_yield_is_an_error_at_the_yield, start),
        cmocka_unit_test_setup(test_it_cannot_step_itself, start),
        cmocka_unit_test_setup(test_yield_from_passes_values_and_result, start),
        cmocka_unit_test_setup(test_yield_from_passes_errors, start),
        cmocka_unit_test_setup(test_yield_from_closes_inside_out, start),
        cmocka_unit_test_setup(test_yield_from_one_that_ignores_being_closed, start),
        cmocka_unit_test_setup(test_yield_from_begun_while_being_closed, start),
        cmocka_unit_test_setup(test_yield_from_an_iterator, start),
        cmocka_unit_test_setup(test_yield_from_one_that_has_started_or_ended, start),
        cmocka_unit_test_setup(test_free_closes, start),
        cmocka_unit_test_setup(test_deep_chains, start),
        cmocka_unit_test_setup(test_it_is_bound_to_no_task, start),
        cmocka_unit_test_setup(test_free_reports_what_closing_raises, start),
        cmocka_unit_test(test_misuse_aborts),
    };

    return cmocka_run_group_tests_name("generators", tests, NULL, NULL);
}
