/* Files: opening, reading, writing, asking, closing; what cancelling and shortage do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/directory.h"
#include "net/file.h"
#include "support/folder.h"
#include "task/run.h"
#include "task/sleep.h"

/* ---- the life of a file ---- */

struct life {
    gyre_frame frame;
    gyre_file file;
    char text[16];
    int64_t n;
};
GYRE_CORO(life)
{
    GYRE_BEGIN;
    folder_note("%d ", gyre_file_fd(&self->file));
    GYRE_TRY(gyre_file_open(&self->file, "f", O_RDWR | O_CREAT, 0600));
    folder_note("%d ", fcntl(gyre_file_fd(&self->file), F_GETFD) == FD_CLOEXEC);
    GYRE_AWAIT(self->n, gyre_file_open(&self->file, "f", O_RDONLY, 0));
    folder_note_result(self->n);
    GYRE_TRY(self->n, gyre_file_write(&self->file, "hello world", 11));
    folder_note_result(self->n);
    GYRE_TRY(self->n, gyre_file_pwrite(&self->file, "J", 1, 0));
    folder_note_result(self->n);
    folder_note_result(gyre_file_seek(&self->file, 6, SEEK_SET));
    GYRE_TRY(self->n, gyre_file_read(&self->file, self->text, sizeof(self->text)));
    folder_note("%.*s ", (int)self->n, self->text);
    GYRE_TRY(self->n, gyre_file_read(&self->file, self->text, sizeof(self->text)));
    folder_note_result(self->n);
    GYRE_TRY(self->n, gyre_file_pread(&self->file, self->text, 5, 0));
    folder_note("%.*s ", (int)self->n, self->text);
    GYRE_TRY(self->n, gyre_file_pread(&self->file, self->text, sizeof(self->text), 9));
    folder_note_result(self->n);
    GYRE_TRY(gyre_file_fsync(&self->file, true));
    GYRE_TRY(gyre_file_fsync(&self->file, false));
    GYRE_TRY(self->n, gyre_file_write(&self->file, "", 0));
    folder_note_result(self->n);
    GYRE_RETURN(7);
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_file_close(&self->file));
    folder_note_result(self->n);
    folder_note("%d ", gyre_file_fd(&self->file));
    GYRE_AWAIT(self->n, gyre_file_close(&self->file)); /* again: nothing */
    folder_note_result(self->n);
    GYRE_END;
}

static void test_life(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(life), 7);
    assert_string_equal(folder_log, "-1 1 EBUSY 11 1 6 world 0 Jello 2 0 0 -1 0 ");
    folder_assert_contents("f", "Jello world");
}

struct bad_calls {
    gyre_frame frame;
    gyre_file file;
    gyre_file_info info;
    char byte;
    int64_t rc;
};
GYRE_CORO(bad_calls)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc, gyre_file_read(&self->file, &self->byte, 1));
    folder_note_result(self->rc);
    GYRE_AWAIT(self->rc, gyre_file_write(&self->file, &self->byte, 1));
    folder_note_result(self->rc);
    GYRE_AWAIT(self->rc, gyre_file_pread(&self->file, &self->byte, 1, 0));
    folder_note_result(self->rc);
    GYRE_AWAIT(self->rc, gyre_file_pread(&self->file, &self->byte, 1, -1));
    folder_note_result(self->rc);
    GYRE_AWAIT(self->rc, gyre_file_pwrite(&self->file, &self->byte, 1, -1));
    folder_note_result(self->rc);
    GYRE_AWAIT(self->rc, gyre_file_fsync(&self->file, false));
    folder_note_result(self->rc);
    GYRE_AWAIT(self->rc, gyre_file_stat(&self->file, &self->info));
    folder_note_result(self->rc);
    folder_note_result(gyre_file_seek(&self->file, 0, SEEK_SET));
    GYRE_AWAIT(self->rc, gyre_file_open(&self->file, "none", O_RDONLY, 0));
    folder_note_result(self->rc);
    GYRE_AWAIT(self->rc, gyre_file_stat_path("none", &self->info));
    folder_note_result(self->rc);
    GYRE_AWAIT(self->rc, gyre_file_stat_path("", &self->info));
    folder_note_result(self->rc);
    GYRE_TRY(gyre_file_open(&self->file, ".", O_RDONLY, 0));
    GYRE_AWAIT(self->rc, gyre_file_read(&self->file, &self->byte, 1));
    folder_note_result(self->rc);
    GYRE_AWAIT(self->rc, gyre_file_write(&self->file, &self->byte, 1));
    folder_note_result(self->rc);
    GYRE_TRY(gyre_file_close(&self->file));
    GYRE_RETURN(0);
    GYRE_END;
}

static void test_bad_calls(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(bad_calls), 0);
    assert_string_equal(folder_log,
                        "EBADF EBADF EBADF EINVAL EINVAL EBADF EBADF EBADF ENOENT ENOENT "
                        "ENOENT EISDIR EBADF ");
}

