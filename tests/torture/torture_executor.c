/*
 * Torture of threads: jobs awaited and submitted, maps, queues and futures between threads, the end
 * of it all.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "../../future/gather.h"
#include "../../loop/alloc.h"
#include "../../task/executor.h"
#include "../../task/run.h"
#include "../../task/sleep.h"
#include "../../task/thread_future.h"
#include "../../task/thread_queue.h"
#include "../support/torture.h"

enum { CALLS = 6 };

/*
 * The executor of each scenario: it outlives the loop, and is waited for before memory is counted.
 */
static gyre_executor *pool;

static int64_t make_pool_with(gyre_loop *loop, size_t stack_size)
{
    const gyre_executor_options options = {.threads = 2, .stack_size = stack_size};
    int64_t rc;

    pool = NULL;
    rc = gyre_executor_new(&options, &pool);
    return rc < 0 ? rc : gyre_loop_set_default_executor(loop, pool);
}

static int64_t make_pool(gyre_loop *loop)
{
    return make_pool_with(loop, 0);
}

/* No thread can be started. */
static int64_t make_bad_pool(gyre_loop *loop)
{
    return make_pool_with(loop, (size_t)1 << 62);
}

static void end_pool(void)
{
    if (pool)
        gyre_executor_shutdown_blocking(pool, GYRE_FOREVER, true);
    gyre_executor_unref(pool);
    pool = NULL;
}

/* ---- functions for threads: they allocate nothing, so that counts stay the same ---- */

static int64_t add_one(void *arg)
{
    sched_yield();
    return *(int *)arg + 1;
}

static int64_t until_told(void *arg)
{
    (void)arg;
    while (!gyre_job_cancelled())
        sched_yield();
    return 5;
}

/* An argument of its own; NULL: memory is short. */
static int *new_number(int number)
{
    int *made = gyre_alloc(sizeof(*made));

    if (made)
        *made = number;
    return made;
}

/* ---- awaits ---- */

struct borrowed {
    gyre_frame frame;
    int number;
    int64_t rc;
};
GYRE_CORO(borrowed)
{
    GYRE_BEGIN;
    GYRE_TRY(self->rc, gyre_to_thread(add_one, &self->number, NULL));
    self->number = (int)self->rc;
    GYRE_TRY(self->rc,
             gyre_run_in_executor(pool, &((gyre_job){.fn = add_one, .arg = &self->number})));
    GYRE_RETURN(self->rc);
    GYRE_END;
}

struct moved {
    gyre_frame frame;
    int *number;
};
GYRE_CORO(moved)
{
    GYRE_BEGIN;
    self->number = new_number(6);
    if (!self->number)
        GYRE_RETURN(-ENOMEM);
    GYRE_TRY(gyre_to_thread(add_one, self->number, gyre_free));
    GYRE_RETURN(self->frame.result);
    GYRE_END;
}

/* Jobs that only end when they are told to, in tasks that are cancelled or left behind. */
struct stubborn {
    gyre_frame frame;
    bool moves;
    int *number;
    int here;
};
GYRE_CORO(stubborn)
{
    GYRE_BEGIN;
    if (self->moves) {
        self->number = new_number(1);
        if (!self->number)
            GYRE_RETURN(-ENOMEM);
        GYRE_TRY(gyre_to_thread(until_told, self->number, gyre_free));
    } else {
        GYRE_TRY(gyre_to_thread(until_told, &self->here, NULL));
    }
    GYRE_END;
}

struct told {
    gyre_frame frame;
    gyre_task *tasks[2];
    int64_t rc;
};
GYRE_CORO(told)
{
    GYRE_BEGIN;
    self->tasks[0] = GYRE_SPAWN(stubborn, .moves = false);
    self->tasks[1] = GYRE_SPAWN(stubborn, .moves = true);
    GYRE_TRY(gyre_sleep(0));
    for (int i = 0; i < 2; i++)
        if (self->tasks[i])
            gyre_task_cancel(self->tasks[i]);
    GYRE_AWAIT(self->rc, self->tasks[0]);
    GYRE_AWAIT(self->rc, self->tasks[1]);
    GYRE_RETURN(0);
    GYRE_FINALLY;
    for (int i = 0; i < 2; i++)
        if (self->tasks[i])
            gyre_task_cancel(self->tasks[i]);
    gyre_task_unref(self->tasks[0]);
    gyre_task_unref(self->tasks[1]);
    GYRE_END;
}

/* ---- futures ---- */

