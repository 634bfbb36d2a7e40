/* Connecting under torture: numbers, names, several addresses, Unix sockets, deadlines. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../loop/alloc.h"
#include "../../net/connect.h"
#include "../../net/lookup_internal.h"
#include "../../net/resolver.h"
#include "../../task/sleep.h"
#include "../support/torture.h"

static int listener = -1;
static gyre_address address;

/* A listening socket that nobody accepts from: connecting works all the same. */
static int64_t listen_to(gyre_loop *loop)
{
    (void)loop;
    listener = socket(gyre_address_family(&address), SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, gyre_address_raw(&address), address.length) < 0 ||
        listen(listener, 16) < 0)
        return -errno;
    return gyre_address_local(listener, &address);
}

static int64_t listen_v4(gyre_loop *loop)
{
    return gyre_address_parse(&address, "127.0.0.1", 0) < 0 ? -EINVAL : listen_to(loop);
}

static int64_t listen_unix(gyre_loop *loop)
{
    static const char name[] = "\0gyre-torture-connect";

    return gyre_address_unix(&address, name, sizeof(name) - 1) < 0 ? -EINVAL : listen_to(loop);
}

/* Without a listener behind it: refused. */
static int64_t reserve_port(gyre_loop *loop)
{
    int64_t rc = listen_v4(loop);

    if (rc >= 0 && shutdown(listener, SHUT_RD) < 0)
        rc = -errno;
    return rc;
}

/* A look-up that was given up goes on in its thread, with memory and a descriptor of its own. */
static void close_listener(void)
{
    gyre__lookup_quiet();
    if (listener >= 0)
        close(listener);
    listener = -1;
}

struct reach {
    gyre_frame frame;
    const char *host;
    gyre_connect_options options;
    gyre_stream *stream;
    int64_t rc;
};
GYRE_CORO(reach)
{
    GYRE_BEGIN;
    if (self->host)
        GYRE_TRY(gyre_open_connection(self->host, gyre_address_port(&address), &self->options,
                                      &self->stream));
    else
        GYRE_TRY(gyre_open_unix_connection("@gyre-torture-connect", &self->options, &self->stream));
    GYRE_TRY(gyre_stream_write(self->stream, "x", 1));
    GYRE_RETURN(1);
    GYRE_FINALLY;
    GYRE_AWAIT(self->rc, gyre_stream_close(self->stream));
    GYRE_END;
}

/* Two connections at once: what one loses the other must not notice. */
struct reach_twice {
    gyre_frame frame;
    gyre_task *other;
    int64_t rc;
};
GYRE_CORO(reach_twice)
{
    GYRE_BEGIN;
    self->other = GYRE_SPAWN(reach, .host = "127.0.0.1");
    if (!self->other)
        GYRE_RETURN(-ENOMEM);
    GYRE_TRY(GYRE_CALL(reach, .host = "127.0.0.1"));
    GYRE_TRY(self->rc, self->other);
    GYRE_RETURN(2);
    GYRE_FINALLY;
    if (self->other) {
        gyre_task_cancel(self->other);
        gyre_future_ignore(gyre_task_future(self->other));
        gyre_task_unref(self->other);
    }
    GYRE_END;
}

/* A name that is looked up, and a number's. */
struct look_up {
    gyre_frame frame;
    gyre_address *list;
    char name[256];
    int64_t rc;
};
GYRE_CORO(look_up)
{
    GYRE_BEGIN;
    GYRE_TRY(self->rc, gyre_getaddrinfo("localhost", 80, NULL, &self->list));
    GYRE_TRY(gyre_getnameinfo(&self->list[0], self->name, sizeof(self->name)));
    GYRE_RETURN(self->rc > 0);
    GYRE_FINALLY;
    gyre_free(self->list);
    GYRE_END;
}

#define REACH(name_, ...)                                                                          \
    .name = (name_), .coro = &reach_coro,                                                          \
    .args = &(const struct reach){.frame = {.coro = &reach_coro}, __VA_ARGS__}

int main(int argc, char **argv)
{
    /* localhost has two addresses, one of which refuses, where there is IPv6. */
    const torture_scenario scenarios[] = {
        {REACH("number", .host = "127.0.0.1"), .flags = TORTURE_IO, .expect = 1, .setup = listen_v4,
         .teardown = close_listener},
        {REACH("by_name", .host = "localhost", .options = {.attempt_delay_ns = GYRE_MS(5)}),
         .flags = TORTURE_IO, .expect = 1, .setup = listen_v4, .teardown = close_listener},
        {REACH("at_once", .host = "localhost", .options = {.attempt_delay_ns = 1}),
         .flags = TORTURE_IO, .expect = 1, .setup = listen_v4, .teardown = close_listener},
        {REACH("deadline", .host = "localhost", .options = {.timeout_ns = GYRE_MS(500)}),
         .flags = TORTURE_IO, .expect = 1, .setup = listen_v4, .teardown = close_listener},
        {REACH("refused", .host = "127.0.0.1"), .flags = TORTURE_IO, .expect = -ECONNREFUSED,
         .setup = reserve_port, .teardown = close_listener},
        {REACH("unix_path", .host = NULL), .flags = TORTURE_IO, .expect = 1, .setup = listen_unix,
         .teardown = close_listener},
        {TORTURE_MAIN(reach_twice), .flags = TORTURE_IO, .expect = 2, .setup = listen_v4,
         .teardown = close_listener},
        {TORTURE_MAIN(look_up), .flags = TORTURE_IO, .expect = 1, .teardown = gyre__lookup_quiet},
    };

    return torture_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
