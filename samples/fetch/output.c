/* Lines on stdout, written by a task of its own. */
#include "output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINES_UNDER_WAY = 64 };

struct writer {
    gyre_frame frame;
    struct output *output;
    void *line;
    int64_t n;
};
GYRE_CORO(writer)
{
    GYRE_BEGIN;
    for (;;) {
        GYRE_AWAIT(self->n, gyre_queue_get(&self->output->lines, &self->line));
        if (self->n < 0) /* shut down, and empty */
            GYRE_RETURN(0);
        if (self->output->error == 0)
            GYRE_AWAIT(self->n,
                       gyre_file_write(&self->output->file, self->line, strlen(self->line)));
        free(self->line);
        self->line = NULL;
        if (self->n < 0 && self->output->error == 0) {
            self->output->error = self->n;
            self->output->on_error(self->output->arg, self->n);
        }
    }
    GYRE_FINALLY;
    free(self->line);
    GYRE_END;
}

int64_t output_start(struct output *output, void (*on_error)(void *arg, int64_t error), void *arg)
{
    int64_t rc = gyre_queue_init(
        &output->lines, &(gyre_queue_options){.maxsize = LINES_UNDER_WAY, .release = free});

    if (rc < 0)
        return rc;
    output->file = gyre_file_from(STDOUT_FILENO);
    output->on_error = on_error;
    output->arg = arg;
    output->task = GYRE_SPAWN(writer, .output = output);
    if (output->task)
        return 0;
    gyre_queue_fini(&output->lines);
    return -ENOMEM;
}

struct put {
    gyre_frame frame;
    struct output *output;
    char *line;
};
GYRE_CORO(put)
{
    GYRE_BEGIN;
    if (!self->line)
        GYRE_RETURN(-ENOMEM);
    GYRE_TRY(gyre_queue_put(&self->output->lines, self->line));
    self->line = NULL;
    GYRE_RETURN(0);
    GYRE_FINALLY;
    free(self->line);
    GYRE_END;
}

gyre_await output_put(struct output *output, char *line)
{
    return GYRE_CALL(put, .output = output, .line = line);
}

GYRE_CORO_PUBLIC(output_finish)
{
    GYRE_BEGIN;
    if (self->output->task) {
        gyre_queue_shutdown(&self->output->lines, false);
        GYRE_AWAIT(self->n, self->output->task);
        gyre_task_unref(self->output->task);
        gyre_queue_fini(&self->output->lines);
        self->output->task = NULL;
    }
    GYRE_END;
}
