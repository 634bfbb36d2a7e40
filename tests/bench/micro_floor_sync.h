/* The floor for queues, gathering and locks. */
#ifndef GYRE_TESTS_BENCH_MICRO_FLOOR_SYNC_H
#define GYRE_TESTS_BENCH_MICRO_FLOOR_SYNC_H

#include "micro_floor.h"

enum { BARE_ITEMS = 1000000 };

/* ---- a queue: room for 128 items, of which `bound` are used; one putter, one getter ---- */

static struct {
    uint64_t items[128];
    uint32_t head, tail, bound;
    bare_task *getter, *putter; /* waiting, or NULL */
} bare_queue;

static inline void bare_wake_waiter(bare_task **waiter)
{
    if (*waiter)
        bare_ready(*waiter);
    *waiter = NULL;
}

static bool bare_producer(bare_task *task)
{
    while (task->count < BARE_ITEMS) {
        if (bare_queue.tail - bare_queue.head == bare_queue.bound) {
            bare_queue.putter = task;
            return false;
        }
        bare_queue.items[bare_queue.tail++ % 128] = task->count++;
        bare_wake_waiter(&bare_queue.getter);
    }
    return true;
}

static bool bare_consumer(bare_task *task)
{
    for (; task->count < BARE_ITEMS; task->count++) {
        if (bare_queue.tail == bare_queue.head) {
            bare_queue.getter = task;
            return false;
        }
        bare_count += bare_queue.items[bare_queue.head++ % 128];
        bare_wake_waiter(&bare_queue.putter);
    }
    return true;
}

static double floor_queue(uint32_t bound)
{
    double start = bench_cpu_ns();

    bare_queue.head = bare_queue.tail = 0;
    bare_queue.bound = bound;
    bare_spawn(bare_producer, 0, NULL);
    bare_spawn(bare_consumer, 0, NULL);
    bare_run();
    return (bench_cpu_ns() - start) / BARE_ITEMS;
}

static double floor_queue128(void)
{
    return floor_queue(128);
}

static double floor_queue1(void)
{
    return floor_queue(1);
}

/* ---- gathering ---- */

static struct {
    bare_task *waiter;
    uint64_t left;
} bare_all;

static bool bare_child(bare_task *task)
{
    (void)task;
    if (--bare_all.left == 0)
        bare_ready(bare_all.waiter);
    return true;
}

static bool bare_gatherer(bare_task *task)
{
    if (task->at++)
        return true;
    bare_all.waiter = task;
    bare_all.left = task->arg;
    for (uint64_t i = 0; i < task->arg; i++)
        bare_spawn(bare_child, 0, NULL);
    return false;
}

static double floor_gather(uint64_t count)
{
    double start = bench_cpu_ns();

    bare_spawn(bare_gatherer, count, NULL);
    bare_run();
    return (bench_cpu_ns() - start) / (double)count;
}

static double floor_gather100k(void)
{
    return floor_gather(100000);
}

static double floor_gather1m(void)
{
    return floor_gather(1000000);
}

/* ---- a lock handed over ---- */

static struct {
    bare_task *waiter;
    bool held;
} bare_lock;

static bool bare_locker(bare_task *task)
{
    if (task->at) /* the lock was handed to this task */
        goto held;
    for (;;) {
        if (task->count++ == BARE_ITEMS)
            return true;
        task->at = 1;
        if (bare_lock.held) {
            bare_lock.waiter = task;
            return false;
        }
        bare_lock.held = true;
    held:
        task->at = 0;
        if (bare_lock.waiter)
            bare_wake_waiter(&bare_lock.waiter); /* it stays held */
        else
            bare_lock.held = false;
    }
}

static double floor_lock_handoff(void)
{
    double start = bench_cpu_ns();

    /* One waits for the lock before the other, who has it, begins. */
    bare_lock.held = true;
    bare_spawn(bare_locker, 0, NULL);
    bare_run();
    bare_spawn(bare_locker, 0, NULL)->at = 1;
    bare_run();
    return (bench_cpu_ns() - start) / (2 * BARE_ITEMS);
}

#endif
