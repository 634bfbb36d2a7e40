/*
 * Process pools: functions that compute for long, run in other processes, on other cores.
 *
 *     static int64_t gcd(const void *input, size_t size, gyre_process_answer *answer) { ... }
 *
 *     int main(void)
 *     {
 *         int64_t rc = gyre_process_pool_prepare();       first of all: before loops and threads
 *         ...
 *     }
 *
 *     rc = gyre_process_pool_new(gyre_loop_current(), NULL, &self->pool);
 *     GYRE_TRY(self->n, gyre_process_pool_run(self->pool, gcd, &self->pair, sizeof(struct pair),
 *                                             NULL));
 *
 * gyre_process_pool_prepare() forks a template: a process that stays as it is then, with no loop,
 * no thread and no descriptor but the standard three, and of which all workers are forks. So a
 * worker finds what the program had set up by then (the same functions, tables, options), costs
 * no exec, and nothing is ever forked out of a process with threads or rings. What the program
 * sets later does not reach the workers but through the input. The template is no child of this
 * process (nothing to wait for), in a session of its own (Ctrl+C does not reach it), and ends,
 * with its workers, when this process has ended, however it did.
 *
 * A job is a function and some bytes of input (copied); its result is an int64_t like all others,
 * a value or an error, whose detail (gyre_raise()) comes along, and any number of bytes. Inputs
 * and answers go through a socket: make them flat, without pointers.
 *
 * A worker that dies (crash, kill, exit()) fails the job that it had with GYRE_EWORKERDIED, whose
 * detail says how it ended, and nothing else: it is replaced when there is more to do.
 *
 * Python names: concurrent.futures.ProcessPoolExecutor, multiprocessing's forkserver.
 */
#ifndef GYRE_NET_PROCESS_POOL_H
#define GYRE_NET_PROCESS_POOL_H

#include <sys/uio.h>

#include "../task/coro.h"

GYRE_BEGIN_DECLS

typedef struct gyre_process_pool gyre_process_pool;
typedef struct gyre_process_answer gyre_process_answer;

/*
 * What runs in a worker, where no function of a loop may be used. input: size bytes, aligned as by
 * malloc(), valid during the call. answer: for gyre_process_answer_set(). Gives a value (>= 0) or
 * an error. The function must have been in the program when gyre_process_pool_prepare() was called.
 */
typedef int64_t gyre_process_fn(const void *input, size_t size, gyre_process_answer *answer);

/* In a worker: bytes (copied) that go back beside the result, in place of earlier ones. -ENOMEM. */
GYRE_API int64_t gyre_process_answer_set(gyre_process_answer *answer, const void *data,
                                         size_t size);

/* What came back: one block of gyre_alloc() with the bytes in it, so that one gyre_free() ends it. */
typedef struct gyre_process_data {
    size_t size;
    char *bytes; /* aligned as by malloc() */
} gyre_process_data;

/* All zero is a good default; use designated initialisers. Copied. */
typedef struct gyre_process_pool_options {
    unsigned workers;         /* at most so many, each started when it is needed; 0: one per core */
    unsigned jobs_per_worker; /* then a fresh one replaces it; 0: never. max_tasks_per_child */
    size_t limit;             /* most bytes of an input and of an answer; 0: 64 MiB */
    size_t queue_limit;       /* jobs that may wait when submit adds one; 0: 65536 */
    bool kill_cancelled;      /* cancelling a running job kills its worker; else it runs on, and its
                                 result is dropped */
    void (*initializer)(void *arg); /* called first in each worker; may be NULL */
    void *arg;                /* for it: an address that was valid when the template was made */
} gyre_process_pool_options;

/*
 * Makes the template. Call it once, at the beginning of main(): before loops, threads, and what
 * workers should not have. Again: 0, nothing happens. What stdio has buffered is written first.
 * Any number of pools share it. Errors: -EAGAIN, -ENOMEM, -EMFILE of fork and sockets;
 * GYRE_ESTATE where there are threads already.
 */
GYRE_API GYRE_MUST_USE int64_t gyre_process_pool_prepare(void);

/*
 * Makes a pool on the loop; no worker starts yet. options: borrowed, may be NULL. *out_pool: new,
 * ended with gyre_process_pool_free(). Never suspends. Errors: GYRE_ENOTEMPLATE when
 * gyre_process_pool_prepare() was not called; -ENOMEM; GYRE_ELOOPCLOSED; GYRE_ENOTASK for a NULL
 * loop.
 */
