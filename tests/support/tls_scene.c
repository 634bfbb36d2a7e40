/* Plays scenes: makes their certificates and contexts, lets two engines meet, compares. */
#include "tls_scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tls_pair.h"
#include "unit.h"

enum { DAY = 86400 };

/* What was made for a scene. */
struct props {
    ca_cert *root, *stranger, *middle, *leaf, *client_leaf;
    char *chain, *key;               /* the server's */
    char *client_chain, *client_key; /* the client's */
    char *trusted;                   /* by the client */
    char *authorities;               /* trusted by the server */
    char crl_file[64], ocsp_file[64];
};

static ca_cert *make(const ca_options *options, ca_cert *issuer)
{
    ca_options copy = *options;

    copy.issuer = issuer;
    return ca_make(&copy);
}

static ca_cert *signer(const struct props *props, scene_signer by)
{
    switch (by) {
    case BY_MIDDLE:
        return props->middle;
    case BY_STRANGER:
        return props->stranger;
    case BY_ITSELF:
        return NULL;
    case BY_ROOT:
    default:
        return props->root;
    }
}

static void write_file(const char *name, const void *data, size_t size)
{
    FILE *file = fopen(name, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    fclose(file);
}

static void make_certificates(const scene *play, struct props *props)
{
    static const ca_options good_root = {.common_name = "Root", .authority = true},
                            stranger = {.common_name = "Stranger", .authority = true};

    props->root = make(play->root.common_name ? &play->root : &good_root, NULL);
    props->stranger = make(&stranger, NULL);
    if (play->middle.common_name)
        props->middle = make(&play->middle, props->root);
    props->leaf = make(&play->leaf, signer(props, play->by));
    props->chain = ca_pem(props->leaf);
    props->key = ca_key_pem(props->leaf, NULL);
    if (props->middle && !play->hide_middle) {
        char *pem = ca_pem(props->middle);

        props->chain = ca_join(props->chain, pem);
        free(pem);
    }
    props->trusted = ca_pem(play->trust_middle ? props->middle : props->root);
    if (play->trust_leaf)
        props->trusted = ca_join(props->trusted, props->chain);
    props->authorities = ca_pem(props->root);
    if (play->client_shows) {
        props->client_leaf = make(&play->client_leaf, signer(props, play->client_by));
        props->client_chain = ca_pem(props->client_leaf);
        props->client_key = ca_key_pem(props->client_leaf, NULL);
    }
}

static void make_crl(const scene *play, struct props *props)
{
    const ca_cert *revoked = props->client_leaf ? props->client_leaf : props->leaf;
    char *pem;

    if (!play->crl)
        return;
    if (play->crl != CRL_LEAF)
        revoked = play->crl == CRL_MIDDLE ? props->middle : NULL;
    pem = ca_crl(play->crl == CRL_OF_STRANGER ? props->stranger : props->root, revoked,
                 play->crl == CRL_STALE ? -60 : 0);
    if (play->crl == CRL_MIDDLE) {
        char *lower = ca_crl(props->middle, NULL, 0);

        pem = ca_join(pem, lower);
        free(lower);
    }
    snprintf(props->crl_file, sizeof(props->crl_file), "/tmp/gyre-crl-%d.pem", (int)getpid());
    write_file(props->crl_file, pem, strlen(pem));
    free(pem);
}

static void make_ocsp(const scene *play, struct props *props)
{
    static const ca_ocsp_status status[] = {
        [OCSP_GOOD] = CA_OCSP_GOOD,       [OCSP_REVOKED] = CA_OCSP_REVOKED,
        [OCSP_UNKNOWN] = CA_OCSP_UNKNOWN, [OCSP_STALE] = CA_OCSP_GOOD,
        [OCSP_FORGED] = CA_OCSP_GOOD,     [OCSP_OF_OTHER] = CA_OCSP_GOOD};
    unsigned char *der;
    size_t size;

    if (!play->ocsp)
        return;
    der = ca_ocsp(play->ocsp == OCSP_OF_OTHER ? props->root : props->leaf,
                  play->ocsp == OCSP_FORGED ? props->stranger : props->root, status[play->ocsp],
                  play->ocsp == OCSP_STALE ? -DAY / 2 : 0, &size);
    snprintf(props->ocsp_file, sizeof(props->ocsp_file), "/tmp/gyre-ocsp-%d.der", (int)getpid());
    write_file(props->ocsp_file, der, size);
    free(der);
}

static void clear_away(struct props *props)
{
    ca_free(props->client_leaf);
    ca_free(props->leaf);
    ca_free(props->middle);
    ca_free(props->stranger);
    ca_free(props->root);
    free(props->chain);
    free(props->key);
    free(props->client_chain);
    free(props->client_key);
    free(props->trusted);
    free(props->authorities);
    if (*props->crl_file)
        unlink(props->crl_file);
    if (*props->ocsp_file)
        unlink(props->ocsp_file);
}

/* ---- contexts ---- */

static void check_made(int64_t rc)
{
    if (rc < 0)
        fail_msg("%s: %s", gyre_err_name(rc), gyre_error_text(gyre_error_current()));
}

static gyre_tls_context *client_context(const scene *play, const struct props *props, int version)
{
    gyre_tls_options options = play->client;
    gyre_tls_context *context;

    options.ca_pem = props->trusted;
    options.ca_pem_size = strlen(props->trusted);
    if (props->client_chain) {
        options.cert_pem = props->client_chain;
        options.cert_pem_size = strlen(props->client_chain);
        options.key_pem = props->client_key;
        options.key_pem_size = strlen(props->client_key);
    } else if (*props->crl_file) {
        options.crl_file = props->crl_file;
    }
    if (version)
        options.max_version = version;
    check_made(gyre_tls_client_context(&options, &context));
    return context;
}

static gyre_tls_context *server_context(const scene *play, const struct props *props)
{
    gyre_tls_options options = play->server;
    gyre_tls_context *context;

    options.cert_pem = props->chain;
    options.cert_pem_size = strlen(props->chain);
    options.key_pem = props->key;
    options.key_pem_size = strlen(props->key);
    if (options.client_auth) {
        options.ca_pem = props->authorities;
        options.ca_pem_size = strlen(props->authorities);
    }
    if (props->client_chain && *props->crl_file)
        options.crl_file = props->crl_file;
    if (*props->ocsp_file)
        options.ocsp_response_file = props->ocsp_file;
    check_made(gyre_tls_server_context(&options, &context));
    return context;
}

/* ---- the play ---- */

static void compare(const char *who, const tls_side *side, int64_t code, const char *text,
                    const char *how)
{
    if (side->code != code)
        fail_msg("%s, %s: %s \"%s\" instead of %s \"%s\"", how, who, gyre_err_name(side->code),
                 side->text, gyre_err_name(code), text ? text : "");
    if (strcmp(side->text, text ? text : "") != 0)
        fail_msg("%s, %s:\n  \"%s\" instead of\n  \"%s\"", how, who, side->text, text ? text : "");
}

static void meet(const scene *play, gyre_tls_context *client, gyre_tls_context *server, size_t step,
                 const char *how)
{
    tls_pair pair;
    int64_t rc = tls_pair_open(&pair, client, server, play->host ? play->host : "www.example");

    if (rc == 0) {
        pair.client.cut = play->cut_client;
        pair.server.cut = play->cut_server;
        if (!tls_pair_run(&pair, step))
            fail_msg("%s: no end", how);
        compare("server", &pair.server, play->server_code, play->server_text, how);
        if (play->server_code == 0)
            assert_memory_equal(pair.server.heard, "ping", sizeof("ping"));
    }
    compare("client", &pair.client, play->client_code, play->client_text, how);
    if (play->client_code == 0)
        assert_memory_equal(pair.client.heard, "pong", sizeof("pong"));
    tls_pair_close(&pair);
}

static void perform(const scene *play, const struct props *props, int version)
{
    gyre_tls_context *client = client_context(play, props, version);
    gyre_tls_context *server = server_context(play, props);
    char how[64];

    snprintf(how, sizeof(how), "%s, whole", version == GYRE_TLS_1_2 ? "TLS 1.2" : "TLS");
    meet(play, client, server, 0, how);
    gyre_tls_context_forget_sessions(client); /* the next handshake shall be a full one, too */
    snprintf(how, sizeof(how), "%s, by bytes", version == GYRE_TLS_1_2 ? "TLS 1.2" : "TLS");
    meet(play, client, server, 1, how);
    gyre_tls_context_unref(client);
    gyre_tls_context_unref(server);
}

void scene_play(const scene *play)
{
    struct props props = {0};

    make_certificates(play, &props);
    make_crl(play, &props);
    make_ocsp(play, &props);
    perform(play, &props, 0);
    if (!play->one_version)
        perform(play, &props, GYRE_TLS_1_2);
    clear_away(&props);
}

static void test_scene(void **state)
{
    scene_play(*state);
}

int scene_run_all(const char *group, const scene *scenes, size_t n, const struct CMUnitTest *tests,
                  size_t test_count)
{
    struct CMUnitTest *all = calloc(n + test_count, sizeof(*all));
    int failed;

    for (size_t i = 0; i < n; i++)
        all[i] = (struct CMUnitTest){
            .name = scenes[i].what, .test_func = test_scene, .initial_state = (void *)&scenes[i]};
    if (test_count)
        memcpy(all + n, tests, test_count * sizeof(*all));
    failed = _cmocka_run_group_tests(group, all, n + test_count, NULL, NULL);
    free(all);
    return failed;
}
