/* Closing a loop with tasks in it: each is cancelled and runs to its end, with every await failing at once. */
#include "unwind_internal.h"

#include "inspect.h"

enum { HOPELESS = 1000000 }; /* awaits without any task ending: then one ignores its cancellation for good */

void gyre__closing_await(const gyre_task *task)
{
    gyre_loop *loop = task->future.loop;

    if (loop->closing_tasks != loop->task_count) {
        loop->closing_tasks = loop->task_count; /* some have ended since */
        loop->closing_awaits = 0;
    }
    if (++loop->closing_awaits > HOPELESS)
        gyre__fatal("gyre_loop_close: %s (%s) goes on awaiting although its loop is being closed",
                    gyre_task_name((gyre_task *)(uintptr_t)task), task->top->coro->name);
}

static bool cancel_task(gyre_task *task, void *arg)
{
    (void)arg;
    gyre_task_cancel(task);
    return true;
}

/* A wait that does not answer to its cancellation is ended by force. */
static void force(gyre_task *task)
{
    gyre_future *future = gyre__task_awaited(task);

    if (future) {
        gyre__future_remove(future, &task->wait.on.callback);
        gyre_future_unref(future);
        task->waiting = NULL;
    }
    task->flags |= GYRE__TASK_MUST_CANCEL;
    gyre__task_step(task);
}

static void unwind_tasks(gyre_loop *loop)
{
    gyre_loop_each_task(loop, cancel_task, NULL);
    for (;;) {
        gyre__drain_ready(loop);
        if (gyre__list_empty(&loop->tasks))
            return;
        if (loop->backend.in_flight > loop->backend.internal) {
            gyre__backend_cancel_all(loop);
            gyre__backend_poll(loop, GYRE_SECONDS(1));
        } else {
            force(GYRE__CONTAINER(loop->tasks.next, gyre_task, link));
        }
    }
}

void gyre__hang_into(gyre_loop *loop)
{
    loop->unwind = unwind_tasks;
    loop->dump = gyre_loop_dump;
}
