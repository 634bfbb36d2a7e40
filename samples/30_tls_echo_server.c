/* An echo server that speaks TLS. With "PORT CERT.pem KEY.pem" it serves until Ctrl+C, else it tries itself out. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gyre/gyre.h>

#include "throwaway_ca.h"

/* Begins when the handshake has succeeded; everything about it is as without TLS. */
struct session {
    gyre_frame frame;
    gyre_stream *stream;
    char buffer[4096];
    int64_t n;
};
GYRE_CORO(session)
{
    GYRE_BEGIN;
    for (;;) {
        GYRE_TRY(self->n, gyre_stream_read(self->stream, self->buffer, sizeof(self->buffer)));
        if (self->n == 0)
            GYRE_RETURN(0);
        GYRE_TRY(gyre_stream_write(self->stream, self->buffer, (size_t)self->n));
    }
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
    GYRE_END;
}

/* Without this nobody would hear of clients that do not trust us, or speak no TLS. */
static void on_tls_error(void *arg, const gyre_address *peer, int64_t error)
{
    (void)arg, (void)peer;
    printf("server: a handshake failed: %s\n", gyre_strerror(error));
}

struct try_out {
    gyre_frame frame;
    uint16_t port;
    gyre_tls_context *tls;
    gyre_stream *stream;
    char reply[16];
    int64_t n;
};
GYRE_CORO(try_out)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_open_connection("localhost", self->port,
                                  &(gyre_connect_options){.tls = self->tls}, &self->stream));
    GYRE_TRY(gyre_stream_write(self->stream, "hello, echo", 11));
    GYRE_TRY(gyre_stream_read_exactly(self->stream, self->reply, 11));
    printf("sent 11 bytes, got back: %.11s\n", self->reply);
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
    GYRE_END;
}

struct serve {
    gyre_frame frame;
    uint16_t port;
    gyre_tls_context *tls, *client_tls;
    gyre_server *server;
    int64_t rc;
};
GYRE_CORO(serve)
{
    GYRE_BEGIN;
    self->rc = GYRE_START_SERVER(&self->server,
                                 ((gyre_server_options){.host = "127.0.0.1",
                                                        .port = self->port,
                                                        .tls = self->tls,
                                                        .on_tls_error = on_tls_error}),
                                 session);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    if (self->port)
        GYRE_TRY(gyre_sleep(GYRE_FOREVER));
    GYRE_TRY(GYRE_CALL(try_out, .port = gyre_server_port(self->server), .tls = self->client_tls));
    GYRE_FINALLY;
    if (self->server)
        GYRE_AWAIT(self->rc, gyre_server_stop(self->server, GYRE_SECONDS(1)));
    gyre_server_free(self->server);
    puts("server stopped");
    GYRE_END;
}

int main(int argc, char **argv)
{
    static struct throwaway_ca ca;
    bool real = argc > 3, made = real || throwaway_ca_make(&ca, "DNS:localhost");
    gyre_tls_options options = {.cert_pem = ca.identity, .cert_pem_size = strlen(ca.identity)};
    gyre_tls_context *tls = NULL, *client_tls = NULL;
    int64_t rc = made ? 0 : GYRE_ETLSCERT;

    if (real)
        options = (gyre_tls_options){.cert_file = argv[2], .key_file = argv[3]};
    if (rc >= 0)
        rc = gyre_tls_server_context(&options, &tls);
    options = (gyre_tls_options){.ca_pem = ca.root, .ca_pem_size = strlen(ca.root)};
    if (rc >= 0 && !real)
        rc = gyre_tls_client_context(&options, &client_tls);
    if (rc >= 0)
        rc = GYRE_RUN(serve, .port = real ? (uint16_t)atoi(argv[1]) : 0, .tls = tls,
                      .client_tls = client_tls);
    gyre_tls_context_unref(tls);
    gyre_tls_context_unref(client_tls);
    if (rc < 0 && rc != -EINTR)
        fprintf(stderr, "tls echo server: %s\n", gyre_strerror(rc));
    return rc < 0 && rc != -EINTR;
}
