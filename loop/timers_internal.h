/*
 * Timers by (deadline, priority, order of insertion): a hierarchical wheel in front of a pairing heap.
 *
 * Far timers rest in wheel slots, where adding and removing is a few pointer writes. When time reaches a
 * slot, its timers move to the heap, which orders them exactly. So a million pending timers cost no more
 * than ten, the order is exact to the nanosecond, and as both structures are intrusive nothing here can
 * fail.
 */
#ifndef GYRE_LOOP_TIMERS_INTERNAL_H
#define GYRE_LOOP_TIMERS_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "ready_internal.h"

enum {
    GYRE__WHEEL_SHIFT = 16, /* the finest slot is 2^16 ns, 65 us, wide */
    GYRE__WHEEL_BITS = 8,
    GYRE__WHEEL_SLOTS = 1 << GYRE__WHEEL_BITS,
    GYRE__WHEEL_LEVELS = 6, /* 16 + 6 * 8 bits: all of uint64_t */
    GYRE__WHEEL_LANES = 8,  /* lists a slot: walked side by side they hide their cache misses */
};

/* "Never": later deadlines are treated as this one. About 292 years. */
#define GYRE__NEVER (UINT64_C(1) << 63)

typedef struct gyre__timers {
    gyre__timer *heap;                     /* every timer before `horizon` */
    gyre__timer *due;                      /* those that run in this iteration, in order */
    gyre__timer **due_end;                 /* where the next of them goes */
    uint64_t horizon;                      /* start of the first finest slot still in the wheel */
    uint64_t sequence;                     /* number of the next timer */
    size_t count;                          /* timers set, without those that are due */
    uint64_t used[GYRE__WHEEL_LEVELS][GYRE__WHEEL_SLOTS / 64]; /* slots that may hold something */
    gyre__timer *slots[GYRE__WHEEL_LEVELS][GYRE__WHEEL_SLOTS][GYRE__WHEEL_LANES];
} gyre__timers;

void gyre__timers_init(gyre__timers *timers, uint64_t now);

/* Sets a timer that is not set; timer->node.run says what happens when it is due. */
void gyre__timers_add(gyre__timers *timers, gyre__timer *timer, uint64_t deadline, int16_t priority);

/* Unsets a timer, due or not; nothing happens if it is not set. Its memory may go then. */
void gyre__timers_remove(gyre__timers *timers, gyre__timer *timer);

/* Takes out the first timer with deadline <= now, or gives NULL. */
gyre__timer *gyre__timers_pop(gyre__timers *timers, uint64_t now);

/*
 * Timers that are due run after what was ready before them. They wait for that in a list of their own, not
 * in the ready queue, as a timer must be removable, in no time, until the moment it runs.
 */

/* Makes those with deadline <= now due. */
void gyre__timers_collect(gyre__timers *timers, uint64_t now);

/* Takes out the first that is due, or gives NULL. */
gyre__timer *gyre__timers_take(gyre__timers *timers);

/*
 * Deadline of the first timer (GYRE__NEVER if there is none). When many timers share a far slot a lower
 * bound is given instead and *exact is false: call gyre__timers_sort(bound) and ask again.
 */
uint64_t gyre__timers_next(const gyre__timers *timers, bool *exact);

/* Moves everything due up to and including `until` from the wheel to the heap. */
void gyre__timers_sort(gyre__timers *timers, uint64_t until);

static inline void gyre__timer_init(gyre__timer *timer, void (*run)(gyre__node *))
{
    timer->node.run = run;
    timer->prev = NULL;
}

/* True from gyre__timers_add until the timer is popped, taken or removed. */
static inline bool gyre__timer_is_set(const gyre__timer *timer)
{
    return timer->prev != NULL;
}

#endif
