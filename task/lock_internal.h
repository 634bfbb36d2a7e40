/* The lock's insides, for what waits for locks in ways of its own. */
#ifndef GYRE_TASK_LOCK_INTERNAL_H
#define GYRE_TASK_LOCK_INTERNAL_H

#include "line_internal.h"
#include "lock.h"

/* Takes the lock if nobody has it or waits for it. */
bool gyre__lock_take(gyre_lock *lock, const gyre_task *task);

/* For kinds of waits in lock->waiters. `finish` takes the lock unless gyre__raises_cancelled(). */
int64_t gyre__lock_finish(gyre_task *task);
uint32_t gyre__lock_holder(const gyre_task *task);

/*
 * gyre_lock_acquire() for a wait on a condition, which must have the lock again before it ends.
 * While the loop closes nothing can wait for it: then it counts as taken beside whoever has it.
 */
GYRE_MUST_USE gyre_await gyre__lock_acquire_again(gyre_lock *lock);

#endif
