/*
 * One end of a TLS connection that tells what happens to it; check_tls_trouble.py drives it.
 *
 *     tls_peer server [cert=F] [key=F] [ca=F] ...     echoes until it is killed; prints its port
 *     tls_peer client port=N [name=HOST] [ca=F] ...   sends, and reads the echo
 *
 * Each line it prints is a thing that happened: "ready TLSv1.3 alpn= peer=CN=x resumed=0",
 * "end", "read: TLS failed (...)", "closed".
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gyre/gyre.h>

static gyre_tls_options options;
static gyre_tls_context *context;
static const char *name = "localhost", *alpn[1];
static uint16_t port;
static bool start_tls; /* begin in the clear */
static bool half;      /* the client ends its side before it reads */
static int times = 1;  /* connections, one after the other */
static size_t amount = 1000;

/* ---- telling ---- */

static int64_t tell(const char *what, int64_t rc)
{
    const char *text = gyre_error_text(gyre_error_current());

    if (rc < 0)
        printf("%s: %s (%s)\n", what, gyre_strerror(rc), text);
    return rc;
}

static void tell_ready(const gyre_stream *stream)
{
    const gyre_tls_engine *tls = gyre_stream_tls(stream);
    gyre_tls_certificate *certificate = NULL;

    if (gyre_tls_engine_chain_length(tls) && gyre_tls_engine_certificate(tls, 0, &certificate) < 0)
        certificate = NULL;
    printf("ready %s alpn=%s peer=%s resumed=%d\n", gyre_tls_engine_version(tls),
           gyre_tls_engine_alpn(tls),
           certificate && gyre_tls_engine_verified(tls) ? certificate->subject : "",
           gyre_tls_engine_resumed(tls));
    gyre_tls_certificate_free(certificate);
}

static void on_tls_error(void *arg, const gyre_address *peer, int64_t error)
{
    (void)arg, (void)peer;
    tell("handshake", error);
}

/* ---- the server ---- */

struct session {
    gyre_frame frame;
    gyre_stream *stream;
    const char *line;
    int64_t n;
    char buffer[5000];
};
GYRE_CORO(session)
{
    GYRE_BEGIN;
    if (start_tls) {
        GYRE_TRY(self->n, gyre_stream_readline(self->stream, &self->line));
        GYRE_TRY(gyre_stream_write(self->stream, "go ahead\n", 9));
        GYRE_AWAIT(self->n, gyre_start_tls(self->stream, context, NULL));
        if (tell("handshake", self->n) < 0)
            GYRE_RETURN(0);
    }
    tell_ready(self->stream);
    for (;;) {
        GYRE_AWAIT(self->n, gyre_stream_read(self->stream, self->buffer, sizeof(self->buffer)));
        if (tell("read", self->n) <= 0)
            break;
        GYRE_AWAIT(self->n, gyre_stream_write(self->stream, self->buffer, (size_t)self->n));
        if (tell("write", self->n) < 0)
            break;
    }
    if (self->n == 0)
        puts("end");
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
    if (tell("close", self->n) == 0)
        puts("closed");
    GYRE_END;
}

struct serve {
    gyre_frame frame;
    gyre_server *server;
    int64_t rc;
};
GYRE_CORO(serve)
{
    GYRE_BEGIN;
    self->rc = GYRE_START_SERVER(&self->server,
                                 ((gyre_server_options){.host = "127.0.0.1",
                                                        .tls = start_tls ? NULL : context,
                                                        .on_tls_error = on_tls_error}),
                                 session);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    printf("port %u\n", gyre_server_port(self->server));
    GYRE_TRY(gyre_sleep(GYRE_FOREVER));
    GYRE_FINALLY;
    gyre_server_free(self->server);
    GYRE_END;
}

/* ---- the client ---- */

static char word(size_t at)
{
    return (char)(at * 7 % 251);
}

