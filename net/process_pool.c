/* Process pools: jobs wait in a queue, and go to the workers that have nothing to do. */
#include "process_pool.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "../loop/alloc.h"
#include "process_pool_internal.h"

enum { DEFAULT_LIMIT = 64 << 20, DEFAULT_QUEUE = 65536, MOST_WORKERS = 4096 };

static void on_loop_close(gyre_loop *loop, gyre__close_hook *hook);

void gyre__process_pool_unref(gyre_process_pool *pool)
{
    gyre_loop *loop = pool->loop;

    if (--pool->refs)
        return;
    gyre_free(pool);
    gyre__loop_drop(loop);
}

static void check_thread(const gyre_process_pool *pool, const char *function)
{
    if (!pool->loop->closed)
        gyre__check_thread(pool->loop, function);
}

/* ---- jobs ---- */

/* The future is done: by us, or its owner has cancelled it. */
static void job_done(gyre__node *node)
{
    struct gyre__process_job *job = GYRE__CONTAINER(node, struct gyre__process_job, done.node);
    gyre_process_pool *pool = job->pool;

    if (!gyre__list_empty(&job->link)) {
        gyre__list_remove(&job->link);
        pool->queued--;
    }
    if (job->worker) {
        job->worker->job = NULL; /* what it answers will be dropped */
        if (pool->options.kill_cancelled)
            gyre__process_worker_kill(job->worker);
    }
    gyre_future_unref(job->future);
    gyre_free(job);
    gyre__process_pool_advance(pool); /* a shutdown may wait for this one */
    gyre__process_pool_unref(pool);
}

void gyre__process_job_finish(struct gyre__process_job *job, int64_t value, gyre_process_data *data,
                              gyre_error *detail)
{
    gyre_future *future = job->future;

    if (gyre_future_done(future)) { /* cancelled: its callback is on its way */
        gyre_free(data);
    } else if (value >= 0 && job->place) {
        *job->place = data;
        gyre_future_set_result(future, value);
    } else if (value >= 0) {
        gyre_future_set_pointer(future, value, data, gyre_free);
    } else {
        gyre_free(data);
        if (value == GYRE_ECANCELLED)
            gyre_future_cancel(future);
        else if (gyre_future_set_exception(future, value, detail) < 0)
            gyre_future_set_exception(future, -EINVAL, NULL); /* a code that no future can have */
    }
    gyre_error_unref(detail);
}

struct gyre__process_job *gyre__process_job_new(gyre_process_fn *fn, const void *input, size_t size)
{
    struct gyre__process_job *job;

    if (size > SIZE_MAX / 2)
        return NULL;
    job = gyre_alloc(sizeof(*job) + size);
    if (!job)
        return NULL;
    memset(job, 0, sizeof(*job));
    job->header = (struct gyre__process_job_header){.fn = fn, .size = size};
    if (size)
        memcpy(job->input, input, size);
    return job;
}

/* Why the pool does not take the job, or 0. */
static int64_t refusal(const gyre_process_pool *pool, size_t size, bool bounded)
{
    if (pool->shut_down)
        return GYRE_EEXECUTORSHUTDOWN;
    if (size > pool->options.limit)
        return GYRE_ELIMIT;
    return bounded && pool->queued >= pool->options.queue_limit ? GYRE_EQFULL : 0;
}

gyre_future *gyre__process_job_start(gyre_process_pool *pool, struct gyre__process_job *job,
                                     gyre_process_data **place, bool bounded, const char *file,
                                     unsigned line)
{
    gyre_future *future = gyre__future_new(pool->loop, file, line);
    int64_t rc = refusal(pool, (size_t)job->header.size, bounded);

    if (!future || rc < 0) {
        if (future)
            gyre_future_set_exception(future, rc, NULL);
        gyre_free(job);
        return future;
    }
    job->pool = pool;
    job->future = gyre_future_ref(future);
    job->place = place;
    job->done.node.run = job_done;
    pool->refs++;
    pool->queued++;
    gyre__list_append(&pool->waiting, &job->link);
    gyre__future_add(future, &job->done);
    gyre__process_pool_advance(pool);
    return future;
}

