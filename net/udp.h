/*
 * UDP endpoints: datagrams with addresses.
 *
 * Received datagrams wait in a bounded queue; when it is full, new ones are dropped, as the kernel does, and
 * counted. A datagram is received whole or not at all: one that is longer than the caller's buffer is cut, and the result
 * says how long it was; so is one longer than the endpoint's max_size. Sending waits for room in the socket only, never for the peer.
 *
 * Ownership: the endpoint is the caller's until gyre_udp_close(). One reader at a time: a second gets -EBUSY. Any
 * number of tasks may send.
 *
 * Python names: loop.create_datagram_endpoint, DatagramTransport, DatagramProtocol.
 */
#ifndef GYRE_NET_UDP_H
#define GYRE_NET_UDP_H

#include "../task/coro.h"
#include "address.h"

GYRE_BEGIN_DECLS

typedef struct gyre_udp gyre_udp;

typedef struct gyre_udp_options {
    const gyre_address *local; /* bind to it; NULL: any port when something is sent first. Unix addresses too */
    const gyre_address *peer;  /* connect to it: datagrams of others are ignored, errors of the peer are seen */
    int family;                /* where neither address says it; default AF_INET */
    bool reuse_port;           /* SO_REUSEPORT */
    bool gro;                  /* let the kernel join datagrams of one sender on their way in (UDP_GRO, Linux 5.0); they
                                  are taken apart again here. For many datagrams from one peer; as with max_size */
    bool broadcast;            /* allow sending to broadcast addresses */
    size_t queue_limit;        /* datagrams waiting to be read; default 256 */
    size_t max_size;           /* largest datagram that must arrive whole; default 8000. Above that datagrams are
                                  received one at a time into a buffer of 64 KiB */
} gyre_udp_options;

/*
 * Opens an endpoint on the loop. options: copied, may be NULL. Never suspends. *out_udp: new.
 * Errors: of socket, bind and connect (-EADDRINUSE, -EACCES...); -ENOMEM; GYRE_ELOOPCLOSED.
 */
GYRE_API GYRE_MUST_USE int64_t gyre_udp_open(gyre_loop *loop, const gyre_udp_options *options,
                                             gyre_udp **out_udp);

/*
 * Receives one datagram into the buffer. buffer, out_from: borrowed until the await is over; out_from may be NULL.
 * Result: the datagram's length, also when it was longer than `size` and its end is lost; 0 is an empty one.
 * Errors: -EBUSY; -ECONNREFUSED and such, reported for an earlier datagram to a connected peer; -EBADF when the endpoint
 * is closed meanwhile. Cancelled: no datagram is lost.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_udp_recv(gyre_udp *udp, void *buffer, size_t size,
                                                gyre_address *out_from);

/*
 * Sends one datagram. to: copied; NULL for a connected endpoint. data: borrowed until the await is over. Result:
 * size. Errors: -EMSGSIZE, -EDESTADDRREQ, -ENETUNREACH, -ECONNREFUSED (as above)...
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_udp_send(gyre_udp *udp, const void *data, size_t size,
                                                const gyre_address *to);

/* The same without waiting, from tasks and callbacks: -EAGAIN when the socket has no room. sendto(). */
GYRE_API int64_t gyre_udp_send_now(gyre_udp *udp, const void *data, size_t size,
                                   const gyre_address *to);

/*
 * Sends many datagrams of `segment` bytes each (the last may be shorter) in one go: UDP_SEGMENT where the
 * kernel has it, one by one elsewhere. Result: size. At most 64 KiB and 64 segments: -EINVAL.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_udp_send_segments(gyre_udp *udp, const void *data, size_t size,
                                                         uint16_t segment, const gyre_address *to);

GYRE_API int64_t gyre_udp_local(const gyre_udp *udp, gyre_address *out);
GYRE_API int gyre_udp_fd(const gyre_udp *udp);         /* borrowed: for socket options */
GYRE_API uint64_t gyre_udp_dropped(const gyre_udp *udp); /* datagrams dropped because the queue was full */

/* Ends the endpoint (moved); what waits in its queue is dropped, a reader gets -EBADF. NULL is allowed. */
GYRE_API void gyre_udp_close(gyre_udp *udp);

GYRE_END_DECLS

#endif
