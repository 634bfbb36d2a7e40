/* TLS from the beginning: connections, servers, and handshakes that fail on either side. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "loop/error_internal.h"
#include "net/connect.h"
#include "net/server.h"
#include "net/stream_tls.h"
#include "support/tls_world.h"
#include "task/run.h"
#include "task/sleep.h"
#include "task/timeout.h"

static tls_world world;
static gyre_tls_context *server_context, *client_context;

/* What servers here say and are told. */
struct log {
    size_t sessions, failures;
    int64_t error;
    char text[256];
    uint16_t peer_port;
};

struct echo {
    gyre_frame frame;
    gyre_stream *stream;
    struct log *log;
    char buffer[512];
    int64_t n;
};
GYRE_CORO(echo)
{
    GYRE_BEGIN;
    self->log->sessions++;
    assert_true(gyre_tls_engine_is_ready(gyre_stream_tls(self->stream)));
    for (;;) {
        GYRE_TRY(self->n, gyre_stream_read(self->stream, self->buffer, sizeof(self->buffer)));
        if (self->n == 0)
            break;
        GYRE_TRY(gyre_stream_write(self->stream, self->buffer, (size_t)self->n));
    }
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
    GYRE_END;
}

static void note_error(void *arg, const gyre_address *peer, int64_t error)
{
    struct log *log = arg;

    log->failures++;
    log->error = error;
    log->peer_port = gyre_address_port(peer);
    snprintf(log->text, sizeof(log->text), "%s", gyre_error_text(gyre_error_current()));
}

#define OPTIONS(log_, context_)                                                                    \
    ((gyre_server_options){.host = "127.0.0.1",                                                    \
                           .tls = (context_),                                                      \
                           .on_tls_error = note_error,                                             \
                           .on_tls_error_arg = (log_)})

/* ---- all is well ---- */

struct main_connect {
    gyre_frame frame;
    struct log log;
    gyre_server *server;
    gyre_stream *stream;
    gyre_address address;
    const char *name;
    char buffer[8];
    bool again;
    int64_t n;
};
GYRE_CORO(main_connect)
{
    GYRE_BEGIN;
    assert_int_equal(GYRE_START_SERVER(&self->server, OPTIONS(&self->log, client_context), echo),
                     -EINVAL);
    assert_int_equal(GYRE_START_SERVER(&self->server, OPTIONS(&self->log, server_context), echo,
                                       .log = &self->log),
                     0);
    /* By name, twice: the second time the session is resumed. */
    for (self->again = false;; self->again = true) {
        GYRE_TRY(gyre_open_connection("localhost", gyre_server_port(self->server),
                                      &(gyre_connect_options){.tls = client_context},
                                      &self->stream));
        assert_string_equal(gyre_tls_engine_server_name(gyre_stream_tls(self->stream)),
                            "localhost");
        assert_true(gyre_tls_engine_resumed(gyre_stream_tls(self->stream)) == self->again);
        GYRE_TRY(gyre_stream_write(self->stream, "hello", 5));
        GYRE_TRY(gyre_stream_read_exactly(self->stream, self->buffer, 5));
        assert_memory_equal(self->buffer, "hello", 5);
        GYRE_TRY(gyre_stream_close(self->stream));
        if (self->again)
            break;
    }
    /* By address, which is in the certificate, too; by address with a name. */
    GYRE_TRY(gyre_open_connection("127.0.0.1", gyre_server_port(self->server),
                                  &(gyre_connect_options){.tls = client_context}, &self->stream));
    assert_string_equal(gyre_tls_engine_verified_name(gyre_stream_tls(self->stream)), "127.0.0.1");
    assert_string_equal(gyre_tls_engine_server_name(gyre_stream_tls(self->stream)), "");
    GYRE_TRY(gyre_stream_close(self->stream));
    assert_int_equal(gyre_server_address(self->server, 0, &self->address), 0);
    GYRE_TRY(gyre_open_connection_to(&self->address, &(gyre_connect_options){.tls = client_context},
                                     &self->stream));
    GYRE_TRY(gyre_stream_close(self->stream));
    GYRE_TRY(gyre_open_connection_to(
        &self->address,
        &(gyre_connect_options){.tls = client_context, .tls_server_name = "localhost"},
        &self->stream));
    assert_string_equal(gyre_tls_engine_verified_name(gyre_stream_tls(self->stream)), "localhost");
    GYRE_TRY(gyre_stream_close(self->stream));
    GYRE_TRY(gyre_server_stop(self->server, GYRE_SECONDS(5)));
    assert_int_equal(self->log.sessions, 5);
    assert_int_equal(self->log.failures, 0);
    GYRE_FINALLY;
    gyre_server_free(self->server);
    GYRE_END;
}
static void connects(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_connect), 0);
}

