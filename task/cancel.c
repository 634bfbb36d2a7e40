/* Cancellation: edge-triggered, counted, delivered at the await. Never allocates, never runs a step. */
#include "task_internal.h"
#include "unwind_internal.h"

bool gyre__cancel_wait(gyre_task *task, gyre_error *detail)
{
    gyre_error *old = task->error;

    if (!gyre__wake_task(task))
        return false;
    task->flags |= GYRE__TASK_WAIT_CANCELLED | GYRE__TASK_MESSAGE_SET;
    task->error = gyre_error_ref(detail);
    gyre_error_unref(old);
    return true;
}

gyre_error *gyre__take_message(gyre_task *task)
{
    gyre_error *message = task->future.detail;

    if (task->flags & GYRE__TASK_MESSAGE_SET) {
        task->flags &= ~(uint32_t)GYRE__TASK_MESSAGE_SET;
        message = task->error;
        task->error = NULL;
    } else if (task->flags & GYRE__TASK_WAIT_CANCELLED) {
        task->future.detail = NULL; /* where operations have it */
    } else {
        gyre_error_ref(message);
    }
    return message;
}

/* The request is kept until the next step. That of a wait for an operation has its message there. */
static void keep_request(gyre_task *task, gyre_error *detail)
{
    const uint32_t both = GYRE__TASK_WAIT_CANCELLED | GYRE__TASK_MESSAGE_SET;
    gyre_error *old = task->future.detail;

    task->flags |= GYRE__TASK_MUST_CANCEL;
    if ((task->flags & both) == GYRE__TASK_WAIT_CANCELLED)
        return;
    task->future.detail = gyre_error_ref(detail);
    gyre_error_unref(old);
}

/* The unfinished task that this one awaits, or NULL. */
static gyre_task *awaited_task(const gyre_task *task)
{
    gyre_future *future = gyre__task_awaited(task);

    if (!future || future->state != GYRE_FUTURE_PENDING)
        return NULL;
    return gyre__as_task(future);
}

/* Tasks that await each other, directly or through a gather: nobody else could end that, so this wait ends. */
static void leave_cycle(gyre_task *task, gyre_error *detail)
{
    gyre_future *future = gyre__task_awaited(task);

    if (future && future->state == GYRE_FUTURE_PENDING && gyre__cancel_wait(task, detail))
        gyre__future_remove(future, &task->wait.on.callback);
}

static bool cancel_what_it_awaits(gyre_task *task, gyre_error *detail)
{
    bool requested;

    if (!task->waiting || !task->waiting->cancel)
        return false;
    task->flags |= GYRE__TASK_CANCELLING;
    requested = task->waiting->cancel(task, detail);
    task->flags &= ~(uint32_t)GYRE__TASK_CANCELLING;
    return requested;
}

int64_t gyre_task_cancel_with(gyre_task *task, gyre_error *detail)
{
    size_t steps = task->future.loop->task_count; /* awaits can form a cycle */
    gyre_task *awaited;

    gyre__check_thread(task->future.loop, "gyre_task_cancel");
    if (task->future.state != GYRE_FUTURE_PENDING) {
        gyre__future_retrieved(&task->future);
        return 0;
    }
    /* A loop instead of recursion: chains of tasks may be long. */
    for (task->cancels++; (awaited = awaited_task(task)) != NULL && steps-- > 0; task->cancels++)
        task = awaited;
    if (__builtin_expect(awaited || task->flags & GYRE__TASK_CANCELLING, 0))
        leave_cycle(task, detail);
    else if (!cancel_what_it_awaits(task, detail))
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
    if (task->cancels > 0 && --task->cancels == 0)
        task->flags &= ~(uint32_t)GYRE__TASK_MUST_CANCEL;
    return task->cancels;
}
