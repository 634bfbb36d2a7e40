/*
 * An HTTP/1.1 client: requests over a pool of connections.
 *
 *     gyre_http_client_new(gyre_loop_current(), NULL, &self->client);
 *     GYRE_TRY(gyre_http_get(self->client, "https://example.org/", &self->response));
 *     GYRE_TRY(gyre_http_response_read_all(self->response, 0, &self->body, NULL));
 *     GYRE_FINALLY;
 *     gyre_free(self->body);
 *     GYRE_AWAIT(self->n, gyre_http_response_close(self->response));
 *     GYRE_AWAIT(self->n, gyre_http_client_close(self->client));
 *
 * The pool. Connections are kept open and used again, by origin (scheme, host and port): at most
 * `limit` in all and `limit_per_host` for one; who finds none free waits, and is served in the order
 * of coming. A connection is looked at before it is used again; if it dies all the same before a
 * byte of the answer has come, a request whose method is idempotent and whose body can be sent
 * again is sent once more, over a new one.
 *
 * Redirects are followed, up to `max_redirects`: 303 turns every method but HEAD into GET, 301 and
 * 302 turn POST into GET, 307 and 308 change nothing. When the origin changes, Authorization,
 * Cookie and the URL's user and password are not sent any more, on the way back neither. From https
 * to http only if allowed.
 *
 * Bodies are compressed only if the client asked for that: it adds "Accept-Encoding: gzip, deflate"
 * unless the request has that header or Range, and then decompresses, up to `decoded_limit`.
 *
 * Ownership: whoever made the client owns it until gyre_http_client_close() or _abort(). Responses
 * may outlive it. Use both in the loop's thread. Many tasks may use one client at the same time.
 *
 * asyncio has no HTTP; the model is aiohttp.ClientSession.
 */
#ifndef GYRE_NET_HTTP_CLIENT_H
#define GYRE_NET_HTTP_CLIENT_H

#include "address.h"
#include "http_response.h"
#include "tls.h"

GYRE_BEGIN_DECLS

typedef struct gyre_http_client gyre_http_client;
typedef struct gyre_http_body gyre_http_body;

/* Connect to `address` where a URL says host and port: curl's --resolve. */
typedef struct gyre_http_resolve {
    const char *host;     /* as in URLs, any case, IPv6 without brackets */
    uint16_t port;        /* 0: every port; the address's own port is not used then */
    gyre_address address; /* port 0: the URL's */
} gyre_http_resolve;

/*
 * Time limits in nanoseconds; 0: the default of the client, or that in brackets; GYRE_FOREVER:
 * none. All end in GYRE_ETIMEOUT, with a text that says which.
 */
typedef struct gyre_http_timeouts {
    int64_t connect_ns;    /* look-up and TCP, and a proxy's CONNECT, of one connection [30 s] */
    int64_t tls_ns;        /* the handshake [that of the context: 60 s] */
    int64_t first_byte_ns; /* from the end of sending to the head of the answer [60 s] */
    int64_t idle_ns;       /* without progress, in both directions [60 s] */
    int64_t total_ns;      /* from the call to the last byte of the body, everything included [none] */
    int64_t continue_ns;   /* how long `expect_continue` waits before sending all the same [1 s] */
} gyre_http_timeouts;

/* All zero is a good default. Everything is copied; `tls` gets a reference. */
typedef struct gyre_http_client_options {
    size_t limit;            /* connections in all; default 100; SIZE_MAX: no limit */
    size_t limit_per_host;   /* connections to one origin; default: no limit */
    int64_t idle_timeout_ns; /* unused connections are closed after it; default 15 s; GYRE_FOREVER: only
                                when the server has closed them and they are wanted again */
    gyre_http_timeouts timeouts;
    unsigned max_redirects;  /* followed for one request; default 10 */
    bool no_redirects;       /* give redirects to the caller as they are */
    bool no_keep_alive;      /* a new connection for each request */
    bool no_retry;           /* never send a request twice */
    bool no_decoding;        /* do not ask for compressed bodies */
    bool insecure_allow_downgrade; /* follow redirects from https to http */
    gyre_tls_context *tls;   /* for https; default: one made when needed, with the system's trust store */
    const char *proxy;       /* "http://[user:password@]host:port": https goes through CONNECT */
    const char *user_agent;  /* default "gyre/VERSION"; "" sends none */
    const gyre_http_headers *headers; /* sent with every request that does not set the same itself */
    const gyre_http_resolve *resolve; /* the first that fits counts */
    size_t resolve_count;
    size_t head_limit;       /* bytes of an answer's head; GYRE_EHTTPFIELDS above; default 256 KiB */
    size_t header_limit;     /* how many headers; GYRE_EHTTPFIELDS above; default 256 */
    uint64_t body_limit;     /* bytes of a body as given out; GYRE_EHTTPBODY above; default: no limit */
    uint64_t decoded_limit;  /* of what comes out of a compressed one; GYRE_ELIMIT; default 1 GiB */
} gyre_http_client_options;

