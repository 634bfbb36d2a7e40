/* Thread futures: a result under a lock, for whom a thread, or observers, wait. */
#include "thread_future.h"

#include <errno.h>

#include "../loop/alloc.h"
#include "executor_internal.h"

/* ---- life ---- */

gyre_thread_future *gyre_thread_future_new(void)
{
    gyre_thread_future *future = gyre_alloc_zeroed(sizeof(*future));

    if (!future)
        return NULL;
    pthread_mutex_init(&future->lock, NULL);
    gyre__condition_init(&future->over);
    atomic_init(&future->refs, 1);
    gyre__list_init(&future->observers);
    return future;
}

gyre_thread_future *gyre_thread_future_ref(gyre_thread_future *future)
{
    if (future)
        atomic_fetch_add_explicit(&future->refs, 1, memory_order_relaxed);
    return future;
}

void gyre_thread_future_unref(gyre_thread_future *future)
{
    if (!future || atomic_fetch_sub_explicit(&future->refs, 1, memory_order_acq_rel) > 1)
        return;
    gyre_error_unref(future->detail);
    pthread_cond_destroy(&future->over);
    pthread_mutex_destroy(&future->lock);
    gyre_free(future);
}

/* ---- completing ---- */

/* Under the lock. */
static void finish(gyre_thread_future *future, int64_t result, gyre_error *detail)
{
    future->done = true;
    future->result = result;
    future->detail = detail;
    future->source = NULL;
    while (!gyre__list_empty(&future->observers)) {
        gyre__observer *observer =
            GYRE__CONTAINER(future->observers.next, gyre__observer, link);

        gyre__list_remove(&observer->link);
        observer->done(observer);
    }
    pthread_cond_broadcast(&future->over);
}

bool gyre__thread_future_complete(gyre_thread_future *future, int64_t result, gyre_error *detail)
{
    bool completed;

    pthread_mutex_lock(&future->lock);
    completed = !future->done;
    if (completed)
        finish(future, result, detail);
    pthread_mutex_unlock(&future->lock);
    if (!completed)
        gyre_error_unref(detail);
    return completed;
}

int64_t gyre_thread_future_set_result(gyre_thread_future *future, int64_t value)
{
    if (value < 0)
        return -EINVAL;
    return gyre__thread_future_complete(future, value, NULL) ? 0 : GYRE_EINVALIDSTATE;
}

int64_t gyre_thread_future_set_exception(gyre_thread_future *future, int64_t code,
                                         gyre_error *detail)
{
    if (code >= 0 || code == GYRE_ECANCELLED)
        return -EINVAL;
    return gyre__thread_future_complete(future, code, gyre_error_ref(detail)) ? 0
                                                                              : GYRE_EINVALIDSTATE;
}

int64_t gyre_thread_future_cancel(gyre_thread_future *future)
{
    gyre__source *source = NULL;
    int64_t rc = 0;

    pthread_mutex_lock(&future->lock);
    if (!future->done) {
        source = future->source;
        if (source && !source->cancel(source))
            source = NULL;
        finish(future, GYRE_ECANCELLED, NULL);
        rc = 1;
    }
    pthread_mutex_unlock(&future->lock);
    if (source)
        source->let_go(source);
    return rc;
}

bool gyre__thread_future_set_source(gyre_thread_future *future, gyre__source *source)
{
    bool set;

    pthread_mutex_lock(&future->lock);
    set = !future->done;
    if (set)
        future->source = source;
    pthread_mutex_unlock(&future->lock);
    return set;
}

/* ---- observing ---- */

void gyre__thread_future_observe(gyre_thread_future *future, gyre__observer *observer)
{
    pthread_mutex_lock(&future->lock);
    gyre__list_init(&observer->link);
    if (future->done)
        observer->done(observer);
    else
        gyre__list_append(&future->observers, &observer->link);
    pthread_mutex_unlock(&future->lock);
}

bool gyre__thread_future_forget(gyre_thread_future *future, gyre__observer *observer)
{
    bool was_in;

    pthread_mutex_lock(&future->lock);
    was_in = !gyre__list_empty(&observer->link);
    gyre__list_remove(&observer->link);
    pthread_mutex_unlock(&future->lock);
    return was_in;
}

/* ---- asking ---- */

bool gyre_thread_future_done(gyre_thread_future *future)
{
    bool done;

    pthread_mutex_lock(&future->lock);
    done = future->done;
    pthread_mutex_unlock(&future->lock);
    return done;
}

bool gyre_thread_future_cancelled(gyre_thread_future *future)
{
    bool cancelled;

    pthread_mutex_lock(&future->lock);
    cancelled = future->done && future->result == GYRE_ECANCELLED;
    pthread_mutex_unlock(&future->lock);
    return cancelled;
}

/* Nothing changes any more, but the lock shows that to this thread. */
int64_t gyre__thread_future_result(gyre_thread_future *future, gyre_error **out_detail)
{
    int64_t result;

    pthread_mutex_lock(&future->lock);
    result = future->result;
    *out_detail = gyre_error_ref(future->detail);
    pthread_mutex_unlock(&future->lock);
    return result;
}

int64_t gyre_thread_future_wait(gyre_thread_future *future, int64_t timeout_ns)
{
    uint64_t deadline = gyre__thread_deadline(timeout_ns);
    gyre_error *detail = NULL;
    int64_t result = 0;
    bool done;

    pthread_mutex_lock(&future->lock);
    if (!future->done && timeout_ns > 0 && gyre__running)
        result = GYRE_ESTATE;
    while (!future->done && result == 0)
        result = gyre__thread_wait(&future->over, &future->lock, deadline);
    done = future->done;
    if (done) {
        result = future->result;
        detail = gyre_error_ref(future->detail);
    }
    pthread_mutex_unlock(&future->lock);
    if (done && result < 0)
        gyre__error_set(detail);
    return result;
}

/* ---- jobs that answer to one ---- */

static bool cancel_job(gyre__source *source)
{
    gyre__job *job = GYRE__CONTAINER(source, gyre__job, source);

    atomic_store_explicit(&job->cancelled, true, memory_order_relaxed);
    return gyre__executor_remove(job);
}

static void let_job_go(gyre__source *source)
{
    gyre__job_free(GYRE__CONTAINER(source, gyre__job, source));
}

static void answer(gyre__job *job)
{
    if (gyre__thread_future_complete(job->answer, job->result, gyre_error_ref(job->detail)))
        job->result = GYRE_ECANCELLED; /* it was taken */
    gyre__job_free(job);
}

gyre_thread_future *gyre_executor_submit_threadsafe(gyre_executor *executor, const gyre_job *def)
{
    gyre_thread_future *future = gyre_thread_future_new();
    gyre__job *job;
    int64_t rc;

    if (!future) {
        gyre__job_refuse(def);
        return NULL;
    }
    job = gyre__job_new(NULL, executor, def);
    if (!job) {
        gyre_thread_future_unref(future);
        return NULL;
    }
    job->answer = gyre_thread_future_ref(future);
    job->deliver = answer;
    job->source = (gyre__source){.cancel = cancel_job, .let_go = let_job_go};
    gyre__thread_future_set_source(future, &job->source);
    rc = gyre__executor_add(executor, job, true);
    if (rc < 0) {
        gyre__thread_future_complete(future, rc, NULL);
        gyre__job_free(job);
    }
    return future;
}
