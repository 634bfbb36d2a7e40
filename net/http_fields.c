/*
 * Header fields as llhttp finds them: kept, and understood where they say how the message goes on.
 */
#include <errno.h>
#include <string.h>

#include "../loop/error.h"
#include "ascii_internal.h"
#include "http_headers_internal.h"
#include "http_steps_internal.h"

enum { LENGTH_DIGITS = 19 }; /* of Content-Length: they never wrap in 64 bits */

static gyre__http_parser *parser_of(llhttp_t *llhttp)
{
    return (gyre__http_parser *)((char *)llhttp - offsetof(gyre__http_parser, llhttp));
}

/* ---- fields with a meaning ---- */

static int64_t framing_error(gyre__http_parser *parser, const char *text)
{
    return gyre__http_fail(parser, GYRE_EHTTPFRAMING, text);
}

static int64_t take_length(gyre__http_parser *parser, const char *value, size_t size)
{
    uint64_t length = 0;

    if (parser->has_length)
        return framing_error(parser, "more than one Content-Length");
    if (parser->saw_te)
        return framing_error(parser, "Content-Length beside Transfer-Encoding");
    if (size == 0 || size > LENGTH_DIGITS)
        return framing_error(parser, "Content-Length is empty or too large");
    for (size_t i = 0; i < size; i++) {
        if (!gyre__ascii_digit(value[i]))
            return framing_error(parser, "Content-Length is not a number");
        length = length * 10 + (uint64_t)(value[i] - '0');
    }
    if (length > INT64_MAX)
        return framing_error(parser, "Content-Length is empty or too large");
    parser->has_length = true;
    parser->content_length = length;
    return 0;
}

/* "chunked" and nothing else; other codings are told apart from what leaves the length open. */
static int64_t take_coding(gyre__http_parser *parser, const char *value, size_t size)
{
    const char *last = memrchr(value, ',', size);
    size_t last_size;

    if (parser->saw_te)
        return framing_error(parser, "more than one Transfer-Encoding");
    if (parser->has_length)
        return framing_error(parser, "Transfer-Encoding beside Content-Length");
    if (parser->version < 11)
        return framing_error(parser, "Transfer-Encoding in HTTP/1.0");
    parser->saw_te = true;
    parser->chunked = gyre__ascii_same(value, size, "chunked", 7);
    if (parser->chunked)
        return 0;
    if (last) {
        last++;
        last_size = (size_t)(value + size - last);
        gyre__http_trim(&last, &last_size);
        if (gyre__ascii_same(last, last_size, "chunked", 7) &&
            !memmem(value, (size_t)(last - value), "chunked", 7))
            return gyre__http_fail(parser, GYRE_EHTTPCODING, "a coding beside chunked");
    }
    return framing_error(parser, "Transfer-Encoding is not chunked");
}

static int64_t take_host(gyre__http_parser *parser, const char *value, size_t size)
{
    if (parser->saw_host)
        return gyre__http_fail(parser, GYRE_EHTTPHOST, "more than one Host");
    parser->saw_host = true;
    if (!gyre__http_is_authority(value, size, false))
        return gyre__http_fail(parser, GYRE_EHTTPHOST, "Host is not valid");
    parser->host_index = parser->headers.count;
    return 0;
}

/* The name, of which the size fits, is this one (letters and '-', in lower case). */
static bool is_name(const char *name, const char *lower)
{
    for (; *lower; name++, lower++)
        if ((*name | 32) != *lower)
            return false;
    return true;
}

/* A field of the head, before it is kept. */
static int64_t take_field(gyre__http_parser *parser, const char *value, size_t size)
{
    const char *name = parser->name;

    switch (parser->name_size) {
    case 4:
        if (parser->request && is_name(name, "host"))
            return take_host(parser, value, size);
        break;
    case 6:
        if (parser->request && is_name(name, "expect") &&
            gyre__ascii_same(value, size, "100-continue", 12))
            parser->expect_continue = parser->version == 11;
        break;
    case 14:
        if (is_name(name, "content-length"))
            return take_length(parser, value, size);
        break;
    case 17:
        if (is_name(name, "transfer-encoding"))
            return take_coding(parser, value, size);
        break;
    default:
        break;
    }
    return 0;
}

/* Trailers must not change what the head said. */
static int64_t check_trailer(gyre__http_parser *parser)
{
    static const char *const refused[] = {"content-length", "transfer-encoding", "host"};

    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        if (gyre__ascii_same(parser->name, parser->name_size, refused[i], strlen(refused[i])))
            return framing_error(parser, "a trailer that only a head may have");
    return 0;
}

/* ---- llhttp's callbacks ---- */

static int failed(gyre__http_parser *parser, const char *at)
{
    parser->failed_at = at;
    return HPE_USER;
}

static int malformed(gyre__http_parser *parser, const char *at, const char *text)
{
    gyre__http_fail(parser, GYRE_EHTTPSYNTAX, text);
    return failed(parser, at);
}

static int keep_field(gyre__http_parser *parser, const char *value, size_t size)
{
    gyre_http_headers *to = parser->in_trailers ? &parser->trailers : &parser->headers;
    const char *name = parser->name;
    int64_t result = parser->in_trailers ? 0 : take_field(parser, value, size);

    if (result == 0) {
        result = gyre__http_headers_put(to, name, parser->name_size, value, size);
        if (result < 0)
            gyre__http_fail(parser, -ENOMEM, "out of memory");
    }
    parser->name = NULL;
    return result < 0 ? failed(parser, name) : 0;
}