struct main_unix {
    gyre_frame frame;
    struct log log;
    gyre_server *server;
    gyre_stream *stream;
    gyre_server_options options;
    char path[64], buffer[8];
    int64_t n;
};
GYRE_CORO(main_unix)
{
    GYRE_BEGIN;
    snprintf(self->path, sizeof(self->path), "/tmp/gyre-tls-%d", (int)getpid());
    self->options = OPTIONS(&self->log, server_context);
    self->options.host = NULL;
    self->options.unix_path = self->path;
    assert_int_equal(GYRE_START_SERVER(&self->server, self->options, echo, .log = &self->log), 0);
    GYRE_AWAIT(self->n,
               gyre_open_unix_connection(self->path, &(gyre_connect_options){.tls = client_context},
                                         &self->stream));
    assert_int_equal(self->n, -EINVAL);
    assert_null(self->stream);
    GYRE_TRY(gyre_open_unix_connection(
        self->path, &(gyre_connect_options){.tls = client_context, .tls_server_name = "localhost"},
        &self->stream));
    GYRE_TRY(gyre_stream_write(self->stream, "hello", 5));
    GYRE_TRY(gyre_stream_read_exactly(self->stream, self->buffer, 5));
    GYRE_TRY(gyre_stream_close(self->stream));
    GYRE_TRY(gyre_server_stop(self->server, GYRE_SECONDS(5)));
    assert_int_equal(self->log.sessions, 1);
    GYRE_FINALLY;
    gyre_server_free(self->server);
    GYRE_END;
}
static void unix_sockets(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_unix), 0);
}

/* ---- failures ---- */

struct main_failures {
    gyre_frame frame;
    struct log log;
    gyre_tls_context *strangers; /* a client that trusts nobody here */
    gyre_server *server;
    gyre_stream *stream;
    char buffer[64];
    int64_t n;
};
GYRE_CORO(main_failures)
{
    GYRE_BEGIN;
    assert_int_equal(
        gyre_tls_client_context(
            &(gyre_tls_options){.ca_pem = world.stranger, .ca_pem_size = strlen(world.stranger)},
            &self->strangers),
        0);
    assert_int_equal(GYRE_START_SERVER(&self->server, OPTIONS(&self->log, server_context), echo,
                                       .log = &self->log),
                     0);
    /* Somebody else's certificate. */
    GYRE_AWAIT(self->n,
               gyre_open_connection("127.0.0.1", gyre_server_port(self->server),
                                    &(gyre_connect_options){.tls = client_context,
                                                            .tls_server_name = "other.example"},
                                    &self->stream));
    assert_int_equal(self->n, GYRE_ETLSHOST);
    assert_non_null(strstr(gyre_error_text(gyre_error_current()), "other.example"));
    assert_null(self->stream);
    while (self->log.failures < 1)
        GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    assert_int_equal(self->log.error, GYRE_ETLSALERT);
    assert_true(self->log.peer_port > 0);
    /* An authority that is not trusted. */
    GYRE_AWAIT(self->n, gyre_open_connection("localhost", gyre_server_port(self->server),
                                             &(gyre_connect_options){.tls = self->strangers},
                                             &self->stream));
    assert_int_equal(self->n, GYRE_ETLSVERIFY);
    while (self->log.failures < 2)
        GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    assert_int_equal(self->log.error, GYRE_ETLSALERT);
    /* A client that speaks HTTP. */
    GYRE_TRY(
        gyre_open_connection("127.0.0.1", gyre_server_port(self->server), NULL, &self->stream));
    GYRE_TRY(gyre_stream_write(self->stream, "GET / HTTP/1.1\r\n\r\n", 18));
    while (self->log.failures < 3)
        GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    assert_int_equal(self->log.error, GYRE_ETLS);
    assert_true(strlen(self->log.text) > 0);
    gyre_stream_abort(self->stream);
    /* One that goes at once. */
    GYRE_TRY(
        gyre_open_connection("127.0.0.1", gyre_server_port(self->server), NULL, &self->stream));
    gyre_stream_abort(self->stream);
    while (self->log.failures < 4)
        GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    assert_int_equal(self->log.error, GYRE_ETLSTRUNCATED);
    assert_int_equal(self->log.sessions, 0);
    GYRE_TRY(gyre_server_stop(self->server, GYRE_SECONDS(5)));
    GYRE_FINALLY;
    gyre_server_free(self->server);
    gyre_tls_context_unref(self->strangers);
    GYRE_END;
}
static void failures(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_failures), 0);
}

