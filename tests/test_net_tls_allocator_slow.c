/*
 * OpenSSL's memory in gyre's allocator hook: all of it comes from there, and whichever allocation
 * fails, contexts and handshakes fail cleanly or succeed, and nothing leaks.
 */
#include <stdio.h>
#include <stdlib.h>

#include <openssl/err.h>

#include "../loop/alloc.h"
#include "../net/tls_internal.h"

#include "support/tls_pair.h"
#include "support/tls_party.h"
#include "support/unit.h"

/* ---- an allocator that counts, and fails the k-th time ---- */

static struct {
    unsigned long made, in_use;
    unsigned long fail_at; /* of those made from now on; 0: none */
    bool failed;
} openssl, own;

static bool is_due(unsigned long *fail_at, bool *failed)
{
    if (*fail_at == 0 || --*fail_at > 0)
        return false;
    *failed = true;
    return true;
}

static void *openssl_alloc(void *context, size_t size)
{
    void *block;

    (void)context;
    if (is_due(&openssl.fail_at, &openssl.failed))
        return NULL;
    block = malloc(size);
    openssl.made++;
    openssl.in_use += block != NULL;
    return block;
}

static void *openssl_resize(void *context, void *block, size_t size)
{
    (void)context;
    if (is_due(&openssl.fail_at, &openssl.failed))
        return NULL;
    openssl.made++;
    return realloc(block, size);
}

static void openssl_release(void *context, void *block)
{
    (void)context;
    openssl.in_use--;
    free(block);
}

static void *own_alloc(void *context, size_t size)
{
    (void)context;
    if (is_due(&own.fail_at, &own.failed))
        return NULL;
    own.made++;
    own.in_use++;
    return malloc(size);
}

static void *own_resize(void *context, void *block, size_t size)
{
    (void)context;
    if (is_due(&own.fail_at, &own.failed))
        return NULL;
    own.made++;
    own.in_use += !block;
    return realloc(block, size);
}

static void own_release(void *context, void *block)
{
    (void)context;
    own.in_use--;
    free(block);
}

static const gyre_allocator for_openssl = {openssl_alloc, openssl_resize, openssl_release, NULL};
static const gyre_allocator for_gyre = {own_alloc, own_resize, own_release, NULL};

/* ---- what is tried ---- */

static tls_party *party;

/* Contexts of both sides; gives the first error. */
static int64_t make_contexts(gyre_tls_context **client, gyre_tls_context **server)
{
    static const char *const alpn[] = {"proto"};
    gyre_tls_options for_client = {.ca_pem = party->trusted,
                                   .ca_pem_size = strlen(party->trusted),
                                   .cert_pem = party->chain,
                                   .cert_pem_size = strlen(party->chain),
                                   .key_pem = party->key,
                                   .key_pem_size = strlen(party->key),
                                   .alpn = alpn,
                                   .alpn_count = 1};
    gyre_tls_options for_server = for_client;
    int64_t rc;

    for_server.client_auth = GYRE_TLS_CLIENT_AUTH_REQUIRED;
    *client = *server = NULL;
    rc = gyre_tls_client_context(&for_client, client);
    return rc < 0 ? rc : gyre_tls_server_context(&for_server, server);
}

static int64_t meet(gyre_tls_context *client, gyre_tls_context *server)
{
    tls_pair pair;
    int64_t rc = tls_pair_open(&pair, client, server, "www.example");

    if (rc == 0) {
        if (!tls_pair_run(&pair, 0))
            fail_msg("no end");
        rc = pair.client.code < 0 ? pair.client.code : pair.server.code;
        if (pair.server.code == -ENOMEM) /* the client saw an alert of it */
            rc = -ENOMEM;
        if (rc == 0) {
            assert_string_equal(pair.client.heard, "pong");
            assert_string_equal(pair.server.heard, "ping");
        }
    }
    tls_pair_close(&pair);
    gyre_error_clear();
    return rc;
}

/* Contexts, a full handshake, one that resumes. */
static int64_t all(void)
{
    gyre_tls_context *client, *server;
    int64_t rc = make_contexts(&client, &server);

    if (rc == 0)
        rc = meet(client, server);
    if (rc == 0)
        rc = meet(client, server);
    gyre_tls_context_unref(client);
    gyre_tls_context_unref(server);
    gyre_error_clear();
    return rc;
}

static gyre_tls_context *made[2];

static int64_t handshakes(void)
{
    int64_t rc;

    rc = meet(made[0], made[1]);
    if (rc == 0)
        rc = meet(made[0], made[1]);
    gyre_tls_context_forget_sessions(made[0]);
    return rc;
}

/* Fails every step-th allocation of one kind in turn. */
static void torture(const char *what, int64_t (*run)(void), unsigned long *fail_at, bool *failed,
                    unsigned long step)
{
    unsigned long in_use, runs = 0, short_of_memory = 0, others = 0;

    assert_int_equal(run(), 0); /* warms up: OpenSSL's global state is made and stays */
    assert_int_equal(run(), 0);
    in_use = own.in_use;
    for (unsigned long k = 1;; k += step) {
        int64_t rc;

        *fail_at = k;
        *failed = false;
        rc = run();
        *fail_at = 0;
        if (!*failed) {
            assert_int_equal(rc, 0);
            break;
        }
        runs++;
        short_of_memory += rc == -ENOMEM;
        others += rc < 0 && rc != -ENOMEM;
        if (own.in_use != in_use)
            fail_msg("%s: %lu of gyre's blocks left at %lu", what, own.in_use - in_use, k);
        assert_int_equal(ERR_peek_error(), 0);
        assert_int_equal(run(), 0); /* and everything still works */
    }
    print_message("%s: %lu runs, %lu short of memory, %lu other errors, %lu did without\n", what,
                  runs, short_of_memory, others, runs - short_of_memory - others);
}

static void test_own(void **state)
{
    (void)state;
    torture("gyre's memory", all, &own.fail_at, &own.failed, 1);
}

static void test_handshakes(void **state)
{
    (void)state;
    assert_int_equal(make_contexts(&made[0], &made[1]), 0);
    torture("OpenSSL's memory in handshakes", handshakes, &openssl.fail_at, &openssl.failed, 7);
    gyre_tls_context_unref(made[0]);
    gyre_tls_context_unref(made[1]);
}

static void test_all(void **state)
{
    (void)state;
    torture("OpenSSL's memory", all, &openssl.fail_at, &openssl.failed, 97);
}

/* Without a test's allocator it is gyre's: what OpenSSL takes shows up there. */
static void test_hook(void **state)
{
    unsigned long before = own.made, theirs = openssl.made;
    gyre_tls_context *client, *server;

    (void)state;
    gyre__tls_set_allocator(NULL);
    assert_int_equal(make_contexts(&client, &server), 0);
    assert_int_equal(meet(client, server), 0);
    gyre_tls_context_unref(client);
    gyre_tls_context_unref(server);
    gyre__tls_set_allocator(&for_openssl);
    assert_true(own.made - before > 500);
    assert_int_equal(openssl.made, theirs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own),
        cmocka_unit_test(test_handshakes),
        cmocka_unit_test(test_all),
        cmocka_unit_test(test_hook),
    };
    int failed;

    /* Both allocators are malloc's, so that each can release what is the other's. */
    gyre_set_allocator(&for_gyre);
    gyre__tls_set_allocator(&for_openssl);
    if (gyre_tls_use_allocator() < 0 || gyre_tls_use_allocator() < 0)
        return 1;
    party = tls_party_new("DNS:www.example");
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    tls_party_free(party);
    return failed;
}
