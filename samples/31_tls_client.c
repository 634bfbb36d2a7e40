/* A TLS client that prints what was verified, and what was not. "HOST PORT" asks that server, with the system's CAs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gyre/gyre.h>

#include "throwaway_ca.h"

struct session {
    gyre_frame frame;
    gyre_stream *stream;
    int64_t n;
};
GYRE_CORO(session)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_stream_write(self->stream, "welcome\n", 8));
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
    GYRE_END;
}

static void print_verified(const gyre_tls_engine *tls)
{
    gyre_tls_certificate *cert;

    printf("%s, verified: %s, as %s\n", gyre_tls_engine_version(tls),
           gyre_tls_engine_verified(tls) ? "yes" : "no", gyre_tls_engine_verified_name(tls));
    for (size_t i = 0; i < gyre_tls_engine_chain_length(tls); i++) {
        if (gyre_tls_engine_certificate(tls, i, &cert) < 0)
            return;
        printf("  %zu: %s\n", i, cert->subject);
        gyre_tls_certificate_free(cert);
    }
}

/* Connects and says what came of it; the error's text tells which check failed. */
struct visit {
    gyre_frame frame;
    const char *host, *name; /* name: whom to expect there; NULL: the host */
    uint16_t port;
    gyre_tls_context *tls;
    gyre_stream *stream;
    int64_t n;
};
GYRE_CORO(visit)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->n,
               gyre_open_connection(self->host, self->port,
                                    &(gyre_connect_options){.tls = self->tls,
                                                            .tls_server_name = self->name,
                                                            .timeout_ns = GYRE_SECONDS(10)},
                                    &self->stream));
    if (self->n < 0) {
        printf("%s\n  %s\n", gyre_strerror(self->n), gyre_error_text(gyre_error_current()));
        GYRE_RETURN(0);
    }
    print_verified(gyre_stream_tls(self->stream));
    GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
    GYRE_END;
}

struct show {
    gyre_frame frame;
    gyre_tls_context *server_tls, *tls, *other_tls;
    gyre_server *server;
    int64_t rc;
};
GYRE_CORO(show)
{
    GYRE_BEGIN;
    self->rc = GYRE_START_SERVER(
        &self->server, ((gyre_server_options){.host = "127.0.0.1", .tls = self->server_tls}),
        session);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    GYRE_TRY(GYRE_CALL(visit, .host = "localhost", .port = gyre_server_port(self->server),
                       .tls = self->tls));
    GYRE_TRY(GYRE_CALL(visit, .host = "localhost", .name = "bank.example",
                       .port = gyre_server_port(self->server), .tls = self->tls));
    GYRE_TRY(GYRE_CALL(visit, .host = "localhost", .port = gyre_server_port(self->server),
                       .tls = self->other_tls));
    GYRE_FINALLY;
    gyre_server_free(self->server);
    GYRE_END;
}

int main(int argc, char **argv)
{
    static struct throwaway_ca ca;
    gyre_tls_context *server_tls = NULL, *tls = NULL, *other_tls = NULL;
    int64_t rc = gyre_tls_client_context(NULL, &other_tls); /* trusts the system's CAs */

    if (rc >= 0 && argc > 2) {
        rc = GYRE_RUN(visit, .host = argv[1], .port = (uint16_t)atoi(argv[2]), .tls = other_tls);
    } else if (rc >= 0 && throwaway_ca_make(&ca, "DNS:localhost")) {
        rc = gyre_tls_server_context(
            &(gyre_tls_options){.cert_pem = ca.identity, .cert_pem_size = strlen(ca.identity)},
            &server_tls);
        if (rc >= 0)
            rc = gyre_tls_client_context(
                &(gyre_tls_options){.ca_pem = ca.root, .ca_pem_size = strlen(ca.root)}, &tls);
        if (rc >= 0)
            rc = GYRE_RUN(show, .server_tls = server_tls, .tls = tls, .other_tls = other_tls);
    }
    gyre_tls_context_unref(server_tls);
    gyre_tls_context_unref(tls);
    gyre_tls_context_unref(other_tls);
    if (rc < 0)
        fprintf(stderr, "tls client: %s\n", gyre_strerror(rc));
    return rc < 0;
}
