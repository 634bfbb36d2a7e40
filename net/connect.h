/*
 * Opening connections: from a host and a port to a stream.
 *
 * Hosts with several addresses are tried as RFC 8305 says ("happy eyeballs"): IPv6 and IPv4 in turn, the next
 * one a quarter of a second after the last or as soon as it has failed; the first that answers wins.
 *
 * Python names: asyncio.open_connection, open_unix_connection.
 */
#ifndef GYRE_NET_CONNECT_H
#define GYRE_NET_CONNECT_H

#include "../task/coro.h"
#include "stream.h"
#include "tls.h"

GYRE_BEGIN_DECLS

/* All zero is a good default. */
typedef struct gyre_connect_options {
    int family;                 /* AF_INET or AF_INET6 only; 0: both */
    const gyre_address *local;  /* bind to it first; only addresses of its family are tried; copied */
    int64_t timeout_ns;         /* for everything, look-up and TLS included; 0: none */
    int64_t attempt_delay_ns;   /* head start of each address; 0: 250 ms; GYRE_FOREVER: one after the other */
    bool nagle;                 /* leave Nagle's algorithm on; default: TCP_NODELAY as asyncio */
    gyre_stream_options stream; /* for the stream */
    gyre_tls_context *tls;      /* speak TLS from the beginning, as its client; gets a new reference; ssl= */
    const char *tls_server_name; /* whom its certificate must be for; NULL: the host, or the address's text;
                                    copied; server_hostname= */
    uint64_t *out_lookup_ns;    /* how long the look-up took is added to it; borrowed until the await is over */
} gyre_connect_options;

/*
 * Connects to a host (a name or a number, copied). options: copied, may be NULL. *out_stream: new, the
 * caller's; borrowed until the await is over. Result 0. Errors: those of gyre_getaddrinfo(); -ECONNREFUSED,
 * -ENETUNREACH and so on, of the address that was tried first; GYRE_ETIMEOUT; -ENOMEM. Cancelled: every attempt
 * is given up and its socket closed. open_connection().
 *
 * With TLS the stream is given out once the handshake has succeeded, within its time limit (GYRE_ETIMEOUT);
 * else with the errors of tls.h, gyre_error_current() having the details; see stream_tls.h. A Unix socket needs a
 * tls_server_name (-EINVAL) unless the context verifies none.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_open_connection(const char *host, uint16_t port,
                                                       const gyre_connect_options *options,
                                                       gyre_stream **out_stream);

/* The same to one known address of any family. */
GYRE_API GYRE_MUST_USE gyre_await gyre_open_connection_to(const gyre_address *address,
                                                          const gyre_connect_options *options,
                                                          gyre_stream **out_stream);

/* To a Unix socket's path (copied); a path that begins with '@' is abstract. open_unix_connection(). */
GYRE_API GYRE_MUST_USE gyre_await gyre_open_unix_connection(const char *path,
                                                            const gyre_connect_options *options,
                                                            gyre_stream **out_stream);

GYRE_END_DECLS

#endif
