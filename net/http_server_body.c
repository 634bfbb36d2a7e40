/* The body of an HTTP request: read in pieces, as a whole, or dropped. */
#include <errno.h>
#include <string.h>

#include "../loop/alloc.h"
#include "http_server_internal.h"

enum {
    NEED_MORE = -1000,   /* nothing is there yet: no error code of anybody */
    DIRECT_SIZE = 16384, /* from here on bytes go straight into the reader's memory */
    FIRST_BODY = 4096,
};

static const char continue_line[] = "HTTP/1.1 100 Continue\r\n\r\n";

/* ---- pieces that have come ---- */

static int64_t fail(gyre_http_exchange *exchange, int64_t error)
{
    if (error != GYRE_ECANCELLED && error != -EBUSY && !exchange->read_error) {
        exchange->read_error = error;
        exchange->close = true;
    }
    return error;
}

/* Counts bytes of the body; an error once there are too many. */
static int64_t count(gyre_http_exchange *exchange, size_t size)
{
    exchange->received += size;
    return exchange->received > exchange->body_limit ? GYRE_EHTTPBODY : (int64_t)size;
}

/*
 * One piece of the body from the bytes that have come, at most `size` of them, so that the piece
 * fits. Gives its size, 0 at the end, NEED_MORE, or an error. *out_piece lies in `data`.
 */
static int64_t next_piece(gyre_http_exchange *exchange, const char *data, size_t size,
                          size_t *out_consumed, const char **out_piece)
{
    gyre__http_parser *parser = &exchange->parser;
    size_t piece_size = 0;

    *out_consumed = 0;
    for (;;) {
        enum gyre__http_event event;
        int64_t n = gyre__http_parser_next(parser, data + *out_consumed, size - *out_consumed,
                                           &event, out_piece, &piece_size);

        if (n < 0)
            return n;
        *out_consumed += (size_t)n;
        if (event == GYRE__HTTP_END) {
            exchange->body_over = true;
            return 0;
        }
        if (event == GYRE__HTTP_BODY)
            return count(exchange, piece_size);
        if (*out_consumed == size)
            return NEED_MORE;
    }
}

/* The same from the stream's buffer into memory; NULL: the piece is dropped. */
static int64_t take_buffered(gyre_http_exchange *exchange, char *buffer, size_t size)
{
    gyre_stream *stream = exchange->connection->stream;
    const char *data, *piece;
    size_t available, consumed;
    int64_t n = NEED_MORE;

    while (n == NEED_MORE && (data = gyre__stream_peek(stream, &available)) != NULL) {
        n = next_piece(exchange, data, available < size ? available : size, &consumed, &piece);
        if (n > 0 && buffer)
            memcpy(buffer, piece, (size_t)n);
        gyre_stream_consume(stream, consumed);
    }
    return n;
}

static int64_t take_piece(gyre_http_exchange *exchange, char *buffer, size_t size)
{
    const char *piece;
    size_t consumed;
    int64_t n;

    if (exchange->read_error)
        return exchange->read_error;
    if (exchange->body_over)
        return 0;
    if (exchange->parser.content_length > exchange->body_limit)
        return fail(exchange, GYRE_EHTTPBODY);
    n = take_buffered(exchange, buffer, size);
    if (n > 0) /* that this was the last piece is known before more comes */
        next_piece(exchange, "", 0, &consumed, &piece);
    return n < 0 && n != NEED_MORE ? fail(exchange, n) : n;
}

/* The client waits to be told that its body is wanted. */
static void send_continue(gyre_http_exchange *exchange)
{
    char *out;

    if (!exchange->expects_continue || exchange->status)
        return;
    exchange->expects_continue = false;
    out = gyre__httpd_out_reserve(exchange, sizeof(continue_line) - 1);
    if (!out)
        return; /* clients go on without it after a while */
    memcpy(out, continue_line, sizeof(continue_line) - 1);
    exchange->out_size += sizeof(continue_line) - 1;
    gyre__httpd_flush(exchange);
}

/* ---- waiting for more ---- */

/* True if the bytes to come are the body's and nothing else, and the reader has room for many. */
static bool reads_directly(const gyre_http_exchange *exchange, const char *buffer, size_t size)
{
    return buffer && size >= DIRECT_SIZE && exchange->parser.framing == GYRE__HTTP_LENGTH;
}

static size_t most_of_body(const gyre_http_exchange *exchange, size_t size)
{
    uint64_t left = exchange->parser.content_length - exchange->received;

    return left < size ? (size_t)left : size;
}

/* What a direct read brought goes through the parser where it lies. */
static int64_t account(gyre_http_exchange *exchange, const char *buffer, size_t size)
{
    const char *piece;
    size_t consumed;
    int64_t n = next_piece(exchange, buffer, size, &consumed, &piece);

    if (n > 0)
        next_piece(exchange, "", 0, &consumed, &piece);
    return n < 0 ? fail(exchange, n) : n;
}

