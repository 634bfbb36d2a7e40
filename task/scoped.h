/*
 * Scoped forms: run a coroutine while a lock, condition or semaphore is held.
 *
 *     GYRE_TRY(self->n, GYRE_WITH_LOCK(&self->lock, transfer, .amount = 7));
 *
 *     async with lock:                   in Python
 *         n = await transfer(amount=7)
 *
 * Acquires, calls the coroutine in the same task, releases when that has ended, on every way out:
 * value, error or cancellation. The arguments are evaluated and copied first; the coroutine starts
 * when the lock is held. The result is the coroutine's. If acquiring is cancelled or fails, it does
 * not run. -ENOMEM when the task's stack cannot grow; then nothing was acquired. If the coroutine
 * released the lock itself, the error of the second release replaces its result, as it does in
 * Python: GYRE_ENOTHELD, GYRE_EOVERRELEASE.
 *
 * The primitive is borrowed and must outlive the call. Python names: async with.
 */
#ifndef GYRE_TASK_SCOPED_H
#define GYRE_TASK_SCOPED_H

#include "condition.h"
#include "semaphore.h"

GYRE_BEGIN_DECLS

GYRE_API GYRE_MUST_USE gyre_await gyre__with_lock(gyre_lock *lock, const gyre_coro *coro,
                                                  const void *args);
GYRE_API GYRE_MUST_USE gyre_await gyre__with_condition(gyre_condition *condition,
                                                       const gyre_coro *coro, const void *args);
GYRE_API GYRE_MUST_USE gyre_await gyre__with_semaphore(gyre_semaphore *semaphore,
                                                       const gyre_coro *coro, const void *args);

#ifndef __cplusplus

/* An awaitable: GYRE_WITH_LOCK(lock, name, .argument = value, ...). */
#define GYRE_WITH_LOCK(lock_, ...)                                                                 \
    gyre__with_lock((lock_), GYRE__CORO_OF(__VA_ARGS__), GYRE__FRAME(__VA_ARGS__))

/* The same with the lock of a condition: GYRE_WITH_CONDITION(condition, name, ...). */
#define GYRE_WITH_CONDITION(condition_, ...)                                                       \
    gyre__with_condition((condition_), GYRE__CORO_OF(__VA_ARGS__), GYRE__FRAME(__VA_ARGS__))

/* The same with a semaphore: GYRE_WITH_SEMAPHORE(semaphore, name, ...). */
#define GYRE_WITH_SEMAPHORE(semaphore_, ...)                                                       \
    gyre__with_semaphore((semaphore_), GYRE__CORO_OF(__VA_ARGS__), GYRE__FRAME(__VA_ARGS__))

#endif

GYRE_END_DECLS

#endif
