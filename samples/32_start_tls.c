/* A talk that begins in the clear and goes on in TLS, on the same connection, as mail servers do. */
#include <stdio.h>
#include <string.h>

#include <gyre/gyre.h>

#include "throwaway_ca.h"

static const char *protection(const gyre_stream *stream)
{
    return gyre_stream_tls(stream) ? gyre_tls_engine_version(gyre_stream_tls(stream))
                                   : "in the clear";
}

struct session {
    gyre_frame frame;
    gyre_stream *stream;
    gyre_tls_context *tls;
    const char *line;
    int64_t n;
};
GYRE_CORO(session)
{
    GYRE_BEGIN;
    for (;;) {
        GYRE_TRY(self->n, gyre_stream_readline(self->stream, &self->line));
        if (self->n == 0)
            GYRE_RETURN(0);
        printf("server got, %s: %.*s", protection(self->stream), (int)self->n, self->line);
        if (self->n != 9 || memcmp(self->line, "STARTTLS\n", 9) != 0)
            continue;
        GYRE_TRY(gyre_stream_write(self->stream, "go ahead\n", 9));
        GYRE_TRY(gyre_start_tls(self->stream, self->tls, NULL));
    }
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
    GYRE_END;
}

struct client {
    gyre_frame frame;
    gyre_tls_context *tls;
    gyre_server *server;
    gyre_stream *stream;
    const char *line;
    int64_t n;
};
GYRE_CORO(client)
{
    GYRE_BEGIN;
    GYRE_TRY(
        gyre_open_connection("127.0.0.1", gyre_server_port(self->server), NULL, &self->stream));
    GYRE_TRY(gyre_stream_write(self->stream, "hello\nSTARTTLS\n", 15));
    GYRE_TRY(self->n, gyre_stream_readline(self->stream, &self->line));
    printf("client got, %s: %.*s", protection(self->stream), (int)self->n, self->line);
    /* The certificate must be for this name, wherever the connection goes. */
    GYRE_TRY(gyre_start_tls(self->stream, self->tls,
                            &(gyre_start_tls_options){.server_name = "mail.example"}));
    GYRE_TRY(gyre_stream_write(self->stream, "password: 1234\n", 15));
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
    GYRE_END;
}

struct start {
    gyre_frame frame;
    gyre_tls_context *server_tls, *tls;
    gyre_server *server;
    int64_t rc;
};
GYRE_CORO(start)
{
    GYRE_BEGIN;
    self->rc = GYRE_START_SERVER(&self->server, ((gyre_server_options){.host = "127.0.0.1"}),
                                 session, .tls = self->server_tls);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    GYRE_TRY(GYRE_CALL(client, .tls = self->tls, .server = self->server));
    GYRE_TRY(gyre_server_stop(self->server, GYRE_SECONDS(1)));
    GYRE_FINALLY;
    gyre_server_free(self->server);
    GYRE_END;
}

int main(void)
{
    static struct throwaway_ca ca;
    gyre_tls_context *server_tls = NULL, *tls = NULL;
    int64_t rc = throwaway_ca_make(&ca, "DNS:mail.example") ? 0 : GYRE_ETLSCERT;

    if (rc >= 0)
        rc = gyre_tls_server_context(
            &(gyre_tls_options){.cert_pem = ca.identity, .cert_pem_size = strlen(ca.identity)},
            &server_tls);
    if (rc >= 0)
        rc = gyre_tls_client_context(
            &(gyre_tls_options){.ca_pem = ca.root, .ca_pem_size = strlen(ca.root)}, &tls);
    if (rc >= 0)
        rc = GYRE_RUN(start, .server_tls = server_tls, .tls = tls);
    gyre_tls_context_unref(server_tls);
    gyre_tls_context_unref(tls);
    if (rc < 0)
        fprintf(stderr, "start_tls: %s\n", gyre_strerror(rc));
    return rc < 0;
}