static gyre_future *submit_number(int value)
{
    int *number = new_number(value);

    if (!number)
        return NULL;
    return gyre_executor_submit(NULL, &((gyre_job){add_one, number, gyre_free, NULL}));
}

struct gathers {
    gyre_frame frame;
    gyre_future *jobs[3];
    gyre_future *all;
    int64_t sum;
};
GYRE_CORO(gathers)
{
    GYRE_BEGIN;
    for (int i = 0; i < 3; i++)
        self->jobs[i] = submit_number(i);
    self->all = gyre_gather(NULL, 3, self->jobs, 0);
    GYRE_TRY(self->all);
    for (size_t i = 0; i < 3; i++)
        self->sum += gyre_gather_result(self->all, i, NULL);
    GYRE_RETURN(self->sum);
    GYRE_FINALLY;
    gyre_future_unref(self->all);
    for (int i = 0; i < 3; i++)
        gyre_future_unref(self->jobs[i]);
    GYRE_END;
}

struct forgets {
    gyre_frame frame;
};
GYRE_CORO(forgets)
{
    GYRE_BEGIN;
    gyre_future_unref(submit_number(1));
    gyre_future_unref(gyre_executor_submit(NULL, &((gyre_job){.fn = until_told})));
    GYRE_TRY(gyre_sleep(0));
    GYRE_END;
}

/* ---- maps ---- */

static int map_numbers[CALLS];
static void *map_args[CALLS];

static int64_t new_map(bool moves, gyre_executor_map **out_map)
{
    const gyre_executor_map_options options = {
        .job = {.fn = add_one, .release = moves ? gyre_free : NULL},
        .args = map_args,
        .count = CALLS,
        .in_flight = 2,
    };
    int made = 0;

    for (; made < CALLS; made++) {
        map_numbers[made] = made;
        map_args[made] = moves ? new_number(made) : &map_numbers[made];
        if (!map_args[made])
            break;
    }
    if (made == CALLS)
        return gyre_executor_map_new(&options, out_map);
    while (made-- > 0)
        gyre_free(map_args[made]);
    return -ENOMEM;
}

struct maps {
    gyre_frame frame;
    bool moves;
    int stop_at;
    gyre_executor_map *map;
    int64_t sum, rc;
};
GYRE_CORO(maps)
{
    GYRE_BEGIN;
    self->rc = new_map(self->moves, &self->map);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    while (self->stop_at-- > 0) {
        GYRE_AWAIT(self->rc, gyre_executor_map_next(self->map));
        if (self->rc == GYRE_ESTOPITERATION)
            break;
        if (self->rc < 0)
            GYRE_RETURN(self->rc);
        self->sum = 10 * self->sum + self->rc;
    }
    GYRE_RETURN(self->sum);
    GYRE_FINALLY;
    GYRE_AWAIT(self->rc, gyre_executor_map_close(self->map));
    GYRE_END;
}

/* ---- thread futures ---- */

static gyre_thread_future *answer;

static int64_t complete_answer(void *arg)
{
    (void)arg;
    gyre_thread_future_set_result(answer, 8);
    return 0;
}

struct wraps {
    gyre_frame frame;
    gyre_future *wrapped;
    int64_t rc;
};
GYRE_CORO(wraps)
{
    GYRE_BEGIN;
    self->wrapped = gyre_wrap_future(answer);
    GYRE_TRY(gyre_to_thread(complete_answer, NULL, NULL));
    GYRE_TRY(self->rc, self->wrapped);
    GYRE_RETURN(self->rc);
    GYRE_FINALLY;
    gyre_future_unref(self->wrapped);
    GYRE_END;
}

static int64_t make_answer(gyre_loop *loop)
{
    int64_t rc = make_pool(loop);

    answer = gyre_thread_future_new();
    return rc < 0 ? rc : answer ? 0 : -ENOMEM;
}

static void end_answer(void)
{
    end_pool();
    gyre_thread_future_unref(answer);
    answer = NULL;
}

/* A job that asks a coroutine of the loop, while the loop waits for the job. */
struct reply {
    gyre_frame frame;
};
GYRE_CORO(reply)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(0));
    GYRE_TRY(gyre_sleep(0));
    GYRE_RETURN(11);
    GYRE_END;
}

static int64_t ask_loop(void *arg)
{
    gyre_loop **loop = arg;
    gyre_thread_future *asked = GYRE_SPAWN_THREADSAFE(*loop, reply);
    int64_t rc = asked ? gyre_thread_future_wait(asked, GYRE_FOREVER) : -ENOMEM;

    gyre_thread_future_unref(asked);
    gyre_error_clear();
    return rc;
}

