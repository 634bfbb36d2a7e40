/* Start lines of HTTP messages: method, target, version; version, status, reason. */
#include <errno.h>
#include <string.h>

#include "../loop/alloc.h"
#include "../loop/error.h"
#include "ascii_internal.h"
#include "http_steps_internal.h"
#include "url_internal.h"

enum { VERSION_SIZE = 8 }; /* "HTTP/1.1" */

static int64_t malformed(gyre__http_parser *parser, const char *text)
{
    return gyre__http_fail(parser, GYRE_EHTTPSYNTAX, text);
}

/* "HTTP/1.1", exactly eight bytes. */
static int64_t take_version(gyre__http_parser *parser, const char *text)
{
    if (memcmp(text, "HTTP/", 5) != 0 || !gyre__ascii_digit(text[5]) || text[6] != '.' ||
        !gyre__ascii_digit(text[7]))
        return malformed(parser, "the HTTP version is malformed");
    if (text[5] != '1' || text[7] > '1')
        return gyre__http_fail(parser, GYRE_EHTTPVERSION, "neither HTTP/1.0 nor HTTP/1.1");
    parser->version = text[7] == '1' ? 11 : 10;
    return 0;
}

/* Keeps the texts of the start line: twice as much as the text, and a little. */
static char *keep(gyre__http_parser *parser, const char *text, size_t size)
{
    size_t needed = 2 * size + 4;

    if (parser->start_capacity < needed) {
        char *start = gyre_realloc(parser->start, needed < 256 ? 256 : needed);

        if (!start)
            return NULL;
        parser->start = start;
        parser->start_capacity = needed < 256 ? 256 : needed;
    }
    if (size)
        memcpy(parser->start, text, size);
    parser->start[size] = 0;
    return parser->start;
}

/* ---- requests ---- */

static int64_t request_line(gyre__http_parser *parser, const char *line, size_t size)
{
    size_t method = gyre__ascii_span(line, size, GYRE__ASCII_TOKEN), left = size - method;
    const char *target = line + method + 1, *space;
    int64_t result;

    if (method == 0 || left < 2 || line[method] != ' ')
        return malformed(parser, "the request line is malformed");
    left--;
    space = memchr(target, ' ', left);
    if (space == target)
        return malformed(parser, "more than one space behind the method");
    if (!space && gyre__ascii_span(target, left, GYRE__ASCII_ARGUMENT) == left)
        return gyre__http_fail(parser, GYRE_EHTTPVERSION, "a request of HTTP/0.9");
    if (!space)
        return malformed(parser, "the request line is malformed");
    if (left - (size_t)(space - target) != VERSION_SIZE + 1)
        return malformed(parser, "the HTTP version is malformed");
    result = take_version(parser, space + 1);
    if (result < 0)
        return result;
    if (gyre__ascii_same(line, method, "PRI", 3))
        return gyre__http_fail(parser, GYRE_EHTTPMETHOD, "PRI is no method, but HTTP/2's preface");
    parser->target_size = (size_t)(space - target);
    parser->target = keep(parser, target, parser->target_size);
    if (!parser->target)
        return gyre__http_fail(parser, -ENOMEM, "out of memory");
    return 0;
}

/* A path and a query, from `text` on: allowed bytes, whole escapes and none of 0 in the path. */
static int64_t take_path(gyre__http_parser *parser, const char *text, size_t size)
{
    size_t at = 0;

    parser->path = text;
    parser->path_size = size;
    for (;;) {
        at += gyre__ascii_span(text + at, size - at, GYRE__ASCII_TARGET);
        if (at == size)
            return 0;
        if (text[at] != '%')
            break;
        if (size - at < 3 || gyre__ascii_hex(text[at + 1]) < 0 || gyre__ascii_hex(text[at + 2]) < 0)
            return malformed(parser, "'%' without two hexadecimal digits in the path");
        if (text[at + 1] == '0' && text[at + 2] == '0')
            return malformed(parser, "%00 in the path");
        at += 3;
    }
    if (text[at] != '?')
        return malformed(parser, "not allowed in the path");
    parser->query = text + ++at;
    if (gyre__ascii_span(text + at, size - at, GYRE__ASCII_ARGUMENT) != size - at)
        return malformed(parser, "not allowed in the query");
    return 0;
}

