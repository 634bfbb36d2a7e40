/* gyre_run: a loop made, run, tidied up and closed. */
#include "run.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "executor_internal.h"
#include "task_internal.h"

static const int64_t FIVE_MINUTES = GYRE_SECONDS(300);

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

/* ---- SIGINT and SIGTERM ---- */

/* The main task and what interrupted it. */
struct interrupt {
    gyre_task *main;
    int number; /* of the signal; 0: none */
    bool takes_sigint, takes_sigterm;
};

static void forget_signals(gyre_loop *loop, const struct interrupt *interrupt)
{
    if (interrupt->takes_sigint)
        gyre_loop_remove_signal_handler(loop, SIGINT);
    if (interrupt->takes_sigterm)
        gyre_loop_remove_signal_handler(loop, SIGTERM);
}

static int64_t interrupt_main(gyre_loop *loop, struct interrupt *interrupt, int number)
{
    interrupt->number = number;
    gyre_task_cancel(interrupt->main);
    forget_signals(loop, interrupt); /* a second one ends the process */
    return 0;
}

static int64_t on_sigint(gyre_loop *loop, void *arg)
{
    return interrupt_main(loop, arg, SIGINT);
}

static int64_t on_sigterm(gyre_loop *loop, void *arg)
{
    return interrupt_main(loop, arg, SIGTERM);
}

/* In the main thread only, as in asyncio; and a program that ignores the signal or handles it goes on doing so. */
static bool take_signal(gyre_loop *loop, int number, gyre_callback *callback, struct interrupt *arg)
{
    struct sigaction action;

    if (gyre__thread_number() != getpid() || sigaction(number, NULL, &action) < 0 ||
        action.sa_handler != SIG_DFL ||
        gyre_loop_add_signal_handler(loop, number, callback, arg) < 0)
        return false;
    gyre__signal_only_interrupts(loop, number);
    return true;
}

/* ---- threads ---- */

struct end_threads {
    gyre_frame frame;
    int64_t timeout_ns;
};
GYRE_CORO(end_threads)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_loop_shutdown_default_executor(self->timeout_ns));
    GYRE_RETURN(self->frame.result);
    GYRE_END;
}

/* Jobs may want the loop until they are done, so it runs meanwhile. */
static void end_default_executor(gyre_loop *loop, int64_t timeout_ns)
{
    const gyre__portal *portal = gyre__portal_made(loop);
    gyre_task *task;
    int64_t left;

    if (!portal || !portal->executor)
        return;
    if (timeout_ns == 0)
        timeout_ns = FIVE_MINUTES;
    task = GYRE_SPAWN_ON(loop, end_threads, .timeout_ns = timeout_ns);
    left = task ? gyre_loop_run_until(loop, gyre_task_future(task)) : -ENOMEM;
    if (left != 0)
        gyre_loop_call_exception_handler(
            loop, &(gyre_exception_context){
                      .message = "jobs of the default executor were abandoned at the end of the run",
                      .code = left < 0 ? left : GYRE_ETIMEOUT});
    gyre_task_unref(task);
}

int64_t gyre__run(const gyre_run_options *options, const gyre_coro *coro, const void *args,
                  const char *file, unsigned line)
{
    struct interrupt interrupt = {.main = NULL};
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
    interrupt.takes_sigint =
        !options->keep_sigint && take_signal(loop, SIGINT, on_sigint, &interrupt);
    interrupt.takes_sigterm =
        !options->keep_sigterm && take_signal(loop, SIGTERM, on_sigterm, &interrupt);
    rc = gyre_loop_run_until(loop, gyre_task_future(interrupt.main));
    if (rc == GYRE_ECANCELLED && interrupt.number) {
        rc = -EINTR;
        gyre__error_set(gyre_error_new(
            rc, interrupt.number == SIGINT ? "interrupted by SIGINT" : "interrupted by SIGTERM"));
    }
    detail = rc < 0 ? gyre__error_take(rc) : NULL; /* what follows must not lose it */
    gyre_loop_cancel_all_tasks(loop);
    end_default_executor(loop, options->executor_timeout_ns);
    gyre_loop_close(loop);
    gyre_task_unref(interrupt.main);
    gyre__error_set(detail);
    return rc;
}
