/* The insides of executors: the queue, the threads, and a job on its way through them. */
#ifndef GYRE_TASK_EXECUTOR_INTERNAL_H
#define GYRE_TASK_EXECUTOR_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "portal_internal.h"
#include "task_internal.h"
#include "thread_future_internal.h"

/* A thread that was started: its record stays until the end, for whoever joins it. */
typedef struct gyre__worker {
    pthread_t id;
    gyre_executor *executor; /* reference while it lives */
    unsigned number;
    bool ended;              /* has left, or is about to */
    bool detached;           /* or joined */
} gyre__worker;

struct gyre_executor {
    pthread_mutex_t lock;   /* guards what follows, up to `users` */
    pthread_cond_t wanted;  /* threads that sleep wait here for jobs */
    pthread_cond_t ended;   /* and gyre_executor_shutdown_blocking() for the last one; monotonic clock */
    gyre__link jobs;        /* that wait for a thread, oldest first */
    gyre__link watchers;    /* jobs without function, that end with the last thread */
    atomic_size_t queued;   /* jobs in `jobs`; written under the lock only */
    size_t active;          /* jobs that run, or have just run */
    size_t limit;           /* of `queued`, for those who care */
    uint64_t done;          /* jobs that have run */
    unsigned threads;       /* alive */
    unsigned started;       /* workers in use: threads end at the shutdown only */
    unsigned most;          /* threads there may be */
    unsigned sleeping;      /* threads in `wanted` */
    bool waking;            /* one of them has been woken and is on its way */
    bool lingering;         /* a thread without a job has not gone to sleep yet */
    unsigned crowded;       /* so many times none does, as others want the processor */
    unsigned joiners;       /* who will join the threads */
    bool shutdown;          /* nothing is taken in any more */
    bool orphaned;          /* no user is left who could wait for the end */
    atomic_uint users;      /* public references; any thread, as what follows */
    atomic_uint refs;       /* of the memory: users together, threads, jobs */
    atomic_bool cancelled;  /* by the shutdown: jobs that run are told so */
    atomic_uint free;       /* threads that have nothing to do, or will not in a moment */
    unsigned generation;    /* forks of the process when it was made; fixed, as what follows */
    size_t stack_size;
    void (*initializer)(void *arg);
    void *arg;
    char name[16];
    gyre__worker workers[]; /* `most` of them */
};

typedef struct gyre__job gyre__job;
struct gyre__job {
    gyre__post post;            /* tells the loop */
    gyre__portal_client client; /* while the loop waits for it */
    gyre__link link;            /* in a list of the executor; its lock, as `queued` */
    bool queued;
    bool over;                  /* has run, or was removed; portal's lock, as what follows */
    bool posted;                /* ... and is on its way to the loop */
    bool abandoned;             /* the loop does not wait any more: who ends it frees it */
    bool borrowed;              /* the argument must not be left behind */
    atomic_bool cancelled;      /* nobody wants the result */
    gyre_job def;
    gyre_executor *executor;    /* memory reference */
    gyre__portal *portal;       /* reference; NULL: belongs to no loop */
    gyre_context *context;      /* reference; its variables are seen if has_context */
    bool has_context;
    int64_t result;             /* GYRE_ECANCELLED until there is one */
    gyre_error *detail;         /* of it, reference */
    gyre_thread_future *answer; /* completed by the thread, reference; NULL: a loop's job */
    gyre__source source;        /* of it */
    void (*deliver)(gyre__job *job); /* in the thread, when it is over */
    void (*arrive)(gyre__job *job);  /* in the loop, when it is over */
    gyre_task *task;            /* that waits; loop's thread, as what follows */
    gyre_future *future;        /* that stands for it, reference */
    gyre_error *message;        /* of the future's cancellation, reference */
};

/* ---- executor.c ---- */

/*
 * Queues a job, or gives it to a thread. 0; GYRE_EEXECUTORSHUTDOWN, GYRE_EQFULL (if `bounded`),
 * -EAGAIN, GYRE_EFORKED: it is still the caller's.
 */
int64_t gyre__executor_add(gyre_executor *executor, gyre__job *job, bool bounded);

/* True if it waited for a thread: it is the caller's now. Else it is over, or runs. */
bool gyre__executor_remove(gyre__job *job);

/* References to the memory. */
gyre_executor *gyre__executor_keep(gyre_executor *executor);
void gyre__executor_drop(gyre_executor *executor);

/* ---- executor_shutdown.c ---- */

/* No more jobs; threads end when they have done those that there are. */
void gyre__executor_begin_shutdown(gyre_executor *executor, bool cancel_jobs);

/* The last user has gone: threads that end are joined by nobody. */
void gyre__executor_orphan(gyre_executor *executor);

/* A thread begins, and leaves. */
void gyre__executor_enter(const gyre_executor *executor);
void gyre__executor_leave(gyre__worker *worker);

/* ---- executor_job.c ---- */

/*
 * A job for the running loop, or with portal NULL for none. -ENOMEM, and the argument is released.
 * The executor is kept.
 */
gyre__job *gyre__job_new(gyre__portal *portal, gyre_executor *executor, const gyre_job *def);

/* Releases an argument that no job took over. */
void gyre__job_refuse(const gyre_job *def);

/*
 * Frees a job that no thread has: releases its argument if it did not run, drops its value if
 * nobody took it.
 */
void gyre__job_free(gyre__job *job);

/* In a thread: runs the function, then delivers. */
void gyre__job_run(gyre__job *job);

/* In any thread: ends a job that will not run. */
void gyre__job_end(gyre__job *job, int64_t result);

/* Takes the result out: the job has none then. *out_detail: reference or NULL. */
int64_t gyre__job_take(gyre__job *job, gyre_error **out_detail);

static inline bool gyre__job_is_told(const gyre__job *job)
{
    return atomic_load_explicit(&job->cancelled, memory_order_relaxed);
}

/* What became of a job that is to end. */
typedef enum gyre__job_fate {
    GYRE__JOB_REMOVED,  /* nobody has it: the caller frees it */
    GYRE__JOB_ARRIVING, /* is over and posted: its arrival in the loop frees what nobody waits for */
    GYRE__JOB_LEFT,     /* its thread frees it */
    GYRE__JOB_STAYS,    /* must be waited for, as its argument is borrowed; it was told */
} gyre__job_fate;

/*
 * In the loop's thread: the job is to end. While the loop closes this waits for what would stay.
 * The client leaves the portal unless the job stays.
 */
gyre__job_fate gyre__job_cancel(gyre__job *job);

/* The same for a client that is off the list, when the portal is closed. */
gyre__job_fate gyre__job_close(gyre__job *job);

/* ---- executor_await.c ---- */

/*
 * Parks the running task until the job, which a thread will end, has arrived; takes the job over.
 */
GYRE_MUST_USE gyre_await gyre__job_park(gyre_task *task, gyre__job *job);

/* ---- executor_submit.c ---- */

/*
 * For futures of gyre_executor_submit() that were cancelled, and NULL: waits until no thread has
 * their argument any more. Result 0; cannot be cancelled.
 */
GYRE_MUST_USE gyre_await gyre__job_await_end(gyre_future *future);

/* The same by blocking. */
void gyre__job_block(gyre_future *future);

/* ---- executor_default.c ---- */

/*
 * What NULL stands for in the loop: the default executor, borrowed. On failure NULL and the reason:
 * -ENOMEM, GYRE_EEXECUTORSHUTDOWN, GYRE_ELOOPCLOSED.
 */
gyre_executor *gyre__executor_choose(gyre_loop *loop, gyre_executor *executor, int64_t *out_rc);

#endif
