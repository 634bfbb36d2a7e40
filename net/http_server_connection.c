/*
 * A connection of an HTTP server: one request after the other, each with its handler, until
 * either side has enough.
 */
#include <errno.h>
#include <stdio.h>

#include "../task/timeout.h"
#include "http_server_internal.h"

enum { LINGER_SECONDS = 2 };

/* ---- the head ---- */

/*
 * Feeds the parser what is there: 1 when the head is complete, 0 when more is needed, or an
 * error.
 */
static int64_t parse_head(gyre_http_exchange *exchange, gyre_stream *stream)
{
    enum gyre__http_event event;
    const char *data, *body;
    size_t size, body_size;
    int64_t n;

    data = gyre__stream_peek(stream, &size);
    n = gyre__http_parser_next(&exchange->parser, data, size, &event, &body, &body_size);
    if (n < 0)
        return n;
    gyre_stream_consume(stream, (size_t)n);
    return event == GYRE__HTTP_HEAD;
}

/* What a head that never became complete deserves; 0: nothing, as nobody is there. */
static unsigned status_of_head(const gyre_http_exchange *exchange, int64_t error)
{
    if (error == GYRE_ETIMEOUT)
        return 408;
    if (error == 0 || error == GYRE_ECANCELLED || error == -ECONNRESET || error == -EPIPE)
        return 0;
    return gyre__http_parser_status(&exchange->parser);
}

/* ---- the handler ---- */

static gyre_await call_handler(gyre_http_exchange *exchange)
{
    gyre_http_server *server = exchange->server;

    if (server->router)
        return gyre_http_router_dispatch(exchange, server->router);
    *(gyre_http_exchange **)(void *)((char *)server->args + sizeof(gyre_frame)) = exchange;
    return gyre__call(server->coro, server->args);
}

static void report(const gyre_http_exchange *exchange, int64_t error, const gyre_error *detail)
{
    char message[128];

    snprintf(message, sizeof(message), "the HTTP handler %s failed at %.10s %.60s",
             exchange->server->coro->name, gyre_http_exchange_method(exchange), exchange->path);
    gyre_loop_call_exception_handler(
        exchange->server->loop,
        &(gyre_exception_context){.message = message, .code = error, .detail = detail});
}

bool gyre__httpd_is_clients(const gyre_http_exchange *exchange, int64_t error)
{
    return error == exchange->read_error || error == exchange->error ||
           error == gyre_stream_error(exchange->connection->stream);
}

/* The handler has ended with an error. */
static void failed(gyre_http_exchange *exchange, int64_t error)
{
    gyre__httpd_connection *connection = exchange->connection;
    bool clients = gyre__httpd_is_clients(exchange, error);
    unsigned status = 500;

    exchange->error = error;
    if (error == GYRE_ECANCELLED) {
        connection->abort = true;
        return;
    }
    if (clients) {
        status = gyre__httpd_error_status(exchange, error);
        connection->abort |= !status;
    } else {
        report(exchange, error, gyre_error_current());
    }
    gyre_error_clear();
    if (exchange->status && !exchange->ended)
        connection->abort = true; /* the client must not take it for the whole */
    else if (!exchange->status && status)
        gyre__httpd_answer_status(exchange, status);
}

/* The handler has ended well: what it left undone. */
static void ended(gyre_http_exchange *exchange, int64_t value)
{
    int64_t rc;

    if (!exchange->status && value >= 200 && value < 600) {
        gyre__httpd_answer_status(exchange, (unsigned)value);
    } else if (!exchange->status) {
        report(exchange, GYRE_EHTTPNOANSWER, NULL);
        gyre__httpd_answer_status(exchange, 500);
    } else if (!exchange->ended) {
        rc = gyre__httpd_finish(exchange);
        if (rc < 0) {
            exchange->error = rc;
            exchange->connection->abort = true;
            if (!gyre__httpd_is_clients(exchange, rc) || rc == GYRE_EHTTPLENGTH)
                report(exchange, rc, NULL);
        }
    }
}

static void log_access(gyre_http_exchange *exchange)
{
    gyre_http_server *server = exchange->server;
    gyre_http_access access;

    if (!server->options.on_access)
        return;
    access = (gyre_http_access){
        .exchange = exchange,
        .status = exchange->status,
        .sent = exchange->sent,
        .received = exchange->received,
        .duration_ns = (int64_t)(gyre_loop_time(server->loop) - exchange->began),
        .error = exchange->error,
    };
    server->options.on_access(server->options.on_access_arg, &access);
}

/* ---- between requests ---- */

static size_t available(const gyre__httpd_connection *connection)
{
    return gyre__stream_available(connection->stream);
}

/* True if another request can follow this one. */
static bool goes_on(const gyre__httpd_connection *connection)
{
    return !connection->exchange->close && !connection->abort &&
           connection->stream->write_error == 0;
}

/* The exchange goes back; what is composed goes out. */
static void let_go(gyre__httpd_connection *connection)
{
    gyre_http_exchange *exchange = connection->exchange;

    if (!exchange)
        return;
    connection->exchange = NULL;
    if (!connection->abort)
        gyre__httpd_flush(exchange);
    gyre__httpd_exchange_give(exchange);
}

