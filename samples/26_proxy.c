/* A TCP proxy: two directions, each closed on its own. "PORT HOST PORT" runs it, without arguments it tries itself out. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gyre/gyre.h>

/* One direction: until its end, which is passed on as a half-close. */
struct pump {
    gyre_frame frame;
    gyre_stream *from, *to;
    char buffer[16384];
    int64_t n;
};
GYRE_CORO(pump)
{
    GYRE_BEGIN;
    for (;;) {
        GYRE_TRY(self->n, gyre_stream_read(self->from, self->buffer, sizeof(self->buffer)));
        if (self->n == 0)
            GYRE_RETURN(gyre_stream_write_eof(self->to));
        GYRE_TRY(gyre_stream_write(self->to, self->buffer, (size_t)self->n));
    }
    GYRE_END;
}

struct relay {
    gyre_frame frame;
    gyre_stream *stream;
    const char *host;
    uint16_t port;
    gyre_stream *target;
    gyre_group group;
    int64_t rc;
};
GYRE_CORO(relay)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_open_connection(self->host, self->port, NULL, &self->target));
    /* If one direction fails, the group cancels the other. */
    gyre_group_enter(&self->group);
    gyre_task_unref(GYRE_GROUP_SPAWN(&self->group, pump, .from = self->stream, .to = self->target));
    gyre_task_unref(GYRE_GROUP_SPAWN(&self->group, pump, .from = self->target, .to = self->stream));
    GYRE_AWAIT(self->rc, gyre_group_exit(&self->group, 0));
    GYRE_FINALLY;
    GYRE_AWAIT(self->rc, gyre_stream_close(self->target));
    GYRE_AWAIT(self->rc, gyre_stream_close(self->stream));
    GYRE_END;
}

/* For trying it out: counts what comes until the end of the stream, then answers. */
struct count {
    gyre_frame frame;
    gyre_stream *stream;
    char buffer[16384];
    int64_t n, total;
};
GYRE_CORO(count)
{
    GYRE_BEGIN;
    do {
        GYRE_TRY(self->n, gyre_stream_read(self->stream, self->buffer, sizeof(self->buffer)));
        self->total += self->n;
    } while (self->n > 0);
    snprintf(self->buffer, sizeof(self->buffer), "%lld bytes\n", (long long)self->total);
    GYRE_TRY(gyre_stream_write(self->stream, self->buffer, strlen(self->buffer)));
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
    GYRE_END;
}

struct start {
    gyre_frame frame;
    uint16_t port;
    const char *host;
    uint16_t target_port;
    gyre_server *proxy, *counter;
    gyre_stream *stream;
    const char *line;
    int64_t n;
};
GYRE_CORO(start)
{
    static char data[100000];

    GYRE_BEGIN;
    if (!self->host) {
        self->host = "127.0.0.1";
        self->n = GYRE_START_SERVER(&self->counter, ((gyre_server_options){.host = self->host}), count);
        if (self->n < 0)
            GYRE_RETURN(self->n);
        self->target_port = gyre_server_port(self->counter);
    }
    self->n = GYRE_START_SERVER(&self->proxy,
                                ((gyre_server_options){.host = "127.0.0.1", .port = self->port}), relay,
                                .host = self->host, .port = self->target_port);
    if (self->n < 0 || self->port)
        GYRE_TRY(self->n < 0 ? gyre_sleep(0) : gyre_sleep(GYRE_FOREVER));
    GYRE_TRY(gyre_open_connection("127.0.0.1", gyre_server_port(self->proxy), NULL, &self->stream));
    GYRE_TRY(gyre_stream_write(self->stream, data, sizeof(data)));
    gyre_stream_write_eof(self->stream);
    GYRE_TRY(self->n, gyre_stream_readline(self->stream, &self->line));
    printf("through the proxy: %.*s", (int)self->n, self->line);
    GYRE_FINALLY;
    gyre_stream_abort(self->stream);
    gyre_server_free(self->proxy);
    gyre_server_free(self->counter);
    GYRE_END;
}

int main(int argc, char **argv)
{
    int64_t rc = argc > 3 ? GYRE_RUN(start, .port = (uint16_t)atoi(argv[1]), .host = argv[2],
                                     .target_port = (uint16_t)atoi(argv[3]))
                          : GYRE_RUN(start);

    if (rc < 0 && rc != -EINTR)
        fprintf(stderr, "proxy: %s\n", gyre_strerror(rc));
    return rc < 0 && rc != -EINTR;
}
