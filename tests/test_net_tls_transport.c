/* Transports over TLS: from the beginning, and upgraded in place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/stream_tls.h"
#include "net/transport.h"
#include "support/tls_world.h"
#include "task/run.h"
#include "task/sleep.h"

static tls_world world;
static gyre_tls_context *server_context, *client_context;

struct peer {
    gyre_transport *transport;
    char got[64];
    size_t size;
    bool is_server, eof, lost;
    int64_t error;
};

static void made(void *arg, gyre_transport *transport)
{
    struct peer *peer = arg;

    peer->transport = transport;
    assert_true(gyre_tls_engine_is_ready(gyre_stream_tls(gyre_transport_stream(transport))));
    if (!peer->is_server)
        assert_int_equal(gyre_transport_write(transport, "ping", 4), 4);
}

static void received(void *arg, const char *data, size_t size)
{
    struct peer *peer = arg;

    assert_true(peer->size + size <= sizeof(peer->got));
    memcpy(peer->got + peer->size, data, size);
    peer->size += size;
    if (peer->is_server)
        gyre_transport_write(peer->transport, data, size);
    else if (peer->size == 4)
        gyre_transport_close(peer->transport);
}

static bool eof_received(void *arg)
{
    ((struct peer *)arg)->eof = true;
    return false;
}

static void lost(void *arg, int64_t error)
{
    struct peer *peer = arg;

    peer->lost = true;
    peer->error = error;
}

static const gyre_protocol protocol = {.connection_made = made,
                                       .data_received = received,
                                       .eof_received = eof_received,
                                       .connection_lost = lost};

static struct peer server_peer;

static void *make_peer(void *arg)
{
    (void)arg;
    server_peer = (struct peer){.is_server = true};
    return &server_peer;
}

struct main_transports {
    gyre_frame frame;
    struct peer client;
    gyre_server *server;
    gyre_transport *transport;
    gyre_server_options options;
};
GYRE_CORO(main_transports)
{
    GYRE_BEGIN;
    self->options = (gyre_server_options){.host = "127.0.0.1", .tls = server_context};
    assert_int_equal(gyre_create_server(gyre_loop_current(), &self->options, &protocol, make_peer,
                                        NULL, &self->server),
                     0);
    GYRE_TRY(gyre_create_connection(
        "127.0.0.1", gyre_server_port(self->server),
        &(gyre_connect_options){.tls = client_context, .tls_server_name = "localhost"}, &protocol,
        &self->client, &self->transport));
    while (!self->client.lost || !server_peer.lost)
        GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    assert_int_equal(self->client.size, 4);
    assert_memory_equal(self->client.got, "ping", 4);
    assert_int_equal(self->client.error, 0);
    assert_true(server_peer.eof);
    assert_int_equal(server_peer.error, 0);
    GYRE_TRY(gyre_server_stop(self->server, GYRE_SECONDS(5)));
    GYRE_FINALLY;
    gyre_server_free(self->server);
    GYRE_END;
}
static void transports(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_transports), 0);
}

/* A transport that is upgraded; the server speaks first, with the end of its handshake. */
static void greet(void *arg, gyre_transport *transport)
{
    ((struct peer *)arg)->transport = transport;
}

static const gyre_protocol plain_protocol = {
    .connection_made = greet, .data_received = received, .connection_lost = lost};

struct upgraded {
    gyre_frame frame;
    gyre_stream *stream;
    bool refuse;
    int64_t n;
};
GYRE_CORO(upgraded)
{
    GYRE_BEGIN;
    if (self->refuse)
        GYRE_TRY(gyre_stream_write(self->stream, "no TLS here", 11));
    GYRE_TRY(gyre_start_tls(self->stream, server_context, NULL));
    GYRE_TRY(gyre_stream_write(self->stream, "wel!", 4));
    GYRE_TRY(gyre_stream_fill(self->stream, 1)); /* the end */
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
    GYRE_RETURN(0);
    GYRE_END;
}

struct main_transport_upgrade {
    gyre_frame frame;
    bool refuse;
    struct peer client;
    gyre_server *server;
    gyre_transport *transport;
    int64_t n;
};
GYRE_CORO(main_transport_upgrade)
{
    GYRE_BEGIN;
    assert_int_equal(GYRE_START_SERVER(&self->server, ((gyre_server_options){.host = "127.0.0.1"}),
                                       upgraded, .refuse = self->refuse),
                     0);
    GYRE_TRY(gyre_create_connection("127.0.0.1", gyre_server_port(self->server), NULL,
                                    &plain_protocol, &self->client, &self->transport));
    gyre_transport_pause_reading(self->transport);
    if (self->refuse)
        GYRE_TRY(gyre_sleep(GYRE_MS(20)));
    else
        gyre_transport_resume_reading(self->transport);
    GYRE_AWAIT(self->n,
               gyre_transport_start_tls(self->transport, client_context,
                                        &(gyre_start_tls_options){.server_name = "localhost"}));
    assert_true(self->refuse ? self->n == GYRE_ETLS : self->n == 0);
    while (!self->client.lost)
        GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    assert_int_equal(self->client.error, self->refuse ? GYRE_ETLS : 0);
    assert_int_equal(self->client.size, self->refuse ? 0 : 4);
    GYRE_TRY(gyre_server_stop(self->server, GYRE_SECONDS(5)));
    GYRE_FINALLY;
    gyre_server_free(self->server);
    GYRE_END;
}
static void transport_upgrade(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_transport_upgrade), 0);
    assert_int_equal(GYRE_RUN(main_transport_upgrade, .refuse = true), 0);
}

static int open_world(void **state)
{
    (void)state;
    tls_world_open(&world);
    server_context = tls_world_server(&world, (gyre_tls_options){0});
    client_context = tls_world_client(&world, (gyre_tls_options){0});
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    gyre_tls_context_unref(server_context);
    gyre_tls_context_unref(client_context);
    tls_world_close(&world);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transports),
        cmocka_unit_test(transport_upgrade),
    };

    return cmocka_run_group_tests(tests, open_world, close_world);
}
