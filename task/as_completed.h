/*
 * Results in the order in which they come.
 *
 *     self->ac = gyre_as_completed_new(NULL, n, self->futures, GYRE_FOREVER);
 *     for (;;) {
 *         GYRE_AWAIT(self->rc, gyre_as_completed_next(self->ac));
 *         if (self->rc == GYRE_ESTOPITERATION)
 *             break;
 *         ...
 *     }
 *     gyre_as_completed_free(self->ac);
 *
 * Several tasks may take from the same iterator; each result goes to one of them.
 *
 * Python names: asyncio.as_completed.
 */
#ifndef GYRE_TASK_AS_COMPLETED_H
#define GYRE_TASK_AS_COMPLETED_H

#include <stddef.h>

#include "coro.h"

GYRE_BEGIN_DECLS

typedef struct gyre_as_completed gyre_as_completed;

/*
 * gyre_as_completed_new(loop, n, futures, timeout_ns): watches n futures or tasks
 * (gyre_task_future()) from now on: new, ended with gyre_as_completed_free().
 *
 * loop: NULL for the running one. futures: of that loop, in any state; the array is read in the
 * call, the futures are borrowed: the iterator takes references of its own. Duplicates are dropped.
 * n may be 0. timeout_ns: GYRE_FOREVER, or the time after which those who take get GYRE_ETIMEOUT
 * for the futures that are not done.
 *
 * NULL: memory is short, the loop is closing, one of the futures is NULL or belongs to another
 * loop. The functions here take NULL as such: awaiting gives -ENOMEM.
 */
#define gyre_as_completed_new(...) gyre__as_completed_new(__FILE__, __LINE__, __VA_ARGS__)
GYRE_API GYRE_MUST_USE gyre_as_completed *gyre__as_completed_new(const char *file, unsigned line,
                                                                 gyre_loop *loop, size_t n,
                                                                 gyre_future *const *futures,
                                                                 int64_t timeout_ns);

/* Ends it; the futures go on. Tasks that wait in it go on waiting, and keep it. NULL is allowed. */
GYRE_API void gyre_as_completed_free(gyre_as_completed *ac);

/*
 * Waits for the next future to complete, in the order of completion; gives its value or its error
 * (which then counts as retrieved). Suspends unless one is there. GYRE_ESTOPITERATION, at once,
 * when as many have been or are being taken as were watched; GYRE_ETIMEOUT; -ENOMEM. A consumer
 * that is cancelled while it waits (GYRE_ECANCELLED) gives its turn back: somebody else may take
 * instead. __next__().
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_as_completed_next(gyre_as_completed *ac);

/*
 * The same, but *out_future becomes the future itself (borrowed from the iterator) and the result
 * is 0: nothing of the future is looked at. out_future: written when the await ends without an
 * error, so it must live until then: in the caller's frame. __anext__().
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_as_completed_next_future(gyre_as_completed *ac,
                                                                gyre_future **out_future);

/* How many different futures are watched. */
GYRE_API size_t gyre_as_completed_count(const gyre_as_completed *ac);

GYRE_END_DECLS

#endif
