/* Transports under torture: connection_made first, connection_lost last, each exactly once, whatever fails. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../loop/alloc.h"
#include "../../net/transport.h"
#include "../../task/sleep.h"
#include "../support/torture.h"

enum { BIG = 300000 };

static char big[BIG];
static int fds[2] = {-1, -1};

/* What a protocol was told. */
static struct side {
    gyre_transport *transport;
    unsigned made, lost, paused, resumed;
    size_t bytes;
    bool echo, wrong;
} sides[2];

static void forget(void)
{
    memset(sides, 0, sizeof(sides));
    sides[1].echo = true;
}

static void made(void *self, gyre_transport *transport)
{
    struct side *side = self;

    side->transport = transport;
    side->wrong |= side->lost || side->bytes;
    side->made++;
}

static void data(void *self, const char *bytes, size_t size)
{
    struct side *side = self;

    side->wrong |= !side->made || side->lost;
    side->bytes += size;
    if (side->echo && gyre_transport_write(side->transport, bytes, size) < 0)
        gyre_transport_abort(side->transport);
}

static void lost(void *self, int64_t error)
{
    struct side *side = self;

    (void)error;
    side->wrong |= !side->made;
    side->transport = NULL;
    side->lost++;
}

static void paused(void *self)
{
    ((struct side *)self)->paused++;
}

static void resumed(void *self)
{
    ((struct side *)self)->resumed++;
}

static const gyre_protocol protocol = {.connection_made = made, .data_received = data,
                                       .connection_lost = lost, .pause_writing = paused,
                                       .resume_writing = resumed};

static int64_t make_sockets(gyre_loop *loop)
{
    (void)loop;
    forget();
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0 ? -errno : 0;
}

static int64_t start_over(gyre_loop *loop)
{
    (void)loop;
    forget();
    return 0;
}

/* When the loop is closed every transport has ended. */
static void check_ends(void)
{
    for (int i = 0; i < 2; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
        fds[i] = -1;
        if (sides[i].made != sides[i].lost || sides[i].made > 1 || sides[i].wrong)
            __builtin_trap();
    }
}

static int64_t adopt(int i)
{
    gyre_transport *transport;
    gyre_stream *stream;
    int64_t rc = gyre_stream_new(gyre_loop_current(), fds[i], NULL, &stream);

    if (rc < 0)
        return rc;
    fds[i] = -1;
    rc = gyre_transport_new(stream, &protocol, &sides[i], &transport);
    if (rc < 0)
        gyre_stream_abort(stream);
    else
        sides[i].transport = transport;
    return rc;
}

/* ---- a pair: more than fits, echoed, then closed ---- */

struct echo_pair {
    gyre_frame frame;
    int64_t rc;
    int i;
};
GYRE_CORO(echo_pair)
{
    GYRE_BEGIN;
    self->rc = adopt(0);
    if (self->rc >= 0)
        self->rc = adopt(1);
    if (self->rc >= 0)
        self->rc = gyre_transport_write(sides[0].transport, big, BIG);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    for (self->i = 0; self->i < 1000 && sides[0].bytes < BIG && sides[0].transport; self->i++)
        GYRE_TRY(gyre_sleep(GYRE_MS(1) / 10));
    if (sides[0].transport) {
        gyre_transport_pause_reading(sides[0].transport);
        gyre_transport_resume_reading(sides[0].transport);
        gyre_transport_close(sides[0].transport);
    }
    for (self->i = 0; self->i < 1000 && (!sides[0].lost || !sides[1].lost); self->i++)
        GYRE_TRY(gyre_sleep(GYRE_MS(1) / 10));
    GYRE_RETURN(sides[0].bytes == BIG && sides[0].paused == sides[0].resumed);
    GYRE_FINALLY;
    for (int i = 0; i < 2; i++)
        if (sides[i].transport)
            gyre_transport_abort(sides[i].transport);
    GYRE_END;
}

/* ---- a server and a client ---- */

static void *factory(void *arg)
{
    return sides[1].made ? NULL : arg;
}

struct serve {
    gyre_frame frame;
    gyre_server *server;
    gyre_transport *transport;
    int64_t rc;
    int i;
};
GYRE_CORO(serve)
{
    GYRE_BEGIN;
    self->rc = gyre_create_server(gyre_loop_current(), &(gyre_server_options){.host = "127.0.0.1"},
                                  &protocol, factory, &sides[1], &self->server);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    GYRE_TRY(gyre_create_connection("127.0.0.1", gyre_server_port(self->server), NULL, &protocol,
                                    &sides[0], &self->transport));
    gyre_transport_write(self->transport, "hello", 5);
    for (self->i = 0; self->i < 100 && sides[0].bytes < 5; self->i++)
        GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    gyre_server_close(self->server);
    gyre_server_cancel_clients(self->server);
    GYRE_TRY(gyre_server_wait_closed(self->server));
    GYRE_RETURN(sides[1].lost && sides[0].bytes == 5);
    GYRE_FINALLY;
    gyre_server_free(self->server);
    for (int i = 0; i < 2; i++)
        if (sides[i].transport)
            gyre_transport_abort(sides[i].transport);
    GYRE_END;
}

int main(int argc, char **argv)
{
    const torture_scenario scenarios[] = {
        {TORTURE_MAIN(echo_pair), .flags = TORTURE_IO, .expect = 1, .setup = make_sockets,
         .teardown = check_ends},
        {TORTURE_MAIN(serve), .flags = TORTURE_IO, .expect = 1, .setup = start_over,
         .teardown = check_ends},
    };

    return torture_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
