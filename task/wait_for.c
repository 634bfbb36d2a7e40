/*
 * wait_for: an await with a timeout around it, in the same task.
 *
 * A frame of the library's own lies below whatever the operand pushes or parks. It gets the
 * operand's result, leaves the timeout's scope, and hands the rest to the caller. When there is
 * nothing to wait for it waits for the end of what it cancelled instead.
 */
#include <errno.h>

#include "timeout_internal.h"
#include "unwind_internal.h"

typedef struct gyre__ending gyre__ending;

struct wait_for {
    gyre_frame frame;
    bool evaluating; /* the operand: of nested ones the innermost is meant */
    bool limited;    /* the operand runs inside of `timeout` */
    gyre_timeout timeout;
    gyre_future *cancelled; /* what is being waited for to end; reference */
    gyre__ending *ending;   /* that wait, until it is over */
};

/*
 * Waits for the end of a future without cancelling it once more: an entry that may outlive the
 * frame.
 */
struct gyre__ending {
    gyre__callback callback;
    struct wait_for *wait_for; /* NULL: it has gone */
    gyre_loop *loop;
};

static gyre_step run(gyre_frame *frame);

static const gyre_coro wait_for_coro = {run, sizeof(struct wait_for), "gyre_wait_for", __FILE__};

bool gyre__wait_for_begin(int64_t timeout_ns)
{
    gyre_task *task = gyre__task_running("gyre_wait_for");
    struct wait_for args = {.frame = {.coro = &wait_for_coro, .leaf = true},
                            .evaluating = true,
                            .limited = timeout_ns > 0};
    struct wait_for *self = (struct wait_for *)gyre__frame_push(task, &wait_for_coro, &args);

    if (!self)
        return false;
    if (timeout_ns > 0)
        (void)gyre_timeout_enter(&self->timeout, timeout_ns); /* cannot fail: it has not passed */
    return true;
}

gyre_await gyre__wait_for_refused(void)
{
    return gyre__complete(gyre__task_running("gyre_wait_for"), -ENOMEM);
}

/* ---- waiting for the end of what was cancelled ---- */

static void ended(gyre__node *node)
{
    gyre__ending *ending = GYRE__CONTAINER(node, gyre__ending, callback.node);
    struct wait_for *self = ending->wait_for;

    if (self) {
        self->ending = NULL;
        gyre__wake_task(self->timeout.task);
    }
    gyre__blocks_give(&ending->loop->blocks, ending, sizeof(*ending));
}

/* The wait is over, perhaps before the end: an entry that is scheduled already finds nobody. */
static void forget_ending(struct wait_for *self)
{
    gyre__ending *ending = self->ending;

    if (!ending)
        return;
    self->ending = NULL;
    ending->wait_for = NULL;
    if (gyre_future_done(self->cancelled))
        return;
    gyre__future_remove(self->cancelled, &ending->callback);
    gyre__blocks_give(&ending->loop->blocks, ending, sizeof(*ending));
}

static int64_t finish_end(gyre_task *task)
{
    return gyre__wait_result(task);
}

static gyre_future *end_awaits(const gyre_task *task, size_t i)
{
    const struct wait_for *self = task->wait.slot.owner;

    return i == 0 ? self->cancelled : NULL;
}

static const gyre__wait_kind wait_end = {.what = "the end of what was cancelled",
                                         .cancel = gyre__cancel_wait,
                                         .finish = finish_end,
                                         .awaits = end_awaits};

/* Takes the frame off again: the await is complete. */
static gyre_await complete(gyre_task *task, int64_t result)
{
    gyre__frame_pop(task);
    return gyre__complete(task, result);
}

/* Cancels the future (its reference is moved) and waits for its end. */
static gyre_await cancel_and_wait(struct wait_for *self, gyre_task *task, gyre_future *future,
                                  gyre__ending *ending)
{
    *ending =
        (gyre__ending){.callback.node.run = ended, .wait_for = self, .loop = task->future.loop};
    self->timeout.task = task;
    self->cancelled = future;
    self->ending = ending;
    gyre__future_add(future, &ending->callback);
    gyre_future_cancel(future);
    return gyre__park_slot(task, &wait_end, self);
}

