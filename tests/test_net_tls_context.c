/* Options of TLS contexts, good and bad: what is wrong is told clearly. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>

#include "../net/tls_internal.h"

#include "support/ca.h"
#include "support/folder.h"
#include "support/tls_pair.h"
#include "support/tls_party.h"
#include "support/unit.h"

static tls_party *party;

static int make_party(void **state)
{
    (void)state;
    party = tls_party_new("DNS:www.example");
    return 0;
}

static int free_party(void **state)
{
    (void)state;
    tls_party_free(party);
    return 0;
}

static void assert_answer(int64_t rc, const gyre_tls_context *context, int64_t code,
                          const char *text)
{
    const char *said = gyre_error_text(gyre_error_current());

    if (rc != code || strcmp(said, text) != 0)
        fail_msg("%s \"%s\" instead of %s \"%s\"", gyre_err_name(rc), said, gyre_err_name(code),
                 text);
    assert_null(context);
    assert_int_equal(ERR_peek_error(), 0); /* nothing is left behind for others */
}

static void refused_client(const gyre_tls_options *options, int64_t code, const char *text)
{
    gyre_tls_context *context = (gyre_tls_context *)options;
    int64_t rc = gyre_tls_client_context(options, &context);

    assert_answer(rc, context, code, text);
}

static void refused_server(const gyre_tls_options *options, int64_t code, const char *text)
{
    gyre_tls_context *context = (gyre_tls_context *)options;
    int64_t rc = gyre_tls_server_context(options, &context);

    assert_answer(rc, context, code, text);
}

/* A server of the party with something more to it. */
static void refused_with(gyre_tls_options options, int64_t code, const char *text)
{
    options.cert_pem = party->chain;
    options.cert_pem_size = strlen(party->chain);
    options.key_pem = party->key;
    options.key_pem_size = strlen(party->key);
    refused_server(&options, code, text);
}

#define OPTIONS(...)                                                                               \
    &(gyre_tls_options)                                                                            \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define MORE(...)                                                                                  \
    (gyre_tls_options)                                                                             \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

/* ---- options that do not fit together ---- */

static void test_contradictions(void **state)
{
    (void)state;
    refused_client(OPTIONS(.cert_file = "a", .cert_pem = "b"), -EINVAL,
                   "cert_file and cert_pem are both given");
    refused_client(OPTIONS(.cert_file = "a", .key_file = "a", .key_pem = "b"), -EINVAL,
                   "key_file and key_pem are both given");
    refused_client(OPTIONS(.key_file = "a"), -EINVAL, "a key is given without a certificate");
    refused_client(OPTIONS(.crl_check_chain = true), -EINVAL, "crl_check_chain needs crl_file");
    refused_client(OPTIONS(.alpn_required = true), -EINVAL, "alpn_required needs alpn");
    refused_client(OPTIONS(.client_auth = GYRE_TLS_CLIENT_AUTH_REQUIRED), -EINVAL,
                   "client_auth, on_server_name and ocsp_response_file are for servers");
    refused_client(OPTIONS(.ocsp_required = true, .insecure_no_verification = true), -EINVAL,
                   "ocsp_required needs verification");
    refused_server(NULL, -EINVAL, "a server needs cert_file or cert_pem");
    refused_with(MORE(.ocsp_required = true), -EINVAL, "ocsp_required is for clients");
    refused_with(MORE(.client_auth = GYRE_TLS_CLIENT_AUTH_OPTIONAL), -EINVAL,
                 "client_auth needs ca_file, ca_dir, ca_pem or system_store");
}

