/*
 * Transports: the order of callbacks, pausing in both directions, half-close, and every way to end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/transport.h"
#include "task/run.h"
#include "task/sleep.h"

/* Writes down what it is told: M made, D data, E eof, L lost, P pause, R resume. */
struct log {
    gyre_transport *transport;
    char events[64];
    size_t count, bytes;
    int64_t error;
    bool keep_open, echo, lost;
};

static void note(struct log *log, char event)
{
    if (log->count && event == 'D' && log->events[log->count - 1] == 'D')
        return;
    assert_true(log->count + 1 < sizeof(log->events));
    log->events[log->count++] = event;
}

static void made(void *self, gyre_transport *transport)
{
    struct log *log = self;

    log->transport = transport;
    note(log, 'M');
}

static void data(void *self, const char *bytes, size_t size)
{
    struct log *log = self;

    note(log, 'D');
    log->bytes += size;
    if (log->echo)
        gyre_transport_write(log->transport, bytes, size);
}

static bool eof(void *self)
{
    struct log *log = self;

    note(log, 'E');
    return log->keep_open;
}

static void lost(void *self, int64_t error)
{
    struct log *log = self;

    note(log, 'L');
    log->error = error;
    log->lost = true;
}

static void pause_writing(void *self)
{
    note(self, 'P');
}

static void resume_writing(void *self)
{
    note(self, 'R');
}

static const gyre_protocol protocol = {made, data, eof, lost, pause_writing, resume_writing};

struct fixture {
    gyre_stream *peer;
    struct log log;
    gyre_transport *transport;
};

static void open_fixture(struct fixture *fixture)
{
    gyre_stream *stream;
    int fds[2];

    memset(fixture, 0, sizeof(*fixture));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(gyre_stream_new(gyre_loop_current(), fds[0], NULL, &fixture->peer), 0);
    assert_int_equal(gyre_stream_new(gyre_loop_current(), fds[1], NULL, &stream), 0);
    assert_int_equal(gyre_transport_new(stream, &protocol, &fixture->log, &fixture->transport), 0);
}

struct main_events {
    gyre_frame frame;
    struct fixture f;
    char *big;
    char buffer[70000];
    size_t got;
    int64_t n;
};
GYRE_CORO(main_events)
{
    GYRE_BEGIN;
    open_fixture(&self->f);
    self->f.log.echo = true;
    GYRE_AWAIT(self->n, gyre_stream_write(self->f.peer, "hello", 5));
    GYRE_AWAIT(self->n, gyre_stream_read_exactly(self->f.peer, self->buffer, 5));
    assert_memory_equal(self->buffer, "hello", 5);
    assert_string_equal(self->f.log.events, "MD");
    assert_ptr_equal(gyre_transport_get_protocol(self->f.transport), &protocol);
    /* Paused: nothing is told, and what came is told on resuming. */
    gyre_transport_pause_reading(self->f.transport);
    assert_false(gyre_transport_is_reading(self->f.transport));
    GYRE_AWAIT(self->n, gyre_stream_write(self->f.peer, "more", 4));
    GYRE_AWAIT(self->n, gyre_sleep(GYRE_MS(2)));
    assert_int_equal(self->f.log.bytes, 5);
    gyre_transport_resume_reading(self->f.transport);
    GYRE_AWAIT(self->n, gyre_stream_read_exactly(self->f.peer, self->buffer, 4));
    assert_int_equal(self->f.log.bytes, 9);
    /* Too much is unsent: pause, and resume when the peer has read. */
    self->f.log.echo = false;
    self->big = calloc(1, 1000000);
    assert_int_equal(gyre_transport_write(self->f.transport, self->big, 1000000), 1000000);
    GYRE_AWAIT(self->n, gyre_sleep(GYRE_MS(1)));
    assert_string_equal(self->f.log.events, "MDP");
    while (self->got < 1000000) {
        GYRE_AWAIT(self->n, gyre_stream_read(self->f.peer, self->buffer, sizeof(self->buffer)));
        assert_true(self->n > 0);
        self->got += (size_t)self->n;
    }
    GYRE_AWAIT(self->n, gyre_sleep(GYRE_MS(1)));
    assert_string_equal(self->f.log.events, "MDPR");
    /* Half-close from the peer, kept open on this side. */
    self->f.log.keep_open = true;
    assert_int_equal(gyre_stream_write_eof(self->f.peer), 0);
    GYRE_AWAIT(self->n, gyre_sleep(GYRE_MS(1)));
    assert_string_equal(self->f.log.events, "MDPRE");
    assert_false(gyre_transport_is_closing(self->f.transport));
    assert_int_equal(gyre_transport_write(self->f.transport, "last", 4), 4);
    gyre_transport_close(self->f.transport);
    gyre_transport_close(self->f.transport);
    assert_true(gyre_transport_is_closing(self->f.transport));
    GYRE_AWAIT(self->n, gyre_stream_read_exactly(self->f.peer, self->buffer, 4));
    GYRE_AWAIT(self->n, gyre_sleep(GYRE_MS(1)));
    assert_string_equal(self->f.log.events, "MDPREL");
    assert_int_equal(self->f.log.error, 0);
    gyre_stream_abort(self->f.peer);
    free(self->big);
    GYRE_END;
}
static void events_in_order(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_events), 0);
}

