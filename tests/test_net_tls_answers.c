/* What TLS sends by itself while it reads: whoever waits for unsent bytes to go out waits for that, too. */
#include <openssl/ssl.h>

#include "net/stream_tls_internal.h"
#include "support/tls_world.h"
#include "support/unit.h"
#include "task/run.h"
#include "task/sleep.h"
#include "task/timeout.h"

static tls_world world;
static gyre_tls_context *server_context, *client_context;

/* Asks for new keys, twice: OpenSSL answers when it takes in the next request. */
static void ask(gyre_stream *client)
{
    SSL *ssl = client->tls->engine->ssl;

    for (int i = 0; i < 2; i++) {
        assert_int_equal(SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_int_equal(SSL_do_handshake(ssl), 1);
        assert_int_equal(gyre_stream_write_soon(client, "x", 1), 1);
    }
}

struct main_flush {
    gyre_frame frame;
    gyre_stream *client, *server;
    char byte;
    int64_t n;
};
GYRE_CORO(main_flush)
{
    GYRE_BEGIN;
    GYRE_TRY(GYRE_CALL(tls_pair_start, .client_context = client_context,
                       .server_context = server_context, .out_client = &self->client,
                       .out_server = &self->server));
    /* Its first read makes the server receive from now on. */
    GYRE_TRY(gyre_stream_write(self->client, "x", 1));
    GYRE_TRY(self->n, gyre_stream_read(self->server, &self->byte, 1));
    ask(self->client);
    GYRE_TRY(gyre_sleep(0));
    /* The server has taken that in, its answer has not gone out yet. */
    assert_true(gyre_stream_unsent(self->server) > 0);
    GYRE_AWAIT(self->n, gyre_wait_for(gyre_stream_flush(self->server), GYRE_SECONDS(2)));
    assert_int_equal(self->n, 0);
    assert_int_equal(gyre_stream_unsent(self->server), 0);
    GYRE_FINALLY;
    gyre_stream_abort(self->client);
    gyre_stream_abort(self->server);
    GYRE_END;
}
static void flush_of_an_answer(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_flush), 0);
}

static int open_world(void **state)
{
    (void)state;
    tls_world_open(&world);
    server_context = tls_world_server(&world, (gyre_tls_options){.min_version = GYRE_TLS_1_3});
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
        cmocka_unit_test(flush_of_an_answer),
    };

    return cmocka_run_group_tests(tests, open_world, close_world);
}
