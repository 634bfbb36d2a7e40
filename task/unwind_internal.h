/* How tasks hang into the life of their loop: unwinding at close, dumps. */
#ifndef GYRE_TASK_UNWIND_INTERNAL_H
#define GYRE_TASK_UNWIND_INTERNAL_H

#include "task_internal.h"

/* Sets loop->unwind and loop->dump; with the first task of a loop. */
void gyre__hang_into(gyre_loop *loop);

/* The future that a parked task awaits, borrowed; NULL if it waits for something else. */
gyre_future *gyre__task_awaited(const gyre_task *task);

/* Ends the wait, runs the task until it parks or ends. */
void gyre__task_step(gyre_task *task);

#endif
