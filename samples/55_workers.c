/*
 * 55_workers: an echo server on all cores, one loop each, on one port; a client; the graceful
 * end.
 */
#include <gyre/gyre.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

struct echo {
    gyre_frame frame;
    gyre_stream *stream;
    const char *line;
    int64_t n;
};
GYRE_CORO(echo)
{
    GYRE_BEGIN;
    for (;;) {
        GYRE_TRY(self->n, gyre_stream_readline(self->stream, &self->line));
        if (self->n == 0)
            GYRE_RETURN(0);
        GYRE_TRY(gyre_stream_write(self->stream, self->line, (size_t)self->n));
    }
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
    GYRE_END;
}

/* Runs in the first worker; it may be served by any. */
struct client {
    gyre_frame frame;
    uint16_t port;
    gyre_stream *stream;
    const char *line;
    int i;
    int64_t n;
};
GYRE_CORO(client)
{
    GYRE_BEGIN;
    for (self->i = 1; self->i <= 3; self->i++) {
        GYRE_TRY(gyre_open_connection("127.0.0.1", self->port, NULL, &self->stream));
        GYRE_TRY(gyre_stream_write(self->stream, "hello, workers\n", 15));
        GYRE_TRY(self->n, gyre_stream_readline(self->stream, &self->line));
        printf("%d: %.*s", self->i, (int)self->n, self->line);
        GYRE_TRY(gyre_stream_close(self->stream));
        self->stream = NULL;
    }
    kill(getppid(), SIGTERM); /* the master stops all workers, this one too */
    GYRE_FINALLY;
    gyre_stream_abort(self->stream);
    GYRE_END;
}

struct serve {
    gyre_frame frame;
    uint16_t port;
    gyre_server *server;
    int64_t rc;
};
GYRE_CORO(serve)
{
    GYRE_BEGIN;
    self->rc = GYRE_START_SERVER(
        &self->server,
        ((gyre_server_options){.host = "127.0.0.1", .port = self->port, .reuse_port = true}), echo);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    gyre_worker_ready();
    if (gyre_worker_index() == 0)
        GYRE_TRY(GYRE_CALL(client, .port = self->port));
    GYRE_TRY(gyre_sleep(GYRE_FOREVER)); /* until the master says stop */
    GYRE_FINALLY;
    if (self->server)
        GYRE_AWAIT(self->rc, gyre_server_stop(self->server, GYRE_SECONDS(5)));
    gyre_server_free(self->server);
    GYRE_END;
}

int main(void)
{
    uint16_t port;
    int64_t fd = gyre_workers_reserve_port("127.0.0.1", &port); /* any free one, for all of them */
    int64_t rc = fd;

    if (fd >= 0) {
        rc = GYRE_WORKERS(((gyre_workers_options){.count = 0}), serve, .port = port);
        close((int)fd);
    }
    printf("all have ended, %d by force\n", (int)rc);
    return rc != 0;
}
