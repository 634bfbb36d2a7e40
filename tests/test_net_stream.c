/* Streams: reading, writing, half-close, back-pressure, cancellation without loss, and the end. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/stream.h"
#include "task/run.h"
#include "task/sleep.h"
#include "task/timeout.h"

/* A pair of connected streams on the running loop. */
struct pair {
    gyre_stream *a, *b;
};

static void open_pair(struct pair *pair, const gyre_stream_options *options)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(gyre_stream_new(gyre_loop_current(), fds[0], options, &pair->a), 0);
    assert_int_equal(gyre_stream_new(gyre_loop_current(), fds[1], options, &pair->b), 0);
}

static char pattern(size_t i)
{
    return (char)(i * 7 + i / 251);
}

static char *make_data(size_t size)
{
    char *data = malloc(size);

    assert_non_null(data);
    for (size_t i = 0; i < size; i++)
        data[i] = pattern(i);
    return data;
}

static void close_pair(struct pair *pair)
{
    gyre_stream_abort(pair->a);
    gyre_stream_abort(pair->b);
}

/* ---- reading ---- */

struct main_read {
    gyre_frame frame;
    struct pair pair;
    char buffer[64];
    int64_t n;
};
GYRE_CORO(main_read)
{
    GYRE_BEGIN;
    open_pair(&self->pair, NULL);
    GYRE_AWAIT(self->n, gyre_stream_write(self->pair.a, "hello", 5));
    assert_int_equal(self->n, 5);
    GYRE_AWAIT(self->n, gyre_stream_read(self->pair.b, self->buffer, 3));
    assert_int_equal(self->n, 3);
    assert_memory_equal(self->buffer, "hel", 3);
    GYRE_AWAIT(self->n, gyre_stream_read(self->pair.b, self->buffer, sizeof(self->buffer)));
    assert_int_equal(self->n, 2);
    assert_memory_equal(self->buffer, "lo", 2);
    GYRE_AWAIT(self->n, gyre_stream_read(self->pair.b, self->buffer, 0));
    assert_int_equal(self->n, 0);
    assert_false(gyre_stream_at_eof(self->pair.b));
    /* Half-close: the other direction goes on. */
    assert_int_equal(gyre_stream_write_eof(self->pair.a), 0);
    assert_int_equal(gyre_stream_write_eof(self->pair.a), GYRE_ESTATE);
    assert_int_equal(gyre_stream_write_soon(self->pair.a, "x", 1), GYRE_ESTATE);
    GYRE_AWAIT(self->n, gyre_stream_read(self->pair.b, self->buffer, sizeof(self->buffer)));
    assert_int_equal(self->n, 0);
    assert_true(gyre_stream_at_eof(self->pair.b));
    GYRE_AWAIT(self->n, gyre_stream_write(self->pair.b, "back", 4));
    GYRE_AWAIT(self->n, gyre_stream_read_exactly(self->pair.a, self->buffer, 4));
    assert_int_equal(self->n, 4);
    assert_memory_equal(self->buffer, "back", 4);
    GYRE_AWAIT(self->n, gyre_stream_close(self->pair.a));
    assert_int_equal(self->n, 0);
    GYRE_AWAIT(self->n, gyre_stream_close(self->pair.b));
    assert_int_equal(self->n, 0);
    GYRE_AWAIT(self->n, gyre_stream_close(NULL));
    assert_int_equal(self->n, 0);
    gyre_stream_abort(NULL);
    GYRE_END;
}
static void read_and_half_close(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_read), 0);
}

