/* Iterators over several others, and those that give rows of values. */
#include <string.h>

#include "../loop/alloc.h"
#include "iter_internal.h"

/* ---- enumerate ---- */

struct enumerate {
    gyre__iter_over over;
    int64_t index;
    int64_t row[2];
};

static int64_t enumerate_next(gyre_iter *iter)
{
    struct enumerate *enumerate = (struct enumerate *)iter;
    int64_t value = gyre_iter_next(enumerate->over.source);

    if (value < 0)
        return value;
    enumerate->row[0] = enumerate->index++;
    enumerate->row[1] = value;
    return gyre_pointer_value(enumerate->row);
}

gyre_iter *gyre_iter_enumerate(gyre_iter *source, int64_t start)
{
    struct enumerate *enumerate = gyre__iter_over_new(sizeof(*enumerate), enumerate_next, source);

    if (!enumerate)
        return NULL;
    enumerate->index = start;
    return &enumerate->over.iter;
}

/* ---- several sources ---- */

struct several {
    gyre_iter iter;
    size_t count;
    size_t at;    /* chain: the first source that has not ended */
    int64_t *row; /* zip: behind the sources, in the same block */
    gyre_iter *sources[];
};

static void several_release(gyre_iter *iter)
{
    struct several *several = (struct several *)iter;

    gyre__iter_free_all(several->count, several->sources);
    gyre_free(several);
}

static struct several *several_new(size_t n, gyre_iter *const *sources,
                                   int64_t (*next)(gyre_iter *iter))
{
    size_t head = sizeof(struct several) + n * sizeof(gyre_iter *);
    struct several *several;

    if (!gyre__iter_all_there(n, sources))
        return NULL;
    head = (head + sizeof(int64_t) - 1) / sizeof(int64_t) * sizeof(int64_t);
    several = (struct several *)gyre__iter_new(head + n * sizeof(int64_t), next, several_release);
    if (!several) {
        gyre__iter_free_all(n, sources);
        return NULL;
    }
    several->count = n;
    several->row = (int64_t *)(void *)((char *)several + head);
    if (n)
        memcpy(several->sources, sources, n * sizeof(*sources));
    return several;
}

static int64_t chain_next(gyre_iter *iter)
{
    struct several *several = (struct several *)iter;

    for (; several->at < several->count; several->at++) {
        int64_t value = gyre_iter_next(several->sources[several->at]);

        if (value != GYRE_ESTOPITERATION)
            return value;
    }
    return GYRE_ESTOPITERATION;
}

gyre_iter *gyre_iter_chain(size_t n, gyre_iter *const *sources)
{
    struct several *several = several_new(n, sources, chain_next);

    return several ? &several->iter : NULL;
}

static int64_t zip_next(gyre_iter *iter)
{
    struct several *several = (struct several *)iter;

    if (!several->count)
        return GYRE_ESTOPITERATION;
    for (size_t i = 0; i < several->count; i++) {
        int64_t value = gyre_iter_next(several->sources[i]);

        if (value < 0)
            return value;
        several->row[i] = value;
    }
    return gyre_pointer_value(several->row);
}

gyre_iter *gyre_iter_zip(size_t n, gyre_iter *const *sources)
{
    struct several *several = several_new(n, sources, zip_next);

    return several ? &several->iter : NULL;
}
