/* Numbers as people read them. */
#ifndef FETCH_SHOW_H
#define FETCH_SHOW_H

#include <stdint.h>

/* A short text, as a value: printf("%s", show_size(n).text). */
struct shown {
    char text[24];
};

struct shown show_size(uint64_t bytes); /* "0 B", "999 B", "1.0 kB", "12.3 MB": powers of 1000 */
struct shown show_time(int64_t ns);     /* "0.05 s", "12.3 s" */
struct shown show_clock(int64_t ns);    /* "0:05", "12:34", "1:00:00", "2d 03h": for estimates */

#endif
