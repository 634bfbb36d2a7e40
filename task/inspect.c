/* Backtraces and dumps of tasks. */
#include "inspect.h"

#include <stdio.h>

#include "unwind_internal.h"

enum { MOST_FRAMES = 64 }; /* printed of one task */

static bool is_shown(const gyre_frame *frame)
{
    return !frame->leaf;
}

static unsigned line_of(const gyre_frame *frame)
{
    return frame->at == GYRE__FINALLY_AT ? 0 : frame->at;
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

static void describe_future(gyre_future *future, char *buffer, size_t size)
{
    gyre_task *task = gyre__as_task(future);

    if (task)
        snprintf(buffer, size, "task %s", gyre_task_name(task));
    else
        snprintf(buffer, size, "%s%s%s made at %s:%u",
                 future->kind == GYRE__FUTURE_COMBINED ? ((gyre__combined *)future)->class->name
                                                       : "future",
                 future->name ? " " : "", future->name ? future->name : "", future->file,
                 future->line);
}

static void describe_timer(const gyre_task *task, char *buffer, size_t size)
{
    uint64_t now = gyre_loop_time(task->future.loop), when = task->wait.timer.deadline;

    if (when >= GYRE__NEVER)
        snprintf(buffer, size, "sleep without end");
    else
        snprintf(buffer, size, "sleep for %.3f s", when > now ? (double)(when - now) / 1e9 : 0.0);
}

const char *gyre_task_waits_for(gyre_task *task, char *buffer, size_t size)
{
    gyre_future *future = gyre__task_awaited(task);

    if (gyre_task_done(task))
        snprintf(buffer, size, "nothing");
    else if (future)
        describe_future(future, buffer, size);
    else if (task->waiting == &gyre__wait_sleep)
        describe_timer(task, buffer, size);
    else
        snprintf(buffer, size, "%s", task->waiting ? task->waiting->what : "its turn");
    return buffer;
}

static const char *state_of(const gyre_task *task)
{
    if (gyre_task_cancelled(task))
        return "cancelled";
    if (gyre_task_done(task))
        return "done";
    if (!(task->flags & GYRE__TASK_STARTED))
        return "not started";
    return task->future.loop->current == task ? "running" : "waiting";
}

void gyre_task_print(gyre_task *task, FILE *out)
{
    gyre_frame_info frames[MOST_FRAMES];
    size_t count = gyre_task_backtrace(task, frames, MOST_FRAMES);
    char what[256];

    fprintf(out, "%s: %s", gyre_task_name(task), state_of(task));
    if (task->waiting)
        fprintf(out, " for %s", gyre_task_waits_for(task, what, sizeof(what)));
    if (task->cancels)
        fprintf(out, ", %u cancel request%s", task->cancels, task->cancels == 1 ? "" : "s");
    fputc('\n', out);
    for (size_t i = 0; i < count && i < MOST_FRAMES; i++)
        fprintf(out, "    %s %s:%u\n", frames[i].function, frames[i].file, frames[i].line);
    if (count > MOST_FRAMES)
        fprintf(out, "    ... and %zu more\n", count - MOST_FRAMES);
}

void gyre_loop_dump(const gyre_loop *loop, FILE *out)
{
    fprintf(out, "%zu task%s\n", loop->task_count, loop->task_count == 1 ? "" : "s");
    for (gyre__link *link = loop->tasks.next; link != &loop->tasks; link = link->next)
        gyre_task_print(GYRE__CONTAINER(link, gyre_task, link), out);
}
