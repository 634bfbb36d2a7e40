/* The queue's insides, for its files: waiting (queue.c), storing (_store.c), threads (_inbox.c). */
#ifndef GYRE_TASK_QUEUE_INTERNAL_H
#define GYRE_TASK_QUEUE_INTERNAL_H

#include "line_internal.h"
#include "queue.h"

/* ---- queue_store.c ---- */

enum { GYRE__QUEUE_RESERVED = 4096 }; /* bounded queues up to this have all room at once */

int64_t gyre__queue_store_init(gyre_queue *queue); /* -ENOMEM */
int64_t gyre__queue_grow(gyre_queue *queue);       /* -ENOMEM, then nothing has changed */
void gyre__queue_set_open(gyre_queue *queue);      /* after changes of `room` and `is_shutdown` */
void gyre__heap_push(gyre_queue *queue, void *item);
void *gyre__heap_pop(gyre_queue *queue);

/* Stores an item; there must be room. */
static inline void gyre__queue_store(gyre_queue *queue, void *item)
{
    if (__builtin_expect(queue->options.kind == GYRE_QUEUE_FIFO, 1))
        queue->items[(queue->head + queue->count++) & (queue->room - 1)] = item;
    else if (queue->options.kind == GYRE_QUEUE_LIFO)
        queue->items[queue->count++] = item;
    else
        gyre__heap_push(queue, item);
}

/* Takes out the next item; there must be one. */
static inline void *gyre__queue_unstore(gyre_queue *queue)
{
    if (__builtin_expect(queue->options.kind == GYRE_QUEUE_FIFO, 1)) {
        void *item = queue->items[queue->head];

        queue->head = (queue->head + 1) & (queue->room - 1);
        queue->count--;
        return item;
    }
    return queue->options.kind == GYRE_QUEUE_LIFO ? queue->items[--queue->count]
                                                  : gyre__heap_pop(queue);
}

static inline bool gyre__queue_is_full(const gyre_queue *queue)
{
    return queue->options.maxsize && queue->count >= queue->options.maxsize;
}

/* ---- queue.c ---- */

/* Wakes the first that waits, passing over those whose wait was cancelled. */
void gyre__queue_wake_next(gyre__queue_line *line);

/* ---- queue_inbox.c ---- */

/* An item is gone: what threads put in front of the queue moves up. True if it is full then. */
bool gyre__queue_refill(gyre_queue *queue);

/* Releases what lies in front of the queue, as if it had been got and dealt with. */
void gyre__queue_inbox_clear(gyre_queue *queue);
void gyre__queue_inbox_fini(gyre_queue *queue);

#endif
