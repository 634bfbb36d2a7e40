/* The head of an HTTP answer, composed in one go into the buffer of what is to be sent. */
#include <errno.h>
#include <string.h>

#include "../loop/alloc.h"
#include "http_server_internal.h"

/* status line, length, connection: without what varies in size */
enum { FIRST_OUT = 1024, FIXED_PART = 256 };

char *gyre__httpd_out_reserve(gyre_http_exchange *exchange, size_t size)
{
    size_t capacity = exchange->out_capacity ? exchange->out_capacity : FIRST_OUT;
    char *out;

    if (exchange->out_capacity - exchange->out_size >= size)
        return exchange->out + exchange->out_size;
    while (capacity < exchange->out_size + size)
        capacity *= 2;
    out = gyre_realloc(exchange->out, capacity);
    if (!out)
        return NULL;
    exchange->out = out;
    exchange->out_capacity = capacity;
    return out + exchange->out_size;
}

static char *put(char *to, const char *text, size_t size)
{
    memcpy(to, text, size);
    return to + size;
}

#define PUT(to_, literal_) put((to_), (literal_), sizeof(literal_) - 1)

char *gyre__httpd_put_number(char *to, uint64_t number)
{
    char digits[20];
    size_t n = 0;

    do
        digits[n++] = (char)('0' + number % 10);
    while (number /= 10);
    while (n)
        *to++ = digits[--n];
    return to;
}

/* ---- the fields that the server decides on ---- */

static bool has_no_body(unsigned status)
{
    return status == 204 || status == 304;
}

/* How much of the request's body nobody has read is dropped to keep the connection. */
static bool would_drop(const gyre_http_exchange *exchange)
{
    const gyre__http_parser *parser = &exchange->parser;
    uint64_t most = exchange->server->options.max_drain;

    if (exchange->body_over)
        return true;
    if (exchange->read_error || exchange->expects_continue)
        return false;
    return parser->chunked || parser->content_length - exchange->received <= most;
}

static char *put_status(char *to, unsigned status)
{
    const char *reason;

    if (status == 200)
        return PUT(to, "HTTP/1.1 200 OK\r\n");
    reason = gyre_http_reason(status);
    to = PUT(to, "HTTP/1.1 ");
    to = gyre__httpd_put_number(to, status);
    *to++ = ' ';
    to = put(to, reason, strlen(reason));
    return PUT(to, "\r\n");
}

static char *put_framing(char *to, const gyre_http_exchange *exchange, unsigned status)
{
    if (exchange->length >= 0 && status != 204) {
        to = PUT(to, "Content-Length: ");
        to = gyre__httpd_put_number(to, (uint64_t)exchange->length);
        to = PUT(to, "\r\n");
    } else if (exchange->chunked) {
        to = PUT(to, "Transfer-Encoding: chunked\r\n");
    }
    if (exchange->close)
        to = PUT(to, "Connection: close\r\n");
    else if (exchange->parser.version < 11)
        to = PUT(to, "Connection: keep-alive\r\n");
    return to;
}

static char *put_fields(char *to, const gyre_http_headers *fields)
{
    for (size_t i = 0; i < gyre_http_headers_count(fields); i++) {
        gyre_http_header field = gyre_http_headers_at(fields, i);

        to = put(to, field.name, field.name_size);
        to = PUT(to, ": ");
        to = put(to, field.value, field.value_size);
        to = PUT(to, "\r\n");
    }
    return to;
}

/* Decides how the body ends, and whether the connection goes on after it. */
static void decide(gyre_http_exchange *exchange, unsigned status, int64_t length)
{
    bool body = !has_no_body(status);

    exchange->status = status;
    exchange->length = body ? length : status == 304 && length > 0 ? length : -1;
    exchange->chunked = body && length < 0 && exchange->parser.version >= 11;
    if (body && length < 0 && !exchange->chunked)
        exchange->close = true; /* only the end of the connection can tell */
    if (!would_drop(exchange))
        exchange->close = true;
    exchange->bodyless |= !body;
}

