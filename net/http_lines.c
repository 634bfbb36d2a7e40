/* Framing of HTTP messages: lines put together, checked, and handed to llhttp whole. */
#include <errno.h>
#include <string.h>

#include "../loop/alloc.h"
#include "../loop/error.h"
#include "ascii_internal.h"
#include "http_steps_internal.h"

enum {
    EMPTY_LINES_MOST = 4, /* before a request: a few clients send some after a body */
    CHUNK_LINE_MOST = 1024,
    FIRST_LINE = 256
};

/* Our code for what llhttp objects to. */
static int64_t code_of(const gyre__http_parser *parser, llhttp_errno_t error)
{
    switch (error) {
    case HPE_INVALID_METHOD:
        return GYRE_EHTTPMETHOD;
    case HPE_INVALID_CONSTANT: /* a method of another protocol, for one */
        return parser->request ? GYRE_EHTTPMETHOD : GYRE_EHTTPSYNTAX;
    case HPE_INVALID_VERSION:
    case HPE_PAUSED_H2_UPGRADE:
        return GYRE_EHTTPVERSION;
    case HPE_UNEXPECTED_CONTENT_LENGTH:
    case HPE_INVALID_CONTENT_LENGTH:
    case HPE_INVALID_TRANSFER_ENCODING:
        return GYRE_EHTTPFRAMING;
    default:
        return GYRE_EHTTPSYNTAX;
    }
}

/* ---- llhttp ---- */

int64_t gyre__http_feed(gyre__http_parser *parser, const char *data, size_t size)
{
    llhttp_errno_t error;
    const char *at, *line;

    parser->complete = false;
    error = llhttp_execute(&parser->llhttp, data, size);
    if (error == HPE_OK && !parser->complete) {
        parser->position += size;
        return 0;
    }
    at = llhttp_get_error_pos(&parser->llhttp);
    if (error == HPE_PAUSED && parser->complete && at == data + size) {
        llhttp_resume(&parser->llhttp);
        parser->position += size;
        return 0;
    }
    at = parser->failed_at ? parser->failed_at : at;
    line = at > data ? memrchr(data, '\n', (size_t)(at - data)) : NULL;
    gyre__http_fail(parser, code_of(parser, error), llhttp_get_error_reason(&parser->llhttp));
    parser->error_position = parser->position + (line ? (uint64_t)(line + 1 - data) : 0);
    return parser->error;
}

/* ---- lines ---- */

int64_t gyre__http_check_length(gyre__http_parser *parser, size_t size)
{
    if (parser->state == IN_START) {
        if (size > parser->limits.line)
            return gyre__http_fail(parser, GYRE_EHTTPLINE, "the start line is too long");
    } else if (parser->state == IN_CHUNK_LINE) {
        if (size > CHUNK_LINE_MOST)
            return gyre__http_fail(parser, GYRE_EHTTPSYNTAX, "the line of a chunk is too long");
    } else if (size > 2 && size > parser->limits.header_bytes - parser->header_bytes) {
        return gyre__http_fail(parser, GYRE_EHTTPFIELDS, "the header fields are too large");
    }
    return 0;
}

int64_t gyre__http_check_first(gyre__http_parser *parser, char byte)
{
    if (parser->state == IN_CHUNK_LINE && gyre__ascii_hex(byte) < 0)
        return gyre__http_fail(parser, GYRE_EHTTPSYNTAX, "the size of a chunk is missing");
    if (parser->state != IN_START)
        return 0;
    if (parser->request ? gyre__ascii_is(byte, GYRE__ASCII_TOKEN) || byte == '\r' : byte == 'H')
        return 0;
    return gyre__http_fail(parser, GYRE_EHTTPSYNTAX, "not the start of a message");
}

enum line_kind { PLAIN, SECTION_END, PASSED_OVER };

static int64_t check_start(gyre__http_parser *parser, const char *line, size_t size)
{
    int64_t result;

    if (size == 2 && parser->empty_lines++ < EMPTY_LINES_MOST)
        return PASSED_OVER;
    result = gyre__http_start_line(parser, line, size - 2);
    if (result < 0)
        return result;
    parser->state = IN_FIELDS;
    return PLAIN;
}

static int64_t check_field(gyre__http_parser *parser, const char *line, size_t size)
{
    if (size == 2)
        return SECTION_END;
    if (line[0] == ' ' || line[0] == '\t')
        return gyre__http_fail(parser, GYRE_EHTTPSYNTAX, "a header line that is folded");
    if (parser->section_fields++ == parser->limits.header_count)
        return gyre__http_fail(parser, GYRE_EHTTPFIELDS, "too many header fields");
    parser->header_bytes += size;
    return PLAIN;
}

