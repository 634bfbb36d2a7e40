/* A file as an HTTP answer: whole, in parts, or not at all because the client has it already. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ascii_internal.h"
#include "http_date_internal.h"
#include "http_files_internal.h"

enum { TAG_SIZE = 48, TYPE_SIZE = 96 };

struct answer_file {
    gyre_frame frame;
    gyre_http_exchange *exchange;
    int fd;
    int64_t size;
    const char *type;
    gyre__httpd_range ranges[GYRE__HTTPD_MOST_RANGES];
    int count, next;
    char boundary[20];
    int64_t n;
};

/* What the answer and the conditions of the request speak of. */
struct version {
    char tag[TAG_SIZE];
    char date[GYRE__HTTP_DATE_SIZE];
    int64_t modified;
};

static void describe(struct version *version, const struct stat *info)
{
    snprintf(version->tag, sizeof(version->tag), "\"%llx-%llx-%llx\"",
             (unsigned long long)info->st_mtim.tv_sec, (unsigned long long)info->st_mtim.tv_nsec,
             (unsigned long long)info->st_size);
    version->modified = info->st_mtim.tv_sec;
    gyre__http_date_print(version->date, version->modified);
}

/* ---- conditions ---- */

/* True if a list of tags has ours, or is "*". Weak ones count only where that is asked for. */
static bool has_tag(const char *list, const char *tag, bool weak_too)
{
    size_t size = strlen(tag);

    while (*(list += strspn(list, " \t,"))) {
        bool weak = list[0] == 'W' && list[1] == '/';
        const char *end;

        if (*list == '*')
            return true;
        list += weak ? 2 : 0;
        if (*list != '"')
            return false;
        end = strchr(list + 1, '"');
        if (!end)
            return false;
        if ((size_t)(end + 1 - list) == size && memcmp(list, tag, size) == 0 && (!weak || weak_too))
            return true;
        list = end + 1;
    }
    return false;
}

/* Several fields of a name are one list. */
static bool any_has_tag(const gyre_http_exchange *exchange, const char *name, const char *tag,
                        bool weak)
{
    const char *list;

    for (size_t cursor = 0;
         (list = gyre_http_headers_next(&exchange->parser.headers, name, &cursor)) != NULL;)
        if (has_tag(list, tag, weak))
            return true;
    return false;
}

static bool take_date(const char *text, int64_t *out_seconds)
{
    return text && gyre__http_date_parse(text, strlen(text), time(NULL), out_seconds) == 0;
}

/* RFC 9110, 13.2.2: 0, 304 or 412. */
static unsigned condition(const gyre_http_exchange *exchange, const struct version *version)
{
    int64_t date;

    if (gyre_http_exchange_header(exchange, "if-match")) {
        if (!any_has_tag(exchange, "if-match", version->tag, false))
            return 412;
    } else if (take_date(gyre_http_exchange_header(exchange, "if-unmodified-since"), &date) &&
               version->modified > date) {
        return 412;
    }
    if (gyre_http_exchange_header(exchange, "if-none-match"))
        return any_has_tag(exchange, "if-none-match", version->tag, true) ? 304 : 0;
    if (take_date(gyre_http_exchange_header(exchange, "if-modified-since"), &date) &&
        version->modified <= date)
        return 304;
    return 0;
}

/* True if the part that the client has is of this version, so that it can use the rest. */
static bool range_counts(const gyre_http_exchange *exchange, const struct version *version)
{
    const char *text = gyre_http_exchange_header(exchange, "if-range");
    int64_t date;

    if (!text)
        return true;
    if (text[0] == '"')
        return strcmp(text, version->tag) == 0;
    return take_date(text, &date) && date == version->modified;
}

/* ---- heads ---- */

static int64_t set_fields(gyre_http_exchange *exchange, const struct version *version,
                          const char *cache_control)
{
    int64_t rc = gyre_http_set_header(exchange, "ETag", version->tag);

    if (rc >= 0)
        rc = gyre_http_set_header(exchange, "Last-Modified", version->date);
    if (rc >= 0)
        rc = gyre_http_set_header(exchange, "Accept-Ranges", "bytes");
    if (rc >= 0 && cache_control)
        rc = gyre_http_set_header(exchange, "Cache-Control", cache_control);
    return rc;
}

static int print_part(char *buffer, const struct answer_file *self, int i)
{
    const gyre__httpd_range *range = &self->ranges[i];

    return snprintf(buffer, GYRE__HTTPD_PART_HEAD,
                    "\r\n--%s\r\nContent-Type: %.*s\r\nContent-Range: bytes %lld-%lld/%lld\r\n\r\n",
                    self->boundary, TYPE_SIZE, self->type, (long long)range->first,
                    (long long)(range->first + range->size - 1), (long long)self->size);
}

