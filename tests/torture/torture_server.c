/* Servers under torture: connecting, accepting, sessions and the graceful end, with each step failing in turn. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../../net/connect.h"
#include "../../net/server.h"
#include "../../task/sleep.h"
#include "../../task/timeout.h"
#include "../support/torture.h"

#define LONGEST GYRE_MS(300) /* for the other side, which a failure may have ended */

/* ---- an echo, two clients, everybody leaves in good order ---- */

struct echo {
    gyre_frame frame;
    gyre_stream *stream;
    char buffer[64];
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

struct visit {
    gyre_frame frame;
    uint16_t port;
    const char *path; /* a Unix server's */
    gyre_stream *stream;
    char buffer[16];
    int64_t n;
};
GYRE_CORO(visit)
{
    GYRE_BEGIN;
    if (self->path)
        GYRE_TRY(gyre_open_unix_connection(self->path, NULL, &self->stream));
    else
        GYRE_TRY(gyre_open_connection("127.0.0.1", self->port, NULL, &self->stream));
    GYRE_TRY(gyre_stream_write(self->stream, "hello", 5));
    GYRE_TRY(self->n,
             gyre_wait_for(gyre_stream_read_exactly(self->stream, self->buffer, 5), LONGEST));
    GYRE_RETURN(self->n);
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
    GYRE_END;
}

struct serve {
    gyre_frame frame;
    gyre_server *server;
    gyre_server_options options;
    gyre_task *visits[2];
    int i;
    int64_t rc, got;
};
GYRE_CORO(serve)
{
    GYRE_BEGIN;
    self->rc = GYRE_START_SERVER(&self->server, (self->options), echo);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    for (self->i = 0; self->i < 2; self->i++) {
        self->visits[self->i] = GYRE_SPAWN(visit, .path = self->options.unix_path,
                                           .port = gyre_server_port(self->server));
        if (!self->visits[self->i])
            GYRE_RETURN(-ENOMEM);
    }
    for (self->i = 0; self->i < 2; self->i++) {
        GYRE_TRY(self->rc, self->visits[self->i]);
        self->got += self->rc;
    }
    GYRE_TRY(gyre_server_stop(self->server, GYRE_MS(50)));
    GYRE_RETURN(self->got);
    GYRE_FINALLY;
    for (int i = 0; i < 2 && self->visits[i]; i++) {
        gyre_task_cancel(self->visits[i]);
        gyre_future_ignore(gyre_task_future(self->visits[i]));
        gyre_task_unref(self->visits[i]);
    }
    if (self->server)
        gyre_server_cancel_clients(self->server);
    gyre_server_free(self->server);
    GYRE_END;
}

/* ---- a session that does not end by itself, and a server that is given up under it ---- */

struct stay {
    gyre_frame frame;
    gyre_stream *stream;
    int64_t n;
};
GYRE_CORO(stay)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(GYRE_SECONDS(10)));
    GYRE_FINALLY;
    gyre_stream_abort(self->stream);
    GYRE_END;
}

struct stop_stayer {
    gyre_frame frame;
    gyre_server *server;
    gyre_stream *stream;
    char buffer[4];
    int64_t rc;
};
GYRE_CORO(stop_stayer)
{
    GYRE_BEGIN;
    self->rc = GYRE_START_SERVER(&self->server, ((gyre_server_options){.host = "127.0.0.1"}), stay);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    GYRE_TRY(gyre_open_connection("127.0.0.1", gyre_server_port(self->server), NULL, &self->stream));
    while (!gyre_server_connections(self->server) && self->rc++ < 20)
        GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    GYRE_TRY(self->rc, gyre_server_stop(self->server, GYRE_MS(1)));
    GYRE_TRY(gyre_wait_for(gyre_stream_read(self->stream, self->buffer, 4), LONGEST));
    GYRE_RETURN(self->rc);
    GYRE_FINALLY;
    if (self->server)
        gyre_server_cancel_clients(self->server);
    gyre_server_free(self->server);
    GYRE_AWAIT(self->rc, gyre_stream_close(self->stream));
    GYRE_END;
}

/* ---- given up before anybody is accepted ---- */

struct give_up {
    gyre_frame frame;
    gyre_server *server;
    gyre_stream *streams[2];
    int64_t rc;
};
GYRE_CORO(give_up)
{
    GYRE_BEGIN;
    self->rc = GYRE_START_SERVER(
        &self->server, ((gyre_server_options){.host = "localhost", .max_connections = 1}), echo);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    GYRE_TRY(gyre_open_connection("127.0.0.1", gyre_server_port(self->server), NULL,
                                  &self->streams[0]));
    GYRE_TRY(gyre_open_connection("127.0.0.1", gyre_server_port(self->server), NULL,
                                  &self->streams[1]));
    gyre_stream_abort(self->streams[0]); /* makes room for the second one */
    self->streams[0] = NULL;
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    GYRE_RETURN(3);
    GYRE_FINALLY;
    gyre_server_free(self->server); /* its sessions go on until their peers are gone */
    gyre_stream_abort(self->streams[0]);
    gyre_stream_abort(self->streams[1]);
    GYRE_END;
}

static const char path[] = "/tmp/gyre-torture-server";

static void remove_path(void)
{
    unlink(path);
}

int main(int argc, char **argv)
{
    const torture_scenario scenarios[] = {
        {TORTURE_MAIN(serve, .options = {.host = "127.0.0.1"}), .flags = TORTURE_IO, .expect = 10},
        {.name = "serve_one", .coro = &serve_coro,
         .args = &(const struct serve){.frame = {.coro = &serve_coro},
                                       .options = {.host = "127.0.0.1", .max_connections = 1}},
         .flags = TORTURE_IO, .expect = 10},
        {.name = "serve_unix", .coro = &serve_coro,
         .args = &(const struct serve){.frame = {.coro = &serve_coro}, .options = {.unix_path = path}},
         .flags = TORTURE_IO, .expect = 10, .teardown = remove_path},
        {TORTURE_MAIN(stop_stayer), .flags = TORTURE_IO, .expect = 1},
        {TORTURE_MAIN(give_up), .flags = TORTURE_IO, .expect = 3},
    };

    return torture_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
