/* Running a loop until a future is done. */
#include <errno.h>

#include "future_internal.h"

/* As asyncio's own: it looks at the error, so that it counts as retrieved, and stops the loop. */
static int64_t stop_loop(gyre_future *future, void *arg)
{
    (void)arg;
    gyre__future_retrieved(future);
    gyre_loop_stop(future->loop);
    return 0;
}

int64_t gyre_loop_run_until(gyre_loop *loop, gyre_future *future)
{
    int64_t rc;

    if (!future)
        return -ENOMEM;
    if (future->loop != loop)
        return GYRE_EWRONGLOOP;
    rc = gyre__loop_adopt(loop);
    if (rc < 0)
        return rc;
    gyre_future_ref(future);
    rc = gyre_future_add_done_callback(future, stop_loop, NULL);
    if (rc >= 0) {
        rc = gyre_loop_run(loop);
        gyre_future_remove_done_callback(future, stop_loop, NULL);
        if (gyre_future_done(future))
            rc = gyre_future_result(future);
        else if (rc >= 0)
            rc = GYRE_ELOOPSTOPPED;
    }
    gyre_future_unref(future);
    return rc;
}
