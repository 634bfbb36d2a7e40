/* Transports: a stream's events as callbacks, each run of the node a handle. */
#include "transport.h"

#include <errno.h>
#include <string.h>

#include "../loop/alloc.h"
#include "server_internal.h"
#include "stream_tls_internal.h"

struct gyre_transport {
    gyre__node node;      /* the stream's listener */
    gyre_stream *stream;  /* a reference beside the one that closing takes */
    gyre__server_client client; /* of the server that accepted it, if one did */
    const gyre_protocol *protocol;
    void *self;
    bool made;            /* connection_made was called */
    bool reading;
    bool eof_told;
    bool writing_paused;
    bool closing;
};

/* ---- events, in the order in which they are told ---- */

static void tell_made(gyre_transport *transport)
{
    if (transport->made)
        return;
    transport->made = true;
    if (transport->protocol->connection_made)
        transport->protocol->connection_made(transport->self, transport);
    if (!transport->closing && transport->reading && transport->stream->fd >= 0)
        gyre__stream_listen(transport->stream, true);
}

static void tell_data(gyre_transport *transport)
{
    gyre_stream *stream = transport->stream;
    size_t size;
    const char *data = gyre__stream_peek(stream, &size);

    if (!size || !transport->reading || transport->closing)
        return;
    /* The bytes leave the stream first, so that the callback may do anything; they stay valid until the next read. */
    stream->held += size;
    transport->protocol->data_received(transport->self, data, size);
    gyre__stream_settle(stream);
    if (transport->reading && !transport->closing)
        gyre__stream_listen(stream, true); /* in case it had been held back */
}

static void tell_eof(gyre_transport *transport)
{
    bool keep;

    if (transport->eof_told || transport->closing || !transport->reading ||
        !gyre_stream_at_eof(transport->stream))
        return;
    transport->eof_told = true;
    keep = transport->protocol->eof_received && transport->protocol->eof_received(transport->self);
    if (!keep)
        gyre_transport_close(transport);
}

static void tell_writing(gyre_transport *transport)
{
    gyre_stream *stream = transport->stream;
    size_t unsent = gyre_stream_unsent(stream);

    if (!transport->writing_paused && unsent > stream->high_water && !transport->closing) {
        transport->writing_paused = true;
        if (transport->protocol->pause_writing)
            transport->protocol->pause_writing(transport->self);
    } else if (transport->writing_paused && unsent <= stream->low_water) {
        transport->writing_paused = false;
        if (transport->protocol->resume_writing)
            transport->protocol->resume_writing(transport->self);
    }
}

/* The descriptor is closed: the last call, and the end of the transport. */
static void tell_lost(gyre_transport *transport)
{
    gyre_stream *stream = transport->stream;
    int64_t error = stream->timed_out ? GYRE_ETIMEOUT : gyre_stream_error(stream);

    stream->listener = NULL;
    if (error < 0)
        gyre__stream_raise(stream, error);
    if (transport->protocol->connection_lost)
        transport->protocol->connection_lost(transport->self, error);
    gyre__error_set(NULL);
    if (transport->client.server)
        gyre__server_detach(&transport->client);
    gyre_free(transport);
    gyre__stream_unref(stream);
}

static void run(gyre__node *node)
{
    gyre_transport *transport = GYRE__CONTAINER(node, gyre_transport, node);
    gyre_stream *stream = transport->stream;

    stream->listener_queued = false;
    tell_made(transport); /* always, even if it has been aborted since */
    if (stream->fd >= 0) {
        tell_data(transport);
        tell_eof(transport);
        tell_writing(transport);
        if (!transport->closing && gyre_stream_error(stream))
            gyre_transport_abort(transport);
    }
    if (stream->fd < 0 && !stream->listener_queued)
        tell_lost(transport);
    gyre__stream_unref(stream); /* the notification's */
}

/* ---- making one ---- */

static void start(gyre_transport *transport, gyre_stream *stream, const gyre_protocol *protocol,
                  void *self)
{
    *transport = (gyre_transport){.node.run = run,
                                  .stream = stream,
                                  .protocol = protocol,
                                  .self = self,
                                  .reading = true};
    stream->refs++;
    stream->listener = &transport->node;
    gyre__stream_notify(stream);
}

int64_t gyre_transport_new(gyre_stream *stream, const gyre_protocol *protocol, void *self,
                           gyre_transport **out_transport)
{
    gyre_transport *transport;

    gyre__check_thread(stream->loop, __func__);
    if (stream->loop->closing)
        return GYRE_ELOOPCLOSED;
    if (stream->reader || stream->composing || stream->writer || stream->listener || stream->closing)
        return -EBUSY;
    transport = gyre_alloc(sizeof(*transport));
    if (!transport)
        return -ENOMEM;
    start(transport, stream, protocol, self);
    *out_transport = transport;
    return 0;
}

struct create_connection {
    gyre_frame frame;
    uint16_t port;
    gyre_connect_options options;
    gyre_address local; /* what options.local points to */
    const gyre_protocol *protocol;
    void *self;
    gyre_transport **out_transport;
    gyre_stream *stream;
    int64_t rc;
    char host[256];
    char tls_server_name[256]; /* what options.tls_server_name points to */
};
GYRE_CORO(create_connection)
{
    GYRE_BEGIN;
    if (self->options.local)
        self->options.local = &self->local;
    if (self->options.tls_server_name)
        self->options.tls_server_name = self->tls_server_name;
    GYRE_TRY(gyre_open_connection(self->host, self->port, &self->options, &self->stream));
    self->rc = gyre_transport_new(self->stream, self->protocol, self->self, self->out_transport);
    if (self->rc < 0)
        gyre_stream_abort(self->stream);
    GYRE_RETURN(self->rc);
    GYRE_FINALLY;
    gyre_tls_context_unref(self->options.tls);
    GYRE_END;
}