static int print_last(char *buffer, const struct answer_file *self)
{
    return snprintf(buffer, GYRE__HTTPD_PART_HEAD, "\r\n--%s--\r\n", self->boundary);
}

static int64_t start_parts(struct answer_file *self)
{
    char buffer[GYRE__HTTPD_PART_HEAD], type[64];
    size_t type_size = strlen(self->type);
    int64_t total;

    if (gyre__ascii_span(self->type, type_size, GYRE__ASCII_FIELD) != type_size)
        return GYRE_EHTTPHEADER; /* it stands in each part's head */
    snprintf(self->boundary, sizeof(self->boundary), "%016llx",
             (unsigned long long)gyre_loop_random(self->exchange->server->loop));
    snprintf(type, sizeof(type), "multipart/byteranges; boundary=%s", self->boundary);
    total = print_last(buffer, self);
    for (int i = 0; i < self->count; i++)
        total += print_part(buffer, self, i) + self->ranges[i].size;
    return gyre_http_start(self->exchange, 206, type, total);
}

static int64_t start_part(struct answer_file *self)
{
    const gyre__httpd_range *range = &self->ranges[0];
    char field[96];
    int64_t rc;

    snprintf(field, sizeof(field), "bytes %lld-%lld/%lld", (long long)range->first,
             (long long)(range->first + range->size - 1), (long long)self->size);
    rc = gyre_http_set_header(self->exchange, "Content-Range", field);
    return rc < 0 ? rc : gyre_http_start(self->exchange, 206, self->type, range->size);
}

static int64_t refuse_range(struct answer_file *self)
{
    char field[64];
    int64_t rc;

    snprintf(field, sizeof(field), "bytes */%lld", (long long)self->size);
    rc = gyre_http_set_header(self->exchange, "Content-Range", field);
    return rc < 0 ? rc : gyre__httpd_answer_status(self->exchange, 416);
}

/* Everything up to the first byte of the body; the parts to send are in `ranges`. */
static int64_t start(struct answer_file *self, const struct stat *info, const char *cache_control)
{
    gyre_http_exchange *exchange = self->exchange;
    const char *range = gyre_http_exchange_header(exchange, "range");
    struct version version;
    unsigned status;
    int64_t rc;

    describe(&version, info);
    status = condition(exchange, &version);
    if (status == 412)
        return gyre__httpd_answer_status(exchange, status);
    rc = set_fields(exchange, &version, cache_control);
    if (rc < 0)
        return rc;
    if (status == 304)
        return gyre__httpd_answer(exchange, status, NULL, NULL, 0);
    if (range && gyre_http_exchange_is(exchange, "GET") && range_counts(exchange, &version))
        self->count = gyre__httpd_ranges(range, self->size, self->ranges);
    if (self->count < 0)
        return refuse_range(self);
    if (self->count > 1)
        return start_parts(self);
    if (self->count == 1)
        return start_part(self);
    self->count = 1;
    self->ranges[0] = (gyre__httpd_range){0, self->size};
    return gyre_http_start(exchange, 200, self->type, self->size);
}

/* ---- bodies ---- */

static gyre_await write_part_head(struct answer_file *self)
{
    char buffer[GYRE__HTTPD_PART_HEAD];
    int size =
        self->next < self->count ? print_part(buffer, self, self->next) : print_last(buffer, self);

    return gyre_http_write(self->exchange, buffer, (size_t)size);
}

GYRE_CORO(answer_file)
{
    GYRE_BEGIN;
    for (; self->next < self->count; self->next++) {
        if (self->count > 1)
            GYRE_TRY(write_part_head(self));
        GYRE_TRY(gyre__httpd_send_file(self->exchange, self->fd, self->ranges[self->next].first,
                                       self->ranges[self->next].size));
    }
    if (self->count > 1)
        GYRE_TRY(write_part_head(self));
    GYRE_TRY(gyre_http_end(self->exchange));
    GYRE_END;
}

gyre_await gyre__httpd_answer_file(gyre_http_exchange *exchange, int fd, const struct stat *info,
                                   const char *content_type, const char *cache_control)
{
    struct answer_file args = {
        .frame = {.coro = &answer_file_coro, .leaf = true},
        .exchange = exchange,
        .fd = fd,
        .size = info->st_size,
        .type = content_type,
    };
    int64_t rc = start(&args, info, cache_control);

    if (rc < 0 || exchange->ended)
        return gyre__complete(gyre__task_running("gyre_http_serve_file"), rc);
    return gyre__call(&answer_file_coro, &args);
}
