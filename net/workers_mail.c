/*
 * Messages between workers: a datagram socket pair for each, made by the master, so that mail
 * outlives a worker.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "raw.h"
#include "workers_internal.h"

/* ---- the mailboxes ---- */

int64_t gyre__workers_open_mail(gyre__workers_master *master)
{
    for (unsigned i = 0; i < master->count; i++)
        master->mail_in[i] = master->mail_out[i] = -1;
    for (unsigned i = 0; i < master->count; i++) {
        int ends[2];

        if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) < 0)
            return -errno;
        master->mail_in[i] = ends[0];
        master->mail_out[i] = ends[1];
    }
    return 0;
}

void gyre__workers_close_mail(gyre__workers_master *master)
{
    for (unsigned i = 0; i < master->count && master->mail_in[i] >= 0; i++) {
        close(master->mail_in[i]);
        close(master->mail_out[i]);
    }
}

/* ---- a message ---- */

/* What sendmsg and recvmsg work on: the sender's index, then the bytes. */
struct parcel {
    uint32_t from;
    struct iovec pieces[2];
    _Alignas(struct cmsghdr) char ancillary[CMSG_SPACE(sizeof(int))]; /* a descriptor */
    struct msghdr header;
};

static void prepare(struct parcel *parcel, void *data, size_t size)
{
    parcel->pieces[0] = (struct iovec){&parcel->from, sizeof(parcel->from)};
    parcel->pieces[1] = (struct iovec){data, size};
    parcel->header = (struct msghdr){.msg_iov = parcel->pieces, .msg_iovlen = 2};
}

struct send_mail {
    gyre_frame frame;
    unsigned to;
    const void *data;
    size_t size;
    int fd;
    struct parcel parcel;
    int64_t n;
};

static gyre_await start_send(struct send_mail *self)
{
    struct parcel *parcel = &self->parcel;

    prepare(parcel, (void *)(uintptr_t)self->data, self->size);
    parcel->from = gyre__workers_self->index;
    if (self->fd >= 0) {
        struct cmsghdr *control;

        parcel->header.msg_control = parcel->ancillary;
        parcel->header.msg_controllen = sizeof(parcel->ancillary);
        control = CMSG_FIRSTHDR(&parcel->header);
        control->cmsg_level = SOL_SOCKET;
        control->cmsg_type = SCM_RIGHTS;
        control->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(control), &self->fd, sizeof(int));
    }
    return gyre_sendmsg(gyre__workers_self->mail_out[self->to], &parcel->header, 0);
}

GYRE_CORO(send_mail)
{
    GYRE_BEGIN;
    self->frame.leaf = true;
    GYRE_TRY(start_send(self));
    GYRE_RETURN((int64_t)self->size);
    GYRE_END;
}

gyre_await gyre_worker_send(unsigned to, const void *data, size_t size, int fd)
{
    gyre_task *task = gyre__task_running(__func__);

    if (!gyre__workers_self)
        return gyre__complete(task, GYRE_ESTATE);
    if (to >= gyre__workers_self->count)
        return gyre__complete(task, -EINVAL);
    if (size > GYRE_WORKER_MESSAGE_MOST)
        return gyre__complete(task, GYRE_ELIMIT);
    return GYRE_CALL(send_mail, .to = to, .data = data, .size = size, .fd = fd);
}

struct receive_mail {
    gyre_frame frame;
    void *buffer;
    size_t size;
    gyre_worker_message *out;
    struct parcel parcel;
    int64_t n;
};

static gyre_await start_receive(struct receive_mail *self)
{
    prepare(&self->parcel, self->buffer, self->size);
    self->parcel.header.msg_control = self->parcel.ancillary;
    self->parcel.header.msg_controllen = sizeof(self->parcel.ancillary);
    return gyre_recvmsg(gyre__workers_self->mail_in, &self->parcel.header, MSG_CMSG_CLOEXEC);
}

static int64_t open_parcel(struct receive_mail *self)
{
    const struct cmsghdr *header = CMSG_FIRSTHDR(&self->parcel.header);

    self->out->from = self->parcel.from;
    if (header && header->cmsg_type == SCM_RIGHTS && header->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(&self->out->fd, CMSG_DATA(header), sizeof(int));
    if (!(self->parcel.header.msg_flags & MSG_TRUNC))
        return self->n - (int64_t)sizeof(self->parcel.from);
    if (self->out->fd >= 0)
        close(self->out->fd);
    self->out->fd = -1;
    return GYRE_ELIMIT;
}

GYRE_CORO(receive_mail)
{
    GYRE_BEGIN;
    self->frame.leaf = true;
    GYRE_TRY(self->n, start_receive(self));
    self->n = self->n < (int64_t)sizeof(self->parcel.from) ? -EBADMSG : open_parcel(self);
    GYRE_RETURN(self->n);
    GYRE_END;
}

gyre_await gyre_worker_receive(void *buffer, size_t size, gyre_worker_message *out_message)
{
    *out_message = (gyre_worker_message){.from = 0, .fd = -1};
    if (!gyre__workers_self)
        return gyre__complete(gyre__task_running(__func__), GYRE_ESTATE);
    return GYRE_CALL(receive_mail, .buffer = buffer, .size = size, .out = out_message);
}
