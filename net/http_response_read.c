/* Reading responses: a piece, all of it, or no more of it. */
#include <errno.h>
#include <string.h>

#include "../loop/alloc.h"
#include "../task/timeout.h"
#include "http_client_internal.h"

enum {
    FIRST_ROOM = 65536,   /* of a body whose length is not known */
    MOST_DROPPED = 65536, /* so much is received only to keep the connection */
    DEFAULT_ALL = 64 << 20,
};

/* ---- a piece ---- */

struct http_read {
    gyre_frame frame;
    gyre_http_response *r; /* reference */
    char *buffer;
    size_t size;
    bool direct;
    int64_t n;
};

/* A cancelled wait has lost nothing; anything else ends the body. */
static int64_t receive_failed(gyre_http_response *r, int64_t rc)
{
    if (rc == GYRE_ECANCELLED)
        return rc;
    if (rc == GYRE_ETIMEOUT)
        rc = gyre__http_timed_out(r, "nothing more of the body", r->timeouts.idle_ns);
    return gyre__http_break(r, rc);
}

GYRE_CORO(http_read)
{
    GYRE_BEGIN;
    for (;;) {
        self->n = gyre__http_take(self->r, self->buffer, self->size);
        if (self->n != -EAGAIN)
            GYRE_RETURN(self->n);
        if (!self->r->connection) /* closed by another task meanwhile */
            GYRE_RETURN(gyre__http_break(self->r, -EBADF));
        self->direct = gyre__http_wants_direct(self->r, self->size);
        if (self->direct)
            GYRE_AWAIT(self->n, gyre__http_read_direct(self->r, self->buffer, self->size));
        else
            GYRE_AWAIT(self->n, gyre__http_fill(self->r, self->r->timeouts.idle_ns));
        if (self->n < 0)
            GYRE_RETURN(receive_failed(self->r, self->n));
        self->r->may_have_more = self->direct || self->n == GYRE__HTTP_BUFFER;
        if (self->n == 0)
            self->r->peer_ended = true;
        else if (self->direct)
            GYRE_RETURN(gyre__http_took_direct(self->r, (size_t)self->n));
        else
            self->r->end = (size_t)self->n;
    }
    GYRE_FINALLY;
    self->r->reading = false;
    gyre__http_response_unref(self->r);
    GYRE_END;
}

gyre_await gyre_http_response_read(gyre_http_response *response, void *buffer, size_t size)
{
    gyre_task *task = gyre__task_running(__func__);
    gyre_await pending;
    int64_t n;

    if (response->reading)
        return gyre__complete(task, -EBUSY);
    n = gyre__http_take(response, buffer, size);
    if (n != -EAGAIN)
        return gyre__complete(task, n);
    if (!gyre__may_park(task))
        return gyre__complete(task, GYRE_ECANCELLED);
    pending = gyre__call(&http_read_coro, &(struct http_read){
                                              .frame = {.coro = &http_read_coro, .leaf = true},
                                              .r = response,
                                              .buffer = buffer,
                                              .size = size,
                                          });
    if (pending.pending) {
        response->reading = true;
        response->refs++;
    }
    return pending;
}

/* ---- all of it ---- */

struct http_read_all {
    gyre_frame frame;
    gyre_http_response *r; /* reference */
    size_t limit;
    char **out_body;
    size_t *out_size;
    char *body;
    size_t size, room;
    int64_t n;
};

/* One byte more than the limit is read, to see that there is more; and one for the 0 in the end. */
static bool grow(struct http_read_all *self)
{
    size_t most = self->limit < SIZE_MAX - 1 ? self->limit + 1 : SIZE_MAX - 1;
    size_t room = self->room * 2;
    char *body;

    if (!self->room)
        room = self->r->length >= 0 ? (size_t)self->r->length : FIRST_ROOM;
    if (room > most)
        room = most;
    body = gyre_realloc(self->body, room + 1);
    if (!body)
        return false;
    self->body = body;
    self->room = room;
    return true;
}

GYRE_CORO(http_read_all)
{
    GYRE_BEGIN;
    if (self->r->length > 0 && (uint64_t)self->r->length - self->r->received > self->limit)
        GYRE_RETURN(GYRE_ELIMIT);
    for (;;) {
        if (self->size == self->room && !grow(self))
            GYRE_RETURN(-ENOMEM);
        if (self->room == 0) /* an empty body, or one that was read */
            self->n = 0;
        else
            GYRE_TRY(self->n, gyre_http_response_read(self->r, self->body + self->size,
                                                      self->room - self->size));
        self->size += (size_t)self->n;
        if (self->size > self->limit)
            GYRE_RETURN(GYRE_ELIMIT);
        if (self->n == 0 || self->r->at_end)
            break;
    }
    self->body[self->size] = '\0';
    *self->out_body = self->body;
    self->body = NULL;
    if (self->out_size)
        *self->out_size = self->size;
    GYRE_RETURN((int64_t)self->size);
    GYRE_FINALLY;
    gyre_free(self->body);
    gyre__http_response_unref(self->r);
    GYRE_END;
}

