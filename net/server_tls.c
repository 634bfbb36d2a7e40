/* Sessions of servers with TLS: the handshake, then the session's own coroutine in the same task. */
#include "server_internal.h"
#include "stream_tls_internal.h"

struct serve_tls {
    gyre_frame frame;
    gyre_stream *stream;
    gyre_server *server; /* the session, which lives as long, has a reference */
    bool started;        /* the stream is the session's */
    int64_t rc;
};

static void report(const struct serve_tls *self)
{
    const gyre_server_options *options = &self->server->options;
    gyre_address peer;

    if (!options->on_tls_error || self->rc == GYRE_ECANCELLED)
        return;
    if (gyre_stream_peer(self->stream, &peer) < 0)
        peer = (gyre_address){.length = 0}; /* it is gone already */
    options->on_tls_error(options->on_tls_error_arg, &peer, self->rc);
}

/* The frame template with this connection in it, on top of this one. */
static gyre_await run_session(struct serve_tls *self)
{
    gyre_server *server = self->server;
    gyre_stream **place = (gyre_stream **)(void *)((char *)server->args + sizeof(gyre_frame));
    gyre_await pending;

    *place = self->stream;
    pending = gyre__call(server->coro, server->args);
    self->started = pending.pending;
    return pending;
}

/* Gracefully: the peer gets the alert that says what was wrong, if there is one. */
static void give_up(const struct serve_tls *self)
{
    bool abort = self->rc == 0 || self->rc == GYRE_ECANCELLED || self->server->loop->closing;

    if (abort || gyre_stream_fd(self->stream) < 0)
        gyre_stream_abort(self->stream);
    else
        gyre__stream_close_soon(self->stream, false);
}

GYRE_CORO(serve_tls)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc, gyre_start_tls(self->stream, self->server->options.tls, NULL));
    if (self->rc < 0) {
        report(self);
        GYRE_RETURN(self->rc == GYRE_ECANCELLED ? self->rc : 0);
    }
    GYRE_AWAIT(self->rc, run_session(self));
    GYRE_RETURN(self->rc);
    GYRE_FINALLY;
    if (!self->started)
        give_up(self);
    GYRE_END;
}

gyre_task *gyre__server_spawn_tls(gyre_server *server, gyre_stream *stream)
{
    const struct serve_tls args = {
        .frame = {.coro = &serve_tls_coro, .leaf = true}, .stream = stream, .server = server};

    return gyre__spawn(&(gyre_spawn_options){.loop = server->loop, .lazy = true}, &serve_tls_coro,
                       &args, server->coro->file, 0);
}
