/* A crawl: pages to visit, and workers that visit them. */
#ifndef CRAWL_H
#define CRAWL_H

#include <gyre/gyre.h>

#include "options.h"
#include "pages.h"
#include "sites.h"

enum { LONGEST_URL = 4096, LARGEST_PAGE = 8 << 20, LARGEST_ROBOTS = 512 << 10 };

#define AGENT "gyre-crawl"

/* Links that were not followed; each time one is met. */
struct left_out {
    size_t elsewhere; /* to other hosts */
    size_t too_deep;
    size_t too_many; /* beyond the number of pages */
    size_t no_page;  /* mailto:, javascript: and others */
    size_t bad;      /* no URL, or too long a one */
};

struct crawl {
    const struct options *options;
    gyre_tls_context *tls; /* borrowed; NULL: the system's trust */
    gyre_http_client *client;
    gyre_queue waiting; /* of struct page */
    struct pages pages;
    struct sites sites;
    struct left_out left_out;
    size_t running, most_running; /* visits at the same time */
    int64_t waited_ns;            /* the time of all visits, added up */
    uint64_t started_ns;
    int64_t took_ns;
    bool interrupted;
};

/*
 * Puts what a link leads to into the queue, unless it was seen before or must not be followed.
 * from: the page with the link, NULL for the user; base: what the link is relative to, NULL for
 * nothing; text: as it stands there; redirected: `from` is a redirect to it. Gives 0, GYRE_EURL for
 * what is no URL, or -ENOMEM.
 */
int64_t crawl_add(struct crawl *crawl, const struct page *from, const gyre_url *base,
                  const char *text, size_t size, bool redirected);

/* The crawl, from the first page to the last. The counters tell what came of it. */
struct crawl_all {
    gyre_frame frame;
    struct crawl *crawl;
    gyre_group group;
    bool queue_made;
    int64_t n;
};
GYRE_CORO_DECLARE(crawl_all);

#endif
