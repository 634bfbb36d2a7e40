/* Locks: a flag and a line. Releasing wakes the first, which takes the lock when it runs. */
#include "lock_internal.h"

void gyre_lock_init(gyre_lock *lock)
{
    *lock = (gyre_lock){.loop = NULL};
    gyre__list_init(&lock->waiters);
}

bool gyre_lock_locked(const gyre_lock *lock)
{
    return lock->locked;
}

/* Those whose wait was cancelled are on their way out of the line. */
static bool all_cancelled(const gyre_lock *lock)
{
    for (gyre__link *link = lock->waiters.next; link != &lock->waiters; link = link->next)
        if (!gyre__waiter_cancelled(gyre__slot_task(link)))
            return false;
    return true;
}

static void set_locked(gyre_lock *lock, const gyre_task *task)
{
    lock->locked = true;
    lock->holder = task->future.id;
}

static inline bool take(gyre_lock *lock, const gyre_task *task)
{
    if (lock->locked || !(gyre__list_empty(&lock->waiters) || all_cancelled(lock)))
        return false;
    set_locked(lock, task);
    return true;
}

bool gyre__lock_take(gyre_lock *lock, const gyre_task *task)
{
    return take(lock, task);
}

static void wake_first(gyre_lock *lock)
{
    if (!gyre__list_empty(&lock->waiters))
        gyre__waiter_wake(gyre__slot_task(lock->waiters.next), "gyre_lock_release");
}

int64_t gyre__lock_finish(gyre_task *task)
{
    gyre_lock *lock = task->wait.slot.owner;

    gyre__list_unlink(&task->wait.slot.link);
    if (gyre__raises_cancelled(task)) {
        /* A lock that is free, or was meant for this task, must not lie there while others wait. */
        if (!lock->locked)
            wake_first(lock);
        return gyre__wait_result(task);
    }
    set_locked(lock, task);
    return 1;
}

uint32_t gyre__lock_holder(const gyre_task *task)
{
    const gyre_lock *lock = task->wait.slot.owner;

    return lock->locked ? lock->holder : 0;
}

static const gyre__wait_kind wait_lock = {.what = "lock",
                                          .cancel = gyre__cancel_wait,
                                          .finish = gyre__lock_finish,
                                          .holder = gyre__lock_holder};

static gyre_await wait_in_line(gyre_lock *lock, gyre_task *task)
{
    int64_t rc = gyre__line_check(&lock->loop, task);

    return rc < 0 ? gyre__complete(task, rc)
                  : gyre__line_up(&lock->waiters, task, &wait_lock, lock);
}

gyre_await gyre_lock_acquire(gyre_lock *lock)
{
    gyre_task *task = gyre__task_running(__func__);

    return take(lock, task) ? gyre__complete(task, 1) : wait_in_line(lock, task);
}

gyre_await gyre__lock_acquire_again(gyre_lock *lock)
{
    gyre_task *task = gyre__task_running("gyre_condition_wait");

    if (task->future.loop->closing) {
        if (lock->locked)
            lock->shared++;
        else
            set_locked(lock, task);
        return gyre__complete(task, 1);
    }
    return gyre_lock_acquire(lock);
}

int64_t gyre_lock_release(gyre_lock *lock)
{
    if (__builtin_expect(!lock->locked, 0))
        return GYRE_ENOTHELD;
    if (__builtin_expect(lock->shared, 0)) {
        lock->shared--;
        return 0;
    }
    lock->locked = false;
    wake_first(lock);
    return 0;
}
