/*
 * Calls: arguments, deep stacks that never move and are given back, details that travel, sleeping.
 */
#include <stdlib.h>

#include "../task/task_internal.h"
#include "support/in_task.h"

/* ---- arguments and results ---- */

struct add {
    gyre_frame frame;
    int64_t a, b;
    struct {
        int64_t x, y;
    } pair;
    char text[16];
    int64_t *out;
};
GYRE_CORO(add)
{
    GYRE_BEGIN;
    assert_string_equal(self->text, "copied");
    GYRE_TRY(gyre_sleep(self->pair.x));
    *self->out = self->pair.y; /* into the caller's frame, which waits */
    GYRE_RETURN(self->a + self->b);
    GYRE_END;
}

struct calls {
    gyre_frame frame;
    int64_t sum, out, one;
};
GYRE_CORO(calls)
{
    GYRE_BEGIN;
    self->one = 1;
    GYRE_TRY(self->sum, GYRE_CALL(add, .a = self->one + 1, .b = 40, .pair = {3, 4},
                                  .text = "copied", .out = &self->out));
    assert_int_equal(self->sum, 42);
    assert_int_equal(self->out, 4);
    GYRE_RETURN(0);
    GYRE_END;
}
TASK_TEST(calls);

/* ---- depth ---- */

/* Frames of changing size; each checks that its members and its address are as they were. */
struct deep {
    gyre_frame frame;
    int depth, most;
    void *self_before;
    int64_t below;
    uint64_t mark;
};
GYRE_CORO(deep)
{
    GYRE_BEGIN;
    self->self_before = self;
    self->mark = (uint64_t)self->depth * UINT64_C(0x9E3779B97F4A7C15);
    if (self->depth < self->most) {
        GYRE_AWAIT(self->below, GYRE_CALL(deep, .depth = self->depth + 1, .most = self->most));
        assert_int_equal(self->below, self->most - self->depth - 1);
    } else {
        GYRE_TRY(gyre_sleep(1));
    }
    assert_ptr_equal(self->self_before, self);
    assert_int_equal(self->mark, (uint64_t)self->depth * UINT64_C(0x9E3779B97F4A7C15));
    if (self->depth % 1000 == 1)
        GYRE_TRY(gyre_sleep(1));
    GYRE_RETURN(self->most - self->depth);
    GYRE_END;
}

struct diver {
    gyre_frame frame;
    int64_t rc;
    int i;
};
GYRE_CORO(diver)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc, GYRE_CALL(deep, .most = 100000)); /* no C stack is used up */
    assert_int_equal(self->rc, 100000);
    assert_null(gyre_task_current()->segment);   /* all pieces were given back */
    for (self->i = 0; self->i < 50; self->i++) { /* across the edge of a piece, again and again */
        GYRE_AWAIT(self->rc, GYRE_CALL(deep, .most = self->i));
        assert_int_equal(self->rc, self->i);
    }
    GYRE_RETURN(0);
    GYRE_END;
}
TASK_TEST(diver);

/* Frames larger than any piece of stack. */
struct big {
    gyre_frame frame;
    int depth;
    int64_t below;
    char ballast[3000];
};
GYRE_CORO(big)
{
    GYRE_BEGIN;
    assert_int_equal(self->ballast[0], 0); /* zeroed */
    assert_int_equal(self->ballast[2999], 0);
    memset(self->ballast, self->depth + 1, sizeof(self->ballast));
    if (self->depth < 5)
        GYRE_AWAIT(self->below, GYRE_CALL(big, .depth = self->depth + 1));
    GYRE_TRY(gyre_sleep(0));
    for (size_t i = 0; i < sizeof(self->ballast); i++)
        assert_int_equal(self->ballast[i], self->depth + 1);
    GYRE_RETURN(self->below + 1);
    GYRE_END;
}

struct bigs {
    gyre_frame frame;
    gyre_task *task;
    int64_t rc;
};
GYRE_CORO(bigs)
{
    GYRE_BEGIN;
    self->task = GYRE_SPAWN(big);
    GYRE_TRY(self->rc, GYRE_CALL(big));
    assert_int_equal(self->rc, 6);
    GYRE_TRY(self->rc, self->task);
    assert_int_equal(self->rc, 6);
    gyre_task_unref(self->task);
    GYRE_RETURN(0);
    GYRE_END;
}
TASK_TEST(bigs);

/* ---- details ---- */

struct thrower {
    gyre_frame frame;
    int depth;
    const char *text; /* NULL: the code alone */
};
GYRE_CORO(thrower)
{
    GYRE_BEGIN;
    if (self->depth > 0)
        GYRE_TRY(GYRE_CALL(thrower, .depth = self->depth - 1, .text = self->text));
    GYRE_TRY(gyre_sleep(0));
    GYRE_RETURN(self->text ? gyre_raise(gyre_error_new(GYRE_EUSER(3), self->text)) : GYRE_EUSER(3));
    GYRE_END;
}

