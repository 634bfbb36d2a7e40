/* Asynchronous iterators: merge, map and batch, in virtual time; errors, closing, cancelling. */
#include "support/unit.h"

#include <inttypes.h>
#include <stdio.h>

#include "../task/async_iter.h"
#include "../task/factory.h"
#include "../task/run.h"
#include "../task/sleep.h"
#include "../task/timeout.h"

#define VIRTUAL  ((gyre_run_options){.loop = {.clock = GYRE_CLOCK_VIRTUAL, .direct_blocks = true}})
#define RUN(...) GYRE_RUN_WITH(VIRTUAL, __VA_ARGS__)

#define E1 GYRE_EUSER(1)

static char trace[512];
static int alive; /* generators and tasks that have not come to their cleanup */

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
    alive = 0;
    return 0;
}

static int64_t now_ms(void)
{
    return (int64_t)(gyre_loop_time(gyre_loop_current()) / 1000000);
}

/* Yields n values from `first` on, one every `every` milliseconds, then fails with `error`, if set. */
struct source {
    gyre_frame frame;
    int64_t first, n, every, error;
    bool stubborn; /* does not care for being cancelled */
    bool cleans;   /* sleeps in its cleanup section */
    int64_t i, rc;
};
GYRE_CORO(source)
{
    GYRE_BEGIN;
    for (self->i = 0; self->i < self->n; self->i++) {
        GYRE_AWAIT(self->rc, gyre_sleep(GYRE_MS(self->every)));
        if (self->rc < 0 && !self->stubborn)
            GYRE_RETURN(self->rc);
        GYRE_YIELD(self->first + self->i);
    }
    if (self->error)
        GYRE_RETURN(gyre_raise(gyre_error_new(self->error, "source")));
    GYRE_FINALLY;
    if (self->cleans)
        GYRE_AWAIT(self->rc, gyre_sleep(GYRE_MS(1)));
    alive--;
    GYRE_END;
}

static gyre_async_generator *source(struct source args)
{
    args.frame.coro = &source_coro;
    alive++;
    return gyre__async_generator_new(&source_coro, &args);
}
#define SOURCE(...) source((struct source){__VA_ARGS__})

/* Takes everything, noting time and value; closes and frees it. */
struct drain {
    gyre_frame frame;
    gyre_async_generator *it;
    int64_t most; /* values taken at most; 0: all */
    int64_t nap;  /* after each */
    int64_t value, rc, i;
};
GYRE_CORO(drain)
{
    GYRE_BEGIN;
    GYRE_ASYNC_FOR(self->value, self->it) {
        char text[48];

        snprintf(text, sizeof(text), "%" PRId64 ":%" PRId64 " ", now_ms(), self->value);
        note(text);
        if (++self->i == self->most)
            break;
        if (self->nap)
            GYRE_TRY(gyre_sleep(GYRE_MS(self->nap)));
    }
    GYRE_FINALLY;
    GYRE_AWAIT(self->rc, gyre_async_generator_close(self->it));
    gyre_async_generator_free(self->it);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    GYRE_END;
}

#define TEST(name_)                                                                                \
    struct name_ {                                                                                 \
        gyre_frame frame;                                                                          \
        gyre_task *task;                                                                           \
        gyre_async_generator *it;                                                                  \
        int64_t rc;                                                                                \
    };                                                                                             \
    static const gyre_coro name_##_coro;                                                           \
    static void test_##name_(void **state)                                                         \
    {                                                                                              \
        (void)state;                                                                               \
        assert_int_equal(RUN(name_), 0);                                                           \
        assert_int_equal(alive, 0);                                                                \
    }                                                                                              \
    GYRE_CORO(name_)

#define DRAIN(expected_, ...)                                                                      \
    do {                                                                                           \
        GYRE_AWAIT(self->rc, GYRE_CALL(drain, __VA_ARGS__));                                       \
        assert_int_equal(self->rc, expected_);                                                     \
    } while (0)

TEST(from_an_iterator)
{
    GYRE_BEGIN;
    DRAIN(0, .it = gyre_async_iter_from(gyre_iter_range(1, 4, 1)), .nap = 1);
    check_trace("0:1 1:2 2:3 ");
    DRAIN(-EOVERFLOW, .it = gyre_async_iter_from(gyre_iter_count(1, -1)));
    check_trace("3:1 3:0 ");
    assert_null(gyre_async_iter_from(NULL));
    gyre_async_generator_free(gyre_async_iter_from(gyre_iter_range(1, 4, 1)));
    GYRE_RETURN(0);
    GYRE_END;
}

