/* robots.txt: what a site asks crawlers to leave alone (RFC 9309). */
#ifndef CRAWL_ROBOTS_H
#define CRAWL_ROBOTS_H

#include <stdbool.h>
#include <stddef.h>

/* The rules for us, the text they point into included; all zero allows everything. */
struct robots {
    struct robots_rule *rules;
    size_t count;
    char *text;
};

/* Reads `size` bytes of a robots.txt (copied), as the agent of that name. False: no memory. */
bool robots_read(struct robots *robots, const char *text, size_t size, const char *agent);

/* target: "/path?query". The longest rule that fits decides. */
bool robots_allow(const struct robots *robots, const char *target);

void robots_fini(struct robots *robots);

#endif
