/*
 * Bodies of requests that do not fit beside the head: a task of their own writes them, so that the
 * answer can be read meanwhile, and may come before they are complete.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "../task/timeout.h"
#include "http_client_internal.h"

static bool is_chunked(const gyre_http_response *r)
{
    return r->upload && !r->upload_size;
}

static gyre_stream *stream_of(const gyre_http_response *r)
{
    return r->connection ? r->connection->stream : NULL;
}

/* ---- writing a piece ---- */

struct http_body_write {
    gyre_frame frame;
    gyre_http_response *r; /* reference */
    struct iovec pieces[3];
    int count;
    char line[24]; /* "SIZE\r\n" of a chunk */
    size_t size;
    int64_t n;
};

static void add_piece(struct http_body_write *self, const void *data, size_t size)
{
    self->pieces[self->count++] =
        (struct iovec){.iov_base = (void *)(uintptr_t)data, .iov_len = size};
}

/* Chunks get a line before and an end behind. */
static void frame_piece(struct http_body_write *self)
{
    struct iovec data = self->pieces[0];

    if (!is_chunked(self->r) || self->count != 1)
        return;
    self->count = 0;
    add_piece(self, self->line,
              (size_t)snprintf(self->line, sizeof(self->line), "%zx\r\n", self->size));
    add_piece(self, data.iov_base, data.iov_len);
    add_piece(self, "\r\n", 2);
}

GYRE_CORO(http_body_write)
{
    GYRE_BEGIN;
    frame_piece(self);
    GYRE_AWAIT(self->n, gyre_wait_for(gyre_stream_writev(stream_of(self->r), self->pieces,
                                                         (size_t)self->count),
                                      gyre__http_time_left(self->r, self->r->timeouts.idle_ns)));
    if (self->n == GYRE_ETIMEOUT)
        self->n =
            gyre__http_timed_out(self->r, "nothing of the body taken", self->r->timeouts.idle_ns);
    else if (self->n < 0 && self->n != GYRE_ECANCELLED)
        self->r->send_error = self->n;
    GYRE_RETURN(self->n < 0 ? self->n : (int64_t)self->size);
    GYRE_FINALLY;
    self->r->writing = false;
    gyre__http_response_unref(self->r);
    GYRE_END;
}

static gyre_await write_piece(gyre_task *task, gyre_http_response *r, const void *data, size_t size)
{
    gyre_await pending;

    if (r->send_error)
        return gyre__complete(task, r->send_error);
    if (!stream_of(r) || r->upload_state != GYRE__HTTP_UPLOAD_RUNNING)
        return gyre__complete(task, -EPIPE);
    if (!gyre__may_park(task))
        return gyre__complete(task, GYRE_ECANCELLED);
    pending = gyre__call(&http_body_write_coro,
                         &(struct http_body_write){
                             .frame = {.coro = &http_body_write_coro, .leaf = true},
                             .r = r,
                             .pieces = {{.iov_base = (void *)(uintptr_t)data, .iov_len = size}},
                             .count = 1,
                             .size = size,
                         });
    if (pending.pending) {
        r->writing = true;
        r->refs++;
    }
    return pending;
}

gyre_await gyre_http_body_write(gyre_http_body *body, const void *data, size_t size)
{
    gyre_task *task = gyre__task_running(__func__);
    gyre_http_response *r = body->response;

    if (r->writing)
        return gyre__complete(task, -EBUSY);
    if (!size)
        return gyre__complete(task, 0);
    if (!is_chunked(r) && size > (r->upload ? r->upload_size : r->body_size) - r->sent)
        return gyre__complete(
            task, gyre__http_raise(GYRE_EHTTPLENGTH, "the body is longer than upload_size"));
    r->sent += size;
    return write_piece(task, r, data, size);
}

int64_t gyre_http_body_trailer(gyre_http_body *body, const char *name, const char *value)
{
    gyre_http_response *r = body->response;
    int64_t rc = gyre__http_check_header(name, value);

    if (!is_chunked(r) || r->upload_state != GYRE__HTTP_UPLOAD_RUNNING)
        return GYRE_ESTATE;
    return rc < 0 ? rc : gyre_http_headers_add(&r->upload_trailers, name, value);
}

/* ---- the task ---- */

struct http_upload {
    gyre_frame frame;
    gyre_http_response *r; /* reference */
    gyre__http_text end;   /* the last chunk and the trailers */
    int64_t n;
};

static size_t next_size(const gyre_http_response *r)
{
    uint64_t left = r->body_size - r->sent;

    return left < GYRE__HTTP_PIECE ? (size_t)left : GYRE__HTTP_PIECE;
}

static int64_t compose_end(struct http_upload *self)
{
    const gyre_http_headers *trailers = &self->r->upload_trailers;

    gyre__http_text_add(&self->end, "0\r\n");
    for (size_t i = 0; i < gyre_http_headers_count(trailers); i++) {
        gyre_http_header trailer = gyre_http_headers_at(trailers, i);

        gyre__http_text_add_header(&self->end, trailer.name, trailer.value);
    }
    gyre__http_text_add(&self->end, "\r\n");
    return self->end.failed ? -ENOMEM : 0;
}

