/* The backend behind ops: set-up, one call that submits and waits, tear-down; and the test seam. */
#ifndef GYRE_LOOP_BACKEND_INTERNAL_H
#define GYRE_LOOP_BACKEND_INTERNAL_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

#include "op_internal.h"

/* Room for the features of the kernel, as probed at set-up. */
typedef struct gyre__backend {
    struct io_uring ring;
    const char *mode;                 /* rung of the set-up ladder */
    uint8_t cancel_flags;             /* of the SQEs that cancel: no completion of their own, if the kernel can */
    bool ready;                       /* the ring is mapped */
    bool enabled;                     /* rings start disabled, so that the running thread becomes the issuer */
    uint64_t verbs;                   /* bit per supported gyre__verb */
    size_t in_flight;                 /* ops the kernel has */
    size_t internal;                  /* of these, the loop's own */
    uint64_t enters, full, overflows; /* statistics */
    gyre__node *missed;               /* ops whose cancellation the kernel could not place: asked for again */
    struct gyre__op_table *table;     /* in-flight check of sanitizer and debug builds */
} gyre__backend;

/*
 * The seam where tests stand between loop and kernel. Each function may be NULL.
 * start: may answer < 0 to fail the submission. complete: may rewrite result and flags of a completion
 * that is not internal, before the op sees it. hold: true keeps a final completion back, until the seam
 * calls gyre__op_deliver(); at the latest before the loop is closed.
 */
typedef struct gyre__seam {
    int64_t (*start)(void *context, gyre__op *op, gyre__request *request);
    void (*complete)(void *context, gyre__op *op, int32_t *res, uint32_t *flags);
    bool (*hold)(void *context, gyre__op *op);
    void *context;
} gyre__seam;

/* The end of an op, as its owner sees it. */
void gyre__op_deliver(gyre__op *op);

/* Sets the seam of a loop; borrowed, NULL takes it away. */
void gyre__loop_set_seam(gyre_loop *loop, const gyre__seam *seam);

/* Where the ladder begins: 0, the best mode. Tests set it, to run in those of older kernels too. */
extern unsigned gyre__ring_rung;

int64_t gyre__backend_init(gyre__backend *backend, unsigned entries);
void gyre__backend_fini(gyre__backend *backend);

/* In the child of a fork: lets go of the descriptors and mappings, touches nothing shared. */
void gyre__backend_drop(gyre__backend *backend);

/* Makes the calling thread the one that may submit. */
int64_t gyre__backend_enable(gyre__backend *backend);

/*
 * Submits what was started, waits up to timeout_ns for a completion (0: does not wait; GYRE__NEVER: no
 * limit) and puts the nodes of finished ops in the ready queue. No system call when there is nothing to do.
 */
void gyre__backend_poll(gyre_loop *loop, uint64_t timeout_ns);

/* True if gyre__backend_poll(loop, 0) would find nothing to submit, to fetch or to reap. */
static inline bool gyre__backend_idle(const gyre__backend *backend)
{
    const struct io_uring *ring = &backend->ring;

    return ring->sq.sqe_tail == *ring->sq.khead &&
           *ring->cq.khead == __atomic_load_n(ring->cq.ktail, __ATOMIC_RELAXED) &&
           !(__atomic_load_n(ring->sq.kflags, __ATOMIC_RELAXED) &
             (IORING_SQ_CQ_OVERFLOW | IORING_SQ_TASKRUN));
}

/* Asks for the cancellation of everything in flight. */
void gyre__backend_cancel_all(gyre_loop *loop);

/* Why gyre__backend_init failed: sets the thread's gyre_loop_error_text(). */
void gyre__set_error_text(const char *format, ...) GYRE_PRINTF(1, 2);

/* probe.c: explains a refusal of io_uring_setup. */
void gyre__explain_refusal(int error);

#endif
