/* The torture harness's outer half: modes, forked children, and the counts. */
#include "torture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../loop/backend_internal.h"
#include "torture_internal.h"

enum {
    MOST_RUNS = 4000,   /* of one mode; more are cut off, visibly */
    MOST_CRASHES = 5,   /* of one mode */
    MOST_MESSAGES = 10, /* printed of one mode */
};

static const struct {
    const char *name;
    unsigned without; /* flags that leave the mode out */
} modes[TORTURE_MODES] = {
    [TORTURE_PLAIN] = {"plain", 0},
    [TORTURE_ALLOC_ONE] = {"alloc-one", TORTURE_NO_ALLOC},
    [TORTURE_ALLOC_REST] = {"alloc-rest", TORTURE_NO_ALLOC},
    [TORTURE_CANCEL_PARKED] = {"cancel-parked", TORTURE_NO_CANCEL},
    [TORTURE_CANCEL_MAIN] = {"cancel-main", TORTURE_NO_CANCEL},
    [TORTURE_CANCEL_TWICE] = {"cancel-twice", TORTURE_NO_CANCEL},
    [TORTURE_CLOSE] = {"close", TORTURE_NO_CLOSE},
    [TORTURE_EIO] = {"eio", TORTURE_NO_EIO},
    [TORTURE_ECANCELED] = {"ecanceled", TORTURE_NO_ECANCELED},
    [TORTURE_SHORT] = {"short", TORTURE_NO_SHORT},
    [TORTURE_REFUSED] = {"refused", TORTURE_NO_REFUSED},
    [TORTURE_LATE] = {"late", 0},
};

/* What a child writes and its parent reads, even after a crash. */
struct shared {
    torture_run run;
    torture_run plain; /* the plain run, for its counts */
    unsigned runs, failures, deadlocks;
    bool finished;
};

static struct {
    unsigned passed, failed, skipped;
} total;

static bool applies(const torture_scenario *scenario, torture_mode mode)
{
    if (mode >= TORTURE_EIO && !(scenario->flags & TORTURE_FAULTS))
        return false;
    return !(scenario->flags & modes[mode].without);
}

static void report(const torture_scenario *scenario, struct shared *shared, const char *what)
{
    if (++shared->failures <= MOST_MESSAGES)
        printf("FAILED %s %s %u: %s\n", scenario->name, modes[shared->run.mode].name, shared->run.k,
               what);
    fflush(stdout);
}

/* In the child: every k from the given one on, until there is nothing left to fail. */
static void run_mode(const torture_scenario *scenario, struct shared *shared, unsigned first)
{
    for (unsigned k = first; k < first + MOST_RUNS; k++) {
        shared->run.k = k;
        torture_run_once(scenario, &shared->run);
        shared->runs++;
        shared->deadlocks += shared->run.deadlock;
        if (shared->run.problem[0])
            report(scenario, shared, shared->run.problem);
        if (!shared->run.injected)
            break;
    }
    if (shared->run.mode == TORTURE_PLAIN)
        shared->plain = shared->run;
    shared->finished = true;
}

static void describe_crash(int status, char *text, size_t size)
{
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        snprintf(text, size, "hangs");
    else if (WIFSIGNALED(status))
        snprintf(text, size, "killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(text, size, "exit status %d", WEXITSTATUS(status));
}

/* A mode in a child of its own; after a crash another one goes on with the next k. */
static void run_isolated(const torture_scenario *scenario, torture_mode mode, struct shared *shared)
{
    unsigned first = 1;

    shared->runs = shared->failures = shared->deadlocks = 0;
    shared->finished = false;
    shared->run.mode = mode;
    for (int crashes = 0; crashes < MOST_CRASHES && !shared->finished; crashes++) {
        char text[96];
        int status;
        pid_t child;

        fflush(NULL);
        shared->run.k = first;
        child = fork();
        if (child == 0) {
            run_mode(scenario, shared, first);
            if (torture__openssl_leaks())
                report(scenario, shared, "OpenSSL's memory has leaked");
            _exit(0);
        }
        if (child < 0 || waitpid(child, &status, 0) != child) {
            report(scenario, shared, "fork failed");
            return;
        }
        if (!shared->finished) {
            describe_crash(status, text, sizeof(text));
            report(scenario, shared, text);
            first = shared->run.k + 1;
        }
    }
}

static void run_scenario(const torture_scenario *scenario, struct shared *shared)
{
    unsigned runs = 0, failures = 0, deadlocks = 0;

    shared->plain = (torture_run){.mode = TORTURE_PLAIN};
    for (torture_mode mode = TORTURE_PLAIN; mode < TORTURE_MODES; mode++) {
        if (!applies(scenario, mode))
            continue;
        run_isolated(scenario, mode, shared);
        runs += shared->runs;
        failures += shared->failures;
        deadlocks += shared->deadlocks;
        total.passed += shared->failures == 0;
        total.failed += shared->failures != 0;
        if (shared->runs >= MOST_RUNS)
            printf("note: %s %s was cut off after %d runs\n", scenario->name, modes[mode].name,
                   MOST_RUNS);
    }
    printf("%-24s %4u allocations %4u parks %4u iterations %4u completions: %5u runs, %u failed",
           scenario->name, shared->plain.allocations, shared->plain.parks, shared->plain.iterations,
           shared->plain.completions, runs, failures);
    if (deadlocks)
        printf(", %u left waiting", deadlocks);
    printf("\n");
}

/* One run in this process, for debuggers. */
static int run_single(const torture_scenario *scenario, const char *mode_name, const char *k)
{
    torture_run run = {.k = (unsigned)strtoul(k, NULL, 10)};

    while (run.mode < TORTURE_MODES && strcmp(modes[run.mode].name, mode_name) != 0)
        run.mode++;
    if (run.mode == TORTURE_MODES) {
        fprintf(stderr, "no such mode: %s\n", mode_name);
        return 2;
    }
    torture_run_once(scenario, &run);
    printf("result %lld (%s), %s%s\n", (long long)run.result, gyre_err_name(run.result),
           run.injected ? "injected" : "not injected", run.deadlock ? ", deadlock" : "");
    printf("%s\n", run.problem[0] ? run.problem : "passed");
    return run.problem[0] != '\0';
}

int torture_main(int argc, char **argv, const torture_scenario *scenarios, size_t n)
{
    struct shared *shared =
        mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    gyre_loop *loop;

    if (getenv("TEST_RING_RUNG")) /* 1 or 2: the ring modes of older kernels */
        gyre__ring_rung = (unsigned)atoi(getenv("TEST_RING_RUNG"));
    if (shared == MAP_FAILED) {
        perror("mmap");
        return 1;
    }
    if (gyre_loop_new(NULL, &loop) < 0) {
        printf("%s\n", gyre_loop_error_text());
        return 77;
    }
    gyre_loop_close(loop);
    for (size_t i = 0; i < n; i++) {
        if (argc > 1 && strcmp(argv[1], scenarios[i].name) != 0)
            continue;
        if (argc > 3)
            return run_single(&scenarios[i], argv[2], argv[3]);
        run_scenario(&scenarios[i], shared);
    }
    munmap(shared, sizeof(*shared));
    printf("%u passed, %u failed, %u skipped\n", total.passed, total.failed, total.skipped);
    return total.failed != 0;
}
