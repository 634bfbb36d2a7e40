/*
 * Tasks in line: what locks, events, conditions, semaphores and queues share.
 *
 * A waiter is a task's slot in the list of the primitive. As a waiter of asyncio's, a future, is
 * pending, done or cancelled, so it is parked, woken, or woken because its wait was cancelled.
 */
#ifndef GYRE_TASK_LINE_INTERNAL_H
#define GYRE_TASK_LINE_INTERNAL_H

#include "task_internal.h"

/*
 * Whether the running task may wait in a primitive that remembers its loop in *bound: 0,
 * GYRE_ECANCELLED while the loop closes, GYRE_EWRONGLOOP.
 */
static inline int64_t gyre__line_check(gyre_loop **bound, const gyre_task *task)
{
    if (!gyre__may_park(task))
        return GYRE_ECANCELLED;
    if (!*bound)
        *bound = task->future.loop;
    return *bound == task->future.loop ? 0 : GYRE_EWRONGLOOP;
}

/* Parks the running task at the end of the line; also in `finish` functions, to wait on. */
static inline void gyre__line_join(gyre__link *line, gyre_task *task, const gyre__wait_kind *kind,
                                   void *owner)
{
    gyre_await pending;

    gyre__list_append(line, &task->wait.slot.link);
    pending = gyre__park_slot(task, kind, owner);
    (void)pending; /* it always is */
}

GYRE_MUST_USE static inline gyre_await gyre__line_up(gyre__link *line, gyre_task *task,
                                                     const gyre__wait_kind *kind, void *owner)
{
    gyre__line_join(line, task, kind, owner);
    return (gyre_await){true};
}

/* The waiter was woken, or its wait was cancelled. */
static inline bool gyre__waiter_done(const gyre_task *task)
{
    return task->flags & GYRE__TASK_WOKEN;
}

static inline bool gyre__waiter_cancelled(const gyre_task *task)
{
    return task->flags & GYRE__TASK_WAIT_CANCELLED;
}

/* In `finish` functions: the await gives GYRE_ECANCELLED, even if the waiter was woken before. */
static inline bool gyre__raises_cancelled(const gyre_task *task)
{
    return task->flags & (GYRE__TASK_WAIT_CANCELLED | GYRE__TASK_MUST_CANCEL);
}

/* Wakes a waiter, from the loop's thread only; false if it was woken or cancelled before. */
static inline bool gyre__waiter_wake(gyre_task *task, const char *function)
{
    if (__builtin_expect(gyre__running != task->future.loop, 0))
        gyre__check_thread(task->future.loop, function);
    return gyre__wake_task(task);
}

#endif
