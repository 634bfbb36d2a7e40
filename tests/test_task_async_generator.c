/* Asynchronous generators: stepping, throwing, closing, cancelling, sharing, and async for. */
#include "support/unit.h"

#include "../task/async_generator.h"
#include "../task/inspect.h"
#include "../task/run.h"
#include "../task/sleep.h"
#include "../task/timeout.h"

#define VIRTUAL  ((gyre_run_options){.loop = {.clock = GYRE_CLOCK_VIRTUAL, .direct_blocks = true}})
#define RUN(...) GYRE_RUN_WITH(VIRTUAL, __VA_ARGS__)

#define E1 GYRE_EUSER(1)
#define E2 GYRE_EUSER(2)

static char trace[256];
static gyre_async_generator *shared;

static void note(const char *text)
{
    strncat(trace, text, sizeof(trace) - strlen(trace) - 1);
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
    return 0;
}

static int64_t now_ms(void)
{
    return (int64_t)(gyre_loop_time(gyre_loop_current()) / 1000000);
}

/* Sleeps, yields 1, sleeps, yields 2 ...; its cleanup sleeps, too. */
struct slow {
    gyre_frame frame;
    int64_t n;
    int64_t i, sent;
};
GYRE_CORO(slow)
{
    GYRE_BEGIN;
    for (self->i = 1; self->i <= self->n; self->i++) {
        GYRE_TRY(gyre_sleep(GYRE_MS(1)));
        GYRE_YIELD(self->sent, self->i);
        note(self->sent == GYRE_NONE ? "-" : (char[]){(char)('0' + self->sent), '\0'});
    }
    GYRE_FINALLY;
    GYRE_AWAIT(self->sent, gyre_sleep(GYRE_MS(1)));
    note(self->sent < 0 ? "F" : "f");
    GYRE_END;
}

/* Yields 1, catches what is thrown, ends with `code` (0: yields 3), yields 4. */
struct answers {
    gyre_frame frame;
    int64_t code;
    int64_t rc;
};
GYRE_CORO(answers)
{
    GYRE_BEGIN;
    GYRE_YIELD_CATCH(self->rc, 1);
    if (self->code)
        GYRE_RETURN(gyre_raise(gyre_error_new(self->code, "why")));
    GYRE_YIELD(3);
    GYRE_YIELD(4);
    GYRE_END;
}

#define EXPECT(awaitable_, expected_)                                                              \
    do {                                                                                           \
        GYRE_AWAIT(self->rc, awaitable_);                                                          \
        assert_int_equal(self->rc, expected_);                                                     \
    } while (0)

#define TEST(name_)                                                                                \
    struct name_ {                                                                                 \
        gyre_frame frame;                                                                          \
        gyre_async_generator *it;                                                                  \
        gyre_task *task;                                                                           \
        gyre_error *detail;                                                                        \
        int64_t rc, i;                                                                             \
    };                                                                                             \
    static const gyre_coro name_##_coro;                                                           \
    static void test_##name_(void **state)                                                         \
    {                                                                                              \
        (void)state;                                                                               \
        assert_int_equal(RUN(name_), 0);                                                           \
    }                                                                                              \
    GYRE_CORO(name_)

TEST(steps_states_and_end)
{
    GYRE_BEGIN;
    self->it = GYRE_ASYNC_GENERATOR(slow, .n = 2);
    assert_int_equal(gyre_async_generator_get_state(self->it), GYRE_GENERATOR_CREATED);
    EXPECT(gyre_async_generator_send(self->it, 5), GYRE_ETYPE);
    EXPECT(gyre_async_generator_next(self->it), 1);
    assert_int_equal(now_ms(), 1);
    assert_int_equal(gyre_async_generator_get_state(self->it), GYRE_GENERATOR_SUSPENDED);
    EXPECT(gyre_async_generator_send(self->it, -1), -EINVAL);
    EXPECT(gyre_async_generator_send(self->it, 5), 2);
    EXPECT(gyre_async_generator_next(self->it), GYRE_ESTOPASYNCITERATION);
    assert_int_equal(now_ms(), 3);
    assert_int_equal(gyre_async_generator_get_state(self->it), GYRE_GENERATOR_CLOSED);
    EXPECT(gyre_async_generator_next(self->it), GYRE_ESTOPASYNCITERATION);
    EXPECT(gyre_async_generator_send(self->it, 1), GYRE_ESTOPASYNCITERATION);
    EXPECT(gyre_async_generator_throw(self->it, E1, NULL), GYRE_NONE);
    EXPECT(gyre_async_generator_close(self->it), 0);
    gyre_async_generator_free(self->it);
    check_trace("5-f");
    EXPECT(gyre_async_generator_next(NULL), -ENOMEM);
    EXPECT(gyre_async_generator_throw(NULL, E1, NULL), -ENOMEM);
    EXPECT(gyre_async_generator_close(NULL), 0);
    GYRE_RETURN(0);
    GYRE_END;
}

