/* Bodies in chunks: the lines that announce them, their data, the line ends behind it. */
#include <string.h>

#include "../loop/error.h"
#include "ascii_internal.h"
#include "http_steps_internal.h"

enum {
    DIGITS_MOST = 16,    /* of a size: 64 bits */
    EXTRAS_MOST = 16384, /* bytes of extensions in a message */
};

/* ---- the line ---- */

static int64_t malformed(gyre__http_parser *parser, const char *text)
{
    return gyre__http_fail(parser, GYRE_EHTTPSYNTAX, text);
}

/*
 * The length of a quoted string at the start of the text, its quotes included; 0 if there is none.
 */
static size_t quoted(const char *text, size_t size)
{
    size_t at = 1;

    if (size < 2 || text[0] != '"')
        return 0;
    for (; at < size && text[at] != '"'; at++) {
        if (text[at] == '\\')
            at++;
        if (at >= size || !gyre__ascii_is(text[at], GYRE__ASCII_FIELD))
            return 0;
    }
    return at < size ? at + 1 : 0;
}

/*
 * ";name", ";name=token" or ";name="text"": its length, or 0. No blanks: they differ among parsers.
 */
static size_t extension(const char *text, size_t size)
{
    size_t name, value;

    if (size < 2 || text[0] != ';')
        return 0;
    name = gyre__ascii_span(text + 1, size - 1, GYRE__ASCII_TOKEN) + 1;
    if (name == 1)
        return 0;
    if (name == size || text[name] != '=')
        return name;
    value = gyre__ascii_span(text + name + 1, size - name - 1, GYRE__ASCII_TOKEN);
    if (value == 0)
        value = quoted(text + name + 1, size - name - 1);
    return value ? name + 1 + value : 0;
}

/*
 * Takes a chunk's line (without its end) apart: the digits of its size, and extensions, which are
 * checked and passed over. 0 or the error; *out_digits: how many; *out_size: the number.
 */
static int64_t chunk_line(gyre__http_parser *parser, const char *line, size_t size,
                          size_t *out_digits, uint64_t *out_size)
{
    size_t at = 0;
    uint64_t number = 0;
    int digit;

    for (; at < size && (digit = gyre__ascii_hex(line[at])) >= 0; at++) {
        if (at == DIGITS_MOST)
            return malformed(parser, "the size of a chunk has too many digits");
        number = number * 16 + (unsigned)digit;
    }
    if (at == 0)
        return malformed(parser, "the size of a chunk is missing");
    *out_digits = at;
    *out_size = number;
    parser->chunk_extras += size - at;
    if (parser->chunk_extras > EXTRAS_MOST)
        return malformed(parser, "chunk extensions are too large");
    while (at < size) {
        size_t length = extension(line + at, size - at);

        if (length == 0)
            return malformed(parser, "the line of a chunk is malformed");
        at += length;
    }
    return 0;
}

/* ---- walking ---- */

static int64_t chunk_begins(gyre__http_parser *parser, const char *line, size_t size)
{
    uint64_t most = parser->limits.body ? parser->limits.body : UINT64_MAX, length = 0;
    int64_t result = gyre__http_check_whole(parser, line, size);
    size_t digits = 0;

    if (result < 0)
        return result;
    result = chunk_line(parser, line, size - 2, &digits, &length);
    if (result < 0)
        return result;
    if (length > most - parser->body_seen)
        return gyre__http_fail(parser, GYRE_EHTTPBODY, "the chunks are above the limit");
    /* llhttp gets the line without its extensions, of which it refuses some that are allowed. */
    if (gyre__http_feed(parser, line, digits) < 0 || gyre__http_feed(parser, "\r\n", 2) < 0)
        return parser->error;
    if (parser->llhttp.content_length != length)
        return gyre__http_fail(parser, GYRE_EHTTPFRAMING, "the size of a chunk is in doubt");
    parser->position += size - 2 - digits;
    parser->body_seen += length;
    parser->body_left = length;
    parser->in_trailers = length == 0;
    parser->header_bytes = parser->section_fields = 0;
    parser->state = length ? IN_CHUNK : IN_TRAILERS;
    return 0;
}

int64_t gyre__http_walk_chunk_line(gyre__http_parser *parser, const char *data, size_t size)
{
    const char *end = parser->line_used ? NULL : memchr(data, '\n', size);
    int64_t taken, result;
    bool whole;
    size_t length;

    if (end) {
        length = (size_t)(end + 1 - data);
        result = chunk_begins(parser, data, length);
        return result < 0 ? result : (int64_t)length;
    }
    taken = gyre__http_collect(parser, data, size, &whole);
    if (taken < 0 || !whole)
        return taken;
    length = parser->line_used;
    parser->line_used = 0;
    result = chunk_begins(parser, parser->line, length);
    return result < 0 ? result : taken;
}

int64_t gyre__http_walk_chunk_end(gyre__http_parser *parser, const char *data)
{
    if (data[0] != "\r\n"[parser->chunk_end])
        return gyre__http_fail(parser, GYRE_EHTTPSYNTAX, "no line end behind a chunk");
    if (gyre__http_feed(parser, data, 1) < 0)
        return parser->error;
    if (++parser->chunk_end == 2)
        parser->state = IN_CHUNK_LINE;
    return 1;
}

int64_t gyre__http_walk_chunk(gyre__http_parser *parser, const char *data, size_t size)
{
    size_t length = size < parser->body_left ? size : (size_t)parser->body_left;

    if (gyre__http_feed(parser, data, length) < 0)
        return parser->error;
    parser->body_left -= length;
    if (parser->body_left == 0) {
        parser->state = IN_CHUNK_END;
        parser->chunk_end = 0;
    }
    return (int64_t)length;
}
