/* Handles: cancellable callbacks, at once or at a time. */
#include <errno.h>

#include "loop_internal.h"

/* What call_soon and its kin make. The loop holds a reference until it has run or was dropped. */
struct gyre_handle {
    gyre__timer timer; /* its node is what the ready queue holds, for timed and untimed ones */
    gyre_loop *loop;
    gyre_callback *callback;
    void *arg;
    gyre_context *context; /* that of whoever made it; reference */
    unsigned refs;
    bool cancelled;
    bool timed;
};

static void run_handle(gyre__node *node)
{
    gyre_handle *handle = GYRE__CONTAINER(node, gyre_handle, timer.node);
    gyre_loop *loop = handle->loop;

    if (!handle->cancelled && !loop->closing) {
        gyre_context *outer = loop->context;
        int64_t rc;

        loop->context = handle->context;
        rc = handle->callback(loop, handle->arg);
        handle->context = loop->context; /* a variable may have been set */
        loop->context = outer;
        gyre__callback_done(loop, rc, handle, "error in a callback");
    }
    gyre_handle_unref(handle);
}

/* One reference is the loop's; a second goes to the caller who wants one. */
static gyre_handle *make_handle(gyre_loop *loop, gyre_callback *callback, void *arg,
                                gyre_handle **out_handle)
{
    gyre_handle *handle = gyre__blocks_take(&loop->blocks, sizeof(*handle));

    if (!handle)
        return NULL;
    *handle = (gyre_handle){.loop = loop,
                            .callback = callback,
                            .arg = arg,
                            .context = gyre_context_ref(loop->context),
                            .refs = out_handle ? 2 : 1};
    gyre__timer_init(&handle->timer, run_handle);
    gyre__loop_keep(loop);
    if (out_handle)
        *out_handle = handle;
    return handle;
}

int64_t gyre_call_soon(gyre_loop *loop, gyre_callback *callback, void *arg, gyre_handle **out_handle)
{
    gyre_handle *handle;

    gyre__check_thread(loop, __func__);
    if (loop->closing)
        return GYRE_ELOOPCLOSED;
    handle = make_handle(loop, callback, arg, out_handle);
    if (!handle)
        return -ENOMEM;
    gyre__ready_push(&loop->ready, &handle->timer.node);
    return 0;
}

int64_t gyre_call_at_priority(gyre_loop *loop, uint64_t when_ns, int16_t priority,
                              gyre_callback *callback, void *arg, gyre_handle **out_handle)
{
    gyre_handle *handle;

    gyre__check_thread(loop, __func__);
    if (loop->closing)
        return GYRE_ELOOPCLOSED;
    handle = make_handle(loop, callback, arg, out_handle);
    if (!handle)
        return -ENOMEM;
    handle->timed = true;
    gyre__timers_add(&loop->timers, &handle->timer, when_ns, priority);
    return 0;
}

int64_t gyre_call_at(gyre_loop *loop, uint64_t when_ns, gyre_callback *callback, void *arg,
                     gyre_handle **out_handle)
{
    return gyre_call_at_priority(loop, when_ns, 0, callback, arg, out_handle);
}

int64_t gyre_call_later(gyre_loop *loop, int64_t delay_ns, gyre_callback *callback, void *arg,
                        gyre_handle **out_handle)
{
    return gyre_call_at_priority(loop, gyre__deadline(loop, delay_ns), 0, callback, arg, out_handle);
}

/* A timer is let go at once, even when it is due; what is in the ready queue is skipped there. */
void gyre_handle_cancel(gyre_handle *handle)
{
    gyre__check_thread(handle->loop, __func__);
    if (handle->cancelled)
        return;
    handle->cancelled = true;
    if (gyre__timer_is_set(&handle->timer)) {
        gyre__timers_remove(&handle->loop->timers, &handle->timer);
        gyre_handle_unref(handle);
    }
}

bool gyre_handle_cancelled(const gyre_handle *handle)
{
    return handle->cancelled;
}

uint64_t gyre_handle_when(const gyre_handle *handle)
{
    return handle->timed ? handle->timer.deadline : 0;
}

gyre_handle *gyre_handle_ref(gyre_handle *handle)
{
    if (handle)
        handle->refs++;
    return handle;
}

void gyre_handle_unref(gyre_handle *handle)
{
    gyre_loop *loop;

    if (!handle || --handle->refs)
        return;
    loop = handle->loop;
    gyre_context_unref(handle->context);
    gyre__blocks_give(&loop->blocks, handle, sizeof(*handle));
    gyre__loop_drop(loop);
}
