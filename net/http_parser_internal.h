/*
 * HTTP/1 messages taken apart: bytes in, events out, no I/O, strict.
 *
 * llhttp does the parsing. Around it lies what makes the verdicts firm: framing (start line, header
 * lines, chunk lines) is handed to it by whole lines, put together in a buffer of ours when they
 * come in pieces, so how the input is split cannot matter; every line is checked for its end (CR
 * LF), its length and its place; and what llhttp lets pass, our callbacks do not.
 *
 *     gyre__http_parser_init(&parser, true, NULL);
 *     while (data left) {
 *         used = gyre__http_parser_next(&parser, data, size, &event, &body, &body_size);
 *         if (used < 0) answer with gyre__http_parser_status(&parser), close;
 *         data += used, size -= used;
 *         MORE: read more;  HEAD: method, target, headers are there;  BODY: bytes at body;
 *         END: the message is over: gyre__http_parser_reset(), go on with the rest of the data
 *     }
 *
 * One message after the other: after END, nothing is consumed before gyre__http_parser_reset().
 */
#ifndef GYRE_NET_HTTP_PARSER_INTERNAL_H
#define GYRE_NET_HTTP_PARSER_INTERNAL_H

#include <llhttp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http_headers.h"

/* Most of each; 0 stands for the number in brackets. */
typedef struct gyre__http_limits {
    size_t line;         /* bytes of the start line, CR LF included (8192) */
    size_t header_count; /* fields of the head; the trailers may have as many again (100) */
    size_t header_bytes; /* bytes of all header lines, ends included; trailers again (65536) */
    uint64_t body;       /* bytes of the body, decoded from chunks (0: no limit) */
} gyre__http_limits;

/* What gyre__http_parser_next() found. */
enum gyre__http_event {
    GYRE__HTTP_MORE, /* all was consumed; the message goes on */
    GYRE__HTTP_HEAD, /* the head is complete: parser->method ... are there */
    GYRE__HTTP_BODY, /* a piece of the body, inside the data given: use it before the next call */
    GYRE__HTTP_END   /* the message is over; what was not consumed belongs to what follows */
};

/* The four forms of a request target. */
enum gyre__http_target {
    GYRE__HTTP_ORIGIN,    /* "/path?query" */
    GYRE__HTTP_ABSOLUTE,  /* "http://host/path?query" */
    GYRE__HTTP_AUTHORITY, /* "host:port": CONNECT only */
    GYRE__HTTP_ASTERISK   /* "*": OPTIONS only */
};

/* How the body ends. */
enum gyre__http_framing {
    GYRE__HTTP_NO_BODY,
    GYRE__HTTP_LENGTH,   /* after content_length bytes */
    GYRE__HTTP_CHUNKED,  /* after the chunk of size 0 and the trailers */
    GYRE__HTTP_UNTIL_EOF /* with the connection: responses only */
};

