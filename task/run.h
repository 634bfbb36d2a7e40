/*
 * Running a program: a loop from beginning to end. Python names: asyncio.run, asyncio.Runner.
 */
#ifndef GYRE_TASK_RUN_H
#define GYRE_TASK_RUN_H

#include "task.h"

GYRE_BEGIN_DECLS

typedef struct gyre_run_options {
    gyre_loop_options loop; /* of the loop that is made */
    bool keep_sigint;       /* leave SIGINT alone */
    int64_t executor_timeout_ns; /* how long to wait for jobs of the default executor at
                                    the end; 0: 5 minutes; less: not at all */
    bool keep_sigterm;      /* leave SIGTERM alone */
    void (*on_loop)(gyre_loop *loop, void *arg); /* called with the new loop before anything runs; may be NULL */
    void *arg;
} gyre_run_options;

GYRE_API int64_t gyre__run(const gyre_run_options *options, const gyre_coro *coro, const void *args,
                           const char *file, unsigned line);

#ifndef __cplusplus

/*
 * Makes a loop, runs the coroutine in it as the main task, cancels the tasks that are left and waits for
 * them, shuts the default executor down and waits for its jobs (those that are not done in time are
 * abandoned, which the exception handler is told), closes the loop: int64_t rc = GYRE_RUN(main_coro, .argc = argc, .argv = argv). asyncio.run().
 *
 * Gives the coroutine's result. The first SIGINT or SIGTERM cancels the main task (if it ends cancelled,
 * the result is -EINTR, and gyre_error_current() says by which), a second one has its default effect.
 * Signals that the program handles or ignores itself are left alone, and so are all where this is not the
 * main thread. Other errors: those of gyre_loop_new(); GYRE_ELOOPRUNNING inside a running loop;
 * GYRE_ELOOPSTOPPED; GYRE_EDEADLOCK.
 */
#define GYRE_RUN(...) GYRE_RUN_WITH(((gyre_run_options){.keep_sigint = false}), __VA_ARGS__)

/* With options: GYRE_RUN_WITH(((gyre_run_options){.loop.clock = GYRE_CLOCK_VIRTUAL}), name, ...). */
#define GYRE_RUN_WITH(options_, ...)                                                               \
    gyre__run(&(options_), GYRE__CORO_OF(__VA_ARGS__), GYRE__FRAME(__VA_ARGS__), __FILE__, __LINE__)

#endif

/*
 * The last part of gyre_run for loops of one's own: cancels all unfinished tasks and runs the loop until
 * they have ended; errors they end with go to the exception handler. Errors as gyre_loop_run().
 */
GYRE_API int64_t gyre_loop_cancel_all_tasks(gyre_loop *loop);

GYRE_END_DECLS

#endif
