/* What the command lines of the sample programs share. */
#ifndef GYRE_SAMPLES_COMMAND_H
#define GYRE_SAMPLES_COMMAND_H

#include <stdbool.h>

/* "gyre-race" and so on: each program defines its own. */
extern const char command_name[];

/* One line on stderr: "gyre-race: ...". */
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);

/*
 * The value of an option, a whole number from `least` to `most`, as getopt left it in optarg; false
 * after a line that says what is wrong.
 */
bool number(const char *name, unsigned least, unsigned most, unsigned *out);

#endif
