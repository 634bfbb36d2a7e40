/* The allocator hook: malloc unless the user says otherwise. */
#include "alloc.h"

#include <stdlib.h>
#include <string.h>

static void *system_alloc(void *context, size_t size)
{
    (void)context;
    return malloc(size);
}

static void *system_resize(void *context, void *block, size_t size)
{
    (void)context;
    return realloc(block, size);
}

static void system_release(void *context, void *block)
{
    (void)context;
    free(block);
}

static const gyre_allocator system_allocator = {system_alloc, system_resize, system_release, NULL};
static gyre_allocator allocator = {system_alloc, system_resize, system_release, NULL};

void gyre_set_allocator(const gyre_allocator *replacement)
{
    allocator = replacement ? *replacement : system_allocator;
}

void *gyre_alloc(size_t size)
{
    return allocator.alloc(allocator.context, size);
}

void *gyre_alloc_zeroed(size_t size)
{
    void *block = gyre_alloc(size);

    if (block)
        memset(block, 0, size);
    return block;
}

void *gyre_realloc(void *block, size_t size)
{
    return allocator.resize(allocator.context, block, size);
}

char *gyre_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = gyre_alloc(size);

    if (copy)
        memcpy(copy, text, size);
    return copy;
}

void gyre_free(void *block)
{
    if (block)
        allocator.release(allocator.context, block);
}
