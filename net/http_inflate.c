/* gzip and deflate content: zlib driven piece by piece, its memory from the allocator hook. */
#include "http_inflate_internal.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <strings.h>

#include "../loop/alloc.h"
#include "../loop/error.h"

enum { WINDOW_BITS = 15, GZIP_HEADER = 16 };

int64_t gyre__http_coding_find(const char *content_encoding)
{
    if (!content_encoding || !*content_encoding || strcasecmp(content_encoding, "identity") == 0)
        return GYRE__HTTP_IDENTITY;
    if (strcasecmp(content_encoding, "gzip") == 0 || strcasecmp(content_encoding, "x-gzip") == 0)
        return GYRE__HTTP_GZIP;
    if (strcasecmp(content_encoding, "deflate") == 0)
        return GYRE__HTTP_DEFLATE;
    return GYRE_EUNSUPPORTED;
}

static void *zlib_alloc(void *context, uInt count, uInt size)
{
    (void)context;
    if (size && count > SIZE_MAX / size)
        return NULL;
    return gyre_alloc((size_t)count * size);
}

static void zlib_free(void *context, void *block)
{
    (void)context;
    gyre_free(block);
}

int64_t gyre__http_inflate_init(gyre__http_inflate *decoder, enum gyre__http_coding coding,
                                uint64_t limit)
{
    int bits = coding == GYRE__HTTP_GZIP ? WINDOW_BITS + GZIP_HEADER : WINDOW_BITS;

    *decoder = (gyre__http_inflate){
        .limit = limit ? limit : UINT64_MAX,
        .coding = coding,
        .zlib = {.zalloc = zlib_alloc, .zfree = zlib_free},
    };
    if (inflateInit2(&decoder->zlib, bits) != Z_OK)
        return -ENOMEM;
    decoder->open = true;
    return 0;
}

void gyre__http_inflate_fini(gyre__http_inflate *decoder)
{
    if (decoder->open)
        inflateEnd(&decoder->zlib);
    decoder->open = false;
}

/*
 * One call of inflate(), with at most what its counters can hold. Adds to *consumed and *written;
 * gives 0, or an error.
 */
static int64_t step(gyre__http_inflate *decoder, const void *in, size_t in_size, size_t *consumed,
                    char *out, size_t out_size, size_t *written)
{
    z_stream *zlib = &decoder->zlib;
    uInt given = (uInt)(in_size < UINT_MAX ? in_size : UINT_MAX);
    uInt room = (uInt)(out_size < UINT_MAX ? out_size : UINT_MAX);
    int result;

    zlib->next_in = (z_const Bytef *)(uintptr_t)in; /* zlib does not write there */
    zlib->avail_in = given;
    zlib->next_out = (Bytef *)out;
    zlib->avail_out = room;
    result = inflate(zlib, Z_NO_FLUSH);
    *consumed += given - zlib->avail_in;
    *written += room - zlib->avail_out;
    if (result == Z_STREAM_END)
        decoder->member_done = true;
    else if (result == Z_MEM_ERROR)
        return -ENOMEM;
    else if (result != Z_OK && result != Z_BUF_ERROR) /* the latter: nothing to do, for now */
        return GYRE_EHTTPENCODING;
    return 0;
}

/* True when the two bytes can begin zlib's format: the method, the window's size, a check sum. */
static bool is_zlib_header(const unsigned char *first)
{
    return (first[0] & 15) == Z_DEFLATED && first[0] >> 4 <= WINDOW_BITS - 8 &&
           (first[0] * 256 + first[1]) % 31 == 0;
}

/*
 * Content called deflate is in zlib's format, or bare: its first two bytes tell, and are kept until
 * both are there. zlib gets them in front of what follows.
 */
static int64_t peek(gyre__http_inflate *decoder, const char *in, size_t in_size, size_t *consumed,
                    char *out, size_t out_size, size_t *written)
{
    size_t fed = 0;
    int64_t result;

    while (decoder->peeked_size < 2 && *consumed < in_size) {
        decoder->peeked[decoder->peeked_size++] = (unsigned char)in[(*consumed)++];
        if (decoder->peeked_size == 2 && !is_zlib_header(decoder->peeked))
            inflateReset2(&decoder->zlib, -WINDOW_BITS);
    }
    if (decoder->peeked_size < 2)
        return 0;
    result = step(decoder, decoder->peeked + decoder->peeked_fed, 2u - decoder->peeked_fed, &fed,
                  out, out_size, written);
    decoder->peeked_fed = (uint8_t)(decoder->peeked_fed + fed);
    return result;
}

/* Decodes what one call of zlib takes and gives. */
static int64_t advance(gyre__http_inflate *decoder, const char *in, size_t in_size,
                       size_t *consumed, char *out, size_t out_size, size_t *written)
{
    if (decoder->coding == GYRE__HTTP_DEFLATE && decoder->peeked_fed < 2 && !decoder->member_done)
        return peek(decoder, in, in_size, consumed, out, out_size, written);
    if (decoder->member_done) {
        if (*consumed == in_size && decoder->peeked_fed == decoder->peeked_size)
            return 0;
        if (decoder->coding == GYRE__HTTP_DEFLATE)
            return GYRE_EHTTPENCODING; /* something follows the end */
        inflateReset(&decoder->zlib);  /* another member */
        decoder->member_done = false;
    }
    return step(decoder, in + *consumed, in_size - *consumed, consumed, out, out_size, written);
}

/*
 * The same, held to the limit: whether there is more than that is seen by asking for one byte more.
 */
static int64_t advance_limited(gyre__http_inflate *decoder, const char *in, size_t in_size,
                               size_t *consumed, char *out, size_t out_size, size_t *written)
{
    uint64_t allowed = decoder->limit - decoder->produced;
    size_t beyond = 0, before = *written;
    char byte;
    int64_t result;

    if (allowed == 0) {
        result = advance(decoder, in, in_size, consumed, &byte, 1, &beyond);
        return beyond ? GYRE_ELIMIT : result;
    }
    if (out_size > allowed)
        out_size = (size_t)allowed;
    result = advance(decoder, in, in_size, consumed, out, out_size, written);
    decoder->produced += *written - before;
    return result;
}

int64_t gyre__http_inflate_next(gyre__http_inflate *decoder, const char *in, size_t in_size,
                                size_t *out_consumed, char *out, size_t out_size)
{
    size_t written = 0, before;

    *out_consumed = 0;
    if (in_size)
        decoder->started = true;
    while (!decoder->error && written < out_size) {
        before = *out_consumed + written + decoder->peeked_fed;
        decoder->error = advance_limited(decoder, in, in_size, out_consumed, out + written,
                                         out_size - written, &written);
        if (*out_consumed + written + decoder->peeked_fed == before)
            break;
    }
    /* What was decoded before the damage is given first. */
    return decoder->error && !written ? decoder->error : (int64_t)written;
}

int64_t gyre__http_inflate_end(const gyre__http_inflate *decoder)
{
    if (decoder->error)
        return decoder->error;
    return decoder->started && !decoder->member_done ? GYRE_EHTTPENCODING : 0;
}
