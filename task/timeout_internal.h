/* A timeout whose time is up from the start, for waits with nothing to wait for. */
#ifndef GYRE_TASK_TIMEOUT_INTERNAL_H
#define GYRE_TASK_TIMEOUT_INTERNAL_H

#include "task_internal.h"
#include "timeout.h"

/* Enters a scope and cancels the running task, which may have parked already, in its name. */
void gyre__timeout_enter_expired(gyre_timeout *timeout, gyre_task *task);

#endif
