/*
 * Hostile peers: resets, half-closes, stalls, garbage, single bytes, connections that are gone before
 * they are accepted, descriptors that do not block.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/server.h"
#include "net/stream.h"
#include "support/unit.h"
#include "task/run.h"
#include "task/sleep.h"
#include "task/timeout.h"

/* A TCP connection: a stream on one side, a plain descriptor on the hostile one. */
static gyre_stream *meet(int *out_peer, const gyre_stream_options *options)
{
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;
    gyre_address address;
    gyre_stream *stream;

    assert_int_equal(gyre_address_parse(&address, "127.0.0.1", 0), 0);
    assert_int_equal(bind(listener, gyre_address_raw(&address), address.length), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(gyre_address_local(listener, &address), 0);
    *out_peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(*out_peer, gyre_address_raw(&address), address.length), 0);
    fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    close(listener);
    assert_int_equal(gyre_stream_new(gyre_loop_current(), fd, options, &stream), 0);
    return stream;
}

static void reset(int fd)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
    close(fd);
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

struct main_reset {
    gyre_frame frame;
    gyre_stream *stream;
    gyre_task *writer;
    int peer, i;
    char buffer[100];
    char *big;
    int64_t n;
};

struct write_all {
    gyre_frame frame;
    gyre_stream *stream; /* borrowed */
    const char *data;
    size_t size;
};
GYRE_CORO(write_all)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_stream_write(self->stream, self->data, self->size));
    GYRE_RETURN(self->frame.result);
    GYRE_END;
}

GYRE_CORO(main_reset)
{
    GYRE_BEGIN;
    self->big = calloc(1, 8000000);
    /* While a read waits. Later reads and writes say the same at once. */
    self->stream = meet(&self->peer, NULL);
    reset(self->peer);
    GYRE_AWAIT(self->n, gyre_stream_read(self->stream, self->buffer, 100));
    assert_int_equal(self->n, -ECONNRESET);
    GYRE_AWAIT(self->n, gyre_stream_read(self->stream, self->buffer, 100));
    assert_int_equal(self->n, -ECONNRESET);
    assert_int_equal(gyre_stream_error(self->stream), -ECONNRESET);
    GYRE_AWAIT(self->n, gyre_stream_write(self->stream, "x", 1));
    assert_true(self->n < 0);
    GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
    assert_true(self->n <= 0);
    /* While a write waits for room. */
    self->stream = meet(&self->peer, NULL);
    self->writer = GYRE_SPAWN(write_all, .stream = self->stream, .data = self->big, .size = 8000000);
    GYRE_TRY(gyre_sleep(GYRE_MS(5)));
    reset(self->peer);
    GYRE_AWAIT(self->n, self->writer);
    assert_true(self->n == -ECONNRESET || self->n == -EPIPE);
    assert_int_equal(gyre_stream_unsent(self->stream), 0);
    gyre_task_unref(self->writer);
    GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
    assert_true(self->n < 0);
    /* While closing waits for unsent bytes. */
    self->stream = meet(&self->peer, NULL);
    assert_int_equal(gyre_stream_write_soon(self->stream, self->big, 8000000), 8000000);
    GYRE_TRY(gyre_sleep(GYRE_MS(5)));
    reset(self->peer);
    GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
    assert_true(self->n == -ECONNRESET || self->n == -EPIPE);
    free(self->big);
    GYRE_END;
}
static void resets(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_reset), 0);
}

/* What had come before the reset may be lost with it, but is never mangled. */
struct main_data_then_reset {
    gyre_frame frame;
    gyre_stream *stream;
    const char *line;
    int peer;
    int64_t n;
};
GYRE_CORO(main_data_then_reset)
{
    GYRE_BEGIN;
    self->stream = meet(&self->peer, NULL);
    say(self->peer, "one\ntwo\nthr");
    GYRE_AWAIT(self->n, gyre_stream_readline(self->stream, &self->line));
    assert_int_equal(self->n, 4);
    reset(self->peer);
    GYRE_TRY(gyre_sleep(GYRE_MS(2)));
    GYRE_AWAIT(self->n, gyre_stream_readline(self->stream, &self->line));
    assert_int_equal(self->n, 4);
    assert_memory_equal(self->line, "two\n", 4);
    GYRE_AWAIT(self->n, gyre_stream_readline(self->stream, &self->line));
    assert_int_equal(self->n, -ECONNRESET);
    gyre_stream_abort(self->stream);
    GYRE_END;
}
static void data_then_reset(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_data_then_reset), 0);
}

