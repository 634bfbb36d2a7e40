/* A circular doubly linked list with a sentinel: O(1) insertion and removal, no allocation. */
#ifndef GYRE_LOOP_LIST_INTERNAL_H
#define GYRE_LOOP_LIST_INTERNAL_H

#include <stdbool.h>

#include "link.h"

static inline void gyre__list_init(gyre__link *list)
{
    list->next = list->prev = list;
}

static inline bool gyre__list_empty(const gyre__link *list)
{
    return list->next == list;
}

static inline void gyre__list_append(gyre__link *list, gyre__link *item)
{
    item->next = list;
    item->prev = list->prev;
    list->prev->next = item;
    list->prev = item;
}

/* Leaves the item's own links as they are: for an item that is done with. */
static inline void gyre__list_unlink(const gyre__link *item)
{
    item->prev->next = item->next;
    item->next->prev = item->prev;
}

/* Leaves the item alone in a list of its own, so that removing it again is harmless. */
static inline void gyre__list_remove(gyre__link *item)
{
    item->prev->next = item->next;
    item->next->prev = item->prev;
    item->next = item->prev = item;
}

#endif
