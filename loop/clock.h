/*
 * Clocks: the real one, a virtual one for tests, or the user's own.
 *
 * Times are uint64_t nanoseconds on the loop's clock. The real clock is CLOCK_MONOTONIC. The virtual
 * clock starts at 0 and moves only when nothing is ready and no I/O is pending: then it jumps to the next
 * timer, so that a test of an hour of sleeping takes no time and always does the same.
 */
#ifndef GYRE_LOOP_CLOCK_H
#define GYRE_LOOP_CLOCK_H

#include <stdint.h>

#include "api.h"

GYRE_BEGIN_DECLS

typedef enum gyre_clock_kind {
    GYRE_CLOCK_REAL,
    GYRE_CLOCK_VIRTUAL,
} gyre_clock_kind;

/* Readable units: gyre_sleep(GYRE_MS(20)). */
#define GYRE_NS(n) ((int64_t)(n))
#define GYRE_US(n) ((int64_t)((n)*INT64_C(1000)))
#define GYRE_MS(n) ((int64_t)((n)*INT64_C(1000000)))
#define GYRE_SECONDS(n) ((int64_t)((double)(n)*1000000000.0)) /* fractions allowed */

/* "No time-out" wherever a duration or deadline can be left out. */
#define GYRE_FOREVER INT64_MAX

GYRE_END_DECLS

#endif
