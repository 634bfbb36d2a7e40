/* An echo client: lines to a server and back, with a deadline. With "HOST PORT" it talks to that server. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gyre/gyre.h>

struct session {
    gyre_frame frame;
    gyre_stream *stream;
    const char *line;
    int64_t n;
};
GYRE_CORO(session)
{
    GYRE_BEGIN;
    do {
        GYRE_TRY(self->n, gyre_stream_readline(self->stream, &self->line));
        GYRE_TRY(gyre_stream_write(self->stream, self->line, (size_t)self->n));
    } while (self->n > 0);
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
    GYRE_END;
}

struct talk {
    gyre_frame frame;
    const char *host;
    uint16_t port;
    gyre_stream *stream;
    const char *line;
    int i;
    int64_t n;
};
GYRE_CORO(talk)
{
    static const char *const lines[] = {"one\n", "two\n", "three\n"};

    GYRE_BEGIN;
    GYRE_TRY(gyre_open_connection(self->host, self->port,
                                  &(gyre_connect_options){.timeout_ns = GYRE_SECONDS(5)}, &self->stream));
    for (self->i = 0; self->i < 3; self->i++) {
        GYRE_TRY(gyre_stream_write(self->stream, lines[self->i], strlen(lines[self->i])));
        GYRE_TRY(self->n, gyre_wait_for(gyre_stream_readline(self->stream, &self->line), GYRE_SECONDS(5)));
        printf("reply: %.*s", (int)self->n, self->line);
    }
    /* Half-close: the server sees the end and closes its side. */
    gyre_stream_write_eof(self->stream);
    GYRE_TRY(self->n, gyre_stream_readline(self->stream, &self->line));
    printf("the server has closed: %d\n", self->n == 0);
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
    GYRE_END;
}

struct start {
    gyre_frame frame;
    const char *host;
    uint16_t port;
    gyre_server *server;
    int64_t rc;
};
GYRE_CORO(start)
{
    GYRE_BEGIN;
    if (!self->host) { /* no server was named: one of our own */
        self->host = "127.0.0.1";
        self->rc = GYRE_START_SERVER(&self->server, ((gyre_server_options){.host = self->host}), session);
        if (self->rc < 0)
            GYRE_RETURN(self->rc);
        self->port = gyre_server_port(self->server);
    }
    GYRE_TRY(GYRE_CALL(talk, .host = self->host, .port = self->port));
    GYRE_FINALLY;
    gyre_server_free(self->server);
    GYRE_END;
}

int main(int argc, char **argv)
{
    int64_t rc = argc > 2 ? GYRE_RUN(start, .host = argv[1], .port = (uint16_t)atoi(argv[2]))
                          : GYRE_RUN(start);

    if (rc < 0)
        fprintf(stderr, "echo client: %s\n", gyre_strerror(rc));
    return rc < 0;
}
