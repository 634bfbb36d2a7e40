/* gzip and deflate content decoded as it streams in, with a limit against bombs. */
#ifndef GYRE_NET_HTTP_INFLATE_INTERNAL_H
#define GYRE_NET_HTTP_INFLATE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <zlib.h>

#include "../loop/api.h"

enum gyre__http_coding {
    GYRE__HTTP_IDENTITY, /* not decoded: gyre__http_inflate is not for it */
    GYRE__HTTP_GZIP,     /* one or more members behind each other */
    GYRE__HTTP_DEFLATE   /* zlib's format, or bare deflate, which some servers send as such */
};

/*
 * The coding a Content-Encoding value means: "gzip" or "x-gzip", "deflate", "identity" or "" or
 * NULL, without regard to case. Gives the enum's value, or GYRE_EUNSUPPORTED for others and for
 * lists.
 */
int64_t gyre__http_coding_find(const char *content_encoding);

/* A decoder. Zeroed it holds nothing and gyre__http_inflate_fini() may be called on it. */
typedef struct gyre__http_inflate {
    z_stream zlib;
    uint64_t limit;    /* most bytes of output in all */
    uint64_t produced; /* so far */
    enum gyre__http_coding coding;
    bool open;               /* zlib holds memory */
    bool started;            /* a byte came */
    bool member_done;        /* gzip: between two members; deflate: at the end */
    unsigned char peeked[2]; /* deflate: the first bytes, from which its format is told */
    uint8_t peeked_size;
    uint8_t peeked_fed;
    int64_t error; /* what came before, given again */
} gyre__http_inflate;

/*
 * coding: GZIP or DEFLATE. limit: most bytes of output in all; 0 for no limit. Takes its memory
 * through the allocator hook: some 7 KB here, a window of 32 KB when the first output comes. Gives
 * 0 or -ENOMEM.
 */
GYRE_MUST_USE int64_t gyre__http_inflate_init(gyre__http_inflate *decoder,
                                              enum gyre__http_coding coding, uint64_t limit);

void gyre__http_inflate_fini(gyre__http_inflate *decoder);

/*
 * Decodes from `in` into `out` until one of them is used up. *out_consumed: bytes taken from `in`.
 * Gives the bytes written. When *out_consumed == in_size and less than out_size was written, more
 * input is needed; when `out` was filled, call again with what is left of `in`, even if that is
 * nothing: more may come out. Errors (given again by later calls):
 *   GYRE_EHTTPENCODING  the data is damaged, or something follows its end
 *   -ENOMEM
 *   GYRE_ELIMIT         there is more than the limit; exactly `limit` bytes have been given before
 */
GYRE_MUST_USE int64_t gyre__http_inflate_next(gyre__http_inflate *decoder, const char *in,
                                              size_t in_size, size_t *out_consumed, char *out,
                                              size_t out_size);

/*
 * There is no more input, and nothing came out any more. Gives 0 when the data was complete (or
 * there was none at all); GYRE_EHTTPENCODING when it was cut off; the error of before.
 */
GYRE_MUST_USE int64_t gyre__http_inflate_end(const gyre__http_inflate *decoder);

#endif
