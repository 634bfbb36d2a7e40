/*
 * Files: opened, read, written and closed without blocking the loop.
 *
 * A gyre_file is a plain struct to embed in a frame; all zero, as a frame begins, it is not open.
 * One call at a time moves the position of a file: gyre_file_read() and gyre_file_write() give
 * -EBUSY while another task's is under way. The calls with an offset have no such limit.
 *
 *     GYRE_TRY(gyre_file_open(&self->file, "notes.txt", O_RDONLY, 0));
 *     GYRE_TRY(self->n, gyre_file_read(&self->file, self->buffer, sizeof(self->buffer)));
 *     ...
 *     GYRE_FINALLY;
 *     GYRE_AWAIT(self->n, gyre_file_close(&self->file));
 *
 * All calls park the running task and are cancel-safe as those of <gyre/net/raw.h>: what they point
 * to (file, buffers, paths, results) is *borrowed* until the await is over and must not lie in a
 * local variable. While the loop is being closed they give GYRE_ECANCELLED, but for
 * gyre_file_close(), which closes at once. Errors, where not said otherwise: -errno, -ENOMEM for a
 * stack that cannot grow.
 */
#ifndef GYRE_NET_FILE_H
#define GYRE_NET_FILE_H

#include <fcntl.h>

#include "raw.h"

GYRE_BEGIN_DECLS

/* Its members are gyre's own. */
typedef struct gyre_file {
    int number; /* descriptor + 1, so that all zero is a file that is not open */
    bool busy;  /* opening, or a call that moves the position is under way */
} gyre_file;

/*
 * A file from a descriptor (moved), a pipe's end or STDIN_FILENO for example; -1: one that is not
 * open.
 */
GYRE_API gyre_file gyre_file_from(int fd);

/*
 * The descriptor, borrowed, for ftruncate(), flock() and whatever else has no call here; -1: not
 * open.
 */
GYRE_API int gyre_file_fd(const gyre_file *file);

/*
 * Opens a file (which must be closed: else -EBUSY). flags: O_RDONLY, O_WRONLY, O_RDWR with O_CREAT,
 * O_EXCL, O_TRUNC, O_APPEND...; mode: permissions of a file that is made, before the umask. Result
 * 0. A cancelled call leaves it closed, or, if opening won the race, open with the result 0.
 * open().
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_file_open(gyre_file *file, const char *path, int flags,
                                                 unsigned mode);

/*
 * Closes; result as gyre_close(). Nothing (0) for a file that is not open. Calls of other tasks on
 * it end with -ECANCELED. Cannot be cancelled; while the loop closes it closes at once. The struct
 * is closed as soon as the call is made.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_file_close(gyre_file *file);

/*
 * Reads up to size bytes from the position on: as many as come at once, 0 at the end. Works for
 * pipes, terminals and descriptors with O_NONBLOCK too. A cancelled read has read nothing.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_file_read(gyre_file *file, void *buffer, size_t size);

/*
 * Writes all of it at the position (at the end with O_APPEND); result: size. After an error or a
 * cancellation a part may have been written: the position tells. -EPIPE for a broken pipe, without
 * SIGPIPE.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_file_write(gyre_file *file, const void *data, size_t size);

/* Reads up to size bytes at an offset: less only at the end of the file. */
GYRE_API GYRE_MUST_USE gyre_await gyre_file_pread(gyre_file *file, void *buffer, size_t size,
                                                  int64_t offset);

/* Writes all of it at an offset; result: size. */
GYRE_API GYRE_MUST_USE gyre_await gyre_file_pwrite(gyre_file *file, const void *data, size_t size,
                                                   int64_t offset);

/* Has what was written reach the disk; result 0. data_only: without times and such. */
GYRE_API GYRE_MUST_USE gyre_await gyre_file_fsync(gyre_file *file, bool data_only);

/*
 * Moves the position, at once: lseek(). Gives the new one, or -errno (-ESPIPE for pipes). whence:
 * SEEK_*.
 */
GYRE_API int64_t gyre_file_seek(gyre_file *file, int64_t offset, int whence);

/* What is known about a file. Times are nanoseconds since 1970. */
typedef struct gyre_file_info {
    uint64_t size;        /* bytes */
    uint64_t blocks;      /* 512-byte blocks it takes */
    uint64_t inode;       /* its number in the file system */
    uint64_t device;      /* the file system, as st_dev */
    uint32_t mode;        /* kind and permissions, as st_mode: S_ISREG(mode), mode & 0777 */
    uint32_t links;       /* names it has */
    uint32_t uid, gid;    /* owner */
    int64_t accessed_ns;
    int64_t modified_ns;  /* contents */
    int64_t changed_ns;   /* contents or attributes */
    int64_t created_ns;   /* 0 where the file system does not say */
} gyre_file_info;

/*
 * Asks about an open file, or about a path (following symbolic links); result 0. fstat(), stat().
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_file_stat(gyre_file *file, gyre_file_info *out_info);
GYRE_API GYRE_MUST_USE gyre_await gyre_file_stat_path(const char *path, gyre_file_info *out_info);

/*
 * A whole file into memory: result: its size; *out_data: moved to the caller, gyre_free() it; one
 * byte 0 follows the contents, so that a text is a string. On every error *out_data is NULL. limit:
 * the most bytes to take (GYRE_ELIMIT for more; 0: no limit). Works for files that do not know
 * their size, as those in /proc. Cancelled: closes, frees, gives GYRE_ECANCELLED.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_file_read_all(const char *path, size_t limit,
                                                     char **out_data);

/*
 * Replaces a file as a whole: writes a new one beside it, has it reach the disk, renames it over
 * the old one, and has the directory reach the disk. Who reads the path finds the old contents or
 * the new, never a part, even after a crash. Result: size. mode: permissions of the new file,
 * before the umask; 0: those of the old one, or 0666. A symbolic link is replaced itself. An error
 * or a cancellation leaves the old contents, or the new where the renaming was done already, and no
 * temporary file (".gyre-" and 16 digits; a crash may leave one). data, path: borrowed.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_file_replace(const char *path, const void *data, size_t size,
                                                    unsigned mode);

GYRE_END_DECLS

#endif
