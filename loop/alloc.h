/*
 * The allocator hook: the one place where gyre gets memory.
 *
 * Completing, cancelling and waking never allocate; only calls that make something do, and they say so
 * with NULL or -ENOMEM.
 */
#ifndef GYRE_LOOP_ALLOC_H
#define GYRE_LOOP_ALLOC_H

#include <stddef.h>

#include "api.h"

GYRE_BEGIN_DECLS

/*
 * Functions with the contracts of malloc, realloc and free, threads included, and a context of the
 * user's.
 */
typedef struct gyre_allocator {
    void *(*alloc)(void *context, size_t size);
    void *(*resize)(void *context, void *block, size_t size);
    void (*release)(void *context, void *block);
    void *context;
} gyre_allocator;

/*
 * Replaces the allocator of the process (copied; NULL brings back malloc). Call it while gyre holds no
 * memory: before the first loop, or after the last object is gone. Not thread-safe.
 */
GYRE_API void gyre_set_allocator(const gyre_allocator *allocator);

/* What gyre itself uses; public so that objects which gyre frees can be made by users. */
GYRE_API GYRE_MUST_USE void *gyre_alloc(size_t size);
GYRE_API GYRE_MUST_USE void *gyre_alloc_zeroed(size_t size);
GYRE_API GYRE_MUST_USE void *gyre_realloc(void *block, size_t size);
GYRE_API GYRE_MUST_USE char *gyre_strdup(const char *text);
GYRE_API void gyre_free(void *block); /* NULL is allowed */

GYRE_END_DECLS

#endif
