/* The server's choice by the name that the client asks for: certificate, rules, refusal. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../net/tls_context_internal.h"

#include "support/tls_pair.h"
#include "support/tls_party.h"
#include "support/unit.h"

/* What on_server_name knows and has seen. */
static struct {
    tls_party *a, *b;
    gyre_tls_context *for_a, *for_b; /* servers' */
    gyre_tls_context *wrong;         /* not a server's */
    char asked[300];
    unsigned calls;
} town;

static const char *const alpn[] = {"proto"};

static gyre_tls_context *choose(void *arg, const char *name)
{
    assert_ptr_equal(arg, &town);
    town.calls++;
    snprintf(town.asked, sizeof(town.asked), "%s", name ? name : "(none)");
    if (name && (strcmp(name, "a.example") == 0 || strcmp(name, "also-a.example") == 0))
        return town.for_a;
    if (name && strcmp(name, "b.example") == 0)
        return town.for_b;
    return name && strcmp(name, "wrong.example") == 0 ? town.wrong : NULL;
}

static int set_up(void **state)
{
    gyre_tls_options options = {.on_server_name = choose, .on_server_name_arg = &town};

    memset(&town, 0, sizeof(town));
    town.a = tls_party_new("DNS:a.example,IP:127.0.0.1");
    town.b = tls_party_new("DNS:b.example");
    town.for_a = tls_party_server(town.a, &(gyre_tls_options){.alpn = alpn, .alpn_count = 1});
    town.for_b =
        tls_party_server(town.b, &(gyre_tls_options){.client_auth = GYRE_TLS_CLIENT_AUTH_REQUIRED,
                                                     .max_version = GYRE_TLS_1_2});
    *state = tls_party_server(town.a, &options);
    return 0;
}

static int tear_down(void **state)
{
    gyre_tls_context_unref(*state);
    gyre_tls_context_unref(town.for_a);
    gyre_tls_context_unref(town.for_b);
    tls_party_free(town.a);
    tls_party_free(town.b);
    return 0;
}

static void assert_side(const tls_side *side, int64_t code, const char *text)
{
    if (side->code != code || strcmp(side->text, text) != 0)
        fail_msg("%s \"%s\" instead of %s \"%s\"", gyre_err_name(side->code), side->text,
                 gyre_err_name(code), text);
}

/* A meeting with one name, in new connections; the client is of party `a` unless given. */
static void meet(gyre_tls_context *client, gyre_tls_context *server, const char *name,
                 tls_pair *pair)
{
    assert_int_equal(tls_pair_open(pair, client, server, name), 0);
    assert_true(tls_pair_run(pair, 0));
}

static void test_chosen(void **state)
{
    gyre_tls_context *client =
        tls_party_client(town.a, &(gyre_tls_options){.alpn = alpn, .alpn_count = 1});
    tls_pair pair;

    meet(client, *state, "a.example", &pair);
    assert_side(&pair.client, 0, "");
    assert_side(&pair.server, 0, "");
    assert_string_equal(gyre_tls_engine_alpn(pair.client.engine), "proto"); /* that one's */
    assert_string_equal(town.asked, "a.example");
    assert_string_equal(gyre_tls_engine_server_name(pair.server.engine), "a.example");
    tls_pair_close(&pair);
    gyre_tls_context_unref(client);
}

/* Case and a dot at the end do not make another name. */
static void test_normalized(void **state)
{
    gyre_tls_context *client = tls_party_client(town.a, NULL);
    tls_pair pair;

    meet(client, *state, "A.Example.", &pair);
    assert_side(&pair.client, 0, "");
    assert_string_equal(town.asked, "a.example");
    tls_pair_close(&pair);
    gyre_tls_context_unref(client);
}

/* What the chosen context says of clients and versions counts, not what the first one said. */
static void test_chosen_rules(void **state)
{
    char *chain = ca_pem(town.b->leaf), *key = ca_key_pem(town.b->leaf, NULL);
    gyre_tls_context *without = tls_party_client(town.b, NULL);
    gyre_tls_context *with =
        tls_party_client(town.b, &(gyre_tls_options){.cert_pem = chain,
                                                     .cert_pem_size = strlen(chain),
                                                     .key_pem = key,
                                                     .key_pem_size = strlen(key)});
    tls_pair pair;

    meet(without, *state, "b.example", &pair);
    assert_side(&pair.server, GYRE_ETLSVERIFY, "the client sent no certificate");
    assert_side(&pair.client, GYRE_ETLSALERT, "the peer sent the alert: handshake failure (40)");
    tls_pair_close(&pair);
    meet(with, *state, "b.example", &pair);
    assert_side(&pair.client, 0, "");
    assert_side(&pair.server, 0, "");
    assert_string_equal(gyre_tls_engine_version(pair.client.engine), "TLSv1.2");
    assert_true(gyre_tls_engine_verified(pair.server.engine));
    tls_pair_close(&pair);
    gyre_tls_context_unref(with);
    gyre_tls_context_unref(without);
    free(chain);
    free(key);
}

