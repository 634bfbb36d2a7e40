/* What is told about results. */
#include "report.h"

#include <stdlib.h>
#include <string.h>

#include "say.h"
#include "show.h"

#define DRAW_EVERY GYRE_MS(200)

enum { MOST_REASONS = 10 };

/* The URL without the user and password that may be in it: lines end up in logs. */
static const char *without_secrets(const char *url, char *buffer, size_t size)
{
    const char *host = strstr(url, "://");
    const char *end = host ? host + 3 + strcspn(host + 3, "/?#") : url;
    const char *at = host ? memrchr(host + 3, '@', (size_t)(end - host - 3)) : NULL;

    if (!at)
        return url;
    snprintf(buffer, size, "%.*s...%s", (int)(host + 3 - url), url, at);
    return buffer;
}

void report_item(const struct run *run, const struct item *item)
{
    char shown[1024];
    const char *url = without_secrets(item->url, shown, sizeof(shown));

    if (item->state == ITEM_FAILED)
        say_error("%s: %s", url, item->error ? item->error : "failed");
    else if (item->state == ITEM_FETCHED && run->tells)
        say("%s -> %s (%s in %s%s)", url, item->path ? item->path : "stdout",
            show_size(item->size).text, show_time((int64_t)item->total_ns).text,
            item->resumed == 0           ? ""
            : item->resumed < item->size ? ", resumed"
                                         : ", was there");
}

void report_pause(const struct run *run, const struct item *item, int64_t pause_ns)
{
    char shown[1024];

    if (run->tells)
        say("%s: %s; again in %s", without_secrets(item->url, shown, sizeof(shown)),
            item->error ? item->error : "failed", show_time(pause_ns).text);
}

/* ---- the summary ---- */

static int compare_errors(const void *a, const void *b)
{
    const struct item *const *left = a, *const *right = b;

    return strcmp((*left)->error, (*right)->error);
}

struct reason {
    const char *text;
    size_t count;
};

static int compare_reasons(const void *a, const void *b)
{
    const struct reason *left = a, *right = b;

    return left->count < right->count ? 1 : left->count > right->count ? -1 : 0;
}

/* Sorts the failed ones by reason, then the reasons by how often they came. */
static void say_reasons(const struct run *run)
{
    const struct list *list = &run->options->list;
    const struct item **failed = gyre_alloc(run->failed * sizeof(*failed));
    struct reason *reasons = gyre_alloc(run->failed * sizeof(*reasons));
    size_t count = 0, kinds = 0;

    for (size_t i = 0; failed && reasons && i < list->count; i++) {
        if (list->items[i].state == ITEM_FAILED && list->items[i].error)
            failed[count++] = &list->items[i];
    }
    if (count > 0)
        qsort(failed, count, sizeof(*failed), compare_errors);
    for (size_t i = 0; i < count; i++) {
        if (kinds == 0 || strcmp(reasons[kinds - 1].text, failed[i]->error) != 0)
            reasons[kinds++] = (struct reason){.text = failed[i]->error};
        reasons[kinds - 1].count++;
    }
    if (kinds > 0)
        qsort(reasons, kinds, sizeof(*reasons), compare_reasons);
    for (size_t i = 0; i < kinds && i < MOST_REASONS; i++)
        say("  %zu x %s", reasons[i].count, reasons[i].text);
    if (kinds > MOST_REASONS)
        say("  and %zu other reasons", kinds - MOST_REASONS);
    gyre_free(failed);
    gyre_free(reasons);
}

void report_summary(const struct run *run)
{
    uint64_t ns = gyre_loop_time(gyre_loop_current()) - run->started_ns;
    size_t all = run->options->list.count, left = all - run->fetched - run->failed;
    uint64_t rate = ns ? (uint64_t)((double)run->received * 1e9 / (double)ns) : 0;
    char failed[64] = "", rest[300] = "";

    if (run->failed)
        snprintf(failed, sizeof(failed), "; %zu failed", run->failed);
    if (left)
        snprintf(rest, sizeof(rest), "; %zu not fetched (%s)", left, run->stopped);
    say("%zu of %zu files, %s in %s, %s/s%s%s", run->fetched, all, show_size(run->received).text,
        show_time((int64_t)ns).text, show_size(rate).text, failed, rest);
    if (run->failed)
        say_reasons(run);
}

/* ---- the bar ---- */

static void count_under_way(const struct run *run, struct progress *progress)
{
    const struct item *item;

    for (size_t i = 0; i < run->workers; i++) {
        item = run->running[i];
        if (item && item->expected > 0 && item->size <= (uint64_t)item->expected) {
            progress->under_way += (double)item->size / (double)item->expected;
            progress->missing += (uint64_t)item->expected - item->size;
        }
    }
}

static void draw(const struct report_draw *self)
{
    const struct run *run = self->run;
    const struct item *first = run->options->list.items;
    struct progress progress = {
        .files = run->options->list.count,
        .fetched = run->fetched,
        .failed = run->failed,
        .bytes = run->received,
        .rate = progress_per_second(&self->rate),
        .elapsed_ns = gyre_loop_time(gyre_loop_current()) - run->started_ns,
    };
    char line[512];

    if (progress.files == 1) {
        progress.there = first->size;
        progress.whole = first->expected > 0 ? (uint64_t)first->expected : 0;
    }
    count_under_way(run, &progress);
    progress_print(&progress, say_columns(), line, sizeof(line));
    say_bar(line);
}

GYRE_CORO_PUBLIC(report_draw)
{
    GYRE_BEGIN;
    for (;;) {
        progress_sample(&self->rate, gyre_loop_time(gyre_loop_current()), self->run->received);
        GYRE_TRY(gyre_sleep(DRAW_EVERY));
        draw(self);
    }
    GYRE_FINALLY;
    say_no_bar();
    GYRE_END;
}
