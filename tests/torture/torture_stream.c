/* Streams under torture: every allocation, await, iteration and completion of an echo fails in turn. */
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../loop/alloc.h"
#include "../../net/stream.h"
#include "../../task/sleep.h"
#include "../support/torture.h"

enum { BIG = 40000 };

static char big[BIG];
static int fds[2] = {-1, -1};

static int64_t make_sockets(gyre_loop *loop)
{
    (void)loop;
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0 ? -1 : 0;
}

static int64_t make_pipe(gyre_loop *loop)
{
    (void)loop;
    return pipe2(fds, O_CLOEXEC) < 0 ? -1 : 0;
}

static void close_rest(void)
{
    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    fds[0] = fds[1] = -1;
}

/* The descriptor is the stream's if there is one, else the teardown's. */
static gyre_stream *adopt(int i)
{
    gyre_stream *stream;

    if (gyre_stream_new(gyre_loop_current(), fds[i], NULL, &stream) < 0)
        return NULL;
    fds[i] = -1;
    return stream;
}

/* ---- an echo ---- */

struct echo {
    gyre_frame frame;
    gyre_stream *stream;
    char buffer[4096];
    int64_t n;
};
GYRE_CORO(echo)
{
    GYRE_BEGIN;
    for (;;) {
        GYRE_TRY(self->n, gyre_stream_read(self->stream, self->buffer, sizeof(self->buffer)));
        if (self->n == 0)
            GYRE_RETURN(0);
        GYRE_TRY(gyre_stream_write(self->stream, self->buffer, (size_t)self->n));
    }
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
    GYRE_END;
}

struct session {
    gyre_frame frame;
    gyre_stream *near, *far;
    gyre_task *echo;
    const char *line;
    char *buffer;
    int64_t n;
};
GYRE_CORO(session)
{
    GYRE_BEGIN;
    self->buffer = gyre_alloc(BIG);
    self->near = adopt(0);
    self->far = adopt(1);
    if (!self->buffer || !self->near || !self->far)
        GYRE_RETURN(-ENOMEM);
    self->echo = GYRE_SPAWN(echo, .stream = self->far);
    if (!self->echo)
        GYRE_RETURN(-ENOMEM);
    self->far = NULL;
    GYRE_TRY(gyre_stream_write(self->near, "a line\nand more", 15));
    GYRE_TRY(self->n, gyre_stream_readline(self->near, &self->line));
    GYRE_TRY(self->n, gyre_stream_read_exactly(self->near, self->buffer, 8));
    GYRE_TRY(gyre_stream_write(self->near, big, BIG));
    GYRE_TRY(gyre_stream_write_eof(self->near) < 0 ? gyre_sleep(0) : gyre_stream_flush(self->near));
    GYRE_TRY(self->n, gyre_stream_read_exactly(self->near, self->buffer, BIG / 2));
    do
        GYRE_TRY(self->n, gyre_stream_read(self->near, self->buffer, BIG));
    while (self->n > 0);
    GYRE_TRY(self->echo);
    GYRE_RETURN(1);
    GYRE_FINALLY;
    if (self->echo) {
        gyre_task_cancel(self->echo);
        gyre_future_ignore(gyre_task_future(self->echo));
        gyre_task_unref(self->echo);
    }
    GYRE_AWAIT(self->n, gyre_stream_close(self->near));
    gyre_stream_abort(self->far);
    gyre_free(self->buffer);
    GYRE_END;
}

/* ---- a pipe ---- */

struct through_pipe {
    gyre_frame frame;
    gyre_stream *in, *out;
    const char *line;
    char buffer[16];
    int64_t n;
};
GYRE_CORO(through_pipe)
{
    GYRE_BEGIN;
    self->in = adopt(0);
    self->out = adopt(1);
    if (!self->in || !self->out)
        GYRE_RETURN(-ENOMEM);
    GYRE_TRY(gyre_stream_write(self->out, "one\ntwo", 7));
    GYRE_TRY(gyre_stream_flush(self->out));
    GYRE_TRY(self->n, gyre_stream_readline(self->in, &self->line));
    GYRE_TRY(self->n, gyre_stream_read(self->in, self->buffer, sizeof(self->buffer)));
    GYRE_AWAIT(self->n, gyre_stream_close(self->out));
    self->out = NULL;
    GYRE_TRY(self->n, gyre_stream_readline(self->in, &self->line));
    GYRE_RETURN(self->n);
    GYRE_FINALLY;
    gyre_stream_abort(self->in);
    gyre_stream_abort(self->out);
    GYRE_END;
}

int main(int argc, char **argv)
{
    const torture_scenario scenarios[] = {
        {TORTURE_MAIN(session), .flags = TORTURE_IO, .expect = 1, .setup = make_sockets,
         .teardown = close_rest},
        /* A read whose bytes are taken away by the injected error can never be repeated on a pipe. */
        {TORTURE_MAIN(through_pipe), .flags = TORTURE_IO | TORTURE_NO_ECANCELED, .expect = 0, .setup = make_pipe,
         .teardown = close_rest},
    };

    return torture_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