/* A request begins. */
static bool begin_request(gyre__httpd_connection *connection)
{
    gyre_http_server *server = connection->server;
    gyre_http_exchange *exchange = connection->exchange;

    if (exchange)
        gyre__httpd_exchange_reset(exchange);
    else
        exchange = connection->exchange = gyre__httpd_exchange_take(connection);
    if (!exchange)
        return false;
    exchange->began = server->options.on_access ? gyre__httpd_now(server) : 0;
    exchange->body_limit = server->options.max_body;
    connection->requests++;
    return true;
}

/* The head is complete: what can be said before the handler is asked. 0, or a status. */
static unsigned look_at_head(gyre__httpd_connection *connection)
{
    gyre_http_exchange *exchange = connection->exchange;
    unsigned status = gyre__httpd_exchange_prepare(exchange);

    if (status || connection->server->closing ||
        connection->requests >= connection->server->options.max_requests)
        exchange->close = true;
    return status;
}

static void refuse(gyre__httpd_connection *connection, unsigned status, int64_t error)
{
    gyre_http_exchange *exchange = connection->exchange;

    exchange->close = true;
    exchange->error = error;
    connection->linger = true;
    if (status)
        gyre__httpd_answer_status(exchange, status);
    else
        connection->abort = error != 0;
    gyre_error_clear();
}

static void begin(gyre__httpd_connection *connection)
{
    connection->began = true;
    gyre__httpd_timer_init(connection);
    gyre__list_append(&connection->server->connections, &connection->link);
}

/* ---- the end ---- */

/* Nobody must look at the connection any more. */
static void leave(gyre__httpd_connection *connection)
{
    if (!connection->began)
        return;
    connection->began = false;
    gyre__httpd_timer_stop(connection);
    gyre__list_unlink(&connection->link);
}

static bool lingers(const gyre__httpd_connection *connection)
{
    return connection->linger && !connection->abort && connection->stream->write_error == 0 &&
           !connection->stream->eof && connection->rc != GYRE_ECANCELLED &&
           gyre_stream_write_eof(connection->stream) == 0;
}

/* What still comes is dropped; true if more may. */
static bool drop_some(gyre__httpd_connection *connection)
{
    connection->dropped += available(connection);
    if (available(connection))
        gyre_stream_consume(connection->stream, available(connection));
    return connection->dropped <= connection->server->options.max_drain;
}

GYRE__CORO(, gyre__httpd_connection)
{
    GYRE_BEGIN;
    begin(self);
    for (;;) {
        if (!available(self)) {
            let_go(self);
            if (self->server->closing)
                break;
            self->idle = true;
            gyre__httpd_wait_begin(self, &self->reading,
                                   self->server->options.keep_alive_timeout_ns);
            GYRE_AWAIT(self->rc, gyre_stream_fill(self->stream, 1));
            self->rc = gyre__httpd_wait_end(&self->reading, self->rc);
            self->idle = false;
            if (self->rc <= 0)
                break;
        }
        if (!begin_request(self))
            GYRE_RETURN(-ENOMEM);
        while ((self->rc = parse_head(self->exchange, self->stream)) == 0) {
            if (available(self))
                continue;
            gyre__httpd_flush(self->exchange);
            if (!self->reading.task)
                gyre__httpd_wait_begin(self, &self->reading, self->server->options.head_timeout_ns);
            GYRE_AWAIT(self->rc, gyre_stream_fill(self->stream, 1));
            if (self->rc <= 0)
                break;
        }
        self->rc = gyre__httpd_wait_end(&self->reading, self->rc);
        if (self->rc <= 0) {
            refuse(self, status_of_head(self->exchange, self->rc), self->rc);
            log_access(self->exchange);
            break;
        }
        self->rc = (int64_t)look_at_head(self);
        if (self->rc) {
            refuse(self, (unsigned)self->rc, 0);
            log_access(self->exchange);
            break;
        }
        GYRE_AWAIT(self->rc, call_handler(self->exchange));
        if (self->rc < 0)
            failed(self->exchange, self->rc);
        else
            ended(self->exchange, self->rc);
        log_access(self->exchange);
        if (!self->exchange->body_over && goes_on(self)) {
            gyre__httpd_flush(self->exchange);
            /* One time-out for all of it: nobody wants it, byte by byte it could take for ever. */
            GYRE_AWAIT(self->rc, gyre_wait_for(gyre__httpd_drop_body(self->exchange),
                                               self->server->options.body_timeout_ns));
            if (self->rc < 0)
                self->exchange->close = true;
        }
        if (!goes_on(self)) {
            self->linger = !self->exchange->body_over || available(self);
            break;
        }
        GYRE_AWAIT(self->rc, gyre__httpd_drain(self->exchange, 0));
        if (self->rc < 0)
            break;
    }
    GYRE_FINALLY;
    if (self->rc == GYRE_ECANCELLED || !self->began)
        self->abort = true;
    let_go(self);
    /*
     * Closing while the client still sends would reset the connection, and with it what it has
     * not read yet.
     */
    if (self->began && lingers(self)) {
        gyre__httpd_wait_begin(self, &self->reading, GYRE_SECONDS(LINGER_SECONDS));
        do {
            GYRE_AWAIT(self->rc, gyre_stream_fill(self->stream, 1));
        } while (self->rc > 0 && drop_some(self));
        self->rc = gyre__httpd_wait_end(&self->reading, self->rc);
    }
    leave(self);
    if (self->abort)
        gyre_stream_abort(self->stream);
    else
        GYRE_AWAIT(self->rc, gyre_stream_close(self->stream));
    GYRE_END;
}
