/* What a queue holds: a ring, a stack or a heap in one array that doubles. */
#include <errno.h>
#include <string.h>

#include "../loop/alloc.h"
#include "queue_internal.h"

enum { FIRST_ROOM = 16 }; /* a power of two, not 0: see queue_inbox.c, move_up */

int64_t gyre__queue_store_init(gyre_queue *queue)
{
    size_t wanted = queue->options.maxsize;

    queue->room = FIRST_ROOM;
    if (wanted <= GYRE__QUEUE_RESERVED)
        while (queue->room < wanted)
            queue->room *= 2;
    queue->items = gyre_alloc(queue->room * sizeof(*queue->items));
    gyre__queue_set_open(queue);
    return queue->items ? 0 : -ENOMEM;
}

void gyre__queue_set_open(gyre_queue *queue)
{
    size_t maxsize = queue->options.maxsize;

    queue->open = maxsize && maxsize < queue->room ? maxsize : queue->room;
    if (queue->is_shutdown)
        queue->open = 0;
}

int64_t gyre__queue_grow(gyre_queue *queue)
{
    size_t room = queue->room;
    void **items;

    if (room > SIZE_MAX / 2 / sizeof(*items))
        return -ENOMEM;
    items = gyre_realloc(queue->items, 2 * room * sizeof(*items));
    if (!items)
        return -ENOMEM;
    /* A full ring: the part that had wrapped round goes behind the other. */
    memcpy(items + room, items, queue->head * sizeof(*items));
    queue->items = items;
    queue->room = 2 * room;
    gyre__queue_set_open(queue);
    return 0;
}

/* ---- the heap ---- */

/*
 * Items move as in Python's heapq: a new one up from the end; when the least is taken the last item
 * goes all the way down along the lesser children, then up. Of equal ones it gives the same as
 * Python then.
 */
static void move_up(const gyre_queue *queue, size_t at, void *item)
{
    while (at > 0) {
        size_t parent = (at - 1) / 2;

        if (queue->options.compare(item, queue->items[parent]) >= 0)
            break;
        queue->items[at] = queue->items[parent];
        at = parent;
    }
    queue->items[at] = item;
}

void gyre__heap_push(gyre_queue *queue, void *item)
{
    move_up(queue, queue->count++, item);
}

void *gyre__heap_pop(gyre_queue *queue)
{
    void **items = queue->items, *least = items[0], *last = items[--queue->count];
    size_t at = 0, child;

    if (queue->count == 0)
        return least;
    while ((child = 2 * at + 1) < queue->count) {
        if (child + 1 < queue->count &&
            queue->options.compare(items[child], items[child + 1]) >= 0)
            child++;
        items[at] = items[child];
        at = child;
    }
    move_up(queue, at, last);
    return least;
}
