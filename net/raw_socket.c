/* Raw awaitables for sockets. */
#include <errno.h>

#include "raw_internal.h"

gyre_await gyre_accept(int fd, gyre_address *out_peer, int flags)
{
    gyre__request request = {
        .verb = GYRE__OP_ACCEPT, .fd = fd, .flags = (uint32_t)(flags | SOCK_CLOEXEC)};

    if (out_peer) {
        *out_peer = (gyre_address){.length = sizeof(out_peer->storage)};
        request.addr = &out_peer->storage;
        request.offset = (uintptr_t)&out_peer->length;
    }
    return gyre__raw("gyre_accept", &request);
}

/* The address is read when the operation is submitted, after the call: so it is kept in a frame. */
struct connect_socket {
    gyre_frame frame;
    int fd;
    gyre_address address;
    int64_t result;
};

static gyre_await start_connect(struct connect_socket *self)
{
    return gyre__raw("gyre_connect", &(gyre__request){.verb = GYRE__OP_CONNECT,
                                                      .fd = self->fd,
                                                      .addr = &self->address.storage,
                                                      .offset = self->address.length});
}

GYRE_CORO(connect_socket)
{
    GYRE_BEGIN;
    self->frame.leaf = true;
    GYRE_AWAIT(self->result, start_connect(self));
    GYRE_RETURN(self->result);
    GYRE_END;
}

gyre_await gyre_connect(int fd, const gyre_address *address)
{
    return GYRE_CALL(connect_socket, .fd = fd, .address = *address);
}

gyre_await gyre_recv(int fd, void *buffer, size_t size, int flags)
{
    return gyre__raw("gyre_recv", &(gyre__request){.verb = GYRE__OP_RECV,
                                                   .fd = fd,
                                                   .addr = buffer,
                                                   .length = gyre__raw_size(size),
                                                   .flags = (uint32_t)flags});
}

gyre_await gyre_send(int fd, const void *data, size_t size, int flags)
{
    return gyre__raw("gyre_send", &(gyre__request){.verb = GYRE__OP_SEND,
                                                   .fd = fd,
                                                   .addr = data,
                                                   .length = gyre__raw_size(size),
                                                   .flags = (uint32_t)flags});
}

gyre_await gyre_recvmsg(int fd, struct msghdr *message, int flags)
{
    return gyre__raw("gyre_recvmsg", &(gyre__request){.verb = GYRE__OP_RECVMSG,
                                                      .fd = fd,
                                                      .addr = message,
                                                      .length = 1,
                                                      .flags = (uint32_t)flags});
}

gyre_await gyre_sendmsg(int fd, const struct msghdr *message, int flags)
{
    return gyre__raw("gyre_sendmsg", &(gyre__request){.verb = GYRE__OP_SENDMSG,
                                                      .fd = fd,
                                                      .addr = message,
                                                      .length = 1,
                                                      .flags = (uint32_t)flags});
}

gyre_await gyre_shutdown(int fd, int how)
{
    return gyre__raw(
        "gyre_shutdown",
        &(gyre__request){.verb = GYRE__OP_SHUTDOWN, .fd = fd, .length = (uint32_t)how});
}
