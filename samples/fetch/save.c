/* Writing one file so that it appears whole or not at all. */
#include "save.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "name.h"

enum { MOST_ATTEMPTS = 16, TEMPORARY_NAME = sizeof(".gyre-fetch-0123456789abcdef") };

static struct save *unfinished; /* those with a temporary file */

void save_remove_all(void)
{
    for (struct save *save = unfinished; save; save = save->next) {
        if (!save->keep)
            unlink(save->temporary);
    }
}

static void enlist(struct save *save)
{
    save->made = true;
    save->next = unfinished;
    save->link = &unfinished;
    if (unfinished)
        unfinished->link = &save->next;
    unfinished = save;
}

static void delist(struct save *save)
{
    if (!save->made)
        return;
    *save->link = save->next;
    if (save->next)
        save->next->link = save->link;
    save->made = false;
}

/* ---- names ---- */

static char *name_beside(const char *path, const char *behind)
{
    size_t size = strlen(path) + strlen(behind) + 1;
    char *name = gyre_alloc(size);

    if (name)
        snprintf(name, size, "%s%s", path, behind);
    return name;
}

/* "DIR/.gyre-fetch-..." with room for the number, which is put in later. */
static char *hidden_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t directory = slash ? (size_t)(slash - path) + 1 : 0;
    char *name = gyre_alloc_zeroed(directory + TEMPORARY_NAME);

    if (name)
        memcpy(name, path, directory);
    return name;
}

static void number_hidden_name(struct save *save)
{
    const char *slash = strrchr(save->temporary, '/');
    size_t directory = slash ? (size_t)(slash - save->temporary) + 1 : 0;

    snprintf(save->temporary + directory, TEMPORARY_NAME, ".gyre-fetch-%016llx",
             (unsigned long long)gyre_loop_random(gyre_loop_current()));
}

/* Finds out what kind of file it will be, and its names. */
static int64_t prepare(struct save *save)
{
    char *real = NULL;
    struct stat info;
    bool exists;

    if (save->target || !save->path)
        return 0;
    exists = (save->follow ? stat(save->path, &info) : lstat(save->path, &info)) == 0;
    if (exists && S_ISDIR(info.st_mode))
        return -EISDIR;
    if (exists && save->follow)
        real = realpath(save->path, NULL);
    save->target = gyre_strdup(real ? real : save->path);
    free(real);
    if (!save->target)
        return -ENOMEM;
    if (exists && save->follow && !S_ISREG(info.st_mode))
        return 0;
    save->temporary = save->keep ? name_beside(save->target, NAME_PART) : hidden_name(save->target);
    save->info = save->keep ? name_beside(save->target, NAME_INFO) : NULL;
    return save->temporary && (save->info || !save->keep) ? 0 : -ENOMEM;
}

bool save_can_restart(const struct save *save)
{
    return save->temporary != NULL;
}

/* ---- what an earlier run left ---- */

