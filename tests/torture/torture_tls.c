/* TLS streams under torture: handshakes, talk, half-close and the end, with OpenSSL's allocations failing, too. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../loop/alloc.h"
#include "../../net/connect.h"
#include "../../net/server.h"
#include "../../net/stream_tls.h"
#include "../../net/transport.h"
#include "../../task/sleep.h"
#include "../../task/timeout.h"
#include "../support/tls_world.h"
#include "../support/torture.h"

enum { EVERY = 41, BIG = 40000 }; /* of OpenSSL's allocations one can fail */

#define LONGEST GYRE_MS(300) /* for the other side, which a failure may have ended */

static gyre_tls_context *client_context, *server_context;
static char big[BIG];
static int fds[2] = {-1, -1};

static int64_t make_sockets(gyre_loop *loop)
{
    (void)loop;
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0 ? -1 : 0;
}

static void close_rest(void)
{
    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    fds[0] = fds[1] = -1;
}

/* The descriptor is the stream's if there is one, else the teardown's. */
static gyre_stream *adopt(int i)
{
    gyre_stream *stream;

    if (gyre_stream_new(gyre_loop_current(), fds[i], NULL, &stream) < 0)
        return NULL;
    fds[i] = -1;
    return stream;
}

/* ---- start_tls on both sides, an echo, half-close ---- */

struct echo {
    gyre_frame frame;
    gyre_stream *stream;
    char buffer[4096];
    int64_t n;
};
GYRE_CORO(echo)
{
    GYRE_BEGIN;
    if (!gyre_stream_tls(self->stream))
        GYRE_TRY(gyre_start_tls(self->stream, server_context, NULL));
    for (;;) {
        GYRE_TRY(self->n, gyre_stream_read(self->stream, self->buffer, sizeof(self->buffer)));
        if (self->n == 0)
            GYRE_RETURN(0);
        GYRE_TRY(gyre_stream_write(self->stream, self->buffer, (size_t)self->n));
    }
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
    GYRE_END;
}

struct talk {
    gyre_frame frame;
    gyre_stream *near, *far;
    gyre_task *echo;
    const char *line;
    char *buffer;
    int64_t n;
};
GYRE_CORO(talk)
{
    GYRE_BEGIN;
    self->buffer = gyre_alloc(BIG);
    self->near = adopt(0);
    self->far = adopt(1);
    if (!self->buffer || !self->near || !self->far)
        GYRE_RETURN(-ENOMEM);
    self->echo = GYRE_SPAWN(echo, .stream = self->far);
    if (!self->echo)
        GYRE_RETURN(-ENOMEM);
    self->far = NULL;
    GYRE_TRY(gyre_start_tls(self->near, client_context,
                            &(gyre_start_tls_options){.server_name = "localhost"}));
    GYRE_TRY(gyre_stream_writev(self->near, (struct iovec[]){{"a line\n", 7}, {"and more", 8}}, 2));
    GYRE_TRY(self->n, gyre_stream_readline(self->near, &self->line));
    GYRE_TRY(self->n, gyre_stream_read_exactly(self->near, self->buffer, 8));
    GYRE_TRY(gyre_stream_write(self->near, big, BIG));
    GYRE_TRY(gyre_stream_write_eof(self->near) < 0 ? gyre_sleep(0) : gyre_stream_flush(self->near));
    GYRE_TRY(self->n, gyre_stream_read_exactly(self->near, self->buffer, BIG / 2));
    do
        GYRE_TRY(self->n, gyre_stream_read(self->near, self->buffer, BIG));
    while (self->n > 0);
    GYRE_TRY(self->echo);
    GYRE_RETURN(1);
    GYRE_FINALLY;
    if (self->echo) {
        gyre_task_cancel(self->echo);
        gyre_future_ignore(gyre_task_future(self->echo));
        gyre_task_unref(self->echo);
    }
    GYRE_AWAIT(self->n, gyre_stream_close(self->near));
    gyre_stream_abort(self->far);
    gyre_free(self->buffer);
    GYRE_END;
}

/* ---- a server and a client, which ends gracefully ---- */

struct serve {
    gyre_frame frame;
    gyre_server *server;
    gyre_stream *stream;
    char buffer[8];
    int64_t n;
};
GYRE_CORO(serve)
{
    GYRE_BEGIN;
    self->n = GYRE_START_SERVER(
        &self->server, ((gyre_server_options){.host = "127.0.0.1", .tls = server_context}), echo);
    if (self->n < 0)
        GYRE_RETURN(self->n);
    GYRE_TRY(gyre_open_connection("127.0.0.1", gyre_server_port(self->server),
                                  &(gyre_connect_options){.tls = client_context,
                                                          .tls_server_name = "localhost",
                                                          .timeout_ns = LONGEST},
                                  &self->stream));
    GYRE_TRY(gyre_stream_write(self->stream, "hello", 5));
    GYRE_TRY(self->n,
             gyre_wait_for(gyre_stream_read_exactly(self->stream, self->buffer, 5), LONGEST));
    GYRE_RETURN(self->n);
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
    if (self->server)
        GYRE_AWAIT(self->n, gyre_server_stop(self->server, LONGEST));
    gyre_server_free(self->server);
    GYRE_END;
}

