/* The semaphore's insides, for scoped.c. */
#ifndef GYRE_TASK_SEMAPHORE_INTERNAL_H
#define GYRE_TASK_SEMAPHORE_INTERNAL_H

#include "line_internal.h"
#include "semaphore.h"

/* Takes one if there is one that nobody waits for. */
bool gyre__semaphore_take(gyre_semaphore *semaphore);

/* Part of wait kinds for tasks in semaphore->waiters; has one unless gyre__raises_cancelled(). */
int64_t gyre__semaphore_finish(gyre_task *task);

#endif
