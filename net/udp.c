/* UDP endpoints: a multishot receive into provided buffers fills a queue that readers empty. */
#include "udp_internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <unistd.h>

#include "../loop/alloc.h"
#include "../loop/provided_internal.h"

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

enum { DEFAULT_QUEUE = 256, FITS_PROVIDED = 8000 };

void gyre__udp_unref(gyre_udp *udp)
{
    gyre_loop *loop = udp->loop;

    if (--udp->refs)
        return;
    while (udp->first) {
        struct gyre__datagram *datagram = udp->first;

        udp->first = datagram->next;
        gyre_free(datagram);
    }
    gyre_free(udp->single);
    gyre_free(udp);
    gyre__loop_drop(loop);
}

/* ---- receiving ---- */

static void wake_reader(gyre_udp *udp)
{
    if (udp->reader && (udp->first || udp->error || udp->closing))
        gyre__wake_task(udp->reader);
}

static void enqueue(gyre_udp *udp, const void *name, size_t name_size, const char *data, size_t kept,
                    size_t length)
{
    struct gyre__datagram *datagram = NULL;

    if (udp->queued < udp->limit && !udp->closing)
        datagram = gyre_alloc(sizeof(*datagram) + kept);
    if (!datagram) {
        udp->dropped++;
        return;
    }
    datagram->next = NULL;
    datagram->length = length;
    datagram->kept = kept;
    memset(&datagram->from, 0, sizeof(datagram->from));
    if (name_size <= sizeof(datagram->from.storage)) {
        memcpy(&datagram->from.storage, name, name_size);
        datagram->from.length = (socklen_t)name_size;
    }
    if (kept)
        memcpy(datagram->data, data, kept);
    *udp->last = datagram;
    udp->last = &datagram->next;
    udp->queued++;
    wake_reader(udp);
}

/* A provided buffer holds a header, the address and the payload. */
static void take_buffer(gyre_udp *udp, const gyre__op *op)
{
    char *buffer = gyre__provided_data(udp->loop, op->flags);
    struct io_uring_recvmsg_out *out =
        op->res >= 0 ? io_uring_recvmsg_validate(buffer, op->res, &udp->shape) : NULL;

    if (out)
        enqueue(udp, io_uring_recvmsg_name(out), out->namelen,
                io_uring_recvmsg_payload(out, &udp->shape),
                io_uring_recvmsg_payload_length(out, op->res, &udp->shape), out->payloadlen);
    gyre__provided_return(udp->loop, op->flags);
}

static void received_more(gyre__op *op)
{
    if (op->flags & IORING_CQE_F_BUFFER)
        take_buffer(GYRE__CONTAINER(op, gyre_udp, receive), op);
}

/* Size of the datagrams that the kernel joined into one (UDP_GRO), or 0. */
static size_t joined_size(struct msghdr *message)
{
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part))
        if (part->cmsg_level == SOL_UDP && part->cmsg_type == UDP_GRO) {
            int size;

            memcpy(&size, CMSG_DATA(part), sizeof(size));
            return size > 0 ? (size_t)size : 0;
        }
    return 0;
}

/* A single-shot receive: one datagram, or several joined ones. */
static void take_single(gyre_udp *udp, size_t length)
{
    size_t kept = length < GYRE__UDP_LARGEST ? length : GYRE__UDP_LARGEST;
    size_t size = joined_size(&udp->shape);

    if (size && size < kept) {
        for (size_t at = 0; at < kept; at += size) {
            size_t part = kept - at < size ? kept - at : size;

            enqueue(udp, &udp->from.storage, udp->shape.msg_namelen, udp->single + at, part, part);
        }
        return;
    }
    enqueue(udp, &udp->from.storage, udp->shape.msg_namelen, udp->single, kept, length);
}

static void start_receive(gyre_udp *udp);

void gyre__udp_advance_close(gyre_udp *udp)
{
    if (!udp->closing || udp->fd < 0 || udp->active || !gyre__list_empty(&udp->senders))
        return;
    gyre__list_remove(&udp->hook.link);
    close(udp->fd);
    udp->fd = -1;
    wake_reader(udp);
    gyre__udp_unref(udp); /* the owner's, which closing took over */
}

