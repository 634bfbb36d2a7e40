/*
 * Micro-costs: lines `name value unit`, CPU time, median of five runs.
 *
 * Each figure stands beside floor_<name>, the same work by the barest means, measured in the same
 * run: trust the ratio, as machines drift. Arguments name the lines to measure; without any it is
 * all of them.
 */
#include "micro_floor.h"
#include "micro_floor_sync.h"
#include "micro_ring.h"
#include "micro_sync.h"
#include "micro_tasks.h"
#include "micro_timers.h"

static const struct line {
    const char *name;
    double (*measure)(void);
} lines[] = {
    {"spawn", micro_spawn},
    {"floor_spawn", floor_spawn},
    {"spawn_join", micro_spawn_join},
    {"floor_spawn_join", floor_spawn_join},
    {"yield2", micro_yield2},
    {"floor_yield2", floor_yield2},
    {"yield10k", micro_yield10k},
    {"floor_yield10k", floor_yield10k},
    {"future", micro_future},
    {"floor_future", floor_future},
    {"call", micro_call},
    {"nested100", micro_nested100},
    {"floor_nested100", floor_nested100},
    {"queue128", micro_queue128},
    {"floor_queue128", floor_queue128},
    {"queue1", micro_queue1},
    {"floor_queue1", floor_queue1},
    {"gather100k", micro_gather100k},
    {"floor_gather100k", floor_gather100k},
    {"gather1m", micro_gather1m},
    {"floor_gather1m", floor_gather1m},
    {"lock", micro_lock},
    {"lock_handoff", micro_lock_handoff},
    {"floor_lock_handoff", floor_lock_handoff},
    {"timer_cancel", micro_timer_cancel},
    {"floor_timer_cancel", floor_timer_cancel},
    {"timer_fire", micro_timer_fire},
    {"floor_timer_fire", floor_timer_fire},
    {"nop1", micro_nop1},
    {"floor_nop1", floor_nop1},
    {"floor_nop1_plain", floor_nop1_plain},
    {"nop32", micro_nop32},
    {"floor_nop32", floor_nop32},
    {"floor_nop32_plain", floor_nop32_plain},
    {"nop128", micro_nop128},
    {"floor_nop128", floor_nop128},
};

int main(int argc, char **argv)
{
    (void)argc;
    bench_only = argv + 1;
    /* First, while this process's heap, which the children inherit, is unused. */
    bench_isolated("sleep_mem", "sleep_fire", micro_sleep);
    bench_isolated("floor_sleep_mem", "floor_sleep_fire", floor_sleep);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        bench_line(lines[i].name, lines[i].measure);
    return 0;
}
