/* The command line of gyre-race. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "race.h"
#include "../command.h"

enum { EXIT_RACED = 0, EXIT_TROUBLE = 1, EXIT_USAGE = 2, GO_ON = -1 };

/* Sets what the options and their defaults say; gives GO_ON, or the exit status. */
int options_parse(struct race *race, int argc, char **argv);

#endif
