/*
 * The template: a process that stays as the program was at its beginning, and forks the workers
 * of process pools.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process_pool_internal.h"

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

enum { FIRST_OTHER = 3, CONTROL = 3, CHILDREN = 4, FIRST_WORKER = 2 };

/* The program's end of the socket to the template; -1: there is none. */
static int control = -1;
static ino_t control_inode; /* daemons close everything: the number may be another file's then */

int gyre__process_worker_trap;

/* ---- in the template ---- */

/* Its workers: the polled descriptors (from FIRST_WORKER on), and beside each the pid. */
static struct pollfd *fds;
static pid_t *pids;
static size_t count, capacity;

static void close_from(int first)
{
    if (syscall(SYS_close_range, first, ~0U, 0) == 0)
        return;
    for (int fd = first; fd < 65536; fd++)
        close(fd);
}

static void move_fd(int fd, int to)
{
    if (fd != to) {
        dup2(fd, to);
        close(fd);
    }
}

static void tell(int fd, enum gyre__process_worker_event event, int value)
{
    const struct gyre__process_worker_news news = {.event = (int32_t)event, .value = value};

    send(fd, &news, sizeof(news), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static bool reserve(void)
{
    size_t wanted = capacity ? 2 * capacity : 16;
    struct pollfd *more_fds;
    pid_t *more_pids;

    if (count < capacity)
        return true;
    more_fds = realloc(fds, wanted * sizeof(*fds));
    if (!more_fds)
        return false;
    fds = more_fds;
    more_pids = realloc(pids, wanted * sizeof(*pids));
    if (!more_pids)
        return false;
    pids = more_pids;
    capacity = wanted;
    return true;
}

static void add(int fd, pid_t pid)
{
    fds[count] = (struct pollfd){.fd = fd, .events = POLLIN};
    pids[count++] = pid;
}

/* In the worker: nothing of the template's is left but the standard descriptors. */
static _Noreturn void become_worker(int fd, const struct gyre__process_worker_request *request,
                                    pid_t template)
{
    sigset_t none;

    move_fd(fd, CONTROL);
    close_from(CONTROL + 1);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* the template is gone: nobody would notice our end */
    if (getppid() != template)
        _exit(0);
    gyre__process_worker_main(CONTROL, request);
}

static void start_worker(const struct gyre__process_worker_request *request, int jobs_fd,
                         int life_fd)
{
    pid_t template = getpid(), pid = reserve() ? fork() : -1;

    if (pid == 0)
        become_worker(jobs_fd, request, template);
    close(jobs_fd);
    if (pid < 0) {
        tell(life_fd, GYRE__WORKER_FAILED, errno);
        close(life_fd);
        return;
    }
    tell(life_fd, GYRE__WORKER_STARTED, pid);
    add(life_fd, pid);
}

/* Two descriptors in a control message. */
union ancillary {
    struct cmsghdr header;
    char space[CMSG_SPACE(2 * sizeof(int))];
};

/* A message that was cut short, as no more descriptors could be had, may still have brought one. */
static void close_passed(const struct cmsghdr *header)
{
    size_t size = header && header->cmsg_type == SCM_RIGHTS ? header->cmsg_len - CMSG_LEN(0) : 0;

    for (size_t at = 0; at + sizeof(int) <= size; at += sizeof(int)) {
        int fd;

        memcpy(&fd, CMSG_DATA(header) + at, sizeof(fd));
        close(fd);
    }
}

static void read_request(void)
{
    struct gyre__process_worker_request request;
    union ancillary ancillary;
    struct iovec piece = {.iov_base = &request, .iov_len = sizeof(request)};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = &ancillary,
                             .msg_controllen = sizeof(ancillary)};
    ssize_t n = recvmsg(CONTROL, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    struct cmsghdr *header = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    int passed[2];

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        _exit(0); /* the program has ended */
    if (n != (ssize_t)sizeof(request) || !header || header->cmsg_type != SCM_RIGHTS ||
        header->cmsg_len != CMSG_LEN(sizeof(passed))) {
        close_passed(header);
        return;
    }
    memcpy(passed, CMSG_DATA(header), sizeof(passed));
    start_worker(&request, passed[0], passed[1]);
}

static void reap(void)
{
    struct signalfd_siginfo drained;
    int status;
    pid_t pid;

    while (read(CHILDREN, &drained, sizeof(drained)) > 0)
        ;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (size_t i = FIRST_WORKER; i < count; i++)
            if (pids[i] == pid) {
                if (fds[i].fd >= 0) {
                    tell(fds[i].fd, GYRE__WORKER_ENDED, status);
                    close(fds[i].fd);
                }
                count--;
                fds[i] = fds[count];
                pids[i] = pids[count];
                break;
            }
}

/*
 * Any byte asks for its death. The end: nobody wants to know either; it stays in the table until
 * it is reaped.
 */
static void end_worker(size_t i)
{
    char byte;
    ssize_t n = recv(fds[i].fd, &byte, 1, MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    kill(pids[i], SIGKILL);
    if (n <= 0) {
        close(fds[i].fd);
        fds[i].fd = -1;
    }
}

static _Noreturn void be_template(void)
{
    prctl(PR_SET_NAME, "gyre-template");
    if (!reserve())
        _exit(1);
    add(CONTROL, 0);
    add(CHILDREN, 0);
    for (;;) {
        if (poll(fds, count, -1) < 0)
            continue;
        for (size_t i = FIRST_WORKER; i < count; i++)
            if (fds[i].fd >= 0 && fds[i].revents)
                end_worker(i);
        if (fds[1].revents)
            reap();
        else if (fds[0].revents)
            read_request();
    }
}

/* Closes what the program had open, in the process that becomes the template. */
static _Noreturn void enter_template(int fd)
{
    sigset_t child;
    int children;

    move_fd(fd, CONTROL);
    close_from(CHILDREN);
    signal(SIGCHLD, SIG_DFL);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    children = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    if (children < 0)
        _exit(1);
    move_fd(children,
            CHILDREN); /* it may have got the number of a standard descriptor that is closed */
    be_template();
}

/* ---- in the program ---- */

static bool has_threads(void)
{
    struct stat info;

    return stat("/proc/self/task", &info) == 0 && info.st_nlink > 3;
}

/* A grandchild, so that it is no child that somebody waits for. */
static int64_t fork_template(int fd)
{
    pid_t child = fork();
    int status;

    if (child < 0)
        return -errno;
    if (child == 0) {
        pid_t template;

        setsid();
        template = fork();
        if (template == 0)
            enter_template(fd);
        _exit(template <0 ? errno : 0);
    }
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return 0; /* SIGCHLD is ignored: how it went is not known */
    return WIFEXITED(status) ? -WEXITSTATUS(status) : -EAGAIN;
}

int64_t gyre_process_pool_prepare(void)
{
    struct stat info;
    int ends[2];
    int64_t rc;

    if (control >= 0)
        return 0;
    if (gyre__running || has_threads())
        return GYRE_ESTATE;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    if (ends[0] < FIRST_OTHER) { /* the program was started without standard descriptors */
        int raised = fcntl(ends[0], F_DUPFD_CLOEXEC, FIRST_OTHER);

        close(ends[0]);
        ends[0] = raised;
    }
    fflush(NULL);
    rc = fork_template(ends[1]);
    close(ends[1]);
    if (rc >= 0 && fstat(ends[0], &info) < 0)
        rc = -errno;
    if (rc < 0) {
        close(ends[0]);
        return rc;
    }
    control = ends[0];
    control_inode = info.st_ino;
    return 0;
}

static bool is_control(int fd)
{
    struct stat info;

    return fstat(fd, &info) == 0 && S_ISSOCK(info.st_mode) && info.st_ino == control_inode;
}

bool gyre__process_template_made(void)
{
    return control >= 0;
}

int64_t gyre__process_template_ask(const struct gyre__process_worker_request *request, int jobs_fd,
                                   int life_fd)
{
    const int passed[2] = {jobs_fd, life_fd};
    union ancillary ancillary = {.header = {.cmsg_level = SOL_SOCKET,
                                            .cmsg_type = SCM_RIGHTS,
                                            .cmsg_len = CMSG_LEN(sizeof(passed))}};
    struct iovec piece = {.iov_base = (void *)(uintptr_t)request, .iov_len = sizeof(*request)};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = &ancillary,
                             .msg_controllen = sizeof(ancillary)};
    ssize_t n;

    if (!is_control(control))
        return GYRE_ENOTEMPLATE;
    memcpy(CMSG_DATA(&ancillary.header), passed, sizeof(passed));
    do
        n = sendmsg(control, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n >= 0)
        return 0;
    return errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN ? GYRE_ENOTEMPLATE : -errno;
}