/* ---- merge ---- */

#define MERGE(...)                                                                                 \
    gyre_async_iter_merge(sizeof((gyre_async_generator *const[]){__VA_ARGS__}) /                   \
                              sizeof(gyre_async_generator *),                                      \
                          (gyre_async_generator *const[]){__VA_ARGS__})

TEST(merge)
{
    GYRE_BEGIN;
    DRAIN(0, .it = MERGE(SOURCE(.first = 10, .n = 3, .every = 3),
                         SOURCE(.first = 20, .n = 4, .every = 4), SOURCE(.n = 0)));
    check_trace("3:10 4:20 6:11 8:21 9:12 12:22 16:23 ");
    DRAIN(0, .it = gyre_async_iter_merge(0, NULL));
    DRAIN(0, .it = MERGE(gyre_async_iter_from(gyre_iter_range(0, 3, 1)),
                         gyre_async_iter_from(gyre_iter_range(10, 12, 1))));
    check_trace("16:0 16:10 16:1 16:11 16:2 ");
    GYRE_RETURN(0);
    GYRE_END;
}

TEST(merge_reads_at_most_one_ahead)
{
    GYRE_BEGIN;
    DRAIN(0, .it = MERGE(SOURCE(.first = 10, .n = 3, .every = 1)), .nap = 10);
    check_trace("1:10 11:11 21:12 ");
    GYRE_RETURN(0);
    GYRE_END;
}

TEST(merge_with_an_error)
{
    GYRE_BEGIN;
    DRAIN(E1, .it = MERGE(SOURCE(.first = 10, .n = 2, .every = 3, .error = E1),
                          SOURCE(.first = 20, .n = 9, .every = 2, .cleans = true)));
    assert_string_equal(gyre_error_text(gyre_error_current()), "source");
    assert_int_equal(now_ms(), 7);
    check_trace("2:20 3:10 4:21 6:11 6:22 ");
    assert_int_equal(alive, 0);
    GYRE_RETURN(0);
    GYRE_END;
}

TEST(merge_is_closed_early)
{
    GYRE_BEGIN;
    DRAIN(0, .most = 1,
          .it = MERGE(SOURCE(.first = 10, .n = 9, .every = 1, .cleans = true),
                      SOURCE(.first = 20, .n = 9, .every = 1, .stubborn = true)));
    check_trace("1:10 ");
    assert_int_equal(alive, 0);
    self->it = MERGE(SOURCE(.n = 1), SOURCE(.n = 1));
    GYRE_TRY(gyre_async_generator_close(self->it)); /* before it has started */
    gyre_async_generator_free(self->it);
    assert_int_equal(alive, 0);
    GYRE_RETURN(0);
    GYRE_END;
}

TEST(merge_of_what_is_missing)
{
    GYRE_BEGIN;
    assert_null(MERGE(SOURCE(.n = 1), NULL, SOURCE(.n = 1)));
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    assert_int_equal(alive, 0); /* the others were closed */
    GYRE_RETURN(0);
    GYRE_END;
}

TEST(merge_is_cancelled)
{
    GYRE_BEGIN;
    self->task = GYRE_SPAWN(drain, .it = MERGE(SOURCE(.n = 9, .every = 5, .cleans = true),
                                               SOURCE(.first = 20, .n = 9, .every = 7)));
    GYRE_TRY(gyre_sleep(GYRE_MS(6)));
    gyre_task_cancel(self->task);
    GYRE_AWAIT(self->rc, self->task);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    assert_int_equal(now_ms(), 7);
    assert_int_equal(alive, 0);
    gyre_task_unref(self->task);
    check_trace("5:0 ");
    GYRE_RETURN(0);
    GYRE_END;
}

TEST(merge_is_cancelled_while_it_ends)
{
    GYRE_BEGIN;
    self->task = GYRE_SPAWN(drain, .it = MERGE(SOURCE(.n = 9, .every = 5, .cleans = true),
                                               SOURCE(.first = 20, .n = 9, .every = 7)));
    GYRE_TRY(gyre_sleep(GYRE_MS(6)));
    gyre_task_cancel(self->task);
    GYRE_TRY(gyre_sleep(0));
    GYRE_TRY(gyre_sleep(0));
    gyre_task_cancel(self->task);
    GYRE_AWAIT(self->rc, self->task);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    assert_int_equal(now_ms(), 6);
    gyre_task_unref(self->task);
    GYRE_TRY(gyre_sleep(GYRE_MS(2))); /* the rest ends alone */
    assert_int_equal(alive, 0);
    trace[0] = '\0';
    GYRE_RETURN(0);
    GYRE_END;
}

