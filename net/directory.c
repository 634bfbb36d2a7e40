/* Listing directories: opened through the ring, read by getdents, a buffer at a time. */
#include "directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../loop/alloc.h"
#include "../task/sleep.h"
#include "raw_internal.h"

struct gyre_directory {
    int fd;
    bool busy;         /* a task is fetching */
    bool closed;       /* meanwhile: that task frees it */
    bool begun;        /* something was fetched */
    size_t at, filled; /* the part of the buffer that was not handed out yet */
    _Alignas(struct dirent64) char buffer[32768];
};

/* ---- opening and closing ---- */

struct open_directory {
    gyre_frame frame;
    const char *path;
    gyre_directory **out_directory;
    gyre_directory *directory;
    int64_t fd;
};

GYRE_CORO(open_directory)
{
    GYRE_BEGIN;
    self->frame.leaf = true;
    self->directory = gyre_alloc(sizeof(*self->directory));
    if (!self->directory)
        GYRE_RETURN(-ENOMEM);
    memset(self->directory, 0, offsetof(gyre_directory, buffer));
    GYRE_TRY(self->fd, gyre_open(self->path, O_RDONLY | O_DIRECTORY, 0));
    self->directory->fd = (int)self->fd;
    *self->out_directory = self->directory;
    self->directory = NULL;
    GYRE_FINALLY;
    gyre_free(self->directory);
    GYRE_END;
}

gyre_await gyre_directory_open(const char *path, gyre_directory **out_directory)
{
    *out_directory = NULL;
    return GYRE_CALL(open_directory, .path = path, .out_directory = out_directory);
}

gyre_await gyre_directory_close(gyre_directory *directory)
{
    int fd;

    if (!directory)
        return gyre__raw_refuse("gyre_directory_close", 0);
    fd = directory->fd;
    directory->closed = true;
    if (!directory->busy)
        gyre_free(directory);
    return gyre_close(fd);
}

/* ---- entries ---- */

static gyre_entry_kind kind_of(const struct dirent64 *entry)
{
    switch (entry->d_type) {
    case DT_REG:
        return GYRE_ENTRY_FILE;
    case DT_DIR:
        return GYRE_ENTRY_DIRECTORY;
    case DT_LNK:
        return GYRE_ENTRY_LINK;
    case DT_UNKNOWN:
        return GYRE_ENTRY_UNKNOWN;
    default:
        return GYRE_ENTRY_OTHER;
    }
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Hands out the next entry of the buffer; false when it is used up. */
static bool take_entry(gyre_directory *directory, gyre_directory_entry *out_entry)
{
    while (directory->at < directory->filled) {
        const struct dirent64 *entry =
            (const struct dirent64 *)(const void *)(directory->buffer + directory->at);

        directory->at += entry->d_reclen;
        if (is_dots(entry->d_name))
            continue;
        *out_entry = (gyre_directory_entry){
            .name = entry->d_name, .kind = kind_of(entry), .inode = entry->d_ino};
        return true;
    }
    *out_entry = (gyre_directory_entry){.name = NULL};
    return false;
}

/* Fills the buffer again; 0 at the end. */
static int64_t fetch(gyre_directory *directory)
{
    ssize_t n = getdents64(directory->fd, directory->buffer, sizeof(directory->buffer));

    if (n < 0)
        return -errno;
    directory->begun = true;
    directory->at = 0;
    directory->filled = (size_t)n;
    return n;
}

struct next_entry {
    gyre_frame frame;
    gyre_directory *directory;
    gyre_directory_entry *out_entry;
    int64_t n;
};

GYRE_CORO(next_entry)
{
    GYRE_BEGIN;
    self->frame.leaf = true;
    while (!take_entry(self->directory, self->out_entry)) {
        if (self->directory->begun) { /* let others have their turn between two calls */
            self->directory->busy = true;
            GYRE_AWAIT(self->n, gyre_sleep(0));
            self->directory->busy = false;
            if (self->directory->closed) {
                gyre_free(self->directory);
                GYRE_RETURN(self->n < 0 ? self->n : -ECANCELED);
            }
            if (self->n < 0)
                GYRE_RETURN(self->n);
        }
        self->n = fetch(self->directory);
        if (self->n <= 0)
            GYRE_RETURN(self->n);
    }
    GYRE_RETURN(1);
    GYRE_END;
}

gyre_await gyre_directory_next(gyre_directory *directory, gyre_directory_entry *out_entry)
{
    if (directory->busy)
        return gyre__raw_refuse("gyre_directory_next", -EBUSY);
    if (take_entry(directory, out_entry))
        return gyre__raw_refuse("gyre_directory_next", 1);
    return GYRE_CALL(next_entry, .directory = directory, .out_entry = out_entry);
}
