/* Byte buffers: small ones from the loop's blocks, large ones from the allocator, none when empty. */
#include "bytes_internal.h"

#include <string.h>

static size_t grown(size_t capacity, size_t needed)
{
    enum { LARGE = 16384, STEP = 1024 };
    size_t size = capacity ? capacity * 2 : 256;

    /* Twice as much would be a waste, and for malloc() a reason to go to the kernel each time. */
    if (size < needed && needed > LARGE)
        return (needed + STEP - 1) / STEP * STEP;
    while (size < needed)
        size *= 2;
    return size;
}

bool gyre__bytes_reserve(gyre__bytes *bytes, gyre__blocks *blocks, size_t size)
{
    size_t length = gyre__bytes_length(bytes), capacity;
    char *data;

    if (bytes->capacity - bytes->end >= size)
        return true;
    /* Moving to the front is cheap when the gap is at least as large as what moves. */
    if (bytes->capacity >= length + size && bytes->start >= length) {
        memmove(bytes->data, gyre__bytes_head(bytes), length);
        bytes->start = 0;
        bytes->end = length;
        return true;
    }
    capacity = grown(bytes->capacity, length + size);
    data = gyre__blocks_take(blocks, capacity);
    if (!data)
        return false;
    if (bytes->data) {
        memcpy(data, gyre__bytes_head(bytes), length);
        gyre__blocks_give(blocks, bytes->data, bytes->capacity);
    }
    *bytes = (gyre__bytes){data, capacity, 0, length};
    return true;
}

bool gyre__bytes_append(gyre__bytes *bytes, gyre__blocks *blocks, const void *data, size_t size)
{
    if (!size)
        return true;
    if (!gyre__bytes_reserve(bytes, blocks, size))
        return false;
    memcpy(bytes->data + bytes->end, data, size);
    bytes->end += size;
    return true;
}

bool gyre__bytes_unread(gyre__bytes *bytes, gyre__blocks *blocks, const void *data, size_t size)
{
    size_t length = gyre__bytes_length(bytes);

    if (!size)
        return true;
    if (bytes->start < size) {
        if (!gyre__bytes_reserve(bytes, blocks, size))
            return false;
        if (length)
            memmove(gyre__bytes_head(bytes) + size, gyre__bytes_head(bytes), length);
        bytes->start += size;
        bytes->end += size;
    }
    bytes->start -= size;
    memcpy(gyre__bytes_head(bytes), data, size);
    return true;
}

void gyre__bytes_consume(gyre__bytes *bytes, gyre__blocks *blocks, size_t size)
{
    bytes->start += size;
    if (bytes->start == bytes->end)
        gyre__bytes_clear(bytes, blocks);
}

void gyre__bytes_clear(gyre__bytes *bytes, gyre__blocks *blocks)
{
    if (bytes->data)
        gyre__blocks_give(blocks, bytes->data, bytes->capacity);
    *bytes = (gyre__bytes){NULL, 0, 0, 0};
}
