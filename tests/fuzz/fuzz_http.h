/*
 * The oracles of the HTTP harnesses: however the input is split, the parser says the same; and a
 * head that it takes is clean, seen by nothing but its bytes.
 */
#ifndef GYRE_TESTS_FUZZ_FUZZ_HTTP_H
#define GYRE_TESTS_FUZZ_FUZZ_HTTP_H

#include <string.h>

#include "../support/http_transcript.h"
#include "fuzz.h"

/* Lines end with CR LF, which stand nowhere else; no controls; no line is folded. */
static inline void fuzz_check_lines(const char *head, size_t size)
{
    FUZZ_CHECK(size >= 4 && memcmp(head + size - 4, "\r\n\r\n", 4) == 0);
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)head[i];

        FUZZ_CHECK(byte >= 32 || byte == '\t' || byte == '\r' || byte == '\n');
        FUZZ_CHECK(byte != 127);
        FUZZ_CHECK(byte != '\r' || head[i + 1] == '\n');
        FUZZ_CHECK(byte != '\n' || (i && head[i - 1] == '\r'));
        if (byte == '\n' && i + 1 < size)
            FUZZ_CHECK(head[i + 1] != ' ' && head[i + 1] != '\t' && head[i + 1] != ':');
    }
}

/* Lines of the head that begin with this name and a colon. */
static inline unsigned fuzz_count_fields(const char *head, size_t size, const char *name)
{
    size_t length = strlen(name);
    unsigned count = 0;

    for (size_t i = 0; i + length + 1 < size; i++)
        if (head[i] == '\n' && i + 1 + length < size && head[i + 1 + length] == ':' &&
            strncasecmp(head + i + 1, name, length) == 0)
            count++;
    return count;
}

/* The first head, if the parser takes it. */
static inline void fuzz_check_head(const char *data, size_t size, bool request)
{
    gyre__http_parser parser;
    enum gyre__http_event event;
    const char *body;
    size_t body_size;
    int64_t taken;

    gyre__http_parser_init(&parser, request, NULL);
    taken = gyre__http_parser_next(&parser, data, size, &event, &body, &body_size);
    if (taken > 0 && event == GYRE__HTTP_HEAD) {
        size_t head = (size_t)taken;
        unsigned lengths = fuzz_count_fields(data, head, "content-length");
        unsigned codings = fuzz_count_fields(data, head, "transfer-encoding");

        fuzz_check_lines(data, head);
        FUZZ_CHECK(lengths + codings <= 1);
        FUZZ_CHECK(parser.has_length == lengths && parser.chunked == codings);
        FUZZ_CHECK(!request || parser.version == 10 || fuzz_count_fields(data, head, "host") == 1);
    }
    gyre__http_parser_fini(&parser);
}

static inline void fuzz_http(const char *data, size_t size, bool request)
{
    static const gyre__http_limits small = {
        .line = 128, .header_count = 10, .header_bytes = 512, .body = 64};
    uint32_t number = fuzz_number((const uint8_t *)data, size);
    http_input input = {.data = data, .size = size, .request = request};
    http_verdict verdict;
    char *whole;

    input.limits = number & 1 ? &small : NULL;
    input.no_body = !request && (number & 6) == 0;
    whole = http_transcript(&input, size ? size : 1, 1, &verdict);
    FUZZ_CHECK(whole && !verdict.broken);
    FUZZ_CHECK(verdict.code <= 0);
    if (size > 1) {
        FUZZ_CHECK(
            http_pieces_agree(&input, whole, &verdict, 1 + (number >> 3) % (size - 1), size));
        FUZZ_CHECK(http_pieces_agree(&input, whole, &verdict, 1 + (number >> 5) % 7,
                                     1 + (number >> 9) % 9));
    }
    if (size < 2000)
        FUZZ_CHECK(http_pieces_agree(&input, whole, &verdict, 1, 1));
    free(whole);
    fuzz_check_head(data, size, request);
}

#endif