struct ask {
    gyre_frame frame;
    gyre_file file;
    gyre_file_info by_file, by_path;
};
GYRE_CORO(ask)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_file_open(&self->file, "f", O_RDONLY, 0));
    GYRE_TRY(gyre_file_stat(&self->file, &self->by_file));
    GYRE_TRY(gyre_file_stat_path("link", &self->by_path));
    folder_note("%d", memcmp(&self->by_file, &self->by_path, sizeof(self->by_file)) == 0);
    GYRE_RETURN((int64_t)self->by_file.modified_ns);
    GYRE_FINALLY;
    GYRE_TRY(gyre_file_close(&self->file));
    folder_note(" %d %o %d", (int)self->by_file.size, self->by_file.mode & 07777,
                (int)self->by_file.links);
    GYRE_END;
}

static void test_stat(void **state)
{
    struct stat info;
    int64_t modified;

    (void)state;
    folder_make_file("f", "12345");
    assert_int_equal(chmod("f", 0640), 0);
    assert_int_equal(symlink("f", "link"), 0);
    modified = GYRE_RUN(ask);
    assert_string_equal(folder_log, "1 5 640 1");
    assert_int_equal(stat("f", &info), 0);
    assert_int_equal(modified, info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec);
}

/* ---- pipes ---- */

enum { PIPED = 300000 }; /* more than a pipe holds */

struct pipe_writer {
    gyre_frame frame;
    gyre_file file;
    const char *data;
    int64_t n;
};
GYRE_CORO(pipe_writer)
{
    GYRE_BEGIN;
    GYRE_TRY(self->n, gyre_file_write(&self->file, self->data, PIPED));
    GYRE_RETURN(self->n);
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_file_close(&self->file));
    GYRE_END;
}

struct through_pipe {
    gyre_frame frame;
    int flags, fds[2];
    gyre_file in;
    gyre_task *writer;
    char *data, *copy;
    size_t size;
    int64_t n;
};
GYRE_CORO(through_pipe)
{
    GYRE_BEGIN;
    self->data = malloc(PIPED);
    self->copy = malloc(PIPED + 1);
    for (int i = 0; i < PIPED; i++)
        self->data[i] = (char)(i * 7 % 251);
    if (pipe2(self->fds, O_CLOEXEC | self->flags) < 0)
        GYRE_RETURN(-errno);
    self->in = gyre_file_from(self->fds[0]);
    self->writer =
        GYRE_SPAWN(pipe_writer, .file = gyre_file_from(self->fds[1]), .data = self->data);
    do {
        GYRE_TRY(self->n,
                 gyre_file_read(&self->in, self->copy + self->size, PIPED + 1 - self->size));
        self->size += (size_t)self->n;
    } while (self->n > 0);
    GYRE_TRY(self->n, self->writer);
    if (self->n != PIPED || self->size != PIPED || memcmp(self->data, self->copy, PIPED) != 0)
        GYRE_RETURN(-EBADMSG);
    folder_note_result(gyre_file_seek(&self->in, 0, SEEK_SET));
    GYRE_RETURN(0);
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_file_close(&self->in));
    gyre_task_unref(self->writer);
    free(self->data);
    free(self->copy);
    GYRE_END;
}

static void test_pipe(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(through_pipe), 0);
    assert_int_equal(GYRE_RUN(through_pipe, .flags = O_NONBLOCK), 0);
    assert_string_equal(folder_log, "ESPIPE ESPIPE ");
}

struct broken_pipe {
    gyre_frame frame;
    int fds[2];
    gyre_file out;
    int64_t n;
};
GYRE_CORO(broken_pipe)
{
    GYRE_BEGIN;
    if (pipe2(self->fds, O_CLOEXEC) < 0)
        GYRE_RETURN(-errno);
    close(self->fds[0]);
    self->out = gyre_file_from(self->fds[1]);
    GYRE_AWAIT(self->n, gyre_file_write(&self->out, "x", 1));
    folder_note_result(self->n);
    GYRE_TRY(gyre_file_close(&self->out));
    GYRE_RETURN(0);
    GYRE_END;
}

static void test_broken_pipe(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(broken_pipe), 0);
    assert_string_equal(folder_log, "EPIPE ");
}

/* ---- one at a time; cancellation; closing ---- */

struct one_read {
    gyre_frame frame;
    gyre_file *file;
    char text[8];
    int64_t n;
};
GYRE_CORO(one_read)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->n, gyre_file_read(self->file, self->text, sizeof(self->text)));
    folder_note_result(self->n);
    GYRE_RETURN(self->n);
    GYRE_END;
}

