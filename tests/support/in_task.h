/*
 * Running a test as a coroutine: the whole body of a unit test inside a task, on the virtual clock.
 */
#ifndef GYRE_TESTS_SUPPORT_IN_TASK_H
#define GYRE_TESTS_SUPPORT_IN_TASK_H

#include "../../loop/error_internal.h"
#include "../../loop/loop_internal.h"
#include "../../task/run.h"
#include "../../task/sleep.h"
#include "unit.h"

/*
 * After GYRE_CORO(name) {...}: TASK_TEST(name) defines the cmocka test run_name, which runs it with
 * GYRE_RUN and expects 0. The trace and the reports start empty.
 */
#define TASK_TEST(name_)                                                                           \
    static void run_##name_(void **state)                                                          \
    {                                                                                              \
        const gyre_run_options options = {.loop.clock = GYRE_CLOCK_VIRTUAL,                        \
                                          .on_loop = unit_on_loop};                                \
        (void)state;                                                                               \
        unit_forget_loops();                                                                       \
        assert_int_equal(GYRE_RUN_WITH(options, name_), 0);                                        \
    }                                                                                              \
    struct gyre__semicolon

/* A test that failed inside a task left its loop running. */
static inline void unit_forget_loops(void)
{
    gyre__running = NULL;
    gyre__error_slot = NULL;
}

static inline void unit_on_loop(gyre_loop *loop, void *arg)
{
    (void)arg;
    unit_record_reports(loop);
}

#endif