gyre_future *gyre__process_pool_submit(const char *file, unsigned line, gyre_process_pool *pool,
                                       gyre_process_fn *fn, const void *input, size_t size)
{
    struct gyre__process_job *job;

    gyre__check_thread(pool->loop, "gyre_process_pool_submit");
    job = gyre__process_job_new(fn, input, size);
    return job ? gyre__process_job_start(pool, job, NULL, true, file, line) : NULL;
}

/* ---- dealing them out ---- */

static struct gyre__process_job *take_job(gyre_process_pool *pool)
{
    struct gyre__process_job *job =
        GYRE__CONTAINER(pool->waiting.next, struct gyre__process_job, link);

    gyre__list_remove(&job->link);
    pool->queued--;
    return job;
}

/* At the head of the queue. */
static void put_back(gyre_process_pool *pool, struct gyre__process_job *job)
{
    gyre__list_append(pool->waiting.next, &job->link); /* before the first */
    pool->queued++;
}

static struct gyre__process_worker *find_worker(const gyre_process_pool *pool, bool busy)
{
    for (gyre__link *link = pool->workers.next; link != &pool->workers; link = link->next) {
        struct gyre__process_worker *worker =
            GYRE__CONTAINER(link, struct gyre__process_worker, link);

        if (worker->busy == busy && !worker->leaving && worker->jobs && worker->life)
            return worker;
    }
    return NULL;
}

/* Finds or starts a worker. 0 with NULL: the job has to wait, until one is free or gone. */
static int64_t want_worker(gyre_process_pool *pool, struct gyre__process_worker **out_worker)
{
    int64_t rc;

    *out_worker = find_worker(pool, false);
    if (*out_worker || pool->worker_count >= pool->options.workers)
        return 0;
    rc = gyre__process_worker_start(pool);
    if (rc >= 0)
        *out_worker = find_worker(pool, false);
    return rc < 0 && find_worker(pool, true) ? 0 : rc; /* there are others that can do it later */
}

static void deal(gyre_process_pool *pool)
{
    while (!gyre__list_empty(&pool->waiting)) {
        struct gyre__process_worker *worker;
        int64_t rc = want_worker(pool, &worker);
        struct gyre__process_job *job;

        if (rc == 0 && !worker)
            return;
        job = take_job(pool);
        if (gyre_future_done(job->future))
            continue; /* cancelled: its callback is on its way */
        if (worker)
            rc = gyre__process_worker_give(worker, job);
        if (rc < 0 && worker)
            gyre__process_worker_kill(worker);
        if (rc < 0 && worker && rc != -ENOMEM)
            put_back(pool,
                     job); /* it has died, which we had not noticed: another one shall have it */
        else if (rc < 0)
            gyre__process_job_finish(job, rc, NULL, NULL);
    }
}

static void advance_shutdown(gyre_process_pool *pool)
{
    struct gyre__process_worker *worker;

    if (!pool->shut_down || pool->queued)
        return;
    while ((worker = find_worker(pool, false)) != NULL)
        gyre__process_worker_dismiss(worker);
    if (pool->worker_count)
        return;
    for (gyre__link *link = pool->waiters.next; link != &pool->waiters; link = link->next)
        gyre__wake_task(gyre__slot_task(link));
}

void gyre__process_pool_advance(gyre_process_pool *pool)
{
    if (!pool->given_up)
        deal(pool);
    advance_shutdown(pool);
}

/* ---- life ---- */

