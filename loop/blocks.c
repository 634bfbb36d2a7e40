/* Small blocks: carving slabs, and the direct mode in which tools see every block. */
#include "blocks_internal.h"

#include <stdint.h>
#include <sys/mman.h>

#include "alloc.h"

enum { FIRST_SLAB = 4096, LARGEST_SLAB = 8 << 20, HUGE_PAGE = 2 << 20 };

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

void gyre__blocks_init(gyre__blocks *blocks, bool direct)
{
    *blocks = (gyre__blocks){.slab_size = FIRST_SLAB, .direct = direct || SANITIZED};
}

void gyre__blocks_fini(gyre__blocks *blocks)
{
    while (blocks->slabs) {
        gyre__slab *slab = blocks->slabs;

        blocks->slabs = slab->next;
        gyre_free(slab);
    }
}

/*
 * A million tasks are gone through again and again: with huge pages that costs a fraction of the page faults
 * and look-ups. Only a hint, for the whole huge pages inside the slab.
 */
static void ask_for_huge_pages(char *slab, size_t size)
{
    uintptr_t start = ((uintptr_t)slab + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1);
    uintptr_t end = ((uintptr_t)slab + size) & ~(uintptr_t)(HUGE_PAGE - 1);

    if (start < end)
        madvise((void *)start, end - start, MADV_HUGEPAGE);
}

/* What is left of the old slab is given up: at most one block of the size asked for. */
static bool add_slab(gyre__blocks *blocks)
{
    gyre__slab *slab = gyre_alloc(blocks->slab_size);
    uintptr_t start;

    if (!slab)
        return false;
    ask_for_huge_pages((char *)slab, blocks->slab_size);
    slab->next = blocks->slabs;
    blocks->slabs = slab;
    start = (uintptr_t)(slab + 1);
    start = (start + GYRE__BLOCK_UNIT - 1) / GYRE__BLOCK_UNIT * GYRE__BLOCK_UNIT;
    blocks->fresh = (char *)start;
    blocks->fresh_end = (char *)slab + blocks->slab_size;
    if (blocks->slab_size < LARGEST_SLAB)
        blocks->slab_size *= 2;
    return true;
}

void *gyre__blocks_take_slow(gyre__blocks *blocks, size_t size)
{
    size_t rounded = gyre__blocks_round(size);
    char *block;

    if (blocks->direct || rounded > GYRE__BLOCK_LARGEST)
        return gyre_alloc(size);
    if ((size_t)(blocks->fresh_end - blocks->fresh) < rounded && !add_slab(blocks))
        return NULL;
    block = blocks->fresh;
    blocks->fresh += rounded;
    return block;
}

void gyre__blocks_give_slow(gyre__blocks *blocks, void *block, size_t size)
{
    (void)blocks;
    (void)size;
    gyre_free(block);
}
