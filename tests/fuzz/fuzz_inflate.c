/*
 * Fuzzes compressed content: the first byte says which coding and limit. Fed whole or in pieces,
 * into large buffers or small ones, the same comes out, and never more than the limit.
 */
#include <string.h>

#include "../../loop/error.h"
#include "../../net/http_inflate_internal.h"
#include "fuzz.h"

enum { OUT_MOST = 1 << 16 };

struct result {
    int64_t code;
    size_t size;
    char out[OUT_MOST];
};

static void unpack(struct result *result, enum gyre__http_coding coding, uint64_t limit,
                   const char *in, size_t in_size, size_t piece, size_t room)
{
    gyre__http_inflate decoder;
    size_t at = 0, consumed;
    int64_t written = 0;

    result->size = 0;
    FUZZ_CHECK(gyre__http_inflate_init(&decoder, coding, limit) == 0);
    for (;;) {
        size_t given = in_size - at < piece ? in_size - at : piece;

        if (room > OUT_MOST - result->size)
            room = OUT_MOST - result->size;
        written = gyre__http_inflate_next(&decoder, in + at, given, &consumed,
                                          result->out + result->size, room);
        FUZZ_CHECK(consumed <= given && written <= (int64_t)room);
        at += consumed;
        if (written < 0)
            break;
        result->size += (size_t)written;
        if (room == 0 || (at == in_size && (size_t)written < room))
            break;
    }
    result->code = room == 0 ? 0 : written < 0 ? written : gyre__http_inflate_end(&decoder);
    FUZZ_CHECK(result->code == 0 || result->code == GYRE_EHTTPENCODING ||
               result->code == GYRE_ELIMIT);
    FUZZ_CHECK(!limit || result->size <= limit);
    FUZZ_CHECK(result->code != GYRE_ELIMIT || result->size == limit);
    gyre__http_inflate_fini(&decoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct result whole, pieces;
    uint32_t number = fuzz_number(data, size);
    enum gyre__http_coding coding;
    uint64_t limit;

    if (size == 0)
        return 0;
    coding = data[0] & 1 ? GYRE__HTTP_GZIP : GYRE__HTTP_DEFLATE;
    limit = data[0] & 2 ? 1 + data[0] / 4u : 0;
    unpack(&whole, coding, limit, (const char *)data + 1, size - 1, size, OUT_MOST);
    unpack(&pieces, coding, limit, (const char *)data + 1, size - 1, 1 + number % 13,
           16 + (number >> 8) % 1000);
    FUZZ_CHECK(whole.code == pieces.code && whole.size == pieces.size);
    FUZZ_CHECK(memcmp(whole.out, pieces.out, whole.size) == 0);
    return 0;
}