int64_t gyre__http_check_whole(gyre__http_parser *parser, const char *line, size_t size)
{
    int64_t result = gyre__http_check_first(parser, line[0]);

    if (result == 0)
        result = gyre__http_check_length(parser, size);
    if (result < 0)
        return result;
    if (size < 2 || line[size - 2] != '\r')
        return gyre__http_fail(parser, GYRE_EHTTPSYNTAX, "a line that ends without CR");
    return 0;
}

/* A line with its end, before llhttp gets it: an enum line_kind, or the error. */
static int64_t check_line(gyre__http_parser *parser, const char *line, size_t size)
{
    int64_t result = gyre__http_check_whole(parser, line, size);

    if (result < 0)
        return result;
    return parser->state == IN_START ? check_start(parser, line, size)
                                     : check_field(parser, line, size);
}

/*
 * An error in a line counts only if llhttp has none with the lines before it, which it gets first:
 * the earliest error is the one that is told.
 */
static int64_t settle(gyre__http_parser *parser, const char *data, size_t size)
{
    int64_t error = parser->error;
    const char *text = parser->error_text;

    parser->error = 0;
    if (size && gyre__http_feed(parser, data, size) < 0)
        return parser->error;
    return gyre__http_fail(parser, error, text);
}

/* Goes through the whole lines in the data up to the end of the section. Gives the bytes done. */
static int64_t walk_lines(gyre__http_parser *parser, const char *data, size_t size, bool *out_end)
{
    size_t at = 0, fed = 0;
    const char *end;
    int64_t kind = PLAIN;

    while (kind != SECTION_END && at < size && (end = memchr(data + at, '\n', size - at))) {
        size_t length = (size_t)(end + 1 - (data + at));

        kind = check_line(parser, data + at, length);
        if (kind < 0)
            return settle(parser, data + fed, at - fed);
        at += length;
        if (kind == PASSED_OVER) {
            parser->position += length;
            fed = at;
        }
    }
    if (at > fed && gyre__http_feed(parser, data + fed, at - fed) < 0)
        return parser->error;
    *out_end = kind == SECTION_END;
    if (*out_end != parser->complete)
        return gyre__http_fail(parser, GYRE_EHTTPSYNTAX, "the end of the head is in doubt");
    return (int64_t)at;
}

static int64_t keep_bytes(gyre__http_parser *parser, const char *data, size_t size)
{
    size_t needed = parser->line_used + size, capacity = parser->line_capacity;

    if (needed > capacity) {
        char *line;

        for (capacity = capacity ? capacity : FIRST_LINE; capacity < needed;)
            capacity *= 2;
        line = gyre_realloc(parser->line, capacity);
        if (!line)
            return gyre__http_fail(parser, -ENOMEM, "out of memory");
        parser->line = line;
        parser->line_capacity = capacity;
    }
    memcpy(parser->line + parser->line_used, data, size);
    parser->line_used = needed;
    return 0;
}

int64_t gyre__http_collect(gyre__http_parser *parser, const char *data, size_t size,
                           bool *out_whole)
{
    const char *end = memchr(data, '\n', size);
    size_t length = end ? (size_t)(end + 1 - data) : size;
    int64_t result = parser->line_used ? 0 : gyre__http_check_first(parser, data[0]);

    if (result == 0)
        result = gyre__http_check_length(parser, parser->line_used + length);
    if (result == 0)
        result = keep_bytes(parser, data, length);
    *out_whole = end;
    return result < 0 ? result : (int64_t)length;
}

int64_t gyre__http_walk_section(gyre__http_parser *parser, const char *data, size_t size,
                                bool *out_end)
{
    size_t used = 0, length;
    int64_t taken;
    bool whole;

    *out_end = false;
    if (parser->line_used) {
        taken = gyre__http_collect(parser, data, size, &whole);
        if (taken < 0 || !whole)
            return taken;
        used = (size_t)taken;
        length = parser->line_used;
        parser->line_used = 0;
        taken = walk_lines(parser, parser->line, length, out_end);
        if (taken < 0 || *out_end)
            return taken < 0 ? taken : (int64_t)used;
    }
    taken = walk_lines(parser, data + used, size - used, out_end);
    if (taken < 0)
        return taken;
    used += (size_t)taken;
    if (*out_end || used == size)
        return (int64_t)used;
    taken = gyre__http_collect(parser, data + used, size - used, &whole);
    return taken < 0 ? taken : (int64_t)size;
}
