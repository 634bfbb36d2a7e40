/* Files: opening, reading, writing, asking, closing. */
#include "file.h"

#include <errno.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "poll.h"
#include "raw_internal.h"

gyre_file gyre_file_from(int fd)
{
    return (gyre_file){.number = fd + 1};
}

int gyre_file_fd(const gyre_file *file)
{
    return file->number - 1;
}

/* ---- opening and closing ---- */

struct open_file {
    gyre_frame frame;
    gyre_file *file;
    const char *path;
    int flags;
    unsigned mode;
    int64_t result;
};

GYRE_CORO(open_file)
{
    GYRE_BEGIN;
    self->frame.leaf = true;
    if (self->file->number || self->file->busy)
        GYRE_RETURN(-EBUSY);
    self->file->busy = true;
    do
        GYRE_AWAIT(self->result, gyre_open(self->path, self->flags, self->mode));
    while (self->result == -EINTR);
    self->file->busy = false;
    if (self->result < 0)
        GYRE_RETURN(self->result);
    *self->file = gyre_file_from((int)self->result);
    GYRE_RETURN(0);
    GYRE_END;
}

gyre_await gyre_file_open(gyre_file *file, const char *path, int flags, unsigned mode)
{
    return GYRE_CALL(open_file, .file = file, .path = path, .flags = flags, .mode = mode);
}

gyre_await gyre_file_close(gyre_file *file)
{
    int fd = gyre_file_fd(file);

    if (fd < 0)
        return gyre__raw_refuse("gyre_file_close", 0);
    file->number = 0;
    return gyre_close(fd);
}

/* ---- reading and writing ---- */

/*
 * A call that goes on until `size` bytes are done, the end is reached or (`once`) something came.
 */
struct transfer {
    gyre_frame frame;
    gyre_file *file;
    char *memory;
    size_t size, done;
    int64_t offset; /* or GYRE_POSITION: then no other call may be under way */
    bool writes, once;
    int64_t n;
};

static gyre_await start_transfer(struct transfer *self)
{
    int fd = gyre_file_fd(self->file);
    char *memory = self->memory + self->done;
    size_t size = self->size - self->done;
    int64_t offset = self->offset;

    if (offset != GYRE_POSITION)
        offset += (int64_t)self->done;
    if (self->writes)
        return gyre_write(fd, memory, size, offset);
    return gyre_read(fd, memory, size, offset);
}

static bool is_over(const struct transfer *self)
{
    if (self->n == -EINTR)
        return false;
    return self->n <= 0 || self->once || self->done == self->size;
}

GYRE_CORO(transfer)
{
    GYRE_BEGIN;
    self->frame.leaf = true;
    if (self->offset == GYRE_POSITION) {
        if (self->file->busy)
            GYRE_RETURN(-EBUSY);
        self->file->busy = true;
    }
    do {
        GYRE_AWAIT(self->n, start_transfer(self));
        if (self->n == -EAGAIN) { /* O_NONBLOCK: the kernel does not wait for us */
            GYRE_AWAIT(self->n,
                       gyre_poll(gyre_file_fd(self->file), self->writes ? POLLOUT : POLLIN));
            if (self->n >= 0)
                self->n = -EINTR; /* try again */
        } else if (self->n > 0) {
            self->done += (size_t)self->n;
        }
    } while (!is_over(self));
    if (self->offset == GYRE_POSITION)
        self->file->busy = false;
    if (self->n < 0)
        GYRE_RETURN(self->n);
    if (self->writes && self->done < self->size)
        GYRE_RETURN(-EIO); /* a device that takes nothing and gives no reason */
    GYRE_RETURN((int64_t)self->done);
    GYRE_END;
}

gyre_await gyre_file_read(gyre_file *file, void *buffer, size_t size)
{
    return GYRE_CALL(transfer, .file = file, .memory = buffer, .size = size,
                     .offset = GYRE_POSITION, .once = true);
}

gyre_await gyre_file_write(gyre_file *file, const void *data, size_t size)
{
    return GYRE_CALL(transfer, .file = file, .memory = (char *)(uintptr_t)data, .size = size,
                     .offset = GYRE_POSITION, .writes = true);
}

gyre_await gyre_file_pread(gyre_file *file, void *buffer, size_t size, int64_t offset)
{
    if (offset < 0)
        return gyre__raw_refuse("gyre_file_pread", -EINVAL);
    return GYRE_CALL(transfer, .file = file, .memory = buffer, .size = size, .offset = offset);
}

gyre_await gyre_file_pwrite(gyre_file *file, const void *data, size_t size, int64_t offset)
{
    if (offset < 0)
        return gyre__raw_refuse("gyre_file_pwrite", -EINVAL);
    return GYRE_CALL(transfer, .file = file, .memory = (char *)(uintptr_t)data, .size = size,
                     .offset = offset, .writes = true);
}

gyre_await gyre_file_fsync(gyre_file *file, bool data_only)
{
    return gyre_fsync(gyre_file_fd(file), data_only);
}

int64_t gyre_file_seek(gyre_file *file, int64_t offset, int whence)
{
    off_t position = lseek(gyre_file_fd(file), (off_t)offset, whence);

    return position < 0 ? -errno : position;
}

/* ---- asking ---- */

struct stat_file {
    gyre_frame frame;
    int fd; /* or AT_FDCWD */
    const char *path;
    gyre_file_info *out_info;
    struct statx info;
};

static int64_t nanoseconds(struct statx_timestamp time)
{
    return time.tv_sec * 1000000000 + (int64_t)time.tv_nsec;
}

static void fill_info(const struct statx *info, gyre_file_info *out_info)
{
    *out_info = (gyre_file_info){
        .size = info->stx_size,
        .blocks = info->stx_blocks,
        .inode = info->stx_ino,
        .device = makedev(info->stx_dev_major, info->stx_dev_minor),
        .mode = info->stx_mode,
        .links = info->stx_nlink,
        .uid = info->stx_uid,
        .gid = info->stx_gid,
        .accessed_ns = nanoseconds(info->stx_atime),
        .modified_ns = nanoseconds(info->stx_mtime),
        .changed_ns = nanoseconds(info->stx_ctime),
        .created_ns = info->stx_mask & STATX_BTIME ? nanoseconds(info->stx_btime) : 0,
    };
}

GYRE_CORO(stat_file)
{
    GYRE_BEGIN;
    self->frame.leaf = true;
    GYRE_TRY(gyre_statx(self->fd, self->path, self->path[0] ? 0 : AT_EMPTY_PATH,
                        STATX_BASIC_STATS | STATX_BTIME, &self->info));
    fill_info(&self->info, self->out_info);
    GYRE_RETURN(0);
    GYRE_END;
}

gyre_await gyre_file_stat(gyre_file *file, gyre_file_info *out_info)
{
    return GYRE_CALL(stat_file, .fd = gyre_file_fd(file), .path = "", .out_info = out_info);
}

gyre_await gyre_file_stat_path(const char *path, gyre_file_info *out_info)
{
    if (!path[0])
        return gyre__raw_refuse("gyre_file_stat_path", -ENOENT);
    return GYRE_CALL(stat_file, .fd = AT_FDCWD, .path = path, .out_info = out_info);
}
