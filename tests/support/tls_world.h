/*
 * What tests of TLS streams need: an authority, a server and a client that trust each other, and
 * pairs of streams that have shaken hands.
 */
#ifndef GYRE_TESTS_SUPPORT_TLS_WORLD_H
#define GYRE_TESTS_SUPPORT_TLS_WORLD_H

#include "../../net/stream_tls.h"

/* PEM texts: the authority, a server called "localhost" and 127.0.0.1, a client, a stranger's client. */
typedef struct tls_world {
    char *root, *server, *server_key, *client, *client_key, *stranger, *stranger_key;
} tls_world;

void tls_world_open(tls_world *world);
void tls_world_close(tls_world *world);

/* Contexts with these options and the world's certificates in addition; a client shows none. */
gyre_tls_context *tls_world_server(const tls_world *world, gyre_tls_options options);
gyre_tls_context *tls_world_client(const tls_world *world, gyre_tls_options options);

/*
 * Makes two connected streams (out-parameters: the caller's) and has them shake hands, each in a task of its own.
 * Result: 0, or the client's or the server's error. The contexts are borrowed.
 */
struct tls_pair_start {
    gyre_frame frame;
    gyre_tls_context *client_context, *server_context;
    const gyre_stream_options *options;
    gyre_stream **out_client, **out_server;
    gyre_task *task;
    int64_t client_rc, server_rc;
};
GYRE_CORO_DECLARE(tls_pair_start);

/* Both ends of a connection. */
struct tls_ends {
    gyre_stream *client, *server;
};

/* Closes a stream (moved). */
struct close_one {
    gyre_frame frame;
    gyre_stream *stream;
};
GYRE_CORO_DECLARE(close_one);

/* Closes both at the same time, as each waits for the other's close_notify. The struct is borrowed. */
struct tls_close_ends {
    gyre_frame frame;
    struct tls_ends *ends;
    gyre_task *task;
};
GYRE_CORO_DECLARE(tls_close_ends);

/* Two connected sockets as streams. */
void plain_pair(const gyre_stream_options *options, gyre_stream **out_a, gyre_stream **out_b);

#endif
