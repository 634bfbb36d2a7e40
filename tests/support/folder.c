/* A folder of its own for each test with files. */
#include "folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../loop/error.h"

char folder_log[512];
static char folder[] = "/tmp/gyre-test-XXXXXX";
static int original;

int folder_set_up(void **state)
{
    (void)state;
    folder_log[0] = '\0';
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    original = open(".", O_RDONLY | O_CLOEXEC);
    return original < 0 || !mkdtemp(folder) || chdir(folder) < 0;
}

int folder_tear_down(void **state)
{
    char command[64];

    (void)state;
    snprintf(command, sizeof(command), "rm -r %s", folder);
    if (fchdir(original) < 0 || system(command) != 0)
        return -1;
    return close(original);
}

void folder_make_file(const char *name, const char *text)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

void folder_assert_contents(const char *name, const char *text)
{
    char buffer[100] = "";
    int fd = open(name, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(read(fd, buffer, sizeof(buffer) - 1), strlen(text));
    assert_string_equal(buffer, text);
    close(fd);
}

void folder_note(const char *format, ...)
{
    size_t used = strlen(folder_log);
    va_list args;

    va_start(args, format);
    vsnprintf(folder_log + used, sizeof(folder_log) - used, format, args);
    va_end(args);
}

void folder_note_result(int64_t rc)
{
    if (rc < 0)
        folder_note("%s ", gyre_err_name(rc));
    else
        folder_note("%d ", (int)rc);
}
