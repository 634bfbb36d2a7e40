/*
 * Memory of an idle TLS connection, of ours and of one made with OpenSSL by hand, with 2,000 of
 * each in a process of its own. Prints "tls_idle_mem", "tls_idle_by_hand" and how much ours is over
 * it: resident bytes a connection; what the kernel keeps is not in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include "../support/ca.h"
#include "bench.h"
#include "net/server.h"
#include "task/run.h"
#include "task/sleep.h"

enum { CONNECTIONS = 2000, WARM_UP = 200 };

static char *cert, *key;

/* ---- the other side: says a word, hears it, forgets TLS, and stays until the pipe ends ---- */

struct client {
    int go[2], ready[2];
    pid_t process;
};

/* Else the small messages of a handshake wait for each other. */
static int without_delay(int fd)
{
    const int one = 1;

    bench_check(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0, "TCP_NODELAY");
    return fd;
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    bench_check(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0,
                "connect");
    return without_delay(fd);
}

static void run_client(uint16_t port, int go, int ready)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    char byte;

    for (int i = 0; i < CONNECTIONS + WARM_UP; i++) {
        SSL *ssl = SSL_new(context);

        bench_check(ssl && SSL_set_fd(ssl, connect_to(port)) && SSL_connect(ssl) == 1,
                    "a handshake");
        bench_check(SSL_write(ssl, "x", 1) == 1 && SSL_read(ssl, &byte, 1) == 1, "an echo");
        SSL_free(ssl);
        if (i == WARM_UP - 1)
            bench_check(write(ready, "w", 1) == 1 && read(go, &byte, 1) == 1, "the pipe");
    }
    bench_check(write(ready, "r", 1) == 1, "the pipe");
    _exit(read(go, &byte, 1) != 0);
}

static void start_client(struct client *client, uint16_t port)
{
    bench_check(pipe(client->go) == 0 && pipe(client->ready) == 0, "pipe");
    client->process = fork();
    if (client->process == 0) {
        close(client->go[1]); /* else its own end would keep it waiting */
        run_client(port, client->go[0], client->ready[1]);
    }
}

static void wait_ready(const struct client *client)
{
    char byte;

    bench_check(read(client->ready[0], &byte, 1) == 1, "the client");
}

static bool is_ready(const struct client *client)
{
    char byte;

    return read(client->ready[0], &byte, 1) == 1;
}

static void end_client(const struct client *client)
{
    close(client->go[1]);
    bench_check(waitpid(client->process, NULL, 0) == client->process, "the client");
}

/* ---- ours ---- */

struct session {
    gyre_frame frame;
    gyre_stream *stream;
    size_t size;
    int64_t n;
};
GYRE_CORO(session)
{
    GYRE_BEGIN;
    for (;;) {
        const char *data;

        GYRE_TRY(self->n, gyre_stream_fill(self->stream, 1)); /* idle: no buffer anywhere */
        if (self->n == 0)
            GYRE_RETURN(0);
        data = gyre_stream_peek(self->stream, &self->size);
        self->n = gyre_stream_write_soon(self->stream, data, self->size);
        gyre_stream_consume(self->stream, self->size);
    }
    GYRE_FINALLY;
    gyre_stream_abort(self->stream);
    GYRE_END;
}

struct serve {
    gyre_frame frame;
    double *out;
    gyre_tls_context *tls;
    gyre_server *server;
    struct client client;
    double before;
    int64_t rc;
};
GYRE_CORO(serve)
{
    GYRE_BEGIN;
    self->rc = GYRE_START_SERVER(
        &self->server, ((gyre_server_options){.host = "127.0.0.1", .tls = self->tls}), session);
    bench_check(self->rc == 0, "the server");
    start_client(&self->client, gyre_server_port(self->server));
    fcntl(self->client.ready[0], F_SETFL, O_NONBLOCK);
    while (!is_ready(&self->client))
        GYRE_TRY(gyre_sleep(GYRE_MS(5)));
    self->before = bench_resident();
    bench_check(write(self->client.go[1], "g", 1) == 1, "the pipe");
    while (!is_ready(&self->client))
        GYRE_TRY(gyre_sleep(GYRE_MS(5)));
    GYRE_TRY(gyre_sleep(GYRE_MS(50)));
    bench_check(gyre_server_connections(self->server) == CONNECTIONS + WARM_UP, "2,000 sessions");
    self->out[0] = (bench_resident() - self->before) / CONNECTIONS;
    end_client(&self->client);
    GYRE_TRY(gyre_server_stop(self->server, GYRE_SECONDS(10)));
    gyre_server_free(self->server);
    GYRE_END;
}

