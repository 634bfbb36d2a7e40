/*
 * Responses of the HTTP client: the head when it has come, the body as a stream.
 *
 *     GYRE_TRY(gyre_http_get(client, "http://example.org/", &self->response));
 *     printf("%d\n", gyre_http_response_status(self->response));
 *     for (;;) {
 *         GYRE_TRY(self->n, gyre_http_response_read(self->response, self->buffer, sizeof(self->buffer)));
 *         if (self->n == 0)
 *             break;
 *         ...
 *     }
 *     GYRE_FINALLY;
 *     GYRE_AWAIT(self->n, gyre_http_response_close(self->response));
 *
 * A response is its caller's from gyre_http_send() until gyre_http_response_close() or
 * gyre_http_response_free(). The connection goes back to the client's pool as soon as the body was
 * read to its end, whatever happens to the response. What is not read is not received: the peer is
 * held back. All strings given out are borrowed and end with 0; they are valid until the response
 * goes. Use it in its loop's thread. Nothing but _read, _read_all and _close suspends.
 *
 * asyncio has no HTTP; the model is aiohttp.ClientResponse.
 */
#ifndef GYRE_NET_HTTP_RESPONSE_H
#define GYRE_NET_HTTP_RESPONSE_H

#include "../task/coro.h"

GYRE_BEGIN_DECLS

typedef struct gyre_http_headers gyre_http_headers; /* http_headers.h */
typedef struct gyre_http_response gyre_http_response;

/*
 * How long each phase took, in nanoseconds on the loop's clock. Of a request that was redirected or
 * sent again the phases add up. Phases that were not needed (a connection was reused) are 0.
 */
typedef struct gyre_http_timing {
    uint64_t started;       /* absolute: when the request was made */
    uint64_t queue_ns;      /* waiting for a place in the pool */
    uint64_t name_ns;       /* looking the host up */
    uint64_t connect_ns;    /* connecting: TCP, and the proxy's CONNECT */
    uint64_t tls_ns;        /* the TLS handshake */
    uint64_t send_ns;       /* sending the head, and a body that fits beside it */
    uint64_t first_byte_ns; /* from then to the first byte of the answer */
    uint64_t head_ns;       /* from `started` until the head of the final answer was complete */
    uint64_t total_ns;      /* from `started` to the end of the body; 0 before that */
    unsigned redirects;     /* followed */
    unsigned retries;       /* on stale connections */
    bool reused;            /* the last connection had served before */
} gyre_http_timing;

GYRE_API unsigned gyre_http_response_status(const gyre_http_response *response);     /* 200 */
GYRE_API const char *gyre_http_response_reason(const gyre_http_response *response);  /* "OK", "" */
GYRE_API unsigned gyre_http_response_version(const gyre_http_response *response);    /* 10, 11 */

/* The URL that answered: that of the request, or where redirects led; no userinfo, no fragment. */
GYRE_API const char *gyre_http_response_url(const gyre_http_response *response);

/* All headers, as they came. */
GYRE_API const gyre_http_headers *gyre_http_response_headers(const gyre_http_response *response);

/* The first header of the name (any case), or NULL. */
GYRE_API const char *gyre_http_response_header(const gyre_http_response *response,
                                               const char *name);

/* Trailers, headers that came behind a chunked body; none before the body was read to its end. */
GYRE_API const gyre_http_headers *gyre_http_response_trailers(const gyre_http_response *response);

/*
 * How many bytes gyre_http_response_read() will give in all: the Content-Length, 0 where there is
 * no body; -1 if that is not known (chunked, until the connection closes, or being decompressed).
 */
GYRE_API int64_t gyre_http_response_content_length(const gyre_http_response *response);

/* True if the body came compressed and is decompressed here: headers still speak of what came. */
GYRE_API bool gyre_http_response_decoded(const gyre_http_response *response);

/* Bytes of the body given out so far. */
GYRE_API uint64_t gyre_http_response_received(const gyre_http_response *response);

/* True when the body was read to its end. */
GYRE_API bool gyre_http_response_at_end(const gyre_http_response *response);

GYRE_API const gyre_http_timing *gyre_http_response_timing(const gyre_http_response *response);

/*
 * Reads at least one byte of the body, at most `size`, into the buffer (borrowed until the await is
 * over: it must lie in a frame or on the heap; with 16 KiB and more, what comes goes straight
 * there). Result: how many; 0 at the end. Cancelled: nothing is lost, the next read goes on.
 *
 * Errors, after which the connection is closed and every further read gives the same:
 * GYRE_EHTTPINCOMPLETE when the connection ended before the body did; GYRE_EHTTPSYNTAX and other
 * errors of a malformed body; GYRE_ETIMEOUT (idle or whole); GYRE_EHTTPBODY above body_limit;
 * GYRE_ELIMIT above decoded_limit; GYRE_EHTTPENCODING when it cannot be decompressed; those of the connection; that
 * of the request's upload if that failed. -EBUSY while another task reads: then nothing changes.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_http_response_read(gyre_http_response *response,
                                                          void *buffer, size_t size);

/*
 * Reads all that is left. *out_body: new, to be given to gyre_free(), with a 0 behind it that does
 * not count; NULL upon errors. limit: most bytes, GYRE_ELIMIT above; 0: 64 MiB. out_size may be
 * NULL. Result: the size. out_body, out_size: borrowed until the await is over. Cancelled or
 * failed: what had come is lost.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_http_response_read_all(gyre_http_response *response,
                                                              size_t limit, char **out_body,
                                                              size_t *out_size);

/*
 * Ends the response (moved). What is left of the body is dropped: if it is little (64 KiB) and
 * comes soon (a second), the connection stays usable, else it is closed. An upload that is still
 * under way is cancelled, and its end awaited. Result 0, never an error of the connection.
 * Cancelled: completed without waiting. NULL is allowed and gives 0.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_http_response_close(gyre_http_response *response);

/*
 * The same without waiting (moved): the connection survives only if the rest of the body has come
 * already. An upload coroutine that is under way ends after this call. NULL is allowed. Also after
 * the loop was closed.
 */
GYRE_API void gyre_http_response_free(gyre_http_response *response);

GYRE_END_DECLS

#endif
