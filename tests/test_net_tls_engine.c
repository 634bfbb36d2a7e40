/* TLS engines connected in memory: byte by byte, in random pieces, corrupted, cut off, misused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loop/error.h"
#include "net/tls_engine_internal.h"
#include "support/tls_world.h"

static tls_world world;
static gyre_tls_context *server_context, *client_context;

/* Two engines, and what becomes of the bytes between them. */
struct wire {
    gyre_tls_engine *client, *server;
    size_t step;          /* bytes a time; 0: all there is */
    unsigned random;      /* state; not 0: pieces of random size */
    size_t carried[2];    /* to the server, to the client */
    size_t corrupt_at[2]; /* flip a bit of that byte; SIZE_MAX: none */
};

static void open_wire(struct wire *wire)
{
    *wire = (struct wire){.corrupt_at = {SIZE_MAX, SIZE_MAX}};
    assert_int_equal(gyre_tls_engine_new(server_context, NULL, &wire->server), 0);
    assert_int_equal(gyre_tls_engine_new(client_context,
                                         &(gyre_tls_engine_options){.server_name = "localhost"},
                                         &wire->client),
                     0);
}

static void close_wire(struct wire *wire)
{
    gyre_tls_engine_free(wire->client);
    gyre_tls_engine_free(wire->server);
}

static size_t piece(struct wire *wire, size_t size)
{
    size_t most = wire->step;

    if (wire->random) {
        wire->random = wire->random * 1103515245u + 12345u;
        most = 1 + (wire->random >> 16) % 700;
    }
    return most && most < size ? most : size;
}

/* Carries one piece from one to the other; false if there is nothing. */
static bool carry(struct wire *wire, bool to_client)
{
    gyre_tls_engine *from = to_client ? wire->server : wire->client;
    gyre_tls_engine *to = to_client ? wire->client : wire->server;
    size_t size, at = wire->corrupt_at[to_client];
    const char *data = gyre_tls_engine_output(from, &size);
    char *copy;

    if (!size)
        return false;
    size = piece(wire, size);
    copy = malloc(size);
    assert_non_null(copy);
    memcpy(copy, data, size);
    if (at >= wire->carried[to_client] && at - wire->carried[to_client] < size)
        copy[at - wire->carried[to_client]] ^= 0x40;
    wire->carried[to_client] += size;
    assert_int_equal(gyre_tls_engine_feed(to, copy, size), 0);
    free(copy);
    assert_int_equal(gyre_tls_engine_sent(from, size), 0);
    return true;
}

/* Until both are done, or one has failed; gives the first error that is none of the peer's doing. */
static int64_t shake(struct wire *wire)
{
    for (int rounds = 0; rounds < 100000; rounds++) {
        int64_t client = gyre_tls_engine_handshake(wire->client);
        int64_t server = gyre_tls_engine_handshake(wire->server);
        bool carried = carry(wire, false);

        carried |= carry(wire, true);
        if (client == 0 && server == 0)
            return 0;
        if (client < 0 && client != -EAGAIN)
            return client;
        if (server < 0 && server != -EAGAIN)
            return server;
        if (!carried)
            return -EAGAIN; /* both wait for bytes */
    }
    fail_msg("an endless handshake");
    return 0;
}

static void say(struct wire *wire, bool to_client, const char *text)
{
    gyre_tls_engine *from = to_client ? wire->server : wire->client;
    gyre_tls_engine *to = to_client ? wire->client : wire->server;
    char buffer[64];
    size_t got = 0;

    assert_int_equal(gyre_tls_engine_write(from, text, strlen(text)), strlen(text));
    while (got < strlen(text)) {
        int64_t n = gyre_tls_engine_read(to, buffer + got, sizeof(buffer) - got);

        if (n == -EAGAIN) {
            assert_true(carry(wire, to_client));
            continue;
        }
        assert_true(n > 0);
        got += (size_t)n;
    }
    assert_memory_equal(buffer, text, got);
}