TEST(throwing)
{
    GYRE_BEGIN;
    self->it = GYRE_ASYNC_GENERATOR(answers);
    EXPECT(gyre_async_generator_next(self->it), 1);
    EXPECT(gyre_async_generator_throw(self->it, 5, NULL), -EINVAL);
    EXPECT(gyre_async_generator_throw(self->it, E1, NULL), 3);
    self->detail = gyre_error_new(E2, "mine");
    EXPECT(gyre_async_generator_throw(self->it, E2, self->detail), E2);
    assert_ptr_equal(gyre_error_current(), self->detail);
    gyre_error_unref(self->detail);
    EXPECT(gyre_async_generator_next(self->it), GYRE_ESTOPASYNCITERATION);
    assert_null(gyre_error_current());
    gyre_async_generator_free(self->it);

    self->it = GYRE_ASYNC_GENERATOR(slow); /* not started: its cleanup section runs */
    EXPECT(gyre_async_generator_throw(self->it, E1, NULL), E1);
    EXPECT(gyre_async_generator_next(self->it), GYRE_ESTOPASYNCITERATION);
    gyre_async_generator_free(self->it);
    check_trace("f");
    self->it = GYRE_ASYNC_GENERATOR(answers);
    EXPECT(gyre_async_generator_throw(self->it, GYRE_ESTOPASYNCITERATION, NULL),
           GYRE_ESTOPASYNCITERATION);
    gyre_async_generator_free(self->it);
    self->it = GYRE_ASYNC_GENERATOR(slow, .n = 1);
    EXPECT(gyre_async_generator_next(self->it), 1);
    EXPECT(gyre_async_generator_throw(self->it, GYRE_EGENERATOREXIT, NULL), GYRE_EGENERATOREXIT);
    gyre_async_generator_free(self->it);
    GYRE_RETURN(0);
    GYRE_END;
}

TEST(closing)
{
    GYRE_BEGIN;
    self->it = GYRE_ASYNC_GENERATOR(slow, .n = 2);
    EXPECT(gyre_async_generator_next(self->it), 1);
    EXPECT(gyre_async_generator_close(self->it), 0);
    assert_int_equal(now_ms(), 2); /* its cleanup awaits */
    EXPECT(gyre_async_generator_close(self->it), 0);
    EXPECT(gyre_async_generator_next(self->it), GYRE_ESTOPASYNCITERATION);
    gyre_async_generator_free(self->it);
    check_trace("f");

    self->it = GYRE_ASYNC_GENERATOR(answers);
    EXPECT(gyre_async_generator_close(self->it), 0);
    EXPECT(gyre_async_generator_throw(self->it, E1, NULL), GYRE_NONE);
    gyre_async_generator_free(self->it);

    self->it = GYRE_ASYNC_GENERATOR(answers); /* yields 3 */
    EXPECT(gyre_async_generator_next(self->it), 1);
    EXPECT(gyre_async_generator_close(self->it), GYRE_EGENERATORIGNOREDEXIT);
    EXPECT(gyre_async_generator_close(self->it), GYRE_ESTOPASYNCITERATION);
    EXPECT(gyre_async_generator_throw(self->it, E1, NULL), GYRE_ESTOPASYNCITERATION);
    EXPECT(gyre_async_generator_next(self->it), 4);
    EXPECT(gyre_async_generator_next(self->it), GYRE_ESTOPASYNCITERATION);
    EXPECT(gyre_async_generator_close(self->it), 0);
    gyre_async_generator_free(self->it);

    self->it = GYRE_ASYNC_GENERATOR(answers, .code = E2);
    EXPECT(gyre_async_generator_next(self->it), 1);
    EXPECT(gyre_async_generator_close(self->it), E2);
    assert_string_equal(gyre_error_text(gyre_error_current()), "why");
    gyre_async_generator_free(self->it);
    GYRE_RETURN(0);
    GYRE_END;
}