TEST(merge_with_eager_tasks)
{
    GYRE_BEGIN;
    gyre_loop_set_task_factory(gyre_loop_current(), gyre_eager_task_factory, NULL);
    DRAIN(0, .it = MERGE(SOURCE(.n = 0), SOURCE(.first = 20, .n = 2, .every = 1)));
    check_trace("1:20 2:21 ");
    DRAIN(0, .it = MERGE(SOURCE(.n = 0)));
    gyre_loop_set_task_factory(gyre_loop_current(), NULL, NULL);
    GYRE_RETURN(0);
    GYRE_END;
}

/* ---- map ---- */

static int working, most_working;

/* Gives 10 times the value after as many milliseconds as it says; fails for 13. */
struct work {
    gyre_frame frame;
    int64_t value;
};
GYRE_CORO(work)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(GYRE_MS(self->value)));
    if (self->value == 13)
        GYRE_RETURN(gyre_raise(gyre_error_new(E1, "work")));
    GYRE_RETURN(10 * self->value);
    GYRE_FINALLY;
    working--;
    GYRE_END;
}

static gyre_future *start_work(int64_t value, void *arg)
{
    if (++working > most_working)
        most_working = working;
    if (arg && value == *(int64_t *)arg) {
        working--;
        return NULL;
    }
    return gyre_task_future(GYRE_SPAWN(work, .value = value));
}

static gyre_async_generator *mapped(size_t limit, unsigned flags, gyre_iter *values)
{
    most_working = working = 0;
    return gyre_async_iter_map(gyre_async_iter_from(values), limit, start_work, NULL, flags);
}

static const int64_t naps[] = {5, 1, 3, 2};

TEST(map_keeps_the_order)
{
    GYRE_BEGIN;
    DRAIN(0, .it = mapped(2, 0, gyre_iter_array(4, naps)));
    check_trace("5:50 5:10 8:30 8:20 ");
    assert_int_equal(most_working, 2);
    DRAIN(0, .it = mapped(9, 0, gyre_iter_array(4, naps)));
    check_trace("13:50 13:10 13:30 13:20 ");
    assert_int_equal(most_working, 4);
    DRAIN(0, .it = mapped(1, 0, gyre_iter_array(4, naps)));
    check_trace("18:50 19:10 22:30 24:20 ");
    DRAIN(0, .it = mapped(3, 0, gyre_iter_range(0, 0, 1)));
    assert_null(gyre_async_iter_map(NULL, 1, start_work, NULL, 0));
    GYRE_RETURN(0);
    GYRE_END;
}

TEST(map_unordered)
{
    GYRE_BEGIN;
    DRAIN(0, .it = mapped(2, GYRE_ASYNC_UNORDERED, gyre_iter_array(4, naps)));
    check_trace("1:10 4:30 5:50 6:20 ");
    assert_int_equal(most_working, 2);
    DRAIN(0, .it = mapped(9, GYRE_ASYNC_UNORDERED, gyre_iter_array(4, naps)));
    check_trace("7:10 8:20 9:30 11:50 ");
    GYRE_RETURN(0);
    GYRE_END;
}

TEST(map_with_an_error)
{
    static const int64_t fails[] = {20, 13, 30, 40};
    static const int64_t refused = 30;

    GYRE_BEGIN;
    DRAIN(E1, .it = mapped(3, 0, gyre_iter_array(4, fails)));
    assert_string_equal(gyre_error_text(gyre_error_current()), "work");
    check_trace("20:200 ");
    assert_int_equal(working, 0);
    DRAIN(E1, .it = mapped(3, GYRE_ASYNC_UNORDERED, gyre_iter_array(4, fails)));
    check_trace("");
    assert_int_equal(now_ms(), 33);
    assert_int_equal(working, 0);
    /* The source fails: the results before that come out. */
    working = 0;
    DRAIN(E1, .it = gyre_async_iter_map(SOURCE(.first = 1, .n = 2, .error = E1), 3, start_work,
                                        NULL, 0));
    assert_string_equal(gyre_error_text(gyre_error_current()), "source");
    check_trace("34:10 35:20 ");
    DRAIN(-ENOMEM, .it = gyre_async_iter_map(SOURCE(.first = 29, .n = 2), 3, start_work,
                                             (void *)(uintptr_t)&refused, 0));
    check_trace("64:290 ");
    assert_int_equal(working, 0);
    GYRE_RETURN(0);
    GYRE_END;
}

