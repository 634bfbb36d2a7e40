/* Sleeping. Python names: asyncio.sleep. */
#ifndef GYRE_TASK_SLEEP_H
#define GYRE_TASK_SLEEP_H

#include "coro.h"

GYRE_BEGIN_DECLS

/*
 * Waits for a duration in nanoseconds: gyre_sleep(GYRE_MS(20)). 0 and less: lets everything that is ready
 * run once, without a timer; always suspends. GYRE_FOREVER: until cancelled. Result 0. Cancelling removes
 * the timer at once. sleep().
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_sleep(int64_t delay_ns);

/* Waits until the loop's clock shows when_ns; as gyre_sleep(0) if that has passed. */
GYRE_API GYRE_MUST_USE gyre_await gyre_sleep_until(uint64_t when_ns);

GYRE_END_DECLS

#endif
