/* The graceful end of a server. */
#include "../task/task_internal.h"
#include "../task/timeout.h"
#include "server.h"

struct server_stop {
    gyre_frame frame;
    gyre_server *server; /* borrowed */
    int64_t grace;
    int64_t cancelled;   /* sessions that had to be */
    int64_t rc;
};

GYRE_CORO(server_stop)
{
    GYRE_BEGIN;
    gyre_server_close(self->server);
    GYRE_AWAIT(self->rc, gyre_wait_for(gyre_server_wait_closed(self->server), self->grace));
    if (self->rc == GYRE_ETIMEOUT) {
        self->cancelled = (int64_t)gyre_server_connections(self->server);
        gyre_server_cancel_clients(self->server);
        GYRE_AWAIT(self->rc, gyre_server_wait_closed(self->server));
    }
    if (self->rc < 0)
        gyre_server_cancel_clients(self->server);
    GYRE_RETURN(self->rc < 0 ? self->rc : self->cancelled);
    GYRE_END;
}

gyre_await gyre_server_stop(gyre_server *server, int64_t grace_ns)
{
    return gyre__call(&server_stop_coro,
                      &(struct server_stop){.frame = {.coro = &server_stop_coro, .leaf = true},
                                            .server = server,
                                            .grace = grace_ns});
}
