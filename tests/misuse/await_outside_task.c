/* An awaitable call in a callback, where no task is that could wait. */
// must abort: gyre_sleep: awaited where no task is running
#include <gyre/gyre.h>

static int64_t callback(gyre_loop *loop, void *arg)
{
    gyre_await await = gyre_sleep(1);

    (void)loop;
    (void)arg;
    return await.pending;
}

int main(void)
{
    gyre_loop *loop;

    if (gyre_loop_new(NULL, &loop) < 0 || gyre_call_soon(loop, callback, NULL, NULL) < 0)
        return 1;
    return (int)gyre_loop_run_once(loop, 0);
}
