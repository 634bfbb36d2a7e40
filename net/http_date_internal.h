/* HTTP dates: the one form that is written, the three that are read. */
#ifndef GYRE_NET_HTTP_DATE_INTERNAL_H
#define GYRE_NET_HTTP_DATE_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "../loop/api.h"

/* Room for "Sun, 06 Nov 1994 08:49:37 GMT" and its end. */
enum { GYRE__HTTP_DATE_SIZE = 30 };

/*
 * Writes the date (29 bytes and 0). seconds: since 1970, UTC; held to the years 1601 to 9999.
 */
void gyre__http_date_print(char buffer[GYRE__HTTP_DATE_SIZE], int64_t seconds);

/*
 * Reads "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT" or "Sun Nov  6 08:49:37
 * 1994", exactly so; the day of the week must be one, not the right one. A year of two digits is
 * the one that is at most 50 years after `now` (seconds since 1970). Gives 0 with *out_seconds set,
 * or -EINVAL.
 */
GYRE_MUST_USE int64_t gyre__http_date_parse(const char *text, size_t size, int64_t now,
                                            int64_t *out_seconds);

#endif
