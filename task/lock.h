/*
 * Locks: one task at a time.
 *
 * A lock is free or held; it does not remember by which task, and is not recursive: a task that
 * acquires it twice waits for itself. Waiters get it in the order in which they came. Embed it; it
 * allocates nothing. It belongs to the loop in which a task first waited for it, must stay where it
 * is and outlive its waiters.
 *
 *     GYRE_TRY(gyre_lock_acquire(&self->lock));
 *     self->held = true;
 *     ...
 *     GYRE_FINALLY;
 *     if (self->held)
 *         gyre_lock_release(&self->lock);
 *
 * GYRE_WITH_LOCK (scoped.h) does that for a coroutine. Python names: asyncio.Lock.
 */
#ifndef GYRE_TASK_LOCK_H
#define GYRE_TASK_LOCK_H

#include "../loop/link.h"
#include "coro.h"

GYRE_BEGIN_DECLS

/* Fields are the library's. */
typedef struct gyre_lock {
    gyre_loop *loop;    /* of those who waited; NULL: nobody yet */
    gyre__link waiters; /* slots of tasks, oldest first; woken ones stay until they run */
    uint32_t holder;    /* number of the task that acquired it last, for dumps */
    uint32_t shared;    /* in a loop that closes: re-acquired by so many waits while it was held */
    bool locked;
} gyre_lock;

/* Makes a free lock of uninitialised memory. Lock(). */
GYRE_API void gyre_lock_init(gyre_lock *lock);

/*
 * Waits until the lock is free and takes it; at once, without suspending, if it is free and nobody
 * waits for it. Result 1. Cancelled: the lock is not held, and the next waiter gets its turn.
 * GYRE_EWRONGLOOP if it would have to wait where tasks of another loop have waited. acquire().
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_lock_acquire(gyre_lock *lock);

/*
 * Frees the lock and wakes the first waiter; any task or callback may do so. Never suspends. Gives
 * 0; GYRE_ENOTHELD if it is free. release().
 */
GYRE_API int64_t gyre_lock_release(gyre_lock *lock);

GYRE_API bool gyre_lock_locked(const gyre_lock *lock); /* locked() */

GYRE_END_DECLS

#endif
