/* What raw awaitables have in common, and closing, which nothing may prevent. */
#include <errno.h>
#include <unistd.h>

#include "raw_internal.h"

/* ---- one operation ---- */

/* As gyre__wait_op, but dumps say what is waited for. */
#define KIND(what_)                                                                                \
    {                                                                                              \
        .what = (what_), .cancel = gyre__cancel_op_wait, .finish = gyre__finish_op_wait,           \
        .keeps_result = true                                                                       \
    }

static const gyre__wait_kind kinds[GYRE__OP_COUNT] = {
    [GYRE__OP_READ] = KIND("read"),
    [GYRE__OP_WRITE] = KIND("write"),
    [GYRE__OP_READV] = KIND("readv"),
    [GYRE__OP_WRITEV] = KIND("writev"),
    [GYRE__OP_RECV] = KIND("recv"),
    [GYRE__OP_SEND] = KIND("send"),
    [GYRE__OP_RECVMSG] = KIND("recvmsg"),
    [GYRE__OP_SENDMSG] = KIND("sendmsg"),
    [GYRE__OP_ACCEPT] = KIND("accept"),
    [GYRE__OP_CONNECT] = KIND("connect"),
    [GYRE__OP_SHUTDOWN] = KIND("shutdown"),
    [GYRE__OP_OPENAT] = KIND("open"),
    [GYRE__OP_OPENAT2] = KIND("open"),
    /* Nothing cancels a close: a descriptor whose close was cancelled would be open for ever. */
    [GYRE__OP_CLOSE] = {.what = "close", .finish = gyre__finish_op_wait, .keeps_result = true},
    [GYRE__OP_FSYNC] = KIND("fsync"),
    [GYRE__OP_STATX] = KIND("statx"),
    [GYRE__OP_RENAMEAT] = KIND("rename"),
    [GYRE__OP_UNLINKAT] = KIND("unlink"),
    [GYRE__OP_MKDIRAT] = KIND("mkdir"),
    [GYRE__OP_SPLICE] = KIND("splice"),
    [GYRE__OP_POLL] = KIND("poll"),
};

gyre_await gyre__raw(const char *function, const gyre__request *request)
{
    return gyre__park_op(gyre__task_running(function), request, &kinds[request->verb]);
}

gyre_await gyre__raw_refuse(const char *function, int64_t error)
{
    return gyre__complete(gyre__task_running(function), error);
}

/* ---- closing ---- */

/* A descriptor on its way out. */
struct close_descriptor {
    gyre_frame frame;
    int fd;
    bool started; /* the kernel took the operation */
    int64_t result;
};

static int64_t close_now(int fd)
{
    return close(fd) < 0 ? -errno : 0;
}

/*
 * Whatever else is in flight on the descriptor is cancelled before it is closed: an old completion
 * must not meet the next file of that number. Closing the loop cancels everything anyway.
 */
static void cancel_others(gyre_loop *loop, int fd)
{
    gyre__poll_forget(loop, fd);
    if (!loop->closing && loop->backend.in_flight > loop->backend.internal)
        gyre__op_cancel_fd(loop, fd);
}

/*
 * Where no operation can be had. What was queued for this number must be submitted before it is
 * free.
 */
static int64_t close_at_once(gyre_loop *loop, int fd)
{
    cancel_others(loop, fd);
    if (!loop->closing)
        gyre__backend_poll(loop, 0);
    return close_now(fd);
}

static gyre_await start_close(struct close_descriptor *self)
{
    gyre_await await;

    cancel_others(gyre__running, self->fd);
    await = gyre__raw("gyre_close", &(gyre__request){.verb = GYRE__OP_CLOSE, .fd = self->fd});
    self->started = await.pending;
    return await;
}

GYRE_CORO(close_descriptor)
{
    GYRE_BEGIN;
    GYRE_FINALLY; /* even a close that is cancelled before it starts closes */
    self->frame.leaf = true;
    GYRE_AWAIT(self->result, start_close(self));
    if (!self->started)
        self->result = close_at_once(gyre__running, self->fd);
    else if (self->result == -ECANCELED && gyre__running->closing)
        self->result = close_now(self->fd); /* closing the loop cancels even what nothing cancels */
    GYRE_RETURN(self->result);
    GYRE_END;
}

gyre_await gyre_close(int fd)
{
    gyre_task *task = gyre__task_running("gyre_close");
    gyre_await await = GYRE_CALL(close_descriptor, .fd = fd);

    if (await.pending)
        return await;
    return gyre__complete(task, close_at_once(gyre__running, fd)); /* no memory for the frame */
}
