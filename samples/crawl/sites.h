/* The sites that may be visited, with their robots.txt. */
#ifndef CRAWL_SITES_H
#define CRAWL_SITES_H

#include <gyre/gyre.h>

#include "robots.h"

struct crawl;

/* An origin: scheme, host and port. */
struct site {
    char *origin; /* "http://host:port" */
    struct robots robots;
    gyre_event known; /* set once the robots.txt has come, or not */
    bool forbidden;   /* all of it: the server is out of order */
    struct site *next;
};

/* All zero is empty. */
struct sites {
    struct site *first;
    char **hosts; /* "host" or "host:port": those that may be visited */
    size_t host_count;
};

/* Lets the host be visited ("name", "name:port"). Gives 0 or -ENOMEM. */
int64_t sites_allow(struct sites *sites, const char *host);

/* True if the URL's host may be visited. */
bool sites_has(const struct sites *sites, const gyre_url *url);

/* Whether robots.txt lets us visit the URL; fetches it first if need be. Result: 1 or 0. */
struct may_visit {
    gyre_frame frame;
    struct crawl *crawl;
    const char *url; /* borrowed */
    struct site *site;
    char target[4096];
    int64_t n;
};
GYRE_CORO_DECLARE(may_visit);

void sites_fini(struct sites *sites);

#endif