struct main_lines {
    gyre_frame frame;
    struct pair pair;
    const char *line;
    size_t size;
    char buffer[8];
    int64_t n;
};
GYRE_CORO(main_lines)
{
    GYRE_BEGIN;
    open_pair(&self->pair, &(gyre_stream_options){.limit = 16});
    GYRE_AWAIT(self->n, gyre_stream_write(self->pair.a, "one\ntwo\r\n\r\nrest", 15));
    GYRE_AWAIT(self->n, gyre_stream_readline(self->pair.b, &self->line));
    assert_int_equal(self->n, 4);
    assert_memory_equal(self->line, "one\n", 4);
    GYRE_AWAIT(self->n, gyre_stream_read_until(self->pair.b, "\r\n\r\n", 4, &self->line));
    assert_int_equal(self->n, 7);
    assert_memory_equal(self->line, "two\r\n\r\n", 7);
    GYRE_AWAIT(self->n, gyre_stream_fill(self->pair.b, 2));
    assert_int_equal(self->n, 4);
    assert_memory_equal(gyre_stream_peek(self->pair.b, &self->size), "rest", 4);
    assert_int_equal(self->size, 4);
    assert_int_equal(gyre_stream_consume(self->pair.b, 5), -EINVAL);
    assert_int_equal(gyre_stream_consume(self->pair.b, 1), 0);
    GYRE_AWAIT(self->n, gyre_stream_fill(self->pair.b, 17));
    assert_int_equal(self->n, GYRE_ELIMIT);
    GYRE_AWAIT(self->n, gyre_stream_read_until(self->pair.b, "", 0, &self->line));
    assert_int_equal(self->n, -EINVAL);
    /* No separator within the limit: nothing is consumed. */
    GYRE_AWAIT(self->n, gyre_stream_write(self->pair.a, "0123456789abcdef", 16));
    GYRE_AWAIT(self->n, gyre_stream_readline(self->pair.b, &self->line));
    assert_int_equal(self->n, GYRE_ELIMIT);
    GYRE_AWAIT(self->n, gyre_stream_read_exactly(self->pair.b, self->buffer, 8));
    assert_int_equal(self->n, 8);
    assert_memory_equal(self->buffer, "est01234", 8);
    /* The end: exact reads and separators that do not come, the last line. */
    assert_int_equal(gyre_stream_write_eof(self->pair.a), 0);
    GYRE_AWAIT(self->n, gyre_stream_read_until(self->pair.b, "\n", 1, &self->line));
    assert_int_equal(self->n, GYRE_EINCOMPLETE);
    GYRE_AWAIT(self->n, gyre_stream_fill(self->pair.b, 12));
    assert_int_equal(self->n, 11);
    GYRE_AWAIT(self->n, gyre_stream_read_exactly(self->pair.b, self->buffer, 3));
    assert_int_equal(self->n, 3);
    GYRE_AWAIT(self->n, gyre_stream_readline(self->pair.b, &self->line));
    assert_int_equal(self->n, 8);
    assert_memory_equal(self->line, "89abcdef", 8);
    GYRE_AWAIT(self->n, gyre_stream_readline(self->pair.b, &self->line));
    assert_int_equal(self->n, 0);
    GYRE_AWAIT(self->n, gyre_stream_read_exactly(self->pair.b, self->buffer, 1));
    assert_int_equal(self->n, GYRE_EINCOMPLETE);
    close_pair(&self->pair);
    GYRE_END;
}
static void lines_and_limits(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_lines), 0);
}

/* A line that was given away stays valid while more arrives, until the next read. */
struct main_held {
    gyre_frame frame;
    struct pair pair;
    const char *line;
    char *data;
    int64_t n;
};
GYRE_CORO(main_held)
{
    GYRE_BEGIN;
    open_pair(&self->pair, NULL);
    self->data = make_data(60000);
    GYRE_AWAIT(self->n, gyre_stream_write(self->pair.a, "line\nx", 6));
    GYRE_AWAIT(self->n, gyre_stream_readline(self->pair.b, &self->line));
    GYRE_AWAIT(self->n, gyre_stream_write(self->pair.a, self->data, 60000));
    GYRE_AWAIT(self->n, gyre_sleep(GYRE_MS(2)));
    assert_memory_equal(self->line, "line\n", 5);
    GYRE_AWAIT(self->n, gyre_stream_fill(self->pair.b, 60001));
    assert_int_equal(self->n, 60001);
    assert_memory_equal(gyre_stream_peek(self->pair.b, (size_t *)&self->n) + 1, self->data, 60000);
    free(self->data);
    close_pair(&self->pair);
    GYRE_END;
}
static void a_line_stays_valid(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_held), 0);
}

