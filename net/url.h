/*
 * URLs: parsed strictly, resolved, printed; percent-encoding and query strings.
 *
 * The grammar is RFC 3986, with nothing repaired: spaces, controls, bytes above 127, bad escapes
 * and brackets out of place are errors, and the error names its position. Hosts of http, https, ws
 * and wss are held to what a look-up can mean: letters, digits, '-', '_' and '.', labels of at most
 * 63 bytes, an IPv4 address in four plain decimal numbers only, an IPv6 address in brackets. A name
 * outside ASCII is written in punycode by the caller.
 *
 * A gyre_url owns one block of memory, to be given back with gyre_url_fini(). Nothing here suspends
 * and all of it may be called in any thread.
 *
 * Python names: urllib.parse.urlsplit, urljoin, urlunsplit, quote, unquote, parse_qsl.
 */
#ifndef GYRE_NET_URL_H
#define GYRE_NET_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../loop/api.h"

GYRE_BEGIN_DECLS

/* Longest URL taken, in bytes. */
enum { GYRE_URL_MOST = 65535 };

/*
 * The parts of an absolute URL. All texts lie in the one block of `text`, end with 0 and are
 * borrowed from the gyre_url: they live as long as it does, wherever the struct itself is moved to.
 * Zeroed it is no URL, and gyre_url_fini() may be called on it. Change parts by making another URL.
 */
typedef struct gyre_url {
    char *text;           /* the block; owned; not itself the URL's text: print it for that */
    const char *scheme;   /* "https": lower case, never NULL */
    const char *userinfo; /* "user:password", escapes kept; NULL where there is no '@' */
    const char *host;     /* lower case, no brackets, IPv6 shortest form; NULL without "//" */
    const char *path;     /* escapes kept, never NULL; at least "/" for http(s) and ws(s) */
    const char *query;    /* what follows '?', escapes kept; NULL where there is no '?' */
    const char *fragment; /* what follows '#', escapes kept; NULL where there is no '#' */
    uint16_t port;        /* given, else the scheme's (http 80, https 443, ftp 21...), else 0 */
    bool port_given;      /* the URL names a port, and not the scheme's own */
    bool host_is_ipv4;    /* the host is four numbers */
    bool host_is_ipv6;    /* the host stood in brackets; a zone follows it after '%' */
} gyre_url;

/*
 * Parses an absolute URL of `size` bytes (borrowed; need not end with 0).
 *
 * out: overwritten, zeroed on failure. out_position (may be NULL): set to the offset of the first
 * byte that cannot be, which is `size` when something is missing at the end; 0 on success. Gives 0;
 * GYRE_EURL, with a detail that says what is wrong and where; -ENOMEM. Dot segments of the path
 * ("/a/../b") are kept as they are: gyre_url_resolve() removes them. Port 0 and ports above 65535
 * are refused; "http://host:/" is taken as no port.
 */
GYRE_API GYRE_MUST_USE int64_t gyre_url_parse(gyre_url *out, const char *text, size_t size,
                                              size_t *out_position);

/*
 * The URL that `reference` (absolute or relative, `size` bytes, borrowed) means where `base` is the
 * page it was found in: RFC 3986 5.2, in its strict form, dot segments removed. The fragment is the
 * reference's own. `out` may be `base`'s struct only after a copy was taken.
 * Gives 0; GYRE_EURL (position counted in the reference); -ENOMEM. out and out_position as above.
 * Python name: urljoin.
 */
GYRE_API GYRE_MUST_USE int64_t gyre_url_resolve(gyre_url *out, const gyre_url *base,
                                                const char *reference, size_t size,
                                                size_t *out_position);

/* Gives the memory back and zeroes the struct. A zeroed one and NULL are allowed. */
GYRE_API void gyre_url_fini(gyre_url *url);

/* A copy with memory of its own. Gives 0 or -ENOMEM (then `out` is zeroed). */
GYRE_API GYRE_MUST_USE int64_t gyre_url_copy(gyre_url *out, const gyre_url *url);

