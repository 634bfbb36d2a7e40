/* Raw operations on files, pipes and paths; SIGPIPE; what cancelling and shortage do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/raw.h"
#include "support/folder.h"
#include "task/run.h"
#include "task/sleep.h"

static int folder_fd; /* of the current folder */

/* Every test has an empty folder of its own as the current one. */
static int set_up(void **state)
{
    int rc = folder_set_up(state);

    folder_fd = open(".", O_RDONLY | O_CLOEXEC);
    return rc;
}

static int tear_down(void **state)
{
    close(folder_fd);
    return folder_tear_down(state);
}

/* ---- reading and writing ---- */

struct copy {
    gyre_frame frame;
    int fd;
    char a[4], b[8];
    struct iovec out[2], in[2];
    int64_t n;
};
GYRE_CORO(copy)
{
    GYRE_BEGIN;
    GYRE_TRY(self->n, gyre_open("file", O_RDWR | O_CREAT | O_EXCL, 0640));
    self->fd = (int)self->n;
    folder_note("cloexec %d;", fcntl(self->fd, F_GETFD) & FD_CLOEXEC);
    GYRE_TRY(self->n, gyre_write(self->fd, "hello", 5, GYRE_POSITION));
    folder_note_result(self->n);
    GYRE_TRY(self->n, gyre_write(self->fd, "J", 1, 0)); /* the position stays */
    folder_note_result(self->n);
    GYRE_TRY(self->n, gyre_write(self->fd, " world", 6, GYRE_POSITION));
    folder_note_result(self->n);
    GYRE_TRY(gyre_fsync(self->fd, true));
    GYRE_TRY(gyre_fsync(self->fd, false));
    self->in[0] = (struct iovec){self->a, 4};
    self->in[1] = (struct iovec){self->b, 8};
    GYRE_TRY(self->n, gyre_readv(self->fd, self->in, 2, 0));
    folder_note("%d %.4s|%.7s;", (int)self->n, self->a, self->b);
    self->out[0] = (struct iovec){self->a, 2};
    self->out[1] = (struct iovec){self->b, 2};
    GYRE_TRY(self->n, gyre_writev(self->fd, self->out, 2, 9));
    folder_note_result(self->n);
    GYRE_TRY(self->n, gyre_read(self->fd, self->b, sizeof(self->b), 100));
    folder_note_result(self->n);
    GYRE_RETURN(0);
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_close(self->fd));
    folder_note("close %d", (int)self->n);
    GYRE_END;
}

static void test_read_and_write(void **state)
{
    struct stat info;

    (void)state;
    assert_int_equal(GYRE_RUN(copy), 0);
    assert_string_equal(folder_log, "cloexec 1;5 1 6 11 Jell|o world;4 0 close 0");
    folder_assert_contents("file", "Jello worJeo ");
    assert_int_equal(stat("file", &info), 0);
    assert_int_equal(info.st_mode & 0777 & ~0640, 0);
}