static void measure_ours(double *out)
{
    const gyre_tls_options options = {.cert_pem = cert,
                                      .cert_pem_size = strlen(cert),
                                      .key_pem = key,
                                      .key_pem_size = strlen(key),
                                      .insecure_truncation = true /* the clients just go */};
    gyre_tls_context *tls;

    bench_check(gyre_tls_server_context(&options, &tls) == 0, "the context");
    bench_check(GYRE_RUN(serve, .out = out, .tls = tls) >= 0, "the run");
    gyre_tls_context_unref(tls);
}

/* ---- by hand ---- */

static SSL_CTX *context_by_hand(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    BIO *cert_text = BIO_new_mem_buf(cert, -1), *key_text = BIO_new_mem_buf(key, -1);
    X509 *x509 = PEM_read_bio_X509(cert_text, NULL, NULL, NULL);
    EVP_PKEY *own_key = PEM_read_bio_PrivateKey(key_text, NULL, NULL, NULL);

    bench_check(SSL_CTX_use_certificate(context, x509) && SSL_CTX_use_PrivateKey(context, own_key),
                "the certificate");
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF); /* clients get tickets */
    X509_free(x509);
    EVP_PKEY_free(own_key);
    BIO_free(cert_text);
    BIO_free(key_text);
    return context;
}

static void serve_one(SSL_CTX *context, int listener)
{
    SSL *ssl = SSL_new(context);
    char byte;

    bench_check(SSL_set_fd(ssl, without_delay(accept(listener, NULL, NULL))) &&
                    SSL_accept(ssl) == 1,
                "a handshake");
    bench_check(SSL_read(ssl, &byte, 1) == 1 && SSL_write(ssl, &byte, 1) == 1, "an echo");
}

static void measure_by_hand(double *out)
{
    SSL_CTX *context = context_by_hand();
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct client client;
    double before;

    bench_check(bind(listener, (struct sockaddr *)&address, size) == 0 &&
                    listen(listener, 100) == 0 &&
                    getsockname(listener, (struct sockaddr *)&address, &size) == 0,
                "the listener");
    start_client(&client, ntohs(address.sin_port));
    for (int i = 0; i < WARM_UP; i++)
        serve_one(context, listener);
    wait_ready(&client);
    before = bench_resident();
    bench_check(write(client.go[1], "g", 1) == 1, "the pipe");
    for (int i = 0; i < CONNECTIONS; i++)
        serve_one(context, listener);
    wait_ready(&client);
    out[0] = (bench_resident() - before) / CONNECTIONS;

    end_client(&client);
}

/* In a process of its own, whose heap nothing has used. */
static double isolated(void (*measure)(double *out))
{
    double result[1];
    int ends[2];
    pid_t child;

    bench_check(pipe(ends) == 0, "pipe");
    child = fork();
    if (child == 0) {
        measure(result);
        _exit(write(ends[1], result, sizeof(result)) != sizeof(result));
    }
    bench_check(child > 0 && read(ends[0], result, sizeof(result)) == sizeof(result), "a child");
    waitpid(child, NULL, 0);
    return result[0];
}

int main(void)
{
    ca_cert *own = ca_make(&(ca_options){.common_name = "bench", .names = "DNS:localhost"});
    double ours, by_hand;

    cert = ca_pem(own);
    key = ca_key_pem(own, NULL);
    by_hand = isolated(measure_by_hand);
    ours = isolated(measure_ours);
    bench_print("tls_idle_mem", ours, "bytes");
    bench_print("tls_idle_by_hand", by_hand, "bytes");
    bench_print("tls_idle_over", ours - by_hand, "bytes");
    free(cert);
    free(key);
    ca_free(own);
    return 0;
}
