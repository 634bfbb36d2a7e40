/* An HTTP request as its handler sees it. */
#include <string.h>

#include "../loop/alloc.h"
#include "http_server_internal.h"
#include "url.h"

bool gyre__httpd_text_reserve(gyre_http_exchange *exchange, size_t size)
{
    size_t capacity = exchange->text_capacity ? exchange->text_capacity : 128;
    char *text;

    if (exchange->text_capacity - exchange->text_size >= size)
        return true;
    while (capacity < exchange->text_size + size)
        capacity *= 2;
    text = gyre_realloc(exchange->text, capacity);
    if (!text)
        return false;
    exchange->text = text;
    exchange->text_capacity = capacity;
    return true;
}

void gyre__httpd_exchange_reset(gyre_http_exchange *exchange)
{
    gyre__http_parser_reset(&exchange->parser);
    exchange->text_size = 0;
    exchange->path = "";
    exchange->query = NULL;
    exchange->param_count = 0;
    exchange->has_head = false;
    exchange->body_over = true;
    exchange->expects_continue = false;
    exchange->read_error = 0;
    exchange->received = 0;
    exchange->body_size = 0;
    if (gyre_http_headers_count(&exchange->fields))
        gyre_http_headers_clear(&exchange->fields);
    if (gyre_http_headers_count(&exchange->trailers))
        gyre_http_headers_clear(&exchange->trailers);
    exchange->status = 0;
    exchange->ended = false;
    exchange->chunked = false;
    exchange->bodyless = false;
    exchange->close = false;
    exchange->sent = 0;
    exchange->error = 0;
}

/* ---- after the head ---- */

/* The decoded path, and room for another copy of it, which the router cuts into parameters. */
static unsigned decode_path(gyre_http_exchange *exchange)
{
    const gyre__http_parser *parser = &exchange->parser;
    size_t size = parser->query ? (size_t)(parser->query - 1 - parser->path) : parser->path_size;
    int64_t n;

    if (!gyre__httpd_text_reserve(exchange, 2 * (size + 1)))
        return 503;
    if (memchr(parser->path, '%', size)) {
        n = gyre_url_decode(exchange->text, size, parser->path, size, GYRE_URL_PATH);
        if (n < 0 || memchr(exchange->text, '\0', (size_t)n))
            return 400;
        size = (size_t)n;
    } else {
        memcpy(exchange->text, parser->path, size);
    }
    exchange->text[size] = '\0';
    exchange->text_size = size + 1;
    exchange->path = exchange->text;
    exchange->query = parser->query;
    return 0;
}

unsigned gyre__httpd_exchange_prepare(gyre_http_exchange *exchange)
{
    const gyre__http_parser *parser = &exchange->parser;

    exchange->has_head = true;
    exchange->close = !parser->keep_alive;
    exchange->body_over = parser->framing == GYRE__HTTP_NO_BODY ||
                          (parser->framing == GYRE__HTTP_LENGTH && !parser->content_length);
    exchange->expects_continue = parser->expect_continue && !exchange->body_over;
    exchange->bodyless = parser->method_number == HTTP_HEAD;
    if (parser->method_number == HTTP_CONNECT)
        return 501;
    if (!exchange->body_over && parser->version >= 11 && !parser->expect_continue &&
        gyre_http_headers_get(&parser->headers, "expect"))
        return 417;
    return decode_path(exchange);
}

/* ---- what can be asked ---- */

const char *gyre_http_exchange_method(const gyre_http_exchange *exchange)
{
    return exchange->has_head ? exchange->parser.method : "";
}

bool gyre_http_exchange_is(const gyre_http_exchange *exchange, const char *method)
{
    return strcmp(gyre_http_exchange_method(exchange), method) == 0;
}

const char *gyre_http_exchange_target(const gyre_http_exchange *exchange)
{
    return exchange->has_head ? exchange->parser.target : "";
}

const char *gyre_http_exchange_path(const gyre_http_exchange *exchange)
{
    return exchange->path;
}

const char *gyre_http_exchange_query(const gyre_http_exchange *exchange)
{
    return exchange->query;
}

unsigned gyre_http_exchange_version(const gyre_http_exchange *exchange)
{
    return exchange->has_head ? exchange->parser.version : 0;
}

const gyre_http_headers *gyre_http_exchange_headers(const gyre_http_exchange *exchange)
{
    return &exchange->parser.headers;
}

const char *gyre_http_exchange_header(const gyre_http_exchange *exchange, const char *name)
{
    return gyre_http_headers_get(&exchange->parser.headers, name);
}

int64_t gyre_http_exchange_content_length(const gyre_http_exchange *exchange)
{
    return exchange->parser.chunked ? -1 : (int64_t)exchange->parser.content_length;
}

const gyre_http_headers *gyre_http_exchange_trailers(const gyre_http_exchange *exchange)
{
    return &exchange->parser.trailers;
}

const char *gyre_http_exchange_param(const gyre_http_exchange *exchange, const char *name)
{
    size_t size = strlen(name);

    for (size_t i = 0; i < exchange->param_count; i++) {
        const struct gyre__httpd_param *param = &exchange->params[i];

        if (param->name_size == size && memcmp(param->name, name, size) == 0)
            return param->value;
    }
    return NULL;
}

int64_t gyre_http_exchange_peer(const gyre_http_exchange *exchange, gyre_address *out)
{
    return gyre_stream_peer(exchange->connection->stream, out);
}

gyre_stream *gyre_http_exchange_stream(const gyre_http_exchange *exchange)
{
    return exchange->connection->stream;
}

unsigned gyre_http_exchange_status(const gyre_http_exchange *exchange)
{
    return exchange->status;
}
