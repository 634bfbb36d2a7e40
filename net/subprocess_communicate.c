/*
 * Communicating with a subprocess: input to its stdin, everything from its stdout and stderr, its
 * end.
 */
#include <errno.h>

#include "../future/wait.h"
#include "../loop/alloc.h"
#include "subprocess_internal.h"

enum { FIRST_ROOM = 4096, PIECE = 65536, DEFAULT_LIMIT = 64 << 20 };

void gyre_subprocess_output_free(gyre_subprocess_output *output)
{
    gyre_free(output->out);
    gyre_free(output->err);
    *output = (gyre_subprocess_output){.limit = output->limit};
}

/* ---- one of its outputs ---- */

struct collect {
    gyre_frame frame;
    gyre_subprocess *process; /* kept by who communicates, who waits for us */
    int which;                /* of its outputs: descriptor - 1 */
    size_t limit;
    int64_t n;
};

/* Room for a byte more and the '\0', the byte beyond the limit included: that one tells. */
static int64_t make_room(struct gyre__collected *to, size_t limit)
{
    size_t wanted = to->capacity ? 2 * to->capacity : FIRST_ROOM;
    char *data;

    if (to->size < to->capacity)
        return 0;
    if (wanted > limit + 1)
        wanted = limit + 1;
    data = gyre_realloc(to->data, wanted + 1);
    if (!data)
        return -ENOMEM;
    to->data = data;
    to->capacity = wanted;
    return 0;
}

/* -EBADF once the process was given up: it closes the pipes. */
static gyre_await read_more(struct collect *self)
{
    struct gyre__collected *to = &self->process->collected[self->which];
    gyre_stream *from = self->process->pipes[1 + self->which];

    if (!from)
        return gyre__complete(gyre__task_running("gyre_subprocess_communicate"), -EBADF);
    return gyre_stream_read(from, to->data + to->size, to->capacity - to->size);
}

GYRE_CORO(collect)
{
    GYRE_BEGIN;
    self->frame.leaf = true;
    do {
        if (self->process->collected[self->which].size > self->limit)
            GYRE_RETURN(GYRE_ELIMIT);
        if (make_room(&self->process->collected[self->which], self->limit) < 0)
            GYRE_RETURN(-ENOMEM);
        GYRE_TRY(self->n, read_more(self));
        self->process->collected[self->which].size += (size_t)self->n;
    } while (self->n > 0);
    GYRE_RETURN(0);
    GYRE_END;
}

/* ---- its input ---- */

struct feed {
    gyre_frame frame;
    gyre_subprocess *process; /* kept, as above */
    const char *input;
    size_t size;
    int64_t rc;
};

/* It ended, or closed its stdin, without reading everything. */
static bool no_matter(int64_t rc)
{
    return rc == -EPIPE || rc == -ECONNRESET;
}

/* What was taken over is counted before anything waits: a cancelled wait does not take it back. */
static int64_t write_piece(struct feed *self)
{
    size_t rest = self->size - self->process->fed;
    int64_t rc;

    if (!self->process->pipes[0]) /* the process was given up */
        return -EBADF;
    rc = gyre_stream_write_soon(self->process->pipes[0], self->input + self->process->fed,
                                rest < PIECE ? rest : PIECE);
    if (rc > 0)
        self->process->fed += (size_t)rc;
    return rc;
}

GYRE_CORO(feed)
{
    GYRE_BEGIN;
    self->frame.leaf = true;
    do {
        self->rc = write_piece(self);
        if (self->rc >= 0)
            GYRE_AWAIT(self->rc, gyre_stream_drain(self->process->pipes[0]));
    } while (self->rc >= 0 && self->process->fed < self->size);
    if (self->rc >= 0 && self->process->pipes[0])
        GYRE_AWAIT(self->rc, gyre_stream_flush(self->process->pipes[0]));
    if (self->rc < 0 && !no_matter(self->rc))
        GYRE_RETURN(self->rc);
    /* All was sent: closing has nothing to wait for. */
    gyre_stream_abort(gyre__subprocess_take(self->process, 0));
    GYRE_RETURN(0);
    GYRE_END;
}

/* ---- the whole ---- */

struct communicate {
    gyre_frame frame;
    gyre_subprocess *process; /* reference */
    const char *input;
    size_t size;
    gyre_subprocess_output *output;
    gyre_future *tasks[3]; /* references */
    size_t count, i;
    gyre_future *wait; /* reference */
    int64_t rc;
};