struct http_read {
    gyre_frame frame;
    gyre_http_exchange *exchange;
    char *buffer; /* NULL: what comes is dropped */
    size_t size;
    bool direct;
    int64_t n;
};
GYRE_CORO(http_read)
{
    GYRE_BEGIN;
    send_continue(self->exchange);
    for (;;) {
        self->n = take_piece(self->exchange, self->buffer, self->size);
        if (self->n != NEED_MORE)
            GYRE_RETURN(self->n);
        gyre__httpd_flush(self->exchange);
        self->direct = reads_directly(self->exchange, self->buffer, self->size);
        gyre__httpd_wait_begin(self->exchange->connection, &self->exchange->connection->reading,
                               self->exchange->server->options.body_timeout_ns);
        if (self->direct)
            GYRE_AWAIT(self->n, gyre_stream_read(self->exchange->connection->stream, self->buffer,
                                                 most_of_body(self->exchange, self->size)));
        else
            GYRE_AWAIT(self->n, gyre_stream_fill(self->exchange->connection->stream, 1));
        self->n = gyre__httpd_wait_end(&self->exchange->connection->reading, self->n);
        if (self->n == 0)
            self->n = GYRE_EHTTPINCOMPLETE;
        if (self->n < 0)
            GYRE_RETURN(fail(self->exchange, self->n));
        if (self->direct)
            GYRE_RETURN(account(self->exchange, self->buffer, (size_t)self->n));
    }
    GYRE_END;
}

static gyre_await start_read(gyre_http_exchange *exchange, char *buffer, size_t size)
{
    return gyre__call(&http_read_coro, &(struct http_read){
                                           .frame = {.coro = &http_read_coro, .leaf = true},
                                           .exchange = exchange,
                                           .buffer = buffer,
                                           .size = size,
                                       });
}

gyre_await gyre_http_read(gyre_http_exchange *exchange, void *buffer, size_t size)
{
    gyre_task *task = gyre__task_running(__func__);
    int64_t n;

    if (!size)
        return gyre__complete(task, 0);
    n = take_piece(exchange, buffer, size);
    if (n != NEED_MORE)
        return gyre__complete(task, n);
    return start_read(exchange, buffer, size);
}

void gyre_http_set_body_limit(gyre_http_exchange *exchange, uint64_t limit)
{
    exchange->body_limit = limit;
}

/* ---- all of it ---- */

struct http_read_all {
    gyre_frame frame;
    gyre_http_exchange *exchange;
    size_t limit;
    const char **out_data;
    int64_t n;
};

/* Makes room for more of the body and the NUL behind it. */
static int64_t grow_body(gyre_http_exchange *exchange)
{
    size_t capacity = exchange->body_capacity ? exchange->body_capacity * 2 : FIRST_BODY;
    uint64_t announced = exchange->parser.content_length;
    char *body;

    if (exchange->body_capacity - exchange->body_size >= 2)
        return 0;
    /* What is announced is believed for as much again as has come. */
    if (announced >= capacity && announced < 4 * (uint64_t)capacity)
        capacity = (size_t)announced + 2;
    body = gyre_realloc(exchange->body, capacity);
    if (!body)
        return -ENOMEM;
    exchange->body = body;
    exchange->body_capacity = capacity;
    return 0;
}

GYRE_CORO(http_read_all)
{
    GYRE_BEGIN;
    do {
        self->n = grow_body(self->exchange);
        if (self->n < 0)
            GYRE_RETURN(self->n);
        GYRE_TRY(self->n,
                 gyre_http_read(self->exchange, self->exchange->body + self->exchange->body_size,
                                self->exchange->body_capacity - self->exchange->body_size - 1));
        self->exchange->body_size += (size_t)self->n;
        if (self->limit && self->exchange->body_size > self->limit)
            GYRE_RETURN(fail(self->exchange, GYRE_EHTTPBODY));
    } while (self->n > 0);
    self->exchange->body[self->exchange->body_size] = '\0';
    *self->out_data = self->exchange->body;
    GYRE_RETURN((int64_t)self->exchange->body_size);
    GYRE_END;
}

gyre_await gyre_http_read_all(gyre_http_exchange *exchange, size_t limit, const char **out_data)
{
    *out_data = NULL;
    return gyre__call(&http_read_all_coro, &(struct http_read_all){
                                               .frame = {.coro = &http_read_all_coro, .leaf = true},
                                               .exchange = exchange,
                                               .limit = limit,
                                               .out_data = out_data,
                                           });
}

/* ---- none of it ---- */

struct http_drop_body {
    gyre_frame frame;
    gyre_http_exchange *exchange;
    uint64_t most; /* bytes received in the end */
    int64_t n;
};
GYRE_CORO(http_drop_body)
{
    GYRE_BEGIN;
    self->most = self->exchange->received + self->exchange->server->options.max_drain;
    do {
        GYRE_TRY(self->n, start_read(self->exchange, NULL, SIZE_MAX));
    } while (self->n > 0 && self->exchange->received <= self->most);
    GYRE_RETURN(self->n > 0 ? GYRE_EHTTPBODY : 0);
    GYRE_END;
}

gyre_await gyre__httpd_drop_body(gyre_http_exchange *exchange)
{
    exchange->body_limit = GYRE_HTTP_NO_LIMIT;
    return gyre__call(&http_drop_body_coro,
                      &(struct http_drop_body){
                          .frame = {.coro = &http_drop_body_coro, .leaf = true},
                          .exchange = exchange,
                      });
}

unsigned gyre__httpd_error_status(const gyre_http_exchange *exchange, int64_t error)
{
    if (error == GYRE_ETIMEOUT && error == exchange->read_error)
        return 408;
    if (error == GYRE_EHTTPBODY)
        return 413;
    if (error == GYRE_EHTTPINCOMPLETE)
        return 400; /* the client may have closed only its own side */
    if (exchange->parser.error && error == exchange->parser.error)
        return gyre__http_parser_status(&exchange->parser);
    return 0;
}
