/* A list of pages, and a hash table to find them in. */
#include "pages.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 256 };

/* FNV-1a. */
static uint64_t hash(const char *url)
{
    uint64_t value = UINT64_C(14695981039346656037);

    for (; *url; url++)
        value = (value ^ (unsigned char)*url) * UINT64_C(1099511628211);
    return value;
}

static struct page **slot(const struct pages *pages, const char *url)
{
    return &pages->slots[hash(url) & (pages->slot_count - 1)];
}

struct page *pages_find(const struct pages *pages, const char *url)
{
    struct page *page = pages->slot_count ? *slot(pages, url) : NULL;

    while (page && strcmp(page->url, url) != 0)
        page = page->same_slot;
    return page;
}

/* Twice as many slots. */
static bool grow(struct pages *pages)
{
    size_t count = pages->slot_count ? pages->slot_count * 2 : FIRST_SLOTS;
    struct page **slots = calloc(count, sizeof(*slots));

    if (!slots)
        return false;
    free(pages->slots);
    pages->slots = slots;
    pages->slot_count = count;
    for (struct page *page = pages->first; page; page = page->next) {
        page->same_slot = *slot(pages, page->url);
        *slot(pages, page->url) = page;
    }
    return true;
}

struct page *pages_add(struct pages *pages, const char *url)
{
    struct page *page;

    if (pages->count >= pages->slot_count && !grow(pages))
        return NULL;
    page = calloc(1, sizeof(*page));
    if (!page)
        return NULL;
    page->url = strdup(url);
    if (!page->url) {
        free(page);
        return NULL;
    }
    page->same_slot = *slot(pages, url);
    *slot(pages, url) = page;
    if (pages->last)
        pages->last->next = page;
    else
        pages->first = page;
    pages->last = page;
    pages->count++;
    return page;
}

void pages_fini(struct pages *pages)
{
    struct page *next;

    for (struct page *page = pages->first; page; page = next) {
        next = page->next;
        free(page->url);
        free(page);
    }
    free(pages->slots);
    *pages = (struct pages){.count = 0};
}
