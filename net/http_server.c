/* HTTP servers: starting one, its graceful end, and what its connections share. */
#include "http_server.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "../loop/alloc.h"
#include "../task/timeout.h"
#include "http_date_internal.h"
#include "http_server_internal.h"

enum {
    DEFAULT_LINE = 8192,
    DEFAULT_HEADER_COUNT = 100,
    DEFAULT_HEADER_BYTES = 32768,
    DEFAULT_BODY = 16 << 20,
    DEFAULT_DRAIN = 256 << 10,
    DEFAULT_SECONDS = 30,
    DEFAULT_KEEP_ALIVE_SECONDS = 75,
    MOST_SPARE = 64, /* exchanges that are kept for the next requests */
};

/* ---- exchanges come and go with requests: their memory stays ---- */

static void free_exchange(gyre_http_exchange *exchange)
{
    gyre__http_parser_fini(&exchange->parser);
    gyre_http_headers_fini(&exchange->fields);
    gyre_http_headers_fini(&exchange->trailers);
    gyre_free(exchange->text);
    gyre_free(exchange->body);
    gyre_free(exchange->out);
    gyre_free(exchange);
}

gyre_http_exchange *gyre__httpd_exchange_take(gyre__httpd_connection *connection)
{
    gyre_http_server *server = connection->server;
    gyre_http_exchange *exchange = server->spare;

    if (exchange) {
        server->spare = exchange->next;
        server->spare_count--;
    } else {
        exchange = gyre_alloc_zeroed(sizeof(*exchange));
        if (!exchange)
            return NULL;
        exchange->server = server;
        gyre__http_parser_init(&exchange->parser, true, &server->limits);
        gyre_http_headers_init(&exchange->fields);
        gyre_http_headers_init(&exchange->trailers);
        exchange->flush.run = gyre__httpd_run_flush;
        gyre__httpd_exchange_reset(exchange);
    }
    exchange->connection = connection;
    return exchange;
}

static void shrink(char **block, size_t *capacity)
{
    if (*capacity <= GYRE__HTTPD_KEPT_MEMORY)
        return;
    gyre_free(*block);
    *block = NULL;
    *capacity = 0;
}

void gyre__httpd_exchange_give(gyre_http_exchange *exchange)
{
    gyre_http_server *server = exchange->server;

    exchange->connection = NULL;
    exchange->out_size = 0;
    gyre__httpd_exchange_reset(exchange);
    shrink(&exchange->out, &exchange->out_capacity);
    shrink(&exchange->body, &exchange->body_capacity);
    if (server->spare_count >= MOST_SPARE && !exchange->flush_queued) {
        free_exchange(exchange);
        return;
    }
    exchange->next = server->spare;
    server->spare = exchange;
    server->spare_count++;
}

/* ---- the date ---- */

const char *gyre__httpd_date_field(gyre_http_server *server, size_t *out_size)
{
    struct timespec time;

    if (server->date_iteration != server->loop->iterations || !server->date_size) {
        server->date_iteration = server->loop->iterations;
        clock_gettime(CLOCK_REALTIME_COARSE, &time);
        if (time.tv_sec != server->date_second || !server->date_size) {
            char *to = server->date;

            server->date_second = time.tv_sec;
            memcpy(to, "Date: ", 6);
            to += 6;
            gyre__http_date_print(to, time.tv_sec);
            to += strlen(to);
            memcpy(to, "\r\n", 2);
            server->date_size = (size_t)(to + 2 - server->date);
        }
    }
    *out_size = server->date_size;
    return server->date;
}

/* ---- starting ---- */

static size_t size_or(size_t value, size_t fallback)
{
    return value ? value : fallback;
}

static uint64_t count_or(uint64_t value, uint64_t fallback)
{
    return value ? value : fallback;
}

static int64_t seconds_or(int64_t value, int seconds)
{
    return value ? value : GYRE_SECONDS(seconds);
}

static void fill_options(gyre_http_server *server, const gyre_http_server_options *options)
{
    gyre_http_server_options *own = &server->options;

    *own = *options;
    own->server = NULL;
    own->max_drain = count_or(options->max_drain, DEFAULT_DRAIN);
    own->max_requests = count_or(options->max_requests, GYRE_HTTP_NO_LIMIT);
    own->head_timeout_ns = seconds_or(options->head_timeout_ns, DEFAULT_SECONDS);
    own->body_timeout_ns = seconds_or(options->body_timeout_ns, DEFAULT_SECONDS);
    own->write_timeout_ns = seconds_or(options->write_timeout_ns, DEFAULT_SECONDS);
    own->keep_alive_timeout_ns =
        seconds_or(options->keep_alive_timeout_ns, DEFAULT_KEEP_ALIVE_SECONDS);
    own->max_body = count_or(options->max_body, DEFAULT_BODY);
    server->limits = (struct gyre__http_limits){
        .line = size_or(options->max_line, DEFAULT_LINE),
        .header_count = size_or(options->max_header_count, DEFAULT_HEADER_COUNT),
        .header_bytes = size_or(options->max_header_bytes, DEFAULT_HEADER_BYTES),
        .body = 0, /* each exchange has its own */
    };
}

