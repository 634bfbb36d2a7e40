/* What the raw awaitables share: waiting for one operation, named after what it does. */
#ifndef GYRE_NET_RAW_INTERNAL_H
#define GYRE_NET_RAW_INTERNAL_H

#include "../task/task_internal.h"
#include "raw.h"

/* The most the kernel takes at once. */
enum { GYRE__MOST_BYTES = 0x7ffff000 };

static inline uint32_t gyre__raw_size(size_t size)
{
    return size < GYRE__MOST_BYTES ? (uint32_t)size : GYRE__MOST_BYTES;
}

/*
 * Parks the running task for the request; `function` is the public name, for misuse outside tasks.
 */
GYRE_MUST_USE gyre_await gyre__raw(const char *function, const gyre__request *request);

/* Has the running task await an error that was found before anything was started. */
GYRE_MUST_USE gyre_await gyre__raw_refuse(const char *function, int64_t error);

/* poll.c: a descriptor is about to be closed, so its reader and writer are removed. */
void gyre__poll_forget(gyre_loop *loop, int fd);

#endif
