/* How URLs are taken apart and put together; hosts of requests are checked by the same rules. */
#ifndef GYRE_NET_URL_INTERNAL_H
#define GYRE_NET_URL_INTERNAL_H

#include "url.h"

/* A part of a text; `at` is NULL where the part is missing, which is not the same as empty. */
typedef struct gyre__url_slice {
    const char *at;
    size_t size;
} gyre__url_slice;

/* A URL or relative reference, split where it stands. */
typedef struct gyre__url_parts {
    gyre__url_slice scheme, userinfo, host, path, query, fragment; /* host: without brackets */
    uint32_t port;  /* 0: none, or the scheme's own */
    bool bracketed; /* the host stood in brackets */
    /* Where it went wrong, and how; reason is static. */
    const char *reason;
    const char *position;
} gyre__url_parts;

/* Splits a reference and checks its characters; false with reason and position. */
bool gyre__url_split(gyre__url_parts *parts, const char *text, size_t size);

/*
 * Checks the host by the rules of the scheme (a slice: its length counts, not its case); false with
 * reason and position.
 */
bool gyre__url_check_host(gyre__url_parts *parts, gyre__url_slice scheme);

/* Makes the URL; scheme and path are there. Gives 0 or -ENOMEM. */
GYRE_MUST_USE int64_t gyre__url_assemble(gyre_url *out, const gyre__url_parts *parts);

/* True for schemes whose host names a peer on the network: http, https, ws, wss. */
bool gyre__url_is_web(gyre__url_slice scheme);

/* Takes "host", "host:port", "[v6]:port" or what an authority may hold apart; false as above. */
bool gyre__url_split_authority(gyre__url_parts *parts, const char *text, size_t size);

/* The scheme's own port, or 0. */
uint16_t gyre__url_scheme_port(gyre__url_slice scheme);

/* True for a name or an address that a web host may have (no brackets). */
bool gyre__url_host_is_name(const char *text, size_t size);
bool gyre__url_host_is_ipv4(const char *text, size_t size);

/*
 * An IPv6 address, perhaps with %25zone behind it, in its shortest form, the zone behind a plain %.
 * Gives its length, or 0. A buffer of GYRE__URL_IPV6 + size bytes suffices.
 */
size_t gyre__url_host_ipv6(const char *text, size_t size, char *buffer);
enum { GYRE__URL_IPV6 = 48 };

/* The error of a text that was refused, with its detail. */
int64_t gyre__url_refuse(const gyre__url_parts *parts, const char *text, size_t *out_position);

#endif
