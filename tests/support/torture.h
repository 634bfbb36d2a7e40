/*
 * The torture harness: runs a scenario with each allocation, await, iteration and completion
 * failing in turn.
 *
 *     struct nap { gyre_frame frame; };
 *     GYRE_CORO(nap) { GYRE_BEGIN; GYRE_TRY(gyre_sleep(GYRE_MS(5))); GYRE_RETURN(7); GYRE_END; }
 *
 *     static const torture_scenario scenarios[] = {
 *         {TORTURE_MAIN(nap), .expect = 7},
 *         {TORTURE_MAIN(echo, .port = 0), .flags = TORTURE_IO, .setup = dial, .teardown = hang_up},
 *     };
 *     int main(int argc, char **argv)
 *     {
 *         return torture_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
 *     }
 *
 * Every scenario runs plainly first, then once for each k in each mode below, on a loop of its own,
 * whose blocks are all allocations. After each run there must be: no block left, no descriptor more
 * than before, no operation in flight, no task; and it must end: no iteration without end, no
 * deadlock, no endless wait. A mode runs in a forked child; a crash is reported with its k, and the
 * mode goes on after it.
 *
 *     torture_x                     everything; "N passed, N failed, N skipped" counts pairs of
 *                                   scenario and mode
 *     torture_x SCENARIO            one scenario
 *     torture_x SCENARIO MODE K     one run, in this process: for gdb
 */
#ifndef GYRE_TESTS_SUPPORT_TORTURE_H
#define GYRE_TESTS_SUPPORT_TORTURE_H

#include "../../task/task.h"

typedef enum torture_mode {
    TORTURE_PLAIN,
    TORTURE_ALLOC_ONE,     /* the k-th allocation fails */
    TORTURE_ALLOC_REST,    /* the k-th and all later ones fail */
    TORTURE_CANCEL_PARKED, /* at the k-th park the task that parks is cancelled */
    TORTURE_CANCEL_MAIN,   /* at the k-th park the main task is cancelled */
    TORTURE_CANCEL_TWICE, /* at the k-th park, and the next one, the task that parks is cancelled */
    TORTURE_CLOSE,        /* the loop is closed after k iterations */
    TORTURE_EIO,          /* the k-th completion is -EIO */
    TORTURE_ECANCELED,    /* the k-th completion is -ECANCELED though nobody asked */
    TORTURE_SHORT,        /* the k-th read, write, receive or send is asked for one byte only */
    TORTURE_REFUSED,      /* the k-th operation cannot be started: -EBUSY */
    TORTURE_LATE,         /* the k-th completion comes three iterations later: others overtake it */
    TORTURE_MODES
} torture_mode;

enum {
    TORTURE_REAL_CLOCK = 1,
    TORTURE_FAULTS = 2, /* has operations: their completions are failed too */
    TORTURE_IO = TORTURE_REAL_CLOCK | TORTURE_FAULTS,
    TORTURE_NO_EIO = 4, /* modes that make no sense for the scenario */
    TORTURE_NO_ECANCELED = 8,
    TORTURE_NO_SHORT = 16,
    TORTURE_NO_REFUSED = 32,
    TORTURE_NO_ALLOC = 64,
    TORTURE_NO_CANCEL = 128,
    TORTURE_NO_CLOSE = 256,
    TORTURE_MAY_DEADLOCK = 512, /* not plainly; but what fails may leave another task waiting */
    TORTURE_MAY_REPORT = 1024,  /* plainly too the exception handler is called */
};

typedef struct torture_scenario {
    const char *name;
    const gyre_coro *coro; /* the main task */
    const void *args;
    unsigned flags;
    int64_t expect; /* the plain run's result */
    /* Before the main task is spawned; an error (a failed allocation) skips it. May be NULL. */
    int64_t (*setup)(gyre_loop *loop);
    /*
     * After the loop was closed, whatever setup answered: lets go of global objects, closes
     * descriptors. May be NULL.
     */
    void (*teardown)(void);
    /* When the main task has ended, before the tidying up; false fails the run. May be NULL. */
    bool (*check)(torture_mode mode, int64_t result);
} torture_scenario;

/* Name, coroutine and arguments: TORTURE_MAIN(name) or TORTURE_MAIN(name, .argument = constant). */
#define TORTURE_MAIN(...) TORTURE_MAIN_(__VA_ARGS__, )
#define TORTURE_MAIN_(name_, ...)                                                                  \
    .name = #name_, .coro = &name_##_coro, .args = &(const struct name_)                           \
    {                                                                                              \
        .frame = {.coro = &name_##_coro}, __VA_ARGS__                                              \
    }

/* The whole program; gives the exit status. */
int torture_main(int argc, char **argv, const torture_scenario *scenarios, size_t n);

/*
 * Has every so-many-th allocation of OpenSSL fail as if it were gyre's; a handshake has thousands.
 * First thing in main. Contexts are best made before torture_main(), with no_resumption.
 */
void torture_openssl(unsigned every);

/* The mode and k of the run that is under way, for scenarios that want to know. */
torture_mode torture_current_mode(void);
unsigned torture_current_k(void);

/* True once the failure of this run has been injected. */
bool torture_injected(void);

#endif
