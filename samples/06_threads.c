/* 06_threads: a thread does the computing and hands its results over to the loop's thread. */
#include <errno.h>
#include <gyre/gyre.h>
#include <pthread.h>
#include <stdio.h>

enum { RESULTS = 3 };

/* What the thread and the task share. Only the loop's thread touches what comes after `loop`. */
struct work {
    gyre_loop *loop;
    gyre_future *done;
    int arrived;
};

/* Runs in the loop's thread: here futures and tasks may be touched. */
static int64_t on_result(gyre_loop *loop, void *arg)
{
    struct work *work = arg;

    (void)loop;
    printf("loop: result %d arrived\n", ++work->arrived);
    if (work->arrived == RESULTS)
        gyre_future_set_result(work->done, work->arrived);
    return 0;
}

/* Runs in a thread of its own: gyre_call_soon_threadsafe() is what it may call. */
static void *compute(void *arg)
{
    struct work *work = arg;

    for (int i = 0; i < RESULTS; i++)
        if (gyre_call_soon_threadsafe(work->loop, on_result, work) < 0)
            fputs("out of memory\n", stderr);
    return NULL;
}

struct main_task {
    gyre_frame frame;
    struct work work;
    pthread_t thread;
    bool started;
    int64_t count;
};
GYRE_CORO(main_task)
{
    GYRE_BEGIN;
    self->work.loop = gyre_loop_current();
    self->work.done = gyre_future_new(self->work.loop);
    if (!self->work.done || pthread_create(&self->thread, NULL, compute, &self->work) != 0)
        GYRE_RETURN(-ENOMEM);
    self->started = true;
    GYRE_TRY(self->count, self->work.done); /* the loop sleeps until the thread wakes it */
    printf("task: all %d are here\n", (int)self->count);
    GYRE_FINALLY;
    if (self->started)
        pthread_join(self->thread, NULL); /* before the loop goes */
    gyre_future_unref(self->work.done);
    GYRE_END;
}

int main(void)
{
    return GYRE_RUN(main_task) < 0;
}
