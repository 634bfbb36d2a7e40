/* Tasks that read asynchronous generators ahead of their consumer. */
#include "async_pump_internal.h"

#include <errno.h>

#include "../loop/alloc.h"

/* ---- gates ---- */

static int64_t gate_finish(gyre_task *task)
{
    gyre__gate *gate = (gyre__gate *)(uintptr_t)task->wait.slot.owner;

    gate->waiter = NULL;
    return gyre__wait_result(task);
}

static const gyre__wait_kind wait_gate = {
    .what = "asynchronous iterator", .cancel = gyre__cancel_wait, .finish = gate_finish};

gyre_await gyre__gate_wait(gyre__gate *gate)
{
    gyre_task *task = gyre__task_running("gyre_async_iter");

    if (!gyre__may_park(task))
        return gyre__complete(task, GYRE_ECANCELLED);
    gate->waiter = task;
    return gyre__park_slot(task, &wait_gate, gate);
}

void gyre__gate_open(gyre__gate *gate)
{
    if (gate->waiter)
        gyre__wake_task(gate->waiter);
}

/* ---- hubs ---- */

gyre__hub *gyre__hub_new(size_t n, gyre_async_generator *const *sources, size_t extra_size)
{
    size_t head = (sizeof(gyre__hub) + n * sizeof(gyre__cell) + 15) / 16 * 16;
    gyre__hub *hub = NULL;
    size_t there = 0;

    while (there < n && sources[there])
        there++;
    if (there == n)
        hub = gyre_alloc_zeroed(head + extra_size);
    for (size_t i = 0; !hub && i < n; i++)
        gyre_async_generator_free(sources[i]);
    if (!hub)
        return NULL;
    hub->refs = 1;
    hub->count = n;
    hub->extra = (char *)hub + head;
    gyre__list_init(&hub->full);
    for (size_t i = 0; i < n; i++)
        hub->cells[i] = (gyre__cell){.hub = hub, .source = sources[i]};
    return hub;
}

gyre__hub *gyre__hub_ref(gyre__hub *hub)
{
    hub->refs++;
    return hub;
}

void gyre__hub_unref(gyre__hub *hub)
{
    if (!hub || --hub->refs)
        return;
    for (size_t i = 0; i < hub->count; i++) {
        gyre_async_generator_free(hub->cells[i].source);
        gyre_task_unref(hub->cells[i].pump);
        gyre_error_unref(hub->cells[i].detail);
    }
    gyre_free(hub);
}

static void fill(gyre__cell *cell, int64_t value, gyre_error *detail)
{
    if (!cell->full)
        gyre__list_append(&cell->hub->full, &cell->link);
    cell->full = true;
    cell->value = value;
    cell->detail = detail;
    gyre__gate_open(&cell->hub->gate);
}

gyre__cell *gyre__hub_full(const gyre__hub *hub)
{
    return gyre__list_empty(&hub->full) ? NULL : GYRE__CONTAINER(hub->full.next, gyre__cell, link);
}

int64_t gyre__cell_take(gyre__cell *cell, gyre_error **detail)
{
    *detail = cell->detail;
    cell->detail = NULL;
    cell->full = false;
    gyre__list_remove(&cell->link);
    gyre__gate_open(&cell->taken);
    return cell->value;
}

/* ---- pumps ---- */

struct pump {
    gyre_frame frame;
    gyre__cell *cell;             /* with a reference to its hub */
    gyre_async_generator *source; /* owned */
    int64_t value;
};
GYRE_CORO(pump)
{
    GYRE_BEGIN;
    while (!self->cell->hub->stopping) {
        GYRE_TRY(self->value, gyre_async_generator_next(self->source));
        fill(self->cell, self->value, NULL);
        GYRE_TRY(gyre__gate_wait(&self->cell->taken));
    }
    GYRE_FINALLY;
    GYRE_AWAIT(self->value, gyre_async_generator_close(self->source));
    if (self->value < 0)
        gyre__leave(&self->frame, self->value); /* instead of the error that ended it */
    gyre_async_generator_free(self->source);
    self->cell->hub->running--;
    fill(self->cell, self->frame.value, gyre_error_ref(self->frame.error));
    gyre__hub_unref(self->cell->hub);
    GYRE_RETURN(0); /* the consumer is told by the cell */
    GYRE_END;
}

/* All is in place before the task is made: one that starts eagerly may end in there. */
static bool start_pump(gyre__cell *cell)
{
    gyre_async_generator *source = cell->source;
    gyre__hub *hub = gyre__hub_ref(cell->hub);

    cell->source = NULL;
    hub->running++;
    cell->pump = GYRE_SPAWN(pump, .cell = cell, .source = source);
    if (cell->pump)
        return true;
    cell->source = source;
    hub->running--;
    gyre__hub_unref(hub);
    return false;
}

int64_t gyre__hub_start(gyre__hub *hub)
{
    for (size_t i = 0; i < hub->count; i++)
        if (!start_pump(&hub->cells[i]))
            return -ENOMEM;
    return 0;
}

/* ---- the end ---- */

void gyre__hub_cancel(gyre__hub *hub)
{
    hub->stopping = true;
    for (size_t i = 0; hub->running && i < hub->count; i++)
        if (hub->cells[i].pump)
            gyre_task_cancel(hub->cells[i].pump);
}

/* What the end of a pump that was asked to end has to tell. */
static void note_end(gyre_frame *frame, int64_t value, gyre_error *detail)
{
    bool usual = value >= 0 || value == GYRE_ECANCELLED || value == GYRE_ESTOPASYNCITERATION;

    if (usual || frame->value < 0) {
        gyre_error_unref(detail);
        return;
    }
    gyre__error_set(detail);
    gyre__leave(frame, value);
}

struct stop {
    gyre_frame frame;
    gyre__hub *hub;
    size_t i;
    int64_t rc;
};
GYRE_CORO(stop)
{
    gyre__cell *cell;
    gyre_error *detail;
    int64_t value;

    GYRE_BEGIN;
    for (;;) {
        while ((cell = gyre__hub_full(self->hub)) != NULL) {
            value = gyre__cell_take(cell, &detail);
            note_end(&self->frame, value, detail);
        }
        if (!self->hub->running)
            break;
        GYRE_TRY(gyre__gate_wait(&self->hub->gate));
    }
    for (self->i = 0; self->i < self->hub->count; self->i++) {
        GYRE_AWAIT(self->rc, gyre_async_generator_close(self->hub->cells[self->i].source));
        note_end(&self->frame, self->rc, gyre__error_take(self->rc));
    }
    GYRE_END;
}

gyre_await gyre__hub_stop(gyre__hub *hub)
{
    const struct stop args = {.frame = {.coro = &stop_coro, .leaf = true}, .hub = hub};

    gyre__hub_cancel(hub);
    return gyre__call(&stop_coro, &args);
}
