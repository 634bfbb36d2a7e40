/* A visit: one page fetched, and its links found. */
#ifndef CRAWL_VISIT_H
#define CRAWL_VISIT_H

#include "crawl.h"

/*
 * Visits the page and writes down what became of it. Errors are those of the crawl (-ENOMEM,
 * GYRE_ECANCELLED): what is wrong with the page is a result of 0.
 */
struct visit {
    gyre_frame frame;
    struct crawl *crawl;
    struct page *page;
    unsigned tries;
    uint64_t started_ns;
    int64_t n;
};
GYRE_CORO_DECLARE(visit);

#endif