/* ---- much data, in many sizes ---- */

struct send_all {
    gyre_frame frame;
    gyre_stream *stream;
    const char *data;
    size_t size, piece, at;
    int64_t n;
};
GYRE_CORO(send_all)
{
    GYRE_BEGIN;
    while (self->at < self->size) {
        GYRE_TRY(self->n, gyre_stream_write(self->stream, self->data + self->at,
                                            self->size - self->at < self->piece
                                                ? self->size - self->at
                                                : self->piece));
        self->at += (size_t)self->n;
    }
    GYRE_RETURN(gyre_stream_write_eof(self->stream));
    GYRE_END;
}

struct main_bulk {
    gyre_frame frame;
    struct pair pair;
    size_t total, write_size, read_size, got;
    char *data, *buffer;
    gyre_task *sender;
    bool exact;
    int64_t n;
};
GYRE_CORO(main_bulk)
{
    GYRE_BEGIN;
    open_pair(&self->pair, &(gyre_stream_options){.limit = 20000, .high_water = 10000});
    self->data = make_data(self->total);
    self->buffer = malloc(self->read_size);
    self->sender = GYRE_SPAWN(send_all, .stream = self->pair.a, .data = self->data,
                              .size = self->total, .piece = self->write_size);
    for (;;) {
        if (self->exact)
            GYRE_AWAIT(self->n, gyre_stream_read_exactly(self->pair.b, self->buffer, self->read_size));
        else
            GYRE_AWAIT(self->n, gyre_stream_read(self->pair.b, self->buffer, self->read_size));
        if (self->n == GYRE_EINCOMPLETE) {
            self->exact = false;
            continue;
        }
        assert_true(self->n >= 0);
        if (self->n == 0)
            break;
        assert_memory_equal(self->buffer, self->data + self->got, (size_t)self->n);
        self->got += (size_t)self->n;
    }
    assert_int_equal(self->got, self->total);
    GYRE_TRY(self->sender);
    gyre_task_unref(self->sender);
    free(self->data);
    free(self->buffer);
    close_pair(&self->pair);
    GYRE_END;
}
static void bulk(void **state)
{
    static const size_t sizes[] = {1, 100, 5000, 16384, 70000, 300000};

    (void)state;
    for (size_t i = 0; i < 6; i++)
        for (size_t j = 0; j < 6; j++)
            for (int exact = 0; exact < 2; exact++)
                assert_int_equal(GYRE_RUN(main_bulk, .total = i == 0 || j == 0 ? 3000 : 1000000,
                                          .write_size = sizes[i], .read_size = sizes[j],
                                          .exact = exact),
                                 0);
}

/* ---- cancelled reads lose nothing ---- */

struct read_some {
    gyre_frame frame;
    gyre_stream *stream;
    char *buffer;
    size_t size;
    bool exact;
    int64_t *out; /* a task that ends with a cancellation kept has no result */
    int64_t n;
};
GYRE_CORO(read_some)
{
    GYRE_BEGIN;
    if (self->exact)
        GYRE_AWAIT(self->n, gyre_stream_read_exactly(self->stream, self->buffer, self->size));
    else
        GYRE_AWAIT(self->n, gyre_stream_read(self->stream, self->buffer, self->size));
    if (self->out)
        *self->out = self->n;
    GYRE_RETURN(self->n);
    GYRE_END;
}

