/* Servers: accepting, a task for each connection, and a graceful end. */
#include "server.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../loop/alloc.h"
#include "../task/unwind_internal.h"
#include "listen_internal.h"

enum { RETRY_MS = 100 }; /* pause after an accept that failed for want of descriptors or memory */

/* One address the server listens on. */
struct listener {
    gyre_server *server;
    gyre__op accept;      /* a reference to the server while it is active */
    gyre__timer retry;    /* the same while it is set or due */
    gyre_address address;
    int fd;               /* -1 once closed */
    bool active;          /* an accept is pending or its completion not handled */
    bool cancelled;
};

struct gyre_server {
    gyre_loop *loop;
    unsigned refs;           /* owner, accepts, timers, sessions */
    bool closing;
    bool reported;           /* the want of descriptors, once until it is over */
    gyre_server_options options;
    const gyre_coro *coro;
    void *args;              /* the frame each session starts with */
    gyre__link sessions;
    size_t connections;
    gyre__link waiters;      /* tasks in gyre_server_wait_closed */
    gyre__close_hook hook;
    dev_t unix_device;       /* of the socket's name, to remove only our own */
    ino_t unix_inode;
    size_t count;
    struct listener listeners[];
};

/* A connection's task, until it ends. */
struct session {
    gyre__callback ended;
    gyre__link link;
    gyre_server *server; /* reference */
    gyre_task *task;     /* reference */
};

static void start_accept(struct listener *listener);

static void unref(gyre_server *server)
{
    gyre_loop *loop = server->loop;

    if (--server->refs)
        return;
    gyre_free(server->args);
    gyre_free(server);
    gyre__loop_drop(loop);
}

/* ---- sessions ---- */

static void wake_waiters(gyre_server *server)
{
    if (!server->closing || server->connections)
        return;
    for (gyre__link *link = server->waiters.next; link != &server->waiters; link = link->next)
        gyre__wake_task(gyre__slot_task(link));
}

/* The task's reference goes last: an error that nobody took is reported then. */
static void session_ended(gyre__node *node)
{
    struct session *session = GYRE__CONTAINER(node, struct session, ended.node);
    gyre_server *server = session->server;
    gyre_task *task = session->task;

    gyre__list_remove(&session->link);
    gyre__blocks_give(&server->loop->blocks, session, sizeof(*session));
    server->connections--;
    for (size_t i = 0; i < server->count && !server->closing; i++)
        start_accept(&server->listeners[i]);
    wake_waiters(server);
    gyre_task_unref(task);
    unref(server);
}

