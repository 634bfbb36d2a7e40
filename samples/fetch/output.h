/*
 * Lines on stdout (--json), written by a task of its own: a reader that is slow holds those back
 * who have lines for it, not the loop, and whoever is cancelled leaves no half line behind.
 */
#ifndef FETCH_OUTPUT_H
#define FETCH_OUTPUT_H

#include <gyre/gyre.h>

struct output {
    gyre_queue lines; /* texts from malloc() */
    gyre_file file;
    gyre_task *task; /* the writer */
    int64_t error;   /* of writing; 0: none. Lines after it are dropped */
    void (*on_error)(void *arg, int64_t error);
    void *arg;
};

/* Starts the writer. on_error: called once, when writing has failed. Gives 0; -ENOMEM. */
int64_t output_start(struct output *output, void (*on_error)(void *arg, int64_t error), void *arg);

/* Hands a line over (moved in every case), waiting while too many are under way. NULL: -ENOMEM. */
GYRE_MUST_USE gyre_await output_put(struct output *output, char *line);

/* Ends it when all lines are written. Nothing if it was not started. */
struct output_finish {
    gyre_frame frame;
    struct output *output;
    int64_t n;
};
GYRE_CORO_DECLARE(output_finish);

#endif
