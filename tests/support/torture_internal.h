/* What the two halves of the torture harness share: one run, and the counting of many. */
#ifndef GYRE_TESTS_SUPPORT_TORTURE_INTERNAL_H
#define GYRE_TESTS_SUPPORT_TORTURE_INTERNAL_H

#include "torture.h"

/* What happened in a run; kept where the parent sees it too. */
typedef struct torture_run {
    torture_mode mode;
    unsigned k;    /* which one fails, from 1 */
    bool injected; /* the failure took place */
    bool deadlock;
    int64_t result;       /* of the main task */
    unsigned allocations; /* counts, also where nothing fails */
    unsigned parks;
    unsigned iterations;
    unsigned completions;
    unsigned starts;
    unsigned reports;  /* calls of the exception handler */
    char problem[512]; /* what went wrong; "" is well */
} torture_run;

/* Counts one more allocation of the run that is under way: true if it is to fail. */
bool torture__refuse(void);

/* True when all allocations fail now. */
bool torture__refuses_all(void);

/* OpenSSL's part: a run begins; a mode has ended, and LeakSanitizer has found something. */
void torture__openssl_starts(void);
bool torture__openssl_leaks(void);

/* Runs the scenario once as run->mode and run->k say; fills in the rest. */
void torture_run_once(const torture_scenario *scenario, torture_run *run);

#endif
