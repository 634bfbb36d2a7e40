/*
 * Who waits for whom: the edges between tasks, for dumps. Nothing here allocates, except default
 * names of tasks.
 */
#ifndef GYRE_TASK_GRAPH_INTERNAL_H
#define GYRE_TASK_GRAPH_INTERNAL_H

#include <stdio.h>

#include "unwind_internal.h"

typedef bool gyre__visit_task(gyre_task *task, void *arg);

/* The i-th future that the task waits for, NULL behind the last. */
gyre_future *gyre__task_awaits(const gyre_task *task, size_t i);

/* Calls visit for each unfinished task that this one waits for until it gives true; gives that. */
bool gyre__each_awaited(const gyre_task *task, gyre__visit_task *visit, void *arg);

/* gyre_task_print(), each line behind so many spaces: inspect.c */
void gyre__print_task(gyre_task *task, FILE *out, unsigned indent);

#endif
