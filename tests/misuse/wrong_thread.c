/* A loop used from another thread: the message names both. */
// must abort: gyre_call_soon: called from thread \d+, but the loop belongs to thread \d+; use gyre_call_soon_threadsafe
#include <pthread.h>

#include <gyre/gyre.h>

static int64_t nothing(gyre_loop *loop, void *arg)
{
    (void)loop;
    (void)arg;
    return 0;
}

static void *run(void *loop)
{
    gyre_call_soon(loop, nothing, NULL, NULL);
    return NULL;
}

int main(void)
{
    pthread_t thread;
    gyre_loop *loop;

    if (gyre_loop_new(NULL, &loop) < 0 || pthread_create(&thread, NULL, run, loop) != 0)
        return 1;
    pthread_join(thread, NULL);
    return 0;
}
