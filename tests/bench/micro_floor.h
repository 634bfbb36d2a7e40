/*
 * The floor: the same work by the barest means C has, to hold gyre's figures against in the same
 * run.
 *
 * A task is a function pointer and a state number in a ring buffer, a timer an entry in a calendar
 * of lists. Nothing is checked, nothing can fail, be cancelled or be looked at.
 */
#ifndef GYRE_TESTS_BENCH_MICRO_FLOOR_H
#define GYRE_TESTS_BENCH_MICRO_FLOOR_H

#include <stddef.h>

#include "bench.h"

typedef struct bare_timer {
    struct bare_timer *next, **link; /* in its day's list */
    uint64_t when;                   /* ns */
} bare_timer;

typedef struct bare_task {
    bool (*step)(struct bare_task *task); /* true: finished */
    struct bare_task *up; /* runs when this one has finished; in the free list: the next */
    uint32_t at, count;
    uint64_t arg;
    bare_timer timer;
} bare_task;

enum {
    BARE_RING = 1 << 21,
    BARE_DAYS = 1 << 21,
    BARE_SLAB = 1 << 20,
};

static bare_task *bare_ring[BARE_RING];
static uint32_t bare_head, bare_tail;
static bare_task *bare_free;
static char *bare_slab, *bare_slab_end;
static uint64_t bare_count;

static inline void bare_ready(bare_task *task)
{
    bare_ring[bare_tail++ % BARE_RING] = task;
}

static inline bare_task *bare_spawn(bool (*step)(bare_task *), uint64_t arg, bare_task *up)
{
    bare_task *task = bare_free;

    if (task) {
        bare_free = task->up;
    } else {
        if (bare_slab == bare_slab_end) {
            bare_slab = malloc(BARE_SLAB);
            bench_check(bare_slab != NULL, "malloc");
            bare_slab_end = bare_slab + BARE_SLAB / sizeof(*task) * sizeof(*task);
        }
        task = (bare_task *)(void *)bare_slab;
        bare_slab += sizeof(*task);
    }
    task->step = step;
    task->up = up;
    task->at = task->count = 0;
    task->arg = arg;
    bare_ready(task);
    return task;
}

static void bare_run(void)
{
    while (bare_head != bare_tail) {
        bare_task *task = bare_ring[bare_head++ % BARE_RING];

        if (task->step(task)) {
            if (task->up)
                bare_ready(task->up);
            task->up = bare_free;
            bare_free = task;
        }
    }
}

/* ---- tasks ---- */

static bool bare_trivial(bare_task *task)
{
    (void)task;
    bare_count++;
    return true;
}

static bool bare_spawner(bare_task *task)
{
    if (task->count++ == task->arg)
        return true;
    for (int i = 0; i < 1000; i++)
        bare_spawn(bare_trivial, 0, NULL);
    bare_ready(task);
    return false;
}

static double floor_spawn(void)
{
    double start = bench_cpu_ns();

    bare_spawn(bare_spawner, 1000, NULL);
    bare_run();
    return (bench_cpu_ns() - start) / 1e6;
}

static bool bare_joiner(bare_task *task)
{
    if (task->count++ == task->arg)
        return true;
    bare_spawn(bare_trivial, 0, task);
    return false;
}

static double floor_spawn_join(void)
{
    double start = bench_cpu_ns();

    bare_spawn(bare_joiner, 1000000, NULL);
    bare_run();
    return (bench_cpu_ns() - start) / 1e6;
}

static bool bare_yielder(bare_task *task)
{
    if (task->count++ == task->arg)
        return true;
    bare_ready(task);
    return false;
}

static double bare_yields(int tasks, uint64_t times)
{
    double start = bench_cpu_ns();

    for (int i = 0; i < tasks; i++)
        bare_spawn(bare_yielder, times, NULL);
    bare_run();
    return (bench_cpu_ns() - start) / (double)((uint64_t)tasks * times);
}

static double floor_yield2(void)
{
    return bare_yields(2, 2000000);
}

static double floor_yield10k(void)
{
    return bare_yields(10000, 200);
}

/* However deep the frames are: the leaf itself is in the ring. */
static double floor_nested100(void)
{
    return bare_yields(1, 2000000);
}

/* ---- a future ---- */

struct bare_future {
    bare_task *waiter;
    uint64_t value;
    bool done;
};

static struct bare_future *bare_pending; /* what the setter is to set */

static bool bare_waiter(bare_task *task)
{
    if (task->at) {
        bare_count += bare_pending->value;
        free(bare_pending);
        bare_pending = NULL;
    }
    task->at = 1;
    if (task->count++ == task->arg)
        return true;
    bare_pending = malloc(sizeof(*bare_pending));
    bench_check(bare_pending != NULL, "malloc");
    *bare_pending = (struct bare_future){.waiter = task};
    return false;
}

