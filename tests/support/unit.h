/*
 * What unit tests share: cmocka, loops, a trace of what happened in which order, reports, deaths.
 */
#ifndef GYRE_TESTS_SUPPORT_UNIT_H
#define GYRE_TESTS_SUPPORT_UNIT_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../loop/loop.h"

/* A loop with the virtual clock; fails the test if there is none. */
gyre_loop *unit_loop(void);

/* The same with options. */
gyre_loop *unit_loop_with(const gyre_loop_options *options);

/* ---- the trace: words in the order in which things happened ---- */

void unit_trace(const char *format, ...) GYRE_PRINTF(1, 2); /* adds a word, after a space */

void unit_forget_trace(void);

/* Fails unless the trace is `expected`; empties it. */
#define unit_assert_trace(expected) unit__assert_trace((expected), __FILE__, __LINE__)
void unit__assert_trace(const char *expected, const char *file, int line);

/* ---- calls of the exception handler ---- */

typedef struct unit_report {
    int64_t code;
    char message[96], text[96], name[32]; /* text: of the detail */
    unsigned line;
    bool has_future, has_handle;
} unit_report;

/* Has the loop's reports recorded from now on; forgets earlier ones. */
void unit_record_reports(gyre_loop *loop);
unsigned unit_reports(void); /* how many since then */
const unit_report *unit_last_report(void);

/* ---- deaths ---- */

/*
 * Runs the function in a forked child, which must abort after writing a line that contains every
 * one of the texts (up to a NULL) to stderr.
 */
#define unit_assert_aborts(function, arg, ...)                                                     \
    unit__assert_aborts((function), (arg), (const char *const[]){__VA_ARGS__, NULL}, __FILE__,     \
                        __LINE__)
void unit__assert_aborts(void (*function)(void *), void *arg, const char *const *texts,
                         const char *file, int line);

/*
 * Runs the function in a forked child; gives its exit status, or -1 if it did not exit by itself.
 */
int unit_in_child(int (*function)(void *), void *arg);

/* Open descriptors of the process. */
unsigned unit_descriptors(void);

/* Handles and timers that add their argument, a word, to the trace. */
int64_t unit_trace_callback(gyre_loop *loop, void *word);

/*
 * Runs the loop as long as there is something to do: until it is deadlocked. Reports of that are
 * left out.
 */
void unit_run_dry(gyre_loop *loop);

#endif
