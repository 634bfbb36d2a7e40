/*
 * What the TLS harnesses share: a certificate, random numbers that repeat, and an engine that is
 * watched.
 *
 * Keys, random numbers and the order in which OpenSSL asks for them are the same each time, so a
 * recorded handshake is accepted when it is played again (by the version of OpenSSL with which it
 * was recorded; others see a broken one, which is a fine input, too).
 */
#ifndef GYRE_TESTS_FUZZ_FUZZ_TLS_ENGINE_H
#define GYRE_TESTS_FUZZ_FUZZ_TLS_ENGINE_H

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/rand.h>

#include "../../loop/alloc.h"
#include "../../loop/error.h"
#include "../../net/tls_engine.h"
#include "fuzz.h"

/* What both sides' contexts are like. */
enum {
    FUZZ_TLS_OLD = 1,         /* TLS 1.2, else 1.3 */
    FUZZ_TLS_AUTH = 2,        /* the client must show a certificate */
    FUZZ_TLS_ALPN = 4,        /* an application protocol is required */
    FUZZ_TLS_CACHE = 8,       /* the server keeps sessions, else it gives tickets */
    FUZZ_TLS_TRUNCATION = 16, /* an end without close_notify is accepted */
    FUZZ_TLS_KINDS = 32
};

/* Of nobody else: an authority, a server (and client) it vouches for until 2121, and its key. */
static const char fuzz_tls_root[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBczCCARmgAwIBAgICA+kwCgYIKoZIzj0EAwIwDzENMAsGA1UEAwwEcm9vdDAg\n"
    "Fw0wMTA3MTYwMjUwMjlaGA8yMTIxMTIxNTE0MjM0OVowDzENMAsGA1UEAwwEcm9v\n"
    "dDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABJTNuoy7cL6rBtWx+QoEibpcdHyZ\n"
    "4PpMYPBnn6DZX1fiB9YTfwddzAlAFCp5tI5opqsj1iMXNNbg5vY83lcJdG2jYzBh\n"
    "MA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgGGMB0GA1UdDgQWBBS+8aYN\n"
    "1R+BcdkdEusGMe6H41DUpTAfBgNVHSMEGDAWgBS+8aYN1R+BcdkdEusGMe6H41DU\n"
    "pTAKBggqhkjOPQQDAgNIADBFAiEAosHUi8a/0A97KfgUdIrvLgy8gO+XB/856z6m\n"
    "pbjNJN4CIGhfhcwLD7jAJ9gQn7MR42rr4q3E9iygAIjeMBAAIJbw\n"
    "-----END CERTIFICATE-----\n";

static const char fuzz_tls_leaf[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBqTCCAU+gAwIBAgICA+owCgYIKoZIzj0EAwIwDzENMAsGA1UEAwwEcm9vdDAg\n"
    "Fw0wMTA3MTYwMjUwMjlaGA8yMTIxMTIxNTE0MjM0OVowDzENMAsGA1UEAwwEbGVh\n"
    "ZjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABLa4n62EoI/ThKK1NGbfJQ5rHIkG\n"
    "HzY/c3SIXefImUq6EIWOevdZBar7BoTSTKS7M3LWb4J/IsCcz7UhpDxYs16jgZgw\n"
    "gZUwDAYDVR0TAQH/BAIwADAOBgNVHQ8BAf8EBAMCB4AwHQYDVR0lBBYwFAYIKwYB\n"
    "BQUHAwEGCCsGAQUFBwMCMBYGA1UdEQQPMA2CC3d3dy5leGFtcGxlMB0GA1UdDgQW\n"
    "BBTiSs2driNP5cmsvKVpoqie5ZQnLDAfBgNVHSMEGDAWgBS+8aYN1R+BcdkdEusG\n"
    "Me6H41DUpTAKBggqhkjOPQQDAgNIADBFAiAHP+gDlvwYbV+VTPzrhi354o9/AFvG\n"
    "4+3YkPvcBfTtWAIhAK7c0DkvBblUHka6bupLEU+ZQRjgJmGcIVVc2tWn44ev\n"
    "-----END CERTIFICATE-----\n";

static const char fuzz_tls_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgeBB87m1Cnu+bhZ16\n"
    "MXcPjNSo4SYyBw4KVmW1Azwg2xahRANCAAS2uJ+thKCP04SitTRm3yUOaxyJBh82\n"
    "P3N0iF3nyJlKuhCFjnr3WQWq+waE0kykuzNy1m+CfyLAnM+1IaQ8WLNe\n"
    "-----END PRIVATE KEY-----\n";

/* ---- random numbers ---- */

static uint64_t fuzz_tls_state;

/* Splitmix64. */
static inline int fuzz_tls_random(unsigned char *out, int size)
{
    for (int i = 0; i < size; i++) {
        uint64_t word = fuzz_tls_state += 0x9E3779B97F4A7C15u;

        word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9u;
        word = (word ^ word >> 27) * 0x94D049BB133111EBu;
        out[i] = (unsigned char)(word >> 56);
    }
    return 1;
}

static inline int fuzz_tls_random_status(void)
{
    return 1;
}

/* The same numbers from here on as after every other call with that seed. */
static inline void fuzz_tls_repeat(uint64_t seed)
{
    static const RAND_METHOD method = {
        .bytes = fuzz_tls_random, .pseudorand = fuzz_tls_random, .status = fuzz_tls_random_status};
    static bool set;

    if (!set) {
        set = true;
/* Deprecated since providers, which offer nothing as simple. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
        FUZZ_CHECK(RAND_set_rand_method(&method));
#pragma GCC diagnostic pop
    }
    fuzz_tls_state = seed * 0xD1342543DE82EF95u;
}

/* ---- engines ---- */

/* Kept for the process. */
static inline gyre_tls_context *fuzz_tls_context(bool server, unsigned kind)
{
    static gyre_tls_context *all[2][FUZZ_TLS_KINDS];
    static const char *const protocols[] = {"fuzz/1", "fuzz/2"};
    gyre_tls_context **context = &all[server][kind];
    gyre_tls_options options = {.max_version = kind & FUZZ_TLS_OLD ? GYRE_TLS_1_2 : GYRE_TLS_1_3};
    int64_t rc;

    if (*context)
        return *context;
    if (server || kind & FUZZ_TLS_AUTH) {
        options.cert_pem = fuzz_tls_leaf;
        options.cert_pem_size = sizeof(fuzz_tls_leaf) - 1;
        options.key_pem = fuzz_tls_key;
        options.key_pem_size = sizeof(fuzz_tls_key) - 1;
    }
    if (!server || kind & FUZZ_TLS_AUTH) {
        options.ca_pem = fuzz_tls_root;
        options.ca_pem_size = sizeof(fuzz_tls_root) - 1;
    }
    if (server && kind & FUZZ_TLS_AUTH)
        options.client_auth = GYRE_TLS_CLIENT_AUTH_REQUIRED;
    if (kind & FUZZ_TLS_ALPN) {
        options.alpn = protocols;
        options.alpn_count = 2;
        options.alpn_required = true;
    }
    if (server && kind & FUZZ_TLS_CACHE)
        options.session_cache = 8;
    options.insecure_truncation = kind & FUZZ_TLS_TRUNCATION;
    fuzz_tls_repeat(1000 + kind);
    rc = server ? gyre_tls_server_context(&options, context)
                : gyre_tls_client_context(&options, context);
    FUZZ_CHECK(rc == 0);
    return *context;
}

static inline gyre_tls_engine *fuzz_tls_engine(bool server, unsigned kind)
{
    static const gyre_tls_engine_options options = {.server_name = "www.example",
                                                    .session_key = "443"};
    gyre_tls_engine *engine;

    FUZZ_CHECK(gyre_tls_engine_new(fuzz_tls_context(server, kind), server ? NULL : &options,
                                   &engine) == 0);
    return engine;
}

/* Feeds all that one has for the other; gives how much that was. */
static inline size_t fuzz_tls_carry(gyre_tls_engine *from, gyre_tls_engine *to)
{
    size_t size;
    const char *data = gyre_tls_engine_output(from, &size);

    if (size)
        FUZZ_CHECK(gyre_tls_engine_feed(to, data, size) == 0);
    FUZZ_CHECK(gyre_tls_engine_sent(from, size) == 0);
    return size;
}

/* ---- what must hold ---- */

static inline bool fuzz_tls_is_error(int64_t code)
{
    return code == GYRE_ETLS || code == GYRE_ETLSVERIFY || code == GYRE_ETLSHOST ||
           code == GYRE_ETLSTRUNCATED || code == GYRE_ETLSALERT || code == GYRE_ETLSALPN;
}

/* After an error that is final nothing else comes. */
static inline void fuzz_tls_check_final(gyre_tls_engine *engine)
{
    int64_t error = gyre_tls_engine_error(engine);
    bool closed = gyre_tls_engine_is_closed(engine);
    char byte;

    FUZZ_CHECK(fuzz_tls_is_error(error));
    FUZZ_CHECK(gyre_tls_engine_handshake(engine) == error);
    FUZZ_CHECK(gyre_tls_engine_read(engine, &byte, 1) == error);
    FUZZ_CHECK(gyre_tls_engine_write(engine, "x", 1) == error);
    FUZZ_CHECK(gyre_tls_engine_close(engine) == error);
    FUZZ_CHECK(gyre_tls_engine_is_closed(engine) == closed);
    FUZZ_CHECK(gyre_tls_engine_error(engine) == error);
    FUZZ_CHECK(!gyre_error_current() || gyre_error_code(gyre_error_current()) == error);
}

/* Nothing is given before the handshake is complete, and then who the peer is has been verified. */
static inline void fuzz_tls_check_state(gyre_tls_engine *engine, unsigned kind)
{
    bool server = gyre_tls_engine_is_server(engine);
    gyre_tls_certificate *certificate;
    char byte;

    FUZZ_CHECK(strlen(gyre_tls_engine_server_name(engine)) < 256);
    if (gyre_tls_engine_chain_length(engine)) {
        FUZZ_CHECK(gyre_tls_engine_certificate(engine, 0, &certificate) == 0);
        FUZZ_CHECK(certificate->der_size > 0);
        gyre_tls_certificate_free(certificate);
    }
    if (gyre_tls_engine_error(engine)) {
        fuzz_tls_check_final(engine);
    } else if (!gyre_tls_engine_is_ready(engine)) {
        FUZZ_CHECK(gyre_tls_engine_read(engine, &byte, 1) == GYRE_ESTATE);
        FUZZ_CHECK(gyre_tls_engine_write(engine, "x", 1) == GYRE_ESTATE);
        FUZZ_CHECK(gyre_tls_engine_close(engine) == GYRE_ESTATE);
        FUZZ_CHECK(!gyre_tls_engine_is_closed(engine) && !gyre_tls_engine_peer_closed(engine));
    } else {
        FUZZ_CHECK(strcmp(gyre_tls_engine_version(engine),
                          kind & FUZZ_TLS_OLD ? "TLSv1.2" : "TLSv1.3") == 0);
        FUZZ_CHECK(!(kind & FUZZ_TLS_ALPN) == !*gyre_tls_engine_alpn(engine));
        FUZZ_CHECK(gyre_tls_engine_verified(engine) == (!server || kind & FUZZ_TLS_AUTH));
        FUZZ_CHECK(server || strcmp(gyre_tls_engine_verified_name(engine), "www.example") == 0);
    }
}

#endif