/*
 * Makes a client. options: borrowed, may be NULL. *out_client: new, the caller's. Errors: -ENOMEM,
 * GYRE_ELOOPCLOSED; GYRE_EURL for a bad proxy, GYRE_EHTTPSCHEME for one that is not http;
 * GYRE_EHTTPHEADER for a bad user agent.
 */
GYRE_API GYRE_MUST_USE int64_t gyre_http_client_new(gyre_loop *loop,
                                                    const gyre_http_client_options *options,
                                                    gyre_http_client **out_client);

/*
 * Ends the client (moved): unused connections are closed. Requests under way and open responses go
 * on, and close their connections in the end; requests that wait for a place get GYRE_ESTATE.
 * TLS peers are told, their answer is not waited for: it never suspends today. Result 0. NULL is
 * allowed.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_http_client_close(gyre_http_client *client);

/* The same where nothing can be awaited. NULL is allowed. Also after the loop was closed. */
GYRE_API void gyre_http_client_abort(gyre_http_client *client);

GYRE_API gyre_loop *gyre_http_client_loop(const gyre_http_client *client);

/* Counters, for tests and monitoring. */
typedef struct gyre_http_client_stats {
    size_t connections; /* open or being opened */
    size_t idle;        /* of these unused */
    size_t waiting;     /* requests that wait for a place */
    uint64_t requests;  /* sent, with redirects and retries */
    uint64_t connects;  /* connections opened, or tried */
    uint64_t reuses;    /* requests over a connection that had served before */
    uint64_t stale;     /* unused connections found dead, before or after sending */
} gyre_http_client_stats;

GYRE_API void gyre_http_client_get_stats(const gyre_http_client *client,
                                         gyre_http_client_stats *out_stats);

/* Closes the unused connections now, without waiting. */
GYRE_API void gyre_http_client_close_idle(gyre_http_client *client);

/* ---- requests ---- */

/* A coroutine that makes a body: see GYRE_HTTP_BODY(). */
typedef struct gyre_http_body_source {
    const gyre_coro *coro;
    const void *args;
} gyre_http_body_source;

/* All zero but `url` is a GET. Everything is copied during the call but the bytes of `body`. */
typedef struct gyre_http_request {
    const char *method; /* a token, case matters; NULL: GET, or POST if there is a body */
    const char *url;    /* http or https, absolute; user and password become Basic authorization */
    const gyre_http_headers *headers; /* may replace Host, Accept...; not what frames the message */
    const void *body;   /* borrowed until the response is closed, or the request has failed */
    size_t body_size;
    const char *content_type;  /* short for that header */
    gyre_http_body_source upload; /* in place of `body`: GYRE_HTTP_BODY(coroutine, ...) */
    uint64_t upload_size;      /* what the coroutine will write, checked; 0: not known, sent in chunks */
    bool upload_again;         /* the coroutine may be started anew, for a redirect or another try */
    bool expect_continue;      /* ask with "Expect: 100-continue" before sending the body */
    gyre_http_timeouts timeouts;
    unsigned max_redirects;    /* 0: that of the client */
    bool no_redirects, no_decoding;
} gyre_http_request;