static unsigned cores(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

int64_t gyre_process_pool_new(gyre_loop *loop, const gyre_process_pool_options *options,
                              gyre_process_pool **out_pool)
{
    gyre_process_pool *pool;

    *out_pool = NULL;
    if (!loop)
        return GYRE_ENOTASK;
    gyre__check_thread(loop, __func__);
    if (loop->closing)
        return GYRE_ELOOPCLOSED;
    if (!gyre__process_template_made())
        return GYRE_ENOTEMPLATE;
    pool = gyre_alloc_zeroed(sizeof(*pool));
    if (!pool)
        return -ENOMEM;
    pool->loop = loop;
    pool->refs = 1;
    if (options)
        pool->options = *options;
    if (!pool->options.workers)
        pool->options.workers = cores();
    if (pool->options.workers > MOST_WORKERS)
        pool->options.workers = MOST_WORKERS;
    if (!pool->options.limit)
        pool->options.limit = DEFAULT_LIMIT;
    if (!pool->options.queue_limit)
        pool->options.queue_limit = DEFAULT_QUEUE;
    gyre__list_init(&pool->waiting);
    gyre__list_init(&pool->workers);
    gyre__list_init(&pool->waiters);
    pool->hook.close = on_loop_close;
    gyre__list_append(&loop->close_hooks, &pool->hook.link);
    gyre__loop_keep(loop);
    *out_pool = pool;
    return 0;
}

static void cancel_waiting(gyre_process_pool *pool)
{
    while (!gyre__list_empty(&pool->waiting))
        gyre_future_cancel(take_job(pool)->future);
}

static void give_up(gyre_process_pool *pool)
{
    if (pool->given_up)
        return;
    pool->given_up = pool->shut_down = true;
    gyre__list_remove(&pool->hook.link);
    cancel_waiting(pool);
    for (gyre__link *link = pool->workers.next; link != &pool->workers; link = link->next) {
        struct gyre__process_worker *worker =
            GYRE__CONTAINER(link, struct gyre__process_worker, link);

        gyre__process_worker_abandon(worker);
        if (worker->job) {
            worker->job->worker = NULL;
            gyre_future_cancel(worker->job->future);
            worker->job = NULL;
        }
    }
    advance_shutdown(pool);
}

static void on_loop_close(gyre_loop *loop, gyre__close_hook *hook)
{
    (void)loop;
    give_up(GYRE__CONTAINER(hook, gyre_process_pool, hook));
}

void gyre_process_pool_free(gyre_process_pool *pool)
{
    if (!pool)
        return;
    check_thread(pool, __func__);
    give_up(pool);
    gyre__process_pool_unref(pool);
}

void gyre_process_pool_terminate(gyre_process_pool *pool)
{
    check_thread(pool, __func__);
    for (gyre__link *link = pool->workers.next; link != &pool->workers; link = link->next)
        gyre__process_worker_kill(GYRE__CONTAINER(link, struct gyre__process_worker, link));
}

static int64_t finish_shutdown(gyre_task *task)
{
    gyre_process_pool *pool = task->wait.slot.data;
    int64_t rc = gyre__wait_result(task);

    gyre__list_remove(&task->wait.slot.link);
    gyre__process_pool_unref(pool);
    return rc;
}

static const gyre__wait_kind wait_shutdown = {
    .what = "the end of a process pool", .cancel = gyre__cancel_wait, .finish = finish_shutdown};

gyre_await gyre_process_pool_shutdown(gyre_process_pool *pool, bool cancel_jobs)
{
    gyre_task *task = gyre__task_running(__func__);

    pool->shut_down = true;
    if (cancel_jobs)
        cancel_waiting(pool);
    advance_shutdown(pool);
    if (!pool->worker_count && !pool->queued)
        return gyre__complete(task, 0);
    if (!gyre__may_park(task))
        return gyre__complete(task, GYRE_ECANCELLED);
    pool->refs++;
    task->wait.slot.data = pool;
    gyre__list_append(&pool->waiters, &task->wait.slot.link);
    return gyre__park_slot(task, &wait_shutdown, pool);
}

void gyre_process_pool_get_stats(const gyre_process_pool *pool, gyre_process_pool_stats *out_stats)
{
    *out_stats = (gyre_process_pool_stats){.workers = pool->worker_count,
                                           .most = pool->options.workers,
                                           .queued = pool->queued,
                                           .running = pool->running,
                                           .done = pool->done,
                                           .died = pool->died};
}
