/* What a TLS engine must refuse from peers that do not play by the rules. */
#include <stdio.h>
#include <stdlib.h>

#include <openssl/err.h>

#include "../net/tls_engine_internal.h"

#include "support/tls_party.h"
#include "support/unit.h"

static tls_party *party;
static gyre_tls_context *client_context, *server_context;

static int set_up(void **state)
{
    const gyre_tls_options old = {.max_version = GYRE_TLS_1_2};

    (void)state;
    party = tls_party_new("DNS:www.example");
    client_context = tls_party_client(party, &old);
    server_context = tls_party_server(party, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gyre_tls_context_unref(client_context);
    gyre_tls_context_unref(server_context);
    tls_party_free(party);
    return 0;
}

static gyre_tls_engine *new_server(void)
{
    gyre_tls_engine *engine;

    assert_int_equal(gyre_tls_engine_new(server_context, NULL, &engine), 0);
    return engine;
}

static gyre_tls_engine *new_client(void)
{
    const gyre_tls_engine_options options = {.server_name = "www.example"};
    gyre_tls_engine *engine;

    assert_int_equal(gyre_tls_engine_new(client_context, &options, &engine), 0);
    return engine;
}

/* Feeds the one's output to the other. */
static void carry(gyre_tls_engine *from, gyre_tls_engine *to)
{
    size_t size;
    const char *data = gyre_tls_engine_output(from, &size);

    if (size == 0)
        return;
    assert_int_equal(gyre_tls_engine_feed(to, data, size), 0);
    assert_int_equal(gyre_tls_engine_sent(from, size), 0);
}

static void assert_refuses(gyre_tls_engine *engine, const void *data, size_t size, int64_t code,
                           const char *text)
{
    int64_t rc = gyre_tls_engine_handshake(engine);

    if (rc == -EAGAIN) {
        assert_int_equal(gyre_tls_engine_feed(engine, data, size), 0);
        rc = gyre_tls_engine_handshake(engine);
    }
    if (rc != code || strcmp(gyre_error_text(gyre_error_current()), text) != 0)
        fail_msg("%s \"%s\" instead of %s \"%s\"", gyre_err_name(rc),
                 gyre_error_text(gyre_error_current()), gyre_err_name(code), text);
    gyre_tls_engine_free(engine);
}

#define REFUSES(engine_, data_, text_)                                                             \
    assert_refuses((engine_), "" data_, sizeof(data_) - 1, GYRE_ETLS, (text_))

static void test_no_tls(void **state)
{
    (void)state;
    REFUSES(new_server(), "GET / HTTP/1.0\r\n\r\n", "http request");
    REFUSES(new_server(), "CONNECT www.example:443 HTTP/1.1\r\n\r\n", "https proxy request");
    REFUSES(new_server(), "SSH-2.0-OpenSSH_9.2\r\n", "wrong version number");
    REFUSES(new_client(), "HTTP/1.1 400 Bad Request\r\n\r\n", "wrong version number");
    REFUSES(new_client(), "220 mail.example ESMTP\r\n", "wrong version number");
    REFUSES(new_client(), "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "wrong version number");
}

/* Records that cannot be: too long, of a kind that there is not, out of order. */
static void test_bad_records(void **state)
{
    (void)state;
    REFUSES(new_server(), "\x16\x03\x01\xff\xff\x01\x00\x00\x00\x00", "packet length too long");
    REFUSES(new_server(), "\x17\x03\x03\x00\x05hello", "unexpected message");
    REFUSES(new_client(), "\x17\x03\x03\x00\x05hello", "unexpected message");
    REFUSES(new_client(), "\x14\x03\x03\x00\x01\x01", "unexpected message");
    assert_refuses(new_client(), "\x15\x03\x03\x00\x02\x02\x28", 7, GYRE_ETLSALERT,
                   "the peer sent the alert: handshake failure (40)");
}

/* A hello whose server name is changed on the way, before anything is authenticated. */
static void refuse_name(size_t at, char c, const char *text)
{
    gyre_tls_engine *client = new_client(), *server = new_server();
    char hello[2048], *name;
    const char *data;
    size_t size;

    assert_int_equal(gyre_tls_engine_handshake(client), -EAGAIN);
    data = gyre_tls_engine_output(client, &size);
    assert_true(size < sizeof(hello));
    memcpy(hello, data, size);
    name = memmem(hello, size, "www.example", strlen("www.example"));
    assert_non_null(name);
    name[(ptrdiff_t)at - 5] = c; /* list size, type and name size are before it */
    assert_refuses(server, hello, size, GYRE_ETLS, text);
    gyre_tls_engine_free(client);
}

static void test_bad_names(void **state)
{
    (void)state;
    refuse_name(7, '\0', "the client's server name is malformed"); /* in the name */
    refuse_name(4, 12, "the client's server name is malformed");   /* one longer than it is */
    refuse_name(4, 10, "the client's server name is malformed");   /* and shorter */
    refuse_name(2, 1, "the client's server name is malformed");    /* of another kind */
    refuse_name(1, 1, "the client's server name is malformed");    /* the list shorter */
    refuse_name(4, '\0', "the client's server name is malformed"); /* no name */
}

/* ---- renegotiation ---- */

static void shake_hands(gyre_tls_engine *client, gyre_tls_engine *server)
{
    int64_t a, b;

    do {
        a = gyre_tls_engine_handshake(client);
        carry(client, server);
        b = gyre_tls_engine_handshake(server);
        carry(server, client);
    } while (a == -EAGAIN || b == -EAGAIN);
    assert_int_equal(a, 0);
    assert_int_equal(b, 0);
    assert_string_equal(gyre_tls_engine_version(client), "TLSv1.2");
}

/* A client that would like to negotiate anew is told no, and the connection goes on without. */
static void test_renegotiation(void **state)
{
    gyre_tls_engine *client = new_client(), *server = new_server();
    char buffer[8];
    int rc;

    (void)state;
    shake_hands(client, server);
    assert_int_equal(SSL_renegotiate(client->ssl), 0); /* an own client does not even ask */
    ERR_clear_error();
    SSL_clear_options(client->ssl, SSL_OP_NO_RENEGOTIATION);
    assert_int_equal(SSL_renegotiate(client->ssl), 1);
    assert_int_equal(SSL_do_handshake(client->ssl), -1);
    carry(client, server);
    assert_int_equal(gyre_tls_engine_read(server, buffer, sizeof(buffer)), -EAGAIN);
    assert_int_equal(gyre_tls_engine_write(server, "still", 5), 5);
    carry(server, client);
    rc = SSL_do_handshake(client->ssl);
    assert_int_equal(SSL_get_error(client->ssl, rc), SSL_ERROR_SSL);
    assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_NO_RENEGOTIATION);
    ERR_clear_error();
    gyre_tls_engine_free(client);
    gyre_tls_engine_free(server);
}

/* Neither does a client let a server ask it. */
static void test_hello_request(void **state)
{
    gyre_tls_engine *client = new_client(), *server = new_server();
    char buffer[8];

    (void)state;
    shake_hands(client, server);
    SSL_clear_options(server->ssl, SSL_OP_NO_RENEGOTIATION);
    assert_int_equal(SSL_renegotiate(server->ssl), 1);
    SSL_do_handshake(server->ssl);
    ERR_clear_error();
    carry(server, client);
    assert_int_equal(gyre_tls_engine_read(client, buffer, sizeof(buffer)), -EAGAIN);
    assert_false(SSL_in_init(client->ssl));
    carry(client, server); /* no_renegotiation */
    assert_true(gyre_tls_engine_read(server, buffer, sizeof(buffer)) < 0);
    gyre_tls_engine_free(client);
    gyre_tls_engine_free(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_tls),        cmocka_unit_test(test_bad_records),
        cmocka_unit_test(test_bad_names),     cmocka_unit_test(test_renegotiation),
        cmocka_unit_test(test_hello_request),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