static bool add_task(struct communicate *self, gyre_task *task)
{
    if (task)
        self->tasks[self->count++] = gyre_task_future(task);
    return task != NULL;
}

static bool spawn_tasks(struct communicate *self)
{
    gyre_subprocess *process = self->process;
    size_t limit = self->output->limit ? self->output->limit : DEFAULT_LIMIT;

    limit = limit < SIZE_MAX / 2 ? limit : SIZE_MAX / 2;

    if (process->pipes[0] && !add_task(self, GYRE_SPAWN(feed, .process = process,
                                                        .input = self->input, .size = self->size)))
        return false;
    for (int i = 1; i < 3; i++)
        if (process->pipes[i] &&
            !add_task(self, GYRE_SPAWN(collect, .process = process, .which = i - 1,
                                       .limit = limit)))
            return false;
    return true;
}

static gyre_future *wait_for_tasks(struct communicate *self)
{
    self->wait = gyre_wait(NULL, self->count, self->tasks, GYRE_FOREVER, GYRE_FIRST_EXCEPTION);
    return self->wait;
}

/* The first error; that of a task that was cancelled, by whomever, counts too. */
static int64_t first_error(const struct communicate *self)
{
    for (size_t i = 0; i < self->count; i++) {
        int64_t rc = gyre_future_done(self->tasks[i]) ? gyre_future_result(self->tasks[i]) : 0;

        if (rc < 0)
            return rc;
    }
    return 0;
}

static void cancel_tasks(struct communicate *self)
{
    for (size_t i = 0; i < self->count; i++) {
        gyre_future_cancel(self->tasks[i]);
        gyre_future_ignore(self->tasks[i]);
    }
}

static void unref_tasks(struct communicate *self)
{
    for (size_t i = 0; i < self->count; i++) {
        gyre_future_ignore(self->tasks[i]);
        gyre_future_unref(self->tasks[i]);
    }
    gyre_future_unref(self->wait);
}

static char *hand_over(struct gyre__collected *from, size_t *out_size)
{
    char *data = from->data;

    if (data)
        data[from->size] = '\0';
    *out_size = from->size;
    *from = (struct gyre__collected){NULL, 0, 0};
    return data;
}

static void deliver(struct communicate *self)
{
    self->output->out = hand_over(&self->process->collected[0], &self->output->out_size);
    self->output->err = hand_over(&self->process->collected[1], &self->output->err_size);
}

GYRE_CORO(communicate)
{
    GYRE_BEGIN;
    if (!spawn_tasks(self))
        GYRE_RETURN(-ENOMEM);
    if (self->count)
        GYRE_TRY(wait_for_tasks(self));
    self->rc = first_error(self);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    GYRE_TRY(self->rc, gyre_subprocess_wait(self->process));
    GYRE_RETURN(self->rc);
    GYRE_FINALLY;
    cancel_tasks(self);
    /* They hold the pipes, and the kernel may have our memory, until they have ended. */
    for (self->i = 0; self->i < self->count; self->i++)
        while (!gyre_future_done(self->tasks[self->i]) && !gyre_loop_current()->closing)
            GYRE_AWAIT(self->rc, self->tasks[self->i]);
    unref_tasks(self);
    if (self->frame.value != GYRE_ECANCELLED)
        deliver(self);
    self->process->communicating = false;
    gyre__subprocess_unref(self->process);
    GYRE_END;
}

gyre_await gyre_subprocess_communicate(gyre_subprocess *process, const void *input, size_t size,
                                       gyre_subprocess_output *output)
{
    gyre_task *task = gyre__task_running(__func__);
    gyre_await pending;

    output->out = output->err = NULL;
    output->out_size = output->err_size = 0;
    if (process->communicating || process->protocol)
        return gyre__complete(task, -EBUSY);
    if (!gyre__may_park(task))
        return gyre__complete(task, GYRE_ECANCELLED);
    process->communicating = true;
    process->refs++;
    pending = gyre__call(&communicate_coro,
                         &(struct communicate){.frame = {.coro = &communicate_coro, .leaf = true},
                                               .process = process,
                                               .input = input,
                                               .size = size,
                                               .output = output});
    if (!pending.pending) {
        process->communicating = false;
        gyre__subprocess_unref(process);
    }
    return pending;
}
