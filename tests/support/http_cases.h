/*
 * HTTP messages, good and bad, each with its verdict: input of tests and seeds for fuzzers. The
 * limits they are meant for: start lines of 128 bytes, 10 fields, 512 bytes of them, bodies of 64.
 */
#ifndef GYRE_TESTS_SUPPORT_HTTP_CASES_H
#define GYRE_TESTS_SUPPORT_HTTP_CASES_H

#include <stddef.h>
#include <stdint.h>

typedef struct http_case {
    const char *data;
    size_t size;
    int64_t code;      /* 0, or the error's code */
    unsigned status;   /* what a server answers the error with; 0 without one */
    unsigned messages; /* that are complete, before the error */
} http_case;

#define HTTP_GOOD(text)                                                                            \
    {                                                                                              \
        text, sizeof(text) - 1, 0, 0, 1                                                            \
    }
#define HTTP_SEVERAL(count, text)                                                                  \
    {                                                                                              \
        text, sizeof(text) - 1, 0, 0, count                                                        \
    }
#define HTTP_BAD(code, status, text)                                                               \
    {                                                                                              \
        text, sizeof(text) - 1, GYRE_EHTTP##code, status, 0                                        \
    }
#define HTTP_BAD_AFTER(count, code, status, text)                                                  \
    {                                                                                              \
        text, sizeof(text) - 1, GYRE_EHTTP##code, status, count                                    \
    }

extern const http_case http_request_lines[], http_request_fields[], http_request_framing[],
    http_chunked_bodies[], http_responses[];
extern const size_t http_request_lines_count, http_request_fields_count, http_request_framing_count,
    http_chunked_bodies_count, http_responses_count;

/* Texts of 10 and 100 bytes. */
#define TEN     "aaaaaaaaaa"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

#endif
