/* Files to streams: whole, in part, to slow readers, from what cannot be read, cancelled on the way. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/sendfile.h"
#include "support/unit.h"
#include "task/run.h"
#include "task/sleep.h"
#include "task/timeout.h"

enum { SIZE = 500000 };

static char pattern(size_t i)
{
    return (char)(i * 7 + i / 251);
}

static int make_file(void)
{
    char *data = malloc(SIZE);
    int file = memfd_create("sendfile", MFD_CLOEXEC);

    assert_non_null(data);
    assert_true(file >= 0);
    for (size_t i = 0; i < SIZE; i++)
        data[i] = pattern(i);
    assert_int_equal(write(file, data, SIZE), SIZE);
    free(data);
    return file;
}

struct ends {
    gyre_stream *near, *far;
};

static void open_ends(struct ends *ends)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(gyre_stream_new(gyre_loop_current(), fds[0], NULL, &ends->near), 0);
    assert_int_equal(gyre_stream_new(gyre_loop_current(), fds[1], NULL, &ends->far), 0);
}

/* Reads to the end; fails unless it is the file from `offset` on. Gives how much it was. */
struct receive {
    gyre_frame frame;
    gyre_stream *stream; /* borrowed */
    size_t offset, got;
    char buffer[20000];
    int64_t n;
};
GYRE_CORO(receive)
{
    GYRE_BEGIN;
    do {
        GYRE_TRY(self->n, gyre_stream_read(self->stream, self->buffer, sizeof(self->buffer)));
        for (size_t i = 0; i < (size_t)self->n; i++, self->got++)
            assert_int_equal(self->buffer[i], pattern(self->offset + self->got));
    } while (self->n > 0);
    GYRE_RETURN((int64_t)self->got);
    GYRE_END;
}

struct send_part {
    gyre_frame frame;
    int64_t offset, count, expect;
    int file;
    struct ends ends;
    gyre_task *receiver;
    int64_t sent, rc;
};
GYRE_CORO(send_part)
{
    GYRE_BEGIN;
    open_ends(&self->ends);
    self->receiver = GYRE_SPAWN(receive, .stream = self->ends.far, .offset = (size_t)self->offset);
    GYRE_AWAIT(self->rc, gyre_stream_sendfile(self->ends.near, self->file, self->offset, self->count,
                                              &self->sent));
    assert_int_equal(self->rc, self->expect);
    assert_int_equal(self->sent, self->expect);
    GYRE_AWAIT(self->rc, gyre_stream_close(self->ends.near));
    assert_int_equal(self->rc, 0);
    GYRE_AWAIT(self->rc, self->receiver);
    assert_int_equal(self->rc, self->expect);
    gyre_task_unref(self->receiver);
    gyre_stream_abort(self->ends.far);
    GYRE_END;
}

struct main_parts {
    gyre_frame frame;
    int file;
    int64_t rc;
};
GYRE_CORO(main_parts)
{
    GYRE_BEGIN;
    self->file = make_file();
    GYRE_TRY(GYRE_CALL(send_part, .file = self->file, .count = -1, .expect = SIZE));
    GYRE_TRY(GYRE_CALL(send_part, .file = self->file, .offset = 1234, .count = 100000, .expect = 100000));
    GYRE_TRY(GYRE_CALL(send_part, .file = self->file, .offset = SIZE - 5, .count = 100, .expect = 5));
    GYRE_TRY(GYRE_CALL(send_part, .file = self->file, .offset = SIZE + 5, .count = -1));
    GYRE_TRY(GYRE_CALL(send_part, .file = self->file, .count = 0));
    assert_int_equal(lseek(self->file, 0, SEEK_CUR), SIZE);
    close(self->file);
    GYRE_END;
}
static void whole_and_in_part(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_parts), 0);
}

struct main_errors {
    gyre_frame frame;
    struct ends ends;
    int file, folder;
    int64_t rc, sent;
};
GYRE_CORO(main_errors)
{
    GYRE_BEGIN;
    open_ends(&self->ends);
    self->file = make_file();
    self->folder = open("/", O_RDONLY | O_CLOEXEC);
    GYRE_AWAIT(self->rc, gyre_stream_sendfile(self->ends.near, self->file, -1, 5, NULL));
    assert_int_equal(self->rc, -EINVAL);
    GYRE_AWAIT(self->rc, gyre_stream_sendfile(self->ends.near, self->folder, 0, -1, &self->sent));
    assert_int_equal(self->rc, -EISDIR);
    GYRE_AWAIT(self->rc, gyre_stream_sendfile(self->ends.near, 9999, 0, -1, &self->sent));
    assert_int_equal(self->rc, -EBADF);
    assert_int_equal(self->sent, 0);
    /* The peer goes in the middle. */
    gyre_stream_abort(self->ends.far);
    GYRE_AWAIT(self->rc, gyre_stream_sendfile(self->ends.near, self->file, 0, -1, &self->sent));
    assert_int_equal(self->rc, -EPIPE);
    assert_int_equal(self->sent, 0);
    gyre_stream_abort(self->ends.near);
    close(self->file);
    close(self->folder);
    GYRE_END;
}
static void errors(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_errors), 0);
}

struct main_cancel {
    gyre_frame frame;
    struct ends ends;
    int file;
    int64_t rc, sent;
};
GYRE_CORO(main_cancel)
{
    GYRE_BEGIN;
    open_ends(&self->ends);
    self->file = make_file();
    /* Nobody reads: it waits for room until the time is up; what was taken over arrives all the same. */
    GYRE_AWAIT(self->rc, gyre_wait_for(gyre_stream_sendfile(self->ends.near, self->file, 0, -1,
                                                            &self->sent),
                                       GYRE_MS(20)));
    assert_int_equal(self->rc, GYRE_ETIMEOUT);
    assert_true(self->sent > 0 && self->sent < SIZE);
    assert_int_equal(gyre_stream_write_eof(self->ends.near), 0);
    GYRE_AWAIT(self->rc, GYRE_CALL(receive, .stream = self->ends.far));
    assert_int_equal(self->rc, self->sent);
    gyre_stream_abort(self->ends.near);
    gyre_stream_abort(self->ends.far);
    close(self->file);
    GYRE_END;
}
static void cancelled_counts_what_was_sent(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_cancel), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_and_in_part),
        cmocka_unit_test(errors),
        cmocka_unit_test(cancelled_counts_what_was_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
