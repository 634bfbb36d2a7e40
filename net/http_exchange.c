/* One try of a request: a connection, the request over it, the head of the answer. */
#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "../task/timeout.h"
#include "http_client_internal.h"

enum { MOST_INFORMATIONAL = 32 };

/* ---- before and after ---- */

void gyre__http_forget_try(gyre_http_response *r)
{
    gyre__http_parser_reset(&r->parser);
    gyre__http_inflate_fini(&r->inflate);
    gyre_http_headers_clear(&r->upload_trailers);
    gyre_task_unref(r->upload_task);
    r->upload_task = NULL;
    gyre_error_unref(r->upload_detail);
    r->upload_detail = NULL;
    gyre_error_unref(r->error_detail);
    r->error_detail = NULL;
    r->upload_state = GYRE__HTTP_UPLOAD_NONE;
    r->upload_error = r->send_error = r->error = 0;
    r->unsent_body = false;
    r->sent = r->received = 0;
    r->start = r->end = r->piece_size = 0;
    r->informational = 0;
    r->received_any = r->at_end = r->peer_ended = r->may_have_more = false;
    r->framing_done = r->inflating = r->inflate_more = false;
    r->timing.total_ns = 0;
}

static int64_t prepare(gyre_http_response *r)
{
    gyre_http_client *client = r->client;

    if (!r->buffer)
        r->buffer = gyre__http_buffer_take(client);
    if (!r->buffer)
        return -ENOMEM;
    client->stats.requests++;
    client->stats.reuses += r->connection->used;
    r->timing.reused = r->connection->used;
    return gyre__http_compose(r);
}

/* ---- sending ---- */

/* A small body goes out beside the head, in the same packets. */
static bool is_at_once(const gyre_http_response *r)
{
    return !r->has_body || (!r->upload && !r->expect_continue && r->body_size <= GYRE__HTTP_BESIDE);
}

static gyre_await send_head(gyre_http_response *r)
{
    const struct iovec pieces[2] = {
        {.iov_base = r->text.data, .iov_len = r->text.size},
        {.iov_base = (void *)(uintptr_t)r->body, .iov_len = r->body_size},
    };
    size_t count = r->body_size && is_at_once(r) ? 2 : 1;

    return gyre_wait_for(gyre_stream_writev(r->connection->stream, pieces, count),
                         gyre__http_time_left(r, r->timeouts.idle_ns));
}

/* ---- the head of the answer ---- */

struct http_receive_head {
    gyre_frame frame;
    gyre_http_response *r; /* borrowed */
    bool until_continue;
    int64_t n;
};

/* The status of a complete head; 0: more must come. */
static int64_t parse(gyre_http_response *r, bool until_continue)
{
    gyre__http_parser *parser = &r->parser;

    while (r->start < r->end) {
        enum gyre__http_event event = GYRE__HTTP_MORE;
        const char *body;
        size_t body_size;
        int64_t n = gyre__http_parser_next(parser, r->buffer + r->start, r->end - r->start, &event,
                                           &body, &body_size);

        if (n < 0)
            return gyre__http_raise(n, parser->error_text);
        r->start += (size_t)n;
        if (event == GYRE__HTTP_MORE)
            return 0;
        if (event == GYRE__HTTP_HEAD && parser->status == 101)
            return gyre__http_raise(GYRE_EHTTPSYNTAX, "the protocol is switched, unasked");
        if (event == GYRE__HTTP_HEAD && parser->status >= 200)
            return parser->status;
        if (event == GYRE__HTTP_HEAD && ++r->informational > MOST_INFORMATIONAL)
            return gyre__http_raise(GYRE_EHTTPSYNTAX, "too many answers of class 1xx");
        if (event == GYRE__HTTP_HEAD) {
            bool go_on = until_continue && parser->status == 100;

            gyre__http_parser_reset(parser); /* it ends with its head */
            if (go_on)
                return 100;
        }
    }
    return 0;
}

static int64_t received_head_part(gyre_http_response *r, size_t size)
{
    if (!size) {
        r->peer_ended = true;
        return gyre__http_raise(GYRE_EHTTPINCOMPLETE, "the connection ended before the answer did");
    }
    if (!r->received_any)
        r->timing.first_byte_ns += gyre__http_lap(r);
    r->received_any = true;
    r->start = 0;
    r->end = size;
    r->may_have_more = size == GYRE__HTTP_BUFFER;
    return 0;
}

GYRE_CORO(http_receive_head)
{
    GYRE_BEGIN;
    for (;;) {
        self->n = parse(self->r, self->until_continue);
        if (self->n)
            GYRE_RETURN(self->n);
        GYRE_TRY(self->n,
                 gyre_stream_read(self->r->connection->stream, self->r->buffer, GYRE__HTTP_BUFFER));
        self->n = received_head_part(self->r, (size_t)self->n);
        if (self->n < 0)
            GYRE_RETURN(self->n);
    }
    GYRE_END;
}

gyre_await gyre__http_receive_head(gyre_http_response *r, bool until_continue)
{
    return gyre__call(&http_receive_head_coro,
                      &(struct http_receive_head){
                          .frame = {.coro = &http_receive_head_coro, .leaf = true},
                          .r = r,
                          .until_continue = until_continue,
                      });
}

/* ---- a try ---- */

struct http_try {
    gyre_frame frame;
    gyre_http_response *r; /* borrowed */
    gyre_timeout timeout;  /* for the head */
    int64_t rc;
};

/* Of a connection that broke in sending the answer may have come all the same. */
static int64_t after_head_sent(gyre_http_response *r, int64_t rc)
{
    if (rc >= 0 || rc == GYRE_ECANCELLED || rc == -ENOMEM)
        return rc;
    if (rc == GYRE_ETIMEOUT)
        return gyre__http_timed_out(r, "the request not taken", r->timeouts.idle_ns);
    r->send_error = rc;
    return 0;
}

