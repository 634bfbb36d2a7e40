/*
 * Subprocesses under torture: talking to one, waiting, giving it up, with each step failing in
 * turn; no child is left.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "../../net/subprocess_internal.h"
#include "../../task/timeout.h"
#include "../support/torture.h"

#define LONGEST GYRE_MS(500) /* for a child whom a failure may have left waiting */

/* After the loop was closed: every child is dead and reaped. */
static void no_children(void)
{
    siginfo_t info;

    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD)
        abort();
}

static const gyre_subprocess_options piped = {
    .in = GYRE_SUBPROCESS_PIPE, .out = GYRE_SUBPROCESS_PIPE, .err = GYRE_SUBPROCESS_PIPE};

struct converse {
    gyre_frame frame;
    gyre_subprocess *process;
    gyre_subprocess_output output;
    int64_t n;
};
GYRE_CORO(converse)
{
    GYRE_BEGIN;
    self->n = gyre_subprocess_exec(GYRE_ARGV("/bin/cat"), &piped, &self->process);
    if (self->n < 0)
        GYRE_RETURN(self->n);
    GYRE_TRY(self->n,
             gyre_wait_for(gyre_subprocess_communicate(self->process, "hello", 5, &self->output),
                           LONGEST));
    GYRE_RETURN(self->n ? self->n : (int64_t)self->output.out_size);
    GYRE_FINALLY;
    gyre_subprocess_output_free(&self->output);
    gyre_subprocess_free(self->process);
    GYRE_END;
}

/* Cut off by a time-out, killed, and asked once more. */
struct insist {
    gyre_frame frame;
    gyre_subprocess *process;
    gyre_subprocess_output output;
    int64_t n;
};
GYRE_CORO(insist)
{
    GYRE_BEGIN;
    self->n = gyre_subprocess_exec(
        GYRE_ARGV("/bin/cat", "-", "/dev/zero"),
        &(gyre_subprocess_options){.in = GYRE_SUBPROCESS_PIPE, .out = GYRE_SUBPROCESS_DEVNULL},
        &self->process);
    if (self->n < 0)
        GYRE_RETURN(self->n);
    GYRE_AWAIT(self->n,
               gyre_wait_for(gyre_subprocess_communicate(self->process, "hello", 5, &self->output),
                             GYRE_MS(5)));
    if (self->n != GYRE_ETIMEOUT)
        GYRE_RETURN(self->n);
    gyre_subprocess_kill(self->process);
    GYRE_TRY(self->n,
             gyre_wait_for(gyre_subprocess_communicate(self->process, "hello", 5, &self->output),
                           LONGEST));
    GYRE_RETURN(self->n);
    GYRE_FINALLY;
    gyre_subprocess_output_free(&self->output);
    gyre_subprocess_free(self->process);
    GYRE_END;
}

struct wait_for_end {
    gyre_frame frame;
    gyre_subprocess *process;
};
GYRE_CORO(wait_for_end)
{
    GYRE_BEGIN;
    GYRE_TRY(self->frame.value, gyre_wait_for(gyre_subprocess_wait(self->process), LONGEST));
    GYRE_RETURN(self->frame.value);
    GYRE_END;
}

/* Two tasks wait, a third ends it; then one is given up in the middle of a conversation. */
struct several {
    gyre_frame frame;
    gyre_subprocess *process;
    gyre_task *waiters[2];
    const char *line;
    int64_t n, sum;
    int i;
};
GYRE_CORO(several)
{
    GYRE_BEGIN;
    self->n = gyre_subprocess_exec(GYRE_ARGV("/bin/cat"), &piped, &self->process);
    if (self->n < 0)
        GYRE_RETURN(self->n);
    for (self->i = 0; self->i < 2; self->i++) {
        self->waiters[self->i] = GYRE_SPAWN(wait_for_end, .process = self->process);
        if (!self->waiters[self->i])
            GYRE_RETURN(-ENOMEM);
    }
    GYRE_TRY(gyre_stream_write(gyre_subprocess_stdin(self->process), "line\n", 5));
    GYRE_TRY(self->n,
             gyre_wait_for(gyre_stream_readline(gyre_subprocess_stdout(self->process), &self->line),
                           LONGEST));
    GYRE_TRY(gyre_subprocess_close_stdin(self->process));
    for (self->i = 0; self->i < 2; self->i++) {
        GYRE_TRY(self->n, self->waiters[self->i]);
        self->sum += self->n;
    }
    GYRE_RETURN(self->sum);
    GYRE_FINALLY;
    gyre_subprocess_free(self->process);
    for (self->i = 0; self->i < 2; self->i++) {
        if (self->waiters[self->i])
            gyre_task_cancel(self->waiters[self->i]);
        if (self->waiters[self->i])
            gyre_future_ignore(gyre_task_future(self->waiters[self->i]));
        gyre_task_unref(self->waiters[self->i]);
    }
    GYRE_END;
}

static int64_t no_pidfd(gyre_loop *loop)
{
    (void)loop;
    gyre__launch_without_pidfd = true;
    return 0;
}

static void pidfd_again(void)
{
    gyre__launch_without_pidfd = false;
    no_children();
}

/* ---- the callback face ---- */

static void on_data(void *self, int descriptor, const char *data, size_t size)
{
    (void)data;
    *(int64_t *)self += descriptor == 1 ? (int64_t)size : 0;
}

static const gyre_subprocess_protocol protocol = {.pipe_data_received = on_data};

struct call_back {
    gyre_frame frame;
    gyre_subprocess *process;
    int64_t n, heard;
};
GYRE_CORO(call_back)
{
    GYRE_BEGIN;
    self->n = gyre_subprocess_exec(GYRE_ARGV("/bin/cat"), &piped, &self->process);
    if (self->n >= 0)
        self->n = gyre_subprocess_set_protocol(self->process, &protocol, &self->heard);
    if (self->n < 0)
        GYRE_RETURN(self->n);
    GYRE_TRY(gyre_stream_write(gyre_subprocess_stdin(self->process), "words", 5));
    GYRE_TRY(gyre_subprocess_close_stdin(self->process));
    GYRE_TRY(self->n, gyre_wait_for(gyre_subprocess_wait(self->process), LONGEST));
    while (self->heard < 5 && self->n++ < 200)
        GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    GYRE_RETURN(self->heard);
    GYRE_FINALLY;
    gyre_subprocess_free(self->process);
    GYRE_END;
}

int main(int argc, char **argv)
{
    const torture_scenario scenarios[] = {
        {TORTURE_MAIN(converse), .flags = TORTURE_IO, .expect = 5, .teardown = no_children},
        {TORTURE_MAIN(insist), .flags = TORTURE_IO, .expect = GYRE_SUBPROCESS_SIGNALLED + SIGKILL,
         .teardown = no_children},
        {TORTURE_MAIN(several), .flags = TORTURE_IO, .expect = 0, .teardown = no_children},
        {.name = "several_without_pidfd",
         .coro = &several_coro,
         .args = &(const struct several){.frame = {.coro = &several_coro}},
         .flags = TORTURE_IO,
         .expect = 0,
         .setup = no_pidfd,
         .teardown = pidfd_again},
        {TORTURE_MAIN(call_back), .flags = TORTURE_IO, .expect = 5, .teardown = no_children},
    };

    return torture_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
