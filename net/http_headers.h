/*
 * HTTP header fields: an ordered list of names and values, looked up without regard to case.
 *
 * The struct is embedded where it is needed: zeroed or initialized it is empty and holds no memory;
 * gyre_http_headers_fini() gives back what it came to hold. Names and values are copied in and end
 * with 0. What HTTP cannot carry is refused when it is added, so a value with a line end in it
 * never reaches the wire. Pointers into a list live until its next change. Nothing here suspends;
 * any thread, one at a time.
 *
 * Python names: http.client.HTTPMessage (get, get_all, add_header), aiohttp's CIMultiDict.
 */
#ifndef GYRE_NET_HTTP_HEADERS_H
#define GYRE_NET_HTTP_HEADERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../loop/api.h"

GYRE_BEGIN_DECLS

/* A list of fields. Its members are private. */
typedef struct gyre_http_headers {
    char *bytes;                     /* names and values, each ending with 0 */
    size_t used, capacity;           /* of bytes */
    size_t wasted;                   /* bytes of fields since removed */
    struct gyre__http_field *fields; /* in the order in which they were added */
    size_t count, room;              /* of fields */
} gyre_http_headers;

/* One field, borrowed: valid until the list changes. Texts end with 0; sizes leave that out. */
typedef struct gyre_http_header {
    const char *name;
    size_t name_size;
    const char *value;
    size_t value_size;
} gyre_http_header;

/* An empty list without memory; the same as zeroing it. */
GYRE_API void gyre_http_headers_init(gyre_http_headers *headers);

/* Gives the memory back; the list is empty again. */
GYRE_API void gyre_http_headers_fini(gyre_http_headers *headers);

/* Removes all fields and keeps the memory for the next ones. */
GYRE_API void gyre_http_headers_clear(gyre_http_headers *headers);

/*
 * Adds a field behind the others, whether or not the name is there already. Name and value are
 * copied; blanks around the value are dropped; the name's case is kept. Gives 0; GYRE_EHTTPHEADER
 * for a name that is not a token (letters, digits, !#$%&'*+-.^_`|~) or a value with controls in it
 * (CR, LF, 0, DEL...; tabs and bytes above 127 are allowed); GYRE_ELIMIT beyond 4 GiB; -ENOMEM. On
 * failure nothing has changed.
 */
GYRE_API GYRE_MUST_USE int64_t gyre_http_headers_add(gyre_http_headers *headers, const char *name,
                                                     const char *value);

/* The same for texts that need not end with 0. They must not lie in this very list. */
GYRE_API GYRE_MUST_USE int64_t gyre_http_headers_addn(gyre_http_headers *headers, const char *name,
                                                      size_t name_size, const char *value,
                                                      size_t value_size);

/*
 * Makes `value` the only value of `name`: the first field of that name takes it and keeps its
 * place, the others go; without one it is added. Result as gyre_http_headers_add().
 */
GYRE_API GYRE_MUST_USE int64_t gyre_http_headers_set(gyre_http_headers *headers, const char *name,
                                                     const char *value);

/* Removes every field of that name; gives how many there were. */
GYRE_API int64_t gyre_http_headers_remove(gyre_http_headers *headers, const char *name);

/* Replaces the content with a copy of other's. Gives 0 or -ENOMEM (then it is as before). */
GYRE_API GYRE_MUST_USE int64_t gyre_http_headers_copy(gyre_http_headers *headers,
                                                      const gyre_http_headers *other);

/* The first value of `name` (without regard to case), borrowed; NULL when there is none. */
GYRE_API const char *gyre_http_headers_get(const gyre_http_headers *headers, const char *name);

/* Fields in the list. */
GYRE_API size_t gyre_http_headers_count(const gyre_http_headers *headers);

/* The field at an index below the count; all NULL and 0 beyond. */
GYRE_API gyre_http_header gyre_http_headers_at(const gyre_http_headers *headers, size_t index);

/*
 * The next value of a name that may come several times. *cursor starts at 0. NULL after the last.
 * for (size_t cursor = 0; (value = gyre_http_headers_next(h, "set-cookie", &cursor));) ...
 */
GYRE_API const char *gyre_http_headers_next(const gyre_http_headers *headers, const char *name,
                                            size_t *cursor);

/*
 * True when `token` is one of the comma-separated items of the fields of that name, without regard
 * to case; parameters behind ';' do not count: has(h, "connection", "close").
 */
GYRE_API bool gyre_http_headers_has(const gyre_http_headers *headers, const char *name,
                                    const char *token);

/*
 * Bytes that gyre_http_headers_print() needs, without the end: name, ": ", value and CR LF of each.
 */
GYRE_API size_t gyre_http_headers_size(const gyre_http_headers *headers);

/*
 * The list as it goes over the wire, "Name: value\r\n" for each field, without the empty line. As
 * snprintf(): gives the length of the whole text, of which at most size - 1 bytes and an end are
 * written.
 */
GYRE_API int64_t gyre_http_headers_print(const gyre_http_headers *headers, char *buffer,
                                         size_t size);

GYRE_END_DECLS

#endif
