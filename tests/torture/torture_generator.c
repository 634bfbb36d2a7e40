/* Torture of generators, synchronous and asynchronous, and of what is made of them. */
#include <errno.h>

#include "../../task/async_iter.h"
#include "../../task/sleep.h"
#include "../../task/timeout.h"
#include "../support/torture.h"

/* Counts down; below that, what it yields from counts down, too. */
struct countdown {
    gyre_frame frame;
    int64_t from, depth;
    int64_t i;
};
GYRE_CORO(countdown)
{
    GYRE_BEGIN;
    for (self->i = self->from; self->i > 0; self->i--)
        GYRE_YIELD(self->i);
    if (self->depth)
        GYRE_YIELD_FROM(GYRE_GENERATOR(countdown, .from = self->from, .depth = self->depth - 1));
    GYRE_YIELD_FROM(gyre_iter_range(0, 2, 1));
    GYRE_END;
}

/* Adds up generators that run dry, that are closed, and that are freed. */
struct generators {
    gyre_frame frame;
    gyre_iter *iter;
    gyre_generator *generator;
    gyre_error *detail;
    int64_t value, sum;
};
GYRE_CORO(generators)
{
    GYRE_BEGIN;
    self->iter = gyre_iter_cycle(gyre_iter_take(GYRE_ITER(countdown, .from = 2, .depth = 3), 5));
    self->iter = gyre_iter_take(gyre_iter_accumulate(self->iter, NULL, NULL, GYRE_NONE), 12);
    while ((self->value = gyre_iter_next(self->iter)) >= 0) {
        self->sum += self->value;
        GYRE_TRY(gyre_sleep(0));
    }
    if (self->value != GYRE_ESTOPITERATION)
        GYRE_RETURN(self->value);
    self->generator = GYRE_GENERATOR(countdown, .from = 1, .depth = 3);
    for (self->value = 0; self->value < 3; self->value++)
        if (gyre_generator_next(self->generator) < 0)
            GYRE_RETURN(-ENOMEM);
    self->detail = gyre_error_new(-EIO, "thrown");
    if (gyre_generator_throw(self->generator, -EIO, self->detail) != -EIO)
        GYRE_RETURN(-EPROTO);
    GYRE_RETURN(self->sum);
    GYRE_FINALLY;
    gyre_error_unref(self->detail);
    gyre_generator_free(self->generator);
    gyre_iter_free(self->iter);
    GYRE_END;
}

/* Yields 0 .. n - 1, one a millisecond; waits in its cleanup section. */
struct ticks {
    gyre_frame frame;
    int64_t n, error;
    int64_t i, rc;
};
GYRE_CORO(ticks)
{
    GYRE_BEGIN;
    for (self->i = 0; self->i < self->n; self->i++) {
        GYRE_TRY(gyre_sleep(GYRE_MS(1)));
        GYRE_YIELD(self->i);
    }
    if (self->error)
        GYRE_RETURN(gyre_raise(gyre_error_new(self->error, "ticks")));
    GYRE_FINALLY;
    GYRE_AWAIT(self->rc, gyre_sleep(GYRE_MS(1)));
    GYRE_END;
}

/* Drives another one, with a call and a time limit in between. */
struct relay {
    gyre_frame frame;
    gyre_async_generator *source; /* owned */
    int64_t value, rc;
};
GYRE_CORO(relay)
{
    GYRE_BEGIN;
    self->source = GYRE_ASYNC_GENERATOR(ticks, .n = 4);
    for (;;) {
        GYRE_AWAIT(self->value,
                   gyre_wait_for(gyre_async_generator_next(self->source), GYRE_MS(5)));
        if (self->value == GYRE_ESTOPASYNCITERATION)
            GYRE_RETURN(0);
        if (self->value < 0)
            GYRE_RETURN(self->value);
        GYRE_YIELD(self->value);
    }
    GYRE_FINALLY;
    GYRE_AWAIT(self->rc, gyre_async_generator_close(self->source));
    gyre_async_generator_free(self->source);
    GYRE_END;
}

/* Adds up what a generator gives. */
struct adds {
    gyre_frame frame;
    gyre_async_generator *it; /* borrowed */
    int64_t most;             /* values taken at most; 0: all */
    bool closes;
    int64_t value, sum, rc;
};
GYRE_CORO(adds)
{
    GYRE_BEGIN;
    GYRE_ASYNC_FOR(self->value, self->it) {
        self->sum += self->value;
        if (self->most && --self->most == 0)
            break;
        GYRE_TRY(gyre_sleep(0));
    }
    GYRE_RETURN(self->sum);
    GYRE_FINALLY;
    if (self->closes)
        GYRE_AWAIT(self->rc, gyre_async_generator_close(self->it));
    GYRE_END;
}

/* Adds up what a new generator gives. */
#define ADDS(made_, ...)                                                                           \
    do {                                                                                           \
        self->it = (made_);                                                                        \
        GYRE_AWAIT(self->rc, GYRE_CALL(adds, .it = self->it, __VA_ARGS__));                        \
        gyre_async_generator_free(self->it);                                                       \
        if (self->rc < 0)                                                                          \
            GYRE_RETURN(self->rc);                                                                 \
    } while (0)

struct async_generators {
    gyre_frame frame;
    gyre_async_generator *it;
    int64_t rc, sum;
};
GYRE_CORO(async_generators)
{
    GYRE_BEGIN;
    ADDS(GYRE_ASYNC_GENERATOR(relay), .closes = true);
    self->sum += self->rc;
    ADDS(GYRE_ASYNC_GENERATOR(relay), .most = 2, .closes = true);
    self->sum += self->rc;
    ADDS(GYRE_ASYNC_GENERATOR(relay), .most = 2);
    self->sum += self->rc;
    gyre_async_generator_free(GYRE_ASYNC_GENERATOR(ticks, .n = 1));
    GYRE_TRY(gyre_sleep(GYRE_MS(3)));
    GYRE_RETURN(self->sum);
    GYRE_END;
}