static void whole_talk(struct wire *wire)
{
    char byte;

    assert_int_equal(shake(wire), 0);
    say(wire, false, "ping");
    say(wire, true, "pong");
    assert_int_equal(gyre_tls_engine_close(wire->client), 0);
    assert_int_equal(gyre_tls_engine_close(wire->client), 0);
    assert_int_equal(gyre_tls_engine_write(wire->client, "x", 1), GYRE_ETLSCLOSED);
    while (carry(wire, false))
        continue;
    assert_int_equal(gyre_tls_engine_read(wire->server, &byte, 1), 0);
    assert_true(gyre_tls_engine_peer_closed(wire->server));
    say(wire, true, "half-closed");
    assert_int_equal(gyre_tls_engine_read(wire->server, &byte, 1), 0);
    assert_int_equal(gyre_tls_engine_error(wire->server), 0);
}

static void in_pieces(void **state)
{
    struct wire wire;

    (void)state;
    for (size_t step = 0; step < 4; step++) {
        open_wire(&wire);
        wire.step = step;
        whole_talk(&wire);
        close_wire(&wire);
    }
    for (unsigned seed = 1; seed <= 50; seed++) {
        open_wire(&wire);
        wire.random = seed;
        whole_talk(&wire);
        close_wire(&wire);
    }
}

/* ---- corruption ---- */

/* Both sides say something as soon as they may; nothing that arrives may be anything else. */
static void try_to_read(gyre_tls_engine *engine, const char *text, bool *heard)
{
    char buffer[64];
    int64_t n = gyre_tls_engine_read(engine, buffer, sizeof(buffer));

    if (n <= 0)
        return;
    assert_int_equal(n, strlen(text));
    assert_memory_equal(buffer, text, strlen(text));
    *heard = true;
}

/* The minor version of the first record, which RFC 8446 (5.1) has receivers ignore. */
enum { IGNORED_BYTE = 2 };

/* One bit of one byte is wrong: whoever gets it hears nothing. Gives false behind the last byte. */
static bool play_corrupted(bool to_client, size_t at, size_t step)
{
    struct wire wire;
    bool client_heard = false, server_heard = false;
    int64_t rc;

    open_wire(&wire);
    wire.corrupt_at[to_client] = at;
    wire.step = step;
    rc = shake(&wire);
    if (rc == 0) {
        assert_int_equal(gyre_tls_engine_write(wire.client, "ping", 4), 4);
        assert_int_equal(gyre_tls_engine_write(wire.server, "pong", 4), 4);
    }
    for (bool more = true; more;) {
        more = carry(&wire, false);
        more |= carry(&wire, true);
        try_to_read(wire.client, "pong", &client_heard);
        try_to_read(wire.server, "ping", &server_heard);
    }
    if (wire.carried[to_client] > at && at != IGNORED_BYTE) {
        /* The side that got the bad byte hears nothing; that it fails, or waits for more, is clean. */
        gyre_tls_engine *victim = to_client ? wire.client : wire.server;
        int64_t error = gyre_tls_engine_error(victim);

        assert_false(to_client ? client_heard : server_heard);
        if (error) {
            char byte;

            assert_true(error <= GYRE_ETLS && error >= GYRE_ETLSCLOSED);
            assert_int_equal(gyre_tls_engine_read(victim, &byte, 1), error);
            assert_int_equal(gyre_tls_engine_write(victim, "x", 1), error);
            assert_int_equal(gyre_error_code(gyre_error_current()), error);
            assert_true(strlen(gyre_error_text(gyre_error_current())) > 0);
        } else { /* it believes in a longer record: the end of the transport ends that */
            char byte;

            gyre_tls_engine_feed_eof(victim);
            rc = gyre_tls_engine_is_ready(victim) ? gyre_tls_engine_read(victim, &byte, 1)
                                                  : gyre_tls_engine_handshake(victim);
            if (rc != GYRE_ETLSTRUNCATED && rc >= 0)
                fail_msg("byte %zu to the %s: %lld", at, to_client ? "client" : "server",
                         (long long)rc);
        }
    }
    rc = (int64_t)wire.carried[to_client];
    close_wire(&wire);
    return (size_t)rc > at;
}

