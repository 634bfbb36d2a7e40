/* Waiting for an operation of the kernel. */
#include <errno.h>

#include "unwind_internal.h"

static void op_done(gyre__node *node)
{
    gyre__task_step(GYRE__CONTAINER(node, gyre_task, wait.op.node));
}

/* The wait ends with the completion only: until then the kernel has the op and its memory. */
bool gyre__cancel_op_wait(gyre_task *task, gyre_error *detail)
{
    gyre_error *old = task->future.detail;

    if (!task->wait.op.in_flight)
        return false; /* it is complete already: the request is kept for the next await */
    if (!(task->flags & GYRE__TASK_WAIT_CANCELLED)) {
        task->flags |= GYRE__TASK_WAIT_CANCELLED;
        task->future.detail = gyre_error_ref(detail);
        gyre_error_unref(old);
    }
    gyre__op_cancel(&task->wait.op);
    return true;
}

int64_t gyre__finish_op_wait(gyre_task *task)
{
    int32_t res = task->wait.op.res;

    if (!(task->flags & GYRE__TASK_WAIT_CANCELLED))
        return res;
    if (res == -ECANCELED || res == -EINTR)
        return GYRE_ECANCELLED;
    /* The operation won: its result counts, the cancellation comes with the next await. */
    task->flags &= ~(uint32_t)GYRE__TASK_WAIT_CANCELLED;
    task->flags |= GYRE__TASK_MUST_CANCEL;
    return res;
}

const gyre__wait_kind gyre__wait_op = {
    .what = "operation",
    .cancel = gyre__cancel_op_wait,
    .finish = gyre__finish_op_wait,
    .keeps_result = true,
};

/*
 * A cancellation that was kept is raised before anything starts: operations that are done at once would win
 * against it again and again.
 */
gyre_await gyre__raise_kept(gyre_task *task)
{
    task->flags &= ~(uint32_t)GYRE__TASK_MUST_CANCEL;
    gyre__error_set(gyre_error_ref(task->future.detail));
    return gyre__complete(task, GYRE_ECANCELLED);
}

gyre_await gyre__park_op(gyre_task *task, const gyre__request *request, const gyre__wait_kind *kind)
{
    int64_t rc;

    if (!gyre__may_park(task))
        return gyre__complete(task, GYRE_ECANCELLED);
    if (__builtin_expect(task->flags & GYRE__TASK_MUST_CANCEL, 0) && kind->cancel)
        return gyre__raise_kept(task);
    gyre__op_init(&task->wait.op, op_done, NULL);
    /* That it may park says that the loop is not closing: no need to ask again. */
    rc = gyre__op_start_closing(task->future.loop, &task->wait.op, request);
    if (rc < 0)
        return gyre__complete(task, rc);
    return gyre__park(task, kind);
}