/* ---- handshakes that fail ---- */

struct wrong_host {
    gyre_frame frame;
    gyre_server *server;
    gyre_stream *stream;
    int64_t n;
};
GYRE_CORO(wrong_host)
{
    GYRE_BEGIN;
    self->n = GYRE_START_SERVER(
        &self->server, ((gyre_server_options){.host = "127.0.0.1", .tls = server_context}), echo);
    if (self->n < 0)
        GYRE_RETURN(self->n);
    GYRE_TRY(gyre_open_connection("127.0.0.1", gyre_server_port(self->server),
                                  &(gyre_connect_options){.tls = client_context,
                                                          .tls_server_name = "other.example",
                                                          .timeout_ns = LONGEST},
                                  &self->stream));
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
    if (self->server)
        GYRE_AWAIT(self->n, gyre_server_stop(self->server, LONGEST));
    gyre_server_free(self->server);
    GYRE_END;
}

/* ---- a transport that is upgraded ---- */

struct upgraded {
    gyre_frame frame;
    gyre_stream *stream;
    int64_t n;
};
GYRE_CORO(upgraded)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_start_tls(self->stream, server_context, NULL));
    GYRE_TRY(gyre_stream_write(self->stream, "welcome", 7));
    GYRE_TRY(gyre_wait_for(gyre_stream_fill(self->stream, 1), LONGEST));
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
    GYRE_END;
}

/* Not in the frame: the transport may outlive its task. */
static struct {
    gyre_transport *transport;
    bool lost;
} peer;

static void received(void *self, const char *data, size_t size)
{
    (void)self, (void)data, (void)size;
    gyre_transport_close(peer.transport);
}

static void lost(void *self, int64_t error)
{
    (void)self, (void)error;
    peer.lost = true;
}

static const gyre_protocol protocol = {.data_received = received, .connection_lost = lost};

struct transport {
    gyre_frame frame;
    gyre_server *server;
    int i;
    int64_t n;
};
GYRE_CORO(transport)
{
    GYRE_BEGIN;
    peer.transport = NULL;
    peer.lost = false;
    self->n =
        GYRE_START_SERVER(&self->server, ((gyre_server_options){.host = "127.0.0.1"}), upgraded);
    if (self->n < 0)
        GYRE_RETURN(self->n);
    GYRE_TRY(gyre_create_connection("127.0.0.1", gyre_server_port(self->server),
                                    &(gyre_connect_options){.timeout_ns = LONGEST}, &protocol, NULL,
                                    &peer.transport));
    GYRE_TRY(gyre_transport_start_tls(peer.transport, client_context,
                                      &(gyre_start_tls_options){.server_name = "localhost"}));
    for (self->i = 0; self->i < 100 && !peer.lost; self->i++)
        GYRE_TRY(gyre_sleep(GYRE_MS(3)));
    GYRE_RETURN(peer.lost);
    GYRE_FINALLY;
    if (peer.transport && !peer.lost)
        gyre_transport_abort(peer.transport);
    if (self->server)
        GYRE_AWAIT(self->n, gyre_server_stop(self->server, LONGEST));
    gyre_server_free(self->server);
    GYRE_END;
}

/* A send that fails takes what is behind it along: who waits for the answer then waits for ever. */
static const torture_scenario scenarios[] = {
    {TORTURE_MAIN(talk), .flags = TORTURE_IO | TORTURE_MAY_REPORT | TORTURE_MAY_DEADLOCK,
     .expect = 1, .setup = make_sockets, .teardown = close_rest},
    {TORTURE_MAIN(serve), .flags = TORTURE_IO | TORTURE_MAY_REPORT, .expect = 5},
    {TORTURE_MAIN(transport), .flags = TORTURE_IO | TORTURE_MAY_REPORT, .expect = 1},
    {TORTURE_MAIN(wrong_host), .flags = TORTURE_IO | TORTURE_MAY_REPORT, .expect = GYRE_ETLSHOST},
};

int main(int argc, char **argv)
{
    const gyre_tls_options options = {
        .no_resumption = true, .handshake_timeout_ns = LONGEST, .shutdown_timeout_ns = LONGEST};
    tls_world world;

    torture_openssl(EVERY);
    tls_world_open(&world);
    client_context = tls_world_client(&world, options);
    server_context = tls_world_server(&world, options);
    tls_world_close(&world);
    return torture_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
