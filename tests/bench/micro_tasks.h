/* Tasks: spawning, switching, futures, deep awaits. */
#ifndef GYRE_TESTS_BENCH_MICRO_TASKS_H
#define GYRE_TESTS_BENCH_MICRO_TASKS_H

#include "../../task/sleep.h"
#include "../../task/task.h"
#include "bench.h"

static gyre_loop *micro_loop; /* of the measurement under way */

static void micro_open(void)
{
    bench_check(gyre_loop_new(NULL, &micro_loop) == 0, "gyre_loop_new");
}

static void micro_close(void)
{
    bench_check(gyre_loop_close(micro_loop) == 0, "gyre_loop_close");
}

/* Runs the loop until the task has ended, in nanoseconds of CPU time an operation. */
static double micro_run(gyre_task *task, double operations)
{
    double start = bench_cpu_ns();

    bench_check(task && gyre_loop_run_until(micro_loop, gyre_task_future(task)) >= 0, "a task");
    start = bench_cpu_ns() - start;
    gyre_task_unref(task);
    micro_close();
    return start / operations;
}

/* ---- spawning ---- */

struct trivial {
    gyre_frame frame;
};

GYRE_CORO(trivial)
{
    GYRE_BEGIN;
    GYRE_RETURN(1);
    GYRE_END;
}

struct spawner {
    gyre_frame frame;
    int rounds;
};

GYRE_CORO(spawner)
{
    GYRE_BEGIN;
    while (self->rounds-- > 0) {
        for (int i = 0; i < 1000; i++)
            bench_check(GYRE_SPAWN_DETACHED(trivial), "GYRE_SPAWN");
        GYRE_TRY(gyre_sleep(0));
    }
    GYRE_END;
}

static double micro_spawn(void)
{
    micro_open();
    return micro_run(GYRE_SPAWN_ON(micro_loop, spawner, .rounds = 1000), 1e6);
}

struct joiner {
    gyre_frame frame;
    gyre_task *task;
    int rounds;
};

GYRE_CORO(joiner)
{
    GYRE_BEGIN;
    while (self->rounds-- > 0) {
        self->task = GYRE_SPAWN(trivial);
        GYRE_TRY(self->task);
        gyre_task_unref(self->task);
    }
    GYRE_END;
}

static double micro_spawn_join(void)
{
    micro_open();
    return micro_run(GYRE_SPAWN_ON(micro_loop, joiner, .rounds = 1000000), 1e6);
}

/* ---- switching ---- */

struct yielder {
    gyre_frame frame;
    int times;
};

GYRE_CORO(yielder)
{
    GYRE_BEGIN;
    while (self->times-- > 0)
        GYRE_TRY(gyre_sleep(0));
    GYRE_END;
}

/* Starts some tasks; waits for the last, which ends last. */
struct yielders {
    gyre_frame frame;
    gyre_task *last;
    int tasks, times;
};

GYRE_CORO(yielders)
{
    GYRE_BEGIN;
    while (self->tasks-- > 1)
        bench_check(GYRE_SPAWN_DETACHED(yielder, .times = self->times), "GYRE_SPAWN");
    self->last = GYRE_SPAWN(yielder, .times = self->times);
    GYRE_TRY(self->last);
    gyre_task_unref(self->last);
    GYRE_END;
}

static double micro_yield2(void)
{
    micro_open();
    return micro_run(GYRE_SPAWN_ON(micro_loop, yielders, .tasks = 2, .times = 2000000), 4e6);
}

static double micro_yield10k(void)
{
    micro_open();
    return micro_run(GYRE_SPAWN_ON(micro_loop, yielders, .tasks = 10000, .times = 200), 2e6);
}

struct nest {
    gyre_frame frame;
    int depth, times;
};

GYRE_CORO(nest)
{
    GYRE_BEGIN;
    if (self->depth > 1) {
        GYRE_TRY(GYRE_CALL(nest, .depth = self->depth - 1, .times = self->times));
    } else {
        while (self->times-- > 0)
            GYRE_TRY(gyre_sleep(0));
    }
    GYRE_END;
}

static double micro_nested100(void)
{
    micro_open();
    return micro_run(GYRE_SPAWN_ON(micro_loop, nest, .depth = 100, .times = 2000000), 2e6);
}

/* Calls of a coroutine that never waits: what a frame costs. */
struct caller {
    gyre_frame frame;
    int times;
};

GYRE_CORO(caller)
{
    GYRE_BEGIN;
    while (self->times-- > 0)
        GYRE_TRY(GYRE_CALL(trivial));
    GYRE_END;
}

static double micro_call(void)
{
    micro_open();
    return micro_run(GYRE_SPAWN_ON(micro_loop, caller, .times = 2000000), 2e6);
}

/* ---- futures ---- */

static gyre_future *micro_pending; /* what the setter is to set */

struct waiter {
    gyre_frame frame;
    int rounds;
};

GYRE_CORO(waiter)
{
    GYRE_BEGIN;
    while (self->rounds-- > 0) {
        micro_pending = gyre_future_new(gyre_loop_current());
        GYRE_TRY(micro_pending);
        gyre_future_unref(micro_pending);
        micro_pending = NULL;
    }
    GYRE_END;
}

struct setter {
    gyre_frame frame;
};

/* Turn about with the waiter, which is first. */
GYRE_CORO(setter)
{
    GYRE_BEGIN;
    while (micro_pending) {
        gyre_future_set_result(micro_pending, 1);
        GYRE_TRY(gyre_sleep(0));
    }
    GYRE_END;
}

static double micro_future(void)
{
    gyre_task *waiter, *setter;
    double figure;

    micro_open();
    waiter = GYRE_SPAWN_ON(micro_loop, waiter, .rounds = 1000000);
    setter = GYRE_SPAWN_ON(micro_loop, setter);
    figure = micro_run(waiter, 1e6);
    gyre_task_unref(setter);
    return figure;
}

#endif
