/*
 * The insides of timers, complete so that public structs can embed one and need no allocation.
 *
 * Not for users: they embed a gyre_timeout and leave its members alone.
 */
#ifndef GYRE_LOOP_TIMER_H
#define GYRE_LOOP_TIMER_H

#include <stdint.h>

#include "api.h"

GYRE_BEGIN_DECLS

/* Something to run: a handle, a task to step, a done-callback, a finished op. In one queue at a time. */
typedef struct gyre__node {
    struct gyre__node *next;
    void (*run)(struct gyre__node *node);
} gyre__node;

/* One entry of timers_internal.h. */
typedef struct gyre__timer {
    gyre__node node;           /* what runs in the end; next: in a slot, of siblings, of those due */
    struct gyre__timer **prev; /* what points to this timer; NULL while it is not set */
    struct gyre__timer *child; /* first child in the heap; elsewhere a mark that says where it is */
    uint64_t deadline;         /* ns on the loop's clock */
    uint64_t order;            /* priority in the upper 16 bits, sequence number below */
} gyre__timer;

GYRE_END_DECLS

#endif
