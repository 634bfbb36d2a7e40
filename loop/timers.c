/* Timers: wheel slots for the far ones, a pairing heap for the near ones, a list of those that are due. */
#include "timers_internal.h"

#include <string.h>

enum { SCAN_LIMIT = 64 }; /* how long a slot's list may be to look through it for the exact deadline */

/* Their addresses tell where a timer is that is not in the heap. */
#define IN_WHEEL (&wheel_mark)
#define IS_DUE (&due_mark)
static gyre__timer wheel_mark, due_mark;

/* ---- pairing heap: `next` is the next sibling, `prev` points to whatever points here ---- */

static gyre__timer *next_of(const gyre__timer *timer)
{
    return (gyre__timer *)(void *)timer->node.next;
}

static void set_next(gyre__timer *timer, gyre__timer *next)
{
    timer->node.next = (gyre__node *)(void *)next;
}

/* `next` of one timer and the head pointers are of different types: this is where prev may point. */
static gyre__timer **next_field(gyre__timer *timer)
{
    return (gyre__timer **)(void *)&timer->node.next;
}

_Static_assert(offsetof(gyre__timer, node.next) == 0, "a timer's link is its first member");

static bool before(const gyre__timer *a, const gyre__timer *b)
{
    if (a->deadline != b->deadline)
        return a->deadline < b->deadline;
    return a->order < b->order;
}

/* Joins two heaps without siblings; either may be NULL. */
static gyre__timer *meld(gyre__timer *a, gyre__timer *b)
{
    if (!a || !b)
        return a ? a : b;
    if (before(b, a)) {
        gyre__timer *swap = a;
        a = b;
        b = swap;
    }
    set_next(b, a->child);
    if (a->child)
        a->child->prev = next_field(b);
    b->prev = &a->child;
    a->child = b;
    return a;
}

/* Joins a list of siblings in the usual two passes. */
static gyre__timer *meld_siblings(gyre__timer *first)
{
    gyre__timer *pairs = NULL, *heap = NULL;

    while (first) {
        gyre__timer *a = first, *b = next_of(a);

        first = b ? next_of(b) : NULL;
        set_next(a, NULL);
        if (b)
            set_next(b, NULL);
        a = meld(a, b);
        set_next(a, pairs);
        pairs = a;
    }
    while (pairs) {
        gyre__timer *pair = pairs;

        pairs = next_of(pair);
        set_next(pair, NULL);
        heap = meld(heap, pair);
    }
    return heap;
}

static void set_heap(gyre__timers *timers, gyre__timer *heap)
{
    timers->heap = heap;
    if (heap)
        heap->prev = &timers->heap;
}

static void heap_add(gyre__timers *timers, gyre__timer *timer)
{
    timer->child = NULL;
    set_next(timer, NULL);
    set_heap(timers, meld(timers->heap, timer));
}

static void unlink_timer(gyre__timer *timer)
{
    gyre__timer *next = next_of(timer);

    *timer->prev = next;
    if (next)
        next->prev = timer->prev;
    timer->prev = NULL;
}

static void heap_remove(gyre__timers *timers, gyre__timer *timer)
{
    gyre__timer *children = meld_siblings(timer->child);

    unlink_timer(timer);
    set_heap(timers, meld(timers->heap, children));
}

/* ---- wheel ---- */

static unsigned slot_shift(unsigned level)
{
    return GYRE__WHEEL_SHIFT + GYRE__WHEEL_BITS * level;
}

static unsigned slot_index(uint64_t time, unsigned level)
{
    return (unsigned)(time >> slot_shift(level)) & (GYRE__WHEEL_SLOTS - 1);
}

/* The level is that of the highest bit in which deadline and horizon differ. */
static unsigned level_of(const gyre__timers *timers, uint64_t deadline)
{
    uint64_t differing = (deadline ^ timers->horizon) >> slot_shift(1);

    if (!differing)
        return 0;
    return 1 + (63 - (unsigned)__builtin_clzll(differing)) / GYRE__WHEEL_BITS;
}

