/* Queues, locks and gathering. */
#ifndef GYRE_TESTS_BENCH_MICRO_SYNC_H
#define GYRE_TESTS_BENCH_MICRO_SYNC_H

#include "../../future/gather.h"
#include "../../task/lock.h"
#include "../../task/queue.h"
#include "micro_tasks.h"

enum { ITEMS = 1000000 };

/* ---- an item through a queue ---- */

struct producer {
    gyre_frame frame;
    gyre_queue *queue;
    int left;
};

GYRE_CORO(producer)
{
    GYRE_BEGIN;
    while (self->left-- > 0)
        GYRE_TRY(gyre_queue_put(self->queue, self->queue));
    GYRE_END;
}

struct consumer {
    gyre_frame frame;
    gyre_queue *queue;
    void *item;
    int left;
};

GYRE_CORO(consumer)
{
    GYRE_BEGIN;
    while (self->left-- > 0)
        GYRE_TRY(gyre_queue_get(self->queue, &self->item));
    GYRE_END;
}

static double micro_queue(size_t maxsize)
{
    static gyre_queue queue;
    gyre_task *producer, *consumer;
    double figure;

    micro_open();
    bench_check(gyre_queue_init(&queue, &(gyre_queue_options){.maxsize = maxsize}) == 0, "a queue");
    producer = GYRE_SPAWN_ON(micro_loop, producer, .queue = &queue, .left = ITEMS);
    consumer = GYRE_SPAWN_ON(micro_loop, consumer, .queue = &queue, .left = ITEMS);
    figure = micro_run(consumer, ITEMS);
    gyre_task_unref(producer);
    gyre_queue_fini(&queue);
    return figure;
}

static double micro_queue128(void)
{
    return micro_queue(128);
}

static double micro_queue1(void)
{
    return micro_queue(1);
}

/* ---- a gather of many tasks, spawning them included ---- */

struct gatherer {
    gyre_frame frame;
    gyre_future **futures, *all;
    size_t count;
};

GYRE_CORO(gatherer)
{
    GYRE_BEGIN;
    self->futures = malloc(self->count * sizeof(gyre_future *));
    bench_check(self->futures != NULL, "malloc");
    for (size_t i = 0; i < self->count; i++)
        self->futures[i] = gyre_task_future(GYRE_SPAWN(trivial));
    self->all = gyre_gather(NULL, self->count, self->futures, GYRE_GATHER_MOVE);
    free(self->futures);
    GYRE_TRY(self->all);
    gyre_future_unref(self->all);
    GYRE_END;
}

/* The second in a loop: as the others' memory comes from a heap in use, so does this. */
static double micro_gather(size_t count)
{
    gyre_task *first;

    micro_open();
    first = GYRE_SPAWN_ON(micro_loop, gatherer, .count = count);
    bench_check(first && gyre_loop_run_until(micro_loop, gyre_task_future(first)) >= 0, "gather");
    gyre_task_unref(first);
    return micro_run(GYRE_SPAWN_ON(micro_loop, gatherer, .count = count), (double)count);
}

static double micro_gather100k(void)
{
    return micro_gather(100000);
}

static double micro_gather1m(void)
{
    return micro_gather(1000000);
}

/* ---- a lock that nobody else wants; one that two tasks hand to each other ---- */

struct locker {
    gyre_frame frame;
    gyre_lock *lock;
    int left;
};

GYRE_CORO(locker)
{
    GYRE_BEGIN;
    while (self->left-- > 0) {
        GYRE_TRY(gyre_lock_acquire(self->lock));
        gyre_lock_release(self->lock);
    }
    GYRE_END;
}

static double micro_lock(void)
{
    gyre_lock lock;

    gyre_lock_init(&lock);
    micro_open();
    return micro_run(GYRE_SPAWN_ON(micro_loop, locker, .lock = &lock, .left = 4 * ITEMS),
                     4 * ITEMS);
}

/* Holds the lock until both wait for it; from then on each release hands it over. */
struct handoff {
    gyre_frame frame;
    gyre_lock *lock;
    gyre_task *one, *other;
};

GYRE_CORO(handoff)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_lock_acquire(self->lock));
    self->one = GYRE_SPAWN(locker, .lock = self->lock, .left = ITEMS);
    self->other = GYRE_SPAWN(locker, .lock = self->lock, .left = ITEMS);
    GYRE_TRY(gyre_sleep(0));
    GYRE_TRY(gyre_sleep(0));
    gyre_lock_release(self->lock);
    GYRE_TRY(self->one);
    GYRE_TRY(self->other);
    gyre_task_unref(self->one);
    gyre_task_unref(self->other);
    GYRE_END;
}

static double micro_lock_handoff(void)
{
    gyre_lock lock;

    gyre_lock_init(&lock);
    micro_open();
    return micro_run(GYRE_SPAWN_ON(micro_loop, handoff, .lock = &lock), 2 * ITEMS);
}

#endif