gyre_await gyre_http_response_read_all(gyre_http_response *response, size_t limit, char **out_body,
                                       size_t *out_size)
{
    gyre_await pending;

    *out_body = NULL;
    pending = gyre__call(&http_read_all_coro,
                         &(struct http_read_all){
                             .frame = {.coro = &http_read_all_coro, .leaf = true},
                             .r = response,
                             .limit = limit ? limit : (size_t)DEFAULT_ALL,
                             .out_body = out_body,
                             .out_size = out_size,
                         });
    if (pending.pending)
        response->refs++;
    return pending;
}

/* ---- no more of it ---- */

struct http_drain {
    gyre_frame frame;
    gyre_http_response *r; /* borrowed */
    size_t dropped;
    int64_t n;
};

/* Receives and drops the rest, if that is little. */
GYRE_CORO(http_drain)
{
    GYRE_BEGIN;
    while (self->dropped <= MOST_DROPPED) {
        self->n = gyre__http_drop(self->r);
        if (self->n != -EAGAIN)
            GYRE_RETURN(self->n);
        GYRE_TRY(self->n, gyre__http_fill(self->r, GYRE_FOREVER));
        self->r->end = (size_t)self->n;
        self->r->may_have_more = self->n == GYRE__HTTP_BUFFER;
        self->r->peer_ended = self->n == 0;
        self->dropped += (size_t)self->n;
    }
    GYRE_RETURN(GYRE_ELIMIT);
    GYRE_END;
}

/* The connection can be used again only if the body is read to its end. */
static bool is_worth_draining(const gyre_http_response *r)
{
    if (!r->connection || r->error || r->reading || gyre__http_uploading(r) || r->send_error ||
        r->unsent_body || !r->parser.keep_alive || r->client->closed ||
        r->client->options.no_keep_alive)
        return false;
    if (r->parser.framing == GYRE__HTTP_LENGTH)
        return r->remaining <= MOST_DROPPED;
    return r->parser.framing == GYRE__HTTP_CHUNKED;
}

struct http_finish {
    gyre_frame frame;
    gyre_http_response *r;
    bool owned; /* the response ends with it */
    int64_t rc;
};

GYRE_CORO(http_finish)
{
    GYRE_BEGIN;
    if (is_worth_draining(self->r)) {
        GYRE_AWAIT(self->rc, gyre_wait_for(GYRE_CALL(http_drain, .r = self->r),
                                           gyre__http_time_left(self->r, GYRE_SECONDS(1))));
        if (self->rc == GYRE_ECANCELLED)
            GYRE_RETURN(self->rc);
    }
    gyre__http_release(self->r, GYRE__HTTP_ABORT); /* unless it went back to the pool */
    GYRE_TRY(gyre__http_upload_stop(self->r));
    GYRE_RETURN(0);
    GYRE_FINALLY;
    gyre__http_release(self->r, GYRE__HTTP_ABORT);
    gyre__http_upload_drop(self->r);
    if (self->owned)
        gyre__http_response_unref(self->r);
    GYRE_END;
}

/* Ends what is left of the answer: gracefully if that is cheap. */
gyre_await gyre__http_finish(gyre_http_response *r, bool owned)
{
    return gyre__call(&http_finish_coro,
                      &(struct http_finish){.frame = {.coro = &http_finish_coro, .leaf = true},
                                            .r = r,
                                            .owned = owned});
}

gyre_await gyre_http_response_close(gyre_http_response *response)
{
    gyre_task *task = gyre__task_running(__func__);
    gyre_await pending;

    if (!response)
        return gyre__complete(task, 0);
    if ((response->connection || gyre__http_uploading(response)) && gyre__may_park(task)) {
        if (response->connection && !response->reading)
            (void)gyre__http_drop(response);
        if (response->connection || gyre__http_uploading(response)) {
            pending = gyre__http_finish(response, true);
            if (pending.pending)
                return pending;
        }
    }
    gyre_http_response_free(response);
    return gyre__complete(task, 0);
}

void gyre_http_response_free(gyre_http_response *response)
{
    if (!response)
        return;
    if (response->connection && !response->reading && !response->client->loop->closing)
        (void)gyre__http_drop(response);
    gyre__http_release(response, GYRE__HTTP_ABORT);
    gyre__http_upload_drop(response);
    gyre__http_response_unref(response);
}
