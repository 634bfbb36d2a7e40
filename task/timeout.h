/*
 * Timeouts: around one await, or around a stretch of a coroutine.
 *
 *     GYRE_TRY(gyre_wait_for(gyre_queue_get(q, &item), GYRE_SECONDS(2)));    await wait_for(q.get(), 2)
 *     GYRE_TRY(n, gyre_wait_for(GYRE_CALL(fetch, .url = url), GYRE_SECONDS(2)));
 *
 *     gyre_timeout_enter(&self->timeout, GYRE_SECONDS(2));       async with timeout(2):
 *     GYRE_AWAIT(self->rc, GYRE_CALL(fetch, .url = url));            await fetch(url)
 *     if (self->rc >= 0)
 *         GYRE_AWAIT(self->rc, gyre_lock_acquire(self->lock));       await lock.acquire()
 *     self->rc = gyre_timeout_exit(&self->timeout, self->rc);
 *
 * A scope must be left on every path. Around the whole of a coroutine GYRE_FINALLY sees to that:
 *
 *     gyre_timeout_enter(&self->timeout, GYRE_SECONDS(2));
 *     GYRE_TRY(...);
 *     GYRE_FINALLY;
 *     GYRE_RETURN(gyre_timeout_exit(&self->timeout, self->frame.value));
 *
 * A timeout cancels the task when its time is up, and turns the GYRE_ECANCELLED that comes out of
 * its scope into GYRE_ETIMEOUT. It does so only if nobody else has cancelled the task since the
 * scope was entered: a cancellation from outside always wins. Scopes nest; each handles its own
 * deadline.
 *
 * Python names: asyncio.timeout, timeout_at, Timeout, wait_for.
 */
#ifndef GYRE_TASK_TIMEOUT_H
#define GYRE_TASK_TIMEOUT_H

#include "../loop/timer.h"
#include "coro.h"

GYRE_BEGIN_DECLS

/* A deadline that is never reached. */
#define GYRE_NO_DEADLINE UINT64_MAX

/*
 * A timeout scope: embed it in the frame of the coroutine that enters it. All zero at first, as
 * members of frames are; it may be entered again once it was left. Fields are the library's.
 */
typedef struct gyre_timeout {
    gyre_task *task;   /* whose scope it is, reference while inside */
    uint64_t when;     /* the deadline, GYRE_NO_DEADLINE: none */
    uint32_t requests; /* cancellations of the task that were there before */
    uint32_t state;    /* enum timeout_state in timeout.c */
    gyre_handle *soon; /* for a deadline that had passed when it was set; reference */
    gyre__timer timer; /* for one that had not */
} gyre_timeout;

/*
 * Enters a scope that ends delay_ns from now (GYRE_FOREVER: never), in the running task. 0 and
 * less: the task is cancelled in the next iteration if the scope has not been left by then. The
 * scope must stay where it is until it is left. Never suspends. Gives 0. Errors: GYRE_ESTATE
 * inside the scope already; GYRE_ENOTASK outside of tasks; -ENOMEM, for delays of 0 and less
 * only. timeout().
 */
GYRE_API int64_t gyre_timeout_enter(gyre_timeout *timeout, int64_t delay_ns);

/* The same with a deadline on the loop's clock, or GYRE_NO_DEADLINE. timeout_at(). */
GYRE_API int64_t gyre_timeout_enter_at(gyre_timeout *timeout, uint64_t when_ns);

/*
 * Leaves the scope with the result of what was inside. Never suspends. Gives GYRE_ETIMEOUT for a
 * GYRE_ECANCELLED that is the timeout's doing, else `result` itself. For a scope that was never
 * entered, or was left already, nothing happens: the result is given back. __aexit__().
 */
GYRE_API int64_t gyre_timeout_exit(gyre_timeout *timeout, int64_t result);

/*
 * Sets a new deadline, GYRE_NO_DEADLINE for none; one that has passed counts as now. May be
 * called from other tasks and callbacks. Gives 0. GYRE_ESTATE when the scope is not entered, was
 * left or has expired. No deadline at all is set upon -ENOMEM, for one that has passed only, and
 * GYRE_ESTATE where no loop is running. reschedule().
 */
GYRE_API int64_t gyre_timeout_reschedule(gyre_timeout *timeout, uint64_t when_ns);

/* True once the deadline has been reached inside the scope. expired(). */
GYRE_API bool gyre_timeout_expired(const gyre_timeout *timeout);

/* The deadline, as entered or rescheduled; GYRE_NO_DEADLINE: none. when(). */
GYRE_API uint64_t gyre_timeout_when(const gyre_timeout *timeout);

GYRE_API bool gyre__wait_for_begin(int64_t timeout_ns);
GYRE_API GYRE_MUST_USE gyre_await gyre__wait_for_refused(void);
GYRE_API GYRE_MUST_USE gyre_await gyre__wait_for(gyre_await operand);

#ifndef __cplusplus

/*
 * An awaitable: GYRE_TRY(n, gyre_wait_for(awaitable, timeout_ns)). wait_for().
 *
 * The awaitable is any: a future or task (borrowed), a GYRE_CALL, a call of a function that
 * returns gyre_await, another gyre_wait_for. It is evaluated after the timer was started, in the
 * running task: no other task, no allocation but a frame. GYRE_FOREVER means no timeout.
 *
 * Result: that of the awaitable, or GYRE_ETIMEOUT. When the time is up the awaitable is
 * cancelled, and its end awaited: so a future or task that is awaited is cancelled too, unless a
 * gyre_shield() is around it. What it gives instead of GYRE_ECANCELLED (an error of its cleanup,
 * a value) is the result. Cancelling the task cancels the awaitable and gives GYRE_ECANCELLED,
 * also when the time is up at the same moment.
 *
 * With timeout_ns <= 0 nothing is waited for: what is done gives its result. A future or task
 * that is not is cancelled and its end awaited; a GYRE_CALL never starts (it goes to its
 * GYRE_FINALLY, in a task of its own); any other awaitable that does not complete at once is
 * cancelled.
 *
 * Errors: GYRE_ETIMEOUT; those of the awaitable; -ENOMEM, then the awaitable was not evaluated
 * or, with timeout_ns <= 0, not cancelled.
 */
#define gyre_wait_for(awaitable_, timeout_ns_)                                                     \
    (gyre__wait_for_begin(timeout_ns_) ? gyre__wait_for(GYRE__AWAITABLE(awaitable_))               \
                                       : gyre__wait_for_refused())

#endif

GYRE_END_DECLS

#endif
