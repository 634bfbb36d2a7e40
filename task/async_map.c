/* Asynchronous generators mapped with bounded concurrency. */
#include <errno.h>

#include "async_pump_internal.h"

/* Room for one value that is worked on. */
struct work {
    gyre__link link;         /* in works->free or works->order */
    gyre__callback callback; /* of the future, until it has finished */
    gyre_future *future;     /* reference; NULL: the place is free */
    gyre__hub *hub;          /* a reference until the callback has run */
    bool finished;           /* the callback has run */
};

/* The extra memory of the hub. */
struct works {
    gyre__link free;
    gyre__link order; /* in the order of the results: all, or unordered those that have finished */
    size_t limit;
    size_t pending; /* not finished */
    bool unordered;
    bool abandoned; /* nobody waits for them any more */
    struct work places[];
};

static struct work *work_at(gyre__link *link)
{
    return GYRE__CONTAINER(link, struct work, link);
}

static void work_done(gyre__node *node)
{
    struct work *work = GYRE__CONTAINER(node, struct work, callback.node);
    gyre__hub *hub = work->hub;
    struct works *works = hub->extra;

    work->finished = true;
    works->pending--;
    if (works->abandoned)
        gyre_future_unref(work->future);
    else if (works->unordered)
        gyre__list_append(&works->order, &work->link);
    gyre__gate_open(&hub->gate);
    gyre__hub_unref(hub);
}

/* Takes a place for the work on a future (moved). */
static void work_begin(gyre__hub *hub, gyre_future *future)
{
    struct works *works = hub->extra;
    struct work *work = work_at(works->free.next);

    gyre__list_remove(&work->link);
    work->future = future;
    work->hub = gyre__hub_ref(hub);
    work->finished = false;
    work->callback.node.run = work_done;
    works->pending++;
    if (!works->unordered)
        gyre__list_append(&works->order, &work->link);
    gyre__future_add(future, &work->callback);
}

/* The work whose result is to be given next; NULL: it has not finished. */
static struct work *work_finished(const struct works *works)
{
    struct work *work;

    if (gyre__list_empty(&works->order))
        return NULL;
    work = work_at(works->order.next);
    return work->finished ? work : NULL;
}

/* Gives its result, and its place back. */
static int64_t work_end(struct works *works, struct work *work)
{
    gyre_error *detail;
    int64_t result = gyre__future_take(work->future, &detail);

    gyre_future_unref(work->future);
    work->future = NULL;
    gyre__list_remove(&work->link);
    gyre__list_append(&works->free, &work->link);
    if (result < 0)
        gyre__error_set(detail);
    return result;
}

static void works_cancel(struct works *works)
{
    for (size_t i = 0; i < works->limit; i++)
        if (works->places[i].future)
            gyre_future_cancel(works->places[i].future);
}

/* Lets go of all work; what has not ended goes on alone. */
static void works_abandon(struct works *works)
{
    works->abandoned = true;
    for (size_t i = 0; i < works->limit; i++) {
        struct work *work = &works->places[i];

        if (!work->future || (!work->finished && gyre_future_done(work->future)))
            continue; /* the callback is on its way, and will do it */
        if (!work->finished) {
            gyre__future_remove(work->future, &work->callback);
            works->pending--;
            gyre__hub_unref(work->hub);
        }
        gyre_future_unref(work->future);
        work->future = NULL;
    }
}

/* ---- the generator ---- */

struct map {
    gyre_frame frame;
    gyre__hub *hub; /* a reference; its extra memory: struct works */
    gyre_async_iter_function *start;
    void *arg;
    int64_t value;
    int64_t end; /* how the source has ended, or why no more work is started; 0: neither */
    int64_t rc;
};

static struct works *works_of(const struct map *self)
{
    return self->hub->extra;
}

/* Starts the work on one value; an error is what ends the generator. */
static int64_t map_start(struct map *self, int64_t value)
{
    gyre_future *future = self->start(value, self->arg);

    if (!future)
        return -ENOMEM;
    if (gyre_future_loop(future) != gyre__running) {
        gyre_future_unref(future);
        return GYRE_EWRONGLOOP;
    }
    work_begin(self->hub, future);
    return 0;
}

/* Starts as much as there is room for. */
static void map_fill(struct map *self)
{
    struct works *works = works_of(self);
    gyre__cell *cell;

    while (!self->end && !gyre__list_empty(&works->free) &&
           (cell = gyre__hub_full(self->hub)) != NULL) {
        gyre_error *detail;
        int64_t value = gyre__cell_take(cell, &detail);

        if (value >= 0) {
            self->end = map_start(self, value);
        } else {
            self->end = value;
            cell->detail = detail; /* for when it is raised */
        }
    }
}

GYRE_CORO(map)
{
    struct work *work;

    GYRE_BEGIN;
    if (gyre__hub_start(self->hub) < 0)
        GYRE_RETURN(-ENOMEM);
    for (;;) {
        map_fill(self);
        work = work_finished(works_of(self));
        if (work) {
            self->value = work_end(works_of(self), work);
            if (self->value < 0)
                GYRE_RETURN(self->value);
            map_fill(self); /* it goes on while this result is used */
            GYRE_YIELD(self->value);
        } else if (self->end && !works_of(self)->pending) {
            break;
        } else {
            GYRE_TRY(gyre__gate_wait(&self->hub->gate));
        }
    }
    if (self->end != GYRE_ESTOPASYNCITERATION) {
        gyre__error_set(gyre_error_ref(self->hub->cells[0].detail));
        GYRE_RETURN(self->end);
    }
    GYRE_FINALLY;
    works_cancel(works_of(self));
    GYRE_AWAIT(self->rc, gyre__hub_stop(self->hub));
    while (works_of(self)->pending) {
        GYRE_AWAIT(self->value, gyre__gate_wait(&self->hub->gate));
        if (self->value >= 0)
            continue;
        self->rc = self->value;
        break;
    }
    works_abandon(works_of(self));
    gyre__hub_unref(self->hub);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    GYRE_END;
}

static void drop_map(gyre_frame *frame)
{
    struct map *self = (struct map *)frame;

    works_cancel(works_of(self));
    works_abandon(works_of(self));
    gyre__hub_cancel(self->hub);
    gyre__hub_unref(self->hub);
}

static void works_init(struct works *works, size_t limit, unsigned flags)
{
    gyre__list_init(&works->free);
    gyre__list_init(&works->order);
    works->limit = limit;
    works->unordered = (flags & GYRE_ASYNC_UNORDERED) != 0;
    for (size_t i = 0; i < limit; i++)
        gyre__list_append(&works->free, &works->places[i].link);
}

gyre_async_generator *gyre_async_iter_map(gyre_async_generator *source, size_t limit,
                                          gyre_async_iter_function *start, void *arg,
                                          unsigned flags)
{
    gyre_async_generator *made = NULL;
    gyre__hub *hub = NULL;

    if (limit && limit <= SIZE_MAX / 2 / sizeof(struct work))
        hub = gyre__hub_new(1, &source, sizeof(struct works) + limit * sizeof(struct work));
    else
        gyre_async_generator_free(source);
    if (hub) {
        works_init(hub->extra, limit, flags);
        made = GYRE_ASYNC_GENERATOR(map, .hub = hub, .start = start, .arg = arg);
    }
    if (made)
        gyre__async_generator_on_drop(made, drop_map);
    else
        gyre__hub_unref(hub);
    return made;
}
