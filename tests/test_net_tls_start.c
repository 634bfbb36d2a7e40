/* Starting TLS on a live stream and ending it: in place, refused, injected into, stalled, cancelled, closed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/stream_tls.h"
#include "net/transport.h"
#include "support/tls_world.h"
#include "task/run.h"
#include "task/sleep.h"
#include "task/task.h"
#include "task/timeout.h"

static tls_world world;
static gyre_tls_context *server_context, *client_context;

#define AS_LOCALHOST (&(gyre_start_tls_options){.server_name = "localhost"})

/* ---- in place, after a talk in the clear ---- */

struct mail_server {
    gyre_frame frame;
    gyre_stream *stream;
    const char *line;
    int64_t n;
};
GYRE_CORO(mail_server)
{
    GYRE_BEGIN;
    GYRE_TRY(self->n, gyre_stream_readline(self->stream, &self->line));
    assert_int_equal(self->n, 9);
    assert_memory_equal(self->line, "STARTTLS\n", 9);
    GYRE_TRY(gyre_stream_write(self->stream, "go ahead\n", 9));
    GYRE_TRY(gyre_start_tls(self->stream, server_context, NULL));
    GYRE_TRY(self->n, gyre_stream_readline(self->stream, &self->line));
    GYRE_TRY(gyre_stream_write(self->stream, self->line, (size_t)self->n));
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
    GYRE_END;
}

struct main_upgrade {
    gyre_frame frame;
    gyre_stream *client, *server;
    gyre_task *task;
    const char *line;
    int64_t n;
};
GYRE_CORO(main_upgrade)
{
    GYRE_BEGIN;
    plain_pair(NULL, &self->client, &self->server);
    self->task = GYRE_SPAWN(mail_server, .stream = self->server);
    assert_null(gyre_stream_tls(self->client));
    GYRE_TRY(gyre_stream_write(self->client, "STARTTLS\n", 9));
    GYRE_TRY(self->n, gyre_stream_readline(self->client, &self->line));
    assert_memory_equal(self->line, "go ahead\n", 9);
    GYRE_TRY(gyre_start_tls(self->client, client_context, AS_LOCALHOST));
    assert_non_null(gyre_stream_tls(self->client));
    GYRE_AWAIT(self->n, gyre_start_tls(self->client, client_context, AS_LOCALHOST));
    assert_int_equal(self->n, GYRE_ESTATE);
    GYRE_TRY(gyre_stream_write(self->client, "secret\n", 7));
    GYRE_TRY(self->n, gyre_stream_readline(self->client, &self->line));
    assert_int_equal(self->n, 7);
    assert_memory_equal(self->line, "secret\n", 7);
    GYRE_TRY(gyre_stream_close(self->client));
    GYRE_TRY(self->task);
    gyre_task_unref(self->task);
    GYRE_END;
}
static void upgrade(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_upgrade), 0);
}

/* The client does not wait for the answer: its first TLS bytes were read ahead with the line. */
struct pushy_server {
    gyre_frame frame;
    gyre_stream *stream;
    bool clear; /* no line comes before the handshake */
    const char *line;
    int64_t n;
};
GYRE_CORO(pushy_server)
{
    GYRE_BEGIN;
    if (!self->clear) {
        GYRE_TRY(gyre_stream_fill(self->stream, 20)); /* more than the line */
        GYRE_TRY(self->n, gyre_stream_readline(self->stream, &self->line));
    }
    GYRE_TRY(gyre_start_tls(self->stream, server_context, NULL));
    GYRE_TRY(self->n, gyre_stream_readline(self->stream, &self->line));
    assert_memory_equal(self->line, "hello\n", 6);
    GYRE_END;
}
struct main_pushy {
    gyre_frame frame;
    gyre_stream *client, *server;
    gyre_task *task;
};
GYRE_CORO(main_pushy)
{
    GYRE_BEGIN;
    plain_pair(NULL, &self->client, &self->server);
    self->task = GYRE_SPAWN(pushy_server, .stream = self->server);
    assert_int_equal(gyre_stream_write_soon(self->client, "STARTTLS\n", 9), 9);
    GYRE_TRY(gyre_start_tls(self->client, client_context, AS_LOCALHOST));
    GYRE_TRY(gyre_stream_write(self->client, "hello\n", 6));
    GYRE_TRY(self->task);
    gyre_task_unref(self->task);
    gyre_stream_abort(self->client);
    gyre_stream_abort(self->server);
    GYRE_END;
}
static void read_ahead(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_pushy), 0);
}

/* What was written in the clear and has not gone yet goes in the clear, before the handshake. */
enum { UNSENT = 500000 };

