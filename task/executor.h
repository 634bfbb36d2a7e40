/*
 * Executors: threads that do what would block the loop, or compute for long.
 *
 *     static int64_t count_words(void *arg) { ... }          runs in a thread
 *
 *     GYRE_TRY(n, gyre_to_thread(count_words, self->text, NULL));        await to_thread(count_words, text)
 *     GYRE_TRY(n, gyre_run_in_executor(pool, &(gyre_job){.fn = f, .arg = a, .release = free}));
 *
 *     future = gyre_executor_submit(pool, &job);             pool.submit(f, a), as a future of this loop
 *
 * A job is a function and its argument. Its result is an int64_t like all others: a value, or an
 * error, whose detail (gyre_raise()) comes along. Something larger is given as a pointer, turned
 * into a number by way of intptr_t.
 *
 * Who owns the argument decides what cancelling means:
 *
 *   release set     the argument is *moved* into the job, always, also where the call fails;
 *                   release(arg) is called once, by any thread, when the job is done with.
 *                   Cancelling ends the await or future at once. A job that still waits for a thread
 *                   is removed; one that runs is told (gyre_job_cancelled()) and left alone:
 *                   what it returns is dropped.
 *   release NULL    the argument is *borrowed* until the await has ended, so it may lie in a frame.
 *                   Cancelling removes a job that waits; one that runs is told, and the await ends
 *                   with GYRE_ECANCELLED when its function has returned, and not before.
 *   arg NULL        nothing is shared: as if it was moved.
 *
 * Executors belong to no loop, and serve several. A job outlives its loop if it must: when a loop
 * is closed, its jobs that wait for a thread are removed, running ones are told, those with a
 * borrowed argument are waited for, the others run to their end without it. Nothing is lost or
 * leaked in any of these cases. While a job of a loop is not done a hold keeps the loop's virtual
 * clock, and no deadlock is reported.
 *
 * In a job no function of the loop may be used but the thread-safe ones:
 * gyre_call_soon_threadsafe(), GYRE_SPAWN_THREADSAFE() and what else thread_future.h and
 * thread_queue.h say.
 *
 * Python names: concurrent.futures.ThreadPoolExecutor, asyncio.to_thread, loop.run_in_executor.
 */
#ifndef GYRE_TASK_EXECUTOR_H
#define GYRE_TASK_EXECUTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coro.h"

GYRE_BEGIN_DECLS

typedef struct gyre_executor gyre_executor;

/* What runs in a thread: gives a value (>= 0) or an error (< 0). */
typedef int64_t gyre_job_fn(void *arg);

/* A job. Always borrowed and copied at once by what takes it. */
typedef struct gyre_job {
    gyre_job_fn *fn;
    void *arg;
    void (*release)(void *arg);  /* NULL: the argument is borrowed; see above */
    void (*drop)(int64_t value); /* ends a value that nobody takes any more; any thread; may be NULL */
} gyre_job;

/* All zero is a good default; use designated initialisers. */
typedef struct gyre_executor_options {
    const char *name;   /* of its threads, copied: "name-0", "name-1" ..., 15 bytes in all; NULL: "gyre" */
    unsigned threads;   /* at most so many, each started when it is needed; 0: processors + 4, at most 32 */
    size_t queue_limit; /* jobs that may wait for a thread when gyre_executor_submit() adds one; 0: 65536 */
    size_t stack_size;  /* of a thread, in bytes; 0: the system's default */
    void (*initializer)(void *arg); /* called first in each thread; may be NULL */
    void *arg;                      /* for it; borrowed until the threads have ended */
} gyre_executor_options;

/* ---- life ---- */

/*
 * Makes an executor; no thread starts yet. ThreadPoolExecutor(). Any thread.
 * options: borrowed, NULL: all zero. *out_executor: new reference.
 * Errors: -ENOMEM; -EINVAL for more than 4096 threads.
 */
GYRE_API GYRE_MUST_USE int64_t gyre_executor_new(const gyre_executor_options *options,
                                                 gyre_executor **out_executor);

GYRE_API gyre_executor *gyre_executor_ref(gyre_executor *executor); /* any thread */

/*
 * Gives a reference back; any thread. With the last one the executor takes no more jobs, does those
 * it has, and ends by itself. NULL is allowed.
 */
GYRE_API void gyre_executor_unref(gyre_executor *executor);

/*
 * Awaits the end: from now on nothing can be submitted (GYRE_EEXECUTORSHUTDOWN); waits until the
 * jobs that were are done and the threads have ended, but not longer than timeout_ns (GYRE_FOREVER;
 * 0 and less: does not wait). cancel_jobs: removes those that wait for a thread, which ends their
 * awaits and futures with GYRE_ECANCELLED, and tells those that run. shutdown(wait,
 * cancel_futures).
 *
 * Gives 0 when all has ended, else the number of jobs that were abandoned: they go on in their
 * threads, which end afterwards. Cancelled: GYRE_ECANCELLED, and the shutdown goes on. May be
 * called again. The executor is kept while it waits; the reference stays the caller's.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_executor_shutdown(gyre_executor *executor,
                                                         int64_t timeout_ns, bool cancel_jobs);

/*
 * The same for where no loop runs: blocks the calling thread. Any thread but the executor's own
 * (GYRE_ESTATE). In the child of a fork() there are no threads to wait for: 0.
 */
GYRE_API int64_t gyre_executor_shutdown_blocking(gyre_executor *executor, int64_t timeout_ns,
                                                 bool cancel_jobs);

/* Counters, for tests and monitoring; any thread. */
typedef struct gyre_executor_stats {
    unsigned threads; /* alive */
    unsigned most;    /* there may be */
    size_t queued;    /* jobs that wait for a thread */
    size_t running;   /* jobs that run */
    uint64_t done;    /* jobs that have run to their end */
} gyre_executor_stats;