static void test_protocol(void **state)
{
    static const char *const empty[] = {""}, *const null[] = {NULL};
    static char longest[257];
    const char *const too_long[] = {longest};

    (void)state;
    memset(longest, 'x', sizeof(longest) - 1);
    refused_client(OPTIONS(.min_version = GYRE_TLS_1_0), -EINVAL,
                   "TLS before 1.2 needs insecure_old_versions");
    refused_client(OPTIONS(.min_version = 0x0300, .insecure_old_versions = true), -EINVAL,
                   "min_version and max_version are GYRE_TLS_1_2 or GYRE_TLS_1_3");
    refused_client(OPTIONS(.max_version = 12), -EINVAL,
                   "min_version and max_version are GYRE_TLS_1_2 or GYRE_TLS_1_3");
    refused_client(OPTIONS(.max_version = GYRE_TLS_1_1), -EINVAL,
                   "min_version is later than max_version");
    refused_client(OPTIONS(.security_level = 1), -EINVAL,
                   "security_level 1 needs insecure_security_level");
    refused_client(OPTIONS(.security_level = 6), -EINVAL, "security_level is from 0 to 5");
    refused_client(OPTIONS(.ciphers = "a", .insecure_ciphers = "b"), -EINVAL,
                   "ciphers and insecure_ciphers are both given");
    refused_client(OPTIONS(.ciphers = "NONSENSE"), -EINVAL, "ciphers: no cipher match");
    refused_client(OPTIONS(.insecure_ciphers = "NONSENSE"), -EINVAL,
                   "insecure_ciphers: no cipher match");
    refused_client(OPTIONS(.ciphers = "ECDHE+AESGCM:AES128-GCM-SHA256"), -EINVAL,
                   "ciphers: AES128-GCM-SHA256 is not ECDHE with AEAD; that needs "
                   "insecure_ciphers");
    refused_client(OPTIONS(.ciphers = "ECDHE-RSA-AES128-SHA256"), -EINVAL,
                   "ciphers: ECDHE-RSA-AES128-SHA256 is not ECDHE with AEAD; that needs "
                   "insecure_ciphers");
    refused_client(OPTIONS(.ciphers = "DHE-RSA-AES128-GCM-SHA256"), -EINVAL,
                   "ciphers: DHE-RSA-AES128-GCM-SHA256 is not ECDHE with AEAD; that needs "
                   "insecure_ciphers");
    refused_client(OPTIONS(.ciphersuites = "NONSENSE"), -EINVAL, "ciphersuites: no cipher match");
    refused_client(OPTIONS(.groups = "P-256:nonsense"), -EINVAL,
                   "groups: passed invalid argument (group 'nonsense' cannot be set)");
    refused_client(OPTIONS(.alpn = empty, .alpn_count = 1), -EINVAL,
                   "alpn: a protocol's name has 1 to 255 bytes");
    refused_client(OPTIONS(.alpn = null, .alpn_count = 1), -EINVAL,
                   "alpn: a protocol's name has 1 to 255 bytes");
    refused_client(OPTIONS(.alpn = too_long, .alpn_count = 1), -EINVAL,
                   "alpn: a protocol's name has 1 to 255 bytes");
}

/* ---- files ---- */

static void test_missing_files(void **state)
{
    (void)state;
    refused_server(OPTIONS(.cert_file = "no.pem"), -ENOENT, "no.pem: No such file or directory");
    refused_client(OPTIONS(.ca_file = "no.pem"), -ENOENT, "no.pem: No such file or directory");
    refused_client(OPTIONS(.ca_dir = "no"), -ENOENT, "no: No such file or directory");
    refused_client(OPTIONS(.crl_file = "no.pem"), -ENOENT, "no.pem: No such file or directory");
    refused_client(OPTIONS(.ca_file = "."), -EISDIR, ".: Is a directory");
    refused_client(OPTIONS(.keylog_file = "no/keys"), -ENOENT,
                   "keylog_file no/keys: No such file or directory");
    refused_with(MORE(.ocsp_response_file = "no.der"), -ENOENT,
                 "no.der: No such file or directory");
    folder_make_file("file", "x");
    refused_client(OPTIONS(.ca_dir = "file"), -ENOTDIR, "file: Not a directory");
}