struct main_half {
    gyre_frame frame;
    gyre_stream *stream;
    const char *line;
    char buffer[100];
    int peer;
    int64_t n;
};
GYRE_CORO(main_half)
{
    GYRE_BEGIN;
    /* The peer ends its side with a line that is not complete, and goes on listening. */
    self->stream = meet(&self->peer, NULL);
    say(self->peer, "one\ntwo");
    shutdown(self->peer, SHUT_WR);
    GYRE_AWAIT(self->n, gyre_stream_readline(self->stream, &self->line));
    assert_int_equal(self->n, 4);
    GYRE_AWAIT(self->n, gyre_stream_read_until(self->stream, "\n", 1, &self->line));
    assert_int_equal(self->n, GYRE_EINCOMPLETE);
    GYRE_AWAIT(self->n, gyre_stream_read_exactly(self->stream, self->buffer, 4));
    assert_int_equal(self->n, GYRE_EINCOMPLETE);
    GYRE_AWAIT(self->n, gyre_stream_readline(self->stream, &self->line));
    assert_int_equal(self->n, 3);
    assert_memory_equal(self->line, "two", 3);
    GYRE_AWAIT(self->n, gyre_stream_readline(self->stream, &self->line));
    assert_int_equal(self->n, 0);
    GYRE_AWAIT(self->n, gyre_stream_write(self->stream, "answer", 6));
    assert_int_equal(self->n, 6);
    GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
    assert_int_equal(self->n, 0);
    assert_int_equal(recv(self->peer, self->buffer, 100, 0), 6);
    assert_int_equal(recv(self->peer, self->buffer, 100, 0), 0);
    close(self->peer);
    GYRE_END;
}
static void half_closes(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_half), 0);
}

/* A peer that never reads: writes wait, closing gives up when its time is over. */
struct main_stall {
    gyre_frame frame;
    gyre_stream *stream;
    char *big;
    int peer;
    uint64_t start;
    int64_t n;
};
GYRE_CORO(main_stall)
{
    GYRE_BEGIN;
    self->big = calloc(1, 8000000);
    self->stream = meet(&self->peer, &(gyre_stream_options){.close_timeout_ns = GYRE_MS(30)});
    GYRE_AWAIT(self->n, gyre_wait_for(gyre_stream_write(self->stream, self->big, 8000000), GYRE_MS(10)));
    assert_int_equal(self->n, GYRE_ETIMEOUT);
    assert_true(gyre_stream_unsent(self->stream) > 65536);
    self->start = gyre_loop_time(gyre_loop_current());
    GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
    assert_int_equal(self->n, GYRE_ETIMEOUT);
    assert_true(gyre_loop_time(gyre_loop_current()) - self->start >= (uint64_t)GYRE_MS(29));
    close(self->peer);
    free(self->big);
    GYRE_END;
}
static void stalls(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_stall), 0);
}

/* A peer that never stops writing while nobody reads is held back. */
struct main_flood {
    gyre_frame frame;
    gyre_stream *stream;
    const char *line;
    char *big;
    size_t sent, held;
    int peer;
    int64_t n;
};
GYRE_CORO(main_flood)
{
    GYRE_BEGIN;
    self->big = calloc(1, 1000000);
    self->stream = meet(&self->peer, &(gyre_stream_options){.limit = 4096});
    say(self->peer, "begin\n");
    GYRE_AWAIT(self->n, gyre_stream_readline(self->stream, &self->line)); /* now it receives */
    do {
        do {
            self->n = send(self->peer, self->big, 1000000, MSG_DONTWAIT | MSG_NOSIGNAL);
            self->sent += self->n > 0 ? (size_t)self->n : 0;
        } while (self->n > 0);
        GYRE_TRY(gyre_sleep(GYRE_MS(3)));
        assert_true(self->sent < 100000000);
    } while (send(self->peer, self->big, 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1 && ++self->sent);
    gyre_stream_peek(self->stream, &self->held);
    assert_true(self->held < 1000000); /* twice the limit, and what one iteration had already brought */
    /* And garbage is no line. */
    GYRE_AWAIT(self->n, gyre_stream_readline(self->stream, &self->line));
    assert_int_equal(self->n, GYRE_ELIMIT);
    shutdown(self->peer, SHUT_WR);
    for (self->n = 1; self->n > 0; self->sent -= (size_t)self->n)
        GYRE_TRY(self->n, gyre_stream_read(self->stream, self->big, 1000000));
    assert_int_equal(self->sent, 0);
    gyre_stream_abort(self->stream);
    close(self->peer);
    free(self->big);
    GYRE_END;
}
static void floods(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_flood), 0);
}