/* A handshake that never ends counts as a connection, until its time is up or the server's is. */
struct main_stalled {
    gyre_frame frame;
    struct log log;
    gyre_tls_context *context;
    gyre_server_options options;
    gyre_server *server;
    gyre_stream *stalled, *stream;
    int64_t n;
};
GYRE_CORO(main_stalled)
{
    GYRE_BEGIN;
    self->context =
        tls_world_server(&world, (gyre_tls_options){.handshake_timeout_ns = GYRE_MS(50)});
    self->options = OPTIONS(&self->log, self->context);
    self->options.max_connections = 1;
    assert_int_equal(GYRE_START_SERVER(&self->server, self->options, echo, .log = &self->log), 0);
    GYRE_TRY(
        gyre_open_connection("127.0.0.1", gyre_server_port(self->server), NULL, &self->stalled));
    while (gyre_server_connections(self->server) < 1)
        GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    assert_int_equal(self->log.sessions, 0);
    /* There is room only once it was given up. */
    GYRE_TRY(gyre_open_connection("127.0.0.1", gyre_server_port(self->server),
                                  &(gyre_connect_options){.tls = client_context}, &self->stream));
    assert_int_equal(self->log.failures, 1);
    assert_int_equal(self->log.error, GYRE_ETIMEOUT);
    GYRE_TRY(gyre_stream_close(self->stream));
    gyre_stream_abort(self->stalled);
    /* A stopping server does not wait for it. */
    GYRE_TRY(
        gyre_open_connection("127.0.0.1", gyre_server_port(self->server), NULL, &self->stalled));
    while (gyre_server_connections(self->server) < 1)
        GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    GYRE_TRY(self->n, gyre_server_stop(self->server, GYRE_MS(5)));
    assert_int_equal(self->n, 1);
    assert_int_equal(self->log.failures, 1);
    gyre_stream_abort(self->stalled);
    GYRE_FINALLY;
    gyre_server_free(self->server);
    gyre_tls_context_unref(self->context);
    GYRE_END;
}
static void stalled(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_stalled), 0);
}

/* With TLS 1.3 the client is connected before the server looks at its certificate. */
struct main_rejected {
    gyre_frame frame;
    int version;
    struct log log;
    gyre_tls_context *server_side, *client_side;
    gyre_server *server;
    gyre_stream *stream;
    char buffer[64];
    int64_t n;
};
GYRE_CORO(main_rejected)
{
    GYRE_BEGIN;
    self->server_side =
        tls_world_server(&world, (gyre_tls_options){.client_auth = GYRE_TLS_CLIENT_AUTH_REQUIRED});
    self->client_side =
        tls_world_client(&world, (gyre_tls_options){.cert_pem = world.stranger,
                                                    .cert_pem_size = strlen(world.stranger),
                                                    .key_pem = world.stranger_key,
                                                    .key_pem_size = strlen(world.stranger_key),
                                                    .max_version = self->version});
    assert_int_equal(GYRE_START_SERVER(&self->server, OPTIONS(&self->log, self->server_side), echo,
                                       .log = &self->log),
                     0);
    GYRE_AWAIT(self->n, gyre_open_connection("localhost", gyre_server_port(self->server),
                                             &(gyre_connect_options){.tls = self->client_side},
                                             &self->stream));
    if (self->version == GYRE_TLS_1_3) {
        assert_int_equal(self->n, 0);
        GYRE_AWAIT(self->n, gyre_stream_write(self->stream, "request", 7));
        GYRE_AWAIT(self->n, gyre_stream_read(self->stream, self->buffer, 64));
    }
    assert_int_equal(self->n, GYRE_ETLSALERT);
    assert_non_null(strstr(gyre_error_text(gyre_error_current()), "unknown"));
    GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
    GYRE_TRY(gyre_server_stop(self->server, GYRE_SECONDS(5)));
    assert_int_equal(self->log.sessions, 0);
    assert_int_equal(self->log.error, GYRE_ETLSVERIFY);
    GYRE_FINALLY;
    gyre_server_free(self->server);
    gyre_tls_context_unref(self->server_side);
    gyre_tls_context_unref(self->client_side);
    GYRE_END;
}
static void rejected_client(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_rejected, .version = GYRE_TLS_1_3), 0);
    assert_int_equal(GYRE_RUN(main_rejected, .version = GYRE_TLS_1_2), 0);
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
        cmocka_unit_test(connects), cmocka_unit_test(unix_sockets),    cmocka_unit_test(failures),
        cmocka_unit_test(stalled),  cmocka_unit_test(rejected_client),
    };

    return cmocka_run_group_tests(tests, open_world, close_world);
}