static void test_bad_files(void **state)
{
    static const char broken[] = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

    (void)state;
    folder_make_file("empty", "");
    folder_make_file("text", "This is not PEM.\n");
    folder_make_file("broken", broken);
    folder_make_file("base64", "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n");
    refused_server(OPTIONS(.cert_file = "empty"), GYRE_ETLSCERT, "empty: is empty");
    refused_server(OPTIONS(.cert_file = "text"), GYRE_ETLSCERT, "text: has no certificate");
    refused_server(OPTIONS(.cert_file = "broken"), GYRE_ETLSCERT, "broken: wrong tag");
    refused_server(OPTIONS(.cert_file = "base64"), GYRE_ETLSCERT, "base64: bad base64 decode");
    refused_server(OPTIONS(.cert_pem = party->key, .cert_pem_size = strlen(party->key)),
                   GYRE_ETLSCERT, "cert_pem: has no certificate");
    refused_client(OPTIONS(.ca_file = "empty"), GYRE_ETLSCERT, "empty: is empty");
    refused_client(OPTIONS(.ca_file = "text"), GYRE_ETLSCERT, "text: has no certificate");
    refused_client(OPTIONS(.ca_file = "broken"), GYRE_ETLSCERT, "broken: wrong tag");
    refused_client(OPTIONS(.ca_pem = broken, .ca_pem_size = 40), GYRE_ETLSCERT,
                   "ca_pem: bad end line");
    refused_client(OPTIONS(.ca_pem = party->key, .ca_pem_size = strlen(party->key)), GYRE_ETLSCERT,
                   "ca_pem: has no certificate");
    refused_client(OPTIONS(.crl_file = "text"), GYRE_ETLSCERT, "text: has no revocation list");
    refused_with(MORE(.ocsp_response_file = "text"), GYRE_ETLSCERT,
                 "text: is not an OCSP response in DER");
}

/* ---- keys ---- */

static gyre_tls_options with_key(const char *chain, const char *key, const char *password)
{
    return (gyre_tls_options){.cert_pem = chain,
                              .cert_pem_size = strlen(chain),
                              .key_pem = key,
                              .key_pem_size = strlen(key),
                              .key_password = password};
}

static void test_keys(void **state)
{
    char *encrypted = ca_key_pem(party->leaf, "secret"), *other = ca_key_pem(party->root, NULL);
    ca_cert *rsa = ca_make(&(ca_options){.rsa_bits = 2048});
    char *other_kind = ca_key_pem(rsa, NULL), longest[2000];
    gyre_tls_options options = with_key(party->chain, other, NULL);
    gyre_tls_context *context;

    (void)state;
    refused_server(&options, GYRE_ETLSCERT, "key_pem: the key does not belong to the certificate");
    options = with_key(party->chain, other_kind, NULL);
    refused_server(&options, GYRE_ETLSCERT, "key_pem: the key does not belong to the certificate");
    options = with_key(party->chain, encrypted, NULL);
    refused_server(&options, GYRE_ETLSCERT,
                   "key_pem: the key is encrypted, and no key_password is given");
    options = with_key(party->chain, encrypted, "wrong");
    refused_server(&options, GYRE_ETLSCERT, "key_pem: key_password is wrong");
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    options = with_key(party->chain, encrypted, longest);
    refused_server(&options, GYRE_ETLSCERT, "key_pem: key_password is too long");
    options = with_key(party->chain, party->chain, NULL);
    refused_server(&options, GYRE_ETLSCERT, "key_pem: has no private key");
    options = (gyre_tls_options){.cert_pem = party->chain, .cert_pem_size = strlen(party->chain)};
    refused_server(&options, GYRE_ETLSCERT, "cert_pem: has no private key");
    options = with_key(party->chain, encrypted, "secret");
    assert_int_equal(gyre_tls_server_context(&options, &context), 0);
    gyre_tls_context_unref(context);
    ca_free(rsa);
    free(other_kind);
    free(other);
    free(encrypted);
}