/* As gyre__url_check_host() has it for http. */
static bool is_host(const gyre__url_parts *parts)
{
    return parts->bracketed || gyre__url_host_is_ipv4(parts->host.at, parts->host.size) ||
           gyre__url_host_is_name(parts->host.at, parts->host.size);
}

bool gyre__http_is_authority(const char *text, size_t size, bool port_needed)
{
    gyre__url_parts parts = {.port = 0};

    if (!gyre__url_split_authority(&parts, text, size) || !is_host(&parts))
        return false;
    /* No colon without a port behind it. */
    return (parts.port || !port_needed) && text[size - 1] != ':';
}

static int64_t absolute_form(gyre__http_parser *parser, size_t scheme)
{
    const char *authority = parser->target + scheme;
    size_t size = strcspn(authority, "/?"), rest = parser->target_size - scheme - size;
    char *path;

    if (!gyre__http_is_authority(authority, size, false))
        return malformed(parser, "the host of the target is not valid");
    parser->target_form = GYRE__HTTP_ABSOLUTE;
    if (authority[size] == '/')
        return take_path(parser, authority + size, rest);
    /* The path is left out: "/" and the query are put behind the target. */
    path = parser->start + parser->target_size + 1;
    path[0] = '/';
    memcpy(path + 1, authority + size, rest + 1);
    return take_path(parser, path, rest + 1);
}

int64_t gyre__http_target(gyre__http_parser *parser)
{
    const char *target = parser->target;
    size_t size = parser->target_size;
    bool connect = parser->method_number == HTTP_CONNECT;

    if (!connect && target[0] == '/') {
        parser->target_form = GYRE__HTTP_ORIGIN;
        return take_path(parser, target, size);
    }
    if (!connect && size > 7 && strncasecmp(target, "http://", 7) == 0)
        return absolute_form(parser, 7);
    if (!connect && size > 8 && strncasecmp(target, "https://", 8) == 0)
        return absolute_form(parser, 8);
    parser->path = target;
    parser->path_size = size;
    if (connect && gyre__http_is_authority(target, size, true)) {
        parser->target_form = GYRE__HTTP_AUTHORITY;
        return 0;
    }
    if (parser->method_number == HTTP_OPTIONS && size == 1 && target[0] == '*') {
        parser->target_form = GYRE__HTTP_ASTERISK;
        return 0;
    }
    return malformed(parser, "the target is not valid for the method");
}

/* ---- responses ---- */

static int64_t status_line(gyre__http_parser *parser, const char *line, size_t size)
{
    const char *digits = line + VERSION_SIZE + 1;
    size_t reason;
    int64_t result;

    if (size < VERSION_SIZE + 4 || line[VERSION_SIZE] != ' ')
        return malformed(parser, "the status line is malformed");
    result = take_version(parser, line);
    if (result < 0)
        return result;
    for (int i = 0; i < 3; i++)
        if (!gyre__ascii_digit(digits[i]))
            return malformed(parser, "the status is not a number of three digits");
    if (digits[0] == '0')
        return malformed(parser, "the status is below 100");
    parser->status = (unsigned)((digits[0] - '0') * 100 + (digits[1] - '0') * 10 + digits[2] - '0');
    /* "HTTP/1.1 200" without a space is what many send for an empty reason. */
    if (size > VERSION_SIZE + 4 && digits[3] != ' ')
        return malformed(parser, "no space behind the status");
    reason = size > VERSION_SIZE + 5 ? size - VERSION_SIZE - 5 : 0;
    if (gyre__ascii_span(digits + 4, reason, GYRE__ASCII_FIELD) != reason)
        return malformed(parser, "a control character in the reason");
    parser->reason = keep(parser, digits + 4, reason);
    if (!parser->reason)
        return gyre__http_fail(parser, -ENOMEM, "out of memory");
    return 0;
}

int64_t gyre__http_start_line(gyre__http_parser *parser, const char *line, size_t size)
{
    return parser->request ? request_line(parser, line, size) : status_line(parser, line, size);
}
