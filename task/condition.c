/* Conditions: a line beside a lock. A wait gives the lock up, and has it again before it ends. */
#include "condition.h"

#include "lock_internal.h"

void gyre_condition_init(gyre_condition *condition, gyre_lock *lock)
{
    *condition = (gyre_condition){.lock = lock ? lock : &condition->own};
    gyre__list_init(&condition->waiters);
    gyre_lock_init(&condition->own);
}

gyre_await gyre_condition_acquire(gyre_condition *condition)
{
    return gyre_lock_acquire(condition->lock);
}

int64_t gyre_condition_release(gyre_condition *condition)
{
    return gyre_lock_release(condition->lock);
}

bool gyre_condition_locked(const gyre_condition *condition)
{
    return condition->lock->locked;
}

/* ---- notifying ---- */

static void wake(gyre_condition *condition, int64_t n)
{
    for (gyre__link *link = condition->waiters.next; n > 0 && link != &condition->waiters;
         link = link->next)
        n -= gyre__waiter_wake(gyre__slot_task(link), "gyre_condition_notify");
}

int64_t gyre_condition_notify(gyre_condition *condition, int64_t n)
{
    if (!condition->lock->locked)
        return GYRE_ENOTHELD;
    wake(condition, n);
    return 0;
}

int64_t gyre_condition_notify_all(gyre_condition *condition)
{
    return gyre_condition_notify(condition, INT64_MAX);
}

/* ---- waiting ---- */

static int64_t finish(gyre_task *task)
{
    gyre__list_unlink(&task->wait.slot.link);
    return gyre__wait_result(task);
}

static const gyre__wait_kind wait_condition = {
    .what = "condition", .cancel = gyre__cancel_wait, .finish = finish};

struct wait {
    gyre_frame frame;
    gyre_condition *condition;
    int64_t result;     /* of the wait: 0, or GYRE_ECANCELLED */
    int64_t rc;         /* of taking the lock again */
    gyre_error *detail; /* of the cancellation that counts, the last; reference */
};

static gyre_await line_up(gyre_condition *condition)
{
    return gyre__line_up(&condition->waiters, gyre__task_running("gyre_condition_wait"),
                         &wait_condition, condition);
}

/* Cancellations are kept until the lock is held again. */
static void keep(struct wait *self, int64_t rc)
{
    if (rc >= 0)
        return;
    gyre_error_unref(self->detail);
    self->detail = gyre__error_take(rc);
    self->result = rc;
}

GYRE_CORO(wait)
{
    GYRE_BEGIN;
    gyre_lock_release(self->condition->lock);
    GYRE_AWAIT(self->rc, line_up(self->condition));
    keep(self, self->rc);
    do {
        GYRE_AWAIT(self->rc, gyre__lock_acquire_again(self->condition->lock));
        keep(self, self->rc);
    } while (self->rc == GYRE_ECANCELLED);
    if (self->result >= 0)
        GYRE_RETURN(1);
    /* It may have been notified; that must reach somebody. */
    wake(self->condition, 1);
    gyre__error_set(self->detail);
    GYRE_RETURN(self->result);
    GYRE_END;
}

gyre_await gyre_condition_wait(gyre_condition *condition)
{
    const struct wait args = {.frame = {.coro = &wait_coro, .leaf = true}, .condition = condition};
    gyre_task *task = gyre__task_running(__func__);
    int64_t rc;

    if (!condition->lock->locked)
        return gyre__complete(task, GYRE_ENOTHELD);
    rc = gyre__line_check(&condition->loop, task);
    if (rc >= 0)
        rc = gyre__line_check(&condition->lock->loop, task);
    if (rc < 0)
        return gyre__complete(task, rc);
    return gyre__call(&wait_coro, &args);
}

struct wait_for {
    gyre_frame frame;
    gyre_condition *condition;
    bool (*predicate)(void *arg);
    void *arg;
};

GYRE_CORO(wait_for)
{
    GYRE_BEGIN;
    do {
        GYRE_TRY(gyre_condition_wait(self->condition));
    } while (!self->predicate(self->arg));
    GYRE_RETURN(1);
    GYRE_END;
}

gyre_await gyre_condition_wait_for(gyre_condition *condition, bool (*predicate)(void *arg),
                                   void *arg)
{
    const struct wait_for args = {.frame = {.coro = &wait_for_coro, .leaf = true},
                                  .condition = condition,
                                  .predicate = predicate,
                                  .arg = arg};

    if (predicate(arg))
        return gyre__complete(gyre__task_running(__func__), 1);
    return gyre__call(&wait_for_coro, &args);
}
