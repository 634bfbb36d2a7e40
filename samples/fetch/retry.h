/* What is worth another attempt, and when. */
#ifndef FETCH_RETRY_H
#define FETCH_RETRY_H

#include <gyre/gyre.h>
#include <time.h>

/* Statuses that say "later": 408, 425, 429, and of 5xx those that may pass. */
bool retry_status(unsigned status);

/* Errors that may pass: of connections, of name servers, time-outs. */
bool retry_error(int64_t code);

/*
 * How long to wait before attempt number `attempt` (1: the first one again): half a second, doubled
 * each time up to half a minute, and up to a quarter more or less by the random number, so that
 * many clients do not come back at once.
 */
int64_t retry_delay(unsigned attempt, uint64_t random);

/* The longest that is waited because a server says so. */
#define RETRY_MOST_WAIT GYRE_SECONDS(300)

/*
 * What Retry-After says: seconds, or a date (now: the present); in nanoseconds, -1 if it says
 * nothing.
 */
int64_t retry_after(const char *value, time_t now);

#endif
