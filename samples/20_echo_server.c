/* An echo server: a coroutine per connection. With a port it serves until Ctrl+C, else it tries itself out. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <gyre/gyre.h>

/* One connection. `stream` must be the second member: the server fills it in. */
struct session {
    gyre_frame frame;
    gyre_stream *stream;
    char buffer[4096];
    int64_t n;
};
GYRE_CORO(session)
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

struct try_out {
    gyre_frame frame;
    uint16_t port;
    gyre_stream *stream;
    char reply[16];
    int64_t n;
};
GYRE_CORO(try_out)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_open_connection("127.0.0.1", self->port, NULL, &self->stream));
    GYRE_TRY(gyre_stream_write(self->stream, "hello, echo", 11));
    GYRE_TRY(gyre_stream_read_exactly(self->stream, self->reply, 11));
    printf("sent 11 bytes, got back: %.11s\n", self->reply);
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
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
        &self->server, ((gyre_server_options){.host = "127.0.0.1", .port = self->port}), session);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    if (self->port) {
        printf("listening on 127.0.0.1:%u\n", gyre_server_port(self->server));
        fflush(stdout);
        GYRE_TRY(gyre_sleep(GYRE_FOREVER));
    }
    GYRE_TRY(GYRE_CALL(try_out, .port = gyre_server_port(self->server)));

    GYRE_FINALLY;
    /* Graceful: sessions get a second to end, then they are cancelled. */
    if (self->server)
        GYRE_AWAIT(self->rc, gyre_server_stop(self->server, GYRE_SECONDS(1)));
    gyre_server_free(self->server);
    puts("server stopped");
    GYRE_END;
}

int main(int argc, char **argv)
{
    int64_t rc = GYRE_RUN(serve, .port = argc > 1 ? (uint16_t)atoi(argv[1]) : 0);

    if (rc < 0 && rc != -EINTR)
        fprintf(stderr, "echo server: %s\n", gyre_strerror(rc));
    return rc < 0 && rc != -EINTR;
}
