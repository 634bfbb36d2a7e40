/*
 * Events: a flag to wait for.
 *
 * Setting it wakes all who wait; whoever waits while it is set does not suspend. Embed it; it
 * allocates nothing. It belongs to the loop in which a task first waited for it, must stay where it
 * is and outlive its waiters. Python names: asyncio.Event.
 */
#ifndef GYRE_TASK_EVENT_H
#define GYRE_TASK_EVENT_H

#include "../loop/link.h"
#include "coro.h"

GYRE_BEGIN_DECLS

/* Fields are the library's. */
typedef struct gyre_event {
    gyre_loop *loop;    /* of those who waited; NULL: nobody yet */
    gyre__link waiters; /* slots of tasks, oldest first; woken ones stay until they run */
    bool value;
} gyre_event;

/* Makes an event that is not set of uninitialised memory. Event(). */
GYRE_API void gyre_event_init(gyre_event *event);

/* Sets the flag and wakes every waiter, even if it is cleared again before they run. set(). */
GYRE_API void gyre_event_set(gyre_event *event);

GYRE_API void gyre_event_clear(gyre_event *event);        /* clear() */
GYRE_API bool gyre_event_is_set(const gyre_event *event); /* is_set() */

/*
 * Waits until the flag is set; does not suspend if it is. Result 1. GYRE_EWRONGLOOP if it would
 * have to wait where tasks of another loop have waited. wait().
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_event_wait(gyre_event *event);

GYRE_END_DECLS

#endif
