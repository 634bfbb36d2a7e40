/* Executors: making them, and the threads that take jobs from a queue. */
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "../loop/alloc.h"
#include "executor_internal.h"

enum { MOST_BY_DEFAULT = 32, MORE_THAN_PROCESSORS = 4, MOST = 4096, QUEUE_LIMIT = 65536 };
enum { LINGER_NS = 12000, CROWDED = 1000 };

/* ---- references ---- */

gyre_executor *gyre__executor_keep(gyre_executor *executor)
{
    atomic_fetch_add_explicit(&executor->refs, 1, memory_order_relaxed);
    return executor;
}

void gyre__executor_drop(gyre_executor *executor)
{
    if (atomic_fetch_sub_explicit(&executor->refs, 1, memory_order_acq_rel) > 1)
        return;
    pthread_cond_destroy(&executor->ended);
    pthread_cond_destroy(&executor->wanted);
    pthread_mutex_destroy(&executor->lock);
    gyre_free(executor);
}

gyre_executor *gyre_executor_ref(gyre_executor *executor)
{
    if (executor)
        atomic_fetch_add_explicit(&executor->users, 1, memory_order_relaxed);
    return executor;
}

void gyre_executor_unref(gyre_executor *executor)
{
    if (!executor || atomic_fetch_sub_explicit(&executor->users, 1, memory_order_acq_rel) > 1)
        return;
    gyre__executor_begin_shutdown(executor, false);
    gyre__executor_orphan(executor);
    gyre__executor_drop(executor);
}

/* ---- making ---- */

/* As many as Python's ThreadPoolExecutor has. */
static unsigned threads_by_default(void)
{
    cpu_set_t set;
    int processors = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

    processors += MORE_THAN_PROCESSORS;
    return processors < MOST_BY_DEFAULT ? (unsigned)processors : MOST_BY_DEFAULT;
}

static void init_conditions(gyre_executor *executor)
{
    gyre__lock_init(&executor->lock);
    pthread_cond_init(&executor->wanted, NULL);
    gyre__condition_init(&executor->ended);
}

int64_t gyre_executor_new(const gyre_executor_options *options, gyre_executor **out_executor)
{
    static const gyre_executor_options defaults;
    gyre_executor *executor;
    unsigned most;

    options = options ? options : &defaults;
    most = options->threads ? options->threads : threads_by_default();
    if (most > MOST || (options->stack_size && options->stack_size < (size_t)PTHREAD_STACK_MIN))
        return -EINVAL;
    executor = gyre_alloc_zeroed(sizeof(*executor) + most * sizeof(executor->workers[0]));
    if (!executor)
        return -ENOMEM;
    init_conditions(executor);
    gyre__list_init(&executor->jobs);
    gyre__list_init(&executor->watchers);
    executor->limit = options->queue_limit ? options->queue_limit : QUEUE_LIMIT;
    executor->most = most;
    atomic_init(&executor->users, 1);
    atomic_init(&executor->refs, 1);
    atomic_init(&executor->cancelled, false);
    atomic_init(&executor->queued, 0);
    atomic_init(&executor->free, 0);
    executor->generation = gyre__fork_generation;
    executor->stack_size = options->stack_size;
    executor->initializer = options->initializer;
    executor->arg = options->arg;
    snprintf(executor->name, sizeof(executor->name), "%s", options->name ? options->name : "gyre");
    *out_executor = executor;
    return 0;
}

/* ---- threads ---- */

/* The number is what tells them apart: a long name gives way. */
static void name_thread(const gyre__worker *worker)
{
    char number[12], name[16];
    int room;

    room = (int)sizeof(name) - 1 - snprintf(number, sizeof(number), "-%u", worker->number);
    snprintf(name, sizeof(name), "%.*s%s", room, worker->executor->name, number);
    pthread_setname_np(pthread_self(), name);
}

/*
 * Under the lock, where jobs wait. Threads are woken one after the other, each by the one before
 * when it has found something to do: woken all at once they would get in each other's way over jobs
 * that are short.
 */
static bool must_wake_thread(gyre_executor *executor)
{
    if (executor->waking || !executor->sleeping)
        return false;
    executor->waking = true;
    return true;
}

/*
 * Under the lock: a thread that has just done a single job lets others go first for a moment before
 * it sleeps. Where jobs come one by one the next is there by then, and to wake a thread would take
 * longer. Where a turn of the processor is long in coming back a sleeper gets it sooner: then it is
 * left for a while.
 */
static void linger(gyre_executor *executor)
{
    uint64_t start, now;

    if (executor->lingering || (executor->crowded && executor->crowded--))
        return;
    executor->lingering = true;
    pthread_mutex_unlock(&executor->lock);
    start = now = gyre__monotonic();
    while (now - start < LINGER_NS &&
           !atomic_load_explicit(&executor->queued, memory_order_relaxed)) {
        sched_yield();
        now = gyre__monotonic();
    }
    pthread_mutex_lock(&executor->lock);
    executor->lingering = false;
    if (now - start > 4 * LINGER_NS)
        executor->crowded = CROWDED;
}

