/* What --help and --version print. */
#ifndef FETCH_HELP_H
#define FETCH_HELP_H

#include <stdbool.h>

/* On stdout; gives false if that failed. */
bool help_print(void);
bool help_print_version(void);

#endif
