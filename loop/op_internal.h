/*
 * Operations: what the kernel does for us, and the narrow interface behind which a backend does it.
 *
 * An op is embedded in its owner (a task's wait, a stream, a server). From gyre__op_start() until its
 * final completion it belongs to the kernel: neither it nor the memory in its request may be freed,
 * moved or used again. The final completion is the only end, cancelled or not.
 */
#ifndef GYRE_LOOP_OP_INTERNAL_H
#define GYRE_LOOP_OP_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "loop.h"
#include "ready_internal.h"

/* What can be asked of the kernel. uring.c has the table that gives each its opcode. */
enum gyre__verb {
    GYRE__OP_NOP,
    GYRE__OP_READ,      /* addr, length, offset (UINT64_MAX: the file position) */
    GYRE__OP_WRITE,     /* the same */
    GYRE__OP_READV,     /* addr: struct iovec, length: how many */
    GYRE__OP_WRITEV,
    GYRE__OP_RECV,      /* flags: MSG_*; group with `select` */
    GYRE__OP_SEND,      /* flags: MSG_*; MSG_NOSIGNAL is added */
    GYRE__OP_SEND_ZC,
    GYRE__OP_RECVMSG,   /* addr: struct msghdr */
    GYRE__OP_SENDMSG,
    GYRE__OP_ACCEPT,    /* addr: sockaddr or NULL; offset: socklen_t *; flags: SOCK_* */
    GYRE__OP_CONNECT,   /* addr: sockaddr; offset: its length */
    GYRE__OP_SHUTDOWN,  /* length: SHUT_* */
    GYRE__OP_SOCKET,    /* fd: domain; offset: type; length: protocol */
    GYRE__OP_OPENAT,    /* fd: directory; addr: path; flags: O_*; length: mode */
    GYRE__OP_OPENAT2,   /* fd: directory; addr: path; offset: struct open_how *; length: its size */
    GYRE__OP_CLOSE,
    GYRE__OP_FSYNC,     /* flags: IORING_FSYNC_DATASYNC or 0 */
    GYRE__OP_FALLOCATE, /* length: mode; offset: start; addr: size, cast to a pointer */
    GYRE__OP_STATX,     /* fd: directory; addr: path; flags: AT_*; length: mask; offset: struct statx * */
    GYRE__OP_RENAMEAT,  /* fd, addr: old; length: new directory fd; offset: new path; flags */
    GYRE__OP_UNLINKAT,  /* fd, addr; flags: AT_REMOVEDIR or 0 */
    GYRE__OP_MKDIRAT,   /* fd, addr; length: mode */
    GYRE__OP_SPLICE,    /* addr: offset in (cast); offset: offset out; splice_in: fd in; length; flags */
    GYRE__OP_POLL,      /* flags: POLL* events */
    GYRE__OP_COUNT
};

/* One request, copied by gyre__op_start(); what it points to is the kernel's until the completion. */
typedef struct gyre__request {
    uint8_t verb;
    bool multishot;    /* accept, recv, recvmsg, poll */
    bool select;       /* let the kernel pick a buffer from `group` */
    bool poll_first;   /* recv: nothing has come yet, so wait before the first try */
    uint16_t group;    /* provided-buffer group */
    int fd;
    uint32_t length;
    uint32_t flags;
    const void *addr;
    uint64_t offset;
    int splice_in;
} gyre__request;

typedef struct gyre__op gyre__op;

struct gyre__op {
    gyre__node node;              /* node.run handles the final completion, from the ready queue */
    void (*more)(gyre__op *op);   /* handles a completion that is not the last, inside the reaping: may
                                     only store what came and queue nodes; NULL drops it */
    gyre_loop *loop;
    int32_t res;                  /* of the latest completion: >= 0, or -errno */
    uint32_t flags;               /* its IORING_CQE_F_* */
    bool in_flight;               /* the kernel has it */
    bool cancelling;              /* the kernel was asked to cancel it and has not answered */
    bool ended;                   /* its final completion has come; only the answer keeps it in flight */
    bool internal;                /* the loop's own: does not count as pending work */
};

static inline void gyre__op_init(gyre__op *op, void (*final)(gyre__node *), void (*more)(gyre__op *))
{
    op->node.run = final;
    op->more = more;
    op->in_flight = false;
    op->cancelling = false;
    op->internal = false;
}

/*
 * Hands a request to the kernel with the next submission; the final completion runs op->node.
 * A full queue is handled here. Errors (then nothing is in flight): GYRE_EUNSUPPORTED when the kernel lacks the verb,
 * GYRE_ELOOPCLOSED while the loop is being closed, -EBUSY or -errno when the ring cannot take it.
 */
GYRE_MUST_USE int64_t gyre__op_start(gyre_loop *loop, gyre__op *op, const gyre__request *request);

/* Starts an op even while the loop closes: for closing descriptors. Otherwise the same. */
GYRE_MUST_USE int64_t gyre__op_start_closing(gyre_loop *loop, gyre__op *op, const gyre__request *request);

/*
 * Asks the kernel to cancel, as often as it takes for the kernel to find the request; the completion
 * still comes, with -ECANCELED or the real result.
 */
void gyre__op_cancel(gyre__op *op);

/* Asks the kernel, once, to cancel everything on a descriptor: do it before closing one. */
void gyre__op_cancel_fd(gyre_loop *loop, int fd);

/* True if the kernel knows the verb. */
bool gyre__op_supported(const gyre_loop *loop, enum gyre__verb verb);

#endif