/* The last chunk is not a chunk of its own. */
static gyre_await write_end(struct http_upload *self)
{
    gyre_stream *stream = stream_of(self->r);

    if (!stream)
        return gyre__complete(gyre__task_running("gyre_http_send"), -EPIPE);
    return gyre_wait_for(gyre_stream_write(stream, self->end.data, self->end.size),
                         gyre__http_time_left(self->r, self->r->timeouts.idle_ns));
}

static void uploaded(gyre_http_response *r)
{
    uint64_t when = gyre__deadline(r->client->loop, r->timeouts.first_byte_ns);

    r->upload_state = GYRE__HTTP_UPLOAD_DONE;
    if (r->head_timeout) /* from now on an answer is owed */
        (void)gyre_timeout_reschedule(r->head_timeout, when < r->deadline ? when : r->deadline);
}

/* If the connection does not take any more, the answer may say why. Else there is no point in one. */
static void upload_failed(gyre_http_response *r, int64_t error, gyre_error *detail)
{
    gyre_stream *stream = stream_of(r);

    if (r->send_error && error == r->send_error) {
        r->upload_state = GYRE__HTTP_UPLOAD_DONE;
        return;
    }
    r->upload_state = GYRE__HTTP_UPLOAD_FAILED;
    r->upload_error = error;
    r->upload_detail = gyre_error_ref(detail);
    if (stream && gyre_stream_fd(stream) >= 0)
        shutdown(gyre_stream_fd(stream), SHUT_RDWR); /* who waits for the answer wakes up */
}

GYRE_CORO(http_upload)
{
    GYRE_BEGIN;
    if (self->r->upload)
        GYRE_TRY(gyre__call(self->r->upload, self->r->upload_args));
    while (!self->r->upload && self->r->sent < self->r->body_size)
        GYRE_TRY(gyre_http_body_write(&self->r->writer, self->r->body + self->r->sent,
                                      next_size(self->r)));
    if (self->r->upload_size && self->r->sent < self->r->upload_size)
        GYRE_RETURN(gyre__http_raise(GYRE_EHTTPLENGTH, "the body is shorter than upload_size"));
    if (is_chunked(self->r)) {
        self->n = compose_end(self);
        if (self->n < 0)
            GYRE_RETURN(self->n);
        GYRE_AWAIT(self->n, write_end(self));
        if (self->n < 0 && self->n != GYRE_ECANCELLED && self->n != GYRE_ETIMEOUT)
            self->r->send_error = self->n;
        if (self->n < 0)
            GYRE_RETURN(self->n);
    }
    uploaded(self->r);
    GYRE_RETURN(0);
    GYRE_FINALLY;
    if (self->frame.value < 0)
        upload_failed(self->r, self->frame.value, self->frame.error);
    gyre__http_text_fini(&self->end);
    if (self->r->upload_waiter)
        gyre__wake_task(self->r->upload_waiter);
    gyre__http_response_unref(self->r);
    GYRE_RETURN(0); /* the request tells of errors */
    GYRE_END;
}

int64_t gyre__http_upload_start(gyre_http_response *r)
{
    if (r->upload)
        memcpy((char *)r->upload_args + sizeof(gyre_frame), &(gyre_http_body *){&r->writer},
               sizeof(gyre_http_body *));
    r->upload_state = GYRE__HTTP_UPLOAD_RUNNING;
    r->refs++;
    r->upload_task = GYRE_SPAWN_WITH(((gyre_spawn_options){.lazy = true}), http_upload, .r = r);
    if (r->upload_task)
        return 0;
    r->upload_state = GYRE__HTTP_UPLOAD_NONE;
    r->refs--;
    return -ENOMEM;
}

/* ---- its end ---- */

bool gyre__http_uploading(const gyre_http_response *r)
{
    return r->upload_state == GYRE__HTTP_UPLOAD_RUNNING;
}

void gyre__http_upload_drop(gyre_http_response *r)
{
    if (gyre__http_uploading(r) && !r->client->loop->closed)
        gyre_task_cancel(r->upload_task);
}

static int64_t finish_stop(gyre_task *task)
{
    gyre_http_response *r = task->wait.slot.data;

    r->upload_waiter = NULL;
    return gyre__wait_result(task);
}

static const gyre__wait_kind wait_upload = {
    .what = "the end of an upload", .cancel = gyre__cancel_wait, .finish = finish_stop};

gyre_await gyre__http_upload_stop(gyre_http_response *r)
{
    gyre_task *task = gyre__task_running("gyre_http_response_close");

    if (!gyre__http_uploading(r))
        return gyre__complete(task, 0);
    gyre_task_cancel(r->upload_task);
    if (!gyre__may_park(task))
        return gyre__complete(task, GYRE_ECANCELLED);
    r->upload_waiter = task;
    task->wait.slot.data = r;
    return gyre__park_slot(task, &wait_upload, r);
}
