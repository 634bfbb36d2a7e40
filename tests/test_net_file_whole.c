/* Whole files: read into memory at once, replaced at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loop/alloc.h"
#include "net/file.h"
#include "support/folder.h"
#include "task/run.h"

struct take_all {
    gyre_frame frame;
    const char *path;
    size_t limit;
    char *data;
    int64_t n;
};
GYRE_CORO(take_all)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->n, gyre_file_read_all(self->path, self->limit, &self->data));
    if (self->n < 0 && self->data)
        GYRE_RETURN(-EBADMSG);
    if (self->n >= 0 && (self->data[self->n] != '\0'))
        GYRE_RETURN(-EBADMSG);
    if (self->n >= 0 && self->n < 100)
        folder_note("%s", self->data);
    GYRE_RETURN(self->n);
    GYRE_FINALLY;
    gyre_free(self->data);
    GYRE_END;
}

static void test_read_all(void **state)
{
    int fd = open("big", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    (void)state;
    assert_int_equal(ftruncate(fd, 1000000), 0);
    close(fd);
    folder_make_file("f", "hello");
    folder_make_file("empty", "");
    assert_int_equal(GYRE_RUN(take_all, .path = "f"), 5);
    assert_string_equal(folder_log, "hello");
    assert_int_equal(GYRE_RUN(take_all, .path = "empty"), 0);
    assert_int_equal(GYRE_RUN(take_all, .path = "big"), 1000000);
    assert_true(GYRE_RUN(take_all, .path = "/proc/self/status") >
                100); /* says that its size is 0 */
}

static void test_read_all_limit(void **state)
{
    (void)state;
    folder_make_file("f", "hello");
    assert_int_equal(GYRE_RUN(take_all, .path = "f", .limit = 5), 5);
    assert_int_equal(GYRE_RUN(take_all, .path = "f", .limit = 4), GYRE_ELIMIT);
    assert_int_equal(GYRE_RUN(take_all, .path = "f", .limit = 1), GYRE_ELIMIT);
    assert_int_equal(GYRE_RUN(take_all, .path = "f", .limit = SIZE_MAX), 5);
    assert_int_equal(GYRE_RUN(take_all, .path = "/proc/self/status", .limit = 100), GYRE_ELIMIT);
}

static void test_read_all_errors(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(take_all, .path = "none"), -ENOENT);
    assert_int_equal(GYRE_RUN(take_all, .path = "."), -EISDIR);
}

struct put_all {
    gyre_frame frame;
    const char *path, *text;
    unsigned mode;
    int64_t n;
};
GYRE_CORO(put_all)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->n, gyre_file_replace(self->path, self->text, strlen(self->text), self->mode));
    GYRE_RETURN(self->n);
    GYRE_END;
}

static unsigned mode_of(const char *path)
{
    struct stat info;

    assert_int_equal(stat(path, &info), 0);
    return info.st_mode & 07777;
}

/* Names in the current folder, hidden ones too. */
static int count_names(void)
{
    FILE *names = popen("ls -A", "r");
    int count = 0, byte;

    while ((byte = fgetc(names)) != EOF)
        count += byte == '\n';
    pclose(names);
    return count;
}

static void test_replace(void **state)
{
    mode_t old_mask = umask(022);

    (void)state;
    assert_int_equal(GYRE_RUN(put_all, .path = "f", .text = "one"), 3);
    folder_assert_contents("f", "one");
    assert_int_equal(mode_of("f"), 0644);
    assert_int_equal(chmod("f", 0600), 0);
    assert_int_equal(GYRE_RUN(put_all, .path = "./f", .text = "three"), 5);
    folder_assert_contents("f", "three");
    assert_int_equal(mode_of("f"), 0600); /* kept */
    assert_int_equal(GYRE_RUN(put_all, .path = "f", .text = "", .mode = 0777), 0);
    folder_assert_contents("f", "");
    assert_int_equal(mode_of("f"), 0755);
    assert_int_equal(count_names(), 1);
    umask(old_mask);
}

static void test_replace_errors(void **state)
{
    (void)state;
    assert_int_equal(mkdir("d", 0700), 0);
    folder_make_file("d/x", "x");
    assert_int_equal(GYRE_RUN(put_all, .path = "none/f", .text = "x"), -ENOENT);
    assert_int_equal(GYRE_RUN(put_all, .path = "d", .text = "x"), -EISDIR);
    assert_int_equal(GYRE_RUN(put_all, .path = "d/x/y", .text = "x"), -ENOTDIR);
    assert_int_equal(GYRE_RUN(put_all, .path = "d/", .text = "x"), -ENOTDIR);
    assert_int_equal(GYRE_RUN(put_all, .path = "", .text = "x"), -ENOENT);
    assert_int_equal(count_names(), 1); /* no temporary file is left */
}

static void test_replace_replaces_links(void **state)
{
    struct stat info;

    (void)state;
    folder_make_file("f", "old");
    assert_int_equal(symlink("f", "link"), 0);
    assert_int_equal(GYRE_RUN(put_all, .path = "link", .text = "new"), 3);
    folder_assert_contents("f", "old");
    folder_assert_contents("link", "new");
    assert_int_equal(lstat("link", &info), 0);
    assert_true(S_ISREG(info.st_mode));
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(test_##name_, folder_set_up, folder_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(read_all), TEST(read_all_limit), TEST(read_all_errors),
        TEST(replace),  TEST(replace_errors), TEST(replace_replaces_links),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