struct main_cancel_read {
    gyre_frame frame;
    struct pair pair;
    size_t size, sent, got;
    bool exact;
    char *buffer;
    gyre_task *reader;
    int i;
    int64_t n, read;
};
GYRE_CORO(main_cancel_read)
{
    GYRE_BEGIN;
    open_pair(&self->pair, NULL);
    self->buffer = malloc(self->size);
    for (self->i = 0; self->i < 200; self->i++) {
        self->reader = GYRE_SPAWN(read_some, .stream = self->pair.b, .buffer = self->buffer,
                                  .size = self->size, .exact = self->exact, .out = &self->read);
        GYRE_AWAIT(self->n, gyre_sleep(0));
        {
            char byte = pattern(self->sent++);

            assert_int_equal(gyre_stream_write_soon(self->pair.a, &byte, 1), 1);
        }
        if (self->i % 3 == 0)
            GYRE_AWAIT(self->n, gyre_sleep(0));
        if (self->i % 3 == 1)
            GYRE_AWAIT(self->n, gyre_sleep(GYRE_US(200)));
        gyre_task_cancel(self->reader);
        GYRE_AWAIT(self->n, self->reader);
        gyre_task_unref(self->reader);
        for (int64_t k = 0; k < self->read; k++)
            assert_int_equal(self->buffer[k], pattern(self->got++));
        assert_true(self->read > 0 || self->read == GYRE_ECANCELLED);
    }
    assert_int_equal(gyre_stream_write_eof(self->pair.a), 0);
    for (;;) {
        GYRE_AWAIT(self->n, gyre_stream_read(self->pair.b, self->buffer, self->size));
        for (int64_t k = 0; k < self->n; k++)
            assert_int_equal(self->buffer[k], pattern(self->got++));
        if (self->n <= 0)
            break;
    }
    assert_int_equal(self->got, self->sent);
    free(self->buffer);
    close_pair(&self->pair);
    GYRE_END;
}
static void cancelled_reads_lose_nothing(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_cancel_read, .size = 100), 0);
    assert_int_equal(GYRE_RUN(main_cancel_read, .size = 100000), 0);
    assert_int_equal(GYRE_RUN(main_cancel_read, .size = 100, .exact = true), 0);
    assert_int_equal(GYRE_RUN(main_cancel_read, .size = 100000, .exact = true), 0);
}

/* ---- writing ---- */

struct main_pressure {
    gyre_frame frame;
    struct pair pair;
    char *data;
    gyre_task *writer, *second;
    size_t got;
    char buffer[4096];
    int64_t n;
};
GYRE_CORO(main_pressure)
{
    GYRE_BEGIN;
    open_pair(&self->pair, NULL);
    self->data = make_data(2000000);
    self->writer = GYRE_SPAWN(send_all, .stream = self->pair.a, .data = self->data, .size = 2000000,
                              .piece = 2000000);
    GYRE_AWAIT(self->n, gyre_sleep(GYRE_MS(1)));
    assert_false(gyre_task_done(self->writer));
    assert_true(gyre_stream_unsent(self->pair.a) > 65536);
    GYRE_AWAIT(self->n, gyre_stream_write(self->pair.a, "x", 1));
    assert_int_equal(self->n, -EBUSY);
    GYRE_AWAIT(self->n, gyre_stream_drain(self->pair.a));
    assert_int_equal(self->n, -EBUSY);
    /* The waiting writer is cancelled: its bytes are on their way all the same. */
    gyre_task_cancel(self->writer);
    GYRE_AWAIT(self->n, self->writer);
    assert_int_equal(self->n, GYRE_ECANCELLED);
    gyre_task_unref(self->writer);
    while (self->got < 2000000) {
        GYRE_AWAIT(self->n, gyre_stream_read(self->pair.b, self->buffer, sizeof(self->buffer)));
        assert_true(self->n > 0);
        assert_memory_equal(self->buffer, self->data + self->got, (size_t)self->n);
        self->got += (size_t)self->n;
    }
    GYRE_AWAIT(self->n, gyre_stream_flush(self->pair.a));
    assert_int_equal(self->n, 0);
    assert_int_equal(gyre_stream_unsent(self->pair.a), 0);
    assert_int_equal(gyre_stream_set_write_limits(self->pair.a, 5, 4), -EINVAL);
    assert_int_equal(gyre_stream_set_write_limits(self->pair.a, 0, 0), 0);
    GYRE_AWAIT(self->n, gyre_stream_writev(self->pair.a,
                                           (struct iovec[]){{"ab", 2}, {"", 0}, {"cde", 3}}, 3));
    assert_int_equal(self->n, 5);
    GYRE_AWAIT(self->n, gyre_stream_read_exactly(self->pair.b, self->buffer, 5));
    assert_memory_equal(self->buffer, "abcde", 5);
    free(self->data);
    close_pair(&self->pair);
    GYRE_END;
}
static void back_pressure(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_pressure), 0);
}

