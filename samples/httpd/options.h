/* What gyre-httpd was asked to do. */
#ifndef GYRE_SAMPLES_HTTPD_OPTIONS_H
#define GYRE_SAMPLES_HTTPD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "../command.h"

/* Exit statuses; GO_ON is none: the command line is fine. */
enum { GO_ON = -1, EXIT_SERVED, EXIT_TROUBLE, EXIT_USAGE };

struct options {
    const char *directory;
    const char *bind;  /* numeric address */
    uint16_t port;     /* 0: any that is free */
    unsigned workers;
    const char *cert_file, *key_file; /* PEM; both or neither */
    const char *log_file;             /* access log; "-": stdout; NULL: none */
    bool listing;
    bool hidden;
    unsigned grace; /* seconds for requests under way, when asked to end */
};

/* Fills *options; GO_ON, or the exit status after having said what there was to say. */
int options_parse(struct options *options, int argc, char **argv);

#endif
