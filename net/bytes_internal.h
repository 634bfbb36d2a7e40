/*
 * A byte buffer that is filled at its end and emptied from its start; its memory goes when it is
 * empty.
 */
#ifndef GYRE_NET_BYTES_INTERNAL_H
#define GYRE_NET_BYTES_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "../loop/blocks_internal.h"

typedef struct gyre__bytes {
    char *data;        /* NULL while it is empty and holds no memory */
    size_t capacity;
    size_t start, end; /* what it holds: data[start] to data[end - 1] */
} gyre__bytes;

static inline size_t gyre__bytes_length(const gyre__bytes *bytes)
{
    return bytes->end - bytes->start;
}

static inline char *gyre__bytes_head(const gyre__bytes *bytes)
{
    return bytes->data + bytes->start;
}

/*
 * Makes room for `size` more bytes behind the end, moving what is there; false when memory is
 * short.
 */
bool gyre__bytes_reserve(gyre__bytes *bytes, gyre__blocks *blocks, size_t size);

/* Appends a copy; false when memory is short (then nothing has changed). */
bool gyre__bytes_append(gyre__bytes *bytes, gyre__blocks *blocks, const void *data, size_t size);

/* Puts a copy back in front of what is there; false when memory is short. */
bool gyre__bytes_unread(gyre__bytes *bytes, gyre__blocks *blocks, const void *data, size_t size);

/* Drops bytes from the start; gives the memory back when nothing is left. */
void gyre__bytes_consume(gyre__bytes *bytes, gyre__blocks *blocks, size_t size);

/* Drops everything. */
void gyre__bytes_clear(gyre__bytes *bytes, gyre__blocks *blocks);

#endif