GYRE_API void gyre_executor_get_stats(gyre_executor *executor, gyre_executor_stats *out_stats);

/* ---- jobs ---- */

/*
 * Runs fn(arg) in a thread of the loop's default executor, where gyre_context_get() gives what it
 * would here and gyre_context_set() changes a copy. to_thread().
 * release: see the top of the file. Result: fn's. Suspends.
 *
 * Errors: those of fn; -ENOMEM; -EAGAIN when no thread can be started and none is there;
 * GYRE_EEXECUTORSHUTDOWN after gyre_loop_shutdown_default_executor(); GYRE_ECANCELLED.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_to_thread(gyre_job_fn *fn, void *arg,
                                                 void (*release)(void *arg));

/*
 * Runs the job in a thread of the executor (borrowed; NULL: the loop's default one). The context
 * variables do not go along, as in asyncio. It waits its turn however long the queue is: a task
 * that waits is a bound in itself. run_in_executor(). Errors as gyre_to_thread().
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_run_in_executor(gyre_executor *executor,
                                                       const gyre_job *job);

/*
 * gyre_executor_submit(executor, job): the same as a future of the running loop, new reference; for
 * gyre_gather(), gyre_wait(), gyre_as_completed_new() and so on. submit(), run_in_executor().
 *
 * The job runs whether or not somebody keeps the future. Cancelling the future: see the top of
 * the file; with a borrowed argument of a running job it stays pending until the function has
 * returned, and is cancelled then.
 *
 * What cannot be started is a future that is done with the error: GYRE_EQFULL when queue_limit jobs
 * wait already, and those of gyre_to_thread(). NULL: memory is short or the loop is closing
 * (the argument is released then, too).
 */
#define gyre_executor_submit(executor_, job_)                                                      \
    gyre__executor_submit(__FILE__, __LINE__, (executor_), (job_))
GYRE_API GYRE_MUST_USE gyre_future *gyre__executor_submit(const char *file, unsigned line,
                                                          gyre_executor *executor,
                                                          const gyre_job *job);

/*
 * In a job's function: true once nobody wants its result any more, so that it may stop early.
 * False elsewhere. Cheap enough for inner loops.
 */
GYRE_API bool gyre_job_cancelled(void);

/* ---- the loop's default executor ---- */

/*
 * The executor that gyre_to_thread() and NULL stand for, borrowed: made when it is first asked for,
 * with threads named "gyre-N". In the loop's thread. NULL: memory is short, the loop is closing, or
 * it was shut down.
 */
GYRE_API gyre_executor *gyre_loop_default_executor(gyre_loop *loop);

/*
 * Replaces it; the loop takes a reference of its own, and gives its reference to the old one back.
 * NULL: a new one is made when it is needed. GYRE_RUN() shuts it down at its end, whoever else uses
 * it, as asyncio.run() does. Gives 0; -ENOMEM; GYRE_ELOOPCLOSED. set_default_executor().
 */
GYRE_API int64_t gyre_loop_set_default_executor(gyre_loop *loop, gyre_executor *executor);

/*
 * gyre_executor_shutdown() for the default executor of the running loop, without cancelling jobs;
 * afterwards the loop has none and makes none. GYRE_RUN() does this at its end, see
 * gyre_run_options. shutdown_default_executor().
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_loop_shutdown_default_executor(int64_t timeout_ns);

/* ---- many jobs of a kind ---- */

typedef struct gyre_executor_map gyre_executor_map;

/* What gyre_executor_map_new() takes; use designated initialisers. */
typedef struct gyre_executor_map_options {
    gyre_executor *executor; /* borrowed; the map keeps it; NULL: the loop's default one */
    gyre_job job;            /* function, release and drop; its arg is not looked at */
    void *const *args;       /* one for each call; the array is copied */
    size_t count;
    size_t in_flight;        /* so many calls are submitted ahead of the results taken; 0: 64 */
} gyre_executor_map_options;

/*
 * Calls the function for each argument, several at a time, and gives the results in the order of
 * the arguments, whichever is done first. Executor.map() with its buffersize.
 *
 *     self->rc = gyre_executor_map_new(&options, &self->map);
 *     ...
 *     for (;;) {
 *         GYRE_AWAIT(self->rc, gyre_executor_map_next(self->map));
 *         if (self->rc == GYRE_ESTOPITERATION)
 *             break;
 *         ...
 *     }
 *     GYRE_FINALLY;
 *     GYRE_AWAIT(self->ignored, gyre_executor_map_close(self->map));
 *
 * *out_map: new, of the running loop. Errors: -ENOMEM, GYRE_EEXECUTORSHUTDOWN, GYRE_ELOOPCLOSED;
 * then all arguments were released.
 */
GYRE_API GYRE_MUST_USE int64_t gyre_executor_map_new(const gyre_executor_map_options *options,
                                                     gyre_executor_map **out_map);

/*
 * Waits for the result of the next call. The first error of a call ends the map, as in Python: the
 * others are cancelled. GYRE_ESTOPITERATION at the end, and after an error. One task at a time
 * (GYRE_ESTATE). Cancelled: GYRE_ECANCELLED, and the map goes on: that result can be taken again.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_executor_map_next(gyre_executor_map *map);

/*
 * Ends it: cancels what was not taken, waits for running calls whose arguments are borrowed, and
 * frees the map. Result 0. Cannot be cancelled, and never fails: where it may not suspend (the loop
 * is closing, memory is short) it blocks until they have returned. NULL is allowed.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_executor_map_close(gyre_executor_map *map);

GYRE_END_DECLS

#endif