/* True if one of eight bytes is a control character. */
static bool has_control(uint64_t bytes)
{
    const uint64_t ones = UINT64_MAX / 255, tops = ones * 128;
    uint64_t deletes = bytes ^ (ones * 127);

    return (((bytes - ones * ' ') & ~bytes) | ((deletes - ones) & ~deletes)) & tops;
}

/* A content type has no controls in it: else one field could become two. Eight bytes at a time. */
static bool is_type(const char *text, size_t size)
{
    uint64_t bytes = 0;

    for (; size >= sizeof(bytes); text += sizeof(bytes), size -= sizeof(bytes)) {
        memcpy(&bytes, text, sizeof(bytes));
        if (has_control(bytes))
            return false;
    }
    bytes = UINT64_MAX / 255 * ' ';
    for (size_t i = 0; i < size; i++)
        bytes = bytes << 8 | (unsigned char)text[i];
    return !has_control(bytes);
}

int64_t gyre__httpd_compose_head(gyre_http_exchange *exchange, unsigned status,
                                 const char *content_type, int64_t length)
{
    const gyre_http_server *server = exchange->server;
    const gyre_http_headers *fields = &exchange->fields;
    bool custom = gyre_http_headers_count(fields) > 0;
    size_t type_size = content_type ? strlen(content_type) : 0, date_size, size;
    const char *date;
    char *to;

    if (exchange->status)
        return GYRE_ESTATE;
    if (status < 200 || status > 999)
        return -EINVAL;
    if (!is_type(content_type, type_size))
        return GYRE_EHTTPHEADER;
    date = gyre__httpd_date_field(exchange->server, &date_size);
    size = FIXED_PART + type_size + date_size + server->server_field_size;
    if (custom)
        size += gyre_http_headers_size(fields);
    to = gyre__httpd_out_reserve(exchange, size);
    if (!to)
        return -ENOMEM;
    decide(exchange, status, length);
    to = put_status(to, status);
    if (!custom || !gyre_http_headers_get(fields, "date"))
        to = put(to, date, date_size);
    if (server->server_field && (!custom || !gyre_http_headers_get(fields, "server")))
        to = put(to, server->server_field, server->server_field_size);
    if (content_type && (!custom || !gyre_http_headers_get(fields, "content-type"))) {
        to = PUT(to, "Content-Type: ");
        to = put(to, content_type, type_size);
        to = PUT(to, "\r\n");
    }
    to = put_framing(to, exchange, status);
    if (custom)
        to = put_fields(to, fields);
    to = PUT(to, "\r\n");
    exchange->out_size = (size_t)(to - exchange->out);
    return 0;
}

/* ---- fields of the handler's ---- */

static bool is_reserved(const char *name)
{
    static const char *const names[] = {"content-length", "transfer-encoding", "connection",
                                        "trailer",        "keep-alive",        "upgrade"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    return false;
}

int64_t gyre_http_set_header(gyre_http_exchange *exchange, const char *name, const char *value)
{
    if (exchange->status)
        return GYRE_ESTATE;
    return is_reserved(name) ? GYRE_EHTTPHEADER
                             : gyre_http_headers_set(&exchange->fields, name, value);
}

int64_t gyre_http_add_header(gyre_http_exchange *exchange, const char *name, const char *value)
{
    if (exchange->status)
        return GYRE_ESTATE;
    return is_reserved(name) ? GYRE_EHTTPHEADER
                             : gyre_http_headers_add(&exchange->fields, name, value);
}

int64_t gyre_http_add_trailer(gyre_http_exchange *exchange, const char *name, const char *value)
{
    if (exchange->ended)
        return GYRE_ESTATE;
    return is_reserved(name) ? GYRE_EHTTPHEADER
                             : gyre_http_headers_add(&exchange->trailers, name, value);
}

void gyre_http_set_close(gyre_http_exchange *exchange)
{
    exchange->close = true;
}