static void test_weak(void **state)
{
    ca_cert *weak = ca_make(&(ca_options){.rsa_bits = 1024, .issuer = party->root});
    ca_cert *sha1 = ca_make(&(ca_options){.digest = "SHA1", .issuer = party->root});
    char *weak_pem = ca_pem(weak), *weak_key = ca_key_pem(weak, NULL);
    char *sha1_pem = ca_pem(sha1), *sha1_key = ca_key_pem(sha1, NULL);
    gyre_tls_options options = with_key(weak_pem, weak_key, NULL);

    (void)state;
    refused_server(&options, GYRE_ETLSCERT, "cert_pem: ee key too small");
    options = with_key(sha1_pem, sha1_key, NULL);
    refused_server(&options, GYRE_ETLSCERT, "cert_pem: ca md too weak");
    ca_free(weak);
    ca_free(sha1);
    free(weak_pem);
    free(weak_key);
    free(sha1_pem);
    free(sha1_key);
}

/* ---- what works ---- */

/* One meeting that must go well. */
static void assert_meet(gyre_tls_context *client, gyre_tls_context *server)
{
    tls_pair pair;

    assert_int_equal(tls_pair_open(&pair, client, server, "www.example"), 0);
    assert_true(tls_pair_run(&pair, 0));
    assert_string_equal(pair.client.text, "");
    assert_string_equal(pair.server.text, "");
    assert_int_equal(pair.client.code, 0);
    assert_int_equal(pair.server.code, 0);
    tls_pair_close(&pair);
}

/* Certificate and key in one file, in either order; the root from a file and from a folder. */
static void test_files(void **state)
{
    gyre_tls_options client_options = {.ca_file = "root.pem"}, server_options = {.cert_file = "b"};
    gyre_tls_context *client, *server;
    char *both = ca_join(ca_pem(party->leaf), party->key);

    (void)state;
    folder_make_file("root.pem", party->trusted);
    folder_make_file("b", both);
    free(both);
    assert_int_equal(gyre_tls_client_context(&client_options, &client), 0);
    assert_int_equal(gyre_tls_server_context(&server_options, &server), 0);
    assert_meet(client, server);
    gyre_tls_context_unref(server);
    both = ca_join(ca_key_pem(party->leaf, NULL), party->chain);
    folder_make_file("b", both);
    free(both);
    assert_int_equal(gyre_tls_server_context(&server_options, &server), 0);
    assert_meet(client, server);
    gyre_tls_context_unref(client);
    client_options = (gyre_tls_options){.ca_dir = "."};
    assert_int_equal(gyre_tls_client_context(&client_options, &client), 0);
    if (system("openssl rehash . >/dev/null 2>&1") == 0)
        assert_meet(client, server);
    else
        print_message("no openssl rehash: a folder of trusted certificates is not tried\n");
    gyre_tls_context_unref(client);
    gyre_tls_context_unref(server);
}

/* The default is the system's store: what OpenSSL takes for it. */
static void test_system_store(void **state)
{
    gyre_tls_context *server = tls_party_server(party, NULL), *client;

    (void)state;
    folder_make_file("root.pem", party->trusted);
    setenv("SSL_CERT_FILE", "root.pem", 1);
    assert_int_equal(gyre_tls_client_context(NULL, &client), 0);
    assert_meet(client, server);
    gyre_tls_context_unref(client);
    unsetenv("SSL_CERT_FILE");
    gyre_tls_context_unref(server);
}