struct trickle {
    gyre_frame frame;
    int peer, i;
};
GYRE_CORO(trickle)
{
    static const char text[] = "a line\r\n\r\nexactly this and the rest";

    GYRE_BEGIN;
    for (self->i = 0; text[self->i]; self->i++) {
        assert_int_equal(send(self->peer, &text[self->i], 1, MSG_NOSIGNAL), 1);
        GYRE_TRY(gyre_sleep(GYRE_MS(1) / 4));
    }
    shutdown(self->peer, SHUT_WR);
    GYRE_END;
}

struct main_trickle {
    gyre_frame frame;
    gyre_stream *stream;
    gyre_task *sender;
    const char *line;
    char buffer[100];
    int peer;
    int64_t n;
};
GYRE_CORO(main_trickle)
{
    GYRE_BEGIN;
    self->stream = meet(&self->peer, NULL);
    setsockopt(self->peer, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    self->sender = GYRE_SPAWN(trickle, .peer = self->peer);
    GYRE_AWAIT(self->n, gyre_stream_read_until(self->stream, "\r\n\r\n", 4, &self->line));
    assert_int_equal(self->n, 10);
    assert_memory_equal(self->line, "a line\r\n\r\n", 10);
    GYRE_AWAIT(self->n, gyre_stream_read_exactly(self->stream, self->buffer, 12));
    assert_int_equal(self->n, 12);
    assert_memory_equal(self->buffer, "exactly this", 12);
    GYRE_AWAIT(self->n, gyre_stream_read_exactly(self->stream, self->buffer, 100));
    assert_int_equal(self->n, GYRE_EINCOMPLETE);
    GYRE_AWAIT(self->n, gyre_stream_read(self->stream, self->buffer, 100));
    assert_int_equal(self->n, 13);
    assert_memory_equal(self->buffer, " and the rest", 13);
    GYRE_AWAIT(self->n, self->sender);
    gyre_task_unref(self->sender);
    gyre_stream_abort(self->stream);
    close(self->peer);
    GYRE_END;
}
static void one_byte_at_a_time(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_trickle), 0);
}

/* ---- connections that are gone before they are accepted ---- */

struct count_session {
    gyre_frame frame;
    gyre_stream *stream;
    int *ended;
    char buffer[16];
    int64_t n;
};
GYRE_CORO(count_session)
{
    GYRE_BEGIN;
    do {
        GYRE_AWAIT(self->n, gyre_stream_read(self->stream, self->buffer, sizeof(self->buffer)));
        if (self->n > 0)
            GYRE_AWAIT(self->n, gyre_stream_write(self->stream, self->buffer, (size_t)self->n));
    } while (self->n > 0);
    GYRE_FINALLY;
    ++*self->ended;
    GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
    GYRE_RETURN(0);
    GYRE_END;
}

struct main_aborted {
    gyre_frame frame;
    gyre_server *server;
    gyre_address address;
    int ended, i, fds[40];
    char buffer[8];
};

static void call(struct main_aborted *self, int i)
{
    self->fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(self->fds[i], gyre_address_raw(&self->address), self->address.length), 0);
}