GYRE_API GYRE_MUST_USE int64_t gyre_process_pool_new(gyre_loop *loop,
                                                     const gyre_process_pool_options *options,
                                                     gyre_process_pool **out_pool);

/*
 * Gives the pool up (moved): jobs that are not done end with GYRE_ECANCELLED, workers are killed.
 * Never waits. NULL is allowed.
 */
GYRE_API void gyre_process_pool_free(gyre_process_pool *pool);

/* ---- jobs ---- */

/*
 * Runs the function in a worker and waits for its result. input: copied in the call, may be NULL
 * for size 0. out_data: where the answer's bytes go, the caller's to gyre_free() (NULL if it set
 * none); may be NULL. Suspends. run_in_executor(). Errors: those of the function;
 * GYRE_EWORKERDIED; GYRE_ELIMIT; -ENOMEM; -EAGAIN, -EMFILE and such when no worker could be
 * started; GYRE_ENOTEMPLATE when the template has been killed; GYRE_EEXECUTORSHUTDOWN after a
 * shutdown. Cancelled: a job that waits for a worker is removed; for one that runs see
 * kill_cancelled.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_process_pool_run(gyre_process_pool *pool,
                                                        gyre_process_fn *fn, const void *input,
                                                        size_t size, gyre_process_data **out_data);

/*
 * The same as a future, new reference, for gyre_gather(), gyre_wait() and so on; its pointer
 * (gyre_future_pointer()) is the gyre_process_data, or NULL. The job runs whether or not the
 * future is kept. submit(). NULL: memory is short or the loop is closing; what is refused is a
 * future that is done with the error: as above, and GYRE_EQFULL.
 */
#define gyre_process_pool_submit(pool_, fn_, input_, size_)                                        \
    gyre__process_pool_submit(__FILE__, __LINE__, (pool_), (fn_), (input_), (size_))
GYRE_API GYRE_MUST_USE gyre_future *gyre__process_pool_submit(const char *file, unsigned line,
                                                              gyre_process_pool *pool,
                                                              gyre_process_fn *fn,
                                                              const void *input, size_t size);

/*
 * Runs the function once for each of `count` inputs (borrowed until the await is over), on all
 * workers, with twice as many jobs in flight as there may be workers. out_results[i]: the result
 * for the i-th input; out_data[i]: its bytes, as above (NULL: not wanted). map(). Result: 0, or
 * the error of the first job, in the order of the inputs, that failed: then later ones are
 * cancelled, and their results are GYRE_ECANCELLED. What is in out_data is the caller's to
 * gyre_free() whatever the result.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_process_pool_map(gyre_process_pool *pool,
                                                        gyre_process_fn *fn,
                                                        const struct iovec *inputs, size_t count,
                                                        int64_t *out_results,
                                                        gyre_process_data **out_data);

/* ---- the end ---- */

/*
 * The graceful end: takes no more jobs (GYRE_EEXECUTORSHUTDOWN), waits until those that were are
 * done and the workers have exited. cancel_jobs: removes those that wait for a worker. Result 0.
 * May be called again. Cancelled: GYRE_ECANCELLED, and the shutdown goes on. shutdown(wait=True,
 * cancel_futures).
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_process_pool_shutdown(gyre_process_pool *pool,
                                                             bool cancel_jobs);

/*
 * Kills every worker: their jobs end with GYRE_EWORKERDIED; the others go on in new ones. Never
 * waits. terminate_workers().
 */
GYRE_API void gyre_process_pool_terminate(gyre_process_pool *pool);

/* ---- asking ---- */

typedef struct gyre_process_pool_stats {
    unsigned workers; /* alive */
    unsigned most;    /* there may be */
    size_t queued;    /* jobs that wait for a worker */
    size_t running;   /* jobs that run */
    uint64_t done;    /* jobs that have ended in a worker */
    uint64_t died;    /* workers that ended by themselves, or were killed by others */
} gyre_process_pool_stats;

GYRE_API void gyre_process_pool_get_stats(const gyre_process_pool *pool,
                                          gyre_process_pool_stats *out_stats);

GYRE_END_DECLS

#endif
