/* A task that goes on awaiting for ever although its loop is being closed. */
// must abort: gyre_loop_close: Task-1 \(stubborn\) goes on awaiting although its loop is being closed
#include <gyre/gyre.h>

struct stubborn {
    gyre_frame frame;
    int64_t rc;
};
GYRE_CORO(stubborn)
{
    GYRE_BEGIN;
    for (;;)
        GYRE_AWAIT(self->rc, gyre_sleep(GYRE_MS(1)));
    GYRE_END;
}

int main(void)
{
    gyre_loop *loop;

    if (gyre_loop_new(NULL, &loop) < 0)
        return 1;
    gyre_task_unref(GYRE_SPAWN_ON(loop, stubborn));
    gyre_loop_run_once(loop, 0);
    gyre_loop_close(loop);
    return 0;
}