struct main_broken {
    gyre_frame frame;
    struct pair pair;
    int64_t n;
    char byte;
};
GYRE_CORO(main_broken)
{
    GYRE_BEGIN;
    open_pair(&self->pair, NULL);
    gyre_stream_abort(self->pair.b);
    GYRE_AWAIT(self->n, gyre_sleep(GYRE_MS(1)));
    do
        GYRE_AWAIT(self->n, gyre_stream_write(self->pair.a, "x", 1));
    while (self->n > 0);
    assert_int_equal(self->n, -EPIPE);
    assert_int_equal(gyre_stream_error(self->pair.a), -EPIPE);
    GYRE_AWAIT(self->n, gyre_stream_drain(self->pair.a));
    assert_int_equal(self->n, -EPIPE);
    GYRE_AWAIT(self->n, gyre_stream_read(self->pair.a, &self->byte, 1));
    assert_int_equal(self->n, 0);
    GYRE_AWAIT(self->n, gyre_stream_close(self->pair.a));
    assert_int_equal(self->n, -EPIPE);
    GYRE_END;
}
static void the_peer_goes(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_broken), 0);
}

/* ---- who may, and when ---- */

struct main_busy {
    gyre_frame frame;
    struct pair pair;
    gyre_task *reader;
    char buffer[16];
    int64_t n;
};
GYRE_CORO(main_busy)
{
    GYRE_BEGIN;
    open_pair(&self->pair, NULL);
    self->reader = GYRE_SPAWN(read_some, .stream = self->pair.b, .buffer = self->buffer, .size = 16,
                              .exact = true);
    GYRE_AWAIT(self->n, gyre_sleep(0));
    GYRE_AWAIT(self->n, gyre_stream_read(self->pair.b, self->buffer, 1));
    assert_int_equal(self->n, -EBUSY);
    GYRE_AWAIT(self->n, gyre_stream_fill(self->pair.b, 1));
    assert_int_equal(self->n, -EBUSY);
    assert_int_equal(gyre_stream_consume(self->pair.b, 0), -EBUSY);
    /* The stream is closed while a task reads: it gets an error. */
    GYRE_AWAIT(self->n, gyre_stream_close(self->pair.b));
    assert_int_equal(self->n, 0);
    GYRE_AWAIT(self->n, self->reader);
    assert_int_equal(self->n, -EBADF);
    gyre_task_unref(self->reader);
    gyre_stream_abort(self->pair.a);
    assert_int_equal(gyre_stream_new(gyre_loop_current(), -1, NULL, &self->pair.a), -EBADF);
    assert_int_equal(gyre_stream_new(gyre_loop_current(), 0,
                                     &(gyre_stream_options){.high_water = 1, .low_water = 2},
                                     &self->pair.a),
                     -EINVAL);
    GYRE_END;
}
static void one_reader_at_a_time(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_busy), 0);
}

