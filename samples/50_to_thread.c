/* 50_to_thread: blocking and computing calls in threads, while the loop goes on. */
#include <gyre/gyre.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* What would stop the loop: it blocks the thread that runs it. */
static int64_t blocking_call(void *arg)
{
    const struct timespec time = {.tv_nsec = *(const int *)arg * 1000000L};

    nanosleep(&time, NULL);
    return *(const int *)arg;
}

static int64_t fails(void *arg)
{
    (void)arg;
    return gyre_raise(gyre_error_new(GYRE_EUSER(1), "no such record"));
}

/* Looks at the flag, so that cancelling the task ends it soon. */
static int64_t compute_for_ever(void *arg)
{
    unsigned long *rounds = arg;

    while (!gyre_job_cancelled())
        ++*rounds;
    return 0;
}

/* Shows that the loop is not blocked. */
struct ticker {
    gyre_frame frame;
    int ticks;
};
GYRE_CORO(ticker)
{
    GYRE_BEGIN;
    for (;;) {
        GYRE_TRY(gyre_sleep(GYRE_MS(1)));
        self->ticks++;
        if (self->ticks == 3)
            puts("the loop ticks meanwhile");
    }
    GYRE_END;
}

struct main_task {
    gyre_frame frame;
    gyre_task *ticker;
    int milliseconds;
    unsigned long rounds;
    int64_t rc;
};
GYRE_CORO(main_task)
{
    GYRE_BEGIN;
    self->ticker = GYRE_SPAWN(ticker);

    self->milliseconds = 100; /* in the frame: it is there until the await has ended */
    GYRE_TRY(self->rc, gyre_to_thread(blocking_call, &self->milliseconds, NULL));
    printf("the thread gave %d\n", (int)self->rc);

    GYRE_AWAIT(self->rc, gyre_to_thread(fails, NULL, NULL));
    printf("error of the thread: %s\n", gyre_error_text(gyre_error_current()));

    GYRE_AWAIT(self->rc, gyre_wait_for(gyre_to_thread(compute_for_ever, &self->rounds, NULL),
                                       GYRE_MS(50)));
    printf("computed %s: %s\n", self->rounds ? "a lot" : "nothing", gyre_err_name(self->rc));
    GYRE_RETURN(0);
    GYRE_FINALLY;
    gyre_task_cancel(self->ticker);
    gyre_task_unref(self->ticker);
    GYRE_END;
}

int main(void)
{
    return GYRE_RUN(main_task) < 0; /* waits for the threads at its end */
}
