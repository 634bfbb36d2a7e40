/* 02_countdown: two countdowns, a second a step, take turns: the longer one goes on alone. */
#include <gyre/gyre.h>
#include <stdio.h>

struct countdown {
    gyre_frame frame;
    const char *name;
    int from;
};
GYRE_CORO(countdown)
{
    GYRE_BEGIN;
    for (; self->from > 0; self->from--) {
        printf("%s%d at %.0f s\n", self->name, self->from,
               (double)gyre_loop_time(gyre_loop_current()) / 1e9);
        GYRE_TRY(gyre_sleep(GYRE_SECONDS(1)));
    }
    GYRE_END;
}

struct main_task {
    gyre_frame frame;
    gyre_task *a, *b;
};
GYRE_CORO(main_task)
{
    GYRE_BEGIN;
    self->a = GYRE_SPAWN(countdown, .name = "A", .from = 2);
    self->b = GYRE_SPAWN(countdown, .name = "B", .from = 5);
    GYRE_TRY(self->a);
    GYRE_TRY(self->b);
    printf("both done at %.0f s\n", (double)gyre_loop_time(gyre_loop_current()) / 1e9);
    GYRE_FINALLY;
    gyre_task_unref(self->a);
    gyre_task_unref(self->b);
    GYRE_END;
}

int main(void)
{
    return GYRE_RUN_WITH(((gyre_run_options){.loop.clock = GYRE_CLOCK_VIRTUAL}), main_task) < 0;
}
