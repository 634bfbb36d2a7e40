/* Cancellation: edge-triggered, counted, delivered at the await. Never allocates, never runs a step. */
#include "task_internal.h"
#include "unwind_internal.h"

bool gyre__cancel_wait(gyre_task *task, gyre_error *detail)
{
    gyre_error *old = task->future.detail;

    if (!gyre__wake_task(task))
        return false;
    task->flags |= GYRE__TASK_WAIT_CANCELLED;
    task->future.detail = gyre_error_ref(detail);
    gyre_error_unref(old);
    return true;
}

/* The request is kept until the next step. One that a wait has taken already keeps its message. */
static void keep_request(gyre_task *task, gyre_error *detail)
{
    task->flags |= GYRE__TASK_MUST_CANCEL;
    if (!(task->flags & GYRE__TASK_WAIT_CANCELLED)) {
        gyre_error *old = task->future.detail;

        task->future.detail = gyre_error_ref(detail);
        gyre_error_unref(old);
    }
}

/* The unfinished task that this one awaits, or NULL. */
static gyre_task *awaited_task(const gyre_task *task)
{
    gyre_future *future = gyre__task_awaited(task);

    if (!future || future->state != GYRE_FUTURE_PENDING)
        return NULL;
    return gyre__as_task(future);
}

int64_t gyre_task_cancel_with(gyre_task *task, gyre_error *detail)
{
    size_t steps = task->future.loop->task_count; /* awaits can form a cycle */
    gyre_task *awaited;

    gyre__check_thread(task->future.loop, "gyre_task_cancel");
    if (task->future.state != GYRE_FUTURE_PENDING)
        return 0;
    /* A loop instead of recursion: chains of tasks may be long. */
    for (task->cancels++; (awaited = awaited_task(task)) != NULL && steps-- > 0; task->cancels++)
        task = awaited;
    if (!task->waiting || !task->waiting->cancel || !task->waiting->cancel(task, detail))
        keep_request(task, detail);
    return 1;
}

int64_t gyre_task_cancel(gyre_task *task)
{
    return gyre_task_cancel_with(task, NULL);
}

unsigned gyre_task_cancelling(const gyre_task *task)
{
    return task->cancels;
}

unsigned gyre_task_uncancel(gyre_task *task)
{
    gyre__check_thread(task->future.loop, __func__);
    if (task->cancels > 0 && --task->cancels == 0 && task->flags & GYRE__TASK_MUST_CANCEL) {
        task->flags &= ~(uint32_t)GYRE__TASK_MUST_CANCEL;
        gyre_error_unref(task->future.detail);
        task->future.detail = NULL;
    }
    return task->cancels;
}