struct move {
    gyre_frame frame;
    int from, to, pipe[2];
    int64_t n;
};
GYRE_CORO(move)
{
    GYRE_BEGIN;
    if (pipe2(self->pipe, O_CLOEXEC) < 0)
        GYRE_RETURN(-errno);
    self->from = open("from", O_RDONLY | O_CLOEXEC);
    self->to = open("to", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    GYRE_TRY(self->n, gyre_splice(self->from, 2, self->pipe[1], GYRE_POSITION, 100, 0));
    folder_note_result(self->n);
    GYRE_TRY(self->n, gyre_splice(self->pipe[0], GYRE_POSITION, self->to, GYRE_POSITION,
                                  (size_t)self->n, 0));
    folder_note_result(self->n);
    GYRE_AWAIT(self->n, gyre_splice(self->from, 0, self->to, GYRE_POSITION, 1, 0)); /* no pipe */
    folder_note_result(self->n);
    GYRE_AWAIT(self->n, gyre_splice(self->from, -2, self->pipe[1], GYRE_POSITION, 1, 0));
    folder_note_result(self->n);
    GYRE_RETURN(0);
    GYRE_FINALLY;
    close(self->from);
    close(self->to);
    close(self->pipe[0]);
    close(self->pipe[1]);
    GYRE_END;
}

static void test_splice(void **state)
{
    (void)state;
    folder_make_file("from", "0123456789");
    assert_int_equal(GYRE_RUN(move), 0);
    assert_string_equal(folder_log, "8 8 EINVAL EINVAL ");
    folder_assert_contents("to", "23456789");
}

struct bad_calls {
    gyre_frame frame;
    int fd;
    char byte;
    struct iovec piece;
    int64_t rc;
};
GYRE_CORO(bad_calls)
{
    GYRE_BEGIN;
    self->piece = (struct iovec){&self->byte, 1};
    GYRE_AWAIT(self->rc, gyre_read(self->fd, &self->byte, 1, GYRE_POSITION));
    folder_note_result(self->rc);
    GYRE_AWAIT(self->rc, gyre_write(self->fd, &self->byte, 1, 0));
    folder_note_result(self->rc);
    GYRE_AWAIT(self->rc, gyre_readv(self->fd, &self->piece, 1, 0));
    folder_note_result(self->rc);
    GYRE_AWAIT(self->rc, gyre_writev(self->fd, &self->piece, 1, 0));
    folder_note_result(self->rc);
    GYRE_AWAIT(self->rc, gyre_splice(self->fd, 0, self->fd, 0, 1, 0));
    folder_note_result(self->rc);
    GYRE_AWAIT(self->rc, gyre_fsync(self->fd, false));
    folder_note_result(self->rc);
    GYRE_AWAIT(self->rc, gyre_close(self->fd));
    folder_note_result(self->rc);
    GYRE_AWAIT(self->rc, gyre_read(folder_fd, &self->byte, 1, GYRE_POSITION));
    folder_note_result(self->rc);
    GYRE_AWAIT(self->rc, gyre_read(folder_fd, &self->byte, 1, -2));
    folder_note_result(self->rc);
    GYRE_AWAIT(self->rc, gyre_readv(folder_fd, &self->piece, 5000, 0));
    folder_note_result(self->rc);
    GYRE_RETURN(0);
    GYRE_END;
}

static void test_bad_descriptors_and_arguments(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(bad_calls, .fd = -1), 0);
    assert_string_equal(folder_log,
                        "EBADF EBADF EBADF EBADF EBADF EBADF EBADF EISDIR EINVAL EINVAL ");
}

/* ---- paths ---- */

struct paths {
    gyre_frame frame;
    int fd;
    struct statx info;
    int64_t rc;
};
GYRE_CORO(paths)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_mkdir("d", 0755));
    GYRE_TRY(gyre_mkdirat(folder_fd, "d/e", 0755));
    GYRE_TRY(self->rc, gyre_openat(folder_fd, "d/f", O_WRONLY | O_CREAT, 0600));
    self->fd = (int)self->rc;
    GYRE_TRY(self->rc, gyre_write(self->fd, "text", 4, 0));
    GYRE_TRY(gyre_close(self->fd));
    GYRE_TRY(gyre_statx(AT_FDCWD, "d/f", 0, STATX_SIZE | STATX_MODE, &self->info));
    folder_note("size %d mode %o;", (int)self->info.stx_size, self->info.stx_mode & 0777);
    GYRE_TRY(gyre_rename("d/f", "d/g"));
    GYRE_TRY(gyre_renameat(folder_fd, "d/g", folder_fd, "h", 0));
    GYRE_TRY(gyre_unlink("h"));
    GYRE_TRY(gyre_unlinkat(folder_fd, "d/e", AT_REMOVEDIR));
    GYRE_TRY(gyre_unlinkat(AT_FDCWD, "d", AT_REMOVEDIR));
    GYRE_RETURN(access("d", F_OK) < 0 && access("h", F_OK) < 0);
    GYRE_END;
}

static void test_paths(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(paths), 1);
    assert_string_equal(folder_log, "size 4 mode 600;");
}