static void test_keylog(void **state)
{
    gyre_tls_options options = {.keylog_file = "keys"};
    gyre_tls_context *client = tls_party_client(party, &options);
    gyre_tls_context *server = tls_party_server(party, NULL);
    struct stat status;
    char text[4096];
    size_t size;
    FILE *file;

    (void)state;
    assert_meet(client, server);
    assert_int_equal(stat("keys", &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    file = fopen("keys", "r");
    size = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[size] = '\0';
    assert_non_null(strstr(text, "CLIENT_HANDSHAKE_TRAFFIC_SECRET "));
    assert_non_null(strstr(text, "SERVER_TRAFFIC_SECRET_0 "));
    assert_int_equal(text[size - 1], '\n');
    gyre_tls_context_unref(client);
    gyre_tls_context_unref(server);
}

/* Everything is copied: the options may go. */
static void test_copied(void **state)
{
    char protocol[] = "proto", *chain = strdup(party->chain), *key = strdup(party->key);
    const char *alpn[] = {protocol};
    gyre_tls_options options = with_key(chain, key, NULL);
    gyre_tls_context *client, *server;
    tls_pair pair;

    (void)state;
    options.alpn = alpn;
    options.alpn_count = 1;
    options.alpn_required = true;
    assert_int_equal(gyre_tls_server_context(&options, &server), 0);
    client = tls_party_client(party, &(gyre_tls_options){.alpn = alpn, .alpn_count = 1});
    memset(protocol, 'x', sizeof(protocol));
    memset(chain, 'x', strlen(chain));
    memset(key, 'x', strlen(key));
    free(chain);
    free(key);
    memset(&options, 0xff, sizeof(options));
    assert_int_equal(tls_pair_open(&pair, client, server, "www.example"), 0);
    assert_true(tls_pair_run(&pair, 0));
    assert_string_equal(gyre_tls_engine_alpn(pair.client.engine), "proto");
    tls_pair_close(&pair);
    gyre_tls_context_unref(client);
    gyre_tls_context_unref(server);
}

static void test_settings(void **state)
{
    gyre_tls_context *context = tls_party_client(party, NULL);
    const gyre__tls_settings *settings = gyre__tls_context_settings(context);

    (void)state;
    assert_false(gyre_tls_context_is_server(context));
    assert_int_equal(settings->handshake_timeout_ns, 60000000000);
    assert_int_equal(settings->shutdown_timeout_ns, 30000000000);
    assert_ptr_equal(gyre_tls_context_ref(context), context);
    gyre_tls_context_unref(context);
    gyre_tls_context_unref(context);
    context = tls_party_server(
        party, &(gyre_tls_options){.handshake_timeout_ns = -1, .shutdown_timeout_ns = 5});
    settings = gyre__tls_context_settings(context);
    assert_true(gyre_tls_context_is_server(context));
    assert_int_equal(settings->handshake_timeout_ns, -1);
    assert_int_equal(settings->shutdown_timeout_ns, 5);
    gyre_tls_context_unref(context);
    assert_null(gyre_tls_context_ref(NULL));
    gyre_tls_context_unref(NULL);
    assert_non_null(strstr(gyre_tls_library_version(), "OpenSSL 3"));
}

static void test_allocator_too_late(void **state)
{
    (void)state;
    assert_int_equal(gyre_tls_use_allocator(), GYRE_ESTATE);
    assert_string_equal(gyre_error_text(gyre_error_current()),
                        "OpenSSL has allocated memory before gyre_tls_use_allocator()");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contradictions),
        cmocka_unit_test(test_protocol),
        cmocka_unit_test_setup_teardown(test_missing_files, folder_set_up, folder_tear_down),
        cmocka_unit_test_setup_teardown(test_bad_files, folder_set_up, folder_tear_down),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_weak),
        cmocka_unit_test_setup_teardown(test_files, folder_set_up, folder_tear_down),
        cmocka_unit_test_setup_teardown(test_system_store, folder_set_up, folder_tear_down),
        cmocka_unit_test_setup_teardown(test_keylog, folder_set_up, folder_tear_down),
        cmocka_unit_test(test_copied),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_allocator_too_late),
    };

    return cmocka_run_group_tests(tests, make_party, free_party);
}
