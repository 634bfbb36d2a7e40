/*
 * Launching a program: the child shares our memory and we stand still until it has become the
 * program or failed (as with vfork), so nothing is copied however large this process is, and an
 * error comes back through memory. Where that is not so, as under valgrind, which makes a fork of
 * it, the error comes through a pipe that exec closes.
 *
 * Between clone and exec the child must change nothing that is ours: it runs on a stack of its
 * own, with all signals blocked, and calls the kernel only.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../loop/alloc.h"
#include "subprocess_internal.h"

#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x00001000
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
enum { CLOSE_ON_EXEC = 1 << 2, /* CLOSE_RANGE_CLOEXEC */ FIRST_OTHER = 3, STACK_SIZE = 32768 };

/* Sanitizers keep books on what the child does; these are ours, not its. */
#define IN_CHILD __attribute__((no_sanitize("address", "thread", "undefined")))

bool gyre__launch_without_pidfd, gyre__launch_without_close_range;

/* What the child works with; on the heap, with its stack. */
struct child {
    gyre__launch *launch;
    uint64_t to_default;  /* signals whose disposition is reset: bit per number */
    volatile bool shared; /* it ran here: our memory is the child's */
    volatile int error;   /* errno of what failed */
    int report[2];        /* the pipe */
    char path[PATH_MAX];
    char names[1024]; /* directory entries, where close_range is missing */
    _Alignas(16) char stack[STACK_SIZE];
};

/* ---- in the child ---- */

IN_CHILD static int fail(struct child *child, enum gyre__launch_stage stage)
{
    child->launch->stage = stage;
    return errno;
}

IN_CHILD static int set_group(struct child *child)
{
    const gyre__launch *launch = child->launch;

    if (launch->new_session && setsid() < 0)
        return fail(child, GYRE__LAUNCH_GROUP);
    if (launch->set_group && setpgid(0, launch->group) < 0)
        return fail(child, GYRE__LAUNCH_GROUP);
    return 0;
}

IN_CHILD static bool keep_over_exec(int fd)
{
    int flags = fcntl(fd, F_GETFD);

    return flags >= 0 && fcntl(fd, F_SETFD, flags & ~FD_CLOEXEC) >= 0;
}

/* First out of the way of the targets, then to them. */
IN_CHILD static int set_stdio(struct child *child)
{
    int from[3];

    for (int i = 0; i < 3; i++) {
        from[i] = child->launch->stdio[i];
        if (from[i] >= 0 && from[i] < FIRST_OTHER && from[i] != i &&
            (from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, FIRST_OTHER)) < 0)
            return fail(child, GYRE__LAUNCH_STDIO);
    }
    for (int i = 0; i < 3; i++) {
        if (from[i] == i ? !keep_over_exec(i) : from[i] >= 0 && dup2(from[i], i) < 0)
            return fail(child, GYRE__LAUNCH_STDIO);
    }
    if (child->launch->merge && dup2(1, 2) < 0)
        return fail(child, GYRE__LAUNCH_STDIO);
    return 0;
}

/* struct linux_dirent64, which no header has. */
struct entry {
    uint64_t inode;
    int64_t offset;
    unsigned short size;
    unsigned char type;
    char name[];
};

/* Marks what /proc/self/fd lists. */
IN_CHILD static void close_listed(struct child *child)
{
    int folder = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    long size;

    while (folder >= 0 &&
           (size = syscall(SYS_getdents64, folder, child->names, sizeof(child->names))) > 0) {
        for (long at = 0; at < size;) {
            const struct entry *entry = (const struct entry *)(const void *)(child->names + at);
            int fd = 0;

            for (const char *digit = entry->name; *digit >= '0' && *digit <= '9'; digit++)
                fd = fd * 10 + (*digit - '0');
            if (fd >= FIRST_OTHER)
                fcntl(fd, F_SETFD, FD_CLOEXEC);
            at += entry->size;
        }
    }
}

/* Everything ends with exec but the standard descriptors and those to be passed. */
IN_CHILD static int close_others(struct child *child)
{
    const gyre__launch *launch = child->launch;

    if (gyre__launch_without_close_range ||
        syscall(SYS_close_range, FIRST_OTHER, ~0U, CLOSE_ON_EXEC) < 0)
        close_listed(child);
    for (size_t i = 0; i < launch->pass_fd_count; i++)
        if (launch->pass_fds[i] >= FIRST_OTHER && !keep_over_exec(launch->pass_fds[i]))
            return fail(child, GYRE__LAUNCH_STDIO);
    return 0;
}

/*
 * The kernel's own call: the C library keeps books on handlers, in memory that is not the
 * child's.
 */
IN_CHILD static void reset_signals(struct child *child)
{
    static const uint64_t
        nothing[8]; /* a struct sigaction of the kernel's: default, no flags, no mask */

    for (uint64_t rest = child->to_default; rest; rest &= rest - 1)
        syscall(SYS_rt_sigaction, __builtin_ctzll(rest) + 1, nothing, NULL, sizeof(uint64_t));
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, nothing, NULL, sizeof(uint64_t));
}