static int64_t make_server_field(gyre_http_server *server, const char *value)
{
    gyre_http_headers checked;
    size_t size = value ? strlen(value) : 0;
    int64_t rc;

    if (!value)
        return 0;
    gyre_http_headers_init(&checked);
    rc = gyre_http_headers_add(&checked, "Server", value);
    gyre_http_headers_fini(&checked);
    if (rc < 0)
        return rc;
    server->server_field = gyre_alloc(size + 11);
    if (!server->server_field)
        return -ENOMEM;
    memcpy(server->server_field, "Server: ", 8);
    memcpy(server->server_field + 8, value, size);
    memcpy(server->server_field + 8 + size, "\r\n", 3);
    server->server_field_size = size + 10;
    return 0;
}

/* The listener's last reference has gone: no connection is left. */
static void free_server(void *arg)
{
    gyre_http_server *server = arg;

    while (server->spare) {
        gyre_http_exchange *exchange = server->spare;

        server->spare = exchange->next;
        free_exchange(exchange);
    }
    gyre_free(server->server_field);
    gyre_free(server->args);
    gyre_free(server);
}

int64_t gyre__start_http_server(gyre_loop *loop, const gyre_http_server_options *options,
                                const gyre_coro *coro, const void *args,
                                gyre_http_server **out_server)
{
    gyre_http_server *server;
    int64_t rc;

    if (!loop)
        return GYRE_ENOTASK;
    server = gyre_alloc_zeroed(sizeof(*server));
    if (!server)
        return -ENOMEM;
    server->loop = loop;
    server->coro = coro;
    gyre__list_init(&server->connections);
    fill_options(server, options);
    server->args = gyre_alloc(coro->frame_size);
    rc = server->args ? make_server_field(server, options->server) : -ENOMEM;
    if (rc == 0) {
        memcpy(server->args, args, coro->frame_size);
        if (coro == &gyre_http_route_coro)
            server->router = ((const struct gyre_http_route *)args)->router;
        rc = gyre__start_server(loop, &options->listen, &gyre__httpd_connection_coro,
                                &(struct gyre__httpd_connection){
                                    .frame = {.coro = &gyre__httpd_connection_coro, .leaf = true},
                                    .server = server,
                                },
                                &server->listener);
    }
    if (rc < 0) {
        free_server(server);
        return rc;
    }
    server->listener->freed = free_server;
    server->listener->freed_arg = server;
    *out_server = server;
    return 0;
}

/* ---- ending ---- */

void gyre_http_server_close(gyre_http_server *server)
{
    gyre_server_close(server->listener);
    if (server->closing)
        return;
    server->closing = true;
    for (gyre__link *link = server->connections.next; link != &server->connections;
         link = link->next) {
        gyre__httpd_connection *connection = GYRE__CONTAINER(link, gyre__httpd_connection, link);

        if (connection->idle)
            gyre__httpd_wait_expire(&connection->reading);
    }
}

void gyre_http_server_free(gyre_http_server *server)
{
    if (!server)
        return;
    gyre_http_server_close(server);
    gyre_server_free(server->listener);
}

struct http_server_stop {
    gyre_frame frame;
    gyre_http_server *server; /* borrowed */
    int64_t grace, rc;
};
GYRE_CORO(http_server_stop)
{
    GYRE_BEGIN;
    gyre_http_server_close(self->server);
    GYRE_TRY(self->rc, gyre_server_stop(self->server->listener, self->grace));
    GYRE_RETURN(self->rc);
    GYRE_END;
}

gyre_await gyre_http_server_stop(gyre_http_server *server, int64_t grace_ns)
{
    if (!server)
        return gyre__complete(gyre__task_running(__func__), 0);
    return gyre__call(&http_server_stop_coro,
                      &(struct http_server_stop){
                          .frame = {.coro = &http_server_stop_coro, .leaf = true},
                          .server = server,
                          .grace = grace_ns,
                      });
}

/* ---- asking ---- */

gyre_server *gyre_http_server_listener(const gyre_http_server *server)
{
    return server->listener;
}

uint16_t gyre_http_server_port(const gyre_http_server *server)
{
    return gyre_server_port(server->listener);
}
