/* The io_uring backend: takes SQEs in one place, submits and waits in another, reaps in a third. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "loop_internal.h"
#include "op_check_internal.h"

/* Newer than the header of liburing 2.3, or guarded for older ones. */
#ifndef IORING_SETUP_SINGLE_ISSUER
#define IORING_SETUP_SINGLE_ISSUER (1U << 12)
#endif
#ifndef IORING_SETUP_DEFER_TASKRUN
#define IORING_SETUP_DEFER_TASKRUN (1U << 13)
#endif
#ifndef IORING_ASYNC_CANCEL_ANY
#define IORING_ASYNC_CANCEL_ANY (1U << 2)
#endif
#ifndef IORING_RECV_MULTISHOT
#define IORING_RECV_MULTISHOT (1U << 1)
#endif
#ifndef IORING_ACCEPT_MULTISHOT
#define IORING_ACCEPT_MULTISHOT (1U << 0)
#endif
#ifndef IORING_POLL_ADD_MULTI
#define IORING_POLL_ADD_MULTI (1U << 0)
#endif
enum {
    OP_SEND_ZC = 47, /* IORING_OP_SEND_ZC, an enumerator that older headers lack */
    MOST_CQ = 65536, /* completion queue entries that the kernel allows */
};

static const uint8_t opcodes[GYRE__OP_COUNT] = {
    [GYRE__OP_NOP] = IORING_OP_NOP,
    [GYRE__OP_READ] = IORING_OP_READ,
    [GYRE__OP_WRITE] = IORING_OP_WRITE,
    [GYRE__OP_READV] = IORING_OP_READV,
    [GYRE__OP_WRITEV] = IORING_OP_WRITEV,
    [GYRE__OP_RECV] = IORING_OP_RECV,
    [GYRE__OP_SEND] = IORING_OP_SEND,
    [GYRE__OP_SEND_ZC] = OP_SEND_ZC,
    [GYRE__OP_RECVMSG] = IORING_OP_RECVMSG,
    [GYRE__OP_SENDMSG] = IORING_OP_SENDMSG,
    [GYRE__OP_ACCEPT] = IORING_OP_ACCEPT,
    [GYRE__OP_CONNECT] = IORING_OP_CONNECT,
    [GYRE__OP_SHUTDOWN] = IORING_OP_SHUTDOWN,
    [GYRE__OP_SOCKET] = IORING_OP_SOCKET,
    [GYRE__OP_OPENAT] = IORING_OP_OPENAT,
    [GYRE__OP_OPENAT2] = IORING_OP_OPENAT2,
    [GYRE__OP_CLOSE] = IORING_OP_CLOSE,
    [GYRE__OP_FSYNC] = IORING_OP_FSYNC,
    [GYRE__OP_FALLOCATE] = IORING_OP_FALLOCATE,
    [GYRE__OP_STATX] = IORING_OP_STATX,
    [GYRE__OP_RENAMEAT] = IORING_OP_RENAMEAT,
    [GYRE__OP_UNLINKAT] = IORING_OP_UNLINKAT,
    [GYRE__OP_MKDIRAT] = IORING_OP_MKDIRAT,
    [GYRE__OP_SPLICE] = IORING_OP_SPLICE,
    [GYRE__OP_POLL] = IORING_OP_POLL_ADD,
};
_Static_assert(GYRE__OP_COUNT <= 64, "the probe keeps one bit a verb");

/* ---- set-up ---- */

static const struct rung {
    unsigned flags;
    const char *mode;
} ladder[] = {
    {IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
         IORING_SETUP_R_DISABLED | IORING_SETUP_SUBMIT_ALL,
     "defer_taskrun"},
    {IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL, "coop_taskrun"},
    {0, "plain"},
};

unsigned gyre__ring_rung;

static void probe_verbs(gyre__backend *backend)
{
    struct io_uring_probe *probe = io_uring_get_probe_ring(&backend->ring);

    if (!probe)
        return; /* kernels without a probe lack verbs we need: every start answers GYRE_EUNSUPPORTED */
    for (unsigned verb = 0; verb < GYRE__OP_COUNT; verb++)
        if (opcodes[verb] <= probe->last_op &&
            probe->ops[opcodes[verb]].flags & IO_URING_OP_SUPPORTED)
            backend->verbs |= UINT64_C(1) << verb;
    io_uring_free_probe(probe);
}

static bool refused(long rc)
{
    return rc < 0 && (errno == EPERM || errno == ENOSYS);
}

/* A filter may allow the set-up and refuse the other two calls: seen here, not in the middle of a run. */
static int check_other_calls(const struct io_uring *ring)
{
    if (refused(syscall(__NR_io_uring_enter, ring->ring_fd, 0, 0, 0, NULL, 0)) ||
        refused(syscall(__NR_io_uring_register, ring->ring_fd, IORING_UNREGISTER_EVENTFD, NULL, 0)))
        return -errno;
    return 0;
}

