/* Events: a flag; setting it wakes everyone in line. */
#include "event.h"

#include "line_internal.h"

void gyre_event_init(gyre_event *event)
{
    *event = (gyre_event){.loop = NULL};
    gyre__list_init(&event->waiters);
}

bool gyre_event_is_set(const gyre_event *event)
{
    return event->value;
}

void gyre_event_set(gyre_event *event)
{
    if (event->value)
        return;
    event->value = true;
    for (gyre__link *link = event->waiters.next; link != &event->waiters; link = link->next)
        gyre__waiter_wake(gyre__slot_task(link), __func__);
}

void gyre_event_clear(gyre_event *event)
{
    event->value = false;
}

/* Who was woken gets through even if the event was cleared meanwhile. */
static int64_t finish(gyre_task *task)
{
    gyre__list_unlink(&task->wait.slot.link);
    return gyre__waiter_cancelled(task) ? GYRE_ECANCELLED : 1;
}

static const gyre__wait_kind wait_event = {
    .what = "event", .cancel = gyre__cancel_wait, .finish = finish};

gyre_await gyre_event_wait(gyre_event *event)
{
    gyre_task *task = gyre__task_running(__func__);
    int64_t rc;

    if (event->value)
        return gyre__complete(task, 1);
    rc = gyre__line_check(&event->loop, task);
    if (rc < 0)
        return gyre__complete(task, rc);
    return gyre__line_up(&event->waiters, task, &wait_event, event);
}
