/* TCP echo server as a user would write it with streams: `echo --port N`, until SIGTERM. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gyre/gyre.h>

enum { DEFAULT_SIZE = 4096, LARGEST = 1 << 20 };

struct session {
    gyre_frame frame;
    gyre_stream *stream;
    size_t size;  /* of the buffer */
    char *buffer;
    int64_t n;
};
GYRE_CORO(session)
{
    GYRE_BEGIN;
    self->buffer = malloc(self->size);
    if (!self->buffer)
        GYRE_RETURN(-ENOMEM);
    for (;;) {
        GYRE_TRY(self->n, gyre_stream_read(self->stream, self->buffer, self->size));
        if (self->n == 0)
            GYRE_RETURN(0);
        GYRE_TRY(gyre_stream_write(self->stream, self->buffer, (size_t)self->n));
    }
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
    free(self->buffer);
    GYRE_END;
}

static int64_t on_term(gyre_loop *loop, void *task)
{
    (void)loop;
    gyre_task_cancel(task);
    return 0;
}

struct serve {
    gyre_frame frame;
    uint16_t port;
    size_t size;
    gyre_server *server;
    int64_t rc;
};
GYRE_CORO(serve)
{
    GYRE_BEGIN;
    gyre_loop_add_signal_handler(gyre_loop_current(), SIGTERM, on_term, gyre_task_current());
    self->rc = GYRE_START_SERVER(
        &self->server,
        ((gyre_server_options){.host = "127.0.0.1", .port = self->port, .backlog = 1024}), session,
        .size = self->size);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    GYRE_TRY(gyre_sleep(GYRE_FOREVER));
    GYRE_FINALLY;
    gyre_server_free(self->server);
    GYRE_END;
}

/* BENCH_MSG: bytes of a message, where the driver says so. */
static size_t buffer_size(void)
{
    const char *hint = getenv("BENCH_MSG");
    unsigned long size = hint ? strtoul(hint, NULL, 10) : 0;

    return size > DEFAULT_SIZE && size <= LARGEST ? size : DEFAULT_SIZE;
}

int main(int argc, char **argv)
{
    int64_t rc;
    long port = 0;

    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], "--port") == 0)
            port = strtol(argv[i + 1], NULL, 10);
    rc = GYRE_RUN(serve, .port = (uint16_t)port, .size = buffer_size());
    if (rc < 0 && rc != GYRE_ECANCELLED)
        fprintf(stderr, "echo: %s\n", gyre_strerror(rc));
    return rc < 0 && rc != GYRE_ECANCELLED;
}