/* What comes out of the second step of a generator that raises a code. */
struct raised {
    gyre_frame frame;
    int64_t code;
    gyre_async_generator *it;
    int64_t rc;
};
GYRE_CORO(raised)
{
    GYRE_BEGIN;
    self->it = GYRE_ASYNC_GENERATOR(answers, .code = self->code);
    EXPECT(gyre_async_generator_next(self->it), 1);
    GYRE_TRY(gyre_async_generator_next(self->it));
    GYRE_FINALLY;
    EXPECT(gyre_async_generator_next(self->it), GYRE_ESTOPASYNCITERATION);
    gyre_async_generator_free(self->it);
    GYRE_END;
}

TEST(errors_it_raises)
{
    GYRE_BEGIN;
    EXPECT(GYRE_CALL(raised, .code = E1), E1);
    assert_string_equal(gyre_error_text(gyre_error_current()), "why");
    EXPECT(GYRE_CALL(raised, .code = GYRE_ESTOPITERATION), GYRE_EGENERATORRAISEDSTOP);
    EXPECT(GYRE_CALL(raised, .code = GYRE_ESTOPASYNCITERATION), GYRE_EGENERATORRAISEDSTOP);
    EXPECT(GYRE_CALL(raised, .code = GYRE_EGENERATOREXIT), GYRE_EGENERATOREXIT);
    GYRE_RETURN(0);
    GYRE_END;
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
    GYRE_TRY(gyre_sleep(0));
    GYRE_YIELD(-1);
    GYRE_END;
}

TEST(a_negative_yield_is_an_error_at_the_yield)
{
    GYRE_BEGIN;
    self->it = GYRE_ASYNC_GENERATOR(negative);
    EXPECT(gyre_async_generator_next(self->it), -EINVAL);
    gyre_async_generator_free(self->it);
    GYRE_RETURN(0);
    GYRE_END;
}

/* ---- several tasks ---- */

struct step_shared {
    gyre_frame frame;
    bool closes;
};
GYRE_CORO(step_shared)
{
    GYRE_BEGIN;
    if (self->closes) {
        GYRE_TRY(gyre_async_generator_close(shared));
        GYRE_RETURN(0);
    }
    GYRE_TRY(gyre_async_generator_next(shared));
    GYRE_RETURN(self->frame.result);
    GYRE_END;
}

TEST(one_step_at_a_time)
{
    GYRE_BEGIN;
    self->it = shared = GYRE_ASYNC_GENERATOR(slow, .n = 3);
    self->task = GYRE_SPAWN(step_shared);
    GYRE_TRY(gyre_sleep(0));
    assert_int_equal(gyre_async_generator_get_state(self->it), GYRE_GENERATOR_RUNNING);
    EXPECT(gyre_async_generator_next(self->it), GYRE_ESTATE);
    EXPECT(gyre_async_generator_throw(self->it, E1, NULL), GYRE_ESTATE);
    EXPECT(gyre_async_generator_close(self->it), GYRE_ESTATE);
    EXPECT(self->task, 1);
    gyre_task_unref(self->task);
    EXPECT(gyre_async_generator_next(self->it), 2); /* another task may go on */
    EXPECT(gyre_async_generator_close(self->it), 0);
    gyre_async_generator_free(self->it);
    GYRE_RETURN(0);
    GYRE_END;
}

TEST(a_cancelled_step_raises_in_the_generator)
{
    GYRE_BEGIN;
    self->it = shared = GYRE_ASYNC_GENERATOR(slow, .n = 3);
    EXPECT(gyre_async_generator_next(self->it), 1);
    self->task = GYRE_SPAWN(step_shared);
    GYRE_TRY(gyre_sleep(0));
    assert_int_equal(gyre_task_cancel(self->task), 1);
    EXPECT(self->task, GYRE_ECANCELLED);
    gyre_task_unref(self->task);
    EXPECT(gyre_async_generator_next(self->it), GYRE_ESTOPASYNCITERATION);
    gyre_async_generator_free(self->it);
    check_trace("-f");
    /* While it is being closed. */
    self->it = shared = GYRE_ASYNC_GENERATOR(slow, .n = 3);
    EXPECT(gyre_async_generator_next(self->it), 1);
    self->task = GYRE_SPAWN(step_shared, .closes = true);
    GYRE_TRY(gyre_sleep(0));
    EXPECT(gyre_async_generator_next(self->it), GYRE_ESTATE);
    assert_int_equal(gyre_task_cancel(self->task), 1);
    EXPECT(self->task, 0); /* its cleanup caught that */
    gyre_task_unref(self->task);
    EXPECT(gyre_async_generator_next(self->it), GYRE_ESTOPASYNCITERATION);
    gyre_async_generator_free(self->it);
    check_trace("F");
    GYRE_RETURN(0);
    GYRE_END;
}

