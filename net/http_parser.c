/* The HTTP parser: its states, one after the other, and the events they give. */
#include "http_parser_internal.h"

#include <errno.h>
#include <string.h>

#include "../loop/alloc.h"
#include "../loop/error.h"
#include "http_steps_internal.h"

enum {
    LINE_DEFAULT = 8192,
    COUNT_DEFAULT = 100,
    BYTES_DEFAULT = 65536,
    KEPT_MOST = 16384 /* larger buffers do not outlive their message */
};

void gyre__http_parser_init(gyre__http_parser *parser, bool request,
                            const gyre__http_limits *limits)
{
    *parser = (gyre__http_parser){.request = request};
    if (limits)
        parser->limits = *limits;
    if (!parser->limits.line)
        parser->limits.line = LINE_DEFAULT;
    if (!parser->limits.header_count)
        parser->limits.header_count = COUNT_DEFAULT;
    if (!parser->limits.header_bytes)
        parser->limits.header_bytes = BYTES_DEFAULT;
    llhttp_init(&parser->llhttp, request ? HTTP_REQUEST : HTTP_RESPONSE, &gyre__http_settings);
}

void gyre__http_parser_fini(gyre__http_parser *parser)
{
    gyre_http_headers_fini(&parser->headers);
    gyre_http_headers_fini(&parser->trailers);
    gyre_free(parser->line);
    gyre_free(parser->start);
    parser->line = parser->start = NULL;
    parser->line_used = parser->line_capacity = parser->start_capacity = 0;
}

static void empty(gyre_http_headers *headers)
{
    if (headers->capacity > KEPT_MOST)
        gyre_http_headers_fini(headers);
    else
        gyre_http_headers_clear(headers);
}

void gyre__http_parser_reset(gyre__http_parser *parser)
{
    const size_t first = offsetof(gyre__http_parser, version);

    empty(&parser->headers);
    empty(&parser->trailers);
    if (parser->line_capacity > KEPT_MOST) {
        gyre_free(parser->line);
        parser->line = NULL;
        parser->line_capacity = 0;
    }
    memset((char *)parser + first, 0, offsetof(gyre__http_parser, llhttp) - first);
    llhttp_init(&parser->llhttp, parser->request ? HTTP_REQUEST : HTTP_RESPONSE,
                &gyre__http_settings);
}

/* ---- errors ---- */

int64_t gyre__http_fail(gyre__http_parser *parser, int64_t code, const char *text)
{
    if (!parser->error) {
        parser->error = code;
        parser->error_text = text;
        parser->error_position = parser->position;
    }
    return parser->error;
}

unsigned gyre__http_parser_status(const gyre__http_parser *parser)
{
    switch (parser->error) {
    case GYRE_EHTTPVERSION:
        return 505;
    case GYRE_EHTTPMETHOD:
    case GYRE_EHTTPCODING:
        return 501;
    case GYRE_EHTTPLINE:
        return 414;
    case GYRE_EHTTPFIELDS:
        return 431;
    case GYRE_EHTTPBODY:
        return 413;
    case -ENOMEM:
        return 500;
    default:
        return 400;
    }
}

/* ---- bodies ---- */

/* The body begins, now that the caller has had its say. */
static int64_t begin_body(gyre__http_parser *parser)
{
    uint64_t most = parser->limits.body ? parser->limits.body : UINT64_MAX;

    switch (parser->no_body ? GYRE__HTTP_NO_BODY : parser->framing) {
    case GYRE__HTTP_NO_BODY:
        parser->state = OVER;
        return 0;
    case GYRE__HTTP_CHUNKED:
        parser->state = IN_CHUNK_LINE;
        return 0;
    case GYRE__HTTP_LENGTH:
        if (parser->content_length > most)
            return gyre__http_fail(parser, GYRE_EHTTPBODY, "Content-Length is above the limit");
        parser->body_left = parser->content_length;
        break;
    case GYRE__HTTP_UNTIL_EOF:
        parser->keep_alive = false;
        parser->body_left = most;
        break;
    }
    parser->state = IN_LENGTH;
    return 0;
}

