/*
 * What is made of asynchronous generators: from an iterator, merged, mapped concurrently, in
 * batches.
 *
 * The results are asynchronous generators themselves, stepped, closed and freed like any other
 * (async_generator.h). Sources are moved: closed and freed with what is made of them; if that
 * cannot be made they are given up at once and the answer is NULL, as it is for a source that is
 * NULL.
 *
 * merge, map and batch read their sources in tasks of their own, each at most one value ahead,
 * started by the first step. An error of a source comes out of the step, once the values before it
 * have been taken; the other sources are closed then. Cancelling a step ends the generator, as it
 * does with any.
 *
 * Python names: none in the standard library; they are what asyncio's users write with wait() and
 * queues.
 */
#ifndef GYRE_TASK_ASYNC_ITER_H
#define GYRE_TASK_ASYNC_ITER_H

#include "async_generator.h"

GYRE_BEGIN_DECLS

/* The values of an iterator (moved); never suspends. */
GYRE_API GYRE_MUST_USE gyre_async_generator *gyre_async_iter_from(gyre_iter *source);

/* The values of n generators (the array is copied) as they come, until all have ended. */
GYRE_API GYRE_MUST_USE gyre_async_generator *
gyre_async_iter_merge(size_t n, gyre_async_generator *const *sources);

/*
 * Starts the work on one value and gives the future (new reference) that will have its result, as
 * in
 *     return gyre_task_future(GYRE_SPAWN(fetch, .id = value));
 * NULL makes the step fail with -ENOMEM. It must not be cancelled by anybody else while it is
 * worked on.
 */
typedef gyre_future *gyre_async_iter_function(int64_t value, void *arg);

enum { GYRE_ASYNC_UNORDERED = 1 }; /* results as they come, not in the order of the values */

/*
 * What `start` makes of each value, with at most `limit` (at least 1, else NULL) of them under way
 * or waiting to be taken. The first error comes out of the step that would have given its result;
 * the rest is cancelled and awaited. arg: borrowed. flags: 0 or GYRE_ASYNC_UNORDERED.
 */
GYRE_API GYRE_MUST_USE gyre_async_generator *
gyre_async_iter_map(gyre_async_generator *source, size_t limit, gyre_async_iter_function *start,
                    void *arg, unsigned flags);

/* Values in the order in which they came. */
typedef struct gyre_batch {
    size_t count;
    const int64_t *values;
} gyre_batch;

/*
 * The values of a source in batches: `size` of them (at least 1, else NULL), or as many as came
 * within `within_ns` nanoseconds of the first (GYRE_FOREVER: only the size counts), or the rest;
 * none is empty. A value given is a pointer: gyre_async_iter_batch_of().
 */
GYRE_API GYRE_MUST_USE gyre_async_generator *gyre_async_iter_batch(gyre_async_generator *source,
                                                                   size_t size, int64_t within_ns);

/* The batch that a value is; borrowed until the next step. */
static inline const gyre_batch *gyre_async_iter_batch_of(int64_t value)
{
    return (const gyre_batch *)gyre_value_pointer(value);
}

GYRE_END_DECLS

#endif
