/* What the parser needs of header lists beyond their public functions. */
#ifndef GYRE_NET_HTTP_HEADERS_INTERNAL_H
#define GYRE_NET_HTTP_HEADERS_INTERNAL_H

#include "http_headers.h"

/*
 * As gyre_http_headers_addn(), for what is known to be a name and a value without blanks around it.
 */
GYRE_MUST_USE int64_t gyre__http_headers_put(gyre_http_headers *headers, const char *name,
                                             size_t name_size, const char *value,
                                             size_t value_size);

/* Leaves out the blanks (space, tab) at both ends of a text. */
void gyre__http_trim(const char **text, size_t *size);

#endif
