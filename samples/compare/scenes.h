/* The scenes: a kind of work each, done in every way. */
#ifndef SCENES_H
#define SCENES_H

#include <stdbool.h>

/* Plays those that are wanted, and prints their tables. False after saying what went wrong. */
bool scenes_play(void);

#endif
