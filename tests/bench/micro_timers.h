/* Timers and sleeping tasks, a million at a time. */
#ifndef GYRE_TESTS_BENCH_MICRO_TIMERS_H
#define GYRE_TESTS_BENCH_MICRO_TIMERS_H

#include "micro_tasks.h"

enum { MILLION = 1000000 };

static int64_t count_down(gyre_loop *loop, void *arg)
{
    int *left = arg;

    if (--*left == 0)
        gyre_loop_stop(loop);
    return 0;
}

static void add_timer(uint64_t delay, int *left, gyre_handle **out_handle)
{
    bench_check(gyre_call_later(micro_loop, (int64_t)delay, count_down, left, out_handle) == 0,
                "gyre_call_later");
}

static double micro_timer_cancel(void)
{
    const uint64_t hour = UINT64_C(3600000000000);
    static gyre_handle *own[1000];
    double start;

    micro_open();
    for (int i = 0; i < MILLION; i++)
        add_timer(hour / 4 + bench_below(hour), NULL, NULL);
    start = bench_cpu_ns();
    for (int round = 0; round < 1000; round++) {
        for (int i = 0; i < 1000; i++)
            add_timer(bench_below(hour), NULL, &own[i]);
        for (int i = 0; i < 1000; i++) {
            gyre_handle_cancel(own[i]);
            gyre_handle_unref(own[i]);
        }
    }
    start = bench_cpu_ns() - start;
    micro_close();
    return start / 1e6;
}

static double micro_timer_fire(void)
{
    int left = MILLION;
    double start;

    micro_open();
    start = bench_cpu_ns();
    for (int i = 0; i < MILLION; i++)
        add_timer(bench_below(1000000000), &left, NULL);
    bench_check(gyre_loop_run(micro_loop) == 0 && left == 0, "the loop");
    start = bench_cpu_ns() - start;
    micro_close();
    return start / 1e6;
}

static int micro_asleep;

struct sleeper {
    gyre_frame frame;
};

GYRE_CORO(sleeper)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep((int64_t)(500000000 + bench_below(1000000000))));
    if (--micro_asleep == 0)
        gyre_loop_stop(gyre_loop_current());
    GYRE_END;
}

static void micro_sleep(double *out_figures)
{
    double resident, start;

    micro_open();
    micro_asleep = MILLION;
    resident = bench_resident();
    start = bench_cpu_ns();
    for (int i = 0; i < MILLION; i++)
        bench_check(GYRE_SPAWN_WITH(((gyre_spawn_options){.loop = micro_loop, .detached = true}),
                                    sleeper) != NULL,
                    "GYRE_SPAWN");
    bench_check(gyre_loop_run_once(micro_loop, 0) >= 0, "the loop");
    out_figures[0] = (bench_resident() - resident) / 1e6;
    bench_check(gyre_loop_run(micro_loop) == 0 && micro_asleep == 0, "the loop");
    out_figures[1] = (bench_cpu_ns() - start) / 1e6;
    micro_close();
}

#endif
