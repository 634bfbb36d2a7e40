/*
 * Serving files: http_files.c decides what a path is, http_files_open.c opens below the root,
 * http_files_answer.c answers with a file, http_files_range.c takes Range apart,
 * http_files_send.c sends, http_files_list.c lists.
 */
#ifndef GYRE_NET_HTTP_FILES_INTERNAL_H
#define GYRE_NET_HTTP_FILES_INTERNAL_H

#include <linux/openat2.h>
#include <sys/stat.h>

#include "http_files.h"
#include "http_server_internal.h"

enum {
    GYRE__HTTPD_MOST_RANGES = 16,
    GYRE__HTTPD_PART_HEAD = 512, /* room for what stands before a part of several */
};

struct gyre_http_files {
    int root;
    bool listing, hidden;
    char *index;         /* "": none */
    char *cache_control; /* or NULL */
    char *default_type;
};

/* ---- http_files_open.c ---- */

/*
 * Opens what lies at `path` below `root` (-1: anywhere, links are followed) for reading. Result 0
 * with *out_fd, the caller's, or -errno. *out_fd is -1 on every error.
 */
GYRE_MUST_USE gyre_await gyre__httpd_open_below(int root, const char *path, int *out_fd);

/* ---- http_files_range.c ---- */

typedef struct gyre__httpd_range {
    int64_t first, size;
} gyre__httpd_range;

/*
 * The ranges that a Range field asks for of `size` bytes: how many (1 to the most), in the order
 * asked; 0: send it all (the field is malformed, or asks for too much); -1: none of them lies
 * inside.
 */
int gyre__httpd_ranges(const char *field, int64_t size,
                       gyre__httpd_range ranges[GYRE__HTTPD_MOST_RANGES]);

/* ---- http_files_answer.c ---- */

/* Answers with an open file (borrowed until the await is over); content_type too. */
GYRE_MUST_USE gyre_await gyre__httpd_answer_file(gyre_http_exchange *exchange, int fd,
                                                const struct stat *info, const char *content_type,
                                                const char *cache_control);

/* ---- http_files_send.c ---- */

/* Sends a part of a file down an answer that has started with its length. Result 0. */
GYRE_MUST_USE gyre_await gyre__httpd_send_file(gyre_http_exchange *exchange, int fd, int64_t offset,
                                              int64_t size);

/* ---- http_files_list.c ---- */

/* Answers with a list of what is in an open directory (borrowed until the await is over). */
GYRE_MUST_USE gyre_await gyre__httpd_list(gyre_http_exchange *exchange, int fd, bool hidden);

#endif
