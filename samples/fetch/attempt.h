/* One attempt to fetch a URL, or what is missing of it: a request, and its answer into the file. */
#ifndef FETCH_ATTEMPT_H
#define FETCH_ATTEMPT_H

#include "fetch.h"

/* What an attempt gives; item->error says why it failed. */
enum verdict {
    VERDICT_FETCHED,
    VERDICT_AGAIN,  /* what was there does not fit: at once, from the start */
    VERDICT_LATER,  /* failed, may work in a while */
    VERDICT_FAILED, /* for good */
};

/* Gives a verdict or GYRE_ECANCELLED. */
struct attempt {
    gyre_frame frame;
    struct fetch *fetch;
    gyre_http_headers headers;
    gyre_http_response *response;
    uint64_t from; /* the first byte that was asked for; 0: all of it */
    bool goes_on;  /* the answer begins there */
    int64_t n;
};
GYRE_CORO_DECLARE(attempt);

/* Notes why the item fails; what stood there is forgotten. */
void item_note(struct item *item, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same for an error of the file system. Gives VERDICT_FAILED. */
enum verdict item_note_local(struct item *item, int64_t error);

#endif
