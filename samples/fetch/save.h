/*
 * Writing one file so that it appears whole or not at all.
 *
 * What comes is written to a temporary file in the same directory, which is renamed when it is
 * complete. Without --resume its name begins with ".gyre-fetch-" and it is removed if it cannot be
 * completed. With --resume it is FILE.part, kept and locked against a second program, and
 * FILE.part.info says which version it is a part of. Stdout, and a device or a pipe if the user
 * names it, are written as they are.
 *
 * One task uses it at a time. The coroutines give 0 or an error of the file system.
 */
#ifndef FETCH_SAVE_H
#define FETCH_SAVE_H

#include <gyre/gyre.h>

#include "resume.h"

struct save {
    const char *url, *path;    /* borrowed; path NULL: stdout */
    bool keep;                 /* --resume */
    bool follow;               /* links and devices are written to; else they are replaced */
    gyre_file file;            /* open while something is being written */
    char *target;              /* the path, links resolved if they are followed */
    char *temporary;           /* its name meanwhile; NULL: written in place */
    char *info;                /* with `keep`: where `resume` is kept */
    bool made;                 /* the temporary file exists, and is ours */
    uint64_t size;             /* bytes written so far */
    struct resume resume;      /* what they are a part of */
    bool complete;             /* everything is in place */
    struct save *next, **link; /* among those with a temporary file */
};

/*
 * With `keep`, finds what an earlier run left: then `size` and `resume` tell. -EBUSY if another
 * program has it. Also gives -EISDIR for a directory, -ENOMEM.
 */
struct save_find {
    gyre_frame frame;
    struct save *save;
    int64_t n;
    char *text;
};
GYRE_CORO_DECLARE(save_find);

/*
 * Makes it ready for a file from its first byte on, with `resume` as it is: opens, or begins anew.
 */
struct save_begin {
    gyre_frame frame;
    struct save *save;
    gyre_file info;
    char *text;
    int64_t n;
};
GYRE_CORO_DECLARE(save_begin);

/* Writes the next bytes (borrowed until the await is over); `size` grows when they are there. */
struct save_write {
    gyre_frame frame;
    struct save *save;
    const void *data;
    size_t count;
};
GYRE_CORO_DECLARE(save_write);

/* Gives the file its name. */
struct save_complete {
    gyre_frame frame;
    struct save *save;
    int fd;
    int64_t n;
};
GYRE_CORO_DECLARE(save_complete);

/*
 * Ends it in every case, once: what is not complete is removed, or kept. Needs no memory; the result
 * is that of gyre_file_close().
 */
GYRE_MUST_USE gyre_await save_end(struct save *save);

/* True if what was written can be taken back, as that of a regular file. */
bool save_can_restart(const struct save *save);

/*
 * Removes all temporary files that exist now and are not to be kept: for a program that must end at
 * once.
 */
void save_remove_all(void);

#endif
