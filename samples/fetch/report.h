/* What is told about results: a line for each, and the summary. */
#ifndef FETCH_REPORT_H
#define FETCH_REPORT_H

#include "run.h"

/* The line about one that is done, where one is due. */
void report_item(const struct run *run, const struct item *item);

/* That it failed for now, and is tried again after a pause. */
void report_pause(const struct run *run, const struct item *item, int64_t pause_ns);

/* The end: files, bytes, time, rate, and how many failed for which reason. */
void report_summary(const struct run *run);

/* Draws the bar a few times a second until it is cancelled. */
struct report_draw {
    gyre_frame frame;
    struct run *run;
    struct progress_rate rate;
};
GYRE_CORO_DECLARE(report_draw);

#endif
