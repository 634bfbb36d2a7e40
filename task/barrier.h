/*
 * Barriers: so many tasks wait for each other, then all go on.
 *
 * A barrier fills until all parties are there, drains until the last has left, and can then be used
 * again. Who comes while it drains waits for the next round. Embed it; making one allocates
 * nothing. It belongs to the loop in which a task first waited for it, must stay where it is and
 * outlive its waiters. Python names: asyncio.Barrier.
 */
#ifndef GYRE_TASK_BARRIER_H
#define GYRE_TASK_BARRIER_H

#include "condition.h"

GYRE_BEGIN_DECLS

enum gyre__barrier_state {
    GYRE__BARRIER_FILLING,
    GYRE__BARRIER_DRAINING,
    GYRE__BARRIER_RESETTING,
    GYRE__BARRIER_BROKEN,
};

/* Fields are the library's. */
typedef struct gyre_barrier {
    gyre_condition changed; /* notified when the state changes */
    unsigned parties;
    unsigned count; /* tasks inside */
    enum gyre__barrier_state state;
} gyre_barrier;

/* Makes a barrier of uninitialised memory. Gives 0; -EINVAL for 0 parties. Barrier(parties). */
GYRE_API int64_t gyre_barrier_init(gyre_barrier *barrier, unsigned parties);

/*
 * Waits until `parties` tasks do so. The result is how many were there when this one came, from 0
 * to parties - 1: different for each, unless one was cancelled meanwhile and so no longer counted.
 * The last one does not suspend. Errors: GYRE_EBROKENBARRIER after or upon gyre_barrier_abort(),
 * and for those who wait upon gyre_barrier_reset(); -ENOMEM; GYRE_EWRONGLOOP. wait().
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_barrier_wait(gyre_barrier *barrier);

/*
 * Makes it empty and usable again; those who wait get GYRE_EBROKENBARRIER. Suspends only while
 * others hold the barrier's lock. Result 0. Errors: -ENOMEM, GYRE_EWRONGLOOP, when it would
 * suspend. reset().
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_barrier_reset(gyre_barrier *barrier);

/* Breaks it until a reset: waiting gives GYRE_EBROKENBARRIER from now on. As reset. abort(). */
GYRE_API GYRE_MUST_USE gyre_await gyre_barrier_abort(gyre_barrier *barrier);

GYRE_API unsigned gyre_barrier_parties(const gyre_barrier *barrier);   /* parties */
GYRE_API unsigned gyre_barrier_n_waiting(const gyre_barrier *barrier); /* n_waiting */
GYRE_API bool gyre_barrier_broken(const gyre_barrier *barrier);        /* broken */

GYRE_END_DECLS

#endif
