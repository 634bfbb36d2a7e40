/*
 * What the HTTP parser makes of some bytes, as a text: fed whole, in two pieces, or byte by byte
 * the text must be the same.
 */
#ifndef GYRE_TESTS_SUPPORT_HTTP_TRANSCRIPT_H
#define GYRE_TESTS_SUPPORT_HTTP_TRANSCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../net/http_parser_internal.h"

/* How it ended, for those who do not read texts. */
typedef struct http_verdict {
    int64_t code;      /* 0: complete; the parser's error, or what the end of the input was to it */
    unsigned status;   /* of the error */
    unsigned messages; /* complete ones */
    size_t size;       /* of the text */
    bool broken;       /* the parser did not keep to its own rules */
} http_verdict;

typedef struct http_input {
    const char *data;
    size_t size;
    bool request;
    bool no_body; /* responses to HEAD */
    const gyre__http_limits *limits;
} http_input;

/*
 * Parses message after message, fed `first` bytes and then `piece` bytes at a time (both at least
 * 1), each piece from a block of its own so that reading over its end is seen; then the connection
 * ends. Gives the text (to be freed) with *out_verdict set, or NULL when memory is short.
 */
char *http_transcript(const http_input *input, size_t first, size_t piece,
                      http_verdict *out_verdict);

/*
 * True when the input fed in such pieces gives the text and the verdict that it gave as a whole; else
 * both texts are printed.
 */
bool http_pieces_agree(const http_input *input, const char *whole, const http_verdict *verdict,
                       size_t first, size_t piece);

/*
 * True when every split in two (for long inputs, some of them) and single bytes give the same text
 * as the whole; else the texts are printed.
 */
bool http_splits_agree(const http_input *input, http_verdict *out_verdict);

#endif
