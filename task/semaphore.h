/*
 * Semaphores: at most so many at a time.
 *
 * A counter that acquiring lowers and releasing raises; at 0 acquiring waits. Waiters are served in
 * the order in which they came, and nobody passes them. Embed it; it allocates nothing. It belongs
 * to the loop in which a task first waited for it, must stay where it is and outlive its waiters.
 * GYRE_WITH_SEMAPHORE is in scoped.h. Python names: asyncio.Semaphore, asyncio.BoundedSemaphore.
 */
#ifndef GYRE_TASK_SEMAPHORE_H
#define GYRE_TASK_SEMAPHORE_H

#include "../loop/link.h"
#include "coro.h"

GYRE_BEGIN_DECLS

/* Fields are the library's. */
typedef struct gyre_semaphore {
    gyre_loop *loop;    /* of those who waited; NULL: nobody yet */
    gyre__link waiters; /* slots of tasks, oldest first; woken ones stay until they run */
    int64_t value;      /* how often it can be acquired; never negative */
    int64_t bound;      /* largest value; INT64_MAX: none */
} gyre_semaphore;

/* Makes one of uninitialised memory. Gives 0; -EINVAL for a negative value. Semaphore(value). */
GYRE_API int64_t gyre_semaphore_init(gyre_semaphore *semaphore, int64_t value);

/* One that refuses to be released more often than it was acquired. BoundedSemaphore(value). */
GYRE_API int64_t gyre_semaphore_init_bounded(gyre_semaphore *semaphore, int64_t value);

/*
 * Takes one; waits while there is none or others wait. Result 1. Cancelled: nothing is taken, and
 * what it might have got goes to the next. GYRE_EWRONGLOOP if it would have to wait where tasks of
 * another loop have waited. acquire().
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_semaphore_acquire(gyre_semaphore *semaphore);

/*
 * Gives one back, to the first waiter if there is one; any task or callback may do so. Never
 * suspends. Gives 0; GYRE_EOVERRELEASE for a bounded one that is back at its first value.
 * release().
 */
GYRE_API int64_t gyre_semaphore_release(gyre_semaphore *semaphore);

/* True if acquiring would have to wait. locked(). */
GYRE_API bool gyre_semaphore_locked(const gyre_semaphore *semaphore);

GYRE_END_DECLS

#endif
