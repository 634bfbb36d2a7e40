/* The steps of the HTTP parser that have files of their own. */
#ifndef GYRE_NET_HTTP_STEPS_INTERNAL_H
#define GYRE_NET_HTTP_STEPS_INTERNAL_H

#include "http_parser_internal.h"

enum gyre__http_state {
    IN_START,   /* before the end of the start line */
    IN_FIELDS,  /* header lines */
    AFTER_HEAD, /* HEAD was given */
    IN_LENGTH,  /* a body of known length, or until the end of the connection */
    IN_CHUNK_LINE,
    IN_CHUNK,
    IN_CHUNK_END, /* CR LF behind a chunk */
    IN_TRAILERS,
    OVER,
    BROKEN
};

/* llhttp's callbacks: header fields, the ends of the head and of the message. */
extern const llhttp_settings_t gyre__http_settings;

/*
 * Notes the first error of a message, at parser->line_position; gives the code. text: static.
 */
int64_t gyre__http_fail(gyre__http_parser *parser, int64_t code, const char *text);

/* Takes a start line (without its end) apart; 0 or the error. */
int64_t gyre__http_start_line(gyre__http_parser *parser, const char *line, size_t size);

/* Checks the target of a request, once the method is known. */
int64_t gyre__http_target(gyre__http_parser *parser);

/* True for "host" or "host:port" as a Host field and an absolute target may have it. */
bool gyre__http_is_authority(const char *text, size_t size, bool port_needed);

/* What the whole head says: Host, how the body is framed, keep-alive. */
int64_t gyre__http_head_done(gyre__http_parser *parser);

/*
 * Gives llhttp the bytes at parser->position, which are whole lines or pieces of a chunk, and moves
 * the position; 0 or the error.
 */
int64_t gyre__http_feed(gyre__http_parser *parser, const char *data, size_t size);

/*
 * Whether a line of this length, or of which that much has come, is too long; 0 or the error. Two
 * bytes are let pass: they may be the end of the section, which does not count.
 */
int64_t gyre__http_check_length(gyre__http_parser *parser, size_t size);

/* The first byte of a line tells garbage at once: TLS on a plain port, for one. 0 or the error. */
int64_t gyre__http_check_first(gyre__http_parser *parser, char byte);

/* What every whole line, with its end, must be: these two, and ended by CR LF. 0 or the error. */
int64_t gyre__http_check_whole(gyre__http_parser *parser, const char *line, size_t size);

/*
 * Adds to the line that is being put together, up to its end. Gives the bytes taken, all of them if
 * the end has not come; an error if the line is too long.
 */
int64_t gyre__http_collect(gyre__http_parser *parser, const char *data, size_t size,
                           bool *out_whole);

/* Steps of the machine: each gives the bytes taken of `size` (at least 1), or the error. */

/* The start line and the fields, or the trailers; *out_end: up to their end. */
int64_t gyre__http_walk_section(gyre__http_parser *parser, const char *data, size_t size,
                                bool *out_end);
int64_t gyre__http_walk_chunk_line(gyre__http_parser *parser, const char *data, size_t size);
int64_t gyre__http_walk_chunk(gyre__http_parser *parser, const char *data, size_t size);
int64_t gyre__http_walk_chunk_end(gyre__http_parser *parser, const char *data);

#endif