static int64_t walk_length(gyre__http_parser *parser, size_t size)
{
    size_t length = size < parser->body_left ? size : (size_t)parser->body_left;

    if (length == 0)
        return gyre__http_fail(parser, GYRE_EHTTPBODY, "the body is above the limit");
    parser->position += length;
    parser->body_seen += length;
    parser->body_left -= length;
    if (parser->body_left == 0 && parser->framing == GYRE__HTTP_LENGTH)
        parser->state = OVER;
    return (int64_t)length;
}

/* ---- the machine ---- */

/* One step within one state: the bytes taken, or the error; *out_event stays MORE to go on. */
static int64_t step(gyre__http_parser *parser, const char *data, size_t size,
                    enum gyre__http_event *out_event)
{
    int64_t taken;
    bool end;

    switch ((enum gyre__http_state)parser->state) {
    case IN_START:
    case IN_FIELDS:
        taken = gyre__http_walk_section(parser, data, size, &end);
        if (taken < 0 || !end)
            return taken;
        if (gyre__http_head_done(parser) < 0)
            return parser->error;
        parser->state = AFTER_HEAD;
        *out_event = GYRE__HTTP_HEAD;
        return taken;
    case IN_TRAILERS:
        taken = gyre__http_walk_section(parser, data, size, &end);
        if (taken >= 0 && end)
            parser->state = OVER;
        return taken;
    case IN_CHUNK_LINE:
        return gyre__http_walk_chunk_line(parser, data, size);
    case IN_CHUNK_END:
        return gyre__http_walk_chunk_end(parser, data);
    case IN_CHUNK:
        *out_event = GYRE__HTTP_BODY;
        return gyre__http_walk_chunk(parser, data, size);
    case IN_LENGTH:
        *out_event = GYRE__HTTP_BODY;
        return walk_length(parser, size);
    default:
        return 0;
    }
}

int64_t gyre__http_parser_next(gyre__http_parser *parser, const char *data, size_t size,
                               enum gyre__http_event *out_event, const char **out_body,
                               size_t *out_body_size)
{
    size_t used = 0;
    int64_t taken;

    *out_event = GYRE__HTTP_MORE;
    *out_body = NULL;
    *out_body_size = 0;
    if (parser->state == AFTER_HEAD && begin_body(parser) < 0)
        parser->state = BROKEN;
    while (parser->state != OVER && parser->state != BROKEN && used < size) {
        taken = step(parser, data + used, size - used, out_event);
        if (taken < 0) {
            parser->state = BROKEN;
            break;
        }
        if (*out_event == GYRE__HTTP_BODY) {
            *out_body = data + used;
            *out_body_size = (size_t)taken;
        }
        used += (size_t)taken;
        if (*out_event != GYRE__HTTP_MORE)
            return (int64_t)used;
    }
    if (parser->state == BROKEN)
        return parser->error;
    if (parser->state == OVER)
        *out_event = GYRE__HTTP_END;
    return (int64_t)used;
}

int64_t gyre__http_parser_eof(gyre__http_parser *parser)
{
    if (parser->state == AFTER_HEAD && begin_body(parser) < 0)
        parser->state = BROKEN;
    if (parser->state == BROKEN)
        return parser->error;
    if (parser->state == OVER)
        return 0;
    if (parser->state == IN_LENGTH && parser->framing == GYRE__HTTP_UNTIL_EOF) {
        parser->state = OVER;
        return 0;
    }
    if (!gyre__http_parser_started(parser))
        return GYRE_EEOF;
    parser->state = BROKEN;
    return gyre__http_fail(parser, GYRE_EHTTPINCOMPLETE, "the connection ended within a message");
}

bool gyre__http_parser_started(const gyre__http_parser *parser)
{
    return parser->state != IN_START || parser->line_used > 0;
}
