/* Backtraces and dumps of tasks. */
#include "inspect.h"

#include <stdio.h>

#include "graph_internal.h"

enum { MOST_FRAMES = 64, MOST_TASKS = 1000 }; /* printed of one task, of one loop */

static bool is_shown(const gyre_frame *frame)
{
    return !frame->leaf;
}

static unsigned line_of(const gyre_frame *frame)
{
    return frame->at == GYRE__FINALLY_AT ? 0 : frame->at;
}

/* The first frame follows the task, and its head stays there when it is done; but huge ones lie elsewhere. */
const gyre_coro *gyre_task_coro(const gyre_task *task)
{
    const gyre_frame *frame = task->top;

    if ((size_t)task->future.blocks * GYRE__BLOCK_UNIT > sizeof(*task))
        return ((const gyre_frame *)(const void *)(task + 1))->coro;
    while (frame && frame->caller)
        frame = frame->caller;
    return frame ? frame->coro : NULL;
}

size_t gyre_task_backtrace(const gyre_task *task, gyre_frame_info *out_frames, size_t max)
{
    size_t count = 0;

    if (gyre_task_done(task))
        return 0;
    for (const gyre_frame *frame = task->top; frame; frame = frame->caller) {
        if (!is_shown(frame))
            continue;
        if (count < max)
            out_frames[count] =
                (gyre_frame_info){frame->coro->name, frame->coro->file, line_of(frame)};
        count++;
    }
    return count;
}

static const char *state_of(const gyre_task *task)
{
    if (gyre_task_cancelled(task))
        return "cancelled";
    if (gyre_task_done(task))
        return "done";
    if (!(task->flags & GYRE__TASK_STARTED))
        return "not started";
    return gyre_task_current() == task ? "running" : "waiting";
}

void gyre__print_task(gyre_task *task, FILE *out, unsigned indent)
{
    gyre_frame_info frames[MOST_FRAMES];
    size_t count = gyre_task_backtrace(task, frames, MOST_FRAMES);
    char what[512];

    fprintf(out, "%*s%s: %s", (int)indent, "", gyre_task_name(task), state_of(task));
    if (task->waiting)
        fprintf(out, " for %s", gyre_task_waits_for(task, what, sizeof(what)));
    if (task->cancels)
        fprintf(out, ", %u cancel request%s", task->cancels, task->cancels == 1 ? "" : "s");
    fputc('\n', out);
    for (size_t i = 0; i < count && i < MOST_FRAMES; i++)
        fprintf(out, "%*s    %s %s:%u\n", (int)indent, "", frames[i].function, frames[i].file,
                frames[i].line);
    if (count > MOST_FRAMES)
        fprintf(out, "%*s    ... and %zu more\n", (int)indent, "", count - MOST_FRAMES);
}

void gyre_task_print(gyre_task *task, FILE *out)
{
    gyre__print_task(task, out, 0);
}

void gyre_loop_dump(const gyre_loop *loop, FILE *out)
{
    size_t left = loop->task_count;

    fprintf(out, "%zu task%s\n", left, left == 1 ? "" : "s");
    for (gyre__link *link = loop->tasks.next; link != &loop->tasks; link = link->next, left--) {
        if (loop->task_count - left == MOST_TASKS) {
            fprintf(out, "... and %zu more\n", left);
            break;
        }
        gyre_task_print(GYRE__CONTAINER(link, gyre_task, link), out);
    }
    gyre_loop_print_cycles(loop, out);
}

void gyre_loop_each_task(gyre_loop *loop, bool (*visit)(gyre_task *, void *), void *arg)
{
    gyre__link *link, *next;

    gyre__check_thread(loop, __func__);
    for (link = loop->tasks.next; link != &loop->tasks; link = next) {
        next = link->next;
        if (!visit(GYRE__CONTAINER(link, gyre_task, link), arg))
            return;
    }
}