static void place(gyre__timers *timers, gyre__timer *timer)
{
    unsigned level, index;
    gyre__timer **slot;

    if (timer->deadline < timers->horizon) {
        heap_add(timers, timer);
        return;
    }
    level = level_of(timers, timer->deadline);
    index = slot_index(timer->deadline, level);
    slot = &timers->slots[level][index][timer->order % GYRE__WHEEL_LANES];
    timers->used[level][index / 64] |= UINT64_C(1) << (index % 64);
    timer->child = IN_WHEEL;
    timer->prev = slot;
    set_next(timer, *slot);
    if (*slot)
        (*slot)->prev = next_field(timer);
    *slot = timer;
}

/* Empties a slot and places its timers anew: nearer slots, or the heap. */
static void spill(gyre__timers *timers, unsigned level, unsigned index)
{
    gyre__timer *lanes[GYRE__WHEEL_LANES];
    bool more = true;

    memcpy(lanes, timers->slots[level][index], sizeof(lanes));
    memset(timers->slots[level][index], 0, sizeof(lanes));
    timers->used[level][index / 64] &= ~(UINT64_C(1) << (index % 64));
    while (more) {
        more = false;
        for (unsigned lane = 0; lane < GYRE__WHEEL_LANES; lane++) {
            gyre__timer *timer = lanes[lane];

            if (!timer)
                continue;
            lanes[lane] = next_of(timer);
            __builtin_prefetch(lanes[lane]); /* its turn comes after the other lanes' */
            place(timers, timer);
            more = true;
        }
    }
}

/* Moves the horizon; coarse slots that it enters are spread over finer ones. */
static void set_horizon(gyre__timers *timers, uint64_t horizon)
{
    uint64_t old = timers->horizon;

    timers->horizon = horizon;
    for (unsigned level = GYRE__WHEEL_LEVELS; --level > 0;)
        if ((old ^ horizon) >> slot_shift(level))
            spill(timers, level, slot_index(horizon, level));
}

static bool slot_empty(gyre__timer *const lanes[GYRE__WHEEL_LANES])
{
    for (unsigned lane = 0; lane < GYRE__WHEEL_LANES; lane++)
        if (lanes[lane])
            return false;
    return true;
}

/* First slot of a level from `from` on that holds a timer, or GYRE__WHEEL_SLOTS. */
static unsigned first_used(const gyre__timers *timers, unsigned level, unsigned from)
{
    for (unsigned word = from / 64; word < GYRE__WHEEL_SLOTS / 64; word++) {
        uint64_t bits = timers->used[level][word];

        if (word == from / 64)
            bits &= ~UINT64_C(0) << (from % 64);
        for (; bits; bits &= bits - 1) { /* a bit may outlive the timers of its slot */
            unsigned index = word * 64 + (unsigned)__builtin_ctzll(bits);

            if (!slot_empty(timers->slots[level][index]))
                return index;
        }
    }
    return GYRE__WHEEL_SLOTS;
}

/* Earliest slot with timers: any slot of a fine level comes before those of coarser ones. */
static bool first_slot(const gyre__timers *timers, unsigned *out_level, unsigned *out_index,
                       uint64_t *out_start)
{
    for (unsigned level = 0; level < GYRE__WHEEL_LEVELS; level++) {
        unsigned from = slot_index(timers->horizon, level) + (level > 0), index;

        if (from >= GYRE__WHEEL_SLOTS)
            continue;
        index = first_used(timers, level, from);
        if (index < GYRE__WHEEL_SLOTS) {
            unsigned shift = slot_shift(level);
            uint64_t above = shift + GYRE__WHEEL_BITS >= 64
                                 ? 0
                                 : timers->horizon >> (shift + GYRE__WHEEL_BITS)
                                                          << (shift + GYRE__WHEEL_BITS);

            *out_level = level;
            *out_index = index;
            *out_start = above | (uint64_t)index << shift;
            return true;
        }
    }
    return false;
}

#define FINEST (UINT64_C(1) << GYRE__WHEEL_SHIFT)

/* The end of the finest slot that `time` is in. */
static uint64_t slot_end(uint64_t time)
{
    return ((time < GYRE__NEVER ? time : GYRE__NEVER) & ~(FINEST - 1)) + FINEST;
}

