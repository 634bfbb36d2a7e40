/* HTTPS keep-alive answers: tls --port N --cert FILE --key FILE, on 127.0.0.1 until a signal. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gyre/gyre.h>

static const char answer[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, world!";

struct session {
    gyre_frame frame;
    gyre_stream *stream;
    int64_t n;
    char buffer[2048];
};

/* As the hand-written peers do: whatever ends with an empty line is a request. */
GYRE_CORO(session)
{
    GYRE_BEGIN;
    for (;;) {
        GYRE_AWAIT(self->n, gyre_stream_read(self->stream, self->buffer, sizeof(self->buffer)));
        if (self->n <= 0)
            break;
        if (self->n < 4 || memcmp(self->buffer + self->n - 4, "\r\n\r\n", 4) != 0)
            continue;
        GYRE_AWAIT(self->n, gyre_stream_write(self->stream, answer, sizeof(answer) - 1));
        if (self->n < 0)
            break;
    }
    GYRE_FINALLY;
    gyre_stream_abort(self->stream);
    GYRE_END;
}

static int64_t on_term(gyre_loop *loop, void *task)
{
    (void)loop;
    gyre_task_cancel(task);
    return 0;
}

struct serve {
    gyre_frame frame;
    uint16_t port;
    gyre_tls_context *context;
    gyre_server *server;
    int64_t rc;
};
GYRE_CORO(serve)
{
    GYRE_BEGIN;
    gyre_loop_add_signal_handler(gyre_loop_current(), SIGTERM, on_term, gyre_task_current());
    self->rc = GYRE_START_SERVER(
        &self->server,
        ((gyre_server_options){
            .host = "127.0.0.1", .port = self->port, .backlog = 1024, .tls = self->context}),
        session);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    GYRE_TRY(gyre_sleep(GYRE_FOREVER));
    GYRE_FINALLY;
    gyre_server_free(self->server);
    GYRE_END;
}

int main(int argc, char **argv)
{
    gyre_tls_options options = {0};
    gyre_tls_context *context;
    int port = 0;
    int64_t rc;

    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--port"))
            port = atoi(argv[i + 1]);
        else if (!strcmp(argv[i], "--cert"))
            options.cert_file = argv[i + 1];
        else if (!strcmp(argv[i], "--key"))
            options.key_file = argv[i + 1];
    }
    rc = gyre_tls_server_context(&options, &context);
    if (rc >= 0) {
        rc = GYRE_RUN(serve, .port = (uint16_t)port, .context = context);
        gyre_tls_context_unref(context);
    }
    if (rc < 0 && rc != GYRE_ECANCELLED)
        fprintf(stderr, "tls: %s: %s\n", gyre_strerror(rc), gyre_error_text(gyre_error_current()));
    return rc < 0 && rc != GYRE_ECANCELLED;
}
