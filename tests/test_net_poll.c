/* Readiness: gyre_poll, and readers and writers as callbacks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop/context.h"
#include "net/poll.h"
#include "net/raw.h"
#include "task/run.h"
#include "task/sleep.h"

static gyre_loop *loop;
static int pair[2];
static char log_text[256];

static void note(const char *format, ...)
{
    size_t used = strlen(log_text);
    va_list args;

    va_start(args, format);
    vsnprintf(log_text + used, sizeof(log_text) - used, format, args);
    va_end(args);
}

static void on_exception(gyre_loop *where, const gyre_exception_context *context, void *arg)
{
    (void)where;
    (void)arg;
    note("[%s]", gyre_err_name(context->code));
}

static int set_up(void **state)
{
    (void)state;
    log_text[0] = '\0';
    if (gyre_loop_new(NULL, &loop) < 0)
        return -1;
    gyre_loop_set_exception_handler(loop, on_exception, NULL);
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        if (pair[i] >= 0)
            close(pair[i]);
    return gyre_loop_close(loop) < 0;
}

static void iterate(unsigned count)
{
    while (count--)
        gyre_loop_run_once(loop, 0);
}

static void put(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* ---- gyre_poll ---- */

struct one_poll {
    gyre_frame frame;
    int fd;
    short events;
    int64_t rc;
};
GYRE_CORO(one_poll)
{
    GYRE_BEGIN;
    GYRE_TRY(self->rc, gyre_poll(self->fd, self->events));
    note("polled %d;", (int)self->rc);
    GYRE_TRY(gyre_sleep(0));
    GYRE_RETURN(self->rc);
    GYRE_END;
}

static int64_t run_poll(int fd, short events)
{
    gyre_task *task = GYRE_SPAWN_ON(loop, one_poll, .fd = fd, .events = events);
    int64_t rc = gyre_loop_run_until(loop, gyre_task_future(task));

    gyre_task_unref(task);
    return rc;
}

static void test_poll_results(void **state)
{
    (void)state;
    assert_int_equal(run_poll(pair[0], POLLOUT), POLLOUT);
    put(pair[1], "x");
    assert_int_equal(run_poll(pair[0], POLLIN), POLLIN);
    assert_int_equal(run_poll(pair[0], POLLIN | POLLOUT), POLLIN | POLLOUT);
    close(pair[1]);
    pair[1] = -1;
    assert_true(run_poll(pair[0], 0) & POLLHUP);
    assert_int_equal(run_poll(-1, POLLIN), -EBADF);
}

static void test_poll_waits(void **state)
{
    gyre_task *task = GYRE_SPAWN_ON(loop, one_poll, .fd = pair[0], .events = POLLIN);

    (void)state;
    iterate(5);
    assert_false(gyre_task_done(task));
    put(pair[1], "x");
    assert_int_equal(gyre_loop_run_until(loop, gyre_task_future(task)), POLLIN);
    gyre_task_unref(task);
}

static void test_poll_cancelled(void **state)
{
    gyre_task *task = GYRE_SPAWN_ON(loop, one_poll, .fd = pair[0], .events = POLLIN);

    (void)state;
    iterate(3);
    gyre_task_cancel(task);
    assert_int_equal(gyre_loop_run_until(loop, gyre_task_future(task)), GYRE_ECANCELLED);
    assert_string_equal(log_text, "");
    gyre_task_unref(task);
}

static int64_t cancel_it(gyre_loop *where, void *task)
{
    (void)where;
    return gyre_task_cancel(task);
}

static void test_poll_wins(void **state)
{
    gyre_task *task = GYRE_SPAWN_ON(loop, one_poll, .fd = pair[0], .events = POLLIN);

    (void)state;
    iterate(3);
    put(pair[1], "x");
    assert_int_equal(gyre_call_soon(loop, cancel_it, task, NULL),
                     0); /* runs before the completion */
    assert_int_equal(gyre_loop_run_until(loop, gyre_task_future(task)), GYRE_ECANCELLED);
    assert_string_equal(log_text, "polled 1;");
    gyre_task_unref(task);
}

