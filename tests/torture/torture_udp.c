/* Datagrams under torture: receiving, sending, waiting for room, closing under everybody. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../net/udp.h"
#include "../../task/sleep.h"
#include "../../task/timeout.h"
#include "../support/torture.h"

#define LONGEST GYRE_MS(300) /* a datagram whose receive was made to fail is lost */

static gyre_address loopback, here, there;

/* Abstract names with the number of the process in them: the suite may run twice on one machine. */
static int64_t find_addresses(gyre_loop *loop)
{
    char near[64], far[64];
    int near_size = snprintf(near, sizeof(near), "%cgyre-torture-near-%d", 0, getpid());
    int far_size = snprintf(far, sizeof(far), "%cgyre-torture-far-%d", 0, getpid());

    (void)loop;
    if (gyre_address_unix(&here, near, (size_t)near_size) < 0 ||
        gyre_address_unix(&there, far, (size_t)far_size) < 0)
        return -EINVAL;
    return gyre_address_parse(&loopback, "127.0.0.1", 0);
}

/* ---- there and back ---- */

struct answer {
    gyre_frame frame;
    gyre_udp *udp; /* borrowed from whoever cancels us */
    gyre_address from;
    char buffer[64];
    int64_t n;
};
GYRE_CORO(answer)
{
    GYRE_BEGIN;
    for (;;) {
        GYRE_TRY(self->n, gyre_udp_recv(self->udp, self->buffer, sizeof(self->buffer), &self->from));
        GYRE_TRY(gyre_udp_send(self->udp, self->buffer, (size_t)self->n, &self->from));
    }
    GYRE_END;
}

struct exchange {
    gyre_frame frame;
    size_t max_size;
    gyre_udp *near, *far;
    gyre_task *answer;
    gyre_address address;
    char buffer[64];
    int64_t rc;
};
GYRE_CORO(exchange)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(0)); /* opening then happens where a cancellation has been met */
    self->rc = gyre_udp_open(gyre_loop_current(),
                             &(gyre_udp_options){.local = &loopback, .max_size = self->max_size},
                             &self->far);
    if (self->rc >= 0)
        self->rc = gyre_udp_local(self->far, &self->address);
    if (self->rc >= 0)
        self->rc = gyre_udp_open(gyre_loop_current(), &(gyre_udp_options){.peer = &self->address},
                                 &self->near);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    self->answer = GYRE_SPAWN(answer, .udp = self->far);
    if (!self->answer)
        GYRE_RETURN(-ENOMEM);
    GYRE_TRY(gyre_udp_send(self->near, "hello", 5, NULL));
    GYRE_TRY(gyre_wait_for(gyre_udp_recv(self->near, self->buffer, sizeof(self->buffer), NULL), LONGEST));
    GYRE_TRY(gyre_udp_send_segments(self->near, "onetwothree", 11, 4, NULL));
    GYRE_TRY(gyre_wait_for(gyre_udp_recv(self->near, self->buffer, 2, NULL), LONGEST));
    GYRE_RETURN(self->frame.result);
    GYRE_FINALLY;
    if (self->answer) {
        gyre_task_cancel(self->answer);
        gyre_future_ignore(gyre_task_future(self->answer));
        GYRE_AWAIT(self->rc, self->answer);
        gyre_task_unref(self->answer);
    }
    gyre_udp_close(self->near);
    gyre_udp_close(self->far);
    GYRE_END;
}

/* ---- no room: the sender waits, and its endpoint is closed under it ---- */

struct fill_up {
    gyre_frame frame;
    gyre_udp *udp; /* borrowed while it is open: ours ends with -EBADF */
    int i;
    int64_t rc;
};
GYRE_CORO(fill_up)
{
    GYRE_BEGIN;
    for (self->i = 0; self->i < 100000; self->i++)
        GYRE_TRY(self->rc, gyre_udp_send(self->udp, "x", 1, &there));
    GYRE_END;
}

struct close_under {
    gyre_frame frame;
    gyre_udp *near;
    int peer;
    gyre_task *sender;
    char buffer[4];
    int64_t rc;
};

static int64_t open_ends(struct close_under *self)
{
    int64_t rc = gyre_udp_open(gyre_loop_current(), &(gyre_udp_options){.local = &here}, &self->near);

    if (rc < 0)
        return rc;
    self->peer = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return bind(self->peer, gyre_address_raw(&there), there.length) < 0 ? -errno : 0;
}

GYRE_CORO(close_under)
{
    GYRE_BEGIN;
    self->rc = open_ends(self);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    self->sender = GYRE_SPAWN(fill_up, .udp = self->near);
    if (!self->sender)
        GYRE_RETURN(-ENOMEM);
    GYRE_TRY(gyre_sleep(GYRE_MS(30)));
    gyre_udp_close(self->near);
    self->near = NULL;
    GYRE_TRY(self->sender);
    GYRE_FINALLY;
    if (self->sender) {
        gyre_task_cancel(self->sender);
        gyre_future_ignore(gyre_task_future(self->sender));
        if (self->near)
            GYRE_AWAIT(self->rc, self->sender);
        gyre_task_unref(self->sender);
    }
    gyre_udp_close(self->near);
    if (self->peer >= 0)
        close(self->peer);
    GYRE_END;
}

#define EXCHANGE(name_, ...)                                                                       \
    .name = (name_), .coro = &exchange_coro,                                                       \
    .args = &(const struct exchange){.frame = {.coro = &exchange_coro}, __VA_ARGS__}

int main(int argc, char **argv)
{
    const torture_scenario scenarios[] = {
        {EXCHANGE("multishot", .max_size = 0), .flags = TORTURE_IO, .expect = 4, .setup = find_addresses},
        {EXCHANGE("whole", .max_size = 60000), .flags = TORTURE_IO, .expect = 4, .setup = find_addresses},
        {TORTURE_MAIN(close_under, .peer = -1), .flags = TORTURE_IO,
         .expect = -EBADF, .setup = find_addresses},
    };

    return torture_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
