/*
 * Listing directories, entry by entry.
 *
 *     GYRE_TRY(gyre_directory_open(path, &self->directory));
 *     for (;;) {
 *         GYRE_TRY(self->n, gyre_directory_next(self->directory, &self->entry));
 *         if (self->n == 0)
 *             break;
 *         puts(self->entry.name);
 *     }
 *     GYRE_FINALLY;
 *     GYRE_AWAIT(self->n, gyre_directory_close(self->directory));
 *
 * The kernel has no asynchronous call that reads directories: opening is asynchronous, then entries
 * are fetched some hundred at a time by a plain call, and everything else that is ready runs once
 * between two such calls. On a file system that takes its time (a network's) list in a thread
 * instead.
 *
 * Python names: os.scandir.
 */
#ifndef GYRE_NET_DIRECTORY_H
#define GYRE_NET_DIRECTORY_H

#include "raw.h"

GYRE_BEGIN_DECLS

typedef struct gyre_directory gyre_directory;

typedef enum gyre_entry_kind {
    GYRE_ENTRY_UNKNOWN, /* the file system does not say: ask gyre_file_stat_path() */
    GYRE_ENTRY_FILE,
    GYRE_ENTRY_DIRECTORY,
    GYRE_ENTRY_LINK,  /* symbolic */
    GYRE_ENTRY_OTHER, /* pipe, socket, device */
} gyre_entry_kind;

typedef struct gyre_directory_entry {
    const char *name; /* borrowed, until the next call on the directory */
    gyre_entry_kind kind;
    uint64_t inode;
} gyre_directory_entry;

/*
 * Opens a directory; result 0. *out_directory: new, ended with gyre_directory_close(); NULL on
 * every error. path: borrowed until the await is over. Errors: -ENOENT, -ENOTDIR, -EACCES, -EMFILE,
 * -ENOMEM... Cancelling: as gyre_open().
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_directory_open(const char *path,
                                                      gyre_directory **out_directory);

/*
 * The next entry, in the file system's order, without "." and "..". Result 1, or 0 at the end (the
 * entry is zeroed then). May suspend. Entries made or removed meanwhile may come or not. Errors:
 * -EBUSY while another task's call is under way, -EIO... Cancelled: nothing is lost, the next call
 * goes on.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_directory_next(gyre_directory *directory,
                                                      gyre_directory_entry *out_entry);

/* Closes and frees (moved); NULL is allowed. Result as gyre_close(), not cancellable either. */
GYRE_API GYRE_MUST_USE gyre_await gyre_directory_close(gyre_directory *directory);

GYRE_END_DECLS

#endif