gyre_await gyre_create_connection(const char *host, uint16_t port, const gyre_connect_options *options,
                                  const gyre_protocol *protocol, void *self,
                                  gyre_transport **out_transport)
{
    struct create_connection args = {
        .frame = {.coro = &create_connection_coro, .leaf = true},
        .port = port,
        .protocol = protocol,
        .self = self,
        .out_transport = out_transport,
    };

    gyre_await pending;

    if (strlen(host) >= sizeof(args.host))
        return gyre__complete(gyre__task_running(__func__), GYRE_EDNSNAME);
    memcpy(args.host, host, strlen(host) + 1);
    if (options)
        args.options = *options;
    if (args.options.local)
        args.local = *args.options.local;
    if (args.options.tls_server_name) {
        if (strlen(args.options.tls_server_name) >= sizeof(args.tls_server_name))
            return gyre__complete(gyre__task_running(__func__), -EINVAL);
        strcpy(args.tls_server_name, args.options.tls_server_name);
    }
    gyre_tls_context_ref(args.options.tls);
    pending = gyre__call(&create_connection_coro, &args);
    if (!pending.pending) /* no memory for the frame */
        gyre_tls_context_unref(args.options.tls);
    return pending;
}

/* A session that turns its stream into a transport and is done. */
struct serve_transport {
    gyre_frame frame;
    gyre_stream *stream;
    const gyre_protocol *protocol;
    gyre_protocol_factory *factory;
    void *arg;
    gyre_server *server; /* set once it has started; it lives at least as long as this session */
    bool started;
};

static void close_client(gyre__server_client *client)
{
    gyre_transport_close(GYRE__CONTAINER(client, gyre_transport, client));
}

/* The object is made last, so that each has a transport. */
static void make_transport(struct serve_transport *self)
{
    gyre_transport *transport = gyre_alloc(sizeof(*transport));
    void *object = transport ? self->factory(self->arg) : NULL;

    if (!object) {
        gyre_free(transport);
        return;
    }
    start(transport, self->stream, self->protocol, object);
    transport->client.close = close_client;
    gyre__server_attach(self->server, &transport->client);
    self->started = true;
}

GYRE_CORO(serve_transport)
{
    GYRE_BEGIN;
    make_transport(self);
    GYRE_FINALLY;
    if (!self->started)
        gyre_stream_abort(self->stream);
    GYRE_END;
}

int64_t gyre_create_server(gyre_loop *loop, const gyre_server_options *options,
                           const gyre_protocol *protocol, gyre_protocol_factory *factory, void *arg,
                           gyre_server **out_server)
{
    int64_t rc = GYRE_START_SERVER_ON(loop, out_server, *options, serve_transport,
                                      .protocol = protocol, .factory = factory, .arg = arg);

    if (rc >= 0)
        ((struct serve_transport *)(*out_server)->args)->server = *out_server;
    return rc;
}

/* ---- what a protocol may do ---- */

int64_t gyre_transport_write(gyre_transport *transport, const void *data, size_t size)
{
    int64_t rc = gyre_stream_write_soon(transport->stream, data, size);

    if (rc < 0 || gyre_stream_unsent(transport->stream) > transport->stream->high_water)
        gyre__stream_notify(transport->stream);
    return rc;
}

int64_t gyre_transport_write_eof(gyre_transport *transport)
{
    return gyre_stream_write_eof(transport->stream);
}

gyre_await gyre_transport_start_tls(gyre_transport *transport, gyre_tls_context *context,
                                    const gyre_start_tls_options *options)
{
    if (transport->closing)
        return gyre__complete(gyre__task_running(__func__), -EBADF);
    return gyre__start_tls_below(transport->stream, context, options);
}

void gyre_transport_pause_reading(gyre_transport *transport)
{
    transport->reading = false;
    gyre__stream_listen(transport->stream, false);
}

void gyre_transport_resume_reading(gyre_transport *transport)
{
    if (transport->reading || transport->closing)
        return;
    transport->reading = true;
    gyre__stream_listen(transport->stream, true);
    gyre__stream_notify(transport->stream);
}

bool gyre_transport_is_reading(const gyre_transport *transport)
{
    return transport->reading && !transport->closing;
}

void gyre_transport_close(gyre_transport *transport)
{
    if (transport->closing)
        return;
    transport->closing = true;
    gyre__stream_close_soon(transport->stream, false);
}

void gyre_transport_abort(gyre_transport *transport)
{
    if (transport->stream->fd < 0 || (transport->closing && transport->stream->aborted))
        return;
    transport->closing = true;
    gyre__stream_close_soon(transport->stream, true);
}

bool gyre_transport_is_closing(const gyre_transport *transport)
{
    return transport->closing;
}

void gyre_transport_set_protocol(gyre_transport *transport, const gyre_protocol *protocol, void *self)
{
    transport->protocol = protocol;
    transport->self = self;
}

const gyre_protocol *gyre_transport_get_protocol(const gyre_transport *transport)
{
    return transport->protocol;
}

gyre_stream *gyre_transport_stream(gyre_transport *transport)
{
    return transport->stream;
}
