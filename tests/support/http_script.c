/* A scripted HTTP server. */
#include "http_script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../../task/sleep.h"

struct script_session {
    gyre_frame frame;
    gyre_stream *stream;
    script *script;
    const script_reply *reply;
    const char *data;
    size_t at, size;
    char *request; /* where it is kept */
    size_t *body_size;
    size_t kept, left;
    uint64_t repeats;
    bool is_body;
    int64_t n;
};

static void keep(struct script_session *self, const char *data, size_t size)
{
    if (size > SCRIPT_REQUEST - 1 - self->kept)
        size = SCRIPT_REQUEST - 1 - self->kept;
    memcpy(self->request + self->kept, data, size);
    self->kept += size;
    self->request[self->kept] = '\0';
}

static void begin(struct script_session *self)
{
    script *all = self->script;
    size_t i = all->request_count < SCRIPT_MOST ? all->request_count : SCRIPT_MOST - 1;

    self->request = all->requests[i];
    self->body_size = &all->body_sizes[i];
    *self->body_size = 0;
    all->request_count++;
    self->kept = 0;
    self->reply = &all->replies[all->next];
    if (all->next + 1 < all->reply_count)
        all->next++;
}

static bool is_chunked(const struct script_session *self)
{
    return strcasestr(self->request, "\r\nTransfer-Encoding: chunked") != NULL;
}

static size_t content_length(const struct script_session *self)
{
    const char *found = strcasestr(self->request, "\r\nContent-Length: ");

    return found ? strtoul(found + 18, NULL, 10) : 0;
}

struct script_read_chunks {
    gyre_frame frame;
    struct script_session *session;
    const char *line;
    size_t size;
    int64_t n;
};
GYRE_CORO(script_read_chunks)
{
    GYRE_BEGIN;
    for (;;) {
        GYRE_TRY(self->n, gyre_stream_readline(self->session->stream, &self->line));
        keep(self->session, self->line, (size_t)self->n);
        self->size = strtoul(self->line, NULL, 16);
        if (!self->size)
            break;
        *self->session->body_size += self->size;
        self->size += 2;
        while (self->size) {
            GYRE_TRY(self->n, gyre_stream_fill(self->session->stream, 1));
            if (self->n == 0)
                GYRE_RETURN(GYRE_EINCOMPLETE);
            if ((size_t)self->n > self->size)
                self->n = (int64_t)self->size;
            keep(self->session, gyre_stream_peek(self->session->stream, &(size_t){0}),
                 (size_t)self->n);
            gyre_stream_consume(self->session->stream, (size_t)self->n);
            self->size -= (size_t)self->n;
        }
    }
    do {
        GYRE_TRY(self->n, gyre_stream_readline(self->session->stream, &self->line));
        keep(self->session, self->line, (size_t)self->n);
    } while (self->n > 2);
    GYRE_END;
}

struct script_read_body {
    gyre_frame frame;
    struct script_session *session;
    size_t left;
    int64_t n;
};
GYRE_CORO(script_read_body)
{
    GYRE_BEGIN;
    if (is_chunked(self->session))
        GYRE_TRY(GYRE_CALL(script_read_chunks, .session = self->session));
    self->left = content_length(self->session);
    while (self->left) {
        GYRE_TRY(self->n, gyre_stream_fill(self->session->stream, 1));
        if (self->n == 0)
            GYRE_RETURN(GYRE_EINCOMPLETE);
        if ((size_t)self->n > self->left)
            self->n = (int64_t)self->left;
        keep(self->session, gyre_stream_peek(self->session->stream, &(size_t){0}), (size_t)self->n);
        gyre_stream_consume(self->session->stream, (size_t)self->n);
        *self->session->body_size += (size_t)self->n;
        self->left -= (size_t)self->n;
    }
    GYRE_END;
}

static void reset(struct script_session *self)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};

    setsockopt(gyre_stream_fd(self->stream), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    gyre_stream_abort(self->stream);
    self->stream = NULL;
}

GYRE_CORO(script_session)
{
    GYRE_BEGIN;
    self->script->connections++;
    for (;;) {
        GYRE_TRY(self->n, gyre_stream_read_until(self->stream, "\r\n\r\n", 4, &self->data));
        begin(self);
        keep(self, self->data, (size_t)self->n);
        if (self->reply->before_body)
            GYRE_TRY(gyre_stream_write(self->stream, self->reply->before_body,
                                       strlen(self->reply->before_body)));
        if (!self->reply->early)
            GYRE_TRY(GYRE_CALL(script_read_body, .session = self));
        if (self->reply->delay_ns)
            GYRE_TRY(gyre_sleep(self->reply->delay_ns));
        self->size = self->reply->size ? self->reply->size : strlen(self->reply->bytes);
        if (!self->reply->trickle_ns && self->size)
            GYRE_TRY(gyre_stream_write(self->stream, self->reply->bytes, self->size));
        for (self->at = 0; self->reply->trickle_ns && self->at < self->size; self->at++) {
            GYRE_TRY(gyre_stream_write(self->stream, self->reply->bytes + self->at, 1));
            GYRE_TRY(gyre_sleep(self->reply->trickle_ns));
        }
        for (self->repeats = 0; self->repeats < self->reply->repeat; self->repeats++)
            GYRE_TRY(gyre_stream_write(self->stream, self->reply->tail, strlen(self->reply->tail)));
        if (self->reply->then == SCRIPT_CLOSE)
            GYRE_RETURN(0);
        if (self->reply->then == SCRIPT_STALL)
            GYRE_TRY(gyre_sleep(GYRE_FOREVER));
        if (self->reply->then == SCRIPT_RESET) {
            GYRE_TRY(gyre_stream_flush(self->stream));
            GYRE_TRY(gyre_sleep(GYRE_MS(5)));
            reset(self);
            GYRE_RETURN(0);
        }
    }
    GYRE_FINALLY;
    self->script->ended++;
    GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
    GYRE_RETURN(0); /* what the client does to it is no error of the test */
    GYRE_END;
}

int64_t script_start(script *self, const script_reply *replies, size_t count)
{
    return script_start_tls(self, replies, count, NULL);
}

int64_t script_start_tls(script *self, const script_reply *replies, size_t count,
                         gyre_tls_context *tls)
{
    int64_t rc;

    memset(self, 0, sizeof(*self));
    self->replies = replies;
    self->reply_count = count;
    rc = GYRE_START_SERVER(
        &self->server, ((gyre_server_options){.host = "127.0.0.1", .backlog = 4096, .tls = tls}),
        script_session, .script = self);
    if (rc < 0)
        return rc;
    self->port = gyre_server_port(self->server);
    snprintf(self->url, sizeof(self->url), "%s://127.0.0.1:%u", tls ? "https" : "http", self->port);
    return 0;
}

void script_stop(script *self)
{
    if (!self->server)
        return;
    gyre_server_cancel_clients(self->server);
    gyre_server_free(self->server);
    self->server = NULL;
}

bool script_has(const script *self, size_t i, const char *text)
{
    return i < self->request_count && strstr(self->requests[i], text) != NULL;
}
