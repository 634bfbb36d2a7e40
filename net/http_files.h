/*
 * Files over HTTP: a directory as a web site, or one file as an answer.
 *
 *     gyre_http_files *files;
 *     rc = gyre_http_files_new("/srv/www", &(gyre_http_files_options){.listing = true}, &files);
 *     rc = GYRE_START_HTTP_SERVER(&server, options, gyre_http_serve, .files = files);
 *
 * GET and HEAD only, else 405. Answers carry ETag and Last-Modified, and heed If-Match,
 * If-None-Match, If-Unmodified-Since, If-Modified-Since and If-Range. Range gives one range as
 * 206, several as multipart/byteranges if they are few and do not overlap, else the whole file;
 * ranges that lie outside get 416.
 *
 * Nothing outside of the directory is ever opened: the kernel resolves paths below it (openat2),
 * so neither ".." nor a symbolic link leads out; where the kernel cannot, no symbolic link is
 * followed at all. Paths with a ".." segment get 403, as do links that lead out; what is no file
 * or directory (devices, pipes) 403, what is missing 404. Names that begin with a dot are as
 * missing unless `hidden` is set.
 *
 * A directory without its "/" is redirected to the name with one; then an index file is served,
 * else a listing if that was asked for, else 403.
 */
#ifndef GYRE_NET_HTTP_FILES_H
#define GYRE_NET_HTTP_FILES_H

#include "http_server.h"

GYRE_BEGIN_DECLS

/* A directory that is served. */
typedef struct gyre_http_files gyre_http_files;

/* All zero is a good default. Everything is copied. */
typedef struct gyre_http_files_options {
    /* name of the file that stands for a directory; default "index.html"; "": none */
    const char *index;
    bool listing;              /* list directories without one */
    bool hidden;               /* serve and list names that begin with a dot */
    const char *cache_control; /* value of Cache-Control; NULL: none is sent */
    const char *default_type;  /* for names that say nothing; default "application/octet-stream" */
} gyre_http_files_options;

/*
 * Opens a directory for serving. *out_files: new, ended with gyre_http_files_free(). Does not
 * suspend. Errors: -ENOENT, -ENOTDIR, -EACCES...; GYRE_EHTTPHEADER for texts that are no header
 * values; -ENOMEM.
 */
GYRE_API GYRE_MUST_USE int64_t gyre_http_files_new(const char *root,
                                                   const gyre_http_files_options *options,
                                                   gyre_http_files **out_files);

/* Ends it (moved), once no request uses it any more. NULL is allowed. */
GYRE_API void gyre_http_files_free(gyre_http_files *files);

/*
 * Answers with what lies at `path` in the directory; path: decoded, relative or from "/" on,
 * copied; NULL: the router's ":path*" if there is one, else the whole path of the request. Result
 * 0: answered, errors as 403, 404 and so on among them. Errors: those of gyre_http_respond(), or
 * of reading the file.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_http_serve_directory(gyre_http_exchange *exchange,
                                                            gyre_http_files *files,
                                                            const char *path);

/*
 * Answers with one file, wherever it lies: path: trusted, copied; links are followed.
 * content_type: copied; NULL: as its name says. Result and errors as above.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_http_serve_file(gyre_http_exchange *exchange,
                                                       const char *path, const char *content_type);

#ifndef __cplusplus

/*
 * The handler that serves a directory, for GYRE_START_HTTP_SERVER and GYRE_HTTP_ROUTE. `files`:
 * borrowed while the server lives.
 */
struct gyre_http_serve {
    gyre_frame frame;
    gyre_http_exchange *exchange;
    gyre_http_files *files;
};
extern GYRE_API const gyre_coro gyre_http_serve_coro;

#endif

/*
 * The content type that a file's name says, or `fallback` (may be NULL). Static, or `fallback`
 * itself.
 */
GYRE_API const char *gyre_http_content_type(const char *name, const char *fallback);

GYRE_END_DECLS

#endif