struct bad_paths {
    gyre_frame frame;
    struct statx info;
    int64_t rc;
};
GYRE_CORO(bad_paths)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc, gyre_open("none", O_RDONLY, 0));
    folder_note_result(self->rc);
    GYRE_AWAIT(self->rc, gyre_open("file", O_WRONLY | O_CREAT | O_EXCL, 0600));
    folder_note_result(self->rc);
    GYRE_AWAIT(self->rc, gyre_open("file/x", O_RDONLY, 0));
    folder_note_result(self->rc);
    GYRE_AWAIT(self->rc, gyre_openat(-1, "file", O_RDONLY, 0));
    folder_note_result(self->rc);
    GYRE_AWAIT(self->rc, gyre_statx(AT_FDCWD, "none", 0, STATX_SIZE, &self->info));
    folder_note_result(self->rc);
    GYRE_AWAIT(self->rc, gyre_rename("none", "other"));
    folder_note_result(self->rc);
    GYRE_AWAIT(self->rc, gyre_renameat(AT_FDCWD, "file", AT_FDCWD, "full", RENAME_NOREPLACE));
    folder_note_result(self->rc);
    GYRE_AWAIT(self->rc, gyre_unlink("full"));
    folder_note_result(self->rc);
    GYRE_AWAIT(self->rc, gyre_unlinkat(AT_FDCWD, "full", AT_REMOVEDIR));
    folder_note_result(self->rc);
    GYRE_AWAIT(self->rc, gyre_mkdir("full", 0700));
    folder_note_result(self->rc);
    GYRE_RETURN(0);
    GYRE_END;
}

static void test_bad_paths(void **state)
{
    (void)state;
    folder_make_file("file", "x");
    assert_int_equal(mkdir("full", 0700), 0);
    folder_make_file("full/x", "x");
    assert_int_equal(GYRE_RUN(bad_paths), 0);
    assert_string_equal(
        folder_log, "ENOENT EEXIST ENOTDIR EBADF ENOENT ENOENT EEXIST EISDIR ENOTEMPTY EEXIST ");
}

/* ---- pipes ---- */

struct broken_pipe {
    gyre_frame frame;
    int pipe[2];
    struct iovec piece;
    int64_t rc;
};
GYRE_CORO(broken_pipe)
{
    GYRE_BEGIN;
    if (pipe2(self->pipe, O_CLOEXEC) < 0)
        GYRE_RETURN(-errno);
    close(self->pipe[0]);
    self->piece = (struct iovec){(void *)(uintptr_t) "y", 1};
    GYRE_AWAIT(self->rc, gyre_write(self->pipe[1], "x", 1, GYRE_POSITION));
    folder_note_result(self->rc);
    GYRE_AWAIT(self->rc, gyre_writev(self->pipe[1], &self->piece, 1, GYRE_POSITION));
    folder_note_result(self->rc);
    GYRE_TRY(gyre_close(self->pipe[1]));
    GYRE_RETURN(0);
    GYRE_END;
}

/* Neither while the loop runs nor later, when the mask is as before. */
static void test_no_sigpipe(void **state)
{
    sigset_t before, after;

    (void)state;
    assert_int_equal(signal(SIGPIPE, SIG_DFL) == SIG_ERR, 0);
    pthread_sigmask(SIG_BLOCK, NULL, &before);
    assert_int_equal(GYRE_RUN(broken_pipe), 0);
    assert_string_equal(folder_log, "EPIPE EPIPE ");
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    assert_int_equal(sigismember(&before, SIGPIPE), sigismember(&after, SIGPIPE));
}

/* Two loops of one thread: the mask is restored when the last of them goes. */
static void test_sigpipe_of_two_loops(void **state)
{
    gyre_loop *first, *second;
    sigset_t mask;
    gyre_task *task;

    (void)state;
    assert_int_equal(gyre_loop_new(NULL, &first), 0);
    assert_int_equal(gyre_loop_new(NULL, &second), 0);
    gyre_loop_run_once(first, 0);
    gyre_loop_run_once(second, 0);
    gyre_loop_close(first);
    task = GYRE_SPAWN_ON(second, broken_pipe);
    assert_int_equal(gyre_loop_run_until(second, gyre_task_future(task)), 0);
    gyre_task_unref(task);
    gyre_loop_close(second);
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    assert_int_equal(sigismember(&mask, SIGPIPE), 0);
    assert_string_equal(folder_log, "EPIPE EPIPE ");
}

/* ---- cancellation ---- */

struct one_read {
    gyre_frame frame;
    int fd;
    char text[8];
    int64_t n;
};
GYRE_CORO(one_read)
{
    GYRE_BEGIN;
    GYRE_TRY(self->n, gyre_read(self->fd, self->text, sizeof(self->text), GYRE_POSITION));
    folder_note("read %s;", self->text);
    GYRE_TRY(gyre_sleep(0));
    GYRE_RETURN(0);
    GYRE_END;
}