struct visit {
    gyre_frame frame;
    gyre_stream *stream;
    const char *line;
    char *data;
    size_t heard;
    int64_t n, rc;
};
GYRE_CORO(visit)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->n,
               gyre_open_connection("127.0.0.1", port,
                                    &(gyre_connect_options){.tls = start_tls ? NULL : context,
                                                            .tls_server_name = name},
                                    &self->stream));
    if (self->n >= 0 && start_tls) {
        GYRE_TRY(gyre_stream_write(self->stream, "STARTTLS\n", 9));
        GYRE_TRY(self->n, gyre_stream_readline(self->stream, &self->line));
        GYRE_AWAIT(self->n, gyre_start_tls(self->stream, context,
                                           &(gyre_start_tls_options){.server_name = name}));
    }
    if (tell("handshake", self->n) < 0)
        GYRE_RETURN(0);
    tell_ready(self->stream);
    self->data = malloc(amount ? amount : 1);
    for (size_t i = 0; i < amount; i++)
        self->data[i] = word(i);
    self->n = gyre_stream_write_soon(self->stream, self->data, amount);
    if (tell("write", self->n) >= 0 && half)
        tell("write_eof", gyre_stream_write_eof(self->stream));
    while (half || self->heard < amount) {
        GYRE_AWAIT(self->n, gyre_stream_read(self->stream, self->data, amount));
        if (tell("read", self->n) <= 0)
            break;
        for (int64_t i = 0; i < self->n; i++)
            if (self->data[i] != word(self->heard++))
                puts("the echo differs");
    }
    if (self->n == 0)
        puts("end");
    printf("heard %zu\n", self->heard);
    GYRE_FINALLY;
    free(self->data);
    self->rc = 0;
    if (self->stream) {
        GYRE_AWAIT(self->rc, gyre_stream_close(self->stream));
        if (tell("close", self->rc) == 0)
            puts("closed");
    }
    GYRE_END;
}

struct visits {
    gyre_frame frame;
    int i;
};
GYRE_CORO(visits)
{
    GYRE_BEGIN;
    for (self->i = 0; self->i < times; self->i++)
        GYRE_TRY(GYRE_CALL(visit));
    GYRE_END;
}

/* ---- words of the command line ---- */

static int version_of(const char *text)
{
    return strcmp(text, "1.2") == 0 ? GYRE_TLS_1_2 : GYRE_TLS_1_3;
}

static bool set(const char *word_, const char *value)
{
    if (!strcmp(word_, "cert"))
        options.cert_file = value;
    else if (!strcmp(word_, "key"))
        options.key_file = value;
    else if (!strcmp(word_, "ca"))
        options.ca_file = value;
    else if (!strcmp(word_, "crl"))
        options.crl_file = value;
    else if (!strcmp(word_, "version"))
        options.min_version = options.max_version = version_of(value);
    else if (!strcmp(word_, "alpn"))
        options.alpn = alpn, options.alpn_count = 1, alpn[0] = value;
    else if (!strcmp(word_, "alpn_required"))
        options.alpn_required = true;
    else if (!strcmp(word_, "client_auth"))
        options.client_auth =
            *value == 'r' ? GYRE_TLS_CLIENT_AUTH_REQUIRED : GYRE_TLS_CLIENT_AUTH_OPTIONAL;
    else if (!strcmp(word_, "cache"))
        options.session_cache = (size_t)atoi(value);
    else if (!strcmp(word_, "truncation"))
        options.insecure_truncation = true;
    else if (!strcmp(word_, "start_tls"))
        start_tls = true;
    else if (!strcmp(word_, "half"))
        half = true;
    else if (!strcmp(word_, "name"))
        name = value;
    else if (!strcmp(word_, "port"))
        port = (uint16_t)atoi(value);
    else if (!strcmp(word_, "times"))
        times = atoi(value);
    else if (!strcmp(word_, "amount"))
        amount = (size_t)atoi(value);
    else
        return false;
    return true;
}

int main(int argc, char **argv)
{
    bool server = argc > 1 && !strcmp(argv[1], "server");
    int64_t rc;

    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 2; i < argc; i++) {
        char *value = strchr(argv[i], '=');

        if (value)
            *value++ = '\0';
        if (!set(argv[i], value ? value : "")) {
            fprintf(stderr, "tls_peer: what is %s?\n", argv[i]);
            return 2;
        }
    }
    rc = server ? gyre_tls_server_context(&options, &context)
                : gyre_tls_client_context(&options, &context);
    if (tell("context", rc) >= 0)
        rc = server ? GYRE_RUN(serve) : GYRE_RUN(visits);
    gyre_tls_context_unref(context);
    if (rc != -EINTR)
        tell("run", rc);
    return rc < 0 && rc != -EINTR;
}