/* Answers a cancellation with a yield. */
struct goes_on {
    gyre_frame frame;
    int64_t rc;
};
GYRE_CORO(goes_on)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc, gyre_sleep(GYRE_MS(10)));
    GYRE_YIELD(-self->rc);
    GYRE_YIELD(2);
    GYRE_END;
}

TEST(a_cancelled_step_may_go_on)
{
    GYRE_BEGIN;
    self->it = shared = GYRE_ASYNC_GENERATOR(goes_on);
    self->task = GYRE_SPAWN(step_shared);
    GYRE_TRY(gyre_sleep(0));
    gyre_task_cancel(self->task);
    EXPECT(self->task, -GYRE_ECANCELLED);
    gyre_task_unref(self->task);
    EXPECT(gyre_async_generator_next(self->it), 2);
    EXPECT(gyre_async_generator_close(self->it), 0);
    gyre_async_generator_free(self->it);
    GYRE_RETURN(0);
    GYRE_END;
}

/* ---- async for ---- */

TEST(async_for)
{
    GYRE_BEGIN;
    self->it = GYRE_ASYNC_GENERATOR(slow, .n = 5);
    GYRE_ASYNC_FOR(self->i, self->it) {
        if (self->i == 2)
            continue;
        note("*");
        if (self->i == 3)
            break;
        GYRE_TRY(gyre_sleep(GYRE_MS(10)));
    }
    assert_int_equal(self->i, 3);
    assert_int_equal(now_ms(), 13);
    GYRE_ASYNC_FOR(self->i, self->it)
        note("+");
    assert_int_equal(self->i, 5);
    gyre_async_generator_free(self->it);
    check_trace("*--*-+-+-f");
    GYRE_RETURN(0);
    GYRE_END;
}

struct for_fails {
    gyre_frame frame;
    gyre_async_generator *it;
    int64_t i;
};
GYRE_CORO(for_fails)
{
    GYRE_BEGIN;
    self->it = GYRE_ASYNC_GENERATOR(answers, .code = E1);
    GYRE_ASYNC_FOR(self->i, self->it)
        GYRE_TRY(gyre_sleep(0));
    GYRE_RETURN(0);
    GYRE_FINALLY;
    gyre_async_generator_free(self->it);
    GYRE_END;
}

TEST(an_error_leaves_async_for)
{
    GYRE_BEGIN;
    EXPECT(GYRE_CALL(for_fails), E1);
    assert_string_equal(gyre_error_text(gyre_error_current()), "why");
    GYRE_RETURN(0);
    GYRE_END;
}

/* ---- in each other, with calls and timeouts ---- */

struct nap {
    gyre_frame frame;
    int64_t big[40];
};
GYRE_CORO(nap)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    GYRE_RETURN(7);
    GYRE_END;
}

/* Drives another one and calls coroutines in between. */
struct nested {
    gyre_frame frame;
    gyre_async_generator *inner;
    int64_t i, rc;
};
GYRE_CORO(nested)
{
    GYRE_BEGIN;
    self->inner = GYRE_ASYNC_GENERATOR(slow, .n = 3);
    GYRE_ASYNC_FOR(self->i, self->inner) {
        GYRE_TRY(self->rc, GYRE_CALL(nap));
        assert_int_equal(self->rc, 7);
        GYRE_YIELD(10 + self->i);
    }
    GYRE_FINALLY;
    GYRE_AWAIT(self->rc, gyre_async_generator_close(self->inner));
    gyre_async_generator_free(self->inner);
    GYRE_END;
}

