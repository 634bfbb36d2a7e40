/*
 * Gathering: one future for the results of many.
 *
 *     gyre_future *both[] = {gyre_task_future(GYRE_SPAWN(fetch, .url = "a")),
 *                            gyre_task_future(GYRE_SPAWN(fetch, .url = "b"))};
 *
 *     self->all = gyre_gather(NULL, 2, both, GYRE_GATHER_MOVE);      (in a block of its own)
 *     ...
 *     GYRE_TRY(self->all);
 *     first = gyre_gather_result(self->all, 0, NULL);
 *     ...
 *     gyre_future_unref(self->all);
 *
 * Python names: asyncio.gather.
 */
#ifndef GYRE_FUTURE_GATHER_H
#define GYRE_FUTURE_GATHER_H

#include <stddef.h>

#include "future.h"

GYRE_BEGIN_DECLS

/* Flags, to be combined. */
enum {
    GYRE_GATHER_RETURN_EXCEPTIONS = 1, /* errors of children are results: return_exceptions=True */
    GYRE_GATHER_MOVE = 2, /* the references in the array are moved, even if this fails */
};

/*
 * gyre_gather(loop, n, futures, flags): a future that is done when all the given ones are, new
 * reference.
 *
 * loop: NULL for the running one. futures: n futures or tasks (gyre_task_future()) of that loop, in
 * any state; the array is read in the call, the futures are borrowed: the gather takes references
 * of its own, or with GYRE_GATHER_MOVE takes over yours, so that tasks made for it need no unref. A
 * future may be given more than once. Never suspends; futures that are done already are taken in
 * the call itself, so that the gather may be done at once (n == 0: it is).
 *
 * Its result is n; what each child gave says gyre_gather_result(). Without
 * GYRE_GATHER_RETURN_EXCEPTIONS the first error of a child, GYRE_ECANCELLED for a cancelled one,
 * becomes that of the gather at once, detail included; the other children go on, and their errors
 * count as retrieved. With it the errors are results, retrieved when the last child has ended.
 *
 * Cancelling the gather cancels its unfinished children, with the same message. When all have ended
 * its *error* is GYRE_ECANCELLED: whoever awaits it is cancelled, but its state is done, not
 * cancelled, as in asyncio. gyre_future_cancel() gives 0, and does nothing, when every child is
 * done. Cancelling a child is no more than an error of that child. A gather lives until its last
 * child has ended, or its loop is closed.
 *
 * NULL: memory is short, the loop is closing, or one of the futures is NULL; awaiting that gives
 * -ENOMEM. A future of another loop: the gather is done with GYRE_EWRONGLOOP.
 */
#define gyre_gather(...) gyre__gather(__FILE__, __LINE__, __VA_ARGS__)
GYRE_API GYRE_MUST_USE gyre_future *gyre__gather(const char *file, unsigned line, gyre_loop *loop,
                                                 size_t n, gyre_future *const *futures,
                                                 unsigned flags);

/*
 * What the i-th child gave, in the order of the arguments: its value or its error. May be asked
 * before the gather is done, and as often as one likes; does not count as retrieving the child's
 * error. out_detail: NULL, or where the error's detail (or NULL) goes, borrowed from the child.
 * GYRE_EINVALIDSTATE: that child is not done; -EINVAL: no gather, or no such child.
 */
GYRE_API int64_t gyre_gather_result(const gyre_future *gather, size_t i, gyre_error **out_detail);

GYRE_END_DECLS

#endif