struct main_close_timeout {
    gyre_frame frame;
    struct pair pair;
    char *data;
    gyre_task *closer;
    int64_t n;
};
GYRE_CORO(main_close_timeout)
{
    GYRE_BEGIN;
    open_pair(&self->pair, &(gyre_stream_options){.close_timeout_ns = GYRE_MS(5)});
    self->data = make_data(3000000);
    assert_int_equal(gyre_stream_write_soon(self->pair.a, self->data, 3000000), 3000000);
    GYRE_AWAIT(self->n, gyre_stream_close(self->pair.a));
    assert_int_equal(self->n, GYRE_ETIMEOUT);
    gyre_stream_abort(self->pair.b);
    /* Cancelled: closed all the same. */
    open_pair(&self->pair, NULL);
    assert_int_equal(gyre_stream_write_soon(self->pair.a, self->data, 3000000), 3000000);
    GYRE_AWAIT(self->n, gyre_wait_for(gyre_stream_close(self->pair.a), GYRE_MS(2)));
    assert_int_equal(self->n, GYRE_ETIMEOUT);
    free(self->data);
    gyre_stream_abort(self->pair.b);
    GYRE_END;
}
static void closing_is_bounded(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_close_timeout), 0);
}

/* ---- pipes, and a loop that goes first ---- */

struct main_pipe {
    gyre_frame frame;
    struct pair pair;
    const char *line;
    char buffer[32];
    int64_t n;
};
GYRE_CORO(main_pipe)
{
    GYRE_BEGIN;
    {
        int fds[2];

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        assert_int_equal(gyre_stream_new(gyre_loop_current(), fds[1], NULL, &self->pair.a), 0);
        assert_int_equal(gyre_stream_new(gyre_loop_current(), fds[0], NULL, &self->pair.b), 0);
    }
    GYRE_AWAIT(self->n, gyre_stream_write(self->pair.a, "first\nsecond", 12));
    GYRE_AWAIT(self->n, gyre_stream_readline(self->pair.b, &self->line));
    assert_int_equal(self->n, 6);
    GYRE_AWAIT(self->n, gyre_stream_read(self->pair.b, self->buffer, sizeof(self->buffer)));
    assert_int_equal(self->n, 6);
    GYRE_AWAIT(self->n,
               gyre_wait_for(gyre_stream_read(self->pair.b, self->buffer, 32), GYRE_MS(1)));
    assert_int_equal(self->n, GYRE_ETIMEOUT);
    assert_int_equal(gyre_stream_write_eof(self->pair.a), -ENOTSOCK);
    GYRE_AWAIT(self->n, gyre_stream_close(self->pair.a));
    GYRE_AWAIT(self->n, gyre_stream_readline(self->pair.b, &self->line));
    assert_int_equal(self->n, 0);
    GYRE_AWAIT(self->n, gyre_stream_close(self->pair.b));
    GYRE_END;
}
static void pipes(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_pipe), 0);
}

static int64_t do_nothing(gyre_loop *loop, void *arg)
{
    (void)arg;
    gyre_loop_stop(loop);
    return 0;
}

static void the_loop_goes_first(void **state)
{
    gyre_stream *stream;
    gyre_loop *loop;
    int fds[2];
    char byte;

    (void)state;
    assert_int_equal(gyre_loop_new(NULL, &loop), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(gyre_stream_new(loop, fds[0], NULL, &stream), 0);
    assert_int_equal(gyre_call_soon(loop, do_nothing, NULL, NULL), 0);
    assert_int_equal(gyre_loop_run(loop), 0);
    assert_int_equal(gyre_loop_close(loop), 0);
    assert_int_equal(gyre_stream_fd(stream), -1);
    assert_int_equal(read(fds[1], &byte, 1), 0);
    close(fds[1]);
    gyre_stream_abort(stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_and_half_close),
        cmocka_unit_test(lines_and_limits),
        cmocka_unit_test(a_line_stays_valid),
        cmocka_unit_test(bulk),
        cmocka_unit_test(cancelled_reads_lose_nothing),
        cmocka_unit_test(back_pressure),
        cmocka_unit_test(the_peer_goes),
        cmocka_unit_test(one_reader_at_a_time),
        cmocka_unit_test(closing_is_bounded),
        cmocka_unit_test(pipes),
        cmocka_unit_test(the_loop_goes_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
