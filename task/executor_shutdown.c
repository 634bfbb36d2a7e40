/* The end of an executor: awaited, or by a thread that blocks; joined, or abandoned. */
#include <errno.h>

#include "executor_internal.h"
#include "timeout.h"

/* Whose thread this is. */
static _Thread_local const gyre_executor *own_executor;

/* ---- beginning ---- */

/* Under the lock: all jobs that wait for a thread, in a list of their own. */
static void take_jobs(gyre_executor *executor, gyre__link *list)
{
    gyre__list_init(list);
    while (!gyre__list_empty(&executor->jobs)) {
        gyre__job *job = GYRE__CONTAINER(executor->jobs.next, gyre__job, link);

        gyre__list_remove(&job->link);
        job->queued = false;
        gyre__list_append(list, &job->link);
    }
    executor->queued = 0;
}

/* They are ended without the lock, as that runs functions of the user's and takes other locks. */
static void end_jobs(gyre__link *list, int64_t result)
{
    while (!gyre__list_empty(list)) {
        gyre__job *job = GYRE__CONTAINER(list->next, gyre__job, link);

        gyre__list_remove(&job->link);
        gyre__job_end(job, result);
    }
}

void gyre__executor_begin_shutdown(gyre_executor *executor, bool cancel_jobs)
{
    gyre__link removed;

    if (executor->generation != gyre__fork_generation)
        return;
    gyre__list_init(&removed);
    pthread_mutex_lock(&executor->lock);
    executor->shutdown = true;
    if (cancel_jobs) {
        atomic_store_explicit(&executor->cancelled, true, memory_order_relaxed);
        take_jobs(executor, &removed);
    }
    pthread_cond_broadcast(&executor->wanted);
    pthread_mutex_unlock(&executor->lock);
    end_jobs(&removed, GYRE_ECANCELLED);
}

/* ---- threads that leave ---- */

/* Nobody will join it. */
static void detach(gyre__worker *worker)
{
    worker->detached = true;
    pthread_detach(worker->id);
}

void gyre__executor_orphan(gyre_executor *executor)
{
    if (executor->generation != gyre__fork_generation)
        return;
    pthread_mutex_lock(&executor->lock);
    executor->orphaned = true;
    for (unsigned i = 0; i < executor->started && !executor->joiners; i++) {
        gyre__worker *worker = &executor->workers[i];

        if (worker->ended && !worker->detached)
            detach(worker);
    }
    pthread_mutex_unlock(&executor->lock);
}

void gyre__executor_enter(const gyre_executor *executor)
{
    own_executor = executor;
}

void gyre__executor_leave(gyre__worker *worker)
{
    gyre_executor *executor = worker->executor;
    gyre__link watchers;

    gyre__list_init(&watchers);
    pthread_mutex_lock(&executor->lock);
    worker->ended = true;
    if (executor->orphaned && !executor->joiners)
        detach(worker);
    if (--executor->threads == 0) {
        if (!gyre__list_empty(&executor->watchers)) {
            watchers = executor->watchers;
            watchers.next->prev = watchers.prev->next = &watchers;
            gyre__list_init(&executor->watchers);
        }
        pthread_cond_broadcast(&executor->ended);
    }
    pthread_mutex_unlock(&executor->lock);
    end_jobs(&watchers, 0);
    gyre__executor_drop(executor);
}

/* Who waits for the end joins those that have ended by then. Gives how many jobs are left. */
static int64_t join(gyre_executor *executor)
{
    int64_t left;

    pthread_mutex_lock(&executor->lock);
    executor->joiners--;
    for (unsigned i = 0; i < executor->started; i++) {
        gyre__worker *worker = &executor->workers[i];

        if (worker->ended && !worker->detached) {
            worker->detached = true;
            pthread_join(worker->id, NULL); /* it needs the lock no more */
        }
    }
    left = executor->threads ? (int64_t)(executor->queued + executor->active) : 0;
    pthread_mutex_unlock(&executor->lock);
    return left;
}

/* True if there are threads to wait for. */
static bool begin_join(gyre_executor *executor)
{
    bool any;

    pthread_mutex_lock(&executor->lock);
    executor->joiners++;
    any = executor->threads > 0;
    pthread_mutex_unlock(&executor->lock);
    return any;
}

/* ---- by a thread that blocks ---- */

static void wait_until_ended(gyre_executor *executor, int64_t timeout_ns)
{
    uint64_t deadline = gyre__thread_deadline(timeout_ns);

    pthread_mutex_lock(&executor->lock);
    while (executor->threads &&
           gyre__thread_wait(&executor->ended, &executor->lock, deadline) == 0)
        ;
    pthread_mutex_unlock(&executor->lock);
}

int64_t gyre_executor_shutdown_blocking(gyre_executor *executor, int64_t timeout_ns,
                                        bool cancel_jobs)
{
    if (executor->generation != gyre__fork_generation)
        return 0;
    if (own_executor == executor && timeout_ns > 0)
        return GYRE_ESTATE;
    gyre__executor_begin_shutdown(executor, cancel_jobs);
    if (begin_join(executor) && timeout_ns > 0)
        wait_until_ended(executor, timeout_ns);
    return join(executor);
}

/* ---- by a task ---- */

struct shutdown {
    gyre_frame frame;
    gyre_executor *executor; /* memory reference */
    int64_t timeout_ns;
    int64_t rc;
    int64_t left; /* jobs */
};

/* A job without function that ends with the last thread. */
static gyre_await watch(gyre_executor *executor)
{
    static const gyre_job nothing;
    gyre_task *task = gyre__task_running("gyre_executor_shutdown");
    gyre__portal *portal = gyre__portal_of(task->future.loop);
    gyre__job *job;
    bool ended;

    if (!gyre__may_park(task))
        return gyre__complete(task, GYRE_ECANCELLED);
    job = portal ? gyre__job_new(portal, executor, &nothing) : NULL;
    if (!job)
        return gyre__complete(task, -ENOMEM);
    pthread_mutex_lock(&executor->lock);
    ended = !executor->threads;
    if (!ended)
        gyre__list_append(&executor->watchers, &job->link);
    pthread_mutex_unlock(&executor->lock);
    if (ended) {
        gyre__job_free(job);
        return gyre__complete(task, 0);
    }
    return gyre__job_park(task, job);
}

GYRE_CORO(shutdown)
{
    GYRE_BEGIN;
    self->rc = 0;
    if (begin_join(self->executor) && self->timeout_ns > 0)
        GYRE_AWAIT(self->rc, gyre_wait_for(watch(self->executor), self->timeout_ns));
    self->left = join(self->executor);
    GYRE_RETURN(self->rc < 0 && self->rc != GYRE_ETIMEOUT ? self->rc : self->left);
    GYRE_FINALLY;
    gyre__executor_drop(self->executor);
    GYRE_END;
}

gyre_await gyre_executor_shutdown(gyre_executor *executor, int64_t timeout_ns, bool cancel_jobs)
{
    gyre_task *task = gyre__task_running(__func__);
    gyre_await pending;

    if (executor->generation != gyre__fork_generation)
        return gyre__complete(task, 0);
    gyre__executor_begin_shutdown(executor, cancel_jobs);
    gyre__executor_keep(executor);
    pending = gyre__call(&shutdown_coro,
                         &(struct shutdown){.frame = {.coro = &shutdown_coro, .leaf = true},
                                            .executor = executor,
                                            .timeout_ns = timeout_ns});
    if (!pending.pending)
        gyre__executor_drop(executor);
    return pending;
}
