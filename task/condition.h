/*
 * Conditions: waiting, with a lock in hand, until something that the lock guards has changed.
 *
 *     GYRE_TRY(gyre_condition_acquire(&self->stock->changed));
 *     self->held = true;
 *     while (self->stock->potatoes == 0)
 *         GYRE_TRY(gyre_condition_wait(&self->stock->changed));
 *     self->stock->potatoes--;
 *     GYRE_FINALLY;
 *     if (self->held)
 *         gyre_condition_release(&self->stock->changed);
 *
 * Several conditions may share one lock. Embed it; making one allocates nothing. It belongs to the
 * loop in which a task first waited for it, must stay where it is and outlive its waiters.
 * GYRE_WITH_CONDITION is in scoped.h. Python names: asyncio.Condition.
 */
#ifndef GYRE_TASK_CONDITION_H
#define GYRE_TASK_CONDITION_H

#include "lock.h"

GYRE_BEGIN_DECLS

/* Fields are the library's. */
typedef struct gyre_condition {
    gyre_loop *loop;    /* of those who waited; NULL: nobody yet */
    gyre_lock *lock;    /* borrowed, or `own` */
    gyre__link waiters; /* slots of tasks, oldest first; woken ones stay until they run */
    gyre_lock own;      /* unused where the user gave a lock */
} gyre_condition;

/* Makes a condition of uninitialised memory. lock: borrowed; NULL: its own. Condition(lock). */
GYRE_API void gyre_condition_init(gyre_condition *condition, gyre_lock *lock);

/* The lock's operations, as gyre_lock_acquire() and so on. acquire(), release(), locked(). */
GYRE_API GYRE_MUST_USE gyre_await gyre_condition_acquire(gyre_condition *condition);
GYRE_API int64_t gyre_condition_release(gyre_condition *condition);
GYRE_API bool gyre_condition_locked(const gyre_condition *condition);

/*
 * Releases the lock, waits until notified, takes the lock again. Always suspends. Result 1,
 * possibly without a reason: check what you wait for again. wait().
 *
 * Cancelled, it takes the lock again too before it gives GYRE_ECANCELLED, and notifies one more
 * waiter, as the notification may have been meant for it. In a loop that closes nothing can wait
 * for the lock, so there it counts as taken beside whoever has it. Errors: GYRE_ENOTHELD if the
 * lock is not held; -ENOMEM, GYRE_EWRONGLOOP (the lock stays held).
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_condition_wait(gyre_condition *condition);

/*
 * Waits until predicate(arg) is true; asks at once, and after each notification, with the lock
 * held. Does not suspend if it is true. arg: borrowed. Result 1. Errors as gyre_condition_wait().
 * wait_for().
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_condition_wait_for(gyre_condition *condition,
                                                          bool (*predicate)(void *arg), void *arg);

/*
 * Wakes the first n waiters (all, if they are fewer; none if n <= 0). They go on when they get the
 * lock, so release it. Never suspends. Gives 0; GYRE_ENOTHELD if the lock is not held. notify().
 */
GYRE_API int64_t gyre_condition_notify(gyre_condition *condition, int64_t n);

/* Wakes all. notify_all(). */
GYRE_API int64_t gyre_condition_notify_all(gyre_condition *condition);

GYRE_END_DECLS

#endif