static void received_last(gyre__node *node)
{
    gyre__op *op = GYRE__CONTAINER(node, gyre__op, node);
    gyre_udp *udp = GYRE__CONTAINER(op, gyre_udp, receive);

    udp->active = false;
    if (op->flags & IORING_CQE_F_BUFFER)
        take_buffer(udp, op);
    else if (op->res >= 0)
        take_single(udp, (size_t)op->res);
    else if (op->res == -EINVAL && udp->multishot)
        udp->multishot = false; /* before Linux 6.0 */
    else if (op->res != -ECANCELED && op->res != -ENOBUFS && op->res != -EINTR && op->res != -EAGAIN)
        udp->error = op->res;
    if (udp->closing)
        gyre__udp_advance_close(udp);
    else if (!udp->error)
        start_receive(udp);
    wake_reader(udp);
    gyre__udp_unref(udp); /* the op's */
}

static void start_receive(gyre_udp *udp)
{
    gyre__request request = {.verb = GYRE__OP_RECVMSG,
                             .fd = udp->fd,
                             .addr = &udp->shape,
                             .length = 1,
                             .flags = MSG_TRUNC};
    int64_t rc;

    if (udp->active)
        return;
    udp->shape = (struct msghdr){.msg_namelen = sizeof(udp->from.storage)};
    if (udp->multishot) {
        request.multishot = true;
        request.select = true;
        request.group = GYRE__PROVIDED_GROUP;
    } else {
        if (!udp->single)
            udp->single = gyre_alloc(GYRE__UDP_LARGEST);
        udp->whole = (struct iovec){.iov_base = udp->single, .iov_len = GYRE__UDP_LARGEST};
        udp->shape.msg_name = &udp->from.storage;
        udp->shape.msg_iov = &udp->whole;
        udp->shape.msg_iovlen = 1;
        udp->shape.msg_control = udp->control;
        udp->shape.msg_controllen = sizeof(udp->control);
    }
    rc = !udp->multishot && !udp->single ? -ENOMEM : gyre__op_start(udp->loop, &udp->receive, &request);
    if (rc < 0) {
        udp->error = rc;
        return;
    }
    udp->active = true;
    udp->refs++;
}

/* ---- reading ---- */

struct udp_recv {
    gyre_frame frame;
    gyre_udp *udp; /* reference */
    char *buffer;
    size_t size;
    gyre_address *out_from;
    int64_t rc;
};

static int64_t take_first(struct udp_recv *self)
{
    gyre_udp *udp = self->udp;
    struct gyre__datagram *datagram = udp->first;
    int64_t rc = udp->error;

    if (!datagram) {
        udp->error = 0;
        return rc ? rc : -EBADF;
    }
    rc = (int64_t)datagram->length;
    if (datagram->kept)
        memcpy(self->buffer, datagram->data,
               datagram->kept < self->size ? datagram->kept : self->size);
    if (self->out_from)
        *self->out_from = datagram->from;
    udp->first = datagram->next;
    if (!udp->first)
        udp->last = &udp->first;
    udp->queued--;
    gyre_free(datagram);
    return rc;
}

static int64_t finish_recv(gyre_task *task)
{
    gyre_udp *udp = task->wait.slot.data;

    udp->reader = NULL;
    return gyre__wait_result(task);
}

static const gyre__wait_kind wait_datagram = {
    .what = "a datagram", .cancel = gyre__cancel_wait, .finish = finish_recv};

static gyre_await wait_for_datagram(gyre_udp *udp)
{
    gyre_task *task = gyre__task_running("gyre_udp_recv");

    if (udp->first || udp->error || udp->closing)
        return gyre__complete(task, 0);
    if (!gyre__may_park(task))
        return gyre__complete(task, GYRE_ECANCELLED);
    start_receive(udp); /* an error may have ended it */
    if (udp->error)
        return gyre__complete(task, 0);
    udp->reader = task;
    task->wait.slot.data = udp;
    return gyre__park_slot(task, &wait_datagram, udp);
}

GYRE_CORO(udp_recv)
{
    GYRE_BEGIN;
    GYRE_TRY(wait_for_datagram(self->udp));
    GYRE_RETURN(take_first(self));
    GYRE_FINALLY;
    gyre__udp_unref(self->udp);
    GYRE_END;
}

