/*
 * The torture harness itself: it sees leaks, descriptors, deadlocks, endless runs, crashes, wrong
 * results.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../loop/alloc.h"
#include "../task/sleep.h"
#include "support/torture_internal.h"
#include "support/unit.h"

static int opened = -1;

enum fault { NONE, LEAK, DESCRIPTOR, DEADLOCK, ENDLESS, REPORT, CRASH_ON_CANCEL };

struct faulty {
    gyre_frame frame;
    enum fault fault;
    gyre_future *future;
    int64_t rc;
};
GYRE_CORO(faulty)
{
    GYRE_BEGIN;
    if (self->fault == LEAK)
        memset(gyre_alloc(33), 1, 33);
    if (self->fault == DESCRIPTOR)
        opened = open("/dev/null", O_RDONLY);
    if (self->fault == REPORT)
        gyre_loop_call_exception_handler(gyre_loop_current(),
                                         &(gyre_exception_context){.message = "m", .code = -EIO});
    while (self->fault == ENDLESS)
        GYRE_TRY(gyre_sleep(0));
    GYRE_AWAIT(self->rc, gyre_sleep(1));
    if (self->rc < 0 && self->fault == CRASH_ON_CANCEL)
        abort();
    if (self->fault == DEADLOCK) {
        self->future = gyre_future_new(gyre_loop_current());
        GYRE_TRY(self->future);
    }
    GYRE_RETURN(4);
    GYRE_FINALLY;
    gyre_future_unref(self->future);
    GYRE_END;
}

/* What the plain run, or the first of another mode, complains about. */
static const char *problem_of(enum fault fault, int64_t expect, torture_mode mode)
{
    static torture_run run;
    const struct faulty args = {.frame = {.coro = &faulty_coro}, .fault = fault};
    const torture_scenario scenario = {
        .name = "faulty", .coro = &faulty_coro, .args = &args, .expect = expect};

    run.mode = mode;
    run.k = 1;
    torture_run_once(&scenario, &run);
    return run.problem;
}

static int sees_leak(void *arg)
{
    (void)arg;
    return !strstr(problem_of(LEAK, 4, TORTURE_PLAIN), "leak: 33 bytes of allocation 3");
}

static void it_complains(void **state)
{
    (void)state;
    assert_string_equal(problem_of(NONE, 4, TORTURE_PLAIN), "");
    assert_non_null(strstr(problem_of(NONE, 5, TORTURE_PLAIN), "result 4 (OK), expected 5"));
    assert_int_equal(unit_in_child(sees_leak, NULL), 0); /* there, as it really leaks */
    assert_non_null(strstr(problem_of(DESCRIPTOR, 4, TORTURE_PLAIN), "descriptors,"));
    close(opened);
    assert_non_null(strstr(problem_of(DEADLOCK, 4, TORTURE_PLAIN), "deadlock"));
    assert_non_null(strstr(problem_of(ENDLESS, 4, TORTURE_PLAIN), "no end after"));
    assert_non_null(
        strstr(problem_of(REPORT, 4, TORTURE_PLAIN), "1 calls of the exception handler"));
    assert_string_equal(problem_of(REPORT, 4, TORTURE_CLOSE), "");
    assert_string_equal(problem_of(NONE, 4, TORTURE_ALLOC_ONE), "");
    assert_string_equal(problem_of(NONE, 4, TORTURE_CANCEL_MAIN), "");
}

/* A crash is reported with its k, and the modes after it run. */
static int run_crashing(void *arg)
{
    const struct faulty args = {.frame = {.coro = &faulty_coro}, .fault = CRASH_ON_CANCEL};
    const torture_scenario scenario = {
        .name = "crashing", .coro = &faulty_coro, .args = &args, .expect = 4};
    char *argv[] = {"torture", NULL};
    int status;

    dup2(*(int *)arg, STDOUT_FILENO);
    status = torture_main(1, argv, &scenario, 1);
    fflush(stdout);
    return status;
}

static void it_reports_crashes(void **state)
{
    static char text[8192];
    FILE *file = tmpfile();
    int fd = fileno(file);

    (void)state;
    assert_int_equal(unit_in_child(run_crashing, &fd), 1);
    rewind(file);
    assert_true(fread(text, 1, sizeof(text) - 1, file) > 0);
    fclose(file);
    assert_non_null(strstr(text, "FAILED crashing cancel-main 1: "));
    assert_non_null(strstr(text, "FAILED crashing close 1: "));
    assert_null(strstr(text, "FAILED crashing alloc-"));
    assert_non_null(strstr(text, "\n3 passed, 4 failed, 0 skipped\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_complains),
        cmocka_unit_test(it_reports_crashes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
