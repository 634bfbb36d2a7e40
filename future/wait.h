/*
 * Waiting for some of many futures, or for a while.
 *
 *     self->wait = gyre_wait(NULL, n, self->futures, GYRE_SECONDS(2), GYRE_ALL_COMPLETED);
 *     GYRE_TRY(self->wait);
 *     done = gyre_wait_done(self->wait, self->done, n);
 *     gyre_future_unref(self->wait);
 *
 * Python names: asyncio.wait.
 */
#ifndef GYRE_FUTURE_WAIT_H
#define GYRE_FUTURE_WAIT_H

#include <stddef.h>

#include "future.h"

GYRE_BEGIN_DECLS

/* When a wait is over. */
typedef enum gyre_wait_mode {
    GYRE_ALL_COMPLETED,   /* all are done or cancelled */
    GYRE_FIRST_COMPLETED, /* one is */
    GYRE_FIRST_EXCEPTION, /* one is done with an error (not cancelled), or all are */
} gyre_wait_mode;

/*
 * gyre_wait(loop, n, futures, timeout_ns, mode): a future that is done when the wait is over, new
 * reference. Make it where you await it: the wait begins in the call, which never suspends itself;
 * a wait always lasts into the next iteration, even if the futures are done.
 *
 * loop: NULL for the running one. futures: n futures or tasks (gyre_task_future()) of that loop, at
 * least one; the array is read in the call, the futures are borrowed: the wait takes references of
 * its own. Duplicates are dropped. timeout_ns: GYRE_FOREVER, or after how many nanoseconds the wait
 * is over in any case; 0 and less: in the next iteration.
 *
 * Its result is 0, also after the timeout, and never an error of the futures; ask gyre_wait_done().
 * It does not retrieve their errors, except that with GYRE_FIRST_EXCEPTION it looks at what
 * completes while others are still to come. Cancelling it ends the wait, the futures go on.
 *
 * NULL: memory is short, the loop is closing, or one of the futures is NULL; awaiting that gives
 * -ENOMEM. Without futures, or for an unknown mode, the future is done with -EINVAL (asyncio's
 * ValueError); with a future of another loop, with GYRE_EWRONGLOOP.
 */
#define gyre_wait(...) gyre__wait(__FILE__, __LINE__, __VA_ARGS__)
GYRE_API GYRE_MUST_USE gyre_future *gyre__wait(const char *file, unsigned line, gyre_loop *loop,
                                               size_t n, gyre_future *const *futures,
                                               int64_t timeout_ns, gyre_wait_mode mode);

/*
 * The futures that are done, or not, at the time of this call, in the order given to gyre_wait(),
 * without duplicates. At most `max` go to `out` (NULL if max is 0), borrowed from the wait; gives
 * how many there are. 0 if it is no wait.
 */
GYRE_API size_t gyre_wait_done(const gyre_future *wait, gyre_future **out, size_t max);
GYRE_API size_t gyre_wait_pending(const gyre_future *wait, gyre_future **out, size_t max);

GYRE_END_DECLS

#endif