static void set_no_delay(const gyre_server *server, const struct listener *listener, int fd)
{
    const int on = 1;

    if (!server->options.nagle && listener->address.storage.ss_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/* The frame template with this connection in it, as a task. */
static gyre_task *spawn(gyre_server *server, gyre_stream *stream)
{
    gyre_stream **place = (gyre_stream **)(void *)((char *)server->args + sizeof(gyre_frame));

    *place = stream;
    return gyre__spawn(&(gyre_spawn_options){.loop = server->loop}, server->coro, server->args,
                       server->coro->file, 0);
}

/* Inside the reaping: makes the session, whose first step comes with the next iteration. */
static void connection_made(struct listener *listener, int fd)
{
    gyre_server *server = listener->server;
    struct session *session;
    gyre_stream *stream;

    if (server->closing || server->loop->closing) {
        close(fd);
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

static bool is_full(const gyre_server *server)
{
    return server->options.max_connections &&
           server->connections >= server->options.max_connections;
}

static void accepted_more(gyre__op *op)
{
    if (op->res >= 0)
        connection_made(GYRE__CONTAINER(op, struct listener, accept), op->res);
}

static void close_listener(struct listener *listener)
{
    if (listener->fd >= 0)
        close(listener->fd);
    listener->fd = -1;
}

/* Accepting at once again would spin: the connection stays in the backlog. */
static void retry_later(struct listener *listener, int error)
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
    struct listener *listener = GYRE__CONTAINER(node, struct listener, retry.node);
    gyre_server *server = listener->server;

    if (!server->closing && !server->loop->closing)
        start_accept(listener);
    unref(server);
}

static void accepted_last(gyre__node *node)
{
    struct listener *listener =
        GYRE__CONTAINER(node, struct listener, accept.node);
    gyre_server *server = listener->server;
    int res = listener->accept.res;

    listener->active = false;
    if (res >= 0) {
        server->reported = false;
        connection_made(listener, res);
    }
    if (server->closing || server->loop->closing)
        close_listener(listener);
    else if (res == -EMFILE || res == -ENFILE || res == -ENOBUFS || res == -ENOMEM)
        retry_later(listener, res);
    else
        start_accept(listener);
    unref(server); /* the op's */
}

/* One multishot accept serves all; with a limit, one accept a connection, so that it is never exceeded. */
static void start_accept(struct listener *listener)
{
    gyre_server *server = listener->server;
    const gyre__request request = {.verb = GYRE__OP_ACCEPT,
                                   .fd = listener->fd,
                                   .flags = SOCK_CLOEXEC,
                                   .multishot = !server->options.max_connections};
    int64_t rc;

    if (listener->active || is_full(server))
        return;
    rc = gyre__op_start(server->loop, &listener->accept, &request);
    if (rc < 0) {
        retry_later(listener, (int)rc);
        return;
    }
    listener->active = true;
    server->refs++;
}

/* ---- starting ---- */

static void remember_unix_name(gyre_server *server)
{
    struct stat info;

    if (server->options.unix_path && stat(server->options.unix_path, &info) == 0) {
        server->unix_device = info.st_dev;
        server->unix_inode = info.st_ino;
    }
}

static int64_t open_listeners(gyre_server *server, const gyre_address *addresses, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct listener *listener = &server->listeners[i];
        int64_t fd;

        listener->address = addresses[i];
        /* Port 0 means one port for all addresses. */
        if (i > 0 && gyre_address_port(&addresses[i]) == 0)
            gyre_address_set_port(&listener->address, gyre_address_port(&server->listeners[0].address));
        fd = gyre__listen(&listener->address, &server->options);
        if (fd < 0) {
            /* "All interfaces" and "localhost" work on machines without IPv6. */
            if (i > 0 && !server->options.address_count && (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL))
                continue;
            return fd;
        }
        listener->server = server;
        listener->fd = (int)fd;
        gyre__op_init(&listener->accept, accepted_last, accepted_more);
        gyre__timer_init(&listener->retry, retry);
        server->count = i + 1;
    }
    return 0;
}

static void on_loop_close(gyre_loop *loop, gyre__close_hook *hook)
{
    (void)loop;
    gyre_server_close(GYRE__CONTAINER(hook, gyre_server, hook));
}

/* One block for the frame template and the Unix path. */
static bool copy_args(gyre_server *server, const gyre_coro *coro, const void *args, const char *path)
{
    size_t size = path ? strlen(path) + 1 : 0;

    server->args = gyre_alloc(coro->frame_size + size);
    if (!server->args)
        return false;
    memcpy(server->args, args, coro->frame_size);
    if (path) {
        char *copy = (char *)server->args + coro->frame_size;

        memcpy(copy, path, size);
        server->options.unix_path = copy;
    }
    return true;
}

int64_t gyre__start_server(gyre_loop *loop, const gyre_server_options *options, const gyre_coro *coro,
                           const void *args, gyre_server **out_server)
{
    gyre_address addresses[GYRE__MOST_LISTENERS];
    int64_t count, rc;
    gyre_server *server;

    if (!loop)
        return GYRE_ENOTASK;
    gyre__check_thread(loop, "GYRE_START_SERVER");
    if (loop->closing)
        return GYRE_ELOOPCLOSED;
    count = gyre__listen_addresses(options, addresses, GYRE__MOST_LISTENERS);
    if (count < 0)
        return count;
    server = gyre_alloc_zeroed(sizeof(*server) + (size_t)count * sizeof(struct listener));
    if (!server)
        return -ENOMEM;
    server->loop = loop;
    server->refs = 1;
    server->options = *options;
    server->coro = coro;
    gyre__loop_keep(loop);
    gyre__list_init(&server->sessions);
    gyre__list_init(&server->waiters);
    server->hook.close = on_loop_close;
    gyre__list_append(&loop->close_hooks, &server->hook.link);
    rc = copy_args(server, coro, args, options->unix_path)
             ? open_listeners(server, addresses, (size_t)count)
             : -ENOMEM;
    if (rc < 0) {
        gyre_server_free(server);
        return rc;
    }
    remember_unix_name(server);
    for (size_t i = 0; i < server->count; i++)
        start_accept(&server->listeners[i]);
    *out_server = server;
    return 0;
}

/* ---- ending ---- */

static void remove_unix_name(const gyre_server *server)
{
    const char *path = server->options.unix_path;
    struct stat info;

    if (path && !server->options.keep_unix_path && server->unix_inode && stat(path, &info) == 0 &&
        info.st_ino == server->unix_inode && info.st_dev == server->unix_device)
        unlink(path);
}

void gyre_server_close(gyre_server *server)
{
    gyre__check_thread(server->loop, __func__);
    if (server->closing)
        return;
    server->closing = true;
    gyre__list_remove(&server->hook.link);
    remove_unix_name(server);
    for (size_t i = 0; i < server->count; i++) {
        struct listener *listener = &server->listeners[i];

        if (gyre__timer_is_set(&listener->retry)) {
            gyre__timers_remove(&server->loop->timers, &listener->retry);
            unref(server);
        }
        if (listener->active)
            gyre__op_cancel(&listener->accept); /* its end closes the descriptor */
        else
            close_listener(listener);
    }
    wake_waiters(server);
}

void gyre_server_cancel_clients(gyre_server *server)
{
    gyre__check_thread(server->loop, __func__);
    for (gyre__link *link = server->sessions.next; link != &server->sessions; link = link->next)
        gyre_task_cancel(GYRE__CONTAINER(link, struct session, link)->task);
}

void gyre_server_free(gyre_server *server)
{
    if (!server)
        return;
    gyre_server_close(server);
    unref(server);
}

static int64_t finish_wait(gyre_task *task)
{
    gyre_server *server = task->wait.slot.data;
    int64_t rc = gyre__wait_result(task);

    gyre__list_remove(&task->wait.slot.link);
    unref(server);
    return rc;
}

static const gyre__wait_kind wait_server = {
    .what = "the end of a server", .cancel = gyre__cancel_wait, .finish = finish_wait};

gyre_await gyre_server_wait_closed(gyre_server *server)
{
    gyre_task *task = gyre__task_running(__func__);

    if (server->closing && !server->connections)
        return gyre__complete(task, 0);
    if (!gyre__may_park(task))
        return gyre__complete(task, GYRE_ECANCELLED);
    server->refs++;
    task->wait.slot.data = server;
    gyre__list_append(&server->waiters, &task->wait.slot.link);
    return gyre__park_slot(task, &wait_server, server);
}

/* ---- asking ---- */

size_t gyre_server_address_count(const gyre_server *server)
{
    return server->count;
}

int64_t gyre_server_address(const gyre_server *server, size_t index, gyre_address *out)
{
    if (index >= server->count)
        return -EINVAL;
    *out = server->listeners[index].address;
    return 0;
}

uint16_t gyre_server_port(const gyre_server *server)
{
    return gyre_address_port(&server->listeners[0].address);
}

size_t gyre_server_connections(const gyre_server *server)
{
    return server->connections;
}

bool gyre_server_is_serving(const gyre_server *server)
{
    return !server->closing;
}
