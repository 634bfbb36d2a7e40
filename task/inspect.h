/*
 * Looking at tasks: who waits where, and for what. Works in every build, as frames keep their
 * lines.
 *
 * Python names: Task.get_stack, Task.print_stack, asyncio.capture_call_graph, print_call_graph,
 * python -m asyncio ps.
 */
#ifndef GYRE_TASK_INSPECT_H
#define GYRE_TASK_INSPECT_H

#include <stdio.h>

#include "task.h"

GYRE_BEGIN_DECLS

/* One coroutine that is under way. */
typedef struct gyre_frame_info {
    const char *function; /* borrowed, static */
    const char *file;
    unsigned line;        /* of the await it waits at; 0: not started */
} gyre_frame_info;

/*
 * The frames of a task, innermost first. Fills out_frames with at most `max` of them (NULL with
 * max 0 to count); gives how many there are. 0 for a task that is done. get_stack().
 */
GYRE_API size_t gyre_task_backtrace(const gyre_task *task, gyre_frame_info *out_frames, size_t max);

/*
 * What the task waits for as text ("sleep for 0.250 s", "gather of task Task-3, task Task-4",
 * "lock, held by task Task-2"), cut off where the buffer ends; gives the buffer.
 */
GYRE_API const char *gyre_task_waits_for(gyre_task *task, char *buffer, size_t size);

/* Name, state, what it waits for, and a line `function file:line` per frame. print_stack(). */
GYRE_API void gyre_task_print(gyre_task *task, FILE *out);

/*
 * gyre_task_print() for every unfinished task of the loop, oldest first (the first thousand), then
 * gyre_loop_print_cycles(). This is what the loop prints to stderr with GYRE_EDEADLOCK.
 */
GYRE_API void gyre_loop_dump(const gyre_loop *loop, FILE *out);

/*
 * Tasks that wait for each other, directly, through gathers and groups, or for a lock that the
 * next one holds: a heading, then a line "Task-2 -> Task-3 -> Task-2" for each circle. Nothing
 * where there is none.
 */
GYRE_API void gyre_loop_print_cycles(const gyre_loop *loop, FILE *out);

/*
 * The tasks that wait for this one, directly or through gathers, groups and locks, oldest first:
 * at most `max` of them, borrowed, go to out_tasks. Gives how many there are.
 * capture_call_graph().
 */
GYRE_API size_t gyre_task_awaited_by(gyre_task *task, gyre_task **out_tasks, size_t max);

/*
 * gyre_task_print() for the task, then for those that wait for it, and so on, indented: who in
 * the end depends on this task. print_call_graph().
 */
GYRE_API void gyre_task_print_graph(gyre_task *task, FILE *out);

GYRE_END_DECLS

#endif
