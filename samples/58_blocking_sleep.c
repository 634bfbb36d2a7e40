/*
 * 58_blocking_sleep: two workers that sleep in every step: by sleep(), and nobody else runs
 * meanwhile, of which debug mode tells; by gyre_sleep(), and they take turns.
 */
#include <gyre/gyre.h>
#include <stdio.h>
#include <time.h>

enum { STEPS = 4 };

static const int naps[2][STEPS] = {{30, 20, 50, 30}, {20, 40, 20, 30}}; /* ms, drawn by lot once */

struct worker {
    gyre_frame frame;
    int number;
    bool blocks;
    int i;
};
GYRE_CORO(worker)
{
    GYRE_BEGIN;
    for (; self->i < STEPS; self->i++) {
        printf("  worker %d, step %d\n", self->number, self->i + 1);
        if (self->blocks)
            nanosleep(&(struct timespec){.tv_nsec = naps[self->number - 1][self->i] * 1000000L},
                      NULL);
        else
            GYRE_TRY(gyre_sleep(GYRE_MS(naps[self->number - 1][self->i])));
    }
    GYRE_END;
}

struct both {
    gyre_frame frame;
    bool block;
    gyre_group group;
};
GYRE_CORO(both)
{
    GYRE_BEGIN;
    puts(self->block ? "sleep():" : "gyre_sleep():");
    gyre_group_enter(&self->group);
    GYRE_GROUP_SPAWN_DETACHED(&self->group, worker, .number = 1, .blocks = self->block);
    GYRE_GROUP_SPAWN_DETACHED(&self->group, worker, .number = 2, .blocks = self->block);
    GYRE_TRY(gyre_group_exit(&self->group, 0));
    GYRE_END;
}

/* Debug mode calls this for every step of a task that takes 100 ms or more, without an error code. */
static void on_slow_step(gyre_loop *loop, const gyre_exception_context *context, void *arg)
{
    if (context->code < 0)
        gyre_loop_default_exception_handler(loop, context);
    else
        ++*(int *)arg;
}

static void watch(gyre_loop *loop, void *arg)
{
    gyre_loop_set_exception_handler(loop, on_slow_step, arg);
}

int main(void)
{
    int slow_steps = 0;
    const gyre_run_options debugging = {.loop.debug = true, .on_loop = watch, .arg = &slow_steps};
    const gyre_run_options simulated = {.loop.clock = GYRE_CLOCK_VIRTUAL};

    if (GYRE_RUN_WITH(debugging, both, .block = true) < 0)
        return 1;
    puts(slow_steps >= 2 ? "debug mode has told of both" : "debug mode was silent");
    return GYRE_RUN_WITH(simulated, both, .block = false) < 0;
}
