/* What is told of a crawl. URLs are plain ASCII by now, so they may go to a terminal. */
#include "report.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { SLOWEST = 5, STATUSES = 1000 };

struct text {
    char text[160];
};

static struct text show_bytes(uint64_t bytes)
{
    struct text shown;

    if (bytes < 1000)
        snprintf(shown.text, sizeof(shown.text), "%u B", (unsigned)bytes);
    else if (bytes < 1000000)
        snprintf(shown.text, sizeof(shown.text), "%.1f kB", (double)bytes / 1e3);
    else
        snprintf(shown.text, sizeof(shown.text), "%.1f MB", (double)bytes / 1e6);
    return shown;
}

/* A problem may quote what a server sent: nothing that a terminal would obey. */
static struct text show_problem(const struct page *page)
{
    struct text shown;
    size_t i;

    for (i = 0; page->problem[i] && i < sizeof(shown.text) - 1; i++)
        shown.text[i] = isprint((unsigned char)page->problem[i]) ? page->problem[i] : '?';
    shown.text[i] = '\0';
    return shown;
}

static const char *outcome_of(const struct page *page)
{
    switch (page->outcome) {
    case PAGE_REDIRECTED:
        return "  (redirects)";
    case PAGE_FORBIDDEN:
        return "  (left alone: robots.txt)";
    default:
        return "";
    }
}

void report_page(const struct page *page)
{
    char status[16] = " - ", bytes[24] = "";

    if (page->status)
        snprintf(status, sizeof(status), "%3u", page->status);
    if (page->outcome == PAGE_FETCHED)
        snprintf(bytes, sizeof(bytes), "%llu B", (unsigned long long)page->bytes);
    printf("%s  %11s  %5.2f s  %s%s", status, bytes, (double)page->took_ns / 1e9, page->url,
           outcome_of(page));
    if (page->outcome == PAGE_FAILED)
        printf("  (%s)", show_problem(page).text);
    putchar('\n');
}

/* ---- the summary ---- */

struct count {
    size_t fetched, redirected, forbidden, failed, waiting;
    uint64_t bytes;
    size_t statuses[STATUSES];
};

static struct count count_pages(const struct pages *pages)
{
    struct count count = {.fetched = 0};

    for (const struct page *page = pages->first; page; page = page->next) {
        count.fetched += page->outcome == PAGE_FETCHED;
        count.redirected += page->outcome == PAGE_REDIRECTED;
        count.forbidden += page->outcome == PAGE_FORBIDDEN;
        count.failed += page->outcome == PAGE_FAILED;
        count.waiting += page->outcome == PAGE_WAITING;
        count.bytes += page->bytes;
        if (page->status && page->status < STATUSES)
            count.statuses[page->status]++;
    }
    return count;
}

static void print_statuses(const struct count *count)
{
    const char *before = "statuses: ";

    for (size_t i = 0; i < STATUSES; i++) {
        if (count->statuses[i] == 0)
            continue;
        printf("%s%zu of %zu", before, count->statuses[i], i);
        before = ", ";
    }
    if (*before == ',')
        putchar('\n');
}

static void print_left_out(const struct left_out *left_out)
{
    const struct {
        size_t count;
        const char *why;
    } all[] = {{left_out->elsewhere, "to other hosts"},
               {left_out->too_deep, "too deep"},
               {left_out->too_many, "beyond the number of pages"},
               {left_out->no_page, "neither http nor https"},
               {left_out->bad, "that are no URLs"}};
    const char *before = "links not followed: ";

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (all[i].count == 0)
            continue;
        printf("%s%zu %s", before, all[i].count, all[i].why);
        before = ", ";
    }
    if (*before == ',')
        putchar('\n');
}

static void print_failures(const struct pages *pages)
{
    printf("failures:\n");
    for (const struct page *page = pages->first; page; page = page->next) {
        if (page->outcome != PAGE_FAILED)
            continue;
        printf("  %s\n    ", page->url);
        if (page->status)
            printf("%u ", page->status);
        printf("%s", show_problem(page).text);
        printf(page->from ? ", linked from %s\n" : "%s\n", page->from ? page->from->url : "");
    }
}

static void print_slowest(const struct pages *pages)
{
    const struct page *slowest[SLOWEST] = {NULL};
    unsigned i;

    for (const struct page *page = pages->first; page; page = page->next) {
        if (page->took_ns == 0)
            continue;
        for (i = SLOWEST; i > 0 && (!slowest[i - 1] || slowest[i - 1]->took_ns < page->took_ns);) {
            i--;
            if (i + 1 < SLOWEST)
                slowest[i + 1] = slowest[i];
            slowest[i] = page;
        }
    }
    if (slowest[0])
        printf("slowest:\n");
    for (i = 0; i < SLOWEST && slowest[i]; i++)
        printf("  %5.2f s  %s\n", (double)slowest[i]->took_ns / 1e9, slowest[i]->url);
}

size_t report_summary(const struct crawl *crawl)
{
    struct count count = count_pages(&crawl->pages);

    printf("%s%zu pages, %s in %.2f s, up to %zu at a time (one after the other: %.2f s)\n",
           crawl->options->quiet ? "" : "\n", count.fetched, show_bytes(count.bytes).text,
           (double)crawl->took_ns / 1e9, crawl->most_running, (double)crawl->waited_ns / 1e9);
    printf("%zu redirects, %zu left alone as robots.txt asks, %zu failures", count.redirected,
           count.forbidden, count.failed);
    if (count.waiting)
        printf(", %zu not visited", count.waiting);
    printf("%s\n", crawl->interrupted ? ": interrupted" : "");
    print_statuses(&count);
    print_left_out(&crawl->left_out);
    print_slowest(&crawl->pages);
    if (count.failed)
        print_failures(&crawl->pages);
    return count.failed;
}
