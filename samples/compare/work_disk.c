/* The disk: files that are written, flushed, and read back. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "settings.h"
#include "tally.h"
#include "work.h"

enum { BLOCK = 65536, PATH_SIZE = 512 };

static unsigned count(void)
{
    return settings.pieces;
}

static void describe(void)
{
    printf("Disk: %u files of %u KiB in %s, written, flushed and read back", settings.pieces,
           settings.size_kib, settings.folder);
}

static void name_file(char *path, unsigned number)
{
    snprintf(path, PATH_SIZE, "%s/gyre-compare-%d-%u", settings.folder, (int)getpid(), number);
}

static int64_t size_of_file(void)
{
    return (int64_t)settings.size_kib * 1024;
}

/* Bytes of the block at an offset. */
static size_t size_of_block(int64_t offset)
{
    return size_of_file() - offset < BLOCK ? (size_t)(size_of_file() - offset) : BLOCK;
}

/* What is to be there, at each offset something else. */
static void fill(char *block, int64_t offset, unsigned number)
{
    memset(block, (int)(1 + (number + (uint64_t)offset / BLOCK) % 255), BLOCK);
}

static bool is_filled(const char *block, size_t size, int64_t offset, unsigned number)
{
    return block[0] == (char)(1 + (number + (uint64_t)offset / BLOCK) % 255) &&
           memcmp(block, block + 1, size - 1) == 0;
}

/* What was flushed need not stay in memory: so it is read from the disk, if the system agrees. */
static void forget_pages(int fd)
{
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

/* ---- blocking ---- */

static int64_t write_and_read(int fd, char *block, unsigned number)
{
    int64_t offset;

    for (offset = 0; offset < size_of_file(); offset += BLOCK) {
        fill(block, offset, number);
        if (pwrite(fd, block, size_of_block(offset), offset) != (ssize_t)size_of_block(offset))
            return errno ? -errno : -ENOSPC;
    }
    if (fsync(fd) < 0)
        return -errno;
    forget_pages(fd);
    for (offset = 0; offset < size_of_file(); offset += BLOCK) {
        if (pread(fd, block, size_of_block(offset), offset) != (ssize_t)size_of_block(offset) ||
            !is_filled(block, size_of_block(offset), offset, number))
            return -EIO;
    }
    return size_of_file();
}

static int64_t piece(unsigned number)
{
    char path[PATH_SIZE], *block = malloc(BLOCK);
    int64_t result = -ENOMEM;
    int fd;

    if (!block)
        return result;
    name_file(path, number);
    errno = 0;
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    result = -errno;
    if (fd >= 0) {
        unlink(path); /* so that nothing can be left behind */
        result = write_and_read(fd, block, number);
        close(fd);
    }
    free(block);
    return result;
}

/* ---- awaiting ---- */

struct keep {
    gyre_frame frame;
    unsigned number;
    gyre_file file;
    char path[PATH_SIZE], *block;
    int64_t offset, n;
};
GYRE_CORO(keep)
{
    GYRE_BEGIN;
    self->block = malloc(BLOCK);
    if (!self->block)
        GYRE_RETURN(-ENOMEM);
    name_file(self->path, self->number);
    GYRE_TRY(gyre_file_open(&self->file, self->path, O_RDWR | O_CREAT | O_EXCL, 0600));
    unlink(self->path);
    for (self->offset = 0; self->offset < size_of_file(); self->offset += BLOCK) {
        fill(self->block, self->offset, self->number);
        GYRE_TRY(
            gyre_file_pwrite(&self->file, self->block, size_of_block(self->offset), self->offset));
    }
    GYRE_TRY(gyre_file_fsync(&self->file, false));
    forget_pages(gyre_file_fd(&self->file));
    for (self->offset = 0; self->offset < size_of_file(); self->offset += BLOCK) {
        GYRE_TRY(self->n, gyre_file_pread(&self->file, self->block, size_of_block(self->offset),
                                          self->offset));
        if (self->n != (int64_t)size_of_block(self->offset) ||
            !is_filled(self->block, (size_t)self->n, self->offset, self->number))
            GYRE_RETURN(-EIO);
    }
    tally_add(size_of_file());
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_file_close(&self->file));
    free(self->block);
    GYRE_END;
}

static bool spawn(gyre_group *group, unsigned number)
{
    return GYRE_GROUP_SPAWN_DETACHED(group, keep, .number = number);
}

const struct work disk_work = {
    .count = count, .workers = count, .describe = describe, .piece = piece, .spawn = spawn};
