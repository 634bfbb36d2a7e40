/* Whole files: read into memory at once, replaced at once. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../loop/alloc.h"
#include "../loop/loop_internal.h"
#include "file.h"

/* ---- reading ---- */

enum { FIRST_READ = 4096 };

struct read_all {
    gyre_frame frame;
    const char *path;
    size_t limit; /* 0: none */
    char **out_data;
    gyre_file file;
    gyre_file_info info;
    char *data;
    size_t size, capacity; /* capacity without the end */
    int64_t n;
};

/* Room for at least one byte more, one beyond the limit included: that byte is what tells. */
static int64_t make_room(struct read_all *self)
{
    size_t wanted = self->capacity * 2;
    char *data;

    if (self->capacity == 0)
        wanted = self->info.size < SIZE_MAX / 2 ? (size_t)self->info.size + 1 : SIZE_MAX / 2;
    if (wanted < FIRST_READ)
        wanted = FIRST_READ;
    if (self->limit && self->limit < SIZE_MAX && wanted > self->limit + 1)
        wanted = self->limit + 1;
    data = gyre_realloc(self->data, wanted + 1);
    if (!data)
        return -ENOMEM;
    self->data = data;
    self->capacity = wanted;
    return 0;
}

GYRE_CORO(read_all)
{
    GYRE_BEGIN;
    self->frame.leaf = true;
    *self->out_data = NULL;
    GYRE_TRY(gyre_file_open(&self->file, self->path, O_RDONLY, 0));
    GYRE_TRY(gyre_file_stat(&self->file, &self->info));
    do {
        if (self->size == self->capacity && make_room(self) < 0)
            GYRE_RETURN(-ENOMEM);
        GYRE_TRY(self->n,
                 gyre_file_read(&self->file, self->data + self->size, self->capacity - self->size));
        self->size += (size_t)self->n;
        if (self->limit && self->size > self->limit)
            GYRE_RETURN(GYRE_ELIMIT);
    } while (self->n > 0);
    self->data[self->size] = '\0';
    *self->out_data = self->data;
    self->data = NULL;
    GYRE_RETURN((int64_t)self->size);
    GYRE_FINALLY;
    gyre_free(self->data);
    GYRE_AWAIT(self->n, gyre_file_close(&self->file)); /* it was only read: nothing to lose */
    GYRE_END;
}

gyre_await gyre_file_read_all(const char *path, size_t limit, char **out_data)
{
    *out_data = NULL;
    return GYRE_CALL(read_all, .path = path, .limit = limit, .out_data = out_data);
}

/* ---- replacing ---- */

enum { NAME_SIZE = sizeof(".gyre-0123456789abcdef"), MOST_ATTEMPTS = 16 };

struct replace_file {
    gyre_frame frame;
    const char *path;
    const void *data;
    size_t size;
    unsigned mode;
    gyre_file_info info; /* of the old file */
    char *temporary;     /* path of the new one until it is renamed */
    size_t directory;    /* bytes of the path before the name */
    bool made;           /* the temporary file exists */
    unsigned attempts;
    gyre_file file; /* the new file, later the directory */
    int64_t n;
};

static int64_t reserve_name(struct replace_file *self)
{
    const char *slash = strrchr(self->path, '/');

    self->directory = slash ? (size_t)(slash - self->path) + 1 : 0;
    self->temporary = gyre_alloc(self->directory + NAME_SIZE);
    if (!self->temporary)
        return -ENOMEM;
    memcpy(self->temporary, self->path, self->directory);
    return 0;
}

/* A new name; the count makes it new even where the loop's random numbers are not. */
static const char *next_name(struct replace_file *self)
{
    uint64_t number = gyre_loop_random(gyre__running) + self->attempts++;

    snprintf(self->temporary + self->directory, NAME_SIZE, ".gyre-%016llx",
             (unsigned long long)number);
    return self->temporary;
}

/* For the directory itself the name is cut off. */
static const char *directory_name(struct replace_file *self)
{
    self->temporary[self->directory] = '\0';
    return self->directory ? self->temporary : ".";
}

/* Some file systems cannot have a directory reach the disk by itself, and need not. */
static bool is_no_matter(int64_t error)
{
    return error == -EINVAL || error == -EACCES || error == -EROFS || error == -EOPNOTSUPP;
}

/* The new contents under another name, on the disk. */
struct write_beside {
    gyre_frame frame;
    struct replace_file *to;
};

GYRE_CORO(write_beside)
{
    GYRE_BEGIN;
    self->frame.leaf = true;
    do {
        GYRE_AWAIT(self->to->n, gyre_file_open(&self->to->file, next_name(self->to),
                                               O_WRONLY | O_CREAT | O_EXCL, self->to->mode));
    } while (self->to->n == -EEXIST && self->to->attempts < MOST_ATTEMPTS);
    self->to->made = self->to->n != -EEXIST; /* even a failed call may have made it */
    if (self->to->n < 0)
        GYRE_RETURN(self->to->n);
    if (self->to->info.mode &&
        fchmod(gyre_file_fd(&self->to->file), self->to->info.mode & 07777) < 0)
        GYRE_RETURN(-errno);
    GYRE_TRY(gyre_file_write(&self->to->file, self->to->data, self->to->size));
    GYRE_TRY(gyre_file_fsync(&self->to->file, false));
    GYRE_TRY(gyre_file_close(&self->to->file));
    GYRE_RETURN(0);
    GYRE_END;
}

GYRE_CORO(replace_file)
{
    GYRE_BEGIN;
    self->frame.leaf = true;
    if (self->mode == 0) {
        GYRE_AWAIT(self->n, gyre_file_stat_path(self->path, &self->info));
        if (self->n < 0 && self->n != -ENOENT)
            GYRE_RETURN(self->n);
        self->mode = self->n < 0 ? 0666 : 0600; /* wider only once it is as the old file was */
    }
    if (reserve_name(self) < 0)
        GYRE_RETURN(-ENOMEM);
    GYRE_TRY(GYRE_CALL(write_beside, .to = self));
    GYRE_TRY(gyre_rename(self->temporary, self->path));
    self->made = false;
    GYRE_AWAIT(self->n,
               gyre_file_open(&self->file, directory_name(self), O_RDONLY | O_DIRECTORY, 0));
    if (self->n >= 0)
        GYRE_AWAIT(self->n, gyre_file_fsync(&self->file, false));
    if (self->n < 0 && !is_no_matter(self->n))
        GYRE_RETURN(self->n);
    GYRE_RETURN((int64_t)self->size);
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_file_close(&self->file));
    if (self->made) {
        GYRE_AWAIT(self->n, gyre_unlink(self->temporary));
        if (self->n < 0)
            unlink(self->temporary); /* cancelled again, or the loop closes */
    }
    gyre_free(self->temporary);
    GYRE_END;
}

gyre_await gyre_file_replace(const char *path, const void *data, size_t size, unsigned mode)
{
    return GYRE_CALL(replace_file, .path = path, .data = data, .size = size, .mode = mode);
}