static void every_byte_corrupted(void **state)
{
    size_t at;

    (void)state;
    gyre_tls_context_forget_sessions(client_context);
    for (int to_client = 0; to_client < 2; to_client++) {
        for (at = 0; play_corrupted(to_client, at, 0); at++)
            continue;
        assert_true(at > 300);
    }
    for (at = 0; play_corrupted(true, at * 7, 1); at++)
        continue;
}

/* ---- the ends of transports ---- */

static void cut_off(void **state)
{
    struct wire wire;
    size_t total;
    char byte;

    (void)state;
    open_wire(&wire);
    assert_int_equal(shake(&wire), 0);
    total = wire.carried[1];
    close_wire(&wire);
    /* During the handshake, at any byte. */
    for (size_t cut = 0; cut < total; cut += 13) {
        open_wire(&wire);
        wire.step = 1;
        while (wire.carried[1] < cut) {
            int64_t rc = gyre_tls_engine_handshake(wire.client);

            if (rc == 0)
                break;
            assert_int_equal(rc, -EAGAIN);
            rc = gyre_tls_engine_handshake(wire.server);
            assert_true(rc == 0 || rc == -EAGAIN);
            carry(&wire, false);
            carry(&wire, true);
        }
        gyre_tls_engine_feed_eof(wire.client);
        assert_int_equal(gyre_tls_engine_feed(wire.client, "x", 1), GYRE_ESTATE);
        if (gyre_tls_engine_handshake(wire.client) != 0) {
            assert_int_equal(gyre_tls_engine_error(wire.client), GYRE_ETLSTRUNCATED);
            assert_int_equal(gyre_tls_engine_read(wire.client, &byte, 1), GYRE_ETLSTRUNCATED);
        }
        close_wire(&wire);
    }
    /* Afterwards: what had come is read first. */
    open_wire(&wire);
    assert_int_equal(shake(&wire), 0);
    assert_int_equal(gyre_tls_engine_write(wire.server, "a", 1), 1);
    while (carry(&wire, true))
        continue;
    gyre_tls_engine_feed_eof(wire.client);
    assert_int_equal(gyre_tls_engine_read(wire.client, &byte, 1), 1);
    assert_int_equal(gyre_tls_engine_read(wire.client, &byte, 1), GYRE_ETLSTRUNCATED);
    assert_int_equal(gyre_tls_engine_read(wire.client, &byte, 1), GYRE_ETLSTRUNCATED);
    close_wire(&wire);
}

/* ---- what may not be done ---- */

static void misused(void **state)
{
    gyre_tls_engine *engine;
    gyre_tls_certificate *certificate;
    size_t size;
    char byte;

    (void)state;
    assert_int_equal(gyre_tls_engine_new(client_context, NULL, &engine), -EINVAL);
    assert_null(engine);
    assert_int_equal(gyre_tls_engine_new(client_context,
                                         &(gyre_tls_engine_options){.server_name = "localhost"},
                                         &engine),
                     0);
    assert_int_equal(gyre_tls_engine_read(engine, &byte, 1), GYRE_ESTATE);
    assert_int_equal(gyre_tls_engine_write(engine, &byte, 1), GYRE_ESTATE);
    assert_int_equal(gyre_tls_engine_close(engine), GYRE_ESTATE);
    assert_null(gyre_tls_engine_output(engine, &size));
    assert_int_equal(size, 0);
    assert_int_equal(gyre_tls_engine_handshake(engine), -EAGAIN);
    assert_non_null(gyre_tls_engine_output(engine, &size));
    assert_int_equal(gyre_tls_engine_sent(engine, size + 1), -EINVAL);
    assert_string_equal(gyre_tls_engine_version(engine), "");
    assert_string_equal(gyre_tls_engine_cipher(engine), "");
    assert_string_equal(gyre_tls_engine_alpn(engine), "");
    assert_string_equal(gyre_tls_engine_server_name(engine), "localhost");
    assert_string_equal(gyre_tls_engine_verified_name(engine), "");
    assert_false(gyre_tls_engine_is_ready(engine));
    assert_false(gyre_tls_engine_verified(engine));
    assert_int_equal(gyre_tls_engine_chain_length(engine), 0);
    assert_int_equal(gyre_tls_engine_certificate(engine, 0, &certificate), -ENOENT);
    gyre_tls_engine_free(engine);
    gyre_tls_engine_free(NULL);
    gyre_tls_certificate_free(NULL);
}

