/* The progress bar: how far, how fast, how long yet. */
#ifndef FETCH_PROGRESS_H
#define FETCH_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The rate of the last seconds, from samples that are taken as often as the bar is drawn. */
struct progress_rate {
    struct progress_sample {
        uint64_t when_ns, bytes;
    } samples[25];
    size_t count; /* taken, ever */
};

void progress_sample(struct progress_rate *rate, uint64_t when_ns, uint64_t bytes);
double progress_per_second(const struct progress_rate *rate); /* bytes; 0 until it is known */

/* What the bar tells. */
struct progress {
    size_t files, fetched, failed; /* URLs: all, and those that are done */
    double under_way;      /* of the others, as files: two of which one half is there are 1.0 */
    uint64_t bytes;        /* received in all */
    uint64_t missing;      /* bytes of those under way, as far as that is known */
    uint64_t there, whole; /* bytes of the only file; whole 0: not known, or several files */
    double rate;           /* bytes a second */
    uint64_t elapsed_ns;
};

/* How much is done, from 0 to 1; negative: that is not known. */
double progress_done(const struct progress *progress);

/* Nanoseconds until the end, at this rate; negative: not known. */
int64_t progress_left(const struct progress *progress);

/* The bar, of at most `columns` columns and size - 1 bytes: what does not fit is left out. */
void progress_print(const struct progress *progress, unsigned columns, char *line, size_t size);

#endif