static void test_loop_closes_under_a_poll(void **state)
{
    gyre_task *task = GYRE_SPAWN_ON(loop, one_poll, .fd = pair[0], .events = POLLIN);

    (void)state;
    iterate(3);
    assert_int_equal(gyre_loop_close(loop), 0);
    assert_true(gyre_task_cancelled(task));
    gyre_task_unref(task);
    loop = NULL;
}

/* ---- readers and writers ---- */

static int64_t mark(gyre_loop *where, void *arg)
{
    (void)where;
    note("%s", (const char *)arg);
    return 0;
}

static int64_t take(gyre_loop *where, void *arg)
{
    char byte;

    (void)where;
    (void)arg;
    if (read(pair[0], &byte, 1) == 1)
        note("%c", byte);
    else
        note(".");
    return 0;
}

static int64_t take_and_remove(gyre_loop *where, void *arg)
{
    take(where, arg);
    note("-%d", (int)gyre_remove_reader(where, pair[0]));
    return 0;
}

static void test_reader_is_level_triggered(void **state)
{
    (void)state;
    assert_int_equal(gyre_add_reader(loop, pair[0], take, NULL), 0);
    iterate(3);
    assert_string_equal(log_text, "");
    put(pair[1], "abc");
    iterate(10); /* one byte a time */
    assert_string_equal(log_text, "abc");
    put(pair[1], "d");
    iterate(3);
    assert_string_equal(log_text, "abcd");
    assert_int_equal(gyre_remove_reader(loop, pair[0]), 1);
    assert_int_equal(gyre_remove_reader(loop, pair[0]), 0);
    put(pair[1], "e");
    iterate(5);
    assert_string_equal(log_text, "abcd");
}

static void test_reader_sees_the_end(void **state)
{
    (void)state;
    assert_int_equal(gyre_add_reader(loop, pair[0], take_and_remove, NULL), 0);
    iterate(2);
    close(pair[1]);
    pair[1] = -1;
    iterate(5);
    assert_string_equal(log_text, ".-1");
}

static void test_removed_in_its_callback(void **state)
{
    (void)state;
    assert_int_equal(gyre_add_reader(loop, pair[0], take_and_remove, NULL), 0);
    put(pair[1], "ab");
    iterate(5);
    assert_string_equal(log_text, "a-1");
    assert_int_equal(gyre_remove_reader(loop, pair[0]), 0);
}

static int64_t add_again(gyre_loop *where, void *arg)
{
    take_and_remove(where, arg);
    return gyre_add_reader(where, pair[0], mark, (void *)(uintptr_t) "m");
}

static void test_removed_and_added_in_its_callback(void **state)
{
    (void)state;
    assert_int_equal(gyre_add_reader(loop, pair[0], add_again, NULL), 0);
    put(pair[1], "ab");
    iterate(6);
    assert_int_equal(strncmp(log_text, "a-1mm", 5), 0);
    assert_int_equal(gyre_remove_reader(loop, pair[0]), 1);
}

static int64_t replace_itself(gyre_loop *where, void *arg)
{
    (void)arg;
    note("r");
    return gyre_add_reader(where, pair[0], take_and_remove, NULL);
}

static void test_replaced_in_its_callback(void **state)
{
    (void)state;
    assert_int_equal(gyre_add_reader(loop, pair[0], replace_itself, NULL), 0);
    put(pair[1], "a");
    iterate(5);
    assert_string_equal(log_text, "ra-1");
}

static int64_t remove_it(gyre_loop *where, void *arg)
{
    (void)arg;
    note("%d", (int)gyre_remove_reader(where, pair[0]));
    return 0;
}

static int64_t replace_it(gyre_loop *where, void *arg)
{
    (void)arg;
    note("n");
    return gyre_add_reader(where, pair[0], take_and_remove, NULL);
}

/* The callback was due in the same iteration, behind the one that removes it. */
static void test_removed_when_due(void **state)
{
    (void)state;
    assert_int_equal(gyre_add_reader(loop, pair[0], take, NULL), 0);
    iterate(2);
    put(pair[1], "a");
    assert_int_equal(gyre_call_soon(loop, remove_it, NULL, NULL), 0);
    iterate(4);
    assert_string_equal(log_text, "1");
}

