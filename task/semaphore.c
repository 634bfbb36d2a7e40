/* Semaphores: a counter and a line. What is released is counted out to a waiter before it runs. */
#include <errno.h>

#include "semaphore_internal.h"

static int64_t init(gyre_semaphore *semaphore, int64_t value, int64_t bound)
{
    if (value < 0)
        return -EINVAL;
    *semaphore = (gyre_semaphore){.value = value, .bound = bound};
    gyre__list_init(&semaphore->waiters);
    return 0;
}

int64_t gyre_semaphore_init(gyre_semaphore *semaphore, int64_t value)
{
    return init(semaphore, value, INT64_MAX);
}

int64_t gyre_semaphore_init_bounded(gyre_semaphore *semaphore, int64_t value)
{
    return init(semaphore, value, value);
}

/* Those who were woken count still: nobody passes them until they have run. */
bool gyre_semaphore_locked(const gyre_semaphore *semaphore)
{
    if (semaphore->value == 0)
        return true;
    for (gyre__link *link = semaphore->waiters.next; link != &semaphore->waiters; link = link->next)
        if (!gyre__waiter_cancelled(gyre__slot_task(link)))
            return true;
    return false;
}

bool gyre__semaphore_take(gyre_semaphore *semaphore)
{
    if (gyre_semaphore_locked(semaphore))
        return false;
    semaphore->value--;
    return true;
}

/* Counts one out to the first who was not woken yet; false if there is none. */
static bool wake_next(gyre_semaphore *semaphore)
{
    for (gyre__link *link = semaphore->waiters.next; link != &semaphore->waiters; link = link->next)
        if (gyre__waiter_wake(gyre__slot_task(link), "gyre_semaphore_release")) {
            semaphore->value--;
            return true;
        }
    return false;
}

int64_t gyre__semaphore_finish(gyre_task *task)
{
    gyre_semaphore *semaphore = task->wait.slot.owner;

    gyre__list_unlink(&task->wait.slot.link);
    if (gyre__raises_cancelled(task) && gyre__waiter_done(task) && !gyre__waiter_cancelled(task))
        semaphore->value++; /* counted out to this task, which will not have it */
    /* More may be there for those who came while this one stood before them. */
    while (semaphore->value > 0 && wake_next(semaphore))
        ;
    return gyre__waiter_cancelled(task) ? GYRE_ECANCELLED : 1;
}

static const gyre__wait_kind wait_semaphore = {
    .what = "semaphore", .cancel = gyre__cancel_wait, .finish = gyre__semaphore_finish};

gyre_await gyre_semaphore_acquire(gyre_semaphore *semaphore)
{
    gyre_task *task = gyre__task_running(__func__);
    int64_t rc;

    if (gyre__semaphore_take(semaphore))
        return gyre__complete(task, 1);
    rc = gyre__line_check(&semaphore->loop, task);
    if (rc < 0)
        return gyre__complete(task, rc);
    return gyre__line_up(&semaphore->waiters, task, &wait_semaphore, semaphore);
}

int64_t gyre_semaphore_release(gyre_semaphore *semaphore)
{
    if (semaphore->value >= semaphore->bound)
        return GYRE_EOVERRELEASE;
    semaphore->value++;
    wake_next(semaphore);
    return 0;
}
