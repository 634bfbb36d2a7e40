/* The access log: one line a request, in the common log format with the duration behind it. */
#ifndef GYRE_SAMPLES_HTTPD_LOG_H
#define GYRE_SAMPLES_HTTPD_LOG_H

#include <gyre/gyre.h>

/*
 * Opens the log for appending ("-": stdout). Gives a descriptor or -errno. Each line is one write,
 * so that several processes may share it.
 */
int log_open(const char *path);

/* For gyre_http_server_options.on_access; arg: the descriptor, as an intptr_t. */
void log_access(void *arg, const gyre_http_access *access);

#endif
