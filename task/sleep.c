/* Sleeping: a timer in the task itself. */
#include "task_internal.h"

/* A bare yield: nothing to cancel, so a request is kept for the next step. */
static const gyre__wait_kind wait_turn = {.what = "its next turn"};

static bool cancel_sleep(gyre_task *task, gyre_error *detail)
{
    if (!gyre__cancel_wait(task, detail))
        return false;
    gyre__timers_remove(&task->future.loop->timers, &task->wait.timer);
    return true;
}

static int64_t finish_sleep(gyre_task *task)
{
    return gyre__wait_result(task);
}

const gyre__wait_kind gyre__wait_sleep = {
    .what = "sleep", .cancel = cancel_sleep, .finish = finish_sleep};

/* As in CPython the timer ends the wait, and the task is woken by a handle of its own. */
static void due(gyre__node *node)
{
    gyre__wake_task(GYRE__CONTAINER(node, gyre_task, wait.timer.node));
}

gyre_await gyre_sleep_until(uint64_t when_ns)
{
    gyre_task *task = gyre__task_running("gyre_sleep_until");

    if (!gyre__may_park(task))
        return gyre__complete(task, GYRE_ECANCELLED);
    gyre__timer_init(&task->wait.timer, due);
    gyre__timers_add(&task->future.loop->timers, &task->wait.timer, when_ns, 0);
    return gyre__park(task, &gyre__wait_sleep);
}

gyre_await gyre_sleep(int64_t delay_ns)
{
    gyre_task *task = gyre__task_running("gyre_sleep");

    gyre_await pending;

    if (delay_ns > 0)
        return gyre_sleep_until(gyre__deadline(task->future.loop, delay_ns));
    if (!gyre__may_park(task))
        return gyre__complete(task, GYRE_ECANCELLED);
    pending = gyre__park(task, &wait_turn);
    gyre__wake_task(task);
    return pending;
}
