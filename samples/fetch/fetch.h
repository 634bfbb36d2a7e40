/*
 * Fetching one URL: attempts, with pauses between them, until its file is whole or there is no
 * hope.
 */
#ifndef FETCH_FETCH_H
#define FETCH_FETCH_H

#include "run.h"
#include "save.h"

enum { FETCH_BUFFER = 262144 }; /* bytes that are on their way from the connection to the file */

/*
 * Leaves the item fetched, or failed with a reason, and gives 0; only a cancellation gives an
 * error, GYRE_ECANCELLED, and the item as it was. buffer: borrowed, of FETCH_BUFFER bytes.
 */
struct fetch {
    gyre_frame frame;
    struct run *run;
    struct item *item;
    char *buffer;
    struct save save;
    unsigned tries;  /* made that failed */
    int64_t wait_ns; /* what the server asked for, else -1 */
    uint64_t begun_ns;
    int64_t n;
};
GYRE_CORO_DECLARE(fetch);

#endif
