/* The ways to download the files. Each runs in a process of its own, to be measured on its own. */
#ifndef WAYS_H
#define WAYS_H

#include "race.h"

/* All of them: download files 0 to count - 1, and give false after a complaint on the board. */
typedef bool way_function(const struct race *race, unsigned count);

way_function way_serial;    /* one after the other */
way_function way_threads;   /* few threads that block, each taking the next file */
way_function way_processes; /* few processes that block, a share each */
way_function way_queue;     /* few processes that block, fed by a queue */
way_function way_tasks;     /* many gyre tasks in one thread */

/* Not one of the race: gyre tasks that call the blocking client, as in what was reported. */
way_function way_blocking_tasks;

#endif
