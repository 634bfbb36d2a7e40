/* The exception handler, the default one's text, and the slow callbacks of debug mode. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../future/future.h"
#include "support/unit.h"

/* What the function writes to stderr; freed by the caller. */
static char *stderr_of(void (*function)(gyre_loop *), gyre_loop *loop)
{
    FILE *file = tmpfile();
    int saved = dup(STDERR_FILENO);
    char *text = calloc(1, 4096);

    assert_non_null(file);
    assert_non_null(text);
    fflush(stderr);
    dup2(fileno(file), STDERR_FILENO);
    function(loop);
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
    rewind(file);
    assert_true(fread(text, 1, 4095, file) < 4095);
    fclose(file);
    return text;
}

static void report_group(gyre_loop *loop)
{
    gyre_error *inner = gyre_error_new(-EIO, "disk on fire");
    gyre_error *group = gyre_error_new_group(
        "two things", 2, (gyre_error_item[]){{-EIO, inner}, {GYRE_ETIMEOUT, NULL}});

    gyre_loop_call_exception_handler(loop, &(gyre_exception_context){.message = "it broke",
                                                                     .code = GYRE_EGROUP,
                                                                     .detail = group,
                                                                     .name = "Task-9",
                                                                     .file = "there.c",
                                                                     .line = 12});
    gyre_error_unref(group);
    gyre_error_unref(inner);
}

static void the_default_prints_everything(void **state)
{
    gyre_loop *loop = unit_loop();
    char *text = stderr_of(report_group, loop);

    (void)state;
    assert_non_null(strstr(text, "gyre: it broke: two things (GYRE_EGROUP"));
    assert_non_null(strstr(text, " in Task-9 made at there.c:12\n"));
    assert_non_null(strstr(text, "gyre:   - disk on fire (EIO)\n"));
    assert_non_null(strstr(text, "gyre:   - timed out (GYRE_ETIMEOUT)\n"));
    free(text);
    gyre_loop_close(loop);
}

static void a_handler_replaces_it_and_goes_again(void **state)
{
    gyre_loop *loop = unit_loop();
    char *text;

    (void)state;
    unit_record_reports(loop);
    text = stderr_of(report_group, loop);
    assert_string_equal(text, "");
    assert_int_equal(unit_reports(), 1);
    assert_string_equal(unit_last_report()->name, "Task-9");
    free(text);
    gyre_loop_set_exception_handler(loop, NULL, NULL);
    text = stderr_of(report_group, loop);
    assert_non_null(strstr(text, "it broke"));
    free(text);
    gyre_loop_close(loop);
}

/* ---- what is slow, on a clock that moves only here ---- */

static uint64_t minute_hand;

static uint64_t read_hand(void *context)
{
    (void)context;
    return minute_hand;
}

/* A callback that takes so many nanoseconds. */
static int64_t dawdle(gyre_loop *loop, void *arg)
{
    (void)loop;
    minute_hand += (uint64_t)(uintptr_t)arg;
    return 0;
}

static void run_dawdle(gyre_loop *loop, uintptr_t ns)
{
    gyre_call_soon(loop, dawdle, (void *)ns, NULL);
    gyre_loop_run_once(loop, 0);
}

static void debug_mode_reports_what_is_slow(void **state)
{
    gyre_loop *loop = unit_loop_with(&(gyre_loop_options){.now = read_hand, .debug = true});

    (void)state;
    assert_true(gyre_loop_get_debug(loop));
    unit_record_reports(loop);
    run_dawdle(loop, 99999999);
    assert_int_equal(unit_reports(), 0); /* not quite the 100 ms */
    run_dawdle(loop, 100000000);
    assert_int_equal(unit_reports(), 1);
    gyre_loop_set_slow_callback_duration(loop, GYRE_MS(2));
    run_dawdle(loop, 1999999);
    assert_int_equal(unit_reports(), 1);
    run_dawdle(loop, 3000000);
    assert_int_equal(unit_reports(), 2);
    assert_int_equal(unit_last_report()->code, 0);
    assert_non_null(strstr(unit_last_report()->message, "took 0.003 s"));
    gyre_loop_set_debug(loop, false);
    run_dawdle(loop, 3000000);
    assert_int_equal(unit_reports(), 2);
    gyre_loop_close(loop);
}

/* The virtual clock does not move while a callback runs: there real time counts. */
static void with_the_virtual_clock_real_time_counts(void **state)
{
    gyre_loop *loop =
        unit_loop_with(&(gyre_loop_options){.clock = GYRE_CLOCK_VIRTUAL, .debug = true});

    (void)state;
    unit_record_reports(loop);
    gyre_loop_set_slow_callback_duration(loop, GYRE_SECONDS(3600));
    run_dawdle(loop, 0);
    assert_int_equal(unit_reports(), 0);
    gyre_loop_set_slow_callback_duration(loop, 0);
    run_dawdle(loop, 0);
    assert_int_equal(unit_reports(), 1);
    gyre_loop_close(loop);
}

static void a_deadlock_is_reported(void **state)
{
    gyre_loop *loop = unit_loop();
    gyre_future *future = gyre_future_new(loop);

    (void)state;
    unit_record_reports(loop);
    assert_int_equal(gyre_loop_run_until(loop, future), GYRE_EDEADLOCK);
    assert_int_equal(unit_reports(), 1);
    assert_int_equal(unit_last_report()->code, GYRE_EDEADLOCK);
    /* The loop is usable afterwards. */
    gyre_future_set_result(future, 3);
    assert_int_equal(gyre_loop_run_until(loop, future), 3);
    gyre_future_unref(future);
    gyre_loop_close(loop);
}

/* With the real clock too, where the process has no other thread. */
static void a_deadlock_in_real_time(void **state)
{
    gyre_loop *loop = unit_loop_with(NULL);

    (void)state;
    unit_record_reports(loop);
    assert_int_equal(gyre_loop_run(loop), GYRE_EDEADLOCK);
    assert_int_equal(unit_reports(), 1);
    gyre_loop_close(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_prints_everything),
        cmocka_unit_test(a_handler_replaces_it_and_goes_again),
        cmocka_unit_test(debug_mode_reports_what_is_slow),
        cmocka_unit_test(with_the_virtual_clock_real_time_counts),
        cmocka_unit_test(a_deadlock_is_reported),
        cmocka_unit_test(a_deadlock_in_real_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
