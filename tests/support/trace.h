/*
 * Tests of order: a loop on the virtual clock, a trace of what happened when, and checked memory.
 *
 *     cmocka_unit_test_setup_teardown(test_x, trace_setup, trace_teardown)
 *
 * The setup makes trace_loop. The teardown closes it, unless the test did, and fails the test when
 * a block of memory is left, or an error was reported that the test did not expect.
 */
#ifndef GYRE_TESTS_SUPPORT_TRACE_H
#define GYRE_TESTS_SUPPORT_TRACE_H

#include "../../task/task.h"

extern gyre_loop *trace_loop;

int trace_setup(void **state);
int trace_teardown(void **state);

/* Closes the loop in the middle of a test. */
void trace_close(void);

/* Adds "MS TEXT" and a newline to the trace. */
void trace(const char *format, ...) GYRE_PRINTF(1, 2);

/* Fails unless the trace is this; starts a new one. */
void assert_trace(const char *expected);

/* How many errors went to the exception handler since the last call; traced as "reported CODE". */
unsigned trace_reports(void);

/* Lets n allocations succeed, then all fail; SIZE_MAX: no failures. */
void trace_fail_after(size_t n);

/* Runs the loop until nothing is ready, without waiting for timers. */
void trace_settle(void);

/*
 * A task that sleeps for ms milliseconds (negative: not at all) and returns the result. Traces
 * "NAME RESULT" at its end, "NAME cancelled MESSAGE" when it is cancelled; with `stubborn` it then
 * sleeps on for as long and returns its result after all.
 */
struct job {
    gyre_frame frame;
    const char *name;
    int64_t ms;
    int64_t result;
    bool stubborn;
    int64_t rc;
};
GYRE_CORO_DECLARE(job);

/* A job as a future, new reference. */
gyre_future *job(const char *name, int64_t ms, int64_t result);
gyre_future *stubborn_job(const char *name, int64_t ms, int64_t result);

/* Awaits the future (borrowed) and traces "NAME got RESULT", with the error's text if any. */
struct waiter {
    gyre_frame frame;
    const char *name;
    gyre_future *future;
    int64_t rc;
};
GYRE_CORO_DECLARE(waiter);
gyre_future *waiter(const char *name, gyre_future *future);

/* Traces "NAME done" or "NAME cancelled" when the future ends: a callback of it. */
void watch(gyre_future *future, const char *name);

/* The number as text if >= 0, else the name of the code without GYRE_E; static storage. */
const char *result_text(int64_t result);

#endif
