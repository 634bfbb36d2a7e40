/* The oracle of the HTTP harnesses: however the input is split, the parser says the same. */
#ifndef GYRE_TESTS_FUZZ_FUZZ_HTTP_H
#define GYRE_TESTS_FUZZ_FUZZ_HTTP_H

#include <string.h>

#include "../support/http_transcript.h"
#include "fuzz.h"

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
}

#endif
