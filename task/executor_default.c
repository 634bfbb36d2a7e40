/* The default executor of a loop, which to_thread uses. */
#include <errno.h>

#include "executor_internal.h"

/* With the portal of the loop, which jobs need anyway. */
gyre_executor *gyre__executor_choose(gyre_loop *loop, gyre_executor *executor, int64_t *out_rc)
{
    gyre__portal *portal;

    *out_rc = GYRE_ELOOPCLOSED;
    if (loop->closing)
        return NULL;
    *out_rc = -ENOMEM;
    portal = gyre__portal_of(loop);
    if (!portal)
        return NULL;
    if (executor)
        return executor;
    *out_rc = GYRE_EEXECUTORSHUTDOWN;
    if (portal->executor_shut)
        return NULL;
    if (!portal->executor)
        *out_rc = gyre_executor_new(NULL, &portal->executor);
    return portal->executor;
}

gyre_executor *gyre_loop_default_executor(gyre_loop *loop)
{
    int64_t rc;

    gyre__check_thread(loop, __func__);
    return gyre__executor_choose(loop, NULL, &rc);
}

int64_t gyre_loop_set_default_executor(gyre_loop *loop, gyre_executor *executor)
{
    gyre__portal *portal;
    gyre_executor *old;

    gyre__check_thread(loop, __func__);
    if (loop->closing)
        return GYRE_ELOOPCLOSED;
    portal = gyre__portal_of(loop);
    if (!portal)
        return -ENOMEM;
    old = portal->executor;
    portal->executor = gyre_executor_ref(executor);
    gyre_executor_unref(old);
    return 0;
}

struct shutdown_default {
    gyre_frame frame;
    gyre_executor *executor; /* reference */
    int64_t timeout_ns;
};
GYRE_CORO(shutdown_default)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_executor_shutdown(self->executor, self->timeout_ns, false));
    GYRE_RETURN(self->frame.result);
    GYRE_FINALLY;
    gyre_executor_unref(self->executor);
    GYRE_END;
}

gyre_await gyre_loop_shutdown_default_executor(int64_t timeout_ns)
{
    gyre_task *task = gyre__task_running(__func__);
    gyre__portal *portal = gyre__portal_of(task->future.loop);
    gyre_executor *executor;
    gyre_await pending;

    if (!portal)
        return gyre__complete(task, task->future.loop->closing ? GYRE_ECANCELLED : -ENOMEM);
    portal->executor_shut = true;
    executor = portal->executor;
    if (!executor)
        return gyre__complete(task, 0);
    portal->executor = NULL;
    pending = gyre__call(&shutdown_default_coro,
                         &(struct shutdown_default){
                             .frame = {.coro = &shutdown_default_coro, .leaf = true},
                             .executor = executor,
                             .timeout_ns = timeout_ns,
                         });
    if (!pending.pending)
        gyre_executor_unref(executor);
    return pending;
}
