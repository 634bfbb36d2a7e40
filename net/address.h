/*
 * Socket addresses: IPv4, IPv6 and Unix, as plain values.
 *
 * A gyre_address owns nothing: copy it, keep it in a frame, compare it with gyre_address_equal().
 * Zeroed it is no address (family AF_UNSPEC). Nothing here suspends, nothing looks up host names
 * (that is gyre_getaddrinfo()), and all of it may be called in any thread.
 *
 * Python names: the address tuples of the socket module; socket.inet_pton, getsockname,
 * getpeername.
 */
#ifndef GYRE_NET_ADDRESS_H
#define GYRE_NET_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "../loop/api.h"

GYRE_BEGIN_DECLS

/* An address with its length, as bind(), connect() and accept() take it. */
typedef struct gyre_address {
    struct sockaddr_storage storage;
    socklen_t length; /* bytes of storage in use */
} gyre_address;

/* Room enough for every text gyre_address_print() makes, end included. */
enum { GYRE_ADDRESS_TEXT = 128 };

/*
 * An IP address from numbers: "127.0.0.1", "::1", "fe80::1%eth0", "fe80::1%2". The scope after % is
 * the name or the number of an interface. text: borrowed. Gives 0; -EINVAL for anything else, host
 * names too (*out_address is untouched then); -ENODEV when no interface has the name of the scope.
 */
GYRE_API GYRE_MUST_USE int64_t gyre_address_parse(gyre_address *out_address, const char *text,
                                                  uint16_t port);

/*
 * An address with its port, or a Unix one: "1.2.3.4:80", "[::1]:80", "[fe80::1%eth0]:80",
 * "unix:/path", "unix:@name" (abstract). Reads back what gyre_address_print() wrote. Errors as
 * gyre_address_parse(), and -ENAMETOOLONG.
 */
GYRE_API GYRE_MUST_USE int64_t gyre_address_parse_endpoint(gyre_address *out_address,
                                                           const char *text);

/*
 * The Unix address of a path of `length` bytes (need not end with 0). Abstract when path[0] is 0:
 * the bytes after it are the name, any values. length 0: the address of an unnamed socket. Gives 0;
 * -ENAMETOOLONG for more than 107 bytes of path or 108 of abstract name with its 0; -EINVAL for a
 * path with a 0 inside.
 */
GYRE_API GYRE_MUST_USE int64_t gyre_address_unix(gyre_address *out_address, const char *path,
                                                 size_t length);

/*
 * A copy of what the system gave. Gives 0; -EINVAL when length does not fit the family or the
 * struct.
 */
GYRE_API GYRE_MUST_USE int64_t gyre_address_from(gyre_address *out_address,
                                                 const struct sockaddr *address, socklen_t length);

/* For bind(), connect() and the like; borrowed, inside the address. */
GYRE_API const struct sockaddr *gyre_address_raw(const gyre_address *address);

/*
 * "127.0.0.1:80", "[::1]:80", "[fe80::1%eth0]:80", "unix:/path", "unix:@name", "unix:" (unnamed),
 * "none" (zeroed), "family 17" (others). Bytes 0 of an abstract name are printed as @. As
 * snprintf(): gives the length of the whole text, of which at most size - 1 bytes and an end are
 * written; GYRE_ADDRESS_TEXT always suffices.
 */
GYRE_API int64_t gyre_address_print(const gyre_address *address, char *buffer, size_t size);

/* AF_INET, AF_INET6, AF_UNIX, another, or AF_UNSPEC (0) for a zeroed address. */
GYRE_API int gyre_address_family(const gyre_address *address);

/* The port, in host order; 0 for families without one. */
GYRE_API uint16_t gyre_address_port(const gyre_address *address);

/* Sets the port (host order). Gives 0, or -EINVAL for families without one. */
GYRE_API int64_t gyre_address_set_port(gyre_address *address, uint16_t port);

/*
 * True for the same family, host, port and scope, or the same Unix name. IPv6 flow labels do not
 * count; an IPv4 address and its mapping into IPv6 differ.
 */
GYRE_API bool gyre_address_equal(const gyre_address *a, const gyre_address *b);

/* The address a socket is bound to: getsockname(). Gives 0 or -errno. */
GYRE_API GYRE_MUST_USE int64_t gyre_address_local(int fd, gyre_address *out_address);

/* The address a socket is connected to: getpeername(). Gives 0 or -errno (-ENOTCONN). */
GYRE_API GYRE_MUST_USE int64_t gyre_address_peer(int fd, gyre_address *out_address);

GYRE_END_DECLS

#endif