typedef struct gyre__http_parser {
    /* private: what stays from one message to the next */
    gyre__http_limits limits;
    char *line; /* one that comes in pieces */
    char *start; /* texts of the start line */
    size_t line_capacity, start_capacity;
    bool request;

    /* What a message says; valid from HEAD to the next reset. Texts are borrowed and end with 0. */
    gyre_http_headers headers;
    gyre_http_headers trailers; /* complete at END */
    /* from here on the reset clears everything */
    uint8_t version;            /* 10 or 11 */
    bool keep_alive;            /* another message may follow; final with the event after HEAD */
    bool upgrade;               /* request: asks for another protocol (Upgrade and Connection:
                                   upgrade), or is CONNECT; response: 101, no HTTP follows */
    bool chunked;               /* Transfer-Encoding: chunked */
    bool has_length;            /* there was a Content-Length */
    bool expect_continue;       /* request: Expect: 100-continue (HTTP/1.1 only) */
    uint64_t content_length;    /* 0 where there was none; at most INT64_MAX */
    enum gyre__http_framing framing; /* as the head has it; no_body overrules */
    /* requests */
    uint8_t method_number; /* llhttp's HTTP_GET ... */
    enum gyre__http_target target_form;
    const char *method; /* "GET"; static */
    const char *target; /* as it came */
    size_t target_size;
    const char *path;  /* "/path?query"; "/" or "/?q" where an absolute form has no path;
                                   "*"; the authority for CONNECT */
    size_t path_size;  /* of all of path, the query included */
    const char *query; /* behind the '?', inside path; NULL */
    const char *host;  /* the value of Host; NULL (HTTP/1.0 only) */
    /* responses */
    unsigned status;    /* 100 to 999 */
    const char *reason; /* may be "" */

    /* Set by the caller between HEAD and the next call: */
    bool no_body; /* response to HEAD, or 2xx to CONNECT: it ends with its head */

    /* What went wrong, after an error. */
    int64_t error;           /* the code; 0 */
    const char *error_text;  /* static; never NULL after an error */
    uint64_t error_position; /* offset of the offending line, from the message's first byte */

    /* ---- private from here on ---- */
    uint64_t position;     /* bytes of the message llhttp has had, or that passed it by */
    uint64_t body_left;    /* of the body, or of the chunk */
    uint64_t body_seen;    /* bytes of the body so far, those announced by chunks included */
    size_t header_bytes;   /* of the lines of the section (head, trailers) so far */
    size_t section_fields; /* fields of it */
    size_t chunk_extras;   /* bytes of chunk extensions so far */
    size_t host_index;     /* of Host among the headers */
    size_t line_used;
    const char *name; /* of the field whose value comes next, in the line; or NULL */
    size_t name_size;
    const char *failed_at; /* where a callback found fault */
    uint8_t state;         /* enum gyre__http_state */
    uint8_t empty_lines;   /* before the start line */
    uint8_t chunk_end;     /* bytes of CR LF behind a chunk */
    bool complete; /* llhttp has seen the end of the head, or of the trailers */
    bool in_trailers;
    bool empty_value; /* of the last field */
    bool saw_te, saw_host;
    llhttp_t llhttp;
} gyre__http_parser;

/*
 * For requests or for responses. limits: copied; NULL for the defaults. Takes no memory yet.
 */
void gyre__http_parser_init(gyre__http_parser *parser, bool request,
                            const gyre__http_limits *limits);

/* Gives the memory back. */
void gyre__http_parser_fini(gyre__http_parser *parser);

/* Ready for the next message; keeps the memory, and forgets errors. */
void gyre__http_parser_reset(gyre__http_parser *parser);

/*
 * Goes on until the next event. data (borrowed) may be of size 0: then it tells whether the message
 * can go on without input (END behind a head without a body). Call again after HEAD and BODY, with
 * what is left, before reading more.
 *
 * Gives the bytes consumed, with *out_event set (and *out_body, *out_body_size for BODY: never
 * empty); or an error, after which every call gives the same one until the reset:
 *
 *   GYRE_EHTTPSYNTAX   400  malformed
 *   GYRE_EHTTPFRAMING  400  length ambiguous or contradictory
 *   GYRE_EHTTPHOST     400  Host missing, twice, or invalid
 *   GYRE_EHTTPVERSION  505  not HTTP/1.0 or HTTP/1.1
 *   GYRE_EHTTPMETHOD   501  method not known
 *   GYRE_EHTTPCODING   501  transfer coding other than chunked
 *   GYRE_EHTTPLINE     414  start line too long
 *   GYRE_EHTTPFIELDS   431  header fields too many or too large
 *   GYRE_EHTTPBODY     413  body too large
 *   -ENOMEM            500
 *
 * The same input gives the same events (pieces of bodies joined) and the same error however it is
 * split.
 */
GYRE_MUST_USE int64_t gyre__http_parser_next(gyre__http_parser *parser, const char *data,
                                             size_t size, enum gyre__http_event *out_event,
                                             const char **out_body, size_t *out_body_size);

/*
 * The peer has ended the connection, and all that came before was consumed. Gives 0 when that ends
 * the message (a response without a length) or the message was over anyway (END; nothing is
 * missing); GYRE_EEOF when nothing of a message had come; GYRE_EHTTPINCOMPLETE inside one; the
 * error of before.
 */
GYRE_MUST_USE int64_t gyre__http_parser_eof(gyre__http_parser *parser);

/* True once a byte of the message was consumed (empty lines before a request do not count). */
bool gyre__http_parser_started(const gyre__http_parser *parser);

/*
 * The status a server answers parser->error with: 400, 413, 414, 431, 500, 501, 505. 400 without
 * one.
 */
unsigned gyre__http_parser_status(const gyre__http_parser *parser);

#endif