/* As in asyncio the old handle is cancelled, and the new callback comes with the next look. */
static void test_replaced_when_due(void **state)
{
    (void)state;
    assert_int_equal(gyre_add_reader(loop, pair[0], take, NULL), 0);
    iterate(2);
    put(pair[1], "a");
    assert_int_equal(gyre_call_soon(loop, replace_it, NULL, NULL), 0);
    iterate(1);
    assert_string_equal(log_text, "n");
    iterate(3);
    assert_string_equal(log_text, "na-1");
}

static int64_t mark_and_remove_writer(gyre_loop *where, void *arg)
{
    mark(where, arg);
    return gyre_remove_writer(where, pair[0]);
}

static void test_reader_and_writer_are_independent(void **state)
{
    (void)state;
    assert_int_equal(gyre_add_reader(loop, pair[0], take, NULL), 0);
    assert_int_equal(
        gyre_add_writer(loop, pair[0], mark_and_remove_writer, (void *)(uintptr_t) "w"), 0);
    iterate(3);
    assert_string_equal(log_text, "w");
    put(pair[1], "a");
    iterate(3);
    assert_string_equal(log_text, "wa");
    assert_int_equal(gyre_remove_writer(loop, pair[0]), 0);
    assert_int_equal(gyre_remove_reader(loop, pair[0]), 1);
}

static int64_t take_and_fail(gyre_loop *where, void *arg)
{
    take(where, arg);
    return -EPROTO;
}

static void test_error_of_a_callback(void **state)
{
    (void)state;
    assert_int_equal(gyre_add_reader(loop, pair[0], take_and_fail, NULL), 0);
    put(pair[1], "ab");
    iterate(5);
    assert_string_equal(log_text, "a[EPROTO]b[EPROTO]");
}

static int released;

static void release_value(void *value)
{
    (void)value;
    released++;
}

static gyre_context_var variable = {"variable", NULL, release_value};

/* Its context is that of the adding, and its own from then on. */
static int64_t show_and_set(gyre_loop *where, void *arg)
{
    char byte;

    (void)arg;
    if (read(pair[0], &byte, 1) != 1)
        return -errno;
    note("%s", (char *)gyre_context_get(&variable));
    if (byte == 'r')
        return gyre_add_reader(where, pair[0], show_and_set, NULL);
    return gyre_context_set(&variable, (void *)(uintptr_t) "2");
}

struct add_with_context {
    gyre_frame frame;
    int64_t rc;
};
GYRE_CORO(add_with_context)
{
    GYRE_BEGIN;
    self->rc = gyre_context_set(&variable, (void *)(uintptr_t) "1");
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    GYRE_RETURN(gyre_add_reader(gyre_loop_current(), pair[0], show_and_set, NULL));
    GYRE_END;
}

static void test_context_variables(void **state)
{
    gyre_task *task = GYRE_SPAWN_ON(loop, add_with_context);

    (void)state;
    released = 0;
    assert_int_equal(gyre_loop_run_until(loop, gyre_task_future(task)), 0);
    gyre_task_unref(task);
    put(pair[1], "xrx");
    iterate(8);
    assert_string_equal(log_text, "122");
    assert_int_equal(gyre_remove_reader(loop, pair[0]), 1);
    iterate(3);
    assert_int_equal(released, 3);
}

static void test_bad_descriptors(void **state)
{
    int fd = fcntl(pair[0], F_DUPFD_CLOEXEC, 700);

    (void)state;
    assert_int_equal(gyre_add_reader(loop, -1, take, NULL), -EBADF);
    assert_int_equal(gyre_add_writer(loop, 12345, take, NULL), -EBADF);
    assert_int_equal(gyre_remove_reader(loop, -1), 0);
    assert_int_equal(gyre_remove_writer(loop, 1 << 30), 0);
    assert_int_equal(gyre_add_reader(loop, fd, take, NULL), 0); /* the table grows */
    assert_int_equal(gyre_remove_reader(loop, 699), 0);
    assert_int_equal(gyre_remove_reader(loop, fd), 1);
    close(fd);
}

