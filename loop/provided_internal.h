/*
 * Provided buffers: a ring of buffers per loop from which the kernel picks when data arrives, so that an
 * idle connection needs none. A buffer is copied out and given back inside the reaping, so the ring runs
 * dry only within one burst of completions.
 */
#ifndef GYRE_LOOP_PROVIDED_INTERNAL_H
#define GYRE_LOOP_PROVIDED_INTERNAL_H

#include "loop_internal.h"

enum { GYRE__PROVIDED_GROUP = 1, GYRE__PROVIDED_SIZE = 8192, GYRE__PROVIDED_COUNT = 128 };

/* Sets the ring up with its first use. -ENOMEM; GYRE_EUNSUPPORTED where the kernel has none (before 5.19). */
GYRE_MUST_USE int64_t gyre__provided_need(gyre_loop *loop);

/* The buffer that a completion with IORING_CQE_F_BUFFER in its flags has filled. */
char *gyre__provided_data(gyre_loop *loop, uint32_t cqe_flags);

/* Gives it back to the kernel. */
void gyre__provided_return(gyre_loop *loop, uint32_t cqe_flags);

/* After the ring is gone: frees the memory. */
void gyre__provided_fini(gyre_loop *loop);

#endif