struct asked {
    gyre_frame frame;
    gyre_loop *loop;
};
GYRE_CORO(asked)
{
    GYRE_BEGIN;
    self->loop = gyre_loop_current();
    GYRE_TRY(gyre_to_thread(ask_loop, &self->loop, NULL));
    GYRE_RETURN(self->frame.result);
    GYRE_END;
}

/* ---- queues ---- */

static gyre_thread_queue *items;

static int64_t put_items(void *arg)
{
    int64_t rc = 0;

    (void)arg;
    for (intptr_t i = 1; i <= 4 && rc == 0; i++)
        rc = gyre_thread_queue_put_blocking(items, (void *)i, GYRE_FOREVER);
    gyre_thread_queue_shutdown(items, false);
    return rc;
}

static int64_t make_queue(gyre_loop *loop)
{
    int64_t rc = make_pool(loop);

    items = NULL;
    return rc < 0 ? rc : gyre_thread_queue_new(1, NULL, &items);
}

static void end_queue(void)
{
    end_pool();
    gyre_thread_queue_unref(items);
}

struct gets {
    gyre_frame frame;
    gyre_future *putter;
    void *item;
    int64_t sum, rc;
};
GYRE_CORO(gets)
{
    GYRE_BEGIN;
    self->putter = gyre_executor_submit(NULL, &((gyre_job){.fn = put_items}));
    if (!self->putter)
        GYRE_RETURN(-ENOMEM);
    if (gyre_future_done(self->putter))
        GYRE_RETURN(gyre_future_result(self->putter));
    for (;;) {
        GYRE_AWAIT(self->rc, gyre_thread_queue_get(items, &self->item));
        if (self->rc == GYRE_EQSHUTDOWN)
            break;
        if (self->rc < 0)
            GYRE_RETURN(self->rc);
        self->sum = 10 * self->sum + (intptr_t)self->item;
    }
    GYRE_RETURN(self->sum);
    GYRE_FINALLY;
    gyre_thread_queue_shutdown(items, true);
    gyre_future_unref(self->putter);
    GYRE_END;
}

/* ---- ends ---- */

struct shuts_down {
    gyre_frame frame;
    int number;
    gyre_future *job;
};
GYRE_CORO(shuts_down)
{
    GYRE_BEGIN;
    self->job = submit_number(1);
    GYRE_TRY(gyre_loop_shutdown_default_executor(GYRE_FOREVER));
    GYRE_TRY(gyre_executor_shutdown(pool, GYRE_FOREVER, true));
    GYRE_TRY(self->job);
    GYRE_RETURN(self->frame.result);
    GYRE_FINALLY;
    gyre_future_unref(self->job);
    GYRE_END;
}

#define POOL .setup = make_pool, .teardown = end_pool

static const torture_scenario scenarios[] = {
    {TORTURE_MAIN(borrowed, .number = 1), .expect = 3, POOL},
    {TORTURE_MAIN(moved), .expect = 7, POOL},
    {TORTURE_MAIN(told), POOL},
    {TORTURE_MAIN(gathers), .expect = 6, POOL},
    {TORTURE_MAIN(forgets), POOL},
    {TORTURE_MAIN(maps, .stop_at = 99), .expect = 123456, POOL},
    {.name = "maps_moved",
     .coro = &maps_coro,
     .args = &(const struct maps){.frame = {.coro = &maps_coro}, .moves = true, .stop_at = 99},
     .expect = 123456,
     POOL},
    {.name = "maps_left",
     .coro = &maps_coro,
     .args = &(const struct maps){.frame = {.coro = &maps_coro}, .moves = true, .stop_at = 2},
     .expect = 12,
     POOL},
    {TORTURE_MAIN(wraps), .expect = 8, .setup = make_answer, .teardown = end_answer,
     .flags = TORTURE_MAY_DEADLOCK},
    {TORTURE_MAIN(asked), .expect = 11, POOL},
    {TORTURE_MAIN(gets), .expect = 1234, .setup = make_queue, .teardown = end_queue},
    {TORTURE_MAIN(shuts_down), .expect = 2, POOL},
    {.name = "no_thread",
     .coro = &moved_coro,
     .args = &(const struct moved){.frame = {.coro = &moved_coro}},
     .expect = -EAGAIN,
     .setup = make_bad_pool,
     .teardown = end_pool},
};

int main(int argc, char **argv)
{
    return torture_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