/* Two tasks share one. */
struct shares {
    gyre_frame frame;
    gyre_async_generator *it;
    gyre_task *tasks[2];
    int64_t rc;
};
struct takes {
    gyre_frame frame;
    gyre_async_generator *it; /* borrowed */
    int64_t rc, sum;
};
GYRE_CORO(takes)
{
    GYRE_BEGIN;
    for (;;) {
        GYRE_AWAIT(self->rc, gyre_async_generator_next(self->it));
        if (self->rc == GYRE_ESTOPASYNCITERATION)
            break;
        if (self->rc < 0 && self->rc != GYRE_ESTATE)
            GYRE_RETURN(self->rc);
        if (self->rc > 0)
            self->sum += self->rc;
        GYRE_TRY(gyre_sleep(GYRE_US(500)));
    }
    GYRE_RETURN(self->sum);
    GYRE_END;
}

GYRE_CORO(shares)
{
    GYRE_BEGIN;
    self->it = GYRE_ASYNC_GENERATOR(relay);
    if (!self->it)
        GYRE_RETURN(-ENOMEM);
    self->tasks[0] = GYRE_SPAWN(takes, .it = self->it);
    self->tasks[1] = GYRE_SPAWN(takes, .it = self->it);
    GYRE_TRY(self->tasks[0]);
    GYRE_TRY(self->tasks[1]);
    GYRE_FINALLY;
    /* Perhaps before the tasks have ended: the step that is under way keeps it. */
    for (int i = 0; i < 2; i++) {
        if (!self->tasks[i])
            continue;
        gyre_task_cancel(self->tasks[i]);
        gyre_future_ignore(gyre_task_future(self->tasks[i]));
    }
    GYRE_AWAIT(self->rc, self->tasks[0]);
    GYRE_AWAIT(self->rc, self->tasks[1]);
    gyre_async_generator_free(self->it);
    gyre_task_unref(self->tasks[0]);
    gyre_task_unref(self->tasks[1]);
    GYRE_END;
}

/* ---- made of others ---- */

struct merges {
    gyre_frame frame;
    gyre_async_generator *it;
    int64_t rc;
};

static gyre_async_generator *merged(int64_t error)
{
    return gyre_async_iter_merge(
        2, (gyre_async_generator *const[]){GYRE_ASYNC_GENERATOR(ticks, .n = 3),
                                           GYRE_ASYNC_GENERATOR(ticks, .n = 2, .error = error)});
}

GYRE_CORO(merges)
{
    GYRE_BEGIN;
    ADDS(merged(0), .closes = true);
    ADDS(merged(0), .most = 2, .closes = true);
    ADDS(merged(0), .most = 2);
    self->it = merged(-EIO);
    GYRE_AWAIT(self->rc, GYRE_CALL(adds, .it = self->it));
    gyre_async_generator_free(self->it);
    GYRE_RETURN(self->rc == -EIO ? 4 : self->rc);
    GYRE_END;
}

struct doubles {
    gyre_frame frame;
    int64_t value;
};
GYRE_CORO(doubles)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(GYRE_MS(2)));
    GYRE_RETURN(2 * self->value);
    GYRE_END;
}

static gyre_future *start_doubling(int64_t value, void *arg)
{
    (void)arg;
    return gyre_task_future(GYRE_SPAWN(doubles, .value = value));
}

static gyre_async_generator *doubled(gyre_async_generator *source, unsigned flags)
{
    return gyre_async_iter_map(source, 3, start_doubling, NULL, flags);
}

struct maps {
    gyre_frame frame;
    unsigned flags;
    gyre_async_generator *it;
    int64_t rc;
};
GYRE_CORO(maps)
{
    GYRE_BEGIN;
    for (self->flags = 0; self->flags <= GYRE_ASYNC_UNORDERED; self->flags++) {
        ADDS(doubled(GYRE_ASYNC_GENERATOR(ticks, .n = 4), self->flags), .most = 2, .closes = true);
        ADDS(doubled(GYRE_ASYNC_GENERATOR(ticks, .n = 4), self->flags), .most = 2);
        ADDS(doubled(gyre_async_iter_from(gyre_iter_range(0, 5, 1)), self->flags), .closes = true);
    }
    GYRE_RETURN(self->rc);
    GYRE_END;
}

struct batches {
    gyre_frame frame;
    gyre_async_generator *it;
    int64_t value, rc, sum;
};
GYRE_CORO(batches)
{
    GYRE_BEGIN;
    self->it = gyre_async_iter_batch(GYRE_ASYNC_GENERATOR(ticks, .n = 7), 3, GYRE_US(1500));
    GYRE_ASYNC_FOR(self->value, self->it)
        self->sum += (int64_t)gyre_async_iter_batch_of(self->value)->count;
    GYRE_RETURN(self->sum);
    GYRE_FINALLY;
    GYRE_AWAIT(self->rc, gyre_async_generator_close(self->it));
    gyre_async_generator_free(self->it);
    GYRE_END;
}

static const torture_scenario scenarios[] = {
    {TORTURE_MAIN(generators), .expect = 125},
    {TORTURE_MAIN(async_generators), .expect = 8},
    {TORTURE_MAIN(shares)},
    {TORTURE_MAIN(merges), .expect = 4},
    {TORTURE_MAIN(maps), .expect = 20},
    {TORTURE_MAIN(batches), .expect = 7},
};

int main(int argc, char **argv)
{
    return torture_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