TEST(one_drives_another)
{
    GYRE_BEGIN;
    self->it = GYRE_ASYNC_GENERATOR(nested);
    EXPECT(gyre_async_generator_next(self->it), 11);
    EXPECT(gyre_wait_for(gyre_async_generator_next(self->it), GYRE_MS(5)), 12);
    EXPECT(gyre_wait_for(gyre_async_generator_next(self->it), GYRE_US(500)), GYRE_ETIMEOUT);
    EXPECT(gyre_async_generator_next(self->it), GYRE_ESTOPASYNCITERATION);
    gyre_async_generator_free(self->it);
    GYRE_RETURN(0);
    GYRE_END;
}

TEST(backtraces_show_it)
{
    gyre_frame_info frames[4];

    GYRE_BEGIN;
    self->it = shared = GYRE_ASYNC_GENERATOR(nested);
    self->task = GYRE_SPAWN(step_shared);
    GYRE_TRY(gyre_sleep(0));
    assert_int_equal(gyre_task_backtrace(self->task, frames, 4), 3);
    assert_string_equal(frames[0].function, "slow");
    assert_string_equal(frames[1].function, "nested");
    assert_string_equal(frames[2].function, "step_shared");
    EXPECT(self->task, 11);
    gyre_task_unref(self->task);
    EXPECT(gyre_async_generator_close(self->it), 0);
    gyre_async_generator_free(self->it);
    GYRE_RETURN(0);
    GYRE_END;
}

/* ---- given up ---- */

TEST(freed_before_its_end_it_is_closed)
{
    GYRE_BEGIN;
    self->it = GYRE_ASYNC_GENERATOR(slow, .n = 3);
    EXPECT(gyre_async_generator_next(self->it), 1);
    gyre_async_generator_free(self->it);
    check_trace("");
    GYRE_TRY(gyre_sleep(GYRE_MS(2)));
    check_trace("f");
    gyre_async_generator_free(GYRE_ASYNC_GENERATOR(slow)); /* cut short by the end of the run */
    GYRE_RETURN(0);
    GYRE_END;
}

TEST(freed_during_a_step_it_goes_at_its_end)
{
    GYRE_BEGIN;
    shared = GYRE_ASYNC_GENERATOR(slow, .n = 3);
    self->task = GYRE_SPAWN(step_shared);
    GYRE_TRY(gyre_sleep(0));
    gyre_async_generator_free(shared);
    EXPECT(self->task, 1);
    gyre_task_unref(self->task);
    GYRE_TRY(gyre_sleep(GYRE_MS(2)));
    check_trace("f");
    GYRE_RETURN(0);
    GYRE_END;
}

static void report(gyre_loop *loop, const gyre_exception_context *context, void *arg)
{
    (void)loop;
    (void)arg;
    note(gyre_err_name(context->code));
}

TEST(freed_after_it_ignored_being_closed)
{
    GYRE_BEGIN;
    gyre_loop_set_exception_handler(gyre_loop_current(), report, NULL);
    self->it = GYRE_ASYNC_GENERATOR(answers);
    EXPECT(gyre_async_generator_next(self->it), 1);
    gyre_async_generator_free(self->it); /* reported, as an error of a task nobody awaits */
    GYRE_TRY(gyre_sleep(0));
    check_trace("GYRE_EGENERATORIGNOREDEXIT");
    self->it = GYRE_ASYNC_GENERATOR(answers);
    EXPECT(gyre_async_generator_next(self->it), 1);
    EXPECT(gyre_async_generator_close(self->it), GYRE_EGENERATORIGNOREDEXIT);
    gyre_async_generator_free(self->it);
    GYRE_RETURN(0);
    GYRE_END;
}

struct keeps {
    gyre_frame frame;
};
GYRE_CORO(keeps)
{
    GYRE_BEGIN;
    shared = GYRE_ASYNC_GENERATOR(answers);
    GYRE_TRY(gyre_async_generator_next(shared));
    GYRE_END;
}

static void test_freed_without_a_loop(void **state)
{
    (void)state;
    gyre_async_generator_free(NULL);
    gyre_async_generator_free(GYRE_ASYNC_GENERATOR(slow));
    check_trace("");
    assert_int_equal(RUN(keeps), 0);
    gyre_async_generator_free(shared);
}

/* ---- the end of the loop ---- */

