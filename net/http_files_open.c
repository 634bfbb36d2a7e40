/* Opening files below a directory, and nowhere else. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "http_files_internal.h"
#include "raw_internal.h"

/* Newer than some headers. */
#ifndef RESOLVE_CACHED
#define RESOLVE_CACHED 0x20
#endif

/* O_NONBLOCK: neither a pipe nor a device may make us wait. */
enum { FLAGS = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK };

struct open_below {
    gyre_frame frame;
    int root;
    const char *path;
    int *out_fd;
    struct open_how how;
    int64_t rc;
};

static struct open_how how_to_open(int root)
{
    return (struct open_how){.flags = FLAGS,
                             .resolve = root < 0 ? 0 : RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
}

static int64_t open_at(int root, const char *path, const struct open_how *how)
{
    long fd = syscall(SYS_openat2, root < 0 ? AT_FDCWD : root, path, how, sizeof(*how));

    return fd < 0 ? -errno : fd;
}

/* For kernels without openat2(): one name at a time, through no symbolic link. */
static int64_t walk(int root, const char *path)
{
    char name[256];
    int fd = fcntl(root, F_DUPFD_CLOEXEC, 0), next;

    while (fd >= 0) {
        size_t size;

        path += strspn(path, "/");
        size = strcspn(path, "/");
        if (!size)
            return fd;
        if (size >= sizeof(name) || (size == 2 && memcmp(path, "..", 2) == 0)) {
            close(fd);
            return size == 2 ? -EXDEV : -ENAMETOOLONG;
        }
        memcpy(name, path, size);
        name[size] = '\0';
        path += size;
        next = openat(fd, name, FLAGS | O_NOFOLLOW | (*path ? O_DIRECTORY : 0));
        close(fd);
        fd = next;
    }
    return -errno;
}

/*
 * What the kernel knows already costs one system call; what it has to read from a disk is waited
 * for by the ring.
 */
static int64_t open_cached(int root, const char *path)
{
    struct open_how how = how_to_open(root);
    int64_t rc;

    how.resolve |= RESOLVE_CACHED;
    rc = open_at(root, path, &how);
    if (rc == -EINVAL) /* before Linux 5.12 */
        rc = -EAGAIN;
    if (rc == -ENOSYS || rc == -EPERM)
        rc = root < 0 ? -EAGAIN : walk(root, path);
    return rc;
}

GYRE_CORO(open_below)
{
    GYRE_BEGIN;
    self->how = how_to_open(self->root);
    if (gyre__op_supported(gyre_loop_current(), GYRE__OP_OPENAT2))
        GYRE_TRY(self->rc,
                 gyre__raw("gyre_http_serve_file", &(gyre__request){
                                                       .verb = GYRE__OP_OPENAT2,
                                                       .fd = self->root < 0 ? AT_FDCWD : self->root,
                                                       .addr = self->path,
                                                       .length = sizeof(self->how),
                                                       .offset = (uintptr_t)&self->how,
                                                   }));
    else
        self->rc = open_at(self->root, self->path, &self->how);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    *self->out_fd = (int)self->rc;
    GYRE_RETURN(0);
    GYRE_END;
}

gyre_await gyre__httpd_open_below(int root, const char *path, int *out_fd)
{
    gyre_task *task = gyre__task_running("gyre_http_serve_file");
    int64_t rc = open_cached(root, path);

    *out_fd = rc >= 0 ? (int)rc : -1;
    if (rc != -EAGAIN)
        return gyre__complete(task, rc < 0 ? rc : 0);
    return gyre__call(&open_below_coro, &(struct open_below){
                                            .frame = {.coro = &open_below_coro, .leaf = true},
                                            .root = root,
                                            .path = path,
                                            .out_fd = out_fd,
                                        });
}