/*
 * Sends a request and waits for the head of the answer. *out_response: new, the caller's, NULL upon
 * errors; borrowed until the await is over. Any status is a success, also 404 and 500. Result: the
 * status.
 *
 * Errors, of which gyre_error_text(gyre_error_current()) often says more:
 *   GYRE_EURL, GYRE_EHTTPSCHEME       neither http nor https, or no host
 *   GYRE_EHTTPHEADER                  bad method or header, or one that is the client's: Content-Length,
 *                                     Transfer-Encoding, Connection other than close and keep-alive,
 *                                     Upgrade, Expect, Trailer, TE, Keep-Alive, Proxy-...
 *   GYRE_ESTATE, GYRE_EWRONGLOOP      the client was closed; it belongs to another loop
 *   those of gyre_open_connection() and of TLS
 *   GYRE_EHTTPPROXY                   the proxy refuses
 *   GYRE_ETIMEOUT                     see gyre_http_timeouts
 *   GYRE_EHTTPINCOMPLETE              the connection ended before the head did
 *   GYRE_EHTTPSYNTAX, GYRE_EHTTPFRAMING and others   a malformed answer
 *   GYRE_EHTTPFIELDS, GYRE_EHTTPLINE, GYRE_EHTTPBODY   above a limit
 *   GYRE_EHTTPREDIRECT                too many, or to what cannot be followed (blanks, '|' and bytes
 *                                     above 127 in a Location's path or query are encoded, not refused)
 *   GYRE_EHTTPDOWNGRADE               from https to http
 *   GYRE_EHTTPREPLAY                  a redirect wants the body again, which cannot be had
 *   -ENOMEM, and whatever the upload coroutine returned
 *
 * Cancelled, at any point: the connection is closed, the place in the pool is free again.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_http_send(gyre_http_client *client,
                                                 const gyre_http_request *request,
                                                 gyre_http_response **out_response);

/* A GET with nothing special. url: copied. */
GYRE_API GYRE_MUST_USE gyre_await gyre_http_get(gyre_http_client *client, const char *url,
                                                gyre_http_response **out_response);

/* A POST. content_type: copied, may be NULL; body: as in gyre_http_request. */
GYRE_API GYRE_MUST_USE gyre_await gyre_http_post(gyre_http_client *client, const char *url,
                                                 const char *content_type, const void *body,
                                                 size_t body_size,
                                                 gyre_http_response **out_response);

/* ---- bodies made while they are sent ---- */

#ifndef __cplusplus

/*
 * For gyre_http_request.upload: a coroutine that writes the body, and its arguments.
 *
 *     struct numbers {
 *         gyre_frame frame;
 *         gyre_http_body *body;      must be second: where it writes, valid while it runs
 *         int from, to;
 *     };
 *     GYRE_CORO(numbers) { ... GYRE_TRY(gyre_http_body_write(self->body, text, size)); ... }
 *
 *     .upload = GYRE_HTTP_BODY(numbers, .from = 1, .to = 1000)
 *
 * The value is good for the call of gyre_http_send() in which it stands: the frame is copied there.
 * It runs in a task of its own, begun when the head is on its way. Its end is the body's end; its
 * error fails the request. The answer may come earlier: then it is cancelled when the response ends.
 */
#define GYRE_HTTP_BODY(...) GYRE__HTTP_BODY(__VA_ARGS__, )
#define GYRE__HTTP_BODY(name_, ...)                                                                \
    {                                                                                              \
        &name_##_coro + GYRE__HTTP_BODY_CHECK(name_),                                              \
        (&(struct name_){.frame = {.coro = &name_##_coro}, __VA_ARGS__})                           \
    }
/* 0; does not compile unless `gyre_http_body *body` is the second member of the struct. */
#define GYRE__HTTP_BODY_CHECK(name_)                                                               \
    (sizeof(struct {                                                                               \
         _Static_assert(offsetof(struct name_, body) == sizeof(gyre_frame),                        \
                        "gyre_http_body *body must be the second member");                         \
         int unused;                                                                               \
     }) * 0)

#endif

/*
 * Writes a piece of the body, waiting while the connection is behind. data: borrowed until the await
 * is over. Result: size. Errors: -EBUSY while another task writes; GYRE_EHTTPLENGTH for more than
 * upload_size; GYRE_ETIMEOUT (idle); -EPIPE and others when the connection has ended or the response
 * is closed. Return them: the answer says why the server did not want more.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_http_body_write(gyre_http_body *body, const void *data,
                                                       size_t size);

/*
 * A trailer behind the body, for bodies in chunks (GYRE_ESTATE otherwise). name, value: copied.
 * Never suspends. Errors: GYRE_EHTTPHEADER, -ENOMEM.
 */
GYRE_API int64_t gyre_http_body_trailer(gyre_http_body *body, const char *name, const char *value);

/* ---- authorization ---- */

/*
 * Sets the header Authorization: "Basic ..." from user and password, or "Bearer ..." from a token
 * (all borrowed). Errors: GYRE_EHTTPHEADER for what cannot be sent (a colon in the user's name,
 * control characters, an empty token), -ENOMEM.
 */
GYRE_API GYRE_MUST_USE int64_t gyre_http_authorize_basic(gyre_http_headers *headers,
                                                         const char *user, const char *password);
GYRE_API GYRE_MUST_USE int64_t gyre_http_authorize_bearer(gyre_http_headers *headers,
                                                          const char *token);

GYRE_END_DECLS

#endif
