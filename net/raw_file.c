/* Raw awaitables for files, pipes and paths. */
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>

#include "raw_internal.h"

/* ---- reading and writing ---- */

/* Only the verb differs. An offset of -1 is the "position" of the kernel too. */
static gyre_await transfer(const char *function, uint8_t verb, int fd, const void *memory,
                           uint32_t length, int64_t offset)
{
    if (offset < GYRE_POSITION)
        return gyre__raw_refuse(function, -EINVAL);
    return gyre__raw(
        function,
        &(gyre__request){
            .verb = verb, .fd = fd, .addr = memory, .length = length, .offset = (uint64_t)offset});
}

static uint32_t pieces_count(size_t count)
{
    return count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
}

gyre_await gyre_read(int fd, void *buffer, size_t size, int64_t offset)
{
    return transfer("gyre_read", GYRE__OP_READ, fd, buffer, gyre__raw_size(size), offset);
}

gyre_await gyre_write(int fd, const void *data, size_t size, int64_t offset)
{
    return transfer("gyre_write", GYRE__OP_WRITE, fd, data, gyre__raw_size(size), offset);
}

gyre_await gyre_readv(int fd, const struct iovec *pieces, size_t count, int64_t offset)
{
    return transfer("gyre_readv", GYRE__OP_READV, fd, pieces, pieces_count(count), offset);
}

gyre_await gyre_writev(int fd, const struct iovec *pieces, size_t count, int64_t offset)
{
    return transfer("gyre_writev", GYRE__OP_WRITEV, fd, pieces, pieces_count(count), offset);
}

gyre_await gyre_splice(int fd_in, int64_t offset_in, int fd_out, int64_t offset_out, size_t size,
                       unsigned flags)
{
    if (offset_in < GYRE_POSITION || offset_out < GYRE_POSITION)
        return gyre__raw_refuse("gyre_splice", -EINVAL);
    return gyre__raw("gyre_splice", &(gyre__request){.verb = GYRE__OP_SPLICE,
                                                     .fd = fd_out,
                                                     .splice_in = fd_in,
                                                     .addr = (void *)(intptr_t)offset_in,
                                                     .offset = (uint64_t)offset_out,
                                                     .length = gyre__raw_size(size),
                                                     .flags = flags});
}

gyre_await gyre_fsync(int fd, bool data_only)
{
    return gyre__raw("gyre_fsync",
                     &(gyre__request){.verb = GYRE__OP_FSYNC,
                                      .fd = fd,
                                      .flags = data_only ? IORING_FSYNC_DATASYNC : 0});
}

/* ---- paths ---- */

gyre_await gyre_openat(int directory, const char *path, int flags, unsigned mode)
{
    return gyre__raw("gyre_openat", &(gyre__request){.verb = GYRE__OP_OPENAT,
                                                     .fd = directory,
                                                     .addr = path,
                                                     .flags = (uint32_t)(flags | O_CLOEXEC),
                                                     .length = mode});
}

gyre_await gyre_open(const char *path, int flags, unsigned mode)
{
    return gyre_openat(AT_FDCWD, path, flags, mode);
}

gyre_await gyre_statx(int directory, const char *path, int flags, unsigned mask,
                      struct statx *out_info)
{
    return gyre__raw("gyre_statx", &(gyre__request){.verb = GYRE__OP_STATX,
                                                    .fd = directory,
                                                    .addr = path,
                                                    .flags = (uint32_t)flags,
                                                    .length = mask,
                                                    .offset = (uintptr_t)out_info});
}

gyre_await gyre_renameat(int from_directory, const char *from, int to_directory, const char *to,
                         unsigned flags)
{
    return gyre__raw("gyre_renameat", &(gyre__request){.verb = GYRE__OP_RENAMEAT,
                                                       .fd = from_directory,
                                                       .addr = from,
                                                       .length = (uint32_t)to_directory,
                                                       .offset = (uintptr_t)to,
                                                       .flags = flags});
}

gyre_await gyre_rename(const char *from, const char *to)
{
    return gyre_renameat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

gyre_await gyre_unlinkat(int directory, const char *path, int flags)
{
    return gyre__raw("gyre_unlinkat", &(gyre__request){.verb = GYRE__OP_UNLINKAT,
                                                       .fd = directory,
                                                       .addr = path,
                                                       .flags = (uint32_t)flags});
}

gyre_await gyre_unlink(const char *path)
{
    return gyre_unlinkat(AT_FDCWD, path, 0);
}

gyre_await gyre_mkdirat(int directory, const char *path, unsigned mode)
{
    return gyre__raw(
        "gyre_mkdirat",
        &(gyre__request){.verb = GYRE__OP_MKDIRAT, .fd = directory, .addr = path, .length = mode});
}

gyre_await gyre_mkdir(const char *path, unsigned mode)
{
    return gyre_mkdirat(AT_FDCWD, path, mode);
}
