/* Jobs: run by a thread, delivered to a loop, removed, told or left behind. */
#include <errno.h>
#include <time.h>

#include "../loop/alloc.h"
#include "executor_internal.h"

enum { LOOK_UP_NS = 50000000 };

/* What runs in this thread. */
static _Thread_local const gyre__job *running_job;

bool gyre_job_cancelled(void)
{
    return running_job &&
           (atomic_load_explicit(&running_job->cancelled, memory_order_relaxed) ||
            atomic_load_explicit(&running_job->executor->cancelled, memory_order_relaxed));
}

/* ---- blocking ---- */

void gyre__condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t monotonic;

    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

uint64_t gyre__thread_deadline(int64_t timeout_ns)
{
    if (timeout_ns == GYRE_FOREVER)
        return GYRE__NEVER;
    return gyre__monotonic() + (timeout_ns > 0 ? (uint64_t)timeout_ns : 0);
}

/* A job looks up now and then: who tells it to end does not know where it waits. */
int64_t gyre__thread_wait(pthread_cond_t *condition, pthread_mutex_t *lock, uint64_t deadline)
{
    uint64_t now, until = deadline;
    struct timespec time;

    if (gyre_job_cancelled())
        return GYRE_ECANCELLED;
    if (deadline >= GYRE__NEVER && !running_job) {
        pthread_cond_wait(condition, lock);
        return 0;
    }
    now = gyre__monotonic();
    if (now >= deadline)
        return GYRE_ETIMEOUT;
    if (running_job && deadline - now > LOOK_UP_NS)
        until = now + LOOK_UP_NS;
    time.tv_sec = (time_t)(until / 1000000000);
    time.tv_nsec = (long)(until % 1000000000);
    pthread_cond_timedwait(condition, lock, &time);
    return 0;
}

/* ---- beginning and end ---- */

void gyre__job_refuse(const gyre_job *def)
{
    if (def->release)
        def->release(def->arg);
}

static void arrive(gyre__node *node)
{
    gyre__job *job = GYRE__CONTAINER(node, gyre__job, post.node);

    if (job->arrive)
        job->arrive(job);
    else
        gyre__job_free(job);
}

/* Over: the loop hears of it, or has given it up. */
static void deliver_to_loop(gyre__job *job)
{
    gyre__portal *portal = job->portal;
    bool abandoned;

    gyre__portal_ref(portal); /* the job may be gone as soon as it is posted */
    pthread_mutex_lock(&portal->lock);
    abandoned = job->abandoned;
    if (!abandoned) {
        job->over = true;
        job->posted = portal->loop != NULL;
        gyre__portal_post_locked(portal, &job->post);
        gyre__portal_changed(portal);
    }
    pthread_mutex_unlock(&portal->lock);
    gyre__portal_unref(portal);
    if (abandoned)
        gyre__job_free(job);
}

gyre__job *gyre__job_new(gyre__portal *portal, gyre_executor *executor, const gyre_job *def)
{
    gyre__job *job = gyre_alloc(sizeof(*job));

    if (!job) {
        gyre__job_refuse(def);
        return NULL;
    }
    *job = (gyre__job){
        .post.node.run = arrive,
        .def = *def,
        .borrowed = def->arg && !def->release,
        .executor = gyre__executor_keep(executor),
        .portal = portal ? gyre__portal_ref(portal) : NULL,
        .result = GYRE_ECANCELLED,
        .deliver = deliver_to_loop,
    };
    job->client.told = &job->cancelled;
    gyre__list_init(&job->client.link);
    gyre__list_init(&job->link);
    return job;
}

void gyre__job_free(gyre__job *job)
{
    gyre__job_refuse(&job->def);
    if (job->result >= 0 && job->def.drop)
        job->def.drop(job->result);
    gyre_error_unref(job->detail);
    gyre_error_unref(job->message);
    gyre_context_unref(job->context);
    gyre__executor_drop(job->executor);
    gyre__portal_unref(job->portal);
    gyre_thread_future_unref(job->answer);
    gyre_free(job);
}

int64_t gyre__job_take(gyre__job *job, gyre_error **out_detail)
{
    int64_t result = job->result;

    *out_detail = job->detail;
    job->detail = NULL;
    job->result = GYRE_ECANCELLED;
    return result;
}

/* ---- in a thread ---- */

/* Before the loop hears of a job: the next one it submits needs no new thread. */
static void become_free(const gyre__job *job)
{
    atomic_fetch_add_explicit(&job->executor->free, 1, memory_order_relaxed);
}

/*
 * The argument ends here, with the function: whoever gets the result must not find it half gone. A
 * job that was told before it could start does not start.
 */
void gyre__job_run(gyre__job *job)
{
    const gyre__job *outer = running_job;

    if (gyre__job_is_told(job)) {
        become_free(job);
        gyre__job_end(job, GYRE_ECANCELLED);
        return;
    }
    running_job = job;
    if (job->has_context)
        gyre__context_slot = &job->context;
    job->result = job->def.fn(job->def.arg);
    gyre__job_refuse(&job->def);
    job->def.release = NULL;
    gyre__context_slot = NULL;
    running_job = outer;
    job->detail = job->result < 0 ? gyre__error_take(job->result) : NULL;
    gyre_error_clear();
    become_free(job);
    job->deliver(job);
}

void gyre__job_end(gyre__job *job, int64_t result)
{
    gyre__job_refuse(&job->def);
    job->def.release = NULL;
    job->def.drop = NULL; /* nothing was made */
    job->result = result;
    job->deliver(job);
}

/* ---- in the loop's thread ---- */

/*
 * Under the lock. While the loop closes the argument's owner is about to go, so the thread is
 * waited for.
 */
static gyre__job_fate give_up(gyre__job *job, bool may_stay)
{
    if (!job->over && !job->borrowed) {
        job->abandoned = true;
        return GYRE__JOB_LEFT;
    }
    if (!job->over && may_stay)
        return GYRE__JOB_STAYS;
    while (!job->over)
        gyre__portal_wait(job->portal);
    return job->posted ? GYRE__JOB_ARRIVING : GYRE__JOB_REMOVED;
}

static gyre__job_fate end(gyre__job *job, bool may_stay)
{
    gyre__portal *portal = job->portal;
    gyre__job_fate fate;

    if (gyre__executor_remove(job))
        return GYRE__JOB_REMOVED;
    atomic_store_explicit(&job->cancelled, true, memory_order_relaxed);
    pthread_mutex_lock(&portal->lock);
    fate = give_up(job, may_stay);
    pthread_mutex_unlock(&portal->lock);
    return fate;
}

/* All are told before the first is waited for. */
static void tell_all(gyre__portal *portal)
{
    for (gyre__link *link = portal->clients.next; link != &portal->clients; link = link->next) {
        gyre__portal_client *client = GYRE__CONTAINER(link, gyre__portal_client, link);

        if (client->told)
            atomic_store_explicit(client->told, true, memory_order_relaxed);
    }
}

/* A job that is left may be gone: it leaves the portal first. */
gyre__job_fate gyre__job_cancel(gyre__job *job)
{
    gyre__portal *portal = job->portal; /* its loop keeps it */
    gyre_loop *loop = portal->loop;     /* which only this thread writes */
    gyre__job_fate fate;

    if (loop->closing)
        tell_all(portal);
    gyre__portal_leave(loop, &job->client);
    fate = end(job, !loop->closing);
    if (fate == GYRE__JOB_STAYS)
        gyre__portal_enter(portal, &job->client);
    return fate;
}

gyre__job_fate gyre__job_close(gyre__job *job)
{
    tell_all(job->portal);
    return end(job, false);
}
