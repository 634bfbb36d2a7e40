/* The tally: what has been done, in memory that all processes share. */
#ifndef TALLY_H
#define TALLY_H

#include <stdatomic.h>
#include <stdint.h>

struct tally {
    atomic_uint pieces;     /* that were done */
    atomic_llong sum;       /* of their results: every way must come to the same */
    atomic_llong error;     /* the first one, 0: none */
    atomic_uint slow_steps; /* that the loop has told of */
};

extern struct tally *tally;

/* Makes it; gives 0 or -errno. */
int64_t tally_make(void);
void tally_clear(void);

/* Counts a piece's result, or takes down an error; gives it back. Any thread or process. */
int64_t tally_add(int64_t result);

#endif
