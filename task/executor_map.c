/* map: calls submitted some way ahead, results taken in order. */
#include <errno.h>
#include <string.h>

#include "../future/shield.h"
#include "../loop/alloc.h"
#include "executor_internal.h"

enum { IN_FLIGHT = 64 };

/* Call i is in futures[i % in_flight], from taken up to submitted. */
struct gyre_executor_map {
    gyre_executor *executor; /* reference */
    gyre_job job;
    void **args;             /* of the calls, behind the futures */
    size_t count;
    size_t in_flight;
    size_t submitted;
    size_t taken;
    bool busy;               /* a task waits in it */
    bool over;               /* after an error */
    gyre_future *futures[];  /* references */
};

static gyre_future **place(gyre_executor_map *map, size_t call)
{
    return &map->futures[call % map->in_flight];
}

static gyre_job job_of(const gyre_executor_map *map, size_t call)
{
    gyre_job job = map->job;

    job.arg = map->args[call];
    return job;
}

/* Arguments that no job has taken over. */
static void release_rest(gyre_executor_map *map)
{
    while (map->submitted < map->count) {
        gyre_job job = job_of(map, map->submitted++);

        gyre__job_refuse(&job);
    }
}

/* What cannot be submitted keeps its place, as an error that is met when it is taken. */
static void submit_ahead(gyre_executor_map *map)
{
    while (map->submitted < map->count && map->submitted - map->taken < map->in_flight) {
        size_t call = map->submitted++;
        gyre_job job = job_of(map, call);

        *place(map, call) = gyre_executor_submit(map->executor, &job);
    }
}

static int64_t refuse(const gyre_executor_map_options *options, int64_t rc)
{
    for (size_t i = 0; i < options->count; i++) {
        gyre_job job = options->job;

        job.arg = options->args[i];
        gyre__job_refuse(&job);
    }
    return rc;
}

int64_t gyre_executor_map_new(const gyre_executor_map_options *options,
                              gyre_executor_map **out_map)
{
    gyre_loop *loop = gyre__running;
    size_t in_flight = options->in_flight ? options->in_flight : IN_FLIGHT;
    gyre_executor *executor;
    gyre_executor_map *map;
    int64_t rc;

    if (!loop)
        gyre__fatal("gyre_executor_map_new: no loop is running");
    if (in_flight > options->count)
        in_flight = options->count ? options->count : 1;
    executor = gyre__executor_choose(loop, options->executor, &rc);
    if (!executor)
        return refuse(options, rc);
    map = gyre_alloc_zeroed(sizeof(*map) + in_flight * sizeof(map->futures[0]) +
                            options->count * sizeof(map->args[0]));
    if (!map)
        return refuse(options, -ENOMEM);
    map->executor = gyre_executor_ref(executor);
    map->job = options->job;
    map->count = options->count;
    map->in_flight = in_flight;
    map->args = (void **)(void *)&map->futures[in_flight];
    if (map->count)
        memcpy(map->args, options->args, map->count * sizeof(map->args[0]));
    submit_ahead(map);
    *out_map = map;
    return 0;
}

/* ---- taking ---- */

/* The future of the next call, out of its place. */
static void step(gyre_executor_map *map)
{
    gyre_future_unref(*place(map, map->taken));
    *place(map, map->taken++) = NULL;
}

/*
 * Newest first: calls without a thread go before those that run make room. Those with borrowed
 * arguments are waited for by the close.
 */
static void cancel_rest(gyre_executor_map *map)
{
    map->over = true;
    release_rest(map);
    for (size_t i = map->in_flight; i-- > 0;) {
        gyre_future *future = map->futures[(map->taken + i) % map->in_flight];

        if (!future)
            continue;
        gyre_future_cancel(future);
        gyre_future_ignore(future);
    }
}

struct map_next {
    gyre_frame frame;
    gyre_executor_map *map;
    gyre_future *call;   /* reference; NULL: it could not be submitted */
    gyre_future *shield; /* cancelling the wait leaves the call alone; reference */
    int64_t rc;
};

/*
 * The next task may take it again: this one was cancelled, not the call; or no shield could be
 * made.
 */
static bool was_not_taken(const struct map_next *self)
{
    return self->call && (!self->shield || (self->rc == GYRE_ECANCELLED &&
                                            !gyre_future_cancelled(self->call)));
}

GYRE_CORO(map_next)
{
    GYRE_BEGIN;
    self->map->busy = true;
    self->call = gyre_future_ref(*place(self->map, self->map->taken));
    self->shield = self->call ? gyre_shield(self->call) : NULL;
    GYRE_AWAIT(self->rc, self->shield);
    if (was_not_taken(self))
        GYRE_RETURN(self->rc);
    step(self->map);
    if (self->rc < 0)
        cancel_rest(self->map);
    else
        submit_ahead(self->map);
    GYRE_RETURN(self->rc);
    GYRE_FINALLY;
    self->map->busy = false;
    gyre_future_unref(self->shield);
    gyre_future_unref(self->call);
    GYRE_END;
}

gyre_await gyre_executor_map_next(gyre_executor_map *map)
{
    gyre_task *task = gyre__task_running(__func__);

    if (map->busy)
        return gyre__complete(task, GYRE_ESTATE);
    if (map->over || map->taken == map->count)
        return gyre__complete(task, GYRE_ESTOPITERATION);
    return gyre__call(&map_next_coro,
                      &(struct map_next){.frame = {.coro = &map_next_coro, .leaf = true},
                                         .map = map});
}

/* ---- closing ---- */

/* A result that was there in time, but nobody took it. */
static void drop(const gyre_executor_map *map, gyre_future *future)
{
    if (future && map->job.drop && gyre_future_get_state(future) == GYRE_FUTURE_DONE &&
        gyre_future_result(future) >= 0)
        map->job.drop(gyre_future_result(future));
    gyre_future_unref(future);
}

static void free_map(gyre_executor_map *map)
{
    for (size_t i = 0; i < map->in_flight; i++)
        drop(map, map->futures[i]);
    gyre_executor_unref(map->executor);
    gyre_free(map);
}

struct map_close {
    gyre_frame frame;
    gyre_executor_map *map;
    size_t i;
};
GYRE_CORO(map_close)
{
    GYRE_BEGIN;
    while (self->i < self->map->in_flight) {
        GYRE_TRY(gyre__job_await_end(self->map->futures[self->i]));
        self->i++;
    }
    GYRE_RETURN(0);
    GYRE_FINALLY;
    free_map(self->map);
    GYRE_END;
}

/* While the loop closes cancelling has waited already. */
gyre_await gyre_executor_map_close(gyre_executor_map *map)
{
    gyre_task *task = gyre__task_running(__func__);
    gyre_await pending;

    if (!map)
        return gyre__complete(task, 0);
    cancel_rest(map);
    pending = gyre__call(&map_close_coro,
                         &(struct map_close){.frame = {.coro = &map_close_coro, .leaf = true},
                                             .map = map});
    if (pending.pending)
        return pending;
    for (size_t i = 0; i < map->in_flight; i++)
        gyre__job_block(map->futures[i]);
    free_map(map);
    return gyre__complete(task, 0);
}