struct details {
    gyre_frame frame;
    gyre_task *one, *two;
    int64_t rc;
};
GYRE_CORO(details)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc, GYRE_CALL(thrower, .depth = 4, .text = "deep"));
    assert_int_equal(self->rc, GYRE_EUSER(3));
    assert_string_equal(gyre_error_text(gyre_error_current()), "deep");
    GYRE_TRY(gyre_sleep(1)); /* a success does not forget it */
    assert_string_equal(gyre_error_text(gyre_error_current()), "deep");
    gyre_error_clear(); /* else the same code, returned anew, would take the old detail along */
    GYRE_AWAIT(self->rc, GYRE_CALL(thrower, .depth = 2));
    assert_int_equal(self->rc, GYRE_EUSER(3));
    assert_null(gyre_error_current());
    /* Each task has its own. */
    self->one = GYRE_SPAWN(thrower, .depth = 1, .text = "one");
    self->two = GYRE_SPAWN(thrower, .depth = 1, .text = "two");
    GYRE_AWAIT(self->rc, self->one);
    assert_string_equal(gyre_error_text(gyre_error_current()), "one");
    GYRE_AWAIT(self->rc, self->two);
    assert_string_equal(gyre_error_text(gyre_error_current()), "two");
    assert_int_equal(gyre_task_result(self->one), GYRE_EUSER(3));
    assert_string_equal(gyre_error_text(gyre_error_current()), "one");
    gyre_task_unref(self->one);
    gyre_task_unref(self->two);
    GYRE_RETURN(0);
    GYRE_END;
}
TASK_TEST(details);

/* Passed on to whoever runs the loop, and reported where nobody awaits. */
struct failing {
    gyre_frame frame;
};
GYRE_CORO(failing)
{
    GYRE_BEGIN;
    GYRE_TRY(GYRE_CALL(thrower, .depth = 1, .text = "out of run"));
    GYRE_END;
}

static void run_passes_the_detail_on(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(failing), GYRE_EUSER(3));
    assert_string_equal(gyre_error_text(gyre_error_current()), "out of run");
    gyre_error_clear();
}

/* ---- sleeping ---- */

struct napper {
    gyre_frame frame;
    const char *word;
    int64_t delay;
    int times;
};
GYRE_CORO(napper)
{
    GYRE_BEGIN;
    while (self->times-- > 0) {
        GYRE_TRY(gyre_sleep(self->delay));
        unit_trace("%s%llu", self->word, (unsigned long long)gyre_loop_time(gyre_loop_current()));
    }
    GYRE_RETURN(0);
    GYRE_END;
}

struct naps {
    gyre_frame frame;
    gyre_task *tasks[3];
    uint64_t iterations;
    gyre_loop_stats stats;
};
GYRE_CORO(naps)
{
    GYRE_BEGIN;
    self->tasks[0] = GYRE_SPAWN(napper, .word = "a", .delay = 3, .times = 3);
    self->tasks[1] = GYRE_SPAWN(napper, .word = "b", .delay = 2, .times = 4);
    self->tasks[2] = GYRE_SPAWN(napper, .word = "c", .delay = 0, .times = 2);
    for (int i = 0; i < 3; i++)
        gyre_future_ignore(gyre_task_future(self->tasks[i]));
    GYRE_TRY(self->tasks[0]);
    GYRE_TRY(self->tasks[1]);
    unit_assert_trace("c0 c0 b2 a3 b4 a6 b6 b8 a9");
    for (int i = 0; i < 3; i++)
        gyre_task_unref(self->tasks[i]);
    /* Every sleep(0), and every sleep in the past, takes one iteration; none needs a timer. */
    gyre_loop_get_stats(gyre_loop_current(), &self->stats);
    self->iterations = self->stats.iterations;
    GYRE_TRY(gyre_sleep(0));
    GYRE_TRY(gyre_sleep(-5));
    GYRE_TRY(gyre_sleep(INT64_MIN));
    gyre_loop_get_stats(gyre_loop_current(), &self->stats);
    assert_int_equal(self->stats.iterations, self->iterations + 3);
    GYRE_TRY(gyre_sleep_until(5));
    GYRE_TRY(gyre_sleep_until(1000));
    assert_int_equal(gyre_loop_time(gyre_loop_current()), 1000);
    GYRE_RETURN(0);
    GYRE_END;
}
TASK_TEST(naps);

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run_calls),
        cmocka_unit_test(run_diver),
        cmocka_unit_test(run_bigs),
        cmocka_unit_test(run_details),
        cmocka_unit_test(run_passes_the_detail_on),
        cmocka_unit_test(run_naps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