int64_t gyre__backend_init(gyre__backend *backend, unsigned entries)
{
    int rc = -EINVAL;

    for (size_t i = gyre__ring_rung; i < sizeof(ladder) / sizeof(ladder[0]) && rc == -EINVAL; i++) {
        struct io_uring_params params = {.flags = ladder[i].flags | IORING_SETUP_CQSIZE,
                                         .cq_entries = entries < MOST_CQ / 4 ? 4 * entries : MOST_CQ};

        rc = io_uring_queue_init_params(entries, &backend->ring, &params);
        backend->mode = ladder[i].mode;
        backend->enabled = !(ladder[i].flags & IORING_SETUP_R_DISABLED);
        backend->cancel_flags = params.features & IORING_FEAT_CQE_SKIP ? IOSQE_CQE_SKIP_SUCCESS : 0;
        if (rc == 0 && !(params.features & IORING_FEAT_EXT_ARG)) {
            io_uring_queue_exit(&backend->ring);
            rc = -ENOSYS; /* before 5.11: no wait with a time-out */
        }
    }
    if (rc == 0 && (rc = check_other_calls(&backend->ring)) < 0)
        io_uring_queue_exit(&backend->ring);
    if (rc < 0) {
        gyre__explain_refusal(-rc);
        return rc == -EMFILE || rc == -ENFILE ? rc : GYRE_ENORING;
    }
    backend->ready = true;
    probe_verbs(backend);
    if (gyre__op_table_init(backend) < 0) {
        gyre__backend_fini(backend);
        return -ENOMEM;
    }
    return 0;
}

int64_t gyre__backend_enable(gyre__backend *backend)
{
    if (!backend->enabled) {
        /* The shared liburing 2.3 does not export io_uring_enable_rings(). */
        if (syscall(__NR_io_uring_register, backend->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL,
                    0) < 0)
            return -errno;
        backend->enabled = true;
        /* One file-table look-up less in each enter; binds to the thread, so only now. */
        io_uring_register_ring_fd(&backend->ring);
    }
    return 0;
}

void gyre__backend_fini(gyre__backend *backend)
{
    if (!backend->ready)
        return;
    gyre__op_table_fini(backend);
    io_uring_queue_exit(&backend->ring);
    backend->ready = false;
}

void gyre__backend_drop(gyre__backend *backend)
{
    /* The registered index is the parent's thread's; the child must not unregister it. */
    backend->ring.int_flags = 0;
    backend->ring.enter_ring_fd = backend->ring.ring_fd;
    gyre__backend_fini(backend);
}

/* ---- submission ---- */

static unsigned kernel_flags(const gyre__backend *backend)
{
    return __atomic_load_n(backend->ring.sq.kflags, __ATOMIC_RELAXED);
}

static bool must_enter(const gyre__backend *backend)
{
    return kernel_flags(backend) & (IORING_SQ_CQ_OVERFLOW | IORING_SQ_TASKRUN);
}

static void reap(gyre_loop *loop);

/* A full queue is submitted; a busy kernel makes us reap first. */
static __attribute__((noinline)) struct io_uring_sqe *make_room(gyre_loop *loop)
{
    gyre__backend *backend = &loop->backend;
    struct io_uring_sqe *sqe = NULL;

    for (int attempt = 0; !sqe && attempt < 16; attempt++) {
        int rc;

        backend->full++;
        if (gyre__backend_enable(backend) < 0)
            return NULL;
        backend->enters++;
        rc = io_uring_submit(&backend->ring);
        if (rc == -EBUSY || rc == -EAGAIN) { /* completions wait for room: make some */
            io_uring_get_events(&backend->ring);
            reap(loop);
        }
        sqe = io_uring_get_sqe(&backend->ring);
    }
    return sqe;
}

/* The one place where an SQE is taken. */
static inline struct io_uring_sqe *take_sqe(gyre_loop *loop)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&loop->backend.ring);

    return __builtin_expect(sqe != NULL, 1) ? sqe : make_room(loop);
}

/* Verbs that adjust() knows. */
#define ADJUSTED                                                                                   \
    (UINT64_C(1) << GYRE__OP_SEND | UINT64_C(1) << GYRE__OP_SEND_ZC |                              \
     UINT64_C(1) << GYRE__OP_SENDMSG | UINT64_C(1) << GYRE__OP_ACCEPT |                            \
     UINT64_C(1) << GYRE__OP_RECV | UINT64_C(1) << GYRE__OP_RECVMSG |                              \
     UINT64_C(1) << GYRE__OP_POLL | UINT64_C(1) << GYRE__OP_SPLICE)