struct main_unsent {
    gyre_frame frame;
    gyre_stream *client, *server;
    gyre_task *task;
    char *data;
    int64_t n;
};
GYRE_CORO(main_unsent)
{
    GYRE_BEGIN;
    plain_pair(NULL, &self->client, &self->server);
    self->data = calloc(1, UNSENT);
    assert_non_null(self->data);
    assert_int_equal(gyre_stream_write_soon(self->server, self->data, UNSENT), UNSENT);
    assert_true(gyre_stream_unsent(self->server) > 0);
    self->task = GYRE_SPAWN(pushy_server, .stream = self->server, .clear = true);
    GYRE_TRY(self->n, gyre_stream_read_exactly(self->client, self->data, UNSENT));
    GYRE_TRY(gyre_start_tls(self->client, client_context, AS_LOCALHOST));
    GYRE_TRY(gyre_stream_write(self->client, "hello\n", 6));
    GYRE_TRY(self->task);
    gyre_stream_abort(self->client);
    gyre_stream_abort(self->server);
    GYRE_FINALLY;
    gyre_task_unref(self->task);
    free(self->data);
    GYRE_END;
}
static void unsent_before(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_unsent), 0);
}

/* ---- injections ---- */

struct main_injected {
    gyre_frame frame;
    gyre_stream *client, *server;
    const char *line;
    char buffer[64];
    int64_t n;
};
GYRE_CORO(main_injected)
{
    GYRE_BEGIN;
    /* Into the server: what follows the command in the clear is never taken for a message. */
    plain_pair(NULL, &self->client, &self->server);
    GYRE_TRY(gyre_stream_write(self->client, "STARTTLS\nEVIL COMMAND\n", 22));
    GYRE_TRY(self->n, gyre_stream_readline(self->server, &self->line));
    GYRE_AWAIT(self->n, gyre_start_tls(self->server, server_context, NULL));
    assert_int_equal(self->n, GYRE_ETLS);
    assert_true(strlen(gyre_error_text(gyre_error_current())) > 0);
    GYRE_AWAIT(self->n, gyre_stream_readline(self->server, &self->line));
    assert_int_equal(self->n, GYRE_ETLS);
    GYRE_AWAIT(self->n, gyre_stream_write(self->server, "x", 1));
    assert_int_equal(self->n, GYRE_ETLS);
    GYRE_AWAIT(self->n, gyre_stream_close(self->server));
    assert_int_equal(self->n, 0);
    GYRE_AWAIT(self->n, gyre_stream_close(self->client));
    assert_int_equal(self->n, 0);
    /* Into the client. */
    plain_pair(NULL, &self->client, &self->server);
    GYRE_TRY(gyre_stream_write(self->server, "go ahead\nEVIL ANSWER\n", 21));
    GYRE_TRY(self->n, gyre_stream_readline(self->client, &self->line));
    GYRE_AWAIT(self->n, gyre_start_tls(self->client, client_context, AS_LOCALHOST));
    assert_int_equal(self->n, GYRE_ETLS);
    assert_non_null(strstr(gyre_error_text(gyre_error_current()), "before"));
    gyre_stream_abort(self->client);
    gyre_stream_abort(self->server);
    GYRE_END;
}
static void injected(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_injected), 0);
}

/* ---- refusals ---- */

struct reader {
    gyre_frame frame;
    gyre_stream *stream;
    char buffer[8];
    int64_t n;
};
GYRE_CORO(reader)
{
    GYRE_BEGIN;
    GYRE_TRY(self->n, gyre_stream_read(self->stream, self->buffer, sizeof(self->buffer)));
    GYRE_RETURN(self->n);
    GYRE_END;
}
struct starter {
    gyre_frame frame;
    gyre_stream *stream;
    gyre_tls_context *context;
    int64_t timeout;
};
GYRE_CORO(starter)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_start_tls(self->stream, self->context,
                            &(gyre_start_tls_options){.server_name = "localhost",
                                                      .handshake_timeout_ns = self->timeout}));
    GYRE_END;
}

static void data_received(void *self, const char *data, size_t size)
{
    (void)self;
    (void)data;
    (void)size;
}