/* Under the lock; NULL: the thread is to end. *in_row: jobs since it last had none. */
static gyre__job *next_job(gyre_executor *executor, unsigned *in_row)
{
    gyre__job *job;

    if (*in_row == 1 && gyre__list_empty(&executor->jobs) && !executor->shutdown) {
        *in_row = 0;
        linger(executor);
    }
    while (gyre__list_empty(&executor->jobs)) {
        *in_row = 0;
        if (executor->shutdown)
            return NULL;
        executor->sleeping++;
        pthread_cond_wait(&executor->wanted, &executor->lock);
        executor->sleeping--;
        executor->waking = false;
    }
    job = GYRE__CONTAINER(executor->jobs.next, gyre__job, link);
    gyre__list_remove(&job->link);
    job->queued = false;
    atomic_fetch_sub_explicit(&executor->queued, 1, memory_order_relaxed);
    executor->active++;
    atomic_fetch_sub_explicit(&executor->free, 1, memory_order_relaxed);
    if (executor->queued && must_wake_thread(executor))
        pthread_cond_signal(&executor->wanted);
    return job;
}

static void *work(void *arg)
{
    gyre__worker *worker = arg;
    gyre_executor *executor = worker->executor;
    gyre__job *job;
    unsigned in_row = 0;

    gyre__executor_enter(executor);
    name_thread(worker);
    if (executor->initializer)
        executor->initializer(executor->arg);
    pthread_mutex_lock(&executor->lock);
    while ((job = next_job(executor, &in_row)) != NULL) {
        in_row++;
        pthread_mutex_unlock(&executor->lock);
        gyre__job_run(job);
        pthread_mutex_lock(&executor->lock);
        executor->active--;
        executor->done++;
    }
    pthread_mutex_unlock(&executor->lock);
    gyre_error_clear();
    gyre__executor_leave(worker);
    return NULL;
}

static bool create(gyre__worker *worker)
{
    const gyre_executor *executor = worker->executor;
    pthread_attr_t attributes;
    sigset_t all, before;
    int rc;

    if (pthread_attr_init(&attributes) != 0)
        return false;
    if (executor->stack_size)
        pthread_attr_setstacksize(&attributes, executor->stack_size);
    sigfillset(&all); /* signals are for the program's own threads */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&worker->id, &attributes, work, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return rc == 0;
}

/* Under the lock. */
static bool start_thread(gyre_executor *executor)
{
    gyre__worker *worker = &executor->workers[executor->started];

    *worker = (gyre__worker){.executor = gyre__executor_keep(executor),
                             .number = executor->started};
    if (!create(worker)) {
        gyre__executor_drop(executor);
        return false;
    }
    executor->started++;
    executor->threads++;
    atomic_fetch_add_explicit(&executor->free, 1, memory_order_relaxed);
    return true;
}

/* ---- the queue ---- */

/* Under the lock: there is a thread for one more job, or will be. */
static int64_t admit(gyre_executor *executor, bool bounded)
{
    if (executor->shutdown)
        return GYRE_EEXECUTORSHUTDOWN;
    if (bounded && executor->queued >= executor->limit)
        return GYRE_EQFULL;
    if (atomic_load_explicit(&executor->free, memory_order_relaxed) <= executor->queued &&
        executor->threads < executor->most && !start_thread(executor) && !executor->threads)
        return -EAGAIN;
    return 0;
}

int64_t gyre__executor_add(gyre_executor *executor, gyre__job *job, bool bounded)
{
    bool wake = false;
    int64_t rc;

    if (executor->generation != gyre__fork_generation)
        return GYRE_EFORKED;
    pthread_mutex_lock(&executor->lock);
    rc = admit(executor, bounded);
    if (rc == 0) {
        gyre__list_append(&executor->jobs, &job->link);
        job->queued = true;
        atomic_fetch_add_explicit(&executor->queued, 1, memory_order_relaxed);
        wake = must_wake_thread(executor);
    }
    pthread_mutex_unlock(&executor->lock);
    if (wake) /* without the lock, which it takes first of all */
        pthread_cond_signal(&executor->wanted);
    return rc;
}

bool gyre__executor_remove(gyre__job *job)
{
    gyre_executor *executor = job->executor;
    bool mine;

    pthread_mutex_lock(&executor->lock);
    mine = job->queued;
    if (mine) {
        gyre__list_remove(&job->link);
        job->queued = false;
        atomic_fetch_sub_explicit(&executor->queued, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&executor->lock);
    return mine;
}

void gyre_executor_get_stats(gyre_executor *executor, gyre_executor_stats *out_stats)
{
    pthread_mutex_lock(&executor->lock);
    *out_stats = (gyre_executor_stats){
        .threads = executor->threads,
        .most = executor->most,
        .queued = executor->queued,
        .running = executor->active,
        .done = executor->done,
    };
    pthread_mutex_unlock(&executor->lock);
}
