/* Sending datagrams: at once where the socket has room, else when it has. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>

#include "raw.h"
#include "udp_internal.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

enum { MOST_SEGMENTS = 64 };

int64_t gyre_udp_send_now(gyre_udp *udp, const void *data, size_t size, const gyre_address *to)
{
    ssize_t n;

    gyre__check_thread(udp->loop, __func__);
    if (udp->closing)
        return -EBADF;
    n = sendto(udp->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL,
               to ? (const struct sockaddr *)&to->storage : NULL, to ? to->length : 0);
    return n < 0 ? -errno : n;
}

struct udp_send {
    gyre_frame frame;
    gyre_udp *udp; /* reference */
    gyre_address to;
    struct msghdr message;
    struct iovec piece;
    struct gyre__udp_sender sender;
    int64_t rc;
};

static void add_segment_size(struct msghdr *message, char *control, size_t size, uint16_t segment)
{
    struct cmsghdr *header;

    message->msg_control = control;
    message->msg_controllen = size;
    header = CMSG_FIRSTHDR(message);
    header->cmsg_level = SOL_UDP;
    header->cmsg_type = UDP_SEGMENT;
    header->cmsg_len = CMSG_LEN(sizeof(segment));
    memcpy(CMSG_DATA(header), &segment, sizeof(segment));
}

/* The message's parts are in the frame, where the kernel may read them until the await is over. */
GYRE_CORO(udp_send)
{
    GYRE_BEGIN;
    self->message.msg_iov = &self->piece;
    self->message.msg_iovlen = 1;
    if (self->to.length) {
        self->message.msg_name = &self->to.storage;
        self->message.msg_namelen = self->to.length;
    }
    self->sender.task = gyre__task_running(__func__);
    gyre__list_append(&self->udp->senders, &self->sender.link);
    GYRE_AWAIT(self->rc, gyre_sendmsg(self->udp->fd, &self->message, 0));
    gyre__list_remove(&self->sender.link);
    gyre__udp_advance_close(self->udp);
    if (self->udp->closing && (self->rc == -ECANCELED || self->rc == -EINTR))
        GYRE_RETURN(-EBADF);
    GYRE_RETURN(self->rc);
    GYRE_FINALLY;
    gyre__udp_unref(self->udp);
    GYRE_END;
}

static gyre_await send_when_possible(gyre_udp *udp, const void *data, size_t size,
                                     const gyre_address *to)
{
    struct udp_send args = {.frame = {.coro = &udp_send_coro, .leaf = true},
                            .udp = udp,
                            .piece = {.iov_base = (void *)(uintptr_t)data, .iov_len = size}};
    gyre_await pending;

    if (to)
        args.to = *to;
    udp->refs++;
    pending = gyre__call(&udp_send_coro, &args);
    if (!pending.pending)
        gyre__udp_unref(udp);
    return pending;
}

gyre_await gyre_udp_send(gyre_udp *udp, const void *data, size_t size, const gyre_address *to)
{
    gyre_task *task = gyre__task_running(__func__);
    int64_t rc = gyre_udp_send_now(udp, data, size, to);

    if (rc != -EAGAIN || !gyre__may_park(task))
        return gyre__complete(task, rc);
    return send_when_possible(udp, data, size, to);
}

/* ---- many at once ---- */

static int64_t send_in_one(gyre_udp *udp, const char *data, size_t size, uint16_t segment,
                           const gyre_address *to)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(uint16_t))] = {0};
    struct iovec piece = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    ssize_t n;

    if (to) {
        message.msg_name = (void *)(uintptr_t)&to->storage;
        message.msg_namelen = to->length;
    }
    add_segment_size(&message, control, sizeof(control), segment);
    n = sendmsg(udp->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    return n < 0 ? -errno : n;
}

struct send_each {
    gyre_frame frame;
    gyre_udp *udp; /* reference */
    const char *data;
    size_t size, at;
    uint16_t segment;
    bool has_to;
    gyre_address to;
    int64_t rc;
};
GYRE_CORO(send_each)
{
    GYRE_BEGIN;
    while (self->at < self->size) {
        GYRE_TRY(self->rc, gyre_udp_send(self->udp, self->data + self->at,
                                         self->size - self->at < self->segment
                                             ? self->size - self->at
                                             : self->segment,
                                         self->has_to ? &self->to : NULL));
        self->at += (size_t)self->rc;
    }
    GYRE_RETURN((int64_t)self->size);
    GYRE_FINALLY;
    gyre__udp_unref(self->udp);
    GYRE_END;
}

gyre_await gyre_udp_send_segments(gyre_udp *udp, const void *data, size_t size, uint16_t segment,
                                  const gyre_address *to)
{
    gyre_task *task = gyre__task_running(__func__);
    struct send_each args = {.frame = {.coro = &send_each_coro, .leaf = true},
                             .udp = udp,
                             .data = data,
                             .size = size,
                             .segment = segment,
                             .has_to = to != NULL};
    gyre_await pending;
    int64_t rc;

    if (!segment || size >= GYRE__UDP_LARGEST || (size + segment - 1) / segment > MOST_SEGMENTS)
        return gyre__complete(task, -EINVAL);
    if (udp->closing)
        return gyre__complete(task, -EBADF);
    rc = size > segment && !udp->is_unix ? send_in_one(udp, data, size, segment, to) : -EOPNOTSUPP;
    if (rc >= 0)
        return gyre__complete(task, rc);
    if (to)
        args.to = *to;
    udp->refs++;
    pending = gyre__call(&send_each_coro, &args);
    if (!pending.pending)
        gyre__udp_unref(udp);
    return pending;
}