TEST(map_is_closed_early)
{
    GYRE_BEGIN;
    DRAIN(0, .most = 1, .it = mapped(3, 0, gyre_iter_array(4, naps)));
    assert_int_equal(now_ms(), 5);
    assert_int_equal(working, 0);
    self->task = GYRE_SPAWN(drain, .it = mapped(3, 0, gyre_iter_array(4, naps)));
    GYRE_TRY(gyre_sleep(GYRE_MS(4)));
    gyre_task_cancel(self->task);
    GYRE_AWAIT(self->rc, self->task);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    gyre_task_unref(self->task);
    assert_int_equal(working, 0);
    trace[0] = '\0';
    GYRE_RETURN(0);
    GYRE_END;
}

/* ---- batches ---- */

static void note_batch(const gyre_batch *batch)
{
    char text[48];

    snprintf(text, sizeof(text), "%" PRId64 ":", now_ms());
    note(text);
    for (size_t i = 0; i < batch->count; i++) {
        snprintf(text, sizeof(text), "%s%" PRId64, i ? "," : "", batch->values[i]);
        note(text);
    }
    note(" ");
}

/* Takes all batches, noting time and values. */
struct drain_batches {
    gyre_frame frame;
    gyre_async_generator *it;
    int64_t nap, value;
};
GYRE_CORO(drain_batches)
{
    GYRE_BEGIN;
    GYRE_ASYNC_FOR(self->value, self->it) {
        note_batch(gyre_async_iter_batch_of(self->value));
        if (self->nap)
            GYRE_TRY(gyre_sleep(GYRE_MS(self->nap)));
    }
    GYRE_FINALLY;
    gyre_async_generator_free(self->it);
    GYRE_END;
}

#define BATCHES(expected_, ...)                                                                    \
    do {                                                                                           \
        GYRE_AWAIT(self->rc, GYRE_CALL(drain_batches, __VA_ARGS__));                               \
        assert_int_equal(self->rc, expected_);                                                     \
    } while (0)

TEST(batches_by_size)
{
    GYRE_BEGIN;
    BATCHES(0, .it = gyre_async_iter_batch(SOURCE(.n = 7, .every = 1), 3, GYRE_FOREVER));
    check_trace("3:0,1,2 6:3,4,5 7:6 ");
    BATCHES(0, .it = gyre_async_iter_batch(SOURCE(.n = 0), 3, GYRE_FOREVER));
    BATCHES(E1, .it = gyre_async_iter_batch(SOURCE(.n = 4, .error = E1), 3, GYRE_FOREVER));
    assert_string_equal(gyre_error_text(gyre_error_current()), "source");
    check_trace("7:0,1,2 7:3 ");
    assert_null(gyre_async_iter_batch(SOURCE(.n = 1), 0, GYRE_FOREVER));
    GYRE_TRY(gyre_sleep(0));
    GYRE_RETURN(0);
    GYRE_END;
}

TEST(batches_by_time)
{
    GYRE_BEGIN;
    BATCHES(0, .it = gyre_async_iter_batch(SOURCE(.n = 7, .every = 10), 100, GYRE_MS(25)));
    check_trace("35:0,1,2 65:3,4,5 70:6 ");
    BATCHES(0, .it = gyre_async_iter_batch(SOURCE(.n = 3, .every = 10), 100, 0));
    check_trace("80:0 90:1 100:2 ");
    GYRE_RETURN(0);
    GYRE_END;
}

TEST(batches_are_closed_early)
{
    GYRE_BEGIN;
    self->it = gyre_async_iter_batch(SOURCE(.n = 9, .every = 10, .cleans = true), 5, GYRE_MS(500));
    GYRE_AWAIT(self->rc, gyre_wait_for(gyre_async_generator_next(self->it), GYRE_MS(25)));
    assert_int_equal(self->rc, GYRE_ETIMEOUT);
    assert_int_equal(now_ms(), 26);
    assert_int_equal(alive, 0);
    gyre_async_generator_free(self->it);
    GYRE_RETURN(0);
    GYRE_END;
}

/* ---- given up, and the end of the loop ---- */

