/*
 * 13_producer_consumer: three producers make ten tokens each, ten consumers use them up. Joining
 * the queue waits until the last is dealt with; then the consumers, idle now, are cancelled.
 */
#include <errno.h>
#include <gyre/gyre.h>
#include <stdio.h>

enum { PRODUCERS = 3, CONSUMERS = 10, TOKENS = 10 };

/* Random numbers from a fixed seed, so that every run is the same (Knuth's constants for MMIX). */
static uint64_t reproducible(void *context)
{
    uint64_t *state = context;

    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state;
}

/* Sleeps for so many nanoseconds on average. */
static gyre_await random_sleep(int64_t average)
{
    return gyre_sleep((int64_t)(gyre_loop_random(gyre_loop_current()) % (uint64_t)(2 * average)));
}

struct producer {
    gyre_frame frame;
    gyre_queue *queue;
    int number, made;
    intptr_t token;
};
GYRE_CORO(producer)
{
    GYRE_BEGIN;
    for (; self->made < TOKENS; self->made++) {
        self->token = self->number * 100 + self->made;
        printf("produced %d\n", (int)self->token);
        GYRE_TRY(gyre_queue_put(self->queue, (void *)self->token));
        GYRE_TRY(random_sleep(GYRE_MS(100)));
    }
    GYRE_END;
}

struct consumer {
    gyre_frame frame;
    gyre_queue *queue;
    void *token;
};
GYRE_CORO(consumer)
{
    GYRE_BEGIN;
    for (;;) {
        GYRE_TRY(gyre_queue_get(self->queue, &self->token));
        GYRE_TRY(random_sleep(GYRE_MS(300)));
        gyre_queue_task_done(self->queue);
        printf("consumed %d\n", (int)(intptr_t)self->token);
    }
    GYRE_END;
}

struct main_task {
    gyre_frame frame;
    gyre_queue queue;
    gyre_future *tasks[PRODUCERS + CONSUMERS], *all;
};
GYRE_CORO(main_task)
{
    GYRE_BEGIN;
    if (gyre_queue_init(&self->queue, NULL) < 0)
        GYRE_RETURN(-ENOMEM);
    for (int i = 0; i < PRODUCERS; i++)
        self->tasks[i] =
            gyre_task_future(GYRE_SPAWN(producer, .queue = &self->queue, .number = i + 1));
    for (int i = PRODUCERS; i < PRODUCERS + CONSUMERS; i++)
        self->tasks[i] = gyre_task_future(GYRE_SPAWN(consumer, .queue = &self->queue));
    self->all = gyre_gather(NULL, PRODUCERS, self->tasks, 0);
    GYRE_TRY(self->all);
    puts("---- done producing");
    GYRE_TRY(gyre_queue_join(&self->queue));
    puts("---- all is consumed");
    GYRE_FINALLY;
    gyre_future_unref(self->all);
    for (int i = 0; i < PRODUCERS + CONSUMERS; i++) {
        if (self->tasks[i]) /* else memory was short */
            gyre_future_cancel(self->tasks[i]);
        gyre_future_unref(self->tasks[i]);
    }
    gyre_queue_fini(&self->queue);
    GYRE_END;
}

int main(void)
{
    uint64_t seed = 5;
    const gyre_loop_options loop = {
        .clock = GYRE_CLOCK_VIRTUAL, .random = reproducible, .context = &seed};

    return GYRE_RUN_WITH(((gyre_run_options){.loop = loop}), main_task) < 0;
}
