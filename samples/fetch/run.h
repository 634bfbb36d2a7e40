/* The run as a whole: workers that take URLs from a queue, and what they have in common. */
#ifndef FETCH_RUN_H
#define FETCH_RUN_H

#include <gyre/gyre.h>

#include "options.h"
#include "output.h"
#include "progress.h"

struct run {
    struct options *options;
    gyre_tls_context *tls; /* NULL: the client's own */
    gyre_http_client *client;
    gyre_queue waiting;    /* struct item *, in order */
    bool queue_made;       /* it can be used, and must be ended */
    gyre_group group;      /* of the workers */
    struct item **running; /* what each worker has, or NULL */
    size_t workers;
    struct output output;    /* --json */
    bool draws;              /* the bar */
    bool tells;              /* a line for each file */
    char stopped[200];       /* why the run ends early; "": it does not */
    uint64_t interrupted_ns; /* when a signal came; 0: none */
    size_t fetched, failed;  /* URLs */
    uint64_t received;       /* bytes */
    uint64_t started_ns;
};

/* Fetches everything; gives the exit status. Ends what it began on every way out. */
struct run_all {
    gyre_frame frame;
    struct run *run;
    gyre_task *drawing;
    size_t i;
    int64_t n;
};
GYRE_CORO_DECLARE(run_all);

/*
 * Has the run end now: nothing more is begun, what is under way is cancelled. The first reason
 * counts.
 */
void run_stop(struct run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