/* A part is ours if it is a file, nobody else has it locked, and it still has its name. */
static int64_t take_part(struct save *save)
{
    struct stat info, named;

    if (fstat(gyre_file_fd(&save->file), &info) < 0)
        return -errno;
    if (!S_ISREG(info.st_mode))
        return -EEXIST;
    if (flock(gyre_file_fd(&save->file), LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
        return -EBUSY;
    if (lstat(save->temporary, &named) < 0 || named.st_ino != info.st_ino)
        return -EBUSY; /* another program has just completed it */
    save->size = (uint64_t)info.st_size;
    enlist(save);
    return 0;
}

GYRE_CORO_PUBLIC(save_find)
{
    GYRE_BEGIN;
    self->n = prepare(self->save);
    if (self->n < 0 || !self->save->keep || !self->save->temporary)
        GYRE_RETURN(self->n);
    GYRE_AWAIT(self->n,
               gyre_file_open(&self->save->file, self->save->temporary, O_WRONLY | O_NOFOLLOW, 0));
    if (self->n == -ENOENT)
        GYRE_RETURN(0);
    if (self->n >= 0)
        self->n = take_part(self->save);
    if (self->n < 0)
        GYRE_RETURN(self->n);
    GYRE_AWAIT(self->n, gyre_file_read_all(self->save->info, RESUME_TEXT, &self->text));
    if (self->n == GYRE_ECANCELLED)
        GYRE_RETURN(self->n);
    if (self->n < 0 || !resume_parse(&self->save->resume, self->save->url, self->text) ||
        (self->save->resume.total >= 0 && self->save->size > (uint64_t)self->save->resume.total))
        self->save->size = 0; /* of something else: begun anew */
    GYRE_RETURN(0);
    GYRE_FINALLY;
    gyre_free(self->text);
    GYRE_END;
}

/* ---- beginning ---- */

/* Says beside the part what it is a part of. It may hold a password, as the URL does. */
static int64_t print_info(struct save_begin *self)
{
    self->text = gyre_alloc(RESUME_TEXT);
    if (!self->text)
        return -ENOMEM;
    return (int64_t)resume_print(&self->save->resume, self->save->url, self->text);
}

/* A file that is replaced hands its permissions on. */
static void keep_permissions(const struct save *save)
{
    struct stat info;

    if (lstat(save->target, &info) == 0 && S_ISREG(info.st_mode))
        fchmod(gyre_file_fd(&save->file), info.st_mode & 0777);
}

/* An open one is emptied. */
static int64_t empty(struct save *save)
{
    if (!save->temporary)
        return save->size == 0 ? 0 : -ESPIPE;
    save->size = 0;
    if (ftruncate(gyre_file_fd(&save->file), 0) < 0)
        return -errno;
    return gyre_file_seek(&save->file, 0, SEEK_SET);
}

/* Opens what is not open: gives 0, and the file is empty. */
struct open_new {
    gyre_frame frame;
    struct save *save;
    unsigned attempts;
    int64_t n;
};
GYRE_CORO(open_new)
{
    GYRE_BEGIN;
    if (!self->save->path) {
        self->save->file = gyre_file_from(STDOUT_FILENO);
        GYRE_RETURN(0);
    }
    if (!self->save->temporary) { /* a device or a pipe, whose reader may not be there yet */
        GYRE_TRY(gyre_file_open(&self->save->file, self->save->target, O_WRONLY, 0));
        GYRE_RETURN(0);
    }
    do {
        if (!self->save->keep)
            number_hidden_name(self->save);
        GYRE_AWAIT(self->n, gyre_file_open(&self->save->file, self->save->temporary,
                                           O_WRONLY | O_CREAT | O_EXCL, 0666));
    } while (self->n == -EEXIST && !self->save->keep && ++self->attempts < MOST_ATTEMPTS);
    if (self->n < 0 && self->n != -EEXIST && !self->save->keep)
        unlink(self->save->temporary); /* even a failed call may have made it */
    if (self->n < 0)
        GYRE_RETURN(self->n == -EEXIST ? -EBUSY : self->n);
    keep_permissions(self->save);
    if (self->save->keep)
        GYRE_RETURN(take_part(self->save));
    enlist(self->save);
    GYRE_RETURN(0);
    GYRE_END;
}

GYRE_CORO_PUBLIC(save_begin)
{
    GYRE_BEGIN;
    if (gyre_file_fd(&self->save->file) >= 0)
        self->n = empty(self->save);
    else if ((self->n = prepare(self->save)) >= 0)
        GYRE_AWAIT(self->n, GYRE_CALL(open_new, .save = self->save));
    if (self->n < 0 || !self->save->info)
        GYRE_RETURN(self->n);
    self->n = print_info(self);
    if (self->n < 0)
        GYRE_RETURN(self->n);
    GYRE_TRY(gyre_file_open(&self->info, self->save->info,
                            O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
    GYRE_TRY(gyre_file_write(&self->info, self->text, (size_t)self->n));
    GYRE_TRY(gyre_file_close(&self->info));
    GYRE_RETURN(0);
    GYRE_FINALLY;
    gyre_free(self->text);
    GYRE_AWAIT(self->n, gyre_file_close(&self->info));
    GYRE_END;
}

/* ---- writing and ending ---- */

GYRE_CORO_PUBLIC(save_write)
{
    GYRE_BEGIN;
    if (self->save->temporary)
        GYRE_TRY(gyre_file_pwrite(&self->save->file, self->data, self->count,
                                  (int64_t)self->save->size));
    else
        GYRE_TRY(gyre_file_write(&self->save->file, self->data, self->count));
    self->save->size += self->count;
    GYRE_RETURN(0);
    GYRE_END;
}

/* More may be there than counts, after a write that failed. */
static int64_t cut(struct save *save)
{
    struct stat info;

    if (fstat(gyre_file_fd(&save->file), &info) < 0)
        return -errno;
    if ((uint64_t)info.st_size == save->size)
        return 0;
    return ftruncate(gyre_file_fd(&save->file), (off_t)save->size) < 0 ? -errno : 0;
}

GYRE_CORO_PUBLIC(save_complete)
{
    GYRE_BEGIN;
    if (!self->save->temporary) {
        self->save->complete = true;
        GYRE_RETURN(0);
    }
    self->n = cut(self->save);
    if (self->n < 0)
        GYRE_RETURN(self->n);
    /* Closing tells late errors of writing; that of a duplicate does too, and leaves the lock. */
    self->fd = fcntl(gyre_file_fd(&self->save->file), F_DUPFD_CLOEXEC, 0);
    if (self->fd < 0)
        GYRE_RETURN(-errno);
    GYRE_TRY(gyre_close(self->fd));
    GYRE_TRY(gyre_rename(self->save->temporary, self->save->target));
    self->save->complete = true;
    delist(self->save);
    if (self->save->info)
        unlink(self->save->info);
    GYRE_END;
}

/* The lock holds until the file is closed, so a part goes before that. */
static void remove_rest(struct save *save)
{
    bool worthless = !save->keep || (gyre_file_fd(&save->file) >= 0 && save->size == 0);

    if (save->made && worthless) {
        unlink(save->temporary);
        if (save->info)
            unlink(save->info);
    }
    delist(save);
}

gyre_await save_end(struct save *save)
{
    if (!save->complete)
        remove_rest(save);
    gyre_free(save->target);
    gyre_free(save->temporary);
    gyre_free(save->info);
    save->target = save->temporary = save->info = NULL;
    if (!save->path)
        save->file = gyre_file_from(-1); /* stdout stays open */
    return gyre_file_close(&save->file);
}
