/* What an engine says was verified: names and addresses that were compared, and nothing else. */
#include "net/tls_engine.h"
#include "support/tls_pair.h"
#include "support/tls_party.h"
#include "support/unit.h"

static tls_party *party;
static gyre_tls_context *server;

/* Twice, as the second time the session is resumed. */
static void expect(const gyre_tls_options *options, const char *host, const char *verified)
{
    gyre_tls_context *client = tls_party_client(party, options);

    for (int i = 0; i < 2; i++) {
        tls_pair pair;

        assert_int_equal(tls_pair_open(&pair, client, server, host), 0);
        assert_true(tls_pair_run(&pair, 0));
        assert_int_equal(pair.client.code, 0);
        assert_true(gyre_tls_engine_resumed(pair.client.engine) == (i == 1));
        assert_string_equal(gyre_tls_engine_verified_name(pair.client.engine), verified);
        assert_string_equal(gyre_tls_engine_verified_name(pair.server.engine), "");
        tls_pair_close(&pair);
    }
    gyre_tls_context_unref(client);
}

static void names(void **state)
{
    (void)state;
    expect(NULL, "localhost", "localhost");
    expect(NULL, "LOCALHOST.", "localhost");
}

static void addresses(void **state)
{
    static const char *const texts[][2] = {
        {"127.0.0.1", "127.0.0.1"}, {"127.0.0.1.", "127.0.0.1"}, {"::1", "::1"},
        {"[::1]", "::1"},           {"0:0::0:1", "::1"},         {"::1%lo", "::1"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        expect(NULL, texts[i][0], texts[i][1]);
}

/* The certificate is good, but it is not for these; nobody asked. */
static void nothing_compared(void **state)
{
    static const gyre_tls_options lax = {.insecure_no_hostname = true};

    (void)state;
    expect(&lax, "other.example", "");
    expect(&lax, "10.1.2.3", "");
    expect(&lax, "2001:db8::1", "");
}

static void nothing_verified(void **state)
{
    static const gyre_tls_options lax = {.insecure_no_verification = true};

    (void)state;
    expect(&lax, "localhost", "");
    expect(&lax, "127.0.0.1", "");
}

/* What is required is so without a name to compare, too. */
static void no_name(void **state)
{
    static const gyre_tls_options wants[] = {
        {.insecure_no_hostname = true, .ocsp_required = true},
        {.insecure_no_hostname = true, .ocsp_required = true, .max_version = GYRE_TLS_1_2},
        {.insecure_no_hostname = true}};

    (void)state;
    for (size_t i = 0; i < sizeof(wants) / sizeof(wants[0]); i++) {
        gyre_tls_context *client = tls_party_client(party, &wants[i]);
        tls_pair pair;

        assert_int_equal(tls_pair_open(&pair, client, server, NULL), 0);
        assert_true(tls_pair_run(&pair, 0));
        assert_int_equal(pair.client.code, wants[i].ocsp_required ? GYRE_ETLSVERIFY : 0);
        tls_pair_close(&pair);
        gyre_tls_context_unref(client);
    }
}

static int open_party(void **state)
{
    (void)state;
    party = tls_party_new("DNS:localhost,IP:127.0.0.1,IP:::1");
    server = tls_party_server(party, NULL);
    return 0;
}

static int close_party(void **state)
{
    (void)state;
    gyre_tls_context_unref(server);
    tls_party_free(party);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(addresses),
        cmocka_unit_test(nothing_compared),
        cmocka_unit_test(nothing_verified),
        cmocka_unit_test(no_name),
    };

    return cmocka_run_group_tests(tests, open_party, close_party);
}
