/* Servers: starting one, its graceful end, and what can be asked. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../loop/alloc.h"
#include "listen_internal.h"
#include "server_internal.h"

void gyre__server_unref(gyre_server *server)
{
    gyre_loop *loop = server->loop;

    if (--server->refs)
        return;
    if (server->freed)
        server->freed(server->freed_arg);
    gyre_tls_context_unref(server->options.tls);
    gyre_free(server->args);
    gyre_free(server);
    gyre__loop_drop(loop);
}

void gyre__server_wake_waiters(gyre_server *server)
{
    if (!server->closing || server->connections)
        return;
    for (gyre__link *link = server->waiters.next; link != &server->waiters; link = link->next)
        gyre__wake_task(gyre__slot_task(link));
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

/* Port 0 means one port for all addresses, if it is free on each. */
static int64_t listen_on(const gyre_server *server, gyre_address *address, bool is_first)
{
    gyre_address wanted = *address;
    int64_t fd;

    if (is_first || gyre_address_port(address) != 0)
        return gyre__listen(address, &server->options);
    gyre_address_set_port(address, gyre_address_port(&server->listeners[0].address));
    fd = gyre__listen(address, &server->options);
    if (fd != -EADDRINUSE)
        return fd;
    *address = wanted;
    return gyre__listen(address, &server->options);
}

static int64_t open_listeners(gyre_server *server, const gyre_address *addresses, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct gyre__listener *listener = &server->listeners[server->count];
        int64_t fd;

        listener->address = addresses[i];
        fd = listen_on(server, &listener->address, i == 0);
        /* "All interfaces" and "localhost" work on machines without IPv6. */
        if (i > 0 && !server->options.address_count && (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL))
            continue;
        if (fd < 0)
            return fd;
        gyre__listener_init(listener, server, (int)fd);
        server->count++;
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
    if (options->tls && !gyre_tls_context_is_server(options->tls))
        return -EINVAL;
    count = gyre__listen_addresses(options, addresses, GYRE__MOST_LISTENERS);
    if (count < 0)
        return count;
    server = gyre_alloc_zeroed(sizeof(*server) + (size_t)count * sizeof(struct gyre__listener));
    if (!server)
        return -ENOMEM;
    server->loop = loop;
    server->refs = 1;
    server->options = *options;
    gyre_tls_context_ref(server->options.tls);
    server->coro = coro;
    gyre__loop_keep(loop);
    gyre__list_init(&server->sessions);
    gyre__list_init(&server->clients);
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
        gyre__listener_accept(&server->listeners[i]);
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
        struct gyre__listener *listener = &server->listeners[i];

        if (gyre__timer_is_set(&listener->retry)) {
            gyre__timers_remove(&server->loop->timers, &listener->retry);
            gyre__server_unref(server);
        }
        if (listener->active)
            gyre__op_cancel(&listener->accept); /* its end closes the descriptor */
        else
            gyre__listener_close(listener);
    }
    gyre__server_wake_waiters(server);
}

void gyre_server_cancel_clients(gyre_server *server)
{
    gyre__check_thread(server->loop, __func__);
    for (gyre__link *link = server->sessions.next; link != &server->sessions; link = link->next)
        gyre_task_cancel(GYRE__CONTAINER(link, struct gyre__session, link)->task);
    for (gyre__link *link = server->clients.next; link != &server->clients; link = link->next) {
        gyre__server_client *client = GYRE__CONTAINER(link, gyre__server_client, link);

        client->close(client);
    }
}

void gyre_server_free(gyre_server *server)
{
    if (!server)
        return;
    gyre_server_close(server);
    gyre__server_unref(server);
}

static int64_t finish_wait(gyre_task *task)
{
    gyre_server *server = task->wait.slot.data;
    int64_t rc = gyre__wait_result(task);

    gyre__list_remove(&task->wait.slot.link);
    gyre__server_unref(server);
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