/* What single verbs and options add to a request. */
static void adjust(struct io_uring_sqe *sqe, const gyre__request *request)
{
    if (request->select) {
        sqe->flags |= IOSQE_BUFFER_SELECT;
        sqe->buf_group = request->group;
    }
    switch (request->verb) {
    case GYRE__OP_SEND:
    case GYRE__OP_SEND_ZC:
    case GYRE__OP_SENDMSG:
        sqe->msg_flags |= MSG_NOSIGNAL;
        break;
    case GYRE__OP_ACCEPT:
        if (request->multishot)
            sqe->ioprio |= IORING_ACCEPT_MULTISHOT;
        break;
    case GYRE__OP_RECV:
    case GYRE__OP_RECVMSG:
        if (request->multishot)
            sqe->ioprio |= IORING_RECV_MULTISHOT;
        if (request->poll_first)
            sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
        break;
    case GYRE__OP_POLL:
        if (request->multishot)
            sqe->len = IORING_POLL_ADD_MULTI;
        break;
    case GYRE__OP_SPLICE:
        sqe->splice_fd_in = request->splice_in;
        sqe->splice_off_in = (uintptr_t)request->addr;
        break;
    default:
        break;
    }
}

static inline void fill(struct io_uring_sqe *sqe, const gyre__request *request, const gyre__op *op)
{
    *sqe = (struct io_uring_sqe){
        .opcode = opcodes[request->verb],
        .fd = request->fd,
        .off = request->offset,
        .addr = (uintptr_t)request->addr,
        .len = request->length,
        .rw_flags = (int)request->flags, /* one union for all flags */
        .user_data = (uintptr_t)op,
    };
    if (request->select || ADJUSTED >> request->verb & 1)
        adjust(sqe, request);
}

bool gyre__op_supported(const gyre_loop *loop, enum gyre__verb verb)
{
    return loop->backend.verbs >> verb & 1;
}

int64_t gyre__op_start_closing(gyre_loop *loop, gyre__op *op, const gyre__request *request)
{
    struct io_uring_sqe *sqe;
    gyre__request copy;

    if (__builtin_expect(loop->seam != NULL, 0) && loop->seam->start && !op->internal) {
        int64_t rc;

        copy = *request;
        rc = loop->seam->start(loop->seam->context, op, &copy);
        if (rc < 0)
            return rc;
        request = &copy;
    }
    if (!gyre__op_supported(loop, request->verb))
        return GYRE_EUNSUPPORTED;
    sqe = take_sqe(loop);
    if (!sqe)
        return -EBUSY;
    fill(sqe, request, op);
    op->loop = loop;
    op->in_flight = true;
    op->cancelling = op->ended = false;
    loop->backend.in_flight++;
    if (__builtin_expect(op->internal, 0))
        loop->backend.internal++;
    gyre__op_check_start(&loop->backend, op, request);
    return 0;
}

int64_t gyre__op_start(gyre_loop *loop, gyre__op *op, const gyre__request *request)
{
    if (loop->closing)
        return GYRE_ELOOPCLOSED;
    return gyre__op_start_closing(loop, op, request);
}

/* A full queue is the only failure: then the kernel takes nothing at all for now. */
static struct io_uring_sqe *take_cancel(gyre_loop *loop, int fd, uint64_t target, unsigned flags)
{
    struct io_uring_sqe *sqe = take_sqe(loop);

    if (!sqe)
        return NULL;
    memset(sqe, 0, sizeof(*sqe));
    sqe->opcode = IORING_OP_ASYNC_CANCEL;
    sqe->fd = fd;
    sqe->addr = target;
    sqe->cancel_flags = flags;
    return sqe;
}

/* Marks the user data of the completion that answers a cancellation; ops are aligned. */
enum { CANCEL_TAG = 1 };

/* Asked after the next reaping, which makes room; until then the op's node is free for that. */
static void ask_later(gyre__op *op)
{
    op->node.next = op->loop->backend.missed;
    op->loop->backend.missed = &op->node;
}

/*
 * The op ends when both its own completion and the answer have come. So the answer always finds the
 * op, and can tell that the kernel did not: a request that is just being retried is in none of the
 * places where the kernel looks, and must be asked for again.
 */
void gyre__op_cancel(gyre__op *op)
{
    struct io_uring_sqe *sqe;

    if (!op->in_flight || op->ended || op->cancelling)
        return;
    op->cancelling = true;
    sqe = take_cancel(op->loop, -1, (uintptr_t)op, 0);
    if (sqe)
        sqe->user_data = (uintptr_t)op | CANCEL_TAG;
    else
        ask_later(op);
}

/* Cancellations of several ops at once: nobody waits for the answer. */
static void cancel_several(gyre_loop *loop, int fd, unsigned flags)
{
    struct io_uring_sqe *sqe = take_cancel(loop, fd, 0, flags | IORING_ASYNC_CANCEL_ALL);

    if (sqe)
        sqe->flags = loop->backend.cancel_flags;
}