struct no_wait {
    gyre_frame frame;
    int pipe[2];
    gyre_task *task;
    int64_t rc;
};
GYRE_CORO(no_wait)
{
    GYRE_BEGIN;
    if (pipe2(self->pipe, O_CLOEXEC | O_NONBLOCK) < 0)
        GYRE_RETURN(-errno);
    self->task = GYRE_SPAWN(one_read, .fd = self->pipe[0]);
    GYRE_TRY(gyre_sleep(0));
    GYRE_TRY(gyre_sleep(0));
    GYRE_TRY(gyre_write(self->pipe[1], "abc", 3, GYRE_POSITION));
    GYRE_AWAIT(self->rc, self->task);
    folder_note_result(self->rc);
    GYRE_RETURN(0);
    GYRE_FINALLY;
    gyre_task_unref(self->task);
    close(self->pipe[0]);
    close(self->pipe[1]);
    GYRE_END;
}

/* Kernels differ: the newer ones wait even so. */
static void test_nonblocking_pipe(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(no_wait), 0);
    if (strcmp(folder_log, "EAGAIN ") != 0)
        assert_string_equal(folder_log, "read abc;0 ");
}

struct cancel_read {
    gyre_frame frame;
    int pipe[2];
    bool data;
    gyre_task *task;
    int64_t rc;
};
GYRE_CORO(cancel_read)
{
    GYRE_BEGIN;
    if (pipe2(self->pipe, O_CLOEXEC) < 0)
        GYRE_RETURN(-errno);
    self->task = GYRE_SPAWN(one_read, .fd = self->pipe[0]);
    GYRE_TRY(gyre_sleep(0));
    GYRE_TRY(gyre_sleep(0));
    if (self->data && write(self->pipe[1], "abc", 3) == 3)
        GYRE_TRY(gyre_sleep(0));
    gyre_task_cancel(self->task);
    GYRE_AWAIT(self->rc, self->task);
    folder_note_result(self->rc);
    GYRE_RETURN(0);
    GYRE_FINALLY;
    gyre_task_unref(self->task);
    close(self->pipe[0]);
    close(self->pipe[1]);
    GYRE_END;
}

static void test_cancel_read(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(cancel_read), 0);
    assert_string_equal(folder_log, "GYRE_ECANCELLED ");
}

static void test_read_wins(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(cancel_read, .data = true), 0);
    assert_string_equal(folder_log, "read abc;GYRE_ECANCELLED ");
}

static void test_loop_closes_under_a_read(void **state)
{
    gyre_loop *loop;
    gyre_task *task;
    int fds[2];

    (void)state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(gyre_loop_new(NULL, &loop), 0);
    task = GYRE_SPAWN_ON(loop, one_read, .fd = fds[0]);
    for (int i = 0; i < 3; i++)
        gyre_loop_run_once(loop, 0);
    assert_int_equal(gyre_loop_close(loop), 0);
    assert_true(gyre_task_cancelled(task));
    gyre_task_unref(task);
    close(fds[0]);
    close(fds[1]);
}

/* ---- shortage ---- */

struct starved {
    gyre_frame frame;
    int64_t rc;
};
GYRE_CORO(starved)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc, gyre_open("file", O_RDONLY, 0));
    GYRE_RETURN(self->rc);
    GYRE_END;
}

static void test_no_descriptor_left(void **state)
{
    struct rlimit before, low;
    gyre_loop *loop;
    gyre_task *task;
    int64_t rc;

    (void)state;
    folder_make_file("file", "x");
    assert_int_equal(gyre_loop_new(NULL, &loop), 0);
    getrlimit(RLIMIT_NOFILE, &before);
    low = before;
    low.rlim_cur = 0;
    setrlimit(RLIMIT_NOFILE, &low);
    task = GYRE_SPAWN_ON(loop, starved);
    rc = gyre_loop_run_until(loop, gyre_task_future(task));
    setrlimit(RLIMIT_NOFILE, &before);
    gyre_task_unref(task);
    gyre_loop_close(loop);
    assert_int_equal(rc, -EMFILE);
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(test_##name_, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(read_and_write),
        TEST(splice),
        TEST(bad_descriptors_and_arguments),
        TEST(paths),
        TEST(bad_paths),
        TEST(no_sigpipe),
        TEST(sigpipe_of_two_loops),
        TEST(nonblocking_pipe),
        TEST(cancel_read),
        TEST(read_wins),
        TEST(loop_closes_under_a_read),
        TEST(no_descriptor_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
