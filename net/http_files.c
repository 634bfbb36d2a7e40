/* Files over HTTP: from the path of a request to what lies there. */
#include "http_files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../loop/alloc.h"
#include "http_files_internal.h"

/* ---- the directory ---- */

/* A copy of a text that must be a header value. */
static int64_t copy_value(const char *text, char **out)
{
    gyre_http_headers checked;
    int64_t rc;

    gyre_http_headers_init(&checked);
    rc = gyre_http_headers_add(&checked, "X", text);
    gyre_http_headers_fini(&checked);
    if (rc < 0)
        return rc;
    *out = gyre_strdup(text);
    return *out ? 0 : -ENOMEM;
}

static int64_t copy_options(gyre_http_files *files, const gyre_http_files_options *options)
{
    int64_t rc = 0;

    files->listing = options->listing;
    files->hidden = options->hidden;
    files->index = gyre_strdup(options->index ? options->index : "index.html");
    if (!files->index)
        return -ENOMEM;
    if (options->cache_control)
        rc = copy_value(options->cache_control, &files->cache_control);
    if (rc == 0)
        rc = copy_value(options->default_type ? options->default_type : "application/octet-stream",
                        &files->default_type);
    return rc;
}

int64_t gyre_http_files_new(const char *root, const gyre_http_files_options *options,
                            gyre_http_files **out_files)
{
    static const gyre_http_files_options defaults;
    gyre_http_files *files = gyre_alloc_zeroed(sizeof(*files));
    int64_t rc;

    *out_files = NULL;
    if (!files)
        return -ENOMEM;
    files->root = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    rc = files->root < 0 ? -errno : copy_options(files, options ? options : &defaults);
    if (rc < 0)
        gyre_http_files_free(files);
    else
        *out_files = files;
    return rc;
}

void gyre_http_files_free(gyre_http_files *files)
{
    if (!files)
        return;
    if (files->root >= 0)
        close(files->root);
    gyre_free(files->index);
    gyre_free(files->cache_control);
    gyre_free(files->default_type);
    gyre_free(files);
}

/* ---- one request ---- */

struct serve_path {
    gyre_frame frame;
    gyre_http_exchange *exchange;
    gyre_http_files *files; /* NULL: one file, wherever it lies */
    const char *path;       /* below the root, without a leading "/" */
    char *owned;            /* what `path` lies in, if it is ours */
    const char *type;       /* NULL: as the name says */
    int fd, index;          /* -1: not open */
    struct stat info;
    int64_t rc;
};

/* Names that are not served, whatever is there: 0, 403 or 404. */
static unsigned refuse_name(const gyre_http_files *files, const char *path)
{
    while (*path) {
        size_t size = strcspn(path, "/");

        if (size == 2 && memcmp(path, "..", 2) == 0)
            return 403;
        if (path[0] == '.' && size > 1 && !files->hidden)
            return 404;
        path += size;
        path += strspn(path, "/");
    }
    return 0;
}

static unsigned status_of(int64_t error)
{
    switch (-error) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
    case EINVAL:
        return 404;
    case EACCES:
    case EPERM:
    case EXDEV:
    case ELOOP:
    case ENXIO:
    case ENODEV:
        return 403;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return 503;
    default:
        return 500;
    }
}

/*
 * The directory's name as the client wrote it, with the "/" that it lacks: one at the front, or
 * it would name a host.
 */
static int64_t redirect(gyre_http_exchange *exchange)
{
    const gyre__http_parser *parser = &exchange->parser;
    size_t size = parser->query ? (size_t)(parser->query - 1 - parser->path) : parser->path_size;
    size_t query_size = parser->query ? strlen(parser->query) : 0, skip = 0;
    char *location = gyre_alloc(size + query_size + 4), *to = location;
    int64_t rc;

    if (!location)
        return -ENOMEM;
    while (skip < size && (parser->path[skip] == '/' || parser->path[skip] == '\\'))
        skip++;
    *to++ = '/';
    memcpy(to, parser->path + skip, size - skip);
    to += size - skip;
    *to++ = '/';
    if (parser->query) {
        *to++ = '?';
        memcpy(to, parser->query, query_size);
        to += query_size;
    }
    *to = '\0';
    rc = gyre_http_set_header(exchange, "Location", location);
    gyre_free(location);
    return rc < 0 ? rc : gyre__httpd_answer_status(exchange, 301);
}

static bool ends_with_slash(const gyre_http_exchange *exchange)
{
    size_t size = strlen(exchange->path);

    return size && exchange->path[size - 1] == '/';
}

/* The name of the index file below the root. */
static int64_t name_index(struct serve_path *self)
{
    size_t size = strlen(self->path), index_size = strlen(self->files->index) + 1;
    char *name = gyre_alloc(size + 1 + index_size);

    if (!name)
        return -ENOMEM;
    memcpy(name, self->path, size);
    name[size] = '/';
    memcpy(name + size + 1, self->files->index, index_size);
    gyre_free(self->owned);
    self->path = self->owned = name;
    return 0;
}

static int64_t look_at(struct serve_path *self, int fd)
{
    return fstat(fd, &self->info) < 0 ? -errno : 0;
}