/* New keys in the middle of it, and an answer wanted; nothing of that is seen outside. */
static void key_updates(void **state)
{
    struct wire wire;

    (void)state;
    open_wire(&wire);
    assert_int_equal(shake(&wire), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(SSL_key_update(wire.client->ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        say(&wire, false, "with new keys");
        say(&wire, true, "with the other new keys");
        say(&wire, false, "still");
    }
    close_wire(&wire);
}

/* A peer that wants to begin anew is refused: SSL_OP_NO_RENEGOTIATION. */
static void renegotiation(void **state)
{
    struct wire wire;
    gyre_tls_context *context = client_context;
    char byte;
    int64_t rc;

    (void)state;
    client_context = tls_world_client(
        &world, (gyre_tls_options){.no_resumption = true, .max_version = GYRE_TLS_1_2});
    open_wire(&wire);
    assert_int_equal(shake(&wire), 0);
    SSL_clear_options(wire.client->ssl, SSL_OP_NO_RENEGOTIATION);
    assert_int_equal(SSL_renegotiate(wire.client->ssl), 1);
    SSL_do_handshake(wire.client->ssl);
    while (carry(&wire, false))
        continue;
    assert_int_equal(gyre_tls_engine_read(wire.server, &byte, 1), -EAGAIN); /* a warning is sent */
    while (carry(&wire, true))
        continue;
    rc = gyre_tls_engine_read(wire.client, &byte, 1);
    assert_true(rc < 0 && rc != -EAGAIN);
    close_wire(&wire);
    gyre_tls_context_unref(client_context);
    client_context = context;
}

/* Full records for bulk, one small record for a small write. */
static void records(void **state)
{
    enum { BULK = 100000 };
    struct wire wire;
    char *data = calloc(1, BULK);
    size_t size, count = 0;
    const unsigned char *output;

    (void)state;
    assert_non_null(data);
    open_wire(&wire);
    assert_int_equal(shake(&wire), 0);
    while (carry(&wire, true))
        continue;
    assert_int_equal(gyre_tls_engine_write(wire.server, "", 0), 0);
    assert_null(gyre_tls_engine_output(wire.server, &size));
    assert_int_equal(gyre_tls_engine_write(wire.server, "small", 5), 5);
    gyre_tls_engine_output(wire.server, &size);
    assert_true(size < 5 + 5 + 17 + 1);
    assert_int_equal(gyre_tls_engine_sent(wire.server, size), 0);
    assert_int_equal(gyre_tls_engine_write(wire.server, data, BULK), BULK);
    output = (const unsigned char *)gyre_tls_engine_output(wire.server, &size);
    for (size_t at = 0; at < size; count++)
        at += 5 + ((size_t)output[at + 3] << 8 | output[at + 4]);
    assert_int_equal(count, (BULK + 16383) / 16384);
    close_wire(&wire);
    free(data);
}

static int open_world(void **state)
{
    (void)state;
    tls_world_open(&world);
    server_context = tls_world_server(&world, (gyre_tls_options){0});
    client_context = tls_world_client(&world, (gyre_tls_options){.no_resumption = true});
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
        cmocka_unit_test(in_pieces), cmocka_unit_test(every_byte_corrupted),
        cmocka_unit_test(cut_off),   cmocka_unit_test(misused),
        cmocka_unit_test(records),
        cmocka_unit_test(key_updates),
        cmocka_unit_test(renegotiation),
    };

    return cmocka_run_group_tests(tests, open_world, close_world);
}
