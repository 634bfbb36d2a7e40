/*
 * An HTTP/1.1 server: a coroutine for each request.
 *
 *     struct hello {
 *         gyre_frame frame;
 *         gyre_http_exchange *exchange;   must be second: the request and its answer
 *         struct app *app;                whatever else the server was started with, copied
 *     };
 *     GYRE_CORO(hello)
 *     {
 *         GYRE_BEGIN;
 *         GYRE_TRY(gyre_http_respond(self->exchange, 200, "text/plain", "Hello\n", 6));
 *         GYRE_END;
 *     }
 *
 *     options = (gyre_http_server_options){.listen.host = "127.0.0.1"};
 *     rc = GYRE_START_HTTP_SERVER(&server, options, hello, .app = app);
 *
 * The handler runs in the connection's task, one request of a connection after the other: answers
 * leave in the order of the requests, pipelined ones in as few writes as can be. It reads the
 * body if it wants to, and answers once: with gyre_http_respond() as a whole, or with
 * gyre_http_start(), gyre_http_write()... and gyre_http_end() in pieces. What it leaves undone is
 * done for it:
 *
 *   - No answer and a result of 0: 500, and GYRE_EHTTPNOANSWER goes to the exception handler. A
 *     result from 200 to 599 and no answer: a short text answer with that status.
 *   - An error: 500 if nothing was sent yet (else the connection is aborted, so that the client
 *     sees a cut), and the error goes to the exception handler. Errors that gyre_http_read() gave
 *     are the client's doing: they become the status they deserve (400, 408, 413...) and are not
 *     reported. Errors of a connection that broke are not reported either.
 *   - An answer in pieces without its end: ended.
 *   - A body that was not read: read and dropped up to a limit, else the connection is closed
 *     after the answer.
 *
 * What cannot be understood is answered without asking the handler: 400 for bad syntax, bad
 * framing, a wrong Host, 408 when the head takes too long, 413, 414, 417, 431, 501 (a transfer
 * coding other than chunked, CONNECT), 505; the connection ends after it.
 *
 * The handler of a cancelled connection (gyre_http_server_stop() after its grace,
 * gyre_task_cancel()) meets GYRE_ECANCELLED at its await, as any coroutine.
 *
 * asyncio has no HTTP; the shape is that of asyncio.start_server().
 */
#ifndef GYRE_NET_HTTP_SERVER_H
#define GYRE_NET_HTTP_SERVER_H

#include "http_headers.h"
#include "server.h"

GYRE_BEGIN_DECLS

typedef struct gyre_http_server gyre_http_server;

/* One request and its answer. Lives until its handler has ended; borrowed by it. */
typedef struct gyre_http_exchange gyre_http_exchange;

/* "Without a limit" where 0 means the default. */
#define GYRE_HTTP_NO_LIMIT UINT64_MAX

/* What is known when an exchange is over; valid during the call only. */
typedef struct gyre_http_access {
    const gyre_http_exchange *exchange; /* ask it for method, target, headers, peer */
    unsigned status;     /* of the answer; 0: the connection ended without one */
    uint64_t sent;       /* bytes of the answer's body, without its framing */
    uint64_t received;   /* bytes of the request's body that came */
    int64_t duration_ns; /* from the request's first byte to the answer's end */
    int64_t error;       /* what ended it too early, or 0 */
} gyre_http_access;

/*
 * All zero is a good default. Everything is copied; GYRE_FOREVER means no time-out. A client that
 * exceeds a limit is answered with the status named here, and its connection ends.
 */
typedef struct gyre_http_server_options {
    gyre_server_options listen;    /* where, how many connections, TLS: as gyre_server */
    size_t max_line;               /* bytes of the request line; default 8 KiB; 414 */
    size_t max_header_count;       /* header fields; default 100; 431 */
    size_t max_header_bytes;       /* bytes of all of them; default 32 KiB; 431 */
    uint64_t max_body;             /* bytes; default 16 MiB; gyre_http_set_body_limit(); 413 */
    uint64_t max_drain;            /* bytes of an unread body dropped to go on; default 256 KiB */
    uint64_t max_requests;         /* of a connection, which then ends; default: no limit */
    int64_t head_timeout_ns;       /* from the first byte of a head to its end; default 30 s; 408 */
    int64_t body_timeout_ns;       /* between two pieces of a body, and for all of one that nobody
                                      reads; default 30 s; 408 */
    int64_t write_timeout_ns;      /* for a client that takes nothing; default 30 s; aborted */
    int64_t keep_alive_timeout_ns; /* for the next request's first byte; default 75 s; closed */
    const char *server;            /* value of the Server field; NULL: none is sent */
    /* Called after each exchange, in the connection's task; must not suspend. NULL: nobody. */
    void (*on_access)(void *arg, const gyre_http_access *access);
    void *on_access_arg;           /* borrowed */
} gyre_http_server_options;