/* Steps a generator for ever, closes it. */
struct consumer {
    gyre_frame frame;
    gyre_async_generator *it;
    int64_t i;
};
GYRE_CORO(consumer)
{
    GYRE_BEGIN;
    self->it = GYRE_ASYNC_GENERATOR(slow, .n = 1000);
    GYRE_ASYNC_FOR(self->i, self->it)
        GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    GYRE_FINALLY;
    GYRE_AWAIT(self->i, gyre_async_generator_close(self->it));
    gyre_async_generator_free(self->it);
    note("c");
    GYRE_END;
}

/* Frees one without closing it, which nothing can do later. */
struct leaves {
    gyre_frame frame;
    gyre_async_generator *it;
    bool stubborn;
};
GYRE_CORO(leaves)
{
    GYRE_BEGIN;
    self->it = self->stubborn ? GYRE_ASYNC_GENERATOR(answers) : GYRE_ASYNC_GENERATOR(nested);
    GYRE_TRY(gyre_async_generator_next(self->it));
    GYRE_TRY(gyre_sleep(GYRE_FOREVER));
    GYRE_FINALLY;
    gyre_async_generator_free(self->it);
    assert_int_equal(self->frame.value, GYRE_ECANCELLED);
    GYRE_END;
}

static void test_freed_while_the_loop_closes(void **state)
{
    gyre_loop *loop = NULL;

    (void)state;
    assert_int_equal(gyre_loop_new(&(gyre_loop_options){.clock = GYRE_CLOCK_VIRTUAL}, &loop), 0);
    gyre_loop_set_exception_handler(loop, report, NULL);
    gyre_task_unref(GYRE_SPAWN_ON(loop, leaves));
    for (int i = 0; i < 8; i++)
        gyre_loop_run_once(loop, GYRE_MS(1));
    gyre_loop_close(loop);
    check_trace("F"); /* all cleanup was done, with awaits that failed */

    assert_int_equal(gyre_loop_new(&(gyre_loop_options){.clock = GYRE_CLOCK_VIRTUAL}, &loop), 0);
    gyre_loop_set_exception_handler(loop, report, NULL);
    gyre_task_unref(GYRE_SPAWN_ON(loop, leaves, .stubborn = true));
    gyre_loop_run_once(loop, 0);
    gyre_loop_close(loop);
    check_trace("GYRE_EGENERATORIGNOREDEXIT");
}

static void test_closing_the_loop_ends_it(void **state)
{
    gyre_loop *loop;

    (void)state;
    for (int iterations = 1; iterations < 12; iterations++) {
        trace[0] = '\0';
        loop = NULL;
        assert_int_equal(gyre_loop_new(&(gyre_loop_options){.clock = GYRE_CLOCK_VIRTUAL}, &loop),
                         0);
        gyre_task_unref(GYRE_SPAWN_ON(loop, consumer));
        for (int i = 0; i < iterations; i++)
            gyre_loop_run_once(loop, GYRE_FOREVER);
        gyre_loop_close(loop);
        assert_non_null(strstr(trace, "Fc"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_steps_states_and_end, start),
        cmocka_unit_test_setup(test_throwing, start),
        cmocka_unit_test_setup(test_closing, start),
        cmocka_unit_test_setup(test_errors_it_raises, start),
        cmocka_unit_test_setup(test_a_negative_yield_is_an_error_at_the_yield, start),
        cmocka_unit_test_setup(test_one_step_at_a_time, start),
        cmocka_unit_test_setup(test_a_cancelled_step_raises_in_the_generator, start),
        cmocka_unit_test_setup(test_a_cancelled_step_may_go_on, start),
        cmocka_unit_test_setup(test_async_for, start),
        cmocka_unit_test_setup(test_an_error_leaves_async_for, start),
        cmocka_unit_test_setup(test_one_drives_another, start),
        cmocka_unit_test_setup(test_backtraces_show_it, start),
        cmocka_unit_test_setup(test_freed_before_its_end_it_is_closed, start),
        cmocka_unit_test_setup(test_freed_during_a_step_it_goes_at_its_end, start),
        cmocka_unit_test_setup(test_freed_after_it_ignored_being_closed, start),
        cmocka_unit_test_setup(test_freed_without_a_loop, start),
        cmocka_unit_test_setup(test_freed_while_the_loop_closes, start),
        cmocka_unit_test_setup(test_closing_the_loop_ends_it, start),
    };

    return cmocka_run_group_tests_name("asynchronous generators", tests, NULL, NULL);
}
