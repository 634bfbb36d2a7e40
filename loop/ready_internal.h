/* The ready queue: an intrusive FIFO of things that run in the next iteration. */
#ifndef GYRE_LOOP_READY_INTERNAL_H
#define GYRE_LOOP_READY_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "timer.h"

/* Recovers the struct in which a member is embedded. */
#define GYRE__CONTAINER(pointer, type, member) \
    ((type *)(void *)((char *)(pointer) - offsetof(type, member)))

typedef struct gyre__ready {
    gyre__node *head;
    gyre__node *tail; /* meaningless while head is NULL */
} gyre__ready;

static inline void gyre__ready_push(gyre__ready *queue, gyre__node *node)
{
    node->next = NULL;
    if (queue->head)
        queue->tail->next = node;
    else
        queue->head = node;
    queue->tail = node;
}

static inline gyre__node *gyre__ready_pop(gyre__ready *queue)
{
    gyre__node *node = queue->head;

    queue->head = node->next;
    return node;
}

#endif