GYRE_API int64_t gyre__start_http_server(gyre_loop *loop, const gyre_http_server_options *options,
                                         const gyre_coro *coro, const void *args,
                                         gyre_http_server **out_server);

#ifndef __cplusplus

/*
 * Starts a server on the running loop: GYRE_START_HTTP_SERVER(&server, options, handler,
 * .argument = value, ...), options being a gyre_http_server_options, a literal in parentheses.
 * *out_server: new, the caller's until gyre_http_server_free(). Never suspends: it serves when
 * this returns 0. Errors: those of GYRE_START_SERVER(); GYRE_EHTTPHEADER for a `server` that is
 * no header value.
 */
#define GYRE_START_HTTP_SERVER(out_server_, options_, ...)                                         \
    GYRE_START_HTTP_SERVER_ON(gyre_loop_current(), out_server_, options_, __VA_ARGS__)

/* The same on a loop that may not run yet. */
#define GYRE_START_HTTP_SERVER_ON(loop_, out_server_, options_, ...)                               \
    GYRE__START_HTTP_SERVER(loop_, out_server_, options_, __VA_ARGS__, )
#define GYRE__START_HTTP_SERVER(loop_, out_server_, options_, name_, ...)                          \
    gyre__start_http_server((loop_), &(options_) + GYRE__HTTP_HANDLER_CHECK(name_), &name_##_coro, \
                            (&(struct name_){.frame = {.coro = &name_##_coro}, __VA_ARGS__}),      \
                            (out_server_))
/* 0; does not compile unless `gyre_http_exchange *exchange` is the second member of the struct. */
#define GYRE__HTTP_HANDLER_CHECK(name_)                                                            \
    (sizeof(struct {                                                                               \
         _Static_assert(offsetof(struct name_, exchange) == sizeof(gyre_frame),                    \
                        "gyre_http_exchange *exchange must be the second member");                 \
         int unused;                                                                               \
     }) * 0)

#endif

/* The server below: for its addresses, port and number of connections. Borrowed. */
GYRE_API gyre_server *gyre_http_server_listener(const gyre_http_server *server);
GYRE_API uint16_t gyre_http_server_port(const gyre_http_server *server); /* of the first address */

/*
 * The graceful end: stops accepting, closes idle connections, lets each request that has begun be
 * answered (with "Connection: close"), and cancels what is left after grace_ns. Result: how many
 * connections had to be cancelled. Cancelled itself: cancels them at once and does not wait. NULL
 * is allowed and gives 0.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_http_server_stop(gyre_http_server *server, int64_t grace_ns);

/* The first half of it alone, without waiting; connections end as their requests do. */
GYRE_API void gyre_http_server_close(gyre_http_server *server);

/* Gives the server up: closes it; requests under way go on. NULL is allowed. */
GYRE_API void gyre_http_server_free(gyre_http_server *server);

/* ---- the request: texts are borrowed until the handler has ended, and NUL-terminated ---- */

GYRE_API const char *gyre_http_exchange_method(const gyre_http_exchange *exchange); /* "GET" */
/* exactly this one */
GYRE_API bool gyre_http_exchange_is(const gyre_http_exchange *exchange, const char *method);
/* as it came: "/a%20b?c=d" */
GYRE_API const char *gyre_http_exchange_target(const gyre_http_exchange *exchange);

/*
 * Decoded, from its "/" on, without the query: "/a b". Dot segments are as they came. A NUL in it
 * was answered with 400.
 */
GYRE_API const char *gyre_http_exchange_path(const gyre_http_exchange *exchange);

/* What follows the "?", as it came; NULL if there is none. */
GYRE_API const char *gyre_http_exchange_query(const gyre_http_exchange *exchange);

GYRE_API unsigned gyre_http_exchange_version(const gyre_http_exchange *exchange); /* 10 or 11 */
GYRE_API const gyre_http_headers *gyre_http_exchange_headers(const gyre_http_exchange *exchange);

/* The first field of that name, in any case; NULL if there is none. */
GYRE_API const char *gyre_http_exchange_header(const gyre_http_exchange *exchange,
                                               const char *name);

/* Bytes of the body as announced: 0 without a body, -1 where it comes in chunks. */
GYRE_API int64_t gyre_http_exchange_content_length(const gyre_http_exchange *exchange);

/*
 * What the router found for ":name" or ":name*" (http_router.h), decoded; NULL where there is no
 * such part.
 */
GYRE_API const char *gyre_http_exchange_param(const gyre_http_exchange *exchange, const char *name);

GYRE_API int64_t gyre_http_exchange_peer(const gyre_http_exchange *exchange, gyre_address *out);
/* borrowed: to ask, not to read or write */
GYRE_API gyre_stream *gyre_http_exchange_stream(const gyre_http_exchange *exchange);

/* The status that was sent; 0: none yet. */
GYRE_API unsigned gyre_http_exchange_status(const gyre_http_exchange *exchange);

/* ---- the request's body ---- */

/*
 * Reads at least one byte of the body, at most `size`, into the buffer (borrowed until the await
 * is over; in a frame or on the heap). Result: how many; 0 at the end of the body. The first call
 * sends "100 Continue" to a client that waits for it. Errors (each ends the connection after the
 * answer): GYRE_ETIMEOUT when the client pauses for too long, GYRE_EHTTPBODY when the body is too
 * large, GYRE_EHTTPINCOMPLETE when the connection ends before the body, other GYRE_EHTTP... codes
 * for bad chunks; -ECONNRESET and what else ends connections. Cancelled: nothing is lost.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_http_read(gyre_http_exchange *exchange, void *buffer,
                                                 size_t size);

/*
 * Reads the rest of the body. Result: its size; *out_data: the bytes and a NUL behind them,
 * borrowed until the handler has ended. Errors: as above; GYRE_EHTTPBODY above `limit` (0: no
 * limit but the server's); -ENOMEM.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_http_read_all(gyre_http_exchange *exchange, size_t limit,
                                                     const char **out_data);

/*
 * Another limit for the body of this request than the server's, before it is read;
 * GYRE_HTTP_NO_LIMIT.
 */
GYRE_API void gyre_http_set_body_limit(gyre_http_exchange *exchange, uint64_t limit);

/* Fields behind the last chunk, once the end has been read; empty else. */
GYRE_API const gyre_http_headers *gyre_http_exchange_trailers(const gyre_http_exchange *exchange);

/* ---- the answer ---- */

/*
 * Fields for the answer, before it starts: replaces those of the name, or adds one. Copied.
 * Content-Length, Transfer-Encoding, Connection and Trailer are the server's own; Date and Server
 * may be replaced. Errors: GYRE_EHTTPHEADER for those and for what is no name or value (line
 * breaks above all); GYRE_ESTATE once the answer has started; -ENOMEM.
 */
GYRE_API int64_t gyre_http_set_header(gyre_http_exchange *exchange, const char *name,
                                      const char *value);
GYRE_API int64_t gyre_http_add_header(gyre_http_exchange *exchange, const char *name,
                                      const char *value);

/* The connection ends after this answer, which says so: "Connection: close". */
GYRE_API void gyre_http_set_close(gyre_http_exchange *exchange);

/*
 * Answers as a whole: status from 200 to 999, a content type (NULL: none is sent) and a body
 * (copied or sent at once). For HEAD, 204 and 304 the body stays away. Result 0. May suspend when
 * the client takes too slowly what it was sent. Errors: GYRE_ESTATE when an answer has started;
 * -EINVAL for a status that is none, or a body with 204 or 304; GYRE_EHTTPHEADER for a content
 * type that is no header value; -ENOMEM; GYRE_ETIMEOUT when the client takes nothing; those of
 * gyre_stream_write().
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_http_respond(gyre_http_exchange *exchange, unsigned status,
                                                    const char *content_type, const void *body,
                                                    size_t size);

/* The same with a text made by printf's rules. */
GYRE_API GYRE_MUST_USE gyre_await gyre_http_respondf(gyre_http_exchange *exchange, unsigned status,
                                                     const char *content_type,
                                                     const char *format, ...) GYRE_PRINTF(4, 5);

/*
 * A redirection: status 301, 302, 303, 307 or 308 to a location, which must be a URL or path
 * already encoded.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_http_redirect(gyre_http_exchange *exchange, unsigned status,
                                                     const char *location);

/*
 * Starts an answer in pieces. length: bytes of the whole body, or -1 where that is not known:
 * then it goes in chunks, or to a client of HTTP/1.0 until the connection ends. What is written
 * leaves with the loop's next iteration at the latest, so that small pieces share a packet.
 * Result 0. Never suspends. Errors: as gyre_http_respond().
 */
GYRE_API int64_t gyre_http_start(gyre_http_exchange *exchange, unsigned status,
                                 const char *content_type, int64_t length);

/*
 * The next piece (copied or sent at once). Result: size. Suspends while the client is behind.
 * Errors: GYRE_ESTATE before the start or after the end; GYRE_EHTTPLENGTH for more than was
 * announced; else as gyre_http_respond(). Cancelled: the bytes are on their way all the same.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_http_write(gyre_http_exchange *exchange, const void *data,
                                                  size_t size);

/*
 * A field behind the last chunk; ignored where there are no chunks. Errors: as
 * gyre_http_add_header().
 */
GYRE_API int64_t gyre_http_add_trailer(gyre_http_exchange *exchange, const char *name,
                                       const char *value);

/*
 * Ends an answer in pieces. Result 0. Errors: GYRE_EHTTPLENGTH when bytes are missing;
 * GYRE_ESTATE; as above.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_http_end(gyre_http_exchange *exchange);

/* "Not Found" for 404 and so on; "" for what has no name. Static. */
GYRE_API const char *gyre_http_reason(unsigned status);

GYRE_END_DECLS

#endif
