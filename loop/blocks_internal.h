/*
 * Small blocks for one loop: free lists by size over slabs that grow.
 *
 * Tasks, handles and frame segments come and go millions of times a second; a list a size class makes
 * that two pointer moves and keeps them dense. The memory goes back to the allocator when the loop and
 * its last object are gone, so a loop keeps the high-water mark of its small objects. In sanitizer
 * builds, and on request, every block is an allocation of its own, so that tools see each one.
 */
#ifndef GYRE_LOOP_BLOCKS_INTERNAL_H
#define GYRE_LOOP_BLOCKS_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

enum {
    GYRE__BLOCK_UNIT = 16, /* finer than a cache line: of a million sleeping tasks each byte counts */
    GYRE__BLOCK_LARGEST = 1024, /* larger blocks come from the allocator itself */
    GYRE__BLOCK_CLASSES = GYRE__BLOCK_LARGEST / GYRE__BLOCK_UNIT,
};

typedef struct gyre__free_block {
    struct gyre__free_block *next;
} gyre__free_block;

typedef struct gyre__slab {
    struct gyre__slab *next;
} gyre__slab;

typedef struct gyre__blocks {
    gyre__free_block *free[GYRE__BLOCK_CLASSES];
    char *fresh, *fresh_end; /* rest of the newest slab */
    gyre__slab *slabs;
    size_t slab_size; /* of the next slab: doubles up to a limit */
    bool direct;      /* no free lists: every block from the allocator */
} gyre__blocks;

void gyre__blocks_init(gyre__blocks *blocks, bool direct);
void gyre__blocks_fini(gyre__blocks *blocks); /* all blocks are given back by then */

void *gyre__blocks_take_slow(gyre__blocks *blocks, size_t size);
void gyre__blocks_give_slow(gyre__blocks *blocks, void *block, size_t size);

/* A block, aligned to 16 bytes at least; NULL when memory is short. */
static inline void *gyre__blocks_take(gyre__blocks *blocks, size_t size)
{
    size_t class = (size - 1) / GYRE__BLOCK_UNIT;

    if (class < GYRE__BLOCK_CLASSES && blocks->free[class]) {
        gyre__free_block *block = blocks->free[class];

        blocks->free[class] = block->next;
        return block;
    }
    return gyre__blocks_take_slow(blocks, size);
}

/* Gives a block back; `size` as it was taken. */
static inline void gyre__blocks_give(gyre__blocks *blocks, void *block, size_t size)
{
    size_t class = (size - 1) / GYRE__BLOCK_UNIT;

    if (class < GYRE__BLOCK_CLASSES && !blocks->direct) {
        gyre__free_block *freed = block;

        freed->next = blocks->free[class];
        blocks->free[class] = freed;
        return;
    }
    gyre__blocks_give_slow(blocks, block, size);
}

/* What is really there: sizes are rounded up to whole units. */
static inline size_t gyre__blocks_round(size_t size)
{
    return (size + GYRE__BLOCK_UNIT - 1) / GYRE__BLOCK_UNIT * GYRE__BLOCK_UNIT;
}

#endif
