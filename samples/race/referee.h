/* The referee: runs a way in a process of its own, and measures it. */
#ifndef REFEREE_H
#define REFEREE_H

#include "ways.h"

struct measured {
    unsigned files;     /* that were downloaded */
    double seconds;     /* from its first to its last moment, all that belongs to it included */
    double cpu_seconds; /* of all its processes, without the server */
    uint64_t bytes; /* most memory at any time, of all its processes; what they share counts once.
                         0: it ended before anybody could look */
};

/*
 * Runs it for `count` files. tick: called with `arg` about 50 times a second, and once at the end.
 * False if something went wrong, which the board tells.
 */
bool referee_measure(const struct race *race, way_function *way, unsigned count,
                     void (*tick)(void *arg), void *arg, struct measured *out);

#endif