static void test_unknown(void **state)
{
    gyre_tls_context *client = tls_party_client(town.a, NULL);
    tls_pair pair;

    meet(client, *state, "c.example", &pair);
    assert_side(&pair.server, GYRE_ETLS,
                "the client asked for a server name that is not known here");
    assert_side(&pair.client, GYRE_ETLSALERT, "the peer sent the alert: unrecognized name (112)");
    tls_pair_close(&pair);
    gyre_tls_context_unref(client);
}

/* Addresses are not sent: the function is called without a name. */
static void test_none(void **state)
{
    gyre_tls_context *client = tls_party_client(town.a, NULL);
    tls_pair pair;

    meet(client, *state, "127.0.0.1", &pair);
    assert_string_equal(town.asked, "(none)");
    assert_side(&pair.client, GYRE_ETLSALERT, "the peer sent the alert: unrecognized name (112)");
    tls_pair_close(&pair);
    meet(client, town.for_a, "127.0.0.1", &pair);
    assert_side(&pair.client, 0, "");
    tls_pair_close(&pair);
    gyre_tls_context_unref(client);
}

static void test_not_a_server(void **state)
{
    gyre_tls_context *client = tls_party_client(town.a, NULL);
    tls_pair pair;

    town.wrong = client;
    meet(client, *state, "wrong.example", &pair);
    assert_side(&pair.server, GYRE_ETLS, "on_server_name chose a context that is not a server's");
    assert_side(&pair.client, GYRE_ETLSALERT, "the peer sent the alert: internal error (80)");
    tls_pair_close(&pair);
    gyre_tls_context_unref(client);
}

/* The server asks for another group: the client says hello twice, the function is called once. */
static void test_second_hello(void **state)
{
    gyre_tls_context *client =
        tls_party_client(town.a, &(gyre_tls_options){.groups = "X25519:P-384"});
    gyre_tls_context *server = tls_party_server(
        town.a, &(gyre_tls_options){
                    .on_server_name = choose, .on_server_name_arg = &town, .groups = "P-384"});
    tls_pair pair;

    (void)state;
    meet(client, server, "a.example", &pair);
    assert_side(&pair.client, 0, "");
    assert_int_equal(town.calls, 1);
    tls_pair_close(&pair);
    gyre_tls_context_unref(client);
    gyre_tls_context_unref(server);
}

/* Takes a client's session of a.example along to another name; gives whether it is resumed. */
static void meet_with_session(gyre_tls_context *client, gyre_tls_context *server, const char *name,
                              tls_pair *pair)
{
    SSL_SESSION *session;
    char origin[64];

    meet(client, server, "a.example", pair);
    assert_side(&pair->client, 0, "");
    tls_pair_close(pair);
    session = gyre__tls_sessions_get(client->sessions, "a.example\n443");
    assert_non_null(session);
    snprintf(origin, sizeof(origin), "%s\n443", name);
    assert_true(gyre__tls_sessions_put(client->sessions, origin, session));
    /* OpenSSL's client itself would not offer it for another name. */
    assert_true(SSL_SESSION_set1_hostname(session, name));
    meet(client, server, name, pair);
}

/*
 * A session of one name does not open the door of another that asks for certificates; it does
 * where the same context is chosen.
 */
static void session_elsewhere(gyre_tls_context *server, int version)
{
    gyre_tls_options options = {.max_version = version, .insecure_no_verification = true};
    gyre_tls_context *client = tls_party_client(town.a, &options);
    gyre_tls_context *other = town.for_b;
    tls_pair pair;

    town.for_b =
        tls_party_server(town.b, &(gyre_tls_options){.client_auth = GYRE_TLS_CLIENT_AUTH_REQUIRED});
    meet_with_session(client, server, "also-a.example", &pair);
    assert_side(&pair.client, 0, "");
    assert_true(gyre_tls_engine_resumed(pair.server.engine));
    tls_pair_close(&pair);
    gyre_tls_context_forget_sessions(client);
    meet_with_session(client, server, "b.example", &pair);
    assert_false(gyre_tls_engine_resumed(pair.server.engine));
    assert_side(&pair.server, GYRE_ETLSVERIFY, "the client sent no certificate");
    assert_int_equal(pair.client.code, GYRE_ETLSALERT);
    tls_pair_close(&pair);
    gyre_tls_context_unref(client);
    gyre_tls_context_unref(town.for_b);
    town.for_b = other;
}

static void test_session_elsewhere(void **state)
{
    session_elsewhere(*state, GYRE_TLS_1_3);
    session_elsewhere(*state, GYRE_TLS_1_2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_chosen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_normalized, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_chosen_rules, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unknown, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_not_a_server, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_second_hello, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_session_elsewhere, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