/* Closed behind the loop's back: the watching ends with a report. */
static int64_t vanish(gyre_loop *where, void *arg)
{
    mark(where, arg);
    close(pair[0]);
    pair[0] = -1;
    return 0;
}

static void test_closed_in_its_callback(void **state)
{
    int fd = pair[0];

    (void)state;
    assert_int_equal(gyre_add_reader(loop, fd, vanish, (void *)(uintptr_t) "m"), 0);
    put(pair[1], "a");
    iterate(4);
    assert_string_equal(log_text, "m[EBADF]");
    assert_int_equal(gyre_remove_reader(loop, fd), 0);
}

struct close_it {
    gyre_frame frame;
    int64_t rc;
};
GYRE_CORO(close_it)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_close(pair[0]));
    GYRE_RETURN(0);
    GYRE_END;
}

/* gyre_close() removes reader and writer first. */
static void test_gyre_close_ends_watching(void **state)
{
    gyre_task *task;
    int fd = pair[0];

    (void)state;
    assert_int_equal(gyre_add_reader(loop, fd, take, NULL), 0);
    assert_int_equal(gyre_add_writer(loop, fd, mark, (void *)(uintptr_t) "w"), 0);
    iterate(1);
    log_text[0] = '\0';
    task = GYRE_SPAWN_ON(loop, close_it);
    put(pair[1], "a");
    assert_int_equal(gyre_loop_run_until(loop, gyre_task_future(task)), 0);
    gyre_task_unref(task);
    pair[0] = -1;
    iterate(3);
    assert_null(strchr(log_text, '['));
    assert_null(strchr(log_text, 'a'));
    assert_int_equal(gyre_remove_reader(loop, fd), 0);
    assert_int_equal(gyre_remove_writer(loop, fd), 0);
}

static void test_loop_closes_with_watches(void **state)
{
    gyre_future *anchor = gyre_future_new(loop); /* keeps the struct */

    (void)state;
    assert_int_equal(gyre_add_reader(loop, pair[0], take, NULL), 0);
    assert_int_equal(gyre_add_writer(loop, pair[0], mark, (void *)(uintptr_t) "w"), 0);
    assert_int_equal(gyre_add_reader(loop, pair[1], take, NULL), 0);
    iterate(2);
    log_text[0] = '\0';
    put(pair[1], "a");
    assert_int_equal(gyre_loop_close(loop), 0);
    assert_string_equal(log_text, "");
    assert_int_equal(gyre_add_reader(loop, pair[0], take, NULL), GYRE_ELOOPCLOSED);
    assert_int_equal(gyre_remove_reader(loop, pair[0]), 0);
    gyre_future_unref(anchor);
    loop = NULL;
}

static void test_loop_closes_before_it_ran(void **state)
{
    (void)state;
    assert_int_equal(gyre_add_reader(loop, pair[0], take, NULL), 0);
    assert_int_equal(gyre_loop_close(loop), 0);
    loop = NULL;
}

static void test_regular_files_are_always_ready(void **state)
{
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), saved = pair[0];

    (void)state;
    assert_int_equal(run_poll(fd, POLLIN), POLLIN);
    pair[0] = fd;
    log_text[0] = '\0';
    assert_int_equal(gyre_add_reader(loop, fd, take_and_remove, NULL), 0);
    iterate(4);
    assert_int_equal(log_text[0], 0x7f); /* ELF */
    close(fd);
    pair[0] = saved;
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(test_##name_, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(poll_results),
        TEST(poll_waits),
        TEST(poll_cancelled),
        TEST(poll_wins),
        TEST(loop_closes_under_a_poll),
        TEST(reader_is_level_triggered),
        TEST(reader_sees_the_end),
        TEST(removed_in_its_callback),
        TEST(removed_and_added_in_its_callback),
        TEST(replaced_in_its_callback),
        TEST(removed_when_due),
        TEST(replaced_when_due),
        TEST(reader_and_writer_are_independent),
        TEST(error_of_a_callback),
        TEST(context_variables),
        TEST(bad_descriptors),
        TEST(closed_in_its_callback),
        TEST(gyre_close_ends_watching),
        TEST(loop_closes_with_watches),
        TEST(loop_closes_before_it_ran),
        TEST(regular_files_are_always_ready),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
