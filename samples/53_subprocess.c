/*
 * 53_subprocess: programs as tasks see them: talking to one, its status, a time-out, what cannot
 * be run.
 */
#include <gyre/gyre.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

struct main_task {
    gyre_frame frame;
    gyre_subprocess *process;
    gyre_subprocess_output output;
    const char *line;
    int64_t n;
};
GYRE_CORO(main_task)
{
    GYRE_BEGIN;
    /* Everything at once: input in, output out, the status. */
    self->n = gyre_subprocess_exec(
        GYRE_ARGV("sort", "-n"),
        &(gyre_subprocess_options){.in = GYRE_SUBPROCESS_PIPE, .out = GYRE_SUBPROCESS_PIPE},
        &self->process);
    if (self->n < 0)
        GYRE_RETURN(self->n);
    GYRE_TRY(self->n, gyre_subprocess_communicate(self->process, "10\n9\n8\n", 7, &self->output));
    printf("sort: status %" PRId64 "\n%s", self->n, self->output.out);
    gyre_subprocess_output_free(&self->output);
    gyre_subprocess_free(self->process);

    /* Line by line, through streams. */
    self->n = gyre_subprocess_exec(
        GYRE_ARGV("cat"),
        &(gyre_subprocess_options){.in = GYRE_SUBPROCESS_PIPE, .out = GYRE_SUBPROCESS_PIPE},
        &self->process);
    if (self->n < 0)
        GYRE_RETURN(self->n);
    GYRE_TRY(gyre_stream_write(gyre_subprocess_stdin(self->process), "hello\n", 6));
    GYRE_TRY(self->n, gyre_stream_readline(gyre_subprocess_stdout(self->process), &self->line));
    printf("cat: %.*s", (int)self->n, self->line);
    GYRE_TRY(gyre_subprocess_close_stdin(self->process));
    GYRE_TRY(self->n, gyre_subprocess_wait(self->process));
    printf("cat: status %" PRId64 "\n", self->n);
    gyre_subprocess_free(self->process);

    /* Too slow: it is told to end, and what it had said is not lost. */
    self->n = gyre_subprocess_shell("echo thinking; exec sleep 60",
                                    &(gyre_subprocess_options){.out = GYRE_SUBPROCESS_PIPE},
                                    &self->process);
    if (self->n < 0)
        GYRE_RETURN(self->n);
    GYRE_AWAIT(self->n,
               gyre_wait_for(gyre_subprocess_communicate(self->process, NULL, 0, &self->output),
                             GYRE_MS(500)));
    printf("sleep: %s\n", gyre_strerror(self->n));
    gyre_subprocess_terminate(self->process);
    GYRE_TRY(self->n, gyre_subprocess_communicate(self->process, NULL, 0, &self->output));
    if (self->n == GYRE_SUBPROCESS_SIGNALLED + SIGTERM)
        printf("sleep: ended by SIGTERM, having said: %s", self->output.out);
    gyre_subprocess_output_free(&self->output);
    gyre_subprocess_free(self->process);

    /* No such program: known at once, and said why. */
    self->n = gyre_subprocess_exec(GYRE_ARGV("no-such-program"), NULL, &self->process);
    printf("%s: %s\n", gyre_err_name(self->n), gyre_error_text(gyre_error_current()));
    GYRE_RETURN(0);
    GYRE_FINALLY;
    gyre_subprocess_output_free(&self->output);
    gyre_subprocess_free(self->process); /* kills it if it is still there */
    GYRE_END;
}

int main(void)
{
    return GYRE_RUN(main_task) < 0;
}
