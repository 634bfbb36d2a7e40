/* gyre_run: a loop made, run, tidied up and closed. */
#include "run.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "task_internal.h"

/* ---- cancelling what is left ---- */

/* Tasks that were asked to end and have not yet. */
struct leftover {
    size_t waiting;
    int64_t rc;
};

static int64_t one_ended(gyre_future *future, void *arg)
{
    struct leftover *leftover = arg;
    int64_t code;
    gyre_error *detail;

    if (gyre_future_exception(future, &code, &detail) == 0 && code < 0)
        gyre_loop_call_exception_handler(
            future->loop, &(gyre_exception_context){
                              .message = "error of a task that was cancelled at the end of the run",
                              .code = code,
                              .detail = detail,
                              .future = future,
                              .name = gyre_task_name(gyre__as_task(future)),
                              .file = future->file,
                              .line = future->line});
    if (--leftover->waiting == 0)
        gyre_loop_stop(future->loop);
    return 0;
}

static bool ask_to_end(gyre_task *task, void *arg)
{
    struct leftover *leftover = arg;

    gyre_task_cancel(task);
    leftover->rc = gyre_future_add_done_callback(&task->future, one_ended, leftover);
    if (leftover->rc < 0)
        return false; /* closing the loop will unwind it */
    leftover->waiting++;
    return true;
}

static bool forget(gyre_task *task, void *arg)
{
    struct leftover *leftover = arg;

    leftover->waiting -= (size_t)gyre_future_remove_done_callback(&task->future, one_ended, arg);
    return true;
}

int64_t gyre_loop_cancel_all_tasks(gyre_loop *loop)
{
    struct leftover leftover = {0, 0};
    int64_t rc = 0;

    gyre_loop_each_task(loop, ask_to_end, &leftover);
    if (leftover.waiting)
        rc = gyre_loop_run(loop);
    if (leftover.waiting) {
        /* Stopped before they ended: entries of tasks that ended just now are in the ready queue still. */
        gyre_loop_each_task(loop, forget, &leftover);
        while (rc >= 0 && leftover.waiting && loop->ready.head && gyre_loop_run_once(loop, 0) > 0)
            ;
        return rc < 0 ? rc : GYRE_ELOOPSTOPPED;
    }
    return rc < 0 ? rc : leftover.rc;
}

/* ---- SIGINT ---- */

/* The main task and whether it was interrupted. */
struct interrupt {
    gyre_task *main;
    bool requested;
};

static int64_t on_sigint(gyre_loop *loop, void *arg)
{
    struct interrupt *interrupt = arg;

    interrupt->requested = true;
    gyre_task_cancel(interrupt->main);
    gyre_loop_remove_signal_handler(loop, SIGINT); /* a second one ends the process */
    return 0;
}

/* In the main thread only, as in asyncio; and a program that ignores SIGINT or handles it goes on doing so. */
static bool may_take_sigint(void)
{
    struct sigaction action;

    return gyre__thread_number() == getpid() && sigaction(SIGINT, NULL, &action) == 0 &&
           action.sa_handler == SIG_DFL;
}

int64_t gyre__run(const gyre_run_options *options, const gyre_coro *coro, const void *args,
                  const char *file, unsigned line)
{
    struct interrupt interrupt = {NULL, false};
    gyre_error *detail;
    gyre_loop *loop;
    int64_t rc;

    if (gyre__running)
        return GYRE_ELOOPRUNNING;
    rc = gyre_loop_new(&options->loop, &loop);
    if (rc < 0)
        return rc;
    if (options->on_loop)
        options->on_loop(loop, options->arg);
    interrupt.main = gyre__spawn(&(gyre_spawn_options){.loop = loop}, coro, args, file, line);
    if (!interrupt.main) {
        gyre_loop_close(loop);
        return -ENOMEM;
    }
    if (!options->keep_sigint && may_take_sigint() &&
        gyre_loop_add_signal_handler(loop, SIGINT, on_sigint, &interrupt) == 0)
        gyre__signal_only_interrupts(loop, SIGINT);
    rc = gyre_loop_run_until(loop, gyre_task_future(interrupt.main));
    if (rc == GYRE_ECANCELLED && interrupt.requested)
        rc = -EINTR;
    detail = rc < 0 ? gyre__error_take(rc) : NULL; /* what follows must not lose it */
    gyre_loop_cancel_all_tasks(loop);
    gyre_loop_close(loop);
    gyre_task_unref(interrupt.main);
    gyre__error_set(detail);
    return rc;
}
