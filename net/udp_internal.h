/* The UDP endpoint's insides: udp.c receives and ends it, udp_send.c sends. */
#ifndef GYRE_NET_UDP_INTERNAL_H
#define GYRE_NET_UDP_INTERNAL_H

#include "../task/task_internal.h"
#include "udp.h"

enum { GYRE__UDP_LARGEST = 65536 }; /* no datagram is longer */

/* A datagram that nobody has read yet. */
struct gyre__datagram {
    struct gyre__datagram *next;
    gyre_address from;
    size_t length; /* as it was sent */
    size_t kept;   /* bytes that are here: less if it was longer than a provided buffer */
    char data[];
};

struct gyre_udp {
    gyre_loop *loop;
    unsigned refs; /* owner, op, waiting reader */
    int fd;
    bool active;   /* the receive is in flight or its completion not handled */
    bool multishot;
    bool closing;
    bool is_unix;
    gyre__link senders; /* tasks whose sends are in flight: the descriptor is closed after the last */
    gyre__op receive;
    struct msghdr shape;     /* of what is received: room for an address; the kernel's while active */
    struct iovec whole;      /* single-shot only */
    gyre_address from;
    _Alignas(struct cmsghdr) char control[64]; /* single-shot: where the kernel says that it joined datagrams */
    char *single;            /* single-shot buffer, where the kernel has no multishot */
    struct gyre__datagram *first, **last;
    size_t queued, limit;
    uint64_t dropped;
    int64_t error;           /* to be told to the next reader */
    gyre_task *reader;
    gyre__close_hook hook;
};

/* A task that waits for the socket to have room, in its frame. */
struct gyre__udp_sender {
    gyre__link link;
    gyre_task *task; /* parked on its op as long as this is in the list */
};

/* Gives one reference back; the last one frees the endpoint. */
void gyre__udp_unref(gyre_udp *udp);

/* Closes the descriptor if the endpoint is to be closed and nothing is in flight on it. */
void gyre__udp_advance_close(gyre_udp *udp);

#endif
