/*
 * CPU time of a server's handshake: gyre's engine against OpenSSL by hand on memory BIOs, the client
 * being the same. Prints the median of many short turns that alternate, and the ratio of the two.
 */
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "../support/ca.h"
#include "bench.h"
#include "net/tls_engine.h"

enum { TURNS = 40, HANDSHAKES = 25 };

static char *cert, *key;

/* ---- the client, and by hand the server: an SSL between two memory BIOs ---- */

struct raw {
    SSL *ssl;
    BIO *in, *out; /* the SSL's */
};

static void raw_open(struct raw *raw, SSL_CTX *context, SSL_SESSION *session)
{
    raw->ssl = SSL_new(context);
    raw->in = BIO_new(BIO_s_mem());
    raw->out = BIO_new(BIO_s_mem());
    bench_check(raw->ssl && raw->in && raw->out, "SSL_new");
    SSL_set_bio(raw->ssl, raw->in, raw->out);
    if (session)
        SSL_set_session(raw->ssl, session);
}

/* The client's session is worth keeping when it has read what the server sent after the handshake. */
static void client_step(struct raw *client)
{
    char byte;

    if (!SSL_is_init_finished(client->ssl))
        SSL_connect(client->ssl);
    else
        SSL_read(client->ssl, &byte, 1);
}

/* ---- servers: what they do with what has come; it is timed ---- */

struct server {
    SSL_CTX *by_hand;
    gyre_tls_context *ours;
};

struct side {
    struct raw raw; /* by hand */
    gyre_tls_engine *engine;
};

static void server_open(struct side *side, const struct server *server)
{
    if (server->by_hand) {
        raw_open(&side->raw, server->by_hand, NULL);
        SSL_set_accept_state(side->raw.ssl);
    } else {
        bench_check(gyre_tls_engine_new(server->ours, NULL, &side->engine) == 0, "an engine");
    }
}

static void server_step(struct side *side, const struct server *server, const char *data, int size)
{
    char byte;

    if (server->by_hand) {
        BIO_write(side->raw.in, data, size);
        SSL_read(side->raw.ssl, &byte, 1); /* does the handshake as well */
    } else {
        bench_check(gyre_tls_engine_feed(side->engine, data, (size_t)size) == 0, "feeding");
        if (gyre_tls_engine_handshake(side->engine) == 0)
            bench_check(gyre_tls_engine_read(side->engine, &byte, 1) < 0, "reading nothing");
    }
}

/* Hands the output to the client; how much that was. */
static size_t server_answer(struct side *side, const struct server *server, BIO *to)
{
    size_t size;
    const char *data;
    char *text;

    if (server->by_hand) {
        size = (size_t)BIO_get_mem_data(side->raw.out, &text);
        if (size)
            BIO_write(to, text, (int)size);
        (void)BIO_reset(side->raw.out);
    } else {
        data = gyre_tls_engine_output(side->engine, &size);
        if (size)
            BIO_write(to, data, (int)size);
        gyre_tls_engine_sent(side->engine, size);
    }
    return size;
}

static void server_close(struct side *side, const struct server *server)
{
    if (server->by_hand)
        SSL_free(side->raw.ssl);
    else
        gyre_tls_engine_free(side->engine);
}

/* ---- measuring ---- */

struct kind {
    const char *name;
    int version;
    bool resumed;
};

/* Nanoseconds of the server's; *session: resumed if there is one, and the new one. */
static double handshake(const struct server *server, SSL_CTX *client_context, SSL_SESSION **session)
{
    struct raw client;
    struct side side;
    double spent = 0, begin;
    bool reused = *session != NULL;
    size_t moved;

    raw_open(&client, client_context, *session);
    begin = bench_cpu_ns();
    server_open(&side, server);
    spent += bench_cpu_ns() - begin;
    do {
        char *text;
        long size;

        client_step(&client);
        size = BIO_get_mem_data(client.out, &text);
        moved = (size_t)size;
        if (size) {
            begin = bench_cpu_ns();
            server_step(&side, server, text, (int)size);
            spent += bench_cpu_ns() - begin;
        }
        (void)BIO_reset(client.out);
        moved += server_answer(&side, server, client.in);
    } while (moved);
    bench_check(SSL_is_init_finished(client.ssl), "the handshake");
    bench_check(reused == (SSL_session_reused(client.ssl) == 1), "the resumption");
    if (*session)
        SSL_SESSION_free(*session);
    *session = SSL_get1_session(client.ssl);
    SSL_set_shutdown(client.ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); /* else it is bad */
    SSL_free(client.ssl);
    begin = bench_cpu_ns();
    server_close(&side, server);
    return spent + bench_cpu_ns() - begin;
}

