/* Resumption of TLS sessions: per origin, bounded, once a ticket, and not where it is off. */
#include <pthread.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../net/tls_context_internal.h"

#include "support/folder.h"
#include "support/tls_pair.h"
#include "support/tls_party.h"
#include "support/unit.h"

static tls_party *party;
static bool must_show; /* the server wants certificates */

static int make_party(void **state)
{
    (void)state;
    party = tls_party_new("DNS:a.example,DNS:b.example");
    return 0;
}

static int free_party(void **state)
{
    (void)state;
    tls_party_free(party);
    return 0;
}

/* One connection from beginning to end; gives whether it resumed a session. */
static bool connect_once(gyre_tls_context *client, gyre_tls_context *server, const char *name)
{
    tls_pair pair;
    bool resumed;

    assert_int_equal(tls_pair_open(&pair, client, server, name), 0);
    assert_true(tls_pair_run(&pair, 0));
    assert_int_equal(pair.client.code, 0);
    assert_int_equal(pair.server.code, 0);
    assert_true(gyre_tls_engine_verified(pair.client.engine));
    assert_int_equal(gyre_tls_engine_verified(pair.server.engine), must_show);
    resumed = gyre_tls_engine_resumed(pair.client.engine);
    assert_int_equal(gyre_tls_engine_resumed(pair.server.engine), resumed);
    tls_pair_close(&pair);
    return resumed;
}

/* The second connection resumes, and another origin does not. */
static void resume_with(const gyre_tls_options *client_options,
                        const gyre_tls_options *server_options)
{
    gyre_tls_context *client = tls_party_client(party, client_options);
    gyre_tls_context *server = tls_party_server(party, server_options);

    must_show = server_options && server_options->client_auth;
    assert_int_equal(gyre_tls_context_session_count(client), 0);
    assert_false(connect_once(client, server, "a.example"));
    assert_true(gyre_tls_context_session_count(client) > 0);
    for (unsigned i = 0; i < 5; i++)
        assert_true(connect_once(client, server, "a.example"));
    assert_false(connect_once(client, server, "b.example"));
    assert_true(connect_once(client, server, "b.example"));
    gyre_tls_context_forget_sessions(client);
    assert_int_equal(gyre_tls_context_session_count(client), 0);
    assert_false(connect_once(client, server, "a.example"));
    must_show = false;
    gyre_tls_context_unref(client);
    gyre_tls_context_unref(server);
}

static void test_tickets(void **state)
{
    (void)state;
    resume_with(NULL, NULL);
    resume_with(&(gyre_tls_options){.max_version = GYRE_TLS_1_2}, NULL);
}

static void test_server_cache(void **state)
{
    const gyre_tls_options cached = {.session_cache = 100};

    (void)state;
    resume_with(NULL, &cached);
    resume_with(&(gyre_tls_options){.max_version = GYRE_TLS_1_2}, &cached);
}

/* Clients with certificates show them once; the session remembers. */
static void test_client_certificates(void **state)
{
    gyre_tls_options shown = {.cert_pem = party->chain,
                              .cert_pem_size = strlen(party->chain),
                              .key_pem = party->key,
                              .key_pem_size = strlen(party->key)};
    const gyre_tls_options required = {.client_auth = GYRE_TLS_CLIENT_AUTH_REQUIRED};

    (void)state;
    resume_with(&shown, &required);
    shown.max_version = GYRE_TLS_1_2;
    resume_with(&shown, &required);
}

/* A stapled response is looked at when the session is made, not when it is resumed. */
static void test_ocsp(void **state)
{
    gyre_tls_options required = {.ocsp_required = true};
    gyre_tls_options stapled = {.ocsp_response_file = "response.der"};
    size_t size;
    unsigned char *response = ca_ocsp(party->leaf, party->root, CA_OCSP_GOOD, 0, &size);
    FILE *file = fopen("response.der", "w");

    (void)state;
    assert_int_equal(fwrite(response, 1, size, file), size);
    fclose(file);
    free(response);
    resume_with(&required, &stapled);
    required.max_version = GYRE_TLS_1_2;
    resume_with(&required, &stapled);
}

/* What a server has forgotten is simply not resumed. */
static void test_server_forgets(void **state)
{
    gyre_tls_context *client = tls_party_client(party, NULL);
    gyre_tls_context *server = tls_party_server(party, &(gyre_tls_options){.session_cache = 100});

    (void)state;
    assert_false(connect_once(client, server, "a.example"));
    assert_true(gyre_tls_context_session_count(server) > 0);
    gyre_tls_context_forget_sessions(server);
    assert_int_equal(gyre_tls_context_session_count(server), 0);
    assert_false(connect_once(client, server, "a.example"));
    gyre_tls_context_unref(client);
    gyre_tls_context_unref(server);
}

static void test_server_cache_is_bounded(void **state)
{
    gyre_tls_context *server = tls_party_server(party, &(gyre_tls_options){.session_cache = 3});

    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        gyre_tls_context *client = tls_party_client(party, NULL);

        assert_false(connect_once(client, server, "a.example"));
        assert_true(gyre_tls_context_session_count(server) <= 3);
        gyre_tls_context_unref(client);
    }
    gyre_tls_context_unref(server);
}