static bool bare_setter(bare_task *task)
{
    if (!bare_pending)
        return true;
    bare_pending->value = 1;
    bare_pending->done = true;
    bare_ready(bare_pending->waiter);
    bare_ready(task);
    return false;
}

static double floor_future(void)
{
    double start = bench_cpu_ns();

    bare_spawn(bare_waiter, 1000000, NULL);
    bare_spawn(bare_setter, 0, NULL);
    bare_run();
    return (bench_cpu_ns() - start) / 1e6;
}

/* ---- timers: a calendar whose days are lists, 1 us each ---- */

static bare_timer **bare_days;
static uint64_t bare_today; /* number of the first day not yet over */

static void bare_calendar(uint64_t now)
{
    free(bare_days);
    bare_days = calloc(BARE_DAYS, sizeof(*bare_days));
    bench_check(bare_days != NULL, "calloc");
    bare_today = now / 1000;
}

static inline void bare_add(bare_timer *timer, uint64_t when)
{
    bare_timer **day = &bare_days[when / 1000 % BARE_DAYS];

    timer->when = when;
    timer->next = *day;
    if (timer->next)
        timer->next->link = &timer->next;
    timer->link = day;
    *day = timer;
}

static inline void bare_remove(bare_timer *timer)
{
    *timer->link = timer->next;
    if (timer->next)
        timer->next->link = timer->link;
}

/* Fires all days up to now; only for timers less than a round of the calendar ahead. */
static void bare_fire(uint64_t now, void (*fire)(bare_timer *))
{
    for (; bare_today < now / 1000; bare_today++) {
        bare_timer *timer = bare_days[bare_today % BARE_DAYS];

        bare_days[bare_today % BARE_DAYS] = NULL;
        while (timer) {
            bare_timer *next = timer->next;

            fire(timer);
            timer = next;
        }
    }
}

static double floor_timer_cancel(void)
{
    const uint64_t hour = UINT64_C(3600000000000);
    bare_timer *pending = calloc(1000000, sizeof(*pending)), *own = calloc(1000, sizeof(*own));
    double start;

    bench_check(pending && own, "calloc");
    bare_calendar(0);
    for (int i = 0; i < 1000000; i++)
        bare_add(&pending[i], hour / 4 + bench_below(hour));
    start = bench_cpu_ns();
    for (int round = 0; round < 1000; round++) {
        for (int i = 0; i < 1000; i++)
            bare_add(&own[i], 1 + bench_below(hour));
        for (int i = 0; i < 1000; i++)
            bare_remove(&own[i]);
    }
    start = bench_cpu_ns() - start;
    free(pending);
    free(own);
    return start / 1e6;
}

static void bare_count_timer(bare_timer *timer)
{
    (void)timer;
    bare_count++;
}

static double floor_timer_fire(void)
{
    bare_timer *timers = calloc(1000000, sizeof(*timers));
    uint64_t base = bench_now();
    double start;

    bench_check(timers != NULL, "calloc");
    bare_calendar(base);
    start = bench_cpu_ns();
    for (int i = 0; i < 1000000; i++)
        bare_add(&timers[i], base + bench_below(1000000000));
    for (bare_count = 0; bare_count < 1000000; usleep(1000))
        bare_fire(bench_now(), bare_count_timer);
    start = bench_cpu_ns() - start;
    free(timers);
    return start / 1e6;
}

/* ---- sleeping tasks ---- */

static void bare_wake(bare_timer *timer)
{
    bare_ready((bare_task *)(void *)((char *)timer - offsetof(bare_task, timer)));
}

static bool bare_sleeper(bare_task *task)
{
    if (task->at++ == 0) {
        bare_add(&task->timer, bare_today * 1000 + 2000 + task->arg);
        return false;
    }
    bare_count++;
    return true;
}

static void floor_sleep(double *out_figures)
{
    double resident, start;

    bare_calendar(bench_now());
    resident = bench_resident();
    start = bench_cpu_ns();
    bare_count = 0;
    for (int i = 0; i < 1000000; i++)
        bare_spawn(bare_sleeper, 500000000 + bench_below(1000000000), NULL);
    bare_run();
    out_figures[0] = (bench_resident() - resident) / 1e6;
    for (; bare_count < 1000000; usleep(1000)) {
        bare_fire(bench_now(), bare_wake);
        bare_run();
    }
    out_figures[1] = (bench_cpu_ns() - start) / 1e6;
}

#endif
