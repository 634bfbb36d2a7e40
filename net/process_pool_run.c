/* What tasks await of a process pool: one job, or the same function over many inputs. */
#include <errno.h>

#include "../loop/alloc.h"
#include "process_pool_internal.h"

/* ---- one ---- */

struct run_job {
    gyre_frame frame;
    gyre_process_pool *pool;       /* reference */
    struct gyre__process_job *job; /* until it is started */
    gyre_process_data **out_data;
    gyre_process_data *data;
    gyre_future *future; /* reference */
    int64_t n;
};

static gyre_future *start_job(struct run_job *self)
{
    self->future =
        gyre__process_job_start(self->pool, self->job, &self->data, false, __FILE__, __LINE__);
    self->job = NULL;
    return self->future;
}

GYRE_CORO(run_job)
{
    GYRE_BEGIN;
    GYRE_TRY(self->n, start_job(self));
    if (self->out_data) {
        *self->out_data = self->data;
        self->data = NULL;
    }
    GYRE_RETURN(self->n);
    GYRE_FINALLY;
    if (self->future)
        gyre_future_cancel(
            self->future); /* if it is not done: nobody writes to this frame any more */
    gyre_future_unref(self->future);
    gyre_free(self->job);
    gyre_free(self->data);
    gyre__process_pool_unref(self->pool);
    GYRE_END;
}

gyre_await gyre_process_pool_run(gyre_process_pool *pool, gyre_process_fn *fn, const void *input,
                                 size_t size, gyre_process_data **out_data)
{
    gyre_task *task = gyre__task_running(__func__);
    struct gyre__process_job *job;
    gyre_await pending;

    if (out_data)
        *out_data = NULL;
    if (!gyre__may_park(task))
        return gyre__complete(task, GYRE_ECANCELLED);
    job = gyre__process_job_new(fn, input, size);
    if (!job)
        return gyre__complete(task, -ENOMEM);
    pool->refs++;
    pending =
        gyre__call(&run_job_coro, &(struct run_job){.frame = {.coro = &run_job_coro, .leaf = true},
                                                    .pool = pool,
                                                    .job = job,
                                                    .out_data = out_data});
    if (!pending.pending) {
        gyre_free(job);
        gyre__process_pool_unref(pool);
    }
    return pending;
}

/* ---- many ---- */

struct map_jobs {
    gyre_frame frame;
    gyre_process_pool *pool; /* reference */
    gyre_process_fn *fn;
    const struct iovec *inputs;
    size_t count;
    int64_t *out_results;
    gyre_process_data **out_data;
    gyre_future **futures; /* references; a ring of `window` */
    size_t window;
    size_t submitted, taken; /* of `count` */
    int64_t n;
};

/* Keeps as many in flight as the window has room for. */
static bool submit_more(struct map_jobs *self)
{
    while (self->submitted < self->count && self->submitted - self->taken < self->window) {
        const struct iovec *input = &self->inputs[self->submitted];
        struct gyre__process_job *job =
            gyre__process_job_new(self->fn, input->iov_base, input->iov_len);
        gyre_future *future =
            job ? gyre__process_job_start(self->pool, job,
                                          self->out_data ? &self->out_data[self->submitted] : NULL,
                                          false, __FILE__, __LINE__)
                : NULL;

        if (!future)
            return false;
        self->futures[self->submitted++ % self->window] = future;
    }
    return true;
}

GYRE_CORO(map_jobs)
{
    GYRE_BEGIN;
    while (self->taken < self->count) {
        if (!submit_more(self))
            GYRE_RETURN(-ENOMEM);
        GYRE_AWAIT(self->n, self->futures[self->taken % self->window]);
        self->out_results[self->taken] = self->n;
        if (self->n < 0)
            GYRE_RETURN(self->n);
        gyre_future_unref(self->futures[self->taken++ % self->window]);
    }
    GYRE_RETURN(0);
    GYRE_FINALLY;
    for (; self->taken < self->submitted; self->taken++) {
        gyre_future *future = self->futures[self->taken % self->window];

        gyre_future_cancel(future);
        gyre_future_ignore(future);
        gyre_future_unref(future);
    }
    gyre_free(self->futures);
    gyre__process_pool_unref(self->pool);
    GYRE_END;
}

static void clear_results(size_t count, int64_t *out_results, gyre_process_data **out_data)
{
    for (size_t i = 0; i < count; i++) {
        out_results[i] = GYRE_ECANCELLED;
        if (out_data)
            out_data[i] = NULL;
    }
}

gyre_await gyre_process_pool_map(gyre_process_pool *pool, gyre_process_fn *fn,
                                 const struct iovec *inputs, size_t count, int64_t *out_results,
                                 gyre_process_data **out_data)
{
    gyre_task *task = gyre__task_running(__func__);
    size_t window = 2 * (size_t)pool->options.workers;
    gyre_future **futures;
    gyre_await pending;

    clear_results(count, out_results, out_data);
    if (count == 0)
        return gyre__complete(task, 0);
    if (!gyre__may_park(task))
        return gyre__complete(task, GYRE_ECANCELLED);
    window = window < count ? window : count;
    futures = gyre_alloc(window * sizeof(*futures));
    if (!futures)
        return gyre__complete(task, -ENOMEM);
    pool->refs++;
    pending = gyre__call(&map_jobs_coro,
                         &(struct map_jobs){.frame = {.coro = &map_jobs_coro, .leaf = true},
                                            .pool = pool,
                                            .fn = fn,
                                            .inputs = inputs,
                                            .count = count,
                                            .out_results = out_results,
                                            .out_data = out_data,
                                            .futures = futures,
                                            .window = window});
    if (!pending.pending) {
        gyre_free(futures);
        gyre__process_pool_unref(pool);
    }
    return pending;
}