/* Another server has other keys: the ticket says nothing to it. */
static void test_another_server(void **state)
{
    gyre_tls_context *client = tls_party_client(party, NULL);
    gyre_tls_context *server = tls_party_server(party, NULL);
    gyre_tls_context *another = tls_party_server(party, NULL);

    (void)state;
    assert_false(connect_once(client, server, "a.example"));
    assert_false(connect_once(client, another, "a.example"));
    gyre_tls_context_unref(client);
    gyre_tls_context_unref(server);
    gyre_tls_context_unref(another);
}

static void test_off(void **state)
{
    const gyre_tls_options off = {.no_resumption = true}, *none = NULL;
    const gyre_tls_options *const cases[][2] = {{&off, none}, {none, &off}, {&off, &off}};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        gyre_tls_context *client = tls_party_client(party, cases[i][0]);
        gyre_tls_context *server = tls_party_server(party, cases[i][1]);

        for (unsigned k = 0; k < 3; k++)
            assert_false(connect_once(client, server, "a.example"));
        assert_int_equal(gyre_tls_context_session_count(client), 0);
        assert_int_equal(gyre_tls_context_session_count(server), 0);
        gyre_tls_context_unref(client);
        gyre_tls_context_unref(server);
    }
}

/* ---- the store by itself ---- */

static SSL_SESSION *make_session(int version, long age, long timeout)
{
    static const unsigned char id[] = {1, 2, 3, 4};
    SSL_SESSION *session = SSL_SESSION_new();

    assert_non_null(session);
    assert_true(SSL_SESSION_set_protocol_version(session, version));
    assert_true(SSL_SESSION_set1_id(session, id, sizeof(id)));
    SSL_SESSION_set_time(session, (long)time(NULL) - age);
    SSL_SESSION_set_timeout(session, timeout);
    return session;
}

static bool has(struct gyre__tls_sessions *store, const char *origin)
{
    SSL_SESSION *session = gyre__tls_sessions_get(store, origin);

    SSL_SESSION_free(session);
    return session != NULL;
}

static void put(struct gyre__tls_sessions *store, const char *origin, int version)
{
    assert_true(gyre__tls_sessions_put(store, origin, make_session(version, 0, 300)));
}

/* Tickets of TLS 1.3 are given once, as they would show that two connections are of one client. */
static void test_once(void **state)
{
    struct gyre__tls_sessions *store = gyre__tls_sessions_new(8);

    (void)state;
    put(store, "new", TLS1_3_VERSION);
    put(store, "new", TLS1_3_VERSION);
    put(store, "old", TLS1_2_VERSION);
    assert_true(has(store, "new") && has(store, "new"));
    assert_false(has(store, "new"));
    for (unsigned i = 0; i < 3; i++)
        assert_true(has(store, "old"));
    assert_int_equal(gyre__tls_sessions_count(store), 1);
    gyre__tls_sessions_free(store);
}

static void test_limits(void **state)
{
    struct gyre__tls_sessions *store = gyre__tls_sessions_new(8);
    char origin[32];

    (void)state;
    for (unsigned i = 0; i < 20; i++)
        put(store, "one", TLS1_2_VERSION);
    assert_int_equal(gyre__tls_sessions_count(store), 4);
    for (unsigned i = 0; i < 100; i++) {
        snprintf(origin, sizeof(origin), "origin %u", i);
        put(store, origin, TLS1_2_VERSION);
        assert_true(gyre__tls_sessions_count(store) <= 8);
    }
    assert_false(has(store, "one"));
    assert_false(has(store, "origin 91"));
    assert_true(has(store, "origin 92") && has(store, "origin 99"));
    gyre__tls_sessions_free(store);
}

static void test_age(void **state)
{
    struct gyre__tls_sessions *store = gyre__tls_sessions_new(8);

    (void)state;
    assert_true(gyre__tls_sessions_put(store, "x", make_session(TLS1_2_VERSION, 301, 300)));
    assert_true(gyre__tls_sessions_put(store, "y", make_session(TLS1_2_VERSION, 200, 300)));
    assert_true(gyre__tls_sessions_put(store, "z", make_session(TLS1_2_VERSION, -100, 300)));
    assert_false(has(store, "x")); /* too old */
    assert_true(has(store, "y"));
    assert_false(has(store, "z")); /* the clock was set back */
    assert_int_equal(gyre__tls_sessions_count(store), 1);
    gyre__tls_sessions_free(store);
}

/* ---- threads ---- */

static gyre_tls_context *shared[2]; /* client, server */

static void *connect_many(void *name)
{
    for (unsigned i = 0; i < 40; i++)
        connect_once(shared[0], shared[1], name);
    return NULL;
}

/* Contexts serve several threads at once. */
static void test_threads(void **state)
{
    static char a[] = "a.example", b[] = "b.example";
    pthread_t threads[4];

    (void)state;
    shared[0] = tls_party_client(party, NULL);
    shared[1] = tls_party_server(party, &(gyre_tls_options){.session_cache = 10});
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, connect_many, i % 2 ? a : b), 0);
    for (unsigned i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    gyre_tls_context_unref(shared[0]);
    gyre_tls_context_unref(shared[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tickets),
        cmocka_unit_test(test_server_cache),
        cmocka_unit_test(test_client_certificates),
        cmocka_unit_test_setup_teardown(test_ocsp, folder_set_up, folder_tear_down),
        cmocka_unit_test(test_server_forgets),
        cmocka_unit_test(test_server_cache_is_bounded),
        cmocka_unit_test(test_another_server),
        cmocka_unit_test(test_off),
        cmocka_unit_test(test_once),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_age),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests(tests, make_party, free_party);
}