static int on_url(llhttp_t *llhttp, const char *at, size_t size)
{
    gyre__http_parser *parser = parser_of(llhttp);

    (void)size;
    parser->method_number = llhttp->method;
    return gyre__http_target(parser) < 0 ? failed(parser, at) : 0;
}

/* Lines come whole: what stands behind a name can be looked at. */
static int on_header_field(llhttp_t *llhttp, const char *at, size_t size)
{
    gyre__http_parser *parser = parser_of(llhttp);
    const char *value = at + size + 1;

    if (size == 0 || at[size] != ':' || parser->name)
        return malformed(parser, at, "the name of a header field is malformed");
    parser->name = at;
    parser->name_size = size;
    parser->empty_value = false;
    if (parser->in_trailers && check_trailer(parser) < 0)
        return failed(parser, at);
    while (*value == ' ' || *value == '\t')
        value++;
    if (*value != '\r')
        return 0;
    /* llhttp tells of an empty value only in the next line, when the name may be gone. */
    parser->empty_value = true;
    return keep_field(parser, value, 0);
}

/* True for the fields that say how long the body is: parsers differ in the blanks they let pass. */
static bool frames(const gyre__http_parser *parser)
{
    return gyre__ascii_same(parser->name, parser->name_size, "content-length", 14) ||
           gyre__ascii_same(parser->name, parser->name_size, "transfer-encoding", 17);
}

/* The value ends before its line does: llhttp is about to object. */
static int bad_value(gyre__http_parser *parser, const char *at)
{
    if (!frames(parser))
        return malformed(parser, at, "the value of a header field is malformed");
    framing_error(parser, "the length of the body is malformed");
    return failed(parser, at);
}

static int on_header_value(llhttp_t *llhttp, const char *at, size_t size)
{
    gyre__http_parser *parser = parser_of(llhttp);

    if (parser->empty_value && size == 0)
        return 0;
    if (!parser->name || parser->empty_value)
        return malformed(parser, at, "a header field has two values");
    if (at[size] != '\r' || at[size + 1] != '\n' || (frames(parser) && memchr(at, '\t', size)))
        return bad_value(parser, at);
    gyre__http_trim(&at, &size);
    return keep_field(parser, at, size);
}

static int on_complete(llhttp_t *llhttp)
{
    parser_of(llhttp)->complete = true;
    return HPE_PAUSED;
}

const llhttp_settings_t gyre__http_settings = {
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_headers_complete = on_complete,
    .on_message_complete = on_complete,
};

/* ---- the end of the head ---- */

/* The authority of an absolute target must be the host. */
static bool agrees(const gyre__http_parser *parser)
{
    const char *authority = strstr(parser->target, "//") + 2;

    return gyre__ascii_same(authority, strcspn(authority, "/?"), parser->host,
                            strlen(parser->host));
}

static int64_t request_done(gyre__http_parser *parser)
{
    if (!parser->saw_host && parser->version == 11)
        return gyre__http_fail(parser, GYRE_EHTTPHOST, "Host is missing");
    if (parser->saw_host)
        parser->host = gyre_http_headers_at(&parser->headers, parser->host_index).value;
    if (parser->host && parser->target_form == GYRE__HTTP_ABSOLUTE && !agrees(parser))
        return gyre__http_fail(parser, GYRE_EHTTPHOST, "Host is not the target's");
    parser->method = llhttp_method_name((llhttp_method_t)parser->method_number);
    if (parser->method_number == HTTP_CONNECT) {
        parser->upgrade = true;
        if (parser->chunked || parser->content_length)
            return framing_error(parser, "CONNECT with a body");
    }
    if (parser->chunked)
        parser->framing = GYRE__HTTP_CHUNKED;
    else if (parser->content_length)
        parser->framing = GYRE__HTTP_LENGTH;
    if (parser->limits.body && parser->content_length > parser->limits.body)
        return gyre__http_fail(parser, GYRE_EHTTPBODY, "Content-Length is above the limit");
    return 0;
}

static int64_t response_done(gyre__http_parser *parser)
{
    bool bodiless = parser->status < 200 || parser->status == 204;

    if (bodiless && (parser->chunked || parser->content_length))
        return framing_error(parser, "a body where the status allows none");
    parser->upgrade = parser->status == 101;
    if (bodiless || parser->status == 304)
        return 0;
    if (parser->chunked)
        parser->framing = GYRE__HTTP_CHUNKED;
    else if (!parser->has_length)
        parser->framing = GYRE__HTTP_UNTIL_EOF;
    else if (parser->content_length)
        parser->framing = GYRE__HTTP_LENGTH;
    return 0;
}

int64_t gyre__http_head_done(gyre__http_parser *parser)
{
    const llhttp_t *llhttp = &parser->llhttp;
    unsigned flags = llhttp->flags;

    /* Two readings of one head are a hole; llhttp must have seen what we did. */
    if (parser->chunked != !!(flags & F_CHUNKED) ||
        (parser->has_length && llhttp->content_length != parser->content_length))
        return framing_error(parser, "the length of the body can be read in two ways");
    parser->keep_alive = !(flags & F_CONNECTION_CLOSE) &&
                         (parser->version == 11 || (flags & F_CONNECTION_KEEP_ALIVE));
    parser->upgrade = (flags & F_CONNECTION_UPGRADE) && (flags & F_UPGRADE);
    return parser->request ? request_done(parser) : response_done(parser);
}
