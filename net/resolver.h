/*
 * Host names: getaddrinfo and getnameinfo, off the loop.
 *
 * Both block in C, so they run in threads of their own, at most four for the process and started when
 * needed: other work given to threads can neither delay them nor be delayed by them. Cancelling an await
 * gives GYRE_ECANCELLED at once; a look-up that is under way goes on in its thread and is dropped.
 * For a time limit use gyre_wait_for().
 *
 * Python names: loop.getaddrinfo, loop.getnameinfo.
 */
#ifndef GYRE_NET_RESOLVER_H
#define GYRE_NET_RESOLVER_H

#include "../task/coro.h"
#include "address.h"

GYRE_BEGIN_DECLS

/* All zero: stream sockets of any family. */
typedef struct gyre_resolve_options {
    int family;    /* AF_UNSPEC (0), AF_INET or AF_INET6 */
    int type;      /* SOCK_STREAM (default) or SOCK_DGRAM */
    int flags;     /* AI_* of <netdb.h>: AI_PASSIVE, AI_CANONNAME is ignored */
} gyre_resolve_options;

/*
 * The addresses of a host in the order in which they should be tried. host: a name or a number, copied;
 * NULL: this machine (with AI_PASSIVE: every interface). options: copied, may be NULL.
 * *out_addresses: new, the caller's, to be given to gyre_free(). Result: how many, at least 1.
 * Numeric hosts do not suspend. Errors: GYRE_EDNSNAME (no such host), GYRE_EDNSAGAIN, GYRE_EDNSFAIL,
 * GYRE_EDNSFAMILY, -EINVAL, -ENOMEM, -EAGAIN when no thread can be started. getaddrinfo().
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_getaddrinfo(const char *host, uint16_t port,
                                                   const gyre_resolve_options *options,
                                                   gyre_address **out_addresses);

/*
 * The name of an address (copied). buffer: borrowed until the await is over; gets the host's name, or its
 * number where it has none. Result: the length of the name. Errors as above; -ENOSPC. getnameinfo().
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_getnameinfo(const gyre_address *address, char *buffer,
                                                   size_t size);

GYRE_END_DECLS

#endif
