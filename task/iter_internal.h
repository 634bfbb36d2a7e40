/* What the files of iterators share. */
#ifndef GYRE_TASK_ITER_INTERNAL_H
#define GYRE_TASK_ITER_INTERNAL_H

#include "iter.h"

/* An iterator in a zeroed block of memory; NULL when that is short. */
gyre_iter *gyre__iter_new(size_t size, int64_t (*next)(gyre_iter *iter),
                          void (*release)(gyre_iter *iter));

/* An iterator whose first member after the head is its source. */
typedef struct gyre__iter_over {
    gyre_iter iter;
    gyre_iter *source; /* owned */
} gyre__iter_over;

/*
 * The same over a source, which is moved; frees the source when there is none to be made. NULL as
 * source gives NULL.
 */
void *gyre__iter_over_new(size_t size, int64_t (*next)(gyre_iter *iter), gyre_iter *source);

/* Frees n iterators. */
void gyre__iter_free_all(size_t n, gyre_iter *const *iters);

/* True if none of n iterators is NULL; else frees the others. */
bool gyre__iter_all_there(size_t n, gyre_iter *const *iters);

#endif
