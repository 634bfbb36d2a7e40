/* Asynchronous generators from an iterator, from several others, and in batches. */
#include "async_iter.h"

#include <errno.h>

#include "async_pump_internal.h"

/* ---- from an iterator ---- */

struct from_iter {
    gyre_frame frame;
    gyre_iter *source; /* owned */
    int64_t value;
};
GYRE_CORO(from_iter)
{
    GYRE_BEGIN;
    while ((self->value = gyre_iter_next(self->source)) >= 0)
        GYRE_YIELD(self->value);
    if (self->value != GYRE_ESTOPITERATION)
        GYRE_RETURN(self->value);
    GYRE_FINALLY;
    gyre_iter_free(self->source);
    GYRE_END;
}

static void drop_from_iter(gyre_frame *frame)
{
    gyre_iter_free(((struct from_iter *)frame)->source);
}

gyre_async_generator *gyre_async_iter_from(gyre_iter *source)
{
    gyre_async_generator *made = source ? GYRE_ASYNC_GENERATOR(from_iter, .source = source) : NULL;

    if (made)
        gyre__async_generator_on_drop(made, drop_from_iter);
    else
        gyre_iter_free(source);
    return made;
}

/* ---- merge ---- */

/* What all frames here begin with: those of generators that read through a hub. */
struct reader {
    gyre_frame frame;
    gyre__hub *hub; /* a reference */
};

static void drop_reader(gyre_frame *frame)
{
    struct reader *reader = (struct reader *)frame;

    gyre__hub_cancel(reader->hub);
    gyre__hub_unref(reader->hub);
}

/* Raises what a cell gave, if it is an error; true then. */
static bool raises(int64_t value, gyre_error *detail)
{
    if (value < 0)
        gyre__error_set(detail);
    return value < 0;
}

struct merge {
    gyre_frame frame;
    gyre__hub *hub; /* a reference */
    size_t ended;   /* sources that have */
    int64_t value;
};
GYRE_CORO(merge)
{
    gyre__cell *cell;
    gyre_error *detail;

    GYRE_BEGIN;
    if (gyre__hub_start(self->hub) < 0)
        GYRE_RETURN(-ENOMEM);
    while (self->ended < self->hub->count) {
        cell = gyre__hub_full(self->hub);
        if (!cell) {
            GYRE_TRY(gyre__gate_wait(&self->hub->gate));
            continue;
        }
        self->value = gyre__cell_take(cell, &detail);
        if (self->value == GYRE_ESTOPASYNCITERATION) {
            self->ended++;
            continue;
        }
        if (raises(self->value, detail))
            GYRE_RETURN(self->value);
        GYRE_YIELD(self->value);
    }
    GYRE_FINALLY;
    GYRE_AWAIT(self->value, gyre__hub_stop(self->hub));
    gyre__hub_unref(self->hub);
    if (self->value < 0)
        GYRE_RETURN(self->value);
    GYRE_END;
}

gyre_async_generator *gyre_async_iter_merge(size_t n, gyre_async_generator *const *sources)
{
    gyre__hub *hub = gyre__hub_new(n, sources, 0);
    gyre_async_generator *made = hub ? GYRE_ASYNC_GENERATOR(merge, .hub = hub) : NULL;

    if (made)
        gyre__async_generator_on_drop(made, drop_reader);
    else
        gyre__hub_unref(hub);
    return made;
}

/* ---- batches ---- */

struct batch {
    gyre_frame frame;
    gyre__hub *hub; /* a reference; its extra memory: the values */
    size_t size;
    int64_t within_ns;
    gyre__timer timer; /* set while a batch is incomplete */
    gyre_batch batch;
    bool late;   /* the time of the batch is up */
    int64_t end; /* how the source has ended; 0: it has not */
    int64_t rc;
};

static void batch_late(gyre__node *node)
{
    struct batch *self = GYRE__CONTAINER(node, struct batch, timer.node);

    self->late = true;
    gyre__gate_open(&self->hub->gate);
}

static gyre_loop *loop_here(void)
{
    return gyre_task_current()->future.loop;
}

static void batch_begin(struct batch *self)
{
    self->batch = (gyre_batch){.count = 0, .values = self->hub->extra};
    self->late = false;
}

/* Adds a value; the first one sets the timer. */
static void batch_add(struct batch *self, int64_t value)
{
    ((int64_t *)self->hub->extra)[self->batch.count++] = value;
    if (self->batch.count > 1 || self->within_ns == GYRE_FOREVER || loop_here()->closing)
        return;
    gyre__timer_init(&self->timer, batch_late);
    gyre__timers_add(&loop_here()->timers, &self->timer,
                     gyre__deadline(loop_here(), self->within_ns), 0);
}

/* Takes what has come. True: the batch is complete, or there will be no more. */
static bool batch_take(struct batch *self)
{
    gyre__cell *cell;
    gyre_error *detail;
    int64_t value;

    while (self->batch.count < self->size && (cell = gyre__hub_full(self->hub)) != NULL) {
        value = gyre__cell_take(cell, &detail);
        if (value < 0) {
            self->end = value;
            cell->detail = detail; /* for when it is raised */
            return true;
        }
        batch_add(self, value);
    }
    return self->batch.count == self->size || (self->late && self->batch.count);
}

GYRE_CORO(batch)
{
    GYRE_BEGIN;
    if (gyre__hub_start(self->hub) < 0)
        GYRE_RETURN(-ENOMEM);
    while (!self->end) {
        batch_begin(self);
        while (!batch_take(self))
            GYRE_TRY(gyre__gate_wait(&self->hub->gate));
        gyre__timers_remove(&loop_here()->timers, &self->timer);
        if (self->batch.count)
            GYRE_YIELD(gyre_pointer_value(&self->batch));
    }
    if (self->end != GYRE_ESTOPASYNCITERATION) {
        gyre__error_set(gyre_error_ref(self->hub->cells[0].detail));
        GYRE_RETURN(self->end);
    }
    GYRE_FINALLY;
    gyre__timers_remove(&loop_here()->timers, &self->timer);
    GYRE_AWAIT(self->rc, gyre__hub_stop(self->hub));
    gyre__hub_unref(self->hub);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    GYRE_END;
}

gyre_async_generator *gyre_async_iter_batch(gyre_async_generator *source, size_t size,
                                            int64_t within_ns)
{
    gyre_async_generator *made = NULL;
    gyre__hub *hub = NULL;

    if (size && size <= SIZE_MAX / 2 / sizeof(int64_t))
        hub = gyre__hub_new(1, &source, size * sizeof(int64_t));
    else
        gyre_async_generator_free(source);
    if (hub)
        made = GYRE_ASYNC_GENERATOR(batch, .hub = hub, .size = size, .within_ns = within_ns);
    if (made)
        gyre__async_generator_on_drop(made, drop_reader);
    else
        gyre__hub_unref(hub);
    return made;
}