/* Moves the horizon towards `target`: past the next slot that holds something, or all the way. */
static void advance(gyre__timers *timers, uint64_t target)
{
    uint64_t start;
    unsigned level, index;

    if (!first_slot(timers, &level, &index, &start) || start >= target) {
        set_horizon(timers, target);
        return;
    }
    set_horizon(timers, start); /* if the slot is a coarse one, this spills it */
    if (level > 0)
        return;
    timers->horizon = start + FINEST; /* so that the slot goes to the heap */
    spill(timers, 0, index);
    timers->horizon = start;
    set_horizon(timers, start + FINEST);
}

void gyre__timers_sort(gyre__timers *timers, uint64_t until)
{
    uint64_t target = slot_end(until);

    while (timers->horizon < target)
        advance(timers, target);
}

/* ---- those that are due ---- */

static void due_append(gyre__timers *timers, gyre__timer *timer)
{
    timer->child = IS_DUE;
    timer->prev = timers->due_end;
    set_next(timer, NULL);
    *timers->due_end = timer;
    timers->due_end = next_field(timer);
}

static void due_remove(gyre__timers *timers, gyre__timer *timer)
{
    if (timers->due_end == next_field(timer))
        timers->due_end = timer->prev;
    unlink_timer(timer);
}

/* ---- the interface ---- */

void gyre__timers_init(gyre__timers *timers, uint64_t now)
{
    memset(timers, 0, sizeof(*timers));
    timers->due_end = &timers->due;
    timers->horizon = now & ~((UINT64_C(1) << GYRE__WHEEL_SHIFT) - 1);
}

void gyre__timers_add(gyre__timers *timers, gyre__timer *timer, uint64_t deadline, int16_t priority)
{
    timer->deadline = deadline < GYRE__NEVER ? deadline : GYRE__NEVER;
    timer->order = (uint64_t)(priority + 32768) << 48 | timers->sequence++;
    timers->count++;
    place(timers, timer);
}

void gyre__timers_remove(gyre__timers *timers, gyre__timer *timer)
{
    if (!gyre__timer_is_set(timer))
        return;
    if (timer->child == IS_DUE) {
        due_remove(timers, timer);
        return;
    }
    timers->count--;
    if (timer->child == IN_WHEEL)
        unlink_timer(timer);
    else
        heap_remove(timers, timer);
}

gyre__timer *gyre__timers_pop(gyre__timers *timers, uint64_t now)
{
    gyre__timer *first;

    if (now > GYRE__NEVER)
        now = GYRE__NEVER; /* no deadline lies beyond, and neither does the horizon */
    /* Slot by slot, so that the heap stays small even when much is due. */
    while (((first = timers->heap) == NULL || first->deadline > now) && timers->horizon <= now)
        advance(timers, slot_end(now));
    if (!first || first->deadline > now)
        return NULL;
    timers->count--;
    set_heap(timers, meld_siblings(first->child));
    first->prev = NULL;
    return first;
}

void gyre__timers_collect(gyre__timers *timers, uint64_t now)
{
    gyre__timer *timer;

    while ((timer = gyre__timers_pop(timers, now)) != NULL)
        due_append(timers, timer);
}

gyre__timer *gyre__timers_take(gyre__timers *timers)
{
    gyre__timer *first = timers->due;

    if (first)
        due_remove(timers, first);
    return first;
}

uint64_t gyre__timers_next(const gyre__timers *timers, bool *exact)
{
    uint64_t start, earliest = GYRE__NEVER;
    unsigned level, index, length = 0;

    *exact = true;
    if (timers->heap)
        return timers->heap->deadline;
    if (!timers->count || !first_slot(timers, &level, &index, &start))
        return GYRE__NEVER;
    for (unsigned lane = 0; lane < GYRE__WHEEL_LANES; lane++) {
        const gyre__timer *timer = timers->slots[level][index][lane];

        for (; timer; timer = next_of(timer)) {
            if (timer->deadline < earliest)
                earliest = timer->deadline;
            if (++length > SCAN_LIMIT) {
                *exact = false;
                return start;
            }
        }
    }
    return earliest;
}
