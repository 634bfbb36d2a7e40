/* Listing directories: kinds, sizes, errors, closing. */
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

#include "net/directory.h"
#include "support/folder.h"
#include "task/run.h"
#include "task/sleep.h"

struct list {
    gyre_frame frame;
    const char *path;
    gyre_directory *directory;
    gyre_directory_entry entry;
    unsigned kinds[GYRE_ENTRY_OTHER + 1], count;
    int64_t rc;
};
GYRE_CORO(list)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_directory_open(self->path, &self->directory));
    for (;;) {
        GYRE_TRY(self->rc, gyre_directory_next(self->directory, &self->entry));
        if (self->rc == 0)
            break;
        self->count++;
        self->kinds[self->entry.kind]++;
        if (self->count < 5)
            folder_note("%s ", self->entry.name);
    }
    if (self->entry.name)
        GYRE_RETURN(-EBADMSG);
    GYRE_TRY(self->rc, gyre_directory_next(self->directory, &self->entry)); /* stays at the end */
    if (self->rc != 0)
        GYRE_RETURN(-EBADMSG);
    folder_note("%u %u %u %u", self->kinds[GYRE_ENTRY_FILE], self->kinds[GYRE_ENTRY_DIRECTORY],
                self->kinds[GYRE_ENTRY_LINK], self->kinds[GYRE_ENTRY_OTHER]);
    GYRE_RETURN(self->count);
    GYRE_FINALLY;
    GYRE_AWAIT(self->rc, gyre_directory_close(self->directory));
    GYRE_END;
}

static void test_directory(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(list, .path = "."), 0);
    assert_string_equal(folder_log, "0 0 0 0");
    folder_log[0] = '\0';
    folder_make_file("f", "");
    assert_int_equal(mkdir("d", 0700), 0);
    assert_int_equal(symlink("f", "l"), 0);
    assert_int_equal(mkfifo("p", 0600), 0);
    assert_int_equal(GYRE_RUN(list, .path = "."), 4);
    for (const char *name = "fdlp"; *name; name++)
        assert_non_null(strchr(folder_log, *name));
    assert_non_null(strstr(folder_log, "1 1 1 1"));
}

static void test_large_directory(void **state)
{
    (void)state;
    for (int i = 0; i < 2500; i++) {
        char name[32];

        snprintf(name, sizeof(name), "a-rather-long-name-%d", i);
        close(open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    }
    assert_int_equal(GYRE_RUN(list, .path = "."), 2500);
}

static void test_directory_errors(void **state)
{
    (void)state;
    folder_make_file("f", "");
    assert_int_equal(GYRE_RUN(list, .path = "none"), -ENOENT);
    assert_int_equal(GYRE_RUN(list, .path = "f"), -ENOTDIR);
}

struct next_name {
    gyre_frame frame;
    gyre_directory *directory;
    gyre_directory_entry entry;
    int64_t rc;
};
GYRE_CORO(next_name)
{
    GYRE_BEGIN;
    do
        GYRE_TRY(self->rc, gyre_directory_next(self->directory, &self->entry));
    while (self->rc > 0);
    GYRE_RETURN(self->rc);
    GYRE_END;
}

/* The other task is between two fetches when the directory is closed. */
struct close_under {
    gyre_frame frame;
    gyre_directory *directory;
    gyre_directory_entry entry;
    gyre_task *task;
    int64_t rc;
};
GYRE_CORO(close_under)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_directory_open(".", &self->directory));
    self->task = GYRE_SPAWN(next_name, .directory = self->directory);
    GYRE_TRY(gyre_sleep(0));
    GYRE_AWAIT(self->rc, gyre_directory_next(self->directory, &self->entry));
    folder_note_result(self->rc);
    GYRE_TRY(gyre_directory_close(self->directory));
    GYRE_AWAIT(self->rc, self->task);
    folder_note_result(self->rc);
    GYRE_TRY(gyre_directory_close(NULL));
    GYRE_RETURN(0);
    GYRE_FINALLY;
    gyre_task_unref(self->task);
    GYRE_END;
}

static void test_directory_closed_under_a_task(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(close_under), 0);
    assert_string_equal(folder_log, "EBUSY ECANCELED ");
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(test_##name_, folder_set_up, folder_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(directory),
        TEST(large_directory),
        TEST(directory_errors),
        TEST(directory_closed_under_a_task),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
