/* Peers that keep asking for answers: who reads them is served, the others are cut off. */
#include <openssl/ssl.h>

#include "net/tls_engine_internal.h"
#include "support/tls_world.h"
#include "support/unit.h"

enum { ROUNDS = 3000, MOST_UNSENT = 20000 };

static tls_world world;
static gyre_tls_context *server_context, *client_context;

struct pair {
    gyre_tls_engine *client, *server;
};

static size_t carry(gyre_tls_engine *from, gyre_tls_engine *to)
{
    size_t size;
    const char *data = gyre_tls_engine_output(from, &size);

    if (size)
        assert_int_equal(gyre_tls_engine_feed(to, data, size), 0);
    assert_int_equal(gyre_tls_engine_sent(from, size), 0);
    return size;
}

static void open_pair(struct pair *pair)
{
    const gyre_tls_engine_options options = {.server_name = "localhost"};
    int64_t client, server;
    char byte;

    assert_int_equal(gyre_tls_engine_new(server_context, NULL, &pair->server), 0);
    assert_int_equal(gyre_tls_engine_new(client_context, &options, &pair->client), 0);
    do {
        client = gyre_tls_engine_handshake(pair->client);
        server = gyre_tls_engine_handshake(pair->server);
    } while (carry(pair->client, pair->server) + carry(pair->server, pair->client));
    assert_int_equal(client, 0);
    assert_int_equal(server, 0);
    assert_int_equal(gyre_tls_engine_read(pair->client, &byte, 1), -EAGAIN); /* tickets */
}

static void close_pair(struct pair *pair)
{
    gyre_tls_engine_free(pair->client);
    gyre_tls_engine_free(pair->server);
}

static void ask(gyre_tls_engine *engine)
{
    assert_int_equal(SSL_key_update(engine->ssl, SSL_KEY_UPDATE_REQUESTED), 1);
    assert_int_equal(SSL_do_handshake(engine->ssl), 1);
}

/* New keys are asked for, with data in between or without; the answers are taken, or not. */
static int64_t flood(struct pair *pair, bool with_data, bool taken, size_t *out_most)
{
    int64_t rc = -EAGAIN;
    char byte;

    *out_most = 0;
    for (unsigned i = 0; i < ROUNDS && rc == -EAGAIN; i++) {
        size_t unsent;

        ask(pair->client);
        if (with_data)
            assert_int_equal(gyre_tls_engine_write(pair->client, "x", 1), 1);
        carry(pair->client, pair->server);
        while ((rc = gyre_tls_engine_read(pair->server, &byte, 1)) > 0)
            assert_true(with_data && byte == 'x');
        gyre_tls_engine_output(pair->server, &unsent);
        if (unsent > *out_most)
            *out_most = unsent;
        if (taken) {
            carry(pair->server, pair->client);
            assert_int_equal(gyre_tls_engine_read(pair->client, &byte, 1), -EAGAIN);
        }
    }
    return rc;
}

static void new_keys_whose_answers_are_read(void **state)
{
    struct pair pair;
    size_t most;

    (void)state;
    open_pair(&pair);
    assert_int_equal(flood(&pair, false, true, &most), -EAGAIN);
    assert_int_equal(flood(&pair, true, true, &most), -EAGAIN);
    assert_true(most < 100);
    assert_int_equal(gyre_tls_engine_error(pair.server), 0);
    close_pair(&pair);
}

static void new_keys_whose_answers_are_not_read(void **state)
{
    struct pair pair;
    size_t most;

    (void)state;
    for (int with_data = 0; with_data < 2; with_data++) {
        open_pair(&pair);
        assert_int_equal(flood(&pair, with_data, false, &most), GYRE_ETLS);
        assert_string_equal(gyre_error_text(gyre_error_current()),
                            "the peer does not read the answers it asks for");
        assert_true(most < MOST_UNSENT);
        assert_int_equal(gyre_tls_engine_write(pair.server, "x", 1), GYRE_ETLS);
        close_pair(&pair);
    }
}

/* What the program itself has written does not count. */
static void much_unsent_of_our_own(void **state)
{
    static char data[100000];
    struct pair pair;
    char byte;

    (void)state;
    open_pair(&pair);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(gyre_tls_engine_write(pair.server, data, sizeof(data)), sizeof(data));
        ask(pair.client);
        carry(pair.client, pair.server);
        assert_int_equal(gyre_tls_engine_read(pair.server, &byte, 1), -EAGAIN);
    }
    close_pair(&pair);
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
    gyre_error_clear();
    gyre_tls_context_unref(server_context);
    gyre_tls_context_unref(client_context);
    tls_world_close(&world);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_keys_whose_answers_are_read),
        cmocka_unit_test(new_keys_whose_answers_are_not_read),
        cmocka_unit_test(much_unsent_of_our_own),
    };

    return cmocka_run_group_tests(tests, open_world, close_world);
}