GYRE_CORO(main_aborted)
{
    GYRE_BEGIN;
    assert_int_equal(GYRE_START_SERVER(&self->server, ((gyre_server_options){.host = "127.0.0.1"}),
                                       count_session, .ended = &self->ended),
                     0);
    assert_int_equal(gyre_server_address(self->server, 0, &self->address), 0);
    for (self->i = 0; self->i < 40; self->i++) {
        call(self, self->i);
        if (self->i % 2)
            reset(self->fds[self->i]);
        else
            close(self->fds[self->i]);
    }
    for (self->i = 0; self->i < 200 && self->ended < 20; self->i++)
        GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    /* It serves on. */
    call(self, 0);
    say(self->fds[0], "ping");
    for (self->i = 0; self->i < 500 && recv(self->fds[0], self->buffer, 4, MSG_DONTWAIT) != 4; self->i++)
        GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    assert_memory_equal(self->buffer, "ping", 4);
    close(self->fds[0]);
    GYRE_TRY(gyre_server_stop(self->server, GYRE_SECONDS(5)));
    assert_int_equal(self->frame.result, 0);
    assert_true(self->ended >= 21 && self->ended <= 41);
    gyre_server_free(self->server);
    GYRE_END;
}
static void aborted_before_accept(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_aborted), 0);
}

/* ---- the limit holds for all addresses together; two listeners may both have accepted ---- */

struct main_limit {
    gyre_frame frame;
    gyre_server *server;
    gyre_address addresses[3];
    int ended, i, fds[3];
    char buffer[8];
};
GYRE_CORO(main_limit)
{
    GYRE_BEGIN;
    for (self->i = 0; self->i < 3; self->i++)
        assert_int_equal(gyre_address_parse(&self->addresses[self->i],
                                            (const char *[]){"127.0.0.1", "127.0.0.2", "127.0.0.3"}[self->i],
                                            0),
                         0);
    assert_int_equal(GYRE_START_SERVER(&self->server,
                                       ((gyre_server_options){.addresses = self->addresses,
                                                              .address_count = 3,
                                                              .max_connections = 1}),
                                       count_session, .ended = &self->ended),
                     0);
    GYRE_TRY(gyre_sleep(GYRE_MS(1))); /* all three accept */
    for (self->i = 0; self->i < 3; self->i++) {
        assert_int_equal(gyre_server_address(self->server, (size_t)self->i, &self->addresses[self->i]), 0);
        self->fds[self->i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(self->fds[self->i], gyre_address_raw(&self->addresses[self->i]),
                                 self->addresses[self->i].length),
                         0);
    }
    GYRE_TRY(gyre_sleep(GYRE_MS(3)));
    assert_int_equal(gyre_server_connections(self->server), 1);
    /* As each leaves, the next one is served. */
    for (self->i = 0; self->i < 3; self->i++) {
        say(self->fds[self->i], "ping");
        GYRE_TRY(gyre_sleep(GYRE_MS(5)));
        assert_true(gyre_server_connections(self->server) <= 1);
        close(self->fds[self->i]);
        GYRE_TRY(gyre_sleep(GYRE_MS(5)));
    }
    assert_int_equal(self->ended, 3);
    gyre_server_free(self->server);
    GYRE_END;
}
static void limit_over_several_addresses(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_limit), 0);
}

/* ---- descriptors that others have made not to block ---- */

struct main_nonblock {
    gyre_frame frame;
    gyre_stream *a, *b;
    gyre_loop_stats before, after;
    char *big;
    char buffer[30000];
    size_t got;
    int64_t n;
};

static void open_nonblocking(struct main_nonblock *self, bool pipes)
{
    int fds[2];

    if (pipes) /* the reading end comes first */
        assert_int_equal(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
    else
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(gyre_stream_new(gyre_loop_current(), fds[0], NULL, &self->b), 0);
    assert_int_equal(gyre_stream_new(gyre_loop_current(), fds[1], NULL, &self->a), 0);
}

struct nonblock {
    gyre_frame frame;
    struct main_nonblock *all;
    bool pipes;
    int64_t n;
};
GYRE_CORO(nonblock)
{
    GYRE_BEGIN;
    open_nonblocking(self->all, self->pipes);
    self->all->got = 0;
    /* Waiting costs no iterations. */
    gyre_loop_get_stats(gyre_loop_current(), &self->all->before);
    GYRE_AWAIT(self->n, gyre_wait_for(gyre_stream_read(self->all->b, self->all->buffer, 100), GYRE_MS(20)));
    assert_int_equal(self->n, GYRE_ETIMEOUT);
    gyre_loop_get_stats(gyre_loop_current(), &self->all->after);
    assert_true(self->all->after.iterations - self->all->before.iterations < 50);
    assert_int_equal(gyre_stream_write_soon(self->all->a, self->all->big, 500000), 500000);
    GYRE_TRY(gyre_sleep(GYRE_MS(20)));
    gyre_loop_get_stats(gyre_loop_current(), &self->all->before);
    assert_true(self->all->before.iterations - self->all->after.iterations < 50);
    while (self->all->got < 500000) {
        GYRE_TRY(self->n, gyre_stream_read(self->all->b, self->all->buffer, sizeof(self->all->buffer)));
        self->all->got += (size_t)self->n;
    }
    gyre_stream_abort(self->all->a);
    gyre_stream_abort(self->all->b);
    GYRE_END;
}

GYRE_CORO(main_nonblock)
{
    GYRE_BEGIN;
    self->big = calloc(1, 500000);
    GYRE_TRY(GYRE_CALL(nonblock, .all = self));
    GYRE_TRY(GYRE_CALL(nonblock, .all = self, .pipes = true));
    free(self->big);
    GYRE_END;
}
static void nonblocking_descriptors(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_nonblock), 0);
}