struct main_ends {
    gyre_frame frame;
    struct fixture f;
    int64_t n;
};
GYRE_CORO(main_ends)
{
    GYRE_BEGIN;
    /* The peer ends the stream: eof, then lost. */
    open_fixture(&self->f);
    gyre_stream_abort(self->f.peer);
    GYRE_AWAIT(self->n, gyre_sleep(GYRE_MS(1)));
    assert_string_equal(self->f.log.events, "MEL");
    /* Aborted before the first callback, which comes all the same. */
    open_fixture(&self->f);
    gyre_transport_abort(self->f.transport);
    GYRE_AWAIT(self->n, gyre_sleep(GYRE_MS(1)));
    assert_string_equal(self->f.log.events, "ML");
    gyre_stream_abort(self->f.peer);
    /* A write to a peer that is gone. */
    open_fixture(&self->f);
    self->f.log.keep_open = true;
    gyre_stream_abort(self->f.peer);
    GYRE_AWAIT(self->n, gyre_sleep(GYRE_MS(1)));
    assert_true(gyre_transport_write(self->f.transport, "x", 1) < 0);
    GYRE_AWAIT(self->n, gyre_sleep(GYRE_MS(1)));
    assert_string_equal(self->f.log.events, "MEL");
    assert_true(self->f.log.error < 0);
    /* The loop ends first: lost is told all the same. */
    open_fixture(&self->f);
    gyre_stream_abort(self->f.peer);
    GYRE_END;
}
static void every_end_is_told(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_ends), 0);
}

static struct log server_log, client_log;

static void *factory(void *arg)
{
    return arg;
}

struct main_server {
    gyre_frame frame;
    gyre_server *server;
    gyre_transport *transport;
    int64_t rc;
};
GYRE_CORO(main_server)
{
    GYRE_BEGIN;
    memset(&server_log, 0, sizeof(server_log));
    memset(&client_log, 0, sizeof(client_log));
    server_log.echo = true;
    self->rc = gyre_create_server(gyre_loop_current(), &(gyre_server_options){.host = "127.0.0.1"},
                                  &protocol, factory, &server_log, &self->server);
    assert_int_equal(self->rc, 0);
    GYRE_AWAIT(self->rc, gyre_create_connection("127.0.0.1", gyre_server_port(self->server), NULL,
                                                &protocol, &client_log, &self->transport));
    assert_int_equal(self->rc, 0);
    assert_int_equal(client_log.count, 0);
    assert_int_equal(gyre_transport_write(self->transport, "ping", 4), 4);
    while (client_log.bytes < 4)
        GYRE_AWAIT(self->rc, gyre_sleep(GYRE_MS(1)));
    gyre_transport_close(self->transport);
    while (!server_log.lost || !client_log.lost)
        GYRE_AWAIT(self->rc, gyre_sleep(GYRE_MS(1)));
    assert_string_equal(server_log.events, "MDEL");
    assert_string_equal(client_log.events, "MDL");
    gyre_server_free(self->server);
    GYRE_END;
}
static void server_and_client(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_server), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_in_order),
        cmocka_unit_test(every_end_is_told),
        cmocka_unit_test(server_and_client),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