static double turn(const struct server *server, SSL_CTX *client_context, bool resumed)
{
    SSL_SESSION *session = NULL;
    double spent = 0;

    if (resumed)
        handshake(server, client_context, &session);
    for (int i = 0; i < HANDSHAKES; i++) {
        if (!resumed) {
            SSL_SESSION_free(session);
            session = NULL;
        }
        spent += handshake(server, client_context, &session);
    }
    SSL_SESSION_free(session);
    return spent / HANDSHAKES;
}

static double median(double *figures)
{
    qsort(figures, TURNS, sizeof(*figures), bench_compare);
    return figures[TURNS / 2];
}

static void measure(const struct kind *kind, const struct server *servers)
{
    static double figures[2][TURNS], ratios[TURNS];
    SSL_CTX *client = SSL_CTX_new(TLS_client_method());
    char name[64];

    SSL_CTX_set_max_proto_version(client, kind->version);
    for (int i = 0; i < TURNS; i++) {
        for (int j = 0; j < 2; j++) {
            int which = (i + j) % 2; /* each comes first as often as the other one */

            figures[which][i] = turn(&servers[which], client, kind->resumed);
        }
        ratios[i] = figures[0][i] / figures[1][i];
    }
    snprintf(name, sizeof(name), "tls_%s", kind->name);
    bench_print(name, median(figures[0]), "ns");
    snprintf(name, sizeof(name), "tls_%s_by_hand", kind->name);
    bench_print(name, median(figures[1]), "ns");
    snprintf(name, sizeof(name), "tls_%s_ratio", kind->name);
    bench_print(name, median(ratios), "");
    SSL_CTX_free(client);
}

static SSL_CTX *context_by_hand(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    BIO *cert_text = BIO_new_mem_buf(cert, -1), *key_text = BIO_new_mem_buf(key, -1);
    X509 *x509 = PEM_read_bio_X509(cert_text, NULL, NULL, NULL);
    EVP_PKEY *own_key = PEM_read_bio_PrivateKey(key_text, NULL, NULL, NULL);

    bench_check(SSL_CTX_use_certificate(context, x509) && SSL_CTX_use_PrivateKey(context, own_key),
                "the certificate");
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_id_context(context, (const unsigned char *)"b", 1);
    X509_free(x509);
    EVP_PKEY_free(own_key);
    BIO_free(cert_text);
    BIO_free(key_text);
    return context;
}

int main(int argc, char **argv)
{
    static const struct kind kinds[] = {{"full_13", TLS1_3_VERSION, false},
                                        {"full_12", TLS1_2_VERSION, false},
                                        {"resumed_13", TLS1_3_VERSION, true},
                                        {"resumed_12", TLS1_2_VERSION, true}};
    ca_cert *own = ca_make(&(ca_options){.common_name = "bench", .names = "DNS:localhost"});
    struct server servers[2] = {{NULL, NULL}, {NULL, NULL}};
    gyre_tls_options options = {0};

    (void)argc;
    bench_only = argv + 1;
    options.cert_pem = cert = ca_pem(own);
    options.cert_pem_size = strlen(cert);
    options.key_pem = key = ca_key_pem(own, NULL);
    options.key_pem_size = strlen(key);
    bench_check(gyre_tls_server_context(&options, &servers[0].ours) == 0, "the context");
    servers[1].by_hand = context_by_hand();
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (bench_wanted(kinds[i].name))
            measure(&kinds[i], servers);
    gyre_tls_context_unref(servers[0].ours);
    SSL_CTX_free(servers[1].by_hand);
    free(cert);
    free(key);
    ca_free(own);
    return 0;
}
