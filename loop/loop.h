/*
 * The event loop: what runs next, and when.
 *
 * A loop belongs to one thread: to the one that made it until it first runs, then for good to the one
 * that ran it. Every call on it from another thread aborts with a message that names both, except
 * gyre_call_soon_threadsafe(), gyre_loop_stop_threadsafe() and GYRE_SPAWN_THREADSAFE(). One iteration
 * is CPython's:
 *
 *   1. take in    what other threads and signal handlers posted goes to the ready queue
 *   2. wait       submit what was started; wait until something happens (not at all if anything is
 *                 ready); completions go to the ready queue
 *   3. timers     those that are due go to the ready queue
 *   4. run        as many handles as the ready queue holds now, no more
 *
 * Python names: asyncio.EventLoop and its methods.
 */
#ifndef GYRE_LOOP_LOOP_H
#define GYRE_LOOP_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "api.h"
#include "clock.h"
#include "error.h"

GYRE_BEGIN_DECLS

typedef struct gyre_loop gyre_loop;
typedef struct gyre_handle gyre_handle;
typedef struct gyre_future gyre_future; /* future/future.h */
typedef struct gyre_task gyre_task;     /* task/task.h */

/* All zero is a good default; use designated initialisers. */
typedef struct gyre_loop_options {
    gyre_clock_kind clock;          /* default: GYRE_CLOCK_REAL */
    uint64_t (*now)(void *context); /* a clock of your own (ns, never backwards) in place of the real one */
    uint64_t (*random)(void *context); /* random numbers of your own, for reproducible runs */
    void *context;                  /* borrowed, for the two above */
    unsigned ring_entries;          /* submission queue entries, a power of two; default 256 */
    bool debug;                     /* as gyre_loop_set_debug */
    bool direct_blocks;             /* every small object an allocation of its own (for tests of shortage) */
} gyre_loop_options;

/*
 * Makes a loop with its ring. new_event_loop().
 * options: borrowed, may be NULL. *out_loop: new, ended with gyre_loop_close().
 * Errors: -ENOMEM; GYRE_ENORING when the kernel refuses io_uring: gyre_loop_error_text() says why (a
 * container's seccomp profile, the kernel.io_uring_disabled sysctl, the memlock limit, an old kernel)
 * and what to do; -EINVAL for bad options; -EMFILE, -ENFILE.
 */
GYRE_API GYRE_MUST_USE int64_t gyre_loop_new(const gyre_loop_options *options, gyre_loop **out_loop);

/* Why the last gyre_loop_new() of this thread failed, one line, static storage of the thread. */
GYRE_API const char *gyre_loop_error_text(void);

/*
 * Ends a loop that is not running. loop.close(), but complete: unfinished tasks are cancelled and run to
 * their end with every await failing at once with GYRE_ECANCELLED, operations in flight are cancelled
 * and waited for, handles and timers are dropped. Then the memory goes, except for what references to
 * futures, tasks and handles still keep. GYRE_ELOOPRUNNING from inside the loop. NULL is allowed.
 * In the child of a fork() it only drops the memory and the descriptors; references to futures, tasks and
 * handles of it are void then, and must not be given back.
 */
GYRE_API int64_t gyre_loop_close(gyre_loop *loop);

/* Runs until gyre_loop_stop(). run_forever(). GYRE_ELOOPRUNNING, GYRE_EDEADLOCK (below), or 0. */
GYRE_API int64_t gyre_loop_run(gyre_loop *loop);

/*
 * Runs until the future (borrowed; also a task's, gyre_task_future()) is done; gives its result.
 * run_until_complete(). Errors: those of the future; GYRE_ELOOPSTOPPED when gyre_loop_stop() came
 * first; GYRE_ELOOPRUNNING; GYRE_EWRONGLOOP; GYRE_EDEADLOCK when the future is pending while nothing
 * is ready, no timer and no operation is pending, no signal handler (but that of GYRE_RUN) and no hold
 * exists and the process has no other thread (or the clock is virtual): nothing could ever wake the loop.
 * Declared in future/future.h as it needs futures: gyre_loop_run_until().
 */

/*
 * One iteration, for embedding: waits at most timeout_ns (0: not at all; GYRE_FOREVER: as long as it
 * takes). No counterpart in asyncio. Gives 1 if something ran, 0 if not; GYRE_ELOOPRUNNING.
 */
GYRE_API int64_t gyre_loop_run_once(gyre_loop *loop, int64_t timeout_ns);

/* Lets the current iteration finish, then the run returns. Before a run: it does one iteration. stop(). */
GYRE_API void gyre_loop_stop(gyre_loop *loop);

GYRE_API bool gyre_loop_is_running(const gyre_loop *loop);
GYRE_API bool gyre_loop_is_closed(const gyre_loop *loop); /* for loops kept alive by a reference */

/* The loop that is running in this thread, or NULL. get_running_loop(). */
GYRE_API gyre_loop *gyre_loop_current(void);

/* Nanoseconds on the loop's clock, now. loop.time(). */
GYRE_API uint64_t gyre_loop_time(const gyre_loop *loop);

/* A random number from the loop's source (the hook, else a generator seeded by the kernel). */
GYRE_API uint64_t gyre_loop_random(gyre_loop *loop);

/* ---- handles ---- */

/*
 * A callback. Its result is reported to the exception handler if it is an error, else ignored: as an
 * exception that leaves a callback in asyncio. `arg` is whatever the caller gave.
 */
typedef int64_t gyre_callback(gyre_loop *loop, void *arg);

