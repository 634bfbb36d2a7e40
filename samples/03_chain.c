/* 03_chain: a coroutine awaits another for its result; three such chains run at once. */
#include <gyre/gyre.h>
#include <inttypes.h>
#include <stdio.h>

struct compute {
    gyre_frame frame;
    int64_t x, y;
};
GYRE_CORO(compute)
{
    GYRE_BEGIN;
    printf("compute %" PRId64 " + %" PRId64 " ...\n", self->x, self->y);
    GYRE_TRY(gyre_sleep(GYRE_SECONDS(1)));
    GYRE_RETURN(self->x + self->y); /* results are 0 or more; errors are less */
    GYRE_END;
}

struct print_sum {
    gyre_frame frame;
    int64_t x, y, sum;
};
GYRE_CORO(print_sum)
{
    GYRE_BEGIN;
    /* Runs in this same task, on its stack of frames: no scheduling, and no cost for depth. */
    GYRE_TRY(self->sum, GYRE_CALL(compute, .x = self->x, .y = self->y));
    printf("%" PRId64 " + %" PRId64 " = %" PRId64 "\n", self->x, self->y, self->sum);
    GYRE_END;
}

enum { SUMS = 3 };

struct main_task {
    gyre_frame frame;
    gyre_future *sums[SUMS], *all;
};
GYRE_CORO(main_task)
{
    GYRE_BEGIN;
    self->sums[0] = gyre_task_future(GYRE_SPAWN(print_sum, .x = 1, .y = 2));
    self->sums[1] = gyre_task_future(GYRE_SPAWN(print_sum, .x = 11, .y = 12));
    self->sums[2] = gyre_task_future(GYRE_SPAWN(print_sum, .x = 111, .y = 112));
    self->all = gyre_wait(NULL, SUMS, self->sums, GYRE_FOREVER, GYRE_ALL_COMPLETED);
    GYRE_TRY(self->all);
    printf("%zu done at %.0f s\n", gyre_wait_done(self->all, NULL, 0),
           (double)gyre_loop_time(gyre_loop_current()) / 1e9);
    GYRE_FINALLY;
    gyre_future_unref(self->all);
    for (int i = 0; i < SUMS; i++)
        gyre_future_unref(self->sums[i]);
    GYRE_END;
}

int main(void)
{
    return GYRE_RUN_WITH(((gyre_run_options){.loop.clock = GYRE_CLOCK_VIRTUAL}), main_task) < 0;
}