/* When the head must be there; while a body is being sent only the whole is limited. */
static uint64_t head_deadline(const gyre_http_response *r)
{
    uint64_t when = gyre__deadline(r->client->loop, r->timeouts.first_byte_ns);

    if (gyre__http_uploading(r) || when > r->deadline)
        return r->deadline;
    return when;
}

static int64_t head_failed(gyre_http_response *r, int64_t rc)
{
    if (r->upload_state == GYRE__HTTP_UPLOAD_FAILED && rc != GYRE_ECANCELLED) {
        gyre__error_set(gyre_error_ref(r->upload_detail));
        return r->upload_error;
    }
    if (rc == GYRE_ETIMEOUT)
        return gyre__http_timed_out(r, "no answer", r->timeouts.first_byte_ns);
    return r->send_error && rc == GYRE_EHTTPINCOMPLETE ? r->send_error : rc;
}

/* Sends the head, and the body or what will send it; 100 and more: the answer is there already. */
struct http_send_request {
    gyre_frame frame;
    gyre_http_response *r; /* borrowed */
    int64_t status;        /* of an answer that came already */
    int64_t rc;
};

GYRE_CORO(http_send_request)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc, send_head(self->r));
    self->rc = after_head_sent(self->r, self->rc);
    self->r->timing.send_ns += gyre__http_lap(self->r);
    if (self->rc < 0 || is_at_once(self->r) || self->r->send_error)
        GYRE_RETURN(self->rc < 0 ? self->rc : 0);
    if (self->r->expect_continue) {
        GYRE_AWAIT(self->rc,
                   gyre_wait_for(gyre__http_receive_head(self->r, true),
                                 gyre__http_time_left(self->r, self->r->timeouts.continue_ns)));
        self->r->unsent_body = self->rc >= 300;
        if (self->r->unsent_body || (self->rc < 0 && self->rc != GYRE_ETIMEOUT))
            GYRE_RETURN(self->rc);
        self->status = self->rc; /* success without 100: whoever answers while it reads */
    }
    self->rc = gyre__http_upload_start(self->r);
    GYRE_RETURN(self->rc < 0 || self->status < 200 ? self->rc : self->status);
    GYRE_END;
}

GYRE_CORO(http_try)
{
    GYRE_BEGIN;
    GYRE_TRY(self->rc, GYRE_CALL(http_send_request, .r = self->r));
    if (self->rc >= 200)
        GYRE_RETURN(self->rc);
    self->rc = gyre_timeout_enter_at(&self->timeout, head_deadline(self->r));
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    self->r->head_timeout = &self->timeout;
    GYRE_AWAIT(self->rc, gyre__http_receive_head(self->r, false));
    self->r->head_timeout = NULL;
    self->rc = gyre_timeout_exit(&self->timeout, self->rc);
    GYRE_RETURN(self->rc < 0 ? head_failed(self->r, self->rc) : self->rc);
    GYRE_END;
}

/* ---- again ---- */

static bool is_idempotent(const char *method)
{
    static const char *const names[] = {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(method, names[i]) == 0)
            return true;
    return false;
}

static bool is_loss(int64_t rc)
{
    return rc == GYRE_EHTTPINCOMPLETE || rc == -ECONNRESET || rc == -EPIPE || rc == -ECONNABORTED ||
           rc == GYRE_ETLSTRUNCATED || rc == GYRE_ETLSCLOSED;
}

/* A connection that was used before may have been closed while the request was on its way. */
static bool was_stale(const gyre_http_response *r, int64_t rc)
{
    bool body_left = !r->upload || r->upload_again || r->upload_state == GYRE__HTTP_UPLOAD_NONE;

    return is_loss(rc) && r->connection->used && !r->received_any && !r->client->options.no_retry &&
           is_idempotent(r->method) && body_left;
}

struct http_exchange {
    gyre_frame frame;
    gyre_http_response *r; /* borrowed */
    int64_t rc;
};

static gyre_await acquire(gyre_http_response *r)
{
    if (r->deadline == UINT64_MAX)
        return gyre__http_acquire(r);
    return gyre_wait_for(gyre__http_acquire(r), gyre__http_time_left(r, GYRE_FOREVER));
}

GYRE_CORO(http_exchange)
{
    GYRE_BEGIN;
    (void)gyre__http_lap(self->r);
    GYRE_AWAIT(self->rc, acquire(self->r));
    self->r->timing.queue_ns += gyre__http_lap(self->r);
    if (self->rc == GYRE_ETIMEOUT)
        self->rc = gyre__http_timed_out(self->r, "no place in the pool", 0);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    for (;;) {
        if (!self->r->connection->stream)
            GYRE_TRY(gyre__http_connect(self->r));
        self->rc = prepare(self->r);
        if (self->rc < 0)
            GYRE_RETURN(self->rc);
        (void)gyre__http_lap(self->r);
        GYRE_AWAIT(self->rc, GYRE_CALL(http_try, .r = self->r));
        if (self->rc >= 0 || !was_stale(self->r, self->rc))
            GYRE_RETURN(self->rc);
        GYRE_TRY(gyre__http_upload_stop(self->r));
        gyre__http_disconnect(self->r->connection, true); /* its place is kept */
        gyre__http_forget_try(self->r);
        self->r->client->stats.stale++;
        self->r->timing.retries++;
    }
    GYRE_END;
}

gyre_await gyre__http_exchange(gyre_http_response *r)
{
    return gyre__call(
        &http_exchange_coro,
        &(struct http_exchange){.frame = {.coro = &http_exchange_coro, .leaf = true}, .r = r});
}