/*
 * Runs the callback in the next iteration, after everything that is ready already. call_soon().
 * arg: borrowed until the callback has run, was cancelled or the loop is closed.
 * out_handle: NULL, or where a new reference to the handle goes (gyre_handle_unref()).
 * Errors: -ENOMEM, GYRE_ELOOPCLOSED.
 */
GYRE_API int64_t gyre_call_soon(gyre_loop *loop, gyre_callback *callback, void *arg,
                                gyre_handle **out_handle);

/*
 * Runs it delay_ns from now; a negative delay means at once, yet after what is ready. call_later().
 * A sleeping loop may wake up to 50 us after a deadline, so that near timers share a wake-up.
 */
GYRE_API int64_t gyre_call_later(gyre_loop *loop, int64_t delay_ns, gyre_callback *callback, void *arg,
                                 gyre_handle **out_handle);

/* Runs it when the loop's clock reaches when_ns. Equal deadlines run in order of scheduling. call_at(). */
GYRE_API int64_t gyre_call_at(gyre_loop *loop, uint64_t when_ns, gyre_callback *callback, void *arg,
                              gyre_handle **out_handle);

/* The same where equal deadlines run by priority first, lower before higher, as in Python's sched. */
GYRE_API int64_t gyre_call_at_priority(gyre_loop *loop, uint64_t when_ns, int16_t priority,
                                       gyre_callback *callback, void *arg, gyre_handle **out_handle);

/*
 * From any thread: runs the callback in the loop's thread. Calls of one thread keep their order.
 * call_soon_threadsafe(). The loop must not be closed meanwhile. Errors: -ENOMEM, GYRE_ELOOPCLOSED;
 * GYRE_EFORKED in the child of a fork().
 */
GYRE_API int64_t gyre_call_soon_threadsafe(gyre_loop *loop, gyre_callback *callback, void *arg);

/* gyre_loop_stop() from any thread; cannot fail. */
GYRE_API void gyre_loop_stop_threadsafe(gyre_loop *loop);

/* Cancels; the callback will not run. A handle that has run or was cancelled is left alone. */
GYRE_API void gyre_handle_cancel(gyre_handle *handle);
GYRE_API bool gyre_handle_cancelled(const gyre_handle *handle);
GYRE_API uint64_t gyre_handle_when(const gyre_handle *handle); /* the deadline; 0 for call_soon */
GYRE_API gyre_handle *gyre_handle_ref(gyre_handle *handle);
GYRE_API void gyre_handle_unref(gyre_handle *handle); /* NULL is allowed */

/*
 * A hold says that something outside (a thread, a device) will call gyre_call_soon_threadsafe(): while
 * holds exist the virtual clock does not jump and no deadlock is reported. Owner's thread only.
 */
GYRE_API void gyre_loop_hold(gyre_loop *loop);
GYRE_API void gyre_loop_release(gyre_loop *loop);

/* ---- signals ---- */

/*
 * Runs the callback in the loop when the process gets the signal; replaces an earlier one of the loop.
 * add_signal_handler(). One loop at a time owns a signal: -EBUSY for a second; -EINVAL for SIGKILL and such.
 */
GYRE_API int64_t gyre_loop_add_signal_handler(gyre_loop *loop, int signal_number, gyre_callback *callback,
                                              void *arg);

/* Restores what was there before. 1 if there was a handler, else 0. */
GYRE_API int64_t gyre_loop_remove_signal_handler(gyre_loop *loop, int signal_number);

/* ---- errors nobody took, and debugging ---- */

/* What went wrong where nobody was there to see it. All members but message and code may be NULL or 0. */
typedef struct gyre_exception_context {
    const char *message;      /* what happened, one line */
    int64_t code;             /* the error */
    const gyre_error *detail; /* what is known about it */
    gyre_handle *handle;      /* the callback that failed */
    gyre_future *future;      /* the future or task whose error was never retrieved */
    const char *name;         /* its name */
    const char *file;         /* where it was made */
    unsigned line;
} gyre_exception_context;

typedef void gyre_exception_handler(gyre_loop *loop, const gyre_exception_context *context, void *arg);

/* NULL brings back the default, which prints to stderr. set_exception_handler(). */
GYRE_API void gyre_loop_set_exception_handler(gyre_loop *loop, gyre_exception_handler *handler, void *arg);
GYRE_API void gyre_loop_call_exception_handler(gyre_loop *loop, const gyre_exception_context *context);
GYRE_API void gyre_loop_default_exception_handler(gyre_loop *loop, const gyre_exception_context *context);

/*
 * Debug mode reports handles and task steps that take as long as the slow callback duration or longer, on the
 * loop's clock; where that is virtual, in real time.
 */
GYRE_API void gyre_loop_set_debug(gyre_loop *loop, bool debug);
GYRE_API bool gyre_loop_get_debug(const gyre_loop *loop);
GYRE_API void gyre_loop_set_slow_callback_duration(gyre_loop *loop, int64_t ns); /* default 100 ms */

/* Counters, for tests and monitoring. */
typedef struct gyre_loop_stats {
    uint64_t iterations;    /* since the loop was made */
    uint64_t enters;        /* system calls into the ring */
    uint64_t submit_full;   /* times the submission queue was full */
    uint64_t cq_overflows;  /* times completions had to be fetched from the kernel's overflow list */
    size_t timers;          /* timers set now */
    size_t tasks;           /* unfinished tasks */
    size_t operations;      /* operations in flight, without the loop's own */
    const char *ring_mode;  /* "defer_taskrun", "coop_taskrun" or "plain" */
} gyre_loop_stats;

GYRE_API void gyre_loop_get_stats(const gyre_loop *loop, gyre_loop_stats *out_stats);

GYRE_END_DECLS

#endif
