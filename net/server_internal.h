/* The server's insides: server.c has its life, server_accept.c the connections. */
#ifndef GYRE_NET_SERVER_INTERNAL_H
#define GYRE_NET_SERVER_INTERNAL_H

#include <sys/types.h>

#include "../task/task_internal.h"
#include "server.h"

/* One address the server listens on. */
struct gyre__listener {
    gyre_server *server;
    gyre__op accept;      /* a reference to the server while it is active */
    gyre__timer retry;    /* the same while it is set or due */
    gyre_address address;
    int fd;               /* -1 once closed */
    bool active;          /* an accept is pending or its completion not handled */
    bool single;          /* the kernel knows no multishot accept */
    int spare;            /* a connection over the limit, accepted for whenever there is room; or -1 */
};

struct gyre_server {
    gyre_loop *loop;
    unsigned refs;           /* owner, accepts, timers, sessions, transports */
    bool closing;
    bool reported;           /* the want of descriptors, once until it is over */
    gyre_server_options options;
    const gyre_coro *coro;
    void *args;              /* the frame each session starts with */
    void (*freed)(void *arg); /* hears that the last reference has gone, and with it the last session; or NULL */
    void *freed_arg;
    gyre__link sessions;
    gyre__link clients;      /* transports: struct gyre__server_client */
    size_t connections;      /* sessions and transports */
    gyre__link waiters;      /* tasks in gyre_server_wait_closed */
    gyre__close_hook hook;
    dev_t unix_device;       /* of the socket's name, to remove only our own */
    ino_t unix_inode;
    size_t count;
    struct gyre__listener listeners[];
};

/* A connection's task, until it ends. */
struct gyre__session {
    gyre__callback ended;
    gyre__link link;
    gyre_server *server; /* reference */
    gyre_task *task;     /* reference */
};

/* A connection without a task: it counts until it is detached. Embedded in its transport. */
typedef struct gyre__server_client {
    gyre__link link;
    gyre_server *server; /* reference; NULL while it is not attached */
    void (*close)(struct gyre__server_client *client);
} gyre__server_client;

void gyre__server_attach(gyre_server *server, gyre__server_client *client);
void gyre__server_detach(gyre__server_client *client);

/* Gives one reference back; the last one frees the server. */
void gyre__server_unref(gyre_server *server);

/* Once it is closed and the last connection has ended: those who wait for that go on. */
void gyre__server_wake_waiters(gyre_server *server);

/* server_tls.c: a session's task with the handshake before the session; NULL: no memory. */
gyre_task *gyre__server_spawn_tls(gyre_server *server, gyre_stream *stream);

/* server_accept.c: prepares a listener; accepts from now on; lets go of its descriptors. */
void gyre__listener_init(struct gyre__listener *listener, gyre_server *server, int fd);
void gyre__listener_accept(struct gyre__listener *listener);
void gyre__listener_close(struct gyre__listener *listener);

#endif
