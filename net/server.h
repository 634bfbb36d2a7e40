/*
 * Servers: listening sockets and a coroutine for each connection.
 *
 *     struct session {
 *         gyre_frame frame;
 *         gyre_stream *stream;      must be second: the connection, the coroutine's own
 *         struct app *app;          whatever else GYRE_START_SERVER was given, copied for each connection
 *     };
 *     GYRE_CORO(session) { ... GYRE_FINALLY; GYRE_AWAIT(self->n, gyre_stream_close(self->stream)); GYRE_END; }
 *
 *     rc = GYRE_START_SERVER(&server, ((gyre_server_options){.host = "127.0.0.1"}), session, .app = app);
 *
 * A session that ends with an error, other than being cancelled, is reported to the exception handler.
 *
 * With TLS a session begins once its handshake has succeeded; until then the connection counts all the same, for
 * gyre_server_connections(), the limit and gyre_server_wait_closed(), but not longer than the context's handshake time limit.
 *
 * Python names: asyncio.start_server, start_unix_server, Server.
 */
#ifndef GYRE_NET_SERVER_H
#define GYRE_NET_SERVER_H

#include "../task/coro.h"
#include "address.h"
#include "stream.h"
#include "tls.h"

GYRE_BEGIN_DECLS

typedef struct gyre_server gyre_server;

/* Where and how to listen; all zero listens on a free port of every interface. Everything is copied. */
typedef struct gyre_server_options {
    const char *host;              /* numeric address or "localhost" (127.0.0.1 and ::1); NULL: all interfaces */
    uint16_t port;                 /* 0: any free one, the same for all addresses where possible */
    const char *unix_path;         /* a Unix socket instead; one that is there is replaced */
    const gyre_address *addresses; /* or a list of addresses of any family */
    size_t address_count;
    int backlog;                   /* connections not accepted yet; default 128 */
    bool reuse_port;               /* let several servers share the port: SO_REUSEPORT */
    bool keep_unix_path;           /* do not remove the Unix socket's name in the end */
    bool nagle;                    /* leave Nagle's algorithm on; default: TCP_NODELAY as asyncio */
    size_t max_connections;        /* accept no more at a time; 0: no limit */
    gyre_stream_options stream;    /* for each connection */
    gyre_tls_context *tls;         /* speak TLS, as its server; gets a new reference. ssl= */
    /*
     * Told of each handshake that failed or took too long: the peer, the error, its details in
     * gyre_error_current(). Called in the loop, must not suspend; NULL: nobody is told. Without TLS never called.
     */
    void (*on_tls_error)(void *arg, const gyre_address *peer, int64_t error);
    void *on_tls_error_arg;
} gyre_server_options;

GYRE_API int64_t gyre__start_server(gyre_loop *loop, const gyre_server_options *options,
                                    const gyre_coro *coro, const void *args, gyre_server **out_server);

#ifndef __cplusplus

/*
 * Starts a server on the running loop: GYRE_START_SERVER(&server, options, coroutine, .argument = value, ...), options being a
 * gyre_server_options value in parentheses. *out_server: new, the caller's until gyre_server_free().
 * Never suspends: it serves when this returns 0. Errors: -EADDRINUSE, -EACCES, -EADDRNOTAVAIL and others of
 * socket, bind and listen; -EINVAL for a host that is not numeric (resolve it first) and for a TLS context of
 * clients; -ENOMEM.
 */
#define GYRE_START_SERVER(out_server_, options_, ...)                                              \
    GYRE_START_SERVER_ON(gyre_loop_current(), out_server_, options_, __VA_ARGS__)

/* The same on a loop that may not run yet. */
#define GYRE_START_SERVER_ON(loop_, out_server_, options_, ...)                                    \
    GYRE__START_SERVER(loop_, out_server_, options_, __VA_ARGS__, )
#define GYRE__START_SERVER(loop_, out_server_, options_, name_, ...)                               \
    gyre__start_server((loop_), &(options_) + GYRE__SESSION_CHECK(name_), &name_##_coro,           \
                       (&(struct name_){.frame = {.coro = &name_##_coro}, __VA_ARGS__}),           \
                       (out_server_))
/* 0; does not compile unless `gyre_stream *stream` is the second member of the struct. */
#define GYRE__SESSION_CHECK(name_)                                                                 \
    (sizeof(struct {                                                                               \
         _Static_assert(offsetof(struct name_, stream) == sizeof(gyre_frame),                      \
                        "gyre_stream *stream must be the second member");                          \
         int unused;                                                                               \
     }) * 0)

#endif

/* Addresses it listens on: how many, and the i-th one (-EINVAL beyond). Server.sockets. */
GYRE_API size_t gyre_server_address_count(const gyre_server *server);
GYRE_API int64_t gyre_server_address(const gyre_server *server, size_t index, gyre_address *out);

GYRE_API uint16_t gyre_server_port(const gyre_server *server);        /* of the first address; 0 for Unix */
GYRE_API size_t gyre_server_connections(const gyre_server *server);   /* sessions under way */
GYRE_API bool gyre_server_is_serving(const gyre_server *server);      /* until it is closed. is_serving() */

/* Stops accepting; sessions go on. Never waits. close(). */
GYRE_API void gyre_server_close(gyre_server *server);

/* Cancels every session: each ends as its coroutine decides. close_clients(). */
GYRE_API void gyre_server_cancel_clients(gyre_server *server);

/* Waits until the server is closed and all sessions have ended. Result 0. wait_closed(). */
GYRE_API GYRE_MUST_USE gyre_await gyre_server_wait_closed(gyre_server *server);

/*
 * The graceful end: closes, waits up to grace_ns for the sessions, cancels those that are left and waits for
 * them. Result: how many had to be cancelled. Cancelled: the sessions are cancelled at once, and nobody waits.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_server_stop(gyre_server *server, int64_t grace_ns);

/* Gives the server up: closes it; sessions go on on their own. NULL is allowed. */
GYRE_API void gyre_server_free(gyre_server *server);

GYRE_END_DECLS

#endif