struct main_refused {
    gyre_frame frame;
    gyre_stream *client, *server;
    gyre_task *task;
    gyre_transport *transport;
    char buffer[8];
    int fds[2];
    int64_t n;
};
GYRE_CORO(main_refused)
{
    static const gyre_protocol protocol = {.data_received = data_received};

    GYRE_BEGIN;
    plain_pair(NULL, &self->client, &self->server);
    self->task = GYRE_SPAWN(reader, .stream = self->client);
    GYRE_TRY(gyre_sleep(0));
    GYRE_AWAIT(self->n, gyre_start_tls(self->client, client_context, AS_LOCALHOST));
    assert_int_equal(self->n, -EBUSY);
    gyre_task_cancel(self->task);
    GYRE_AWAIT(self->n, self->task);
    gyre_task_unref(self->task);
    GYRE_AWAIT(self->n, gyre_start_tls(self->client, client_context, NULL));
    assert_int_equal(self->n, -EINVAL);
    assert_null(gyre_stream_tls(self->client));
    /* During the handshake nobody else may touch it. */
    self->task = GYRE_SPAWN(starter, .stream = self->client, .context = client_context);
    GYRE_TRY(gyre_sleep(0));
    GYRE_AWAIT(self->n, gyre_stream_read(self->client, self->buffer, 1));
    assert_int_equal(self->n, -EBUSY);
    GYRE_AWAIT(self->n, gyre_stream_write(self->client, "x", 1));
    assert_int_equal(self->n, -EBUSY);
    assert_int_equal(gyre_stream_write_eof(self->client), -EBUSY);
    GYRE_AWAIT(self->n, gyre_start_tls(self->client, client_context, AS_LOCALHOST));
    assert_int_equal(self->n, GYRE_ESTATE);
    assert_int_equal(gyre_transport_new(self->client, &protocol, NULL, &self->transport), -EBUSY);
    /* It goes on all the same. */
    GYRE_TRY(gyre_start_tls(self->server, server_context, NULL));
    GYRE_TRY(self->task);
    gyre_task_unref(self->task);
    gyre_stream_abort(self->client);
    gyre_stream_abort(self->server);
    /* After write_eof, and on a pipe. */
    plain_pair(NULL, &self->client, &self->server);
    assert_int_equal(gyre_stream_write_eof(self->client), 0);
    GYRE_AWAIT(self->n, gyre_start_tls(self->client, client_context, AS_LOCALHOST));
    assert_int_equal(self->n, GYRE_ESTATE);
    gyre_stream_abort(self->client);
    gyre_stream_abort(self->server);
    assert_int_equal(pipe(self->fds), 0);
    assert_int_equal(gyre_stream_new(gyre_loop_current(), self->fds[0], NULL, &self->client), 0);
    GYRE_AWAIT(self->n, gyre_start_tls(self->client, client_context, AS_LOCALHOST));
    assert_int_equal(self->n, -ENOTSOCK);
    gyre_stream_abort(self->client);
    close(self->fds[1]);
    GYRE_END;
}
static void refused(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_refused), 0);
}

/* ---- given up: the time limit, cancelled, closed, the peer goes ---- */

enum given_up { BY_TIME, BY_CANCEL, BY_CLOSE, BY_ABORT, BY_PEER, BY_PEER_RESET };

struct main_given_up {
    gyre_frame frame;
    bool server_side;
    enum given_up how;
    gyre_stream *stream, *peer;
    gyre_task *task;
    char buffer[8];
    int64_t n, rc;
};
GYRE_CORO(main_given_up)
{
    GYRE_BEGIN;
    plain_pair(NULL, &self->stream, &self->peer);
    self->task = GYRE_SPAWN(starter, .stream = self->stream,
                            .context = self->server_side ? server_context : client_context,
                            .timeout = GYRE_MS(self->how == BY_TIME ? 20 : 20000));
    GYRE_TRY(gyre_sleep(GYRE_MS(5)));
    if (self->how == BY_CANCEL)
        gyre_task_cancel(self->task);
    if (self->how == BY_PEER || self->how == BY_PEER_RESET) {
        if (self->how == BY_PEER)
            assert_int_equal(gyre_stream_write_eof(self->peer), 0);
        else
            gyre_stream_abort(self->peer); /* with the client's bytes unread */
    }
    if (self->how == BY_CLOSE) {
        GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
        assert_int_equal(self->n, 0);
    } else if (self->how == BY_ABORT) {
        gyre_stream_abort(self->stream);
    }
    GYRE_AWAIT(self->rc, self->task);
    gyre_task_unref(self->task);
    if (self->how != BY_CLOSE && self->how != BY_ABORT) {
        GYRE_AWAIT(self->n, gyre_stream_read(self->stream, self->buffer, 1));
        assert_true(self->n < 0);
        GYRE_AWAIT(self->n, gyre_stream_write(self->stream, "x", 1));
        assert_true(self->n < 0);
        GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
    }
    if (self->how != BY_PEER_RESET)
        gyre_stream_abort(self->peer);
    GYRE_RETURN(self->rc);
    GYRE_END;
}
static void given_up(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        assert_int_equal(GYRE_RUN(main_given_up, .server_side = side, .how = BY_TIME),
                         GYRE_ETIMEOUT);
        assert_int_equal(GYRE_RUN(main_given_up, .server_side = side, .how = BY_CANCEL),
                         GYRE_ECANCELLED);
        assert_int_equal(GYRE_RUN(main_given_up, .server_side = side, .how = BY_CLOSE), -EBADF);
        assert_int_equal(GYRE_RUN(main_given_up, .server_side = side, .how = BY_ABORT), -EBADF);
        assert_int_equal(GYRE_RUN(main_given_up, .server_side = side, .how = BY_PEER),
                         GYRE_ETLSTRUNCATED);
    }
    assert_int_equal(GYRE_RUN(main_given_up, .how = BY_PEER_RESET), -ECONNRESET);
}

