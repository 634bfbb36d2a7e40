/*
 * Scoped forms: a frame of the library's own lies below the coroutine's, and releases when that has
 * ended.
 *
 * Both frames are pushed before anything is acquired, so that nothing is held when memory is short.
 * While the task waits its turn the coroutine's frame lies there unstarted; it is taken off again
 * if the wait fails.
 */
#include "scoped.h"

#include <errno.h>

#include "lock_internal.h"
#include "semaphore_internal.h"

/* Only its result comes here: it is resumed when what lies above has ended, or was taken off. */
struct scope {
    gyre_frame frame;
    void *primitive;
    int64_t (*release)(void *primitive);
    bool held;
};

static gyre_step leave(gyre_frame *frame)
{
    struct scope *self = (struct scope *)frame;
    int64_t result = frame->result, rc = self->held ? self->release(self->primitive) : 0;

    if (rc < 0)
        result = rc;
    if (result < 0)
        gyre__leave(frame, result);
    else
        frame->value = result;
    return (gyre_step){true};
}

static const gyre_coro scope_coro = {leave, sizeof(struct scope), "gyre_with", __FILE__};

/* The two frames; NULL when memory is short. */
static struct scope *push(gyre_task *task, void *primitive, int64_t (*release)(void *),
                          const gyre_coro *coro, const void *args)
{
    const struct scope scope = {.frame = {.coro = &scope_coro, .leaf = true},
                                .primitive = primitive,
                                .release = release};
    gyre_frame *frame = gyre__frame_push(task, &scope_coro, &scope);

    if (!frame)
        return NULL;
    if (!gyre__frame_push(task, coro, args)) {
        gyre__frame_pop(task);
        return NULL;
    }
    return (struct scope *)frame;
}

/* Takes both off again: the await is complete. */
static gyre_await complete(gyre_task *task, int64_t rc)
{
    gyre__frame_pop(task);
    gyre__frame_pop(task);
    return gyre__complete(task, rc);
}

/* The coroutine's frame is on top. It starts now, or, if the wait was cancelled, never. */
static int64_t entered(gyre_task *task, int64_t result)
{
    if (gyre__raises_cancelled(task))
        gyre__frame_pop(task);
    else
        ((struct scope *)task->top->caller)->held = true;
    return result;
}

/* What is true of all: the line's entry, or the failure to get into it. */
static gyre_await wait_in_line(gyre_task *task, gyre_loop **bound, gyre__link *line,
                               const gyre__wait_kind *kind, void *primitive)
{
    int64_t rc = gyre__line_check(bound, task);

    return rc < 0 ? complete(task, rc) : gyre__line_up(line, task, kind, primitive);
}

/* ---- locks and conditions ---- */

static int64_t release_lock(void *lock)
{
    return gyre_lock_release(lock);
}

static int64_t finish_lock(gyre_task *task)
{
    return entered(task, gyre__lock_finish(task));
}

static const gyre__wait_kind wait_lock = {.what = "lock",
                                          .cancel = gyre__cancel_wait,
                                          .finish = finish_lock,
                                          .holder = gyre__lock_holder};

gyre_await gyre__with_lock(gyre_lock *lock, const gyre_coro *coro, const void *args)
{
    gyre_task *task = gyre__task_running("GYRE_WITH_LOCK");
    struct scope *scope = push(task, lock, release_lock, coro, args);

    if (!scope)
        return gyre__complete(task, -ENOMEM);
    if (!gyre__lock_take(lock, task))
        return wait_in_line(task, &lock->loop, &lock->waiters, &wait_lock, lock);
    scope->held = true;
    return (gyre_await){true};
}

gyre_await gyre__with_condition(gyre_condition *condition, const gyre_coro *coro, const void *args)
{
    return gyre__with_lock(condition->lock, coro, args);
}

/* ---- semaphores ---- */

static int64_t release_semaphore(void *semaphore)
{
    return gyre_semaphore_release(semaphore);
}

static int64_t finish_semaphore(gyre_task *task)
{
    return entered(task, gyre__semaphore_finish(task));
}

static const gyre__wait_kind wait_semaphore = {
    .what = "semaphore", .cancel = gyre__cancel_wait, .finish = finish_semaphore};

gyre_await gyre__with_semaphore(gyre_semaphore *semaphore, const gyre_coro *coro, const void *args)
{
    gyre_task *task = gyre__task_running("GYRE_WITH_SEMAPHORE");
    struct scope *scope = push(task, semaphore, release_semaphore, coro, args);

    if (!scope)
        return gyre__complete(task, -ENOMEM);
    if (!gyre__semaphore_take(semaphore))
        return wait_in_line(task, &semaphore->loop, &semaphore->waiters, &wait_semaphore,
                            semaphore);
    scope->held = true;
    return (gyre_await){true};
}