gyre_await gyre_udp_recv(gyre_udp *udp, void *buffer, size_t size, gyre_address *out_from)
{
    gyre_task *task = gyre__task_running(__func__);
    struct udp_recv args = {.frame = {.coro = &udp_recv_coro, .leaf = true},
                            .udp = udp,
                            .buffer = buffer,
                            .size = size,
                            .out_from = out_from};
    gyre_await pending;

    if (udp->reader)
        return gyre__complete(task, -EBUSY);
    if (udp->first)
        return gyre__complete(task, take_first(&args));
    udp->refs++;
    pending = gyre__call(&udp_recv_coro, &args);
    if (!pending.pending)
        gyre__udp_unref(udp);
    return pending;
}

/* ---- life ---- */

static int family_of(const gyre_udp_options *options)
{
    const gyre_address *some = options->local ? options->local : options->peer;

    if (some)
        return gyre_address_family(some);
    return options->family ? options->family : AF_INET;
}

static int64_t open_socket(const gyre_udp_options *options)
{
    const int on = 1;
    int fd = socket(family_of(options), SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int64_t rc = 0;

    if (fd < 0)
        return -errno;
    if (options->gro && setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof(on)) < 0 && errno != ENOPROTOOPT)
        rc = -errno;
    else if ((options->reuse_port && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0) ||
        (options->broadcast && setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)) < 0) ||
        (options->local &&
         bind(fd, gyre_address_raw(options->local), options->local->length) < 0) ||
        (options->peer && connect(fd, gyre_address_raw(options->peer), options->peer->length) < 0))
        rc = -errno;
    if (rc < 0)
        close(fd);
    return rc < 0 ? rc : fd;
}

static void on_loop_close(gyre_loop *loop, gyre__close_hook *hook)
{
    gyre_udp *udp = GYRE__CONTAINER(hook, gyre_udp, hook);

    (void)loop;
    udp->refs++; /* the owner still has to close it */
    gyre_udp_close(udp);
}

int64_t gyre_udp_open(gyre_loop *loop, const gyre_udp_options *options, gyre_udp **out_udp)
{
    static const gyre_udp_options defaults;
    gyre_udp *udp;
    int64_t fd;

    gyre__check_thread(loop, __func__);
    if (loop->closing)
        return GYRE_ELOOPCLOSED;
    options = options ? options : &defaults;
    fd = open_socket(options);
    if (fd < 0)
        return fd;
    udp = gyre_alloc_zeroed(sizeof(*udp));
    if (!udp) {
        close((int)fd);
        return -ENOMEM;
    }
    udp->loop = loop;
    udp->refs = 1;
    udp->fd = (int)fd;
    udp->limit = options->queue_limit ? options->queue_limit : DEFAULT_QUEUE;
    udp->last = &udp->first;
    gyre__list_init(&udp->senders);
    udp->multishot = !options->gro && options->max_size <= FITS_PROVIDED &&
                     gyre__provided_need(loop) == 0;
    udp->is_unix = family_of(options) == AF_UNIX;
    gyre__op_init(&udp->receive, received_last, received_more);
    udp->hook.close = on_loop_close;
    gyre__list_append(&loop->close_hooks, &udp->hook.link);
    gyre__loop_keep(loop);
    start_receive(udp);
    *out_udp = udp;
    return 0;
}

static void cancel_senders(gyre_udp *udp)
{
    for (gyre__link *link = udp->senders.next; link != &udp->senders; link = link->next)
        gyre__op_cancel(&GYRE__CONTAINER(link, struct gyre__udp_sender, link)->task->wait.op);
}

void gyre_udp_close(gyre_udp *udp)
{
    if (!udp)
        return;
    if (udp->closing) { /* its loop was closed before */
        gyre__udp_unref(udp);
        return;
    }
    gyre__check_thread(udp->loop, __func__);
    udp->closing = true;
    wake_reader(udp);
    cancel_senders(udp);
    if (udp->active)
        gyre__op_cancel(&udp->receive);
    gyre__udp_advance_close(udp);
}

int64_t gyre_udp_local(const gyre_udp *udp, gyre_address *out)
{
    out->length = sizeof(out->storage);
    return getsockname(udp->fd, (struct sockaddr *)&out->storage, &out->length) < 0 ? -errno : 0;
}

int gyre_udp_fd(const gyre_udp *udp)
{
    return udp->fd;
}

uint64_t gyre_udp_dropped(const gyre_udp *udp)
{
    return udp->dropped;
}