static gyre__ending *new_ending(gyre_task *task)
{
    return gyre__blocks_take(&task->future.loop->blocks, sizeof(gyre__ending));
}

/* ---- a timeout of 0: whatever has not completed yet is cancelled ---- */

/* The operand is a future, which the task has just begun to await. */
static gyre_await end_future(struct wait_for *self, gyre_task *task, gyre_future *future)
{
    gyre__ending *ending = new_ending(task);

    gyre__future_remove(future, &task->wait.on.callback);
    task->waiting = NULL;
    if (ending)
        return cancel_and_wait(self, task, future, ending);
    gyre_future_unref(future);
    return complete(task, -ENOMEM);
}

/* The operand is a call that has not started: as in asyncio it becomes a task of its own. */
static gyre_await end_call(struct wait_for *self, gyre_task *task)
{
    gyre_frame *call = task->top, *caller = self->frame.caller;
    gyre__ending *ending = gyre__may_park(task) ? new_ending(task) : NULL;
    int64_t result = task->future.loop->closing ? GYRE_ECANCELLED : -ENOMEM;
    gyre_task *made = NULL;

    if (ending)
        made = gyre__spawn(&(gyre_spawn_options){.loop = task->future.loop}, call->coro, call,
                           caller->coro->file, caller->at);
    gyre__frame_pop(task);
    if (made && !gyre_task_done(made))
        return cancel_and_wait(self, task, gyre_task_future(made), ending);
    if (ending)
        gyre__blocks_give(&task->future.loop->blocks, ending, sizeof(*ending));
    if (made) {
        result = gyre_task_result(made); /* an eager one */
        gyre_task_unref(made);
    }
    return complete(task, result);
}

static gyre_await end_operand(struct wait_for *self, gyre_task *task)
{
    gyre_frame *top = task->top;
    gyre_future *future = gyre__task_awaited(task);

    if (future && top == &self->frame)
        return end_future(self, task, future);
    if (!task->waiting && top->caller == &self->frame && !top->leaf && !top->detached)
        return end_call(self, task);
    self->limited = true;
    gyre__timeout_enter_expired(&self->timeout, task);
    return (gyre_await){true};
}

/* ---- the operand's result ---- */

/* The frame whose operand was evaluated just now. */
static struct wait_for *innermost(const gyre_task *task)
{
    gyre_frame *frame = task->top;

    while (frame->coro != &wait_for_coro || !((struct wait_for *)frame)->evaluating)
        frame = frame->caller;
    return (struct wait_for *)frame;
}

gyre_await gyre__wait_for(gyre_await operand)
{
    gyre_task *task = gyre_task_current();
    struct wait_for *self = innermost(task);
    int64_t result = self->frame.result;

    self->evaluating = false;
    if (!operand.pending)
        return complete(task, gyre_timeout_exit(&self->timeout, result));
    return self->limited ? operand : end_operand(self, task);
}

/* How what was cancelled has ended. */
static int64_t leave_cancelled(struct wait_for *self, int64_t result)
{
    forget_ending(self);
    if (result >= 0) {
        result = gyre_future_result(self->cancelled);
        if (result == GYRE_ECANCELLED) {
            gyre_error_clear();
            result = GYRE_ETIMEOUT;
        }
    }
    gyre_future_unref(self->cancelled);
    return result;
}

static gyre_step run(gyre_frame *frame)
{
    struct wait_for *self = (struct wait_for *)frame;
    int64_t result = frame->result;

    result =
        self->cancelled ? leave_cancelled(self, result) : gyre_timeout_exit(&self->timeout, result);
    if (result < 0)
        gyre__leave(frame, result);
    else
        frame->value = result;
    return (gyre_step){true};
}
