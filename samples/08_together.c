/* 08_together: sleeps of 1, 2 and 4 seconds at once take 4; their results come in order. */
#include <gyre/gyre.h>
#include <inttypes.h>
#include <stdio.h>

enum { SLEEPS = 3 };

struct sleep_and_tell {
    gyre_frame frame;
    int64_t seconds;
};
GYRE_CORO(sleep_and_tell)
{
    GYRE_BEGIN;
    printf("sleeping %" PRId64 " s\n", self->seconds);
    GYRE_TRY(gyre_sleep(GYRE_SECONDS(self->seconds)));
    GYRE_RETURN(self->seconds);
    GYRE_END;
}

struct main_task {
    gyre_frame frame;
    gyre_task *tasks[SLEEPS];
    int64_t slept;
    int i;
};
GYRE_CORO(main_task)
{
    GYRE_BEGIN;
    for (self->i = 0; self->i < SLEEPS; self->i++)
        self->tasks[self->i] = GYRE_SPAWN(sleep_and_tell, .seconds = 1 << self->i);
    for (self->i = 0; self->i < SLEEPS; self->i++) {
        GYRE_TRY(self->slept, self->tasks[self->i]);
        printf("slept %" PRId64 " s\n", self->slept);
    }
    printf("altogether %.1f s\n", (double)gyre_loop_time(gyre_loop_current()) / 1e9);
    GYRE_FINALLY;
    for (int i = 0; i < SLEEPS; i++)
        gyre_task_unref(self->tasks[i]);
    GYRE_END;
}

int main(void)
{
    return GYRE_RUN_WITH(((gyre_run_options){.loop.clock = GYRE_CLOCK_VIRTUAL}), main_task) < 0;
}
