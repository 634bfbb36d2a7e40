/* What is in a directory, as a page of links. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../loop/alloc.h"
#include "../task/sleep.h"
#include "http_files_internal.h"
#include "url.h"

enum { MOST_ENTRIES = 10000, READ_SIZE = 16384, MOST_NAME = 255 };

struct entry {
    bool is_directory;
    char name[];
};

/* As the kernel gives them. */
struct kernel_entry {
    uint64_t inode;
    int64_t offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

struct list_directory {
    gyre_frame frame;
    gyre_http_exchange *exchange;
    int fd;
    bool hidden, more;
    struct entry **entries;
    size_t count, capacity, next;
    int64_t n;
};

static bool is_directory(int fd, const struct kernel_entry *entry)
{
    struct stat info;

    if (entry->type != DT_UNKNOWN && entry->type != DT_LNK)
        return entry->type == DT_DIR;
    return fstatat(fd, entry->name, &info, 0) == 0 && S_ISDIR(info.st_mode);
}

static int64_t keep(struct list_directory *self, const struct kernel_entry *kernel)
{
    size_t size = strlen(kernel->name) + 1;
    struct entry *entry;

    if (self->count == self->capacity) {
        size_t capacity = self->capacity ? 2 * self->capacity : 64;
        struct entry **entries = gyre_realloc(self->entries, capacity * sizeof(*entries));

        if (!entries)
            return -ENOMEM;
        self->entries = entries;
        self->capacity = capacity;
    }
    entry = gyre_alloc(sizeof(*entry) + size);
    if (!entry)
        return -ENOMEM;
    entry->is_directory = is_directory(self->fd, kernel);
    memcpy(entry->name, kernel->name, size);
    self->entries[self->count++] = entry;
    return 0;
}

/* Some more entries; 1, 0 at the end, or an error. */
static int64_t read_some(struct list_directory *self)
{
    _Alignas(struct kernel_entry) char buffer[READ_SIZE];
    long n = syscall(SYS_getdents64, self->fd, buffer, sizeof(buffer));

    if (n <= 0)
        return n < 0 ? -errno : 0;
    for (long at = 0; at < n;) {
        const struct kernel_entry *entry = (const struct kernel_entry *)(void *)(buffer + at);
        int64_t rc = 0;

        at += entry->length;
        if (strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0 ||
            (entry->name[0] == '.' && !self->hidden))
            continue;
        if (self->count == MOST_ENTRIES) {
            self->more = true;
            return 0;
        }
        rc = keep(self, entry);
        if (rc < 0)
            return rc;
    }
    return 1;
}

/* Directories first, then by name. */
static int compare(const void *left, const void *right)
{
    const struct entry *a = *(struct entry *const *)left, *b = *(struct entry *const *)right;

    if (a->is_directory != b->is_directory)
        return a->is_directory ? -1 : 1;
    return strcmp(a->name, b->name);
}

/* ---- the page ---- */

/* Text in HTML, also inside of quotes. Gives the end; the room needed is six times the text. */
static char *put_escaped(char *to, const char *text)
{
    for (; *text; text++) {
        const char *escape = *text == '<'    ? "&lt;"
                             : *text == '>'  ? "&gt;"
                             : *text == '&'  ? "&amp;"
                             : *text == '"'  ? "&quot;"
                             : *text == '\'' ? "&#39;"
                                             : NULL;

        if (escape)
            to = stpcpy(to, escape);
        else
            *to++ = *text;
    }
    *to = '\0';
    return to;
}

/* A link: "./" before it, as a name may look like a scheme. */
static gyre_await write_entry(struct list_directory *self, const struct entry *entry)
{
    char line[10 * MOST_NAME + 64], encoded[3 * MOST_NAME + 1], *to;
    const char *slash = entry->is_directory ? "/" : "";

    gyre_url_encode(encoded, sizeof(encoded), entry->name, strlen(entry->name), GYRE_URL_SEGMENT);
    to = stpcpy(line, "<li><a href=\"./");
    to = put_escaped(to, encoded);
    to = stpcpy(stpcpy(to, slash), "\">");
    to = put_escaped(to, entry->name);
    to = stpcpy(stpcpy(to, slash), "</a>\n");
    return gyre_http_write(self->exchange, line, (size_t)(to - line));
}

static const char page_start[] = "<!DOCTYPE html>\n<meta charset=\"utf-8\">\n<title>";
static const char page_middle[] = "</title>\n<ul>\n";

static gyre_await write_start(struct list_directory *self)
{
    const char *path = self->exchange->path;
    size_t most = 6 * strlen(path) + sizeof(page_start) + sizeof(page_middle) + 64;
    char *text = gyre_alloc(most), *to;
    gyre_await await;

    if (!text)
        return gyre__complete(gyre_task_current(), -ENOMEM);
    to = put_escaped(stpcpy(text, page_start), path);
    to = stpcpy(to, page_middle);
    if (strcmp(path, "/") != 0)
        to = stpcpy(to, "<li><a href=\"../\">../</a>\n");
    await = gyre_http_write(self->exchange, text, (size_t)(to - text));
    gyre_free(text);
    return await;
}

static gyre_await write_end(struct list_directory *self)
{
    static const char cut[] = "</ul>\n<p>There is more.</p>\n", end[] = "</ul>\n";

    return self->more ? gyre_http_write(self->exchange, cut, sizeof(cut) - 1)
                      : gyre_http_write(self->exchange, end, sizeof(end) - 1);
}

GYRE_CORO(list_directory)
{
    GYRE_BEGIN;
    while ((self->n = read_some(self)) > 0)
        GYRE_TRY(gyre_sleep(0)); /* others run between two calls that may block for a moment */
    if (self->n < 0)
        GYRE_RETURN(self->n);
    if (self->count)
        qsort(self->entries, self->count, sizeof(self->entries[0]), compare);
    self->n = gyre_http_start(self->exchange, 200, "text/html; charset=utf-8", -1);
    if (self->n < 0)
        GYRE_RETURN(self->n);
    GYRE_TRY(write_start(self));
    for (; self->next < self->count; self->next++)
        GYRE_TRY(write_entry(self, self->entries[self->next]));
    GYRE_TRY(write_end(self));
    GYRE_TRY(gyre_http_end(self->exchange));
    GYRE_FINALLY;
    while (self->count)
        gyre_free(self->entries[--self->count]);
    gyre_free(self->entries);
    GYRE_END;
}

gyre_await gyre__httpd_list(gyre_http_exchange *exchange, int fd, bool hidden)
{
    return gyre__call(
        &list_directory_coro,
        &(struct list_directory){.frame = {.coro = &list_directory_coro, .leaf = true},
                                 .exchange = exchange,
                                 .fd = fd,
                                 .hidden = hidden});
}
