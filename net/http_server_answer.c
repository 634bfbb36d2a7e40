/* Answering an HTTP request: as a whole, or in pieces. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../loop/alloc.h"
#include "http_server_internal.h"

enum { CHUNK_FRAME = 32 }; /* room for a chunk's size and line ends */

/* ---- sending what is composed ---- */

/* What a write gave: 0 or an error, which is kept if it is the connection's. */
static int64_t written(gyre_http_exchange *exchange, int64_t rc)
{
    if (rc >= 0)
        return 0;
    if (!exchange->error && exchange->connection->stream->write_error)
        exchange->error = rc;
    return rc;
}

int64_t gyre__httpd_flush(gyre_http_exchange *exchange)
{
    int64_t rc = 0;

    if (exchange->out_size && exchange->connection && !exchange->connection->abort)
        rc = written(exchange, gyre_stream_write_soon(exchange->connection->stream, exchange->out,
                                                      exchange->out_size));
    if (rc == -ENOMEM)
        exchange->connection->abort = true; /* answers are lost */
    exchange->out_size = 0;
    return rc;
}

/* What was composed in this iteration leaves with the next one, whatever the handler waits for. */
void gyre__httpd_run_flush(gyre__node *node)
{
    gyre_http_exchange *exchange = GYRE__CONTAINER(node, gyre_http_exchange, flush);

    exchange->flush_queued = false;
    gyre__httpd_flush(exchange);
    gyre__server_unref(exchange->server->listener);
}

static int64_t flush_soon(gyre_http_exchange *exchange)
{
    gyre_http_server *server = exchange->server;

    if (exchange->out_size >= GYRE__HTTPD_BATCH || server->loop->closing)
        return gyre__httpd_flush(exchange);
    if (!exchange->flush_queued) {
        exchange->flush_queued = true;
        server->listener->refs++;
        gyre__ready_push(&server->loop->ready, &exchange->flush);
    }
    return 0;
}

/* The answer is complete. If the next request is there already, its answer may share the write. */
static int64_t flush_answer(gyre_http_exchange *exchange)
{
    if (exchange->body_over && !exchange->close &&
        gyre__stream_available(exchange->connection->stream))
        return flush_soon(exchange);
    return gyre__httpd_flush(exchange);
}

/* Bytes behind what is composed: copied if they are few, else sent with it. */
static int64_t send_with(gyre_http_exchange *exchange, const void *data, size_t size)
{
    struct iovec pieces[2];
    char *to;
    int64_t rc;

    if (size <= GYRE__HTTPD_SMALL_PIECE) {
        to = gyre__httpd_out_reserve(exchange, size + CHUNK_FRAME);
        if (!to)
            return -ENOMEM;
        if (size)
            memcpy(to, data, size);
        exchange->out_size += size;
        return 0;
    }
    pieces[0] = (struct iovec){.iov_base = exchange->out, .iov_len = exchange->out_size};
    pieces[1] = (struct iovec){.iov_base = (void *)(uintptr_t)data, .iov_len = size};
    rc = written(exchange, gyre__stream_writev_soon(exchange->connection->stream, pieces, 2));
    if (rc != -ENOMEM) /* else nothing was taken */
        exchange->out_size = 0;
    return rc;
}

/* ---- as a whole ---- */

int64_t gyre__httpd_answer(gyre_http_exchange *exchange, unsigned status, const char *content_type,
                           const void *body, size_t size)
{
    int64_t rc;

    if (size && (status == 204 || status == 304))
        return -EINVAL;
    rc = gyre__httpd_compose_head(exchange, status, content_type, (int64_t)size);
    if (rc < 0)
        return rc;
    exchange->ended = true;
    if (!exchange->bodyless && size) {
        rc = send_with(exchange, body, size);
        if (rc < 0) {
            exchange->connection->abort = true; /* a head without its body */
            return rc;
        }
        exchange->sent = size;
    }
    return flush_answer(exchange);
}

int64_t gyre__httpd_answer_status(gyre_http_exchange *exchange, unsigned status)
{
    const char *reason = gyre_http_reason(status);
    char text[64];
    int n = snprintf(text, sizeof(text), "%u %s\n", status, reason);
    int64_t rc;

    if (status == 204 || status == 304)
        n = 0;
    rc = gyre__httpd_answer(exchange, status, n ? "text/plain" : NULL, text, (size_t)n);
    if (rc < 0)
        exchange->connection->abort = true;
    return rc;
}

gyre_await gyre_http_respond(gyre_http_exchange *exchange, unsigned status,
                             const char *content_type, const void *body, size_t size)
{
    int64_t rc = gyre__httpd_answer(exchange, status, content_type, body, size);

    if (rc < 0)
        return gyre__complete(gyre__task_running(__func__), rc);
    return gyre__httpd_drain(exchange, 0);
}

