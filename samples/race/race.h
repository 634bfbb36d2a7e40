/* What every part of the race knows: the files, and how they are to be had. */
#ifndef RACE_H
#define RACE_H

#include <stdbool.h>
#include <stdint.h>

#include "board.h"

/* A file on the embedded server: "/SIZE/DELAY/NUMBER". */
struct file {
    unsigned size;     /* bytes */
    unsigned delay_ms; /* how long the server thinks before it answers */
    unsigned number;   /* decides what is in it */
};

struct race {
    unsigned count;    /* files that each way downloads */
    unsigned part;     /* so many where they come one after the other; the rest is scaled */
    unsigned size;     /* bytes of each */
    unsigned delay_ms; /* before each answer */
    unsigned few;      /* threads or processes */
    unsigned many;     /* tasks */
    bool scenes;       /* what comes before the race, too */
    const char *root;  /* PEM of the authority that is trusted; borrowed */
    struct board *board;
};

enum { LARGEST_FILE = 1 << 20, MOST_AT_ONCE = 1000 };

static inline struct file race_file(const struct race *race, unsigned number)
{
    return (struct file){race->size, race->delay_ms, number};
}

#endif