TEST(freed_without_being_closed)
{
    GYRE_BEGIN;
    self->it = mapped(3, 0, gyre_iter_array(4, naps));
    GYRE_TRY(gyre_async_generator_next(self->it));
    gyre_async_generator_free(self->it);
    self->it = MERGE(SOURCE(.n = 5, .every = 1), SOURCE(.n = 5, .every = 1));
    GYRE_TRY(gyre_async_generator_next(self->it));
    gyre_async_generator_free(self->it);
    gyre_async_generator_free(gyre_async_iter_batch(SOURCE(.n = 1), 2, 5));
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    assert_int_equal(alive, 0);
    assert_int_equal(working, 0);
    GYRE_RETURN(0);
    GYRE_END;
}

static void test_freed_without_a_loop(void **state)
{
    gyre_loop *loop = NULL;
    gyre_task *task;
    gyre_async_generator *it[3];

    (void)state;
    gyre_async_generator_free(MERGE(SOURCE(.n = 1), SOURCE(.n = 1)));
    gyre_async_generator_free(gyre_async_iter_batch(SOURCE(.n = 1), 2, 5));
    gyre_async_generator_free(mapped(3, 0, gyre_iter_array(4, naps)));
    /* In the middle. */
    assert_int_equal(gyre_loop_new(&(gyre_loop_options){.clock = GYRE_CLOCK_VIRTUAL}, &loop), 0);
    it[0] = MERGE(SOURCE(.n = 2, .every = 1), SOURCE(.n = 2, .every = 2));
    it[1] = gyre_async_iter_batch(SOURCE(.n = 9, .every = 1), 2, 5);
    it[2] = mapped(3, 0, gyre_iter_array(4, naps));
    for (int i = 0; i < 3; i++) {
        task = GYRE_SPAWN_ON(loop, drain, .it = it[i], .nap = 100);
        for (int j = 0; j < 20 && gyre_async_generator_get_state(it[i]) != GYRE_GENERATOR_SUSPENDED;
             j++)
            gyre_loop_run_once(loop, GYRE_FOREVER);
        gyre_task_unref(task);
    }
    gyre_loop_close(loop);
    trace[0] = '\0';
}

static void test_closing_the_loop_at_any_moment(void **state)
{
    gyre_loop *loop;

    (void)state;
    for (int iterations = 0; iterations < 40; iterations++) {
        loop = NULL;
        assert_int_equal(gyre_loop_new(&(gyre_loop_options){.clock = GYRE_CLOCK_VIRTUAL}, &loop),
                         0);
        gyre_task_unref(GYRE_SPAWN_ON(loop, drain, .it = mapped(3, 0, gyre_iter_array(4, naps))));
        gyre_task_unref(GYRE_SPAWN_ON(loop, drain,
                                      .it = MERGE(SOURCE(.n = 5, .every = 1, .cleans = true),
                                                  SOURCE(.n = 5, .every = 2, .stubborn = true))));
        gyre_task_unref(GYRE_SPAWN_ON(
            loop, drain_batches, .it = gyre_async_iter_batch(SOURCE(.n = 9, .every = 1), 3, 2)));
        for (int i = 0; i < iterations; i++)
            gyre_loop_run_once(loop, GYRE_MS(1));
        gyre_loop_close(loop);
    }
    trace[0] = '\0';
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_from_an_iterator, start),
        cmocka_unit_test_setup(test_merge, start),
        cmocka_unit_test_setup(test_merge_reads_at_most_one_ahead, start),
        cmocka_unit_test_setup(test_merge_with_an_error, start),
        cmocka_unit_test_setup(test_merge_is_closed_early, start),
        cmocka_unit_test_setup(test_merge_of_what_is_missing, start),
        cmocka_unit_test_setup(test_merge_is_cancelled, start),
        cmocka_unit_test_setup(test_merge_is_cancelled_while_it_ends, start),
        cmocka_unit_test_setup(test_merge_with_eager_tasks, start),
        cmocka_unit_test_setup(test_map_keeps_the_order, start),
        cmocka_unit_test_setup(test_map_unordered, start),
        cmocka_unit_test_setup(test_map_with_an_error, start),
        cmocka_unit_test_setup(test_map_is_closed_early, start),
        cmocka_unit_test_setup(test_batches_by_size, start),
        cmocka_unit_test_setup(test_batches_by_time, start),
        cmocka_unit_test_setup(test_batches_are_closed_early, start),
        cmocka_unit_test_setup(test_freed_without_being_closed, start),
        cmocka_unit_test_setup(test_freed_without_a_loop, start),
        cmocka_unit_test_setup(test_closing_the_loop_at_any_moment, start),
    };

    return cmocka_run_group_tests_name("asynchronous iterators", tests, NULL, NULL);
}