/*
 * The whole URL as text, userinfo and fragment included; a port that is the scheme's own is left
 * out. Parsed again it gives the same parts. As snprintf(): gives the length of the whole text, of
 * which at most size - 1 bytes and an end are written. buffer may be NULL when size is 0.
 */
GYRE_API int64_t gyre_url_print(const gyre_url *url, char *buffer, size_t size);

/*
 * The same without userinfo and fragment: for logs, the Referer field, and proxies (absolute form).
 */
GYRE_API int64_t gyre_url_print_bare(const gyre_url *url, char *buffer, size_t size);

/* "host", "host:8080", "[::1]:8080": what a Host field holds. Same result as gyre_url_print(). */
GYRE_API int64_t gyre_url_print_authority(const gyre_url *url, char *buffer, size_t size);

/* "/path?query": what stands in the request line. Same result as gyre_url_print(). */
GYRE_API int64_t gyre_url_print_target(const gyre_url *url, char *buffer, size_t size);

/*
 * True when scheme, host and port are the same: what credentials and cookies must not leave. False
 * for URLs without a host.
 */
GYRE_API bool gyre_url_same_origin(const gyre_url *a, const gyre_url *b);

/* ---- percent-encoding ---- */

/* What the text will be a part of; it decides which bytes stand for themselves. */
enum gyre_url_part {
    GYRE_URL_SEGMENT,  /* one segment of a path: '/' is encoded */
    GYRE_URL_PATH,     /* a whole path: '/' is kept */
    GYRE_URL_QUERY,    /* a whole query: '&', '=', '+', '/' and '?' are kept */
    GYRE_URL_VALUE,    /* a name or value in a query: '&', '=', '+', ';' and '#' are encoded */
    GYRE_URL_FORM,     /* the same, a space being written '+': application/x-www-form-urlencoded */
    GYRE_URL_USERINFO, /* a user name or a password: ':' and '@' are encoded */
    GYRE_URL_FRAGMENT
};

/*
 * Percent-encodes n bytes. As snprintf(): gives the length of the whole text; at most size - 1
 * bytes and an end are written (an escape is never cut in two). A '%' is always encoded. Python:
 * quote.
 */
GYRE_API int64_t gyre_url_encode(char *buffer, size_t size, const void *data, size_t n,
                                 enum gyre_url_part part);

/*
 * Decodes n bytes of percent-encoded text; with GYRE_URL_FORM '+' is a space. The result may hold
 * any byte, 0 too. At most `size` bytes are written, then 0 where room is left; buffer may be
 * `data` itself. Gives the number of bytes the whole result has; GYRE_EURL when a '%' is not
 * followed by two hexadecimal digits. Python: unquote.
 */
GYRE_API int64_t gyre_url_decode(void *buffer, size_t size, const char *data, size_t n,
                                 enum gyre_url_part part);

/* ---- query strings ---- */

/* A piece "name=value" of a query, both still encoded, borrowed from it, not ending with 0. */
typedef struct gyre_url_pair {
    const char *name;
    size_t name_size;
    const char *value; /* NULL where there is no '=' */
    size_t value_size;
} gyre_url_pair;

/*
 * The next pair of a query ("a=1&b=2"). *cursor starts as the query (NULL is allowed: no pairs) and
 * is moved on; empty pieces are passed over. False when there are no more. Python: parse_qsl.
 */
GYRE_API bool gyre_url_query_next(const char **cursor, gyre_url_pair *out_pair);

/*
 * Finds the first pair whose decoded name is `name` and decodes its value (GYRE_URL_FORM) into
 * buffer, as gyre_url_decode(). Gives the value's length; GYRE_EURL for a bad escape in it;
 * -ENOENT.
 */
GYRE_API int64_t gyre_url_query_get(const char *query, const char *name, char *buffer, size_t size);

GYRE_END_DECLS

#endif