IN_CHILD static int run_path(struct child *child, const char *path)
{
    const gyre__launch *launch = child->launch;

    execve(path, (char *const *)(uintptr_t)launch->argv,
           (char *const *)(uintptr_t)launch->environment);
    return errno;
}

/*
 * Directory and name in child->path; false if that is too long. An empty directory is the current
 * one.
 */
IN_CHILD static bool join(struct child *child, const char *directory, size_t size)
{
    const char *name = child->launch->file;
    size_t at = 0;

    if (size >= sizeof(child->path) - 1)
        return false;
    for (; at < size; at++)
        child->path[at] = directory[at];
    if (size)
        child->path[at++] = '/';
    for (; *name; name++) {
        if (at + 1 >= sizeof(child->path))
            return false;
        child->path[at++] = *name;
    }
    child->path[at] = '\0';
    return true;
}

/* As execvp(): what is found but may not be run is remembered, and the search goes on. */
IN_CHILD static int run_program(struct child *child)
{
    const char *directory = child->launch->search;
    int error = ENOENT;

    child->launch->stage = GYRE__LAUNCH_EXEC;
    if (!directory)
        return run_path(child, child->launch->file);
    for (;;) {
        size_t size = 0;
        int now;

        while (directory[size] && directory[size] != ':')
            size++;
        now = join(child, directory, size) ? run_path(child, child->path) : ENAMETOOLONG;
        if (now == EACCES)
            error = now;
        else if (now != ENOENT && now != ENOTDIR && now != ENAMETOOLONG && now != ENODEV &&
                 now != ETIMEDOUT && now != ESTALE)
            return now;
        if (!directory[size])
            return error;
        directory += size + 1;
    }
}

IN_CHILD static int run_child(void *arg)
{
    struct child *child = arg;
    int error, report[2];

    child->shared = true;
    error = set_group(child);
    if (!error && child->launch->cwd && chdir(child->launch->cwd) < 0)
        error = fail(child, GYRE__LAUNCH_CWD);
    if (!error)
        error = set_stdio(child);
    if (!error)
        error = close_others(child);
    if (!error) {
        reset_signals(child);
        error = run_program(child);
    }
    child->error = error;
    report[0] = error;
    report[1] = child->launch->stage;
    if (write(child->report[1], report, sizeof(report)) < 0)
        _exit(126);
    _exit(127);
}

/* ---- in this process ---- */

/*
 * Signals with a handler (it must not run in the child, before exec takes it away), and the two
 * of libraries.
 */
static uint64_t signals_to_reset(void)
{
    uint64_t set = UINT64_C(1) << (SIGPIPE - 1) | UINT64_C(1) << (SIGXFSZ - 1);
    struct sigaction action;

    for (int number = 1; number <= 64; number++)
        if (sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_DFL &&
            action.sa_handler != SIG_IGN)
            set |= UINT64_C(1) << (number - 1);
    return set;
}

static void reap_failed(pid_t pid)
{
    siginfo_t info;

    while (waitid(P_PID, (id_t)pid, &info, WEXITED) < 0 && errno == EINTR)
        ;
}

static int open_pidfd(pid_t pid, int from_clone)
{
    if (gyre__launch_without_pidfd) {
        if (from_clone >= 0)
            close(from_clone);
        return -1;
    }
    return from_clone >= 0 ? from_clone : (int)syscall(SYS_pidfd_open, pid, 0);
}

/* Waits for exec, which closes the pipe, where the child is a copy of this process. */
static int error_of(struct child *child)
{
    int report[2] = {0, GYRE__LAUNCH_CLONE};

    if (child->shared)
        return child->error;
    close(child->report[1]);
    child->report[1] = -1;
    while (read(child->report[0], report, sizeof(report)) < 0 && errno == EINTR)
        ;
    child->launch->stage = (enum gyre__launch_stage)report[1];
    return report[0];
}

static int64_t run(struct child *child, pid_t *out_pid, int *out_pidfd)
{
    const uint64_t all = UINT64_MAX;
    uint64_t before = 0;
    int pidfd = -1, saved, error;
    pid_t pid;

    /* With the two that the C library keeps for itself: they too must not run in the child. */
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof(all));
    pid = clone(run_child, child->stack + STACK_SIZE,
                CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, child, &pidfd);
    saved = errno;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof(before));
    if (pid < 0)
        return -saved;
    error = error_of(child);
    if (error) {
        reap_failed(pid);
        if (pidfd >= 0)
            close(pidfd);
        return -error;
    }
    *out_pid = pid;
    *out_pidfd = open_pidfd(pid, pidfd);
    return 0;
}

int64_t gyre__launch_run(gyre__launch *launch, pid_t *out_pid, int *out_pidfd)
{
    struct child *child = gyre_alloc(sizeof(*child));
    int64_t rc;

    launch->stage = GYRE__LAUNCH_CLONE;
    if (!child)
        return -ENOMEM;
    child->launch = launch;
    child->shared = false;
    child->error = 0;
    child->to_default = signals_to_reset();
    if (pipe2(child->report, O_CLOEXEC) < 0) {
        rc = -errno;
    } else {
        rc = run(child, out_pid, out_pidfd);
        close(child->report[0]);
        if (child->report[1] >= 0)
            close(child->report[1]);
    }
    gyre_free(child);
    return rc;
}