struct second_reader {
    gyre_frame frame;
    int fds[2];
    gyre_file file;
    char byte;
    bool close;
    gyre_task *first;
    int64_t n;
};
GYRE_CORO(second_reader)
{
    GYRE_BEGIN;
    if (pipe2(self->fds, O_CLOEXEC) < 0)
        GYRE_RETURN(-errno);
    self->file = gyre_file_from(self->fds[0]);
    self->first = GYRE_SPAWN(one_read, .file = &self->file);
    GYRE_TRY(gyre_sleep(0));
    GYRE_TRY(gyre_sleep(0));
    GYRE_AWAIT(self->n, gyre_file_read(&self->file, &self->byte, 1));
    folder_note_result(self->n);
    if (self->close)
        GYRE_TRY(gyre_file_close(&self->file));
    else
        gyre_task_cancel(self->first);
    GYRE_AWAIT(self->n, self->first);
    if (self->close)
        GYRE_RETURN(0);
    GYRE_TRY(gyre_write(self->fds[1], "x", 1, GYRE_POSITION));
    GYRE_TRY(self->n, gyre_file_read(&self->file, &self->byte, 1)); /* not busy any more */
    folder_note("%c", self->byte);
    GYRE_RETURN(0);
    GYRE_FINALLY;
    gyre_task_unref(self->first);
    GYRE_AWAIT(self->n, gyre_file_close(&self->file));
    close(self->fds[1]);
    GYRE_END;
}

static void test_second_reader_and_cancel(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(second_reader), 0);
    assert_string_equal(folder_log, "EBUSY GYRE_ECANCELLED x");
}

static void test_close_ends_a_read(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(second_reader, .close = true), 0);
    assert_string_equal(folder_log, "EBUSY ECANCELED ");
}

/* A cancellation is not put off by operations that are done at once. */
struct endless_copy {
    gyre_frame frame;
    gyre_file file;
    char text[8];
    unsigned rounds;
};
GYRE_CORO(endless_copy)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_file_open(&self->file, "f", O_RDONLY, 0));
    gyre_task_cancel(gyre_task_current());
    while (++self->rounds < 1000)
        GYRE_TRY(gyre_file_pread(&self->file, self->text, 5, 0));
    GYRE_FINALLY;
    folder_note("%u", self->rounds);
    GYRE_AWAIT(self->frame.result, gyre_file_close(&self->file));
    GYRE_END;
}

static void test_cancel_is_soon(void **state)
{
    (void)state;
    folder_make_file("f", "12345");
    assert_int_equal(GYRE_RUN(endless_copy), GYRE_ECANCELLED);
    assert_string_equal(folder_log, "1");
}

struct holder {
    gyre_frame frame;
    gyre_file file;
    char byte;
    int64_t rc;
};
GYRE_CORO(holder)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_file_read(&self->file, &self->byte, 1));
    GYRE_FINALLY;
    GYRE_AWAIT(self->rc, gyre_file_close(&self->file));
    folder_note_result(self->rc);
    GYRE_END;
}

static void test_loop_closes_under_a_read(void **state)
{
    gyre_loop *loop;
    gyre_task *task;
    int fds[2];

    (void)state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(gyre_loop_new(NULL, &loop), 0);
    task = GYRE_SPAWN_ON(loop, holder, .file = gyre_file_from(fds[0]));
    for (int i = 0; i < 3; i++)
        gyre_loop_run_once(loop, 0);
    assert_int_equal(gyre_loop_close(loop), 0);
    assert_true(gyre_task_cancelled(task));
    gyre_task_unref(task);
    assert_string_equal(folder_log, "0 ");
    assert_int_equal(fcntl(fds[0], F_GETFD), -1);
    close(fds[1]);
}

/* ---- shortage ---- */

struct starved {
    gyre_frame frame;
    gyre_file file;
    gyre_directory *directory;
    char *data;
    int64_t rc;
};
GYRE_CORO(starved)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc, gyre_file_open(&self->file, "f", O_RDONLY, 0));
    folder_note_result(self->rc);
    GYRE_AWAIT(self->rc, gyre_directory_open(".", &self->directory));
    folder_note_result(self->rc);
    GYRE_AWAIT(self->rc, gyre_file_read_all("f", 0, &self->data));
    folder_note_result(self->rc);
    GYRE_AWAIT(self->rc, gyre_file_replace("f", "x", 1, 0));
    folder_note_result(self->rc);
    GYRE_RETURN(self->directory == NULL && self->data == NULL);
    GYRE_END;
}

static void test_no_descriptor_left(void **state)
{
    struct rlimit before, low;
    gyre_loop *loop;
    gyre_task *task;
    int64_t rc;

    (void)state;
    folder_make_file("f", "x");
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
    assert_int_equal(rc, 1);
    assert_string_equal(folder_log, "EMFILE EMFILE EMFILE EMFILE ");
    folder_assert_contents("f", "x");
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(test_##name_, folder_set_up, folder_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(life),
        TEST(bad_calls),
        TEST(stat),
        TEST(pipe),
        TEST(broken_pipe),
        TEST(second_reader_and_cancel),
        TEST(close_ends_a_read),
        TEST(cancel_is_soon),
        TEST(loop_closes_under_a_read),
        TEST(no_descriptor_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
