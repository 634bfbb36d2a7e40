/*
 * Reading asynchronous generators in tasks of their own: what merge, map and batch are built on.
 *
 * A hub has a cell for each source. Its pump, a task, steps the source, lays the value into the
 * cell, and waits until that is taken. One task, the consumer, waits for the hub. The hub is
 * counted, so that pumps which the consumer did not wait for can end after it.
 */
#ifndef GYRE_TASK_ASYNC_PUMP_INTERNAL_H
#define GYRE_TASK_ASYNC_PUMP_INTERNAL_H

#include "async_iter.h"
#include "generator_internal.h"

/* Where at most one task waits to be woken. */
typedef struct gyre__gate {
    gyre_task *waiter;
} gyre__gate;

typedef struct gyre__cell {
    gyre__link link; /* in hub->full */
    struct gyre__hub *hub;
    gyre_async_generator *source; /* owned until its pump has started */
    gyre_task *pump;              /* reference; NULL: not started */
    gyre__gate taken;             /* where the pump waits */
    gyre_error *detail;           /* of the error, a reference */
    int64_t value;                /* a value, or how the source has ended */
    bool full;                    /* there is something to take */
} gyre__cell;

typedef struct gyre__hub {
    unsigned refs;
    size_t running; /* pumps that have not ended */
    bool stopping;  /* they are to end, even those whose source does not care for being cancelled */
    gyre__link full; /* cells to take from, oldest first */
    gyre__gate gate; /* where the consumer waits */
    void *extra;     /* memory of the consumer's, zeroed, in the same block */
    size_t count;
    gyre__cell cells[];
} gyre__hub;

/*
 * A hub of n sources (moved) with one reference; NULL when memory is short or a source is NULL: all
 * are given up.
 */
gyre__hub *gyre__hub_new(size_t n, gyre_async_generator *const *sources, size_t extra_size);
gyre__hub *gyre__hub_ref(gyre__hub *hub);
void gyre__hub_unref(gyre__hub *hub);

/* Starts the pumps. 0, or -ENOMEM: some may have started. */
int64_t gyre__hub_start(gyre__hub *hub);

/* The cell that was filled first, or NULL. */
gyre__cell *gyre__hub_full(const gyre__hub *hub);

/*
 * Takes what is in a full cell: a value, and the pump goes on; or an error,
 * GYRE_ESTOPASYNCITERATION at the end, and *detail is a reference.
 */
int64_t gyre__cell_take(gyre__cell *cell, gyre_error **detail);

/*
 * Parks the consumer until the gate is opened: when a cell is filled, or by the consumer's own
 * callbacks.
 */
GYRE_MUST_USE gyre_await gyre__gate_wait(gyre__gate *gate);
void gyre__gate_open(gyre__gate *gate);

/* Asks all pumps to end. Never allocates. */
void gyre__hub_cancel(gyre__hub *hub);

/*
 * Awaitable, for cleanup: the same, and waits until they have, which close their sources. Gives 0
 * or the first error that one raised in that; GYRE_ECANCELLED when the wait was cancelled: the
 * pumps end by themselves then.
 */
GYRE_MUST_USE gyre_await gyre__hub_stop(gyre__hub *hub);

#endif
