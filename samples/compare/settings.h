/* What the command line decides: how much there is to do, and by how many. */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <stdbool.h>

#include "../command.h"

struct settings {
    unsigned sums;     /* pieces of computing */
    unsigned terms;    /* of each sum */
    unsigned few;      /* threads and processes that compute */
    unsigned pieces;   /* files, requests, sleeps; threads and processes for them, too */
    unsigned size_kib; /* of a file */
    unsigned delay_ms; /* before the server answers */
    unsigned sleep_ms;
    const char *folder; /* for the files */
    bool wanted[4];     /* kinds of work, in the order of scenes.c */
};

/* Set before the first process is made, and never again: so all of them have the same. */
extern struct settings settings;

enum { EXIT_DONE = 0, EXIT_TROUBLE = 1, EXIT_USAGE = 2, GO_ON = -1 };
enum { MOST_AT_ONCE = 100 };

/* Fills in the settings; gives GO_ON, or the exit status. */
int settings_parse(int argc, char **argv);

#endif
