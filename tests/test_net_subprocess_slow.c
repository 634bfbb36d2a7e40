/*
 * Ten thousand subprocesses, many at a time: no descriptor, no memory and no zombie is left of
 * them.
 */
#include <malloc.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

#include "../net/subprocess.h"
#include "support/in_task.h"

enum { PROCESSES = 10000, AT_A_TIME = 16 };

static int started, wrong;

/* Most only run; some talk, some are killed, some do not exist. */
struct one_after_another {
    gyre_frame frame;
    gyre_subprocess *process;
    gyre_subprocess_output output;
    int kind;
    int64_t rc;
};
GYRE_CORO(one_after_another)
{
    GYRE_BEGIN;
    while (started < PROCESSES) {
        self->kind = started++ % 10;
        if (self->kind == 9) {
            wrong += gyre_subprocess_exec(GYRE_ARGV("/gyre/none"), NULL, &self->process) != -ENOENT;
            gyre_error_clear();
            continue;
        }
        self->rc = gyre_subprocess_exec(
            self->kind == 8 ? GYRE_ARGV("/bin/cat") : GYRE_ARGV("/bin/true"),
            &(gyre_subprocess_options){.in = GYRE_SUBPROCESS_PIPE, .out = GYRE_SUBPROCESS_PIPE},
            &self->process);
        if (self->rc < 0)
            GYRE_RETURN(self->rc);
        if (self->kind == 7)
            gyre_subprocess_kill(self->process);
        if (self->kind != 6) { /* 6: given up at once */
            GYRE_AWAIT(self->rc,
                       gyre_subprocess_communicate(self->process, "hi", 2, &self->output));
            wrong += self->kind == 7 ? self->rc < 0 : self->rc != 0;
            wrong += self->output.out_size != (self->kind == 8 ? 2 : 0);
            gyre_subprocess_output_free(&self->output);
        }
        gyre_subprocess_free(self->process);
    }
    GYRE_END;
}

struct everything {
    gyre_frame frame;
    gyre_task *tasks[AT_A_TIME];
    int i;
};
GYRE_CORO(everything)
{
    GYRE_BEGIN;
    for (self->i = 0; self->i < AT_A_TIME; self->i++)
        self->tasks[self->i] = GYRE_SPAWN(one_after_another);
    for (self->i = 0; self->i < AT_A_TIME; self->i++) {
        GYRE_TRY(self->tasks[self->i]);
        gyre_task_unref(self->tasks[self->i]);
    }
    GYRE_END;
}

static void ten_thousand(void **state)
{
    unsigned before = unit_descriptors();
    struct timespec from, to;
    siginfo_t info;
    size_t heap;

    (void)state;
    started = PROCESSES - 100; /* what is kept for good is made now */
    assert_int_equal(GYRE_RUN(everything), 0);
    heap = mallinfo2().uordblks;
    started = 0;
    clock_gettime(CLOCK_MONOTONIC, &from);
    assert_int_equal(GYRE_RUN(everything), 0);
    clock_gettime(CLOCK_MONOTONIC, &to);
    assert_int_equal(wrong, 0);
    assert_int_equal(unit_descriptors(), before);
    assert_true(mallinfo2().uordblks <= heap + 65536);
    assert_int_equal(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT), -1);
    print_message("%d subprocesses in %.1f s\n", PROCESSES,
                  (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_thousand),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