/* ---- the graceful end ---- */

/* A peer that never answers close_notify. */
struct main_no_answer {
    gyre_frame frame;
    gyre_tls_context *context;
    gyre_stream *client, *server;
    bool cancel;
    char buffer[8];
    int64_t n;
};
GYRE_CORO(main_no_answer)
{
    GYRE_BEGIN;
    self->context =
        tls_world_client(&world, (gyre_tls_options){.shutdown_timeout_ns = GYRE_MS(20)});
    GYRE_TRY(GYRE_CALL(tls_pair_start, .client_context = self->context,
                       .server_context = server_context, .out_client = &self->client,
                       .out_server = &self->server));
    /* What it sends meanwhile is dropped, however much. */
    for (int i = 0; i < 100; i++)
        assert_int_equal(gyre_stream_write_soon(self->server, "chatter", 7), 7);
    if (self->cancel)
        GYRE_AWAIT(self->n, gyre_wait_for(gyre_stream_close(self->client), GYRE_MS(5)));
    else
        GYRE_AWAIT(self->n, gyre_stream_close(self->client));
    assert_int_equal(self->n, GYRE_ETIMEOUT);
    GYRE_AWAIT(self->n, gyre_stream_read(self->server, self->buffer, 1));
    assert_int_equal(self->n, 0);
    GYRE_AWAIT(self->n, gyre_stream_close(self->server));
    GYRE_FINALLY;
    gyre_tls_context_unref(self->context);
    GYRE_END;
}
static void no_answer(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_no_answer), 0);
    assert_int_equal(GYRE_RUN(main_no_answer, .cancel = true), 0);
}

/* Cancelled reads lose nothing; an abort is a truncation for the peer. */
struct main_cancelled_read {
    gyre_frame frame;
    gyre_stream *client, *server;
    gyre_task *task;
    char buffer[8];
    int64_t n;
};
GYRE_CORO(main_cancelled_read)
{
    GYRE_BEGIN;
    GYRE_TRY(GYRE_CALL(tls_pair_start, .client_context = client_context,
                       .server_context = server_context, .out_client = &self->client,
                       .out_server = &self->server));
    self->task = GYRE_SPAWN(reader, .stream = self->server);
    GYRE_TRY(gyre_sleep(0));
    GYRE_AWAIT(self->n, gyre_stream_read(self->server, self->buffer, 1));
    assert_int_equal(self->n, -EBUSY);
    gyre_task_cancel(self->task);
    GYRE_AWAIT(self->n, self->task);
    assert_int_equal(self->n, GYRE_ECANCELLED);
    gyre_task_unref(self->task);
    GYRE_TRY(gyre_stream_write(self->client, "kept", 4));
    GYRE_TRY(self->n, gyre_stream_read_exactly(self->server, self->buffer, 4));
    assert_memory_equal(self->buffer, "kept", 4);
    gyre_stream_abort(self->client);
    GYRE_AWAIT(self->n, gyre_stream_read(self->server, self->buffer, 4));
    assert_int_equal(self->n, GYRE_ETLSTRUNCATED);
    GYRE_AWAIT(self->n, gyre_stream_close(self->server));
    GYRE_END;
}
static void cancelled_read(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_cancelled_read), 0);
}

static int open_world(void **state)
{
    (void)state;
    tls_world_open(&world);
    server_context = tls_world_server(&world, (gyre_tls_options){0});
    client_context = tls_world_client(&world, (gyre_tls_options){0});
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    gyre_tls_context_unref(server_context);
    gyre_tls_context_unref(client_context);
    tls_world_close(&world);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(upgrade),        cmocka_unit_test(read_ahead),
        cmocka_unit_test(injected),       cmocka_unit_test(refused),
        cmocka_unit_test(given_up),       cmocka_unit_test(no_answer),
        cmocka_unit_test(cancelled_read), cmocka_unit_test(unsent_before),
    };

    return cmocka_run_group_tests(tests, open_world, close_world);
}
