/* The progress bar: one for the whole race on a terminal, else a line for each way. */
#ifndef BAR_H
#define BAR_H

#include "board.h"

struct bar {
    struct board *board;
    unsigned total;   /* files of all ways */
    unsigned before;  /* of the ways that have ended */
    const char *name; /* of the way that runs */
    unsigned count;   /* its files */
    bool draws;       /* stderr is a terminal */
};

void bar_init(struct bar *bar, struct board *board, unsigned total);

/* A way begins; name: borrowed until it ends. */
void bar_begin(struct bar *bar, const char *name, unsigned count);

/* Draws it again; arg: a struct bar. */
void bar_tick(void *arg);

/* The way has ended. */
void bar_end(struct bar *bar, double seconds);

/* Takes it off the screen. Safe in signal handlers. */
void bar_erase(const struct bar *bar);

#endif
