/*
 * 11_wait: nine sleepers, each for 0.5 to 6 seconds. Wait for the first; then for two seconds; then
 * for the rest: 1, 4 and 4 of them end.
 */
#include <gyre/gyre.h>
#include <stdio.h>

enum { SLEEPERS = 9 };

/* Random numbers from a fixed seed, so that every run is the same (Knuth's constants for MMIX). */
static uint64_t reproducible(void *context)
{
    uint64_t *state = context;

    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state;
}

static double uniform(double from, double to)
{
    return from + (to - from) * (double)(gyre_loop_random(gyre_loop_current()) >> 11) * 0x1p-53;
}

struct sleeper {
    gyre_frame frame;
    int number;
    double seconds;
};
GYRE_CORO(sleeper)
{
    GYRE_BEGIN;
    self->seconds = uniform(0.5, 6);
    GYRE_TRY(gyre_sleep(GYRE_SECONDS(self->seconds)));
    printf("  sleeper %d slept for %.2f s\n", self->number, self->seconds);
    GYRE_RETURN(self->number);
    GYRE_END;
}

struct main_task {
    gyre_frame frame;
    gyre_future *tasks[SLEEPERS];   /* references */
    gyre_future *pending[SLEEPERS]; /* borrowed from those */
    gyre_future *wait;
    size_t left;
};

/* What came of a wait: how many are done now, and who is left. */
static void take_stock(struct main_task *self, const char *what)
{
    printf("%s: %zu\n", what, gyre_wait_done(self->wait, NULL, 0));
    self->left = gyre_wait_pending(self->wait, self->pending, SLEEPERS);
    gyre_future_unref(self->wait);
    self->wait = NULL;
}

GYRE_CORO(main_task)
{
    GYRE_BEGIN;
    for (int i = 0; i < SLEEPERS; i++)
        self->tasks[i] = gyre_task_future(GYRE_SPAWN(sleeper, .number = i + 1));

    self->wait = gyre_wait(NULL, SLEEPERS, self->tasks, GYRE_FOREVER, GYRE_FIRST_COMPLETED);
    GYRE_TRY(self->wait);
    take_stock(self, "the first");

    self->wait = gyre_wait(NULL, self->left, self->pending, GYRE_SECONDS(2), GYRE_ALL_COMPLETED);
    GYRE_TRY(self->wait);
    take_stock(self, "within two seconds");

    self->wait = gyre_wait(NULL, self->left, self->pending, GYRE_FOREVER, GYRE_ALL_COMPLETED);
    GYRE_TRY(self->wait);
    take_stock(self, "the rest");
    GYRE_FINALLY;
    gyre_future_unref(self->wait);
    for (int i = 0; i < SLEEPERS; i++)
        gyre_future_unref(self->tasks[i]);
    GYRE_END;
}

int main(void)
{
    uint64_t state = 8;
    const gyre_loop_options loop = {
        .clock = GYRE_CLOCK_VIRTUAL, .random = reproducible, .context = &state};

    return GYRE_RUN_WITH(((gyre_run_options){.loop = loop}), main_task) < 0;
}
