/* The ways to do the work. Each runs in a process of its own, and counts every piece in the tally. */
#ifndef WAYS_H
#define WAYS_H

#include "tally.h"
#include "work.h"

typedef void way_function(const struct work *work);

way_function way_serial;         /* one after the other */
way_function way_threads;        /* pthreads that block, each taking the next piece */
way_function way_processes;      /* processes that block, a share each */
way_function way_queue;          /* processes that block, fed by a pipe */
way_function way_tasks;          /* a gyre task for each piece, which awaits */
way_function way_blocking_tasks; /* a gyre task for each piece, which blocks */
way_function way_task_threads;   /* tasks that await gyre's executor */
way_function way_task_processes; /* tasks that await gyre's process pool */

#endif