static gyre_await answer(struct serve_path *self, int fd)
{
    const char *fallback = self->files ? self->files->default_type : "application/octet-stream";

    return gyre__httpd_answer_file(self->exchange, fd, &self->info,
                                   self->type ? self->type
                                              : gyre_http_content_type(self->path, fallback),
                                   self->files ? self->files->cache_control : NULL);
}

static int64_t refuse(const struct serve_path *self, unsigned status)
{
    return gyre__httpd_answer_status(self->exchange, status);
}

/* Before anything is opened. True if that was the answer, in self->rc. */
static bool answered_at_once(struct serve_path *self)
{
    gyre_http_exchange *exchange = self->exchange;
    unsigned status;

    if (!gyre_http_exchange_is(exchange, "GET") && !gyre_http_exchange_is(exchange, "HEAD")) {
        self->rc = gyre_http_set_header(exchange, "Allow", "GET, HEAD");
        if (self->rc >= 0)
            self->rc = refuse(self, 405);
        return true;
    }
    status = self->files ? refuse_name(self->files, self->path) : 0;
    if (status)
        self->rc = refuse(self, status);
    if (!*self->path)
        self->path = ".";
    return status != 0;
}

GYRE_CORO(serve_path)
{
    GYRE_BEGIN;
    if (answered_at_once(self))
        GYRE_RETURN(self->rc);
    GYRE_AWAIT(self->rc,
               gyre__httpd_open_below(self->files ? self->files->root : -1, self->path, &self->fd));
    if (self->rc == GYRE_ECANCELLED)
        GYRE_RETURN(self->rc);
    if (self->rc >= 0)
        self->rc = look_at(self, self->fd);
    if (self->rc < 0)
        GYRE_RETURN(refuse(self, status_of(self->rc)));
    if (S_ISREG(self->info.st_mode)) {
        if (self->files && ends_with_slash(self->exchange))
            GYRE_RETURN(refuse(self, 404)); /* a name with "/" is a directory's */
        GYRE_TRY(answer(self, self->fd));
        GYRE_RETURN(0);
    }
    if (!S_ISDIR(self->info.st_mode) || !self->files)
        GYRE_RETURN(refuse(self, 403));
    if (!ends_with_slash(self->exchange))
        GYRE_RETURN(redirect(self->exchange));
    if (self->files->index[0]) {
        self->rc = name_index(self);
        if (self->rc < 0)
            GYRE_RETURN(self->rc);
        GYRE_AWAIT(self->rc, gyre__httpd_open_below(self->files->root, self->path, &self->index));
        if (self->rc == GYRE_ECANCELLED)
            GYRE_RETURN(self->rc);
        if (self->rc >= 0)
            self->rc = look_at(self, self->index);
        if (self->rc >= 0 && S_ISREG(self->info.st_mode)) {
            GYRE_TRY(answer(self, self->index));
            GYRE_RETURN(0);
        }
        if (self->rc < 0 && status_of(self->rc) != 404)
            GYRE_RETURN(refuse(self, status_of(self->rc)));
    }
    if (!self->files->listing)
        GYRE_RETURN(refuse(self, 403));
    GYRE_TRY(gyre__httpd_list(self->exchange, self->fd, self->files->hidden));
    GYRE_FINALLY;
    if (self->fd >= 0)
        close(self->fd);
    if (self->index >= 0)
        close(self->index);
    gyre_free(self->owned);
    GYRE_END;
}

static gyre_await start(gyre_http_exchange *exchange, gyre_http_files *files, const char *path,
                        char *owned, const char *type)
{
    gyre_await await;

    if (files)
        path += strspn(path, "/");
    await = gyre__call(&serve_path_coro, &(struct serve_path){
                                             .frame = {.coro = &serve_path_coro, .leaf = true},
                                             .exchange = exchange,
                                             .files = files,
                                             .path = path,
                                             .owned = owned,
                                             .type = type,
                                             .fd = -1,
                                             .index = -1,
                                         });
    if (!await.pending)
        gyre_free(owned);
    return await;
}

/* What the router's ":name*" stood for; else the whole path. Both live as long as the exchange. */
static const char *path_of(const gyre_http_exchange *exchange)
{
    const struct gyre__httpd_param *last;

    if (!exchange->param_count)
        return exchange->path;
    last = &exchange->params[exchange->param_count - 1];
    return last->name[last->name_size] == '*' ? last->value : exchange->path;
}

gyre_await gyre_http_serve_directory(gyre_http_exchange *exchange, gyre_http_files *files,
                                     const char *path)
{
    char *owned = path ? gyre_strdup(path) : NULL;

    if (path && !owned)
        return gyre__complete(gyre__task_running(__func__), -ENOMEM);
    return start(exchange, files, owned ? owned : path_of(exchange), owned, NULL);
}

gyre_await gyre_http_serve_file(gyre_http_exchange *exchange, const char *path,
                                const char *content_type)
{
    size_t size = strlen(path) + 1, type_size = content_type ? strlen(content_type) + 1 : 0;
    char *owned = gyre_alloc(size + type_size);

    if (!owned)
        return gyre__complete(gyre__task_running(__func__), -ENOMEM);
    memcpy(owned, path, size);
    if (content_type)
        memcpy(owned + size, content_type, type_size);
    return start(exchange, NULL, owned, owned, content_type ? owned + size : NULL);
}

GYRE__CORO(, gyre_http_serve)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_http_serve_directory(self->exchange, self->files, NULL));
    GYRE_END;
}