void gyre__op_cancel_fd(gyre_loop *loop, int fd)
{
    cancel_several(loop, fd, IORING_ASYNC_CANCEL_FD);
}

void gyre__backend_cancel_all(gyre_loop *loop)
{
    cancel_several(loop, -1, IORING_ASYNC_CANCEL_ANY);
}

/* ---- completion ---- */

void gyre__op_deliver(gyre__op *op)
{
    gyre_loop *loop = op->loop;

    op->in_flight = false;
    loop->backend.in_flight--;
    if (__builtin_expect(op->internal, 0))
        loop->backend.internal--;
    gyre__ready_push(&loop->ready, &op->node);
}

/* The final completion has come, and no answer to a cancellation is outstanding. */
static void end_op(gyre_loop *loop, gyre__op *op)
{
    if (__builtin_expect(loop->seam != NULL, 0) && loop->seam->hold && !op->internal &&
        loop->seam->hold(loop->seam->context, op))
        return;
    gyre__op_deliver(op);
}

/* Not found: asked again, but not inside the reaping, which must not take SQEs. */
static void answer_cancel(gyre_loop *loop, gyre__op *op, int32_t res)
{
    if (res == -ENOENT && !op->ended) {
        ask_later(op);
        return;
    }
    op->cancelling = false;
    if (op->ended)
        end_op(loop, op);
}

static void cancel_missed(gyre_loop *loop)
{
    gyre__node *node = loop->backend.missed;

    loop->backend.missed = NULL;
    while (node) {
        gyre__op *op = GYRE__CONTAINER(node, gyre__op, node);

        node = node->next;
        op->cancelling = false;
        if (op->ended)
            end_op(loop, op);
        else
            gyre__op_cancel(op);
    }
}

static void complete(gyre_loop *loop, const struct io_uring_cqe *cqe)
{
    gyre__op *op = (gyre__op *)(uintptr_t)(cqe->user_data & ~(uint64_t)CANCEL_TAG);
    bool last = !(cqe->flags & IORING_CQE_F_MORE);
    int32_t res = cqe->res;
    uint32_t flags = cqe->flags;

    if (!op)
        return;
    if (__builtin_expect(cqe->user_data & CANCEL_TAG, 0)) {
        answer_cancel(loop, op, res);
        return;
    }
    gyre__op_check_complete(&loop->backend, op, last);
    if (__builtin_expect(loop->seam != NULL, 0) && loop->seam->complete && !op->internal)
        loop->seam->complete(loop->seam->context, op, &res, &flags);
    op->res = res;
    op->flags = flags;
    if (__builtin_expect(!last, 0)) {
        if (op->more)
            op->more(op);
        return;
    }
    op->ended = true;
    if (__builtin_expect(!op->cancelling, 1))
        end_op(loop, op);
}

static void reap(gyre_loop *loop)
{
    struct io_uring *ring = &loop->backend.ring;
    unsigned head = *ring->cq.khead, mask = *ring->cq.kring_mask;
    unsigned tail = __atomic_load_n(ring->cq.ktail, __ATOMIC_ACQUIRE);

    if (head == tail)
        return;
    for (; head != tail; head++)
        complete(loop, &ring->cq.cqes[head & mask]);
    __atomic_store_n(ring->cq.khead, head, __ATOMIC_RELEASE);
    if (__builtin_expect(loop->backend.missed != NULL, 0))
        cancel_missed(loop);
}

void gyre__backend_poll(gyre_loop *loop, uint64_t timeout_ns)
{
    gyre__backend *backend = &loop->backend;

    if (__builtin_expect(kernel_flags(backend) & IORING_SQ_CQ_OVERFLOW, 0))
        backend->overflows++; /* whichever way the kernel is entered now, it makes up for it */
    /* Something to wait for may be here already: then there is no need to sleep. */
    if (timeout_ns && io_uring_cq_ready(&backend->ring))
        timeout_ns = 0;
    if (timeout_ns == GYRE__NEVER) {
        backend->enters++;
        io_uring_submit_and_wait(&backend->ring, 1);
    } else if (timeout_ns) {
        struct __kernel_timespec limit = {.tv_sec = (int64_t)(timeout_ns / 1000000000),
                                          .tv_nsec = (long long)(timeout_ns % 1000000000)};
        struct io_uring_cqe *cqe;

        backend->enters++;
        io_uring_submit_and_wait_timeout(&backend->ring, &cqe, 1, &limit, NULL);
    } else if (io_uring_sq_ready(&backend->ring) || must_enter(backend)) {
        backend->enters++;
        if (io_uring_submit_and_get_events(&backend->ring) < 0)
            io_uring_get_events(&backend->ring);
    }
    reap(loop);
}
