/* Two short scenes before the race: what waiting at the same time means. */
#ifndef SCENES_H
#define SCENES_H

#include "race.h"

/* Plays and tells them on stdout. False after a complaint on the board. */
bool scenes_play(const struct race *race);

#endif
