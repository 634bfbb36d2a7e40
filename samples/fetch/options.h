/* What the command line says. */
#ifndef FETCH_OPTIONS_H
#define FETCH_OPTIONS_H

#include <gyre/gyre.h>

#include "list.h"

/* Exit statuses. */
enum { EXIT_FETCHED = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* Texts are borrowed from argv. */
struct options {
    unsigned concurrency;       /* -c: URLs fetched at a time */
    const char *directory;      /* -o; NULL: the current one */
    const char *file;           /* -O; NULL: names come from the URLs; "-": stdout */
    gyre_http_headers headers;  /* -H */
    const char *cacert;         /* --cacert; NULL: the system's trust store */
    bool insecure;              /* --insecure */
    unsigned retries;           /* --retry: attempts after the first */
    int64_t max_time_ns;        /* --max-time, for each URL; GYRE_FOREVER */
    unsigned max_redirects;     /* --max-redirs */
    gyre_http_resolve *resolve; /* --resolve, with hosts that are its own */
    size_t resolve_count;
    bool resume, silent, json; /* --resume, -s, --json */
    bool own_range;            /* -H has Range: what a file is made of is the user's affair */
    struct list list;          /* the URLs, from arguments and -i */
};

/* What is to be done next: run, or leave with an exit status. */
enum { OPTIONS_RUN = -1 };

/*
 * Reads the command line and the lists that it names. Gives OPTIONS_RUN; or an exit status when all
 * is said already: help, the version, or one line about what is wrong. Ended with options_fini() in
 * every case.
 */
int options_parse(struct options *options, int argc, char **argv);

void options_fini(struct options *options);

#endif
