/* The command line of gyre-crawl. */
#ifndef CRAWL_OPTIONS_H
#define CRAWL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../command.h"

enum { EXIT_CRAWLED = 0, EXIT_FAILURES = 1, EXIT_USAGE = 2, GO_ON = -1 };

struct options {
    char **urls; /* where to begin; borrowed from argv */
    size_t url_count;
    const char **hosts; /* others to go to, "name" or "name:port"; borrowed from argv */
    size_t host_count;
    unsigned workers;
    unsigned depth;     /* links to follow from where it begins */
    unsigned pages;     /* most to fetch */
    unsigned redirects; /* most to follow in a row */
    unsigned tries;     /* of each page */
    int64_t timeout_ns; /* of each try */
    bool any_host;
    bool no_robots;
    bool quiet; /* the summary alone */
    bool demo;
    const char *cacert;
    bool insecure;
};

/* Gives GO_ON, or the exit status. Either way options_fini(). */
int options_parse(struct options *options, int argc, char **argv);
void options_fini(struct options *options);

#endif