/* ---- what was peeked at stays where it is while more arrives ---- */

struct main_peek {
    gyre_frame frame;
    gyre_stream *stream;
    const char *line, *rest;
    size_t size;
    char chunk[3000];
    int peer, i;
    int64_t n;
};
GYRE_CORO(main_peek)
{
    GYRE_BEGIN;
    self->stream = meet(&self->peer, NULL);
    say(self->peer, "a line\nthe rest");
    GYRE_AWAIT(self->n, gyre_stream_readline(self->stream, &self->line));
    memset(self->chunk, 'x', sizeof(self->chunk));
    for (self->i = 0; self->i < 8; self->i++) {
        self->rest = gyre_stream_peek(self->stream, &self->size);
        assert_int_equal(send(self->peer, self->chunk, sizeof(self->chunk), 0), sizeof(self->chunk));
        GYRE_TRY(gyre_sleep(GYRE_MS(1)));
        assert_memory_equal(self->line, "a line\n", 7);
        assert_memory_equal(self->rest, "the rest", 8);
        assert_int_equal(self->rest[self->size - 1], self->i ? 'x' : 't');
    }
    gyre_stream_abort(self->stream);
    close(self->peer);
    GYRE_END;
}
static void peeked_bytes_stay(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_peek), 0);
}

/* ---- a reader that always finds bytes can be cancelled ---- */

struct read_all {
    gyre_frame frame;
    gyre_stream *stream; /* borrowed */
    char *buffer;
    int64_t n, caught;
};
GYRE_CORO(read_all)
{
    GYRE_BEGIN;
    for (;;)
        GYRE_TRY(self->n, gyre_stream_read(self->stream, self->buffer, 65536));
    GYRE_END;
}

struct main_busy {
    gyre_frame frame;
    gyre_stream *stream;
    gyre_task *reader;
    char *buffer, *big;
    int peer, i;
    int64_t n;
};
GYRE_CORO(main_busy)
{
    GYRE_BEGIN;
    self->buffer = malloc(65536);
    self->big = calloc(1, 3000000);
    self->stream = meet(&self->peer, NULL);
    self->reader = GYRE_SPAWN(read_all, .stream = self->stream, .buffer = self->buffer);
    for (self->i = 0; self->i < 200 && !gyre_task_done(self->reader); self->i++) {
        while (send(self->peer, self->big, 3000000, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
            ;
        if (self->i == 5)
            gyre_task_cancel(self->reader);
        GYRE_TRY(gyre_sleep(0));
    }
    assert_true(self->i < 20);
    GYRE_AWAIT(self->n, self->reader);
    assert_int_equal(self->n, GYRE_ECANCELLED);
    gyre_task_unref(self->reader);
    gyre_stream_abort(self->stream);
    close(self->peer);
    free(self->big);
    free(self->buffer);
    GYRE_END;
}
static void busy_reader_is_cancelled(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_busy), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resets),
        cmocka_unit_test(data_then_reset),
        cmocka_unit_test(half_closes),
        cmocka_unit_test(stalls),
        cmocka_unit_test(floods),
        cmocka_unit_test(one_byte_at_a_time),
        cmocka_unit_test(aborted_before_accept),
        cmocka_unit_test(limit_over_several_addresses),
        cmocka_unit_test(nonblocking_descriptors),
        cmocka_unit_test(peeked_bytes_stay),
        cmocka_unit_test(busy_reader_is_cancelled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
