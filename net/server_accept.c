/* Servers: accepting connections, and a task for each. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "../task/unwind_internal.h"
#include "server_internal.h"

enum { RETRY_MS = 100 }; /* pause after an accept that would only fail again at once */

/* ---- sessions ---- */

static bool is_full(const gyre_server *server)
{
    return server->options.max_connections &&
           server->connections >= server->options.max_connections;
}

static void connection_made(struct gyre__listener *listener, int fd);

/* There may be room for the next one. */
static void connection_ended(gyre_server *server)
{
    server->connections--;
    for (size_t i = 0; i < server->count && !server->closing; i++) {
        struct gyre__listener *listener = &server->listeners[i];

        if (listener->spare >= 0 && !is_full(server)) {
            int fd = listener->spare;

            listener->spare = -1;
            connection_made(listener, fd);
        }
        gyre__listener_accept(listener);
    }
    gyre__server_wake_waiters(server);
}

void gyre__server_attach(gyre_server *server, gyre__server_client *client)
{
    client->server = server;
    server->refs++;
    server->connections++;
    gyre__list_append(&server->clients, &client->link);
}

void gyre__server_detach(gyre__server_client *client)
{
    gyre_server *server = client->server;

    client->server = NULL;
    gyre__list_remove(&client->link);
    connection_ended(server);
    gyre__server_unref(server);
}

/* The task's reference goes last: an error that nobody took is reported then. */
static void session_ended(gyre__node *node)
{
    struct gyre__session *session = GYRE__CONTAINER(node, struct gyre__session, ended.node);
    gyre_server *server = session->server;
    gyre_task *task = session->task;

    gyre__list_remove(&session->link);
    gyre__blocks_give(&server->loop->blocks, session, sizeof(*session));
    connection_ended(server);
    gyre_task_unref(task);
    gyre__server_unref(server);
}

static void set_no_delay(const gyre_server *server, const struct gyre__listener *listener, int fd)
{
    const int on = 1;

    if (!server->options.nagle && listener->address.storage.ss_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/* The frame template with this connection in it, as a task. */
static gyre_task *spawn(gyre_server *server, gyre_stream *stream)
{
    gyre_stream **place = (gyre_stream **)(void *)((char *)server->args + sizeof(gyre_frame));

    if (server->options.tls)
        return gyre__server_spawn_tls(server, stream);
    *place = stream;
    return gyre__spawn(&(gyre_spawn_options){.loop = server->loop, .lazy = true}, server->coro,
                       server->args, server->coro->file, 0);
}

/*
 * Inside the reaping: makes the session, whose first step comes with the next iteration, also where tasks are
 * eager otherwise.
 */
static void connection_made(struct gyre__listener *listener, int fd)
{
    gyre_server *server = listener->server;
    struct gyre__session *session;
    gyre_stream *stream;

    if (server->closing || server->loop->closing) {
        close(fd);
        return;
    }
    server->reported = false;
    if (is_full(server)) { /* several addresses: each may have had an accept under way */
        listener->spare = fd;
        return;
    }
    session = gyre__blocks_take(&server->loop->blocks, sizeof(*session));
    if (!session) {
        close(fd); /* out of memory: the peer sees the connection end */
        return;
    }
    set_no_delay(server, listener, fd);
    if (gyre_stream_new(server->loop, fd, &server->options.stream, &stream) < 0) {
        close(fd);
        gyre__blocks_give(&server->loop->blocks, session, sizeof(*session));
        return;
    }
    session->task = spawn(server, stream);
    if (!session->task) {
        gyre_stream_abort(stream);
        gyre__blocks_give(&server->loop->blocks, session, sizeof(*session));
        return;
    }
    session->server = server;
    server->refs++;
    server->connections++;
    gyre__list_append(&server->sessions, &session->link);
    session->ended.node.run = session_ended;
    gyre__future_add(gyre_task_future(session->task), &session->ended);
}

/* ---- accepting ---- */

static void accepted_more(gyre__op *op)
{
    if (op->res >= 0)
        connection_made(GYRE__CONTAINER(op, struct gyre__listener, accept), op->res);
}

void gyre__listener_close(struct gyre__listener *listener)
{
    if (listener->fd >= 0)
        close(listener->fd);
    if (listener->spare >= 0)
        close(listener->spare);
    listener->fd = listener->spare = -1;
}

/* Accepting at once again would spin: the connection stays in the backlog. */
static void retry_later(struct gyre__listener *listener, int error)
{
    gyre_server *server = listener->server;

    if (!server->reported)
        gyre_loop_call_exception_handler(
            server->loop,
            &(gyre_exception_context){.message = "a server cannot accept; it tries again", .code = error});
    server->reported = true;
    if (gyre__timer_is_set(&listener->retry))
        return;
    server->refs++;
    gyre__timers_add(&server->loop->timers, &listener->retry,
                     gyre__deadline(server->loop, GYRE_MS(RETRY_MS)), 0);
}

static void retry(gyre__node *node)
{
    struct gyre__listener *listener = GYRE__CONTAINER(node, struct gyre__listener, retry.node);
    gyre_server *server = listener->server;

    if (!server->closing && !server->loop->closing)
        gyre__listener_accept(listener);
    gyre__server_unref(server);
}

/* True for errors of the connection that was to be accepted, not of accepting. */
static bool is_passing(int res)
{
    switch (-res) {
    case ECANCELED:
    case EINTR:
    case EAGAIN:
    case ECONNABORTED:
    case EPROTO:
    case ENOPROTOOPT:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
        return true;
    default:
        return false;
    }
}

static void accept_singly(struct gyre__listener *listener)
{
    listener->single = true;
    gyre__listener_accept(listener);
}

static void accepted_last(gyre__node *node)
{
    struct gyre__listener *listener = GYRE__CONTAINER(node, struct gyre__listener, accept.node);
    gyre_server *server = listener->server;
    int res = listener->accept.res;

    listener->active = false;
    if (res >= 0)
        connection_made(listener, res);
    if (server->closing || server->loop->closing)
        gyre__listener_close(listener);
    else if (res == -EINVAL && !listener->single && !server->options.max_connections)
        accept_singly(listener); /* before Linux 5.19 */
    else if (res >= 0 || is_passing(res))
        gyre__listener_accept(listener);
    else
        retry_later(listener, res);
    gyre__server_unref(server); /* the op's */
}

/* One multishot accept serves all; with a limit, one accept a connection, so that it is never exceeded. */
void gyre__listener_accept(struct gyre__listener *listener)
{
    gyre_server *server = listener->server;
    const gyre__request request = {.verb = GYRE__OP_ACCEPT,
                                   .fd = listener->fd,
                                   .flags = SOCK_CLOEXEC,
                                   .multishot = !listener->single &&
                                                !server->options.max_connections};
    int64_t rc;

    if (listener->active || listener->spare >= 0 || is_full(server) || server->loop->closing)
        return;
    rc = gyre__op_start(server->loop, &listener->accept, &request);
    if (rc < 0) {
        retry_later(listener, (int)rc);
        return;
    }
    listener->active = true;
    server->refs++;
}

void gyre__listener_init(struct gyre__listener *listener, gyre_server *server, int fd)
{
    listener->server = server;
    listener->fd = fd;
    listener->spare = -1;
    gyre__op_init(&listener->accept, accepted_last, accepted_more);
    gyre__timer_init(&listener->retry, retry);
}