gyre_await gyre_http_respondf(gyre_http_exchange *exchange, unsigned status,
                              const char *content_type, const char *format, ...)
{
    char few[512], *text = few;
    gyre_await await;
    va_list list;
    int n;

    va_start(list, format);
    n = vsnprintf(few, sizeof(few), format, list);
    va_end(list);
    if (n < 0)
        return gyre__complete(gyre__task_running(__func__), -EINVAL);
    if ((size_t)n >= sizeof(few)) {
        text = gyre_alloc((size_t)n + 1);
        if (!text)
            return gyre__complete(gyre__task_running(__func__), -ENOMEM);
        va_start(list, format);
        vsnprintf(text, (size_t)n + 1, format, list);
        va_end(list);
    }
    await = gyre_http_respond(exchange, status, content_type, text, (size_t)n);
    if (text != few)
        gyre_free(text);
    return await;
}

gyre_await gyre_http_redirect(gyre_http_exchange *exchange, unsigned status, const char *location)
{
    int64_t rc = status == 301 || status == 302 || status == 303 || status == 307 || status == 308
                     ? gyre_http_set_header(exchange, "Location", location)
                     : -EINVAL;

    if (rc >= 0)
        rc = gyre__httpd_answer_status(exchange, status);
    if (rc < 0)
        return gyre__complete(gyre__task_running(__func__), rc);
    return gyre__httpd_drain(exchange, 0);
}

/* ---- in pieces ---- */

int64_t gyre_http_start(gyre_http_exchange *exchange, unsigned status, const char *content_type,
                        int64_t length)
{
    int64_t rc;

    if (length > 0 && status == 204)
        return -EINVAL;
    rc = gyre__httpd_compose_head(exchange, status, content_type, length < 0 ? -1 : length);
    return rc < 0 ? rc : flush_soon(exchange);
}

/* A chunk's size, before it. */
static int64_t open_chunk(gyre_http_exchange *exchange, size_t size)
{
    char *to = gyre__httpd_out_reserve(exchange, CHUNK_FRAME);

    if (!to)
        return -ENOMEM;
    exchange->out_size += (size_t)snprintf(to, CHUNK_FRAME, "%zx\r\n", size);
    return 0;
}

static int64_t write_piece(gyre_http_exchange *exchange, const void *data, size_t size)
{
    size_t before = exchange->out_size;
    int64_t rc = exchange->chunked ? open_chunk(exchange, size) : 0;

    if (rc == 0)
        rc = send_with(exchange, data, size);
    if (rc == -ENOMEM)
        exchange->out_size = before; /* nothing was taken */
    if (rc == 0 && exchange->chunked) {
        char *to = gyre__httpd_out_reserve(exchange, 2);

        if (to) { /* there is always room: send_with() has left some */
            memcpy(to, "\r\n", 2);
            exchange->out_size += 2;
        }
    }
    return rc;
}

gyre_await gyre_http_write(gyre_http_exchange *exchange, const void *data, size_t size)
{
    gyre_task *task = gyre__task_running(__func__);
    int64_t rc = 0;

    if (!exchange->status || exchange->ended)
        return gyre__complete(task, GYRE_ESTATE);
    if (exchange->length >= 0 && size > (uint64_t)exchange->length - exchange->sent)
        return gyre__complete(task, GYRE_EHTTPLENGTH);
    if (size && !exchange->bodyless) {
        rc = write_piece(exchange, data, size);
        if (rc >= 0)
            rc = flush_soon(exchange);
    }
    if (rc < 0)
        return gyre__complete(task, rc);
    exchange->sent += size;
    return gyre__httpd_drain(exchange, (int64_t)size);
}

/* The last chunk and the trailers. */
static int64_t close_chunks(gyre_http_exchange *exchange)
{
    const gyre_http_headers *trailers = &exchange->trailers;
    size_t size = gyre_http_headers_size(trailers);
    char *to = gyre__httpd_out_reserve(exchange, size + 6);

    if (!to)
        return -ENOMEM;
    memcpy(to, "0\r\n", 3);
    gyre_http_headers_print(trailers, to + 3, size + 1);
    memcpy(to + 3 + size, "\r\n", 2);
    exchange->out_size += size + 5;
    return 0;
}

int64_t gyre__httpd_finish(gyre_http_exchange *exchange)
{
    int64_t rc = 0;

    if (!exchange->status || exchange->ended)
        return GYRE_ESTATE;
    if (exchange->length >= 0 && !exchange->bodyless && exchange->sent < (uint64_t)exchange->length)
        return GYRE_EHTTPLENGTH;
    if (exchange->chunked && !exchange->bodyless)
        rc = close_chunks(exchange);
    if (rc < 0)
        return rc;
    exchange->ended = true;
    return flush_answer(exchange);
}

gyre_await gyre_http_end(gyre_http_exchange *exchange)
{
    int64_t rc = gyre__httpd_finish(exchange);

    if (rc < 0)
        return gyre__complete(gyre__task_running(__func__), rc);
    return gyre__httpd_drain(exchange, 0);
}
