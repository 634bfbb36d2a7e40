/*
 * Streams: bytes in both directions over a connected socket (TCP, Unix), a pipe or a terminal.
 *
 * Reading. A stream reads ahead into a buffer of its own, bounded by twice its limit, so a
 * cancelled read loses nothing: what had arrived is there for the next one. Large reads go straight
 * into the caller's memory. Writing. gyre_stream_write() takes over all bytes at once and waits
 * only while more than the high-water mark is unsent, so a cancelled write loses nothing either.
 * One reader and one writer at a time: a second one gets -EBUSY. Idle streams hold no buffers.
 * Streams that speak TLS work the same way; stream_tls.h says what is added.
 *
 * Ownership: whoever made the stream owns it until gyre_stream_close() or gyre_stream_abort(),
 * which end it; the pointer is invalid from then on. Use a stream in its loop's thread. Every
 * awaitable here gives GYRE_ECANCELLED when it is cancelled or the loop closes.
 *
 * Python names: asyncio.StreamReader and StreamWriter in one object.
 */
#ifndef GYRE_NET_STREAM_H
#define GYRE_NET_STREAM_H

#include <sys/uio.h>

#include "../task/coro.h"
#include "address.h"

GYRE_BEGIN_DECLS

typedef struct gyre_stream gyre_stream;

/* All zero is a good default. */
typedef struct gyre_stream_options {
    size_t limit;             /* most bytes of read_until, readline and fill; default 64 KiB */
    size_t high_water;        /* gyre_stream_write waits above this many unsent bytes; default 64 KiB */
    size_t low_water;         /* ... until there are no more than these; default a quarter of it */
    int64_t close_timeout_ns; /* how long closing waits for unsent bytes; default 30 s; GYRE_FOREVER */
} gyre_stream_options;

/*
 * A stream over a connected descriptor (moved if the call succeeds; O_NONBLOCK makes no difference
 * and may be cleared). options: copied, may be NULL.
 * connect_accepted_socket(), connect_read_pipe(), connect_write_pipe(). Errors: -ENOMEM, -EBADF,
 * -EINVAL for marks where low is above high, GYRE_ELOOPCLOSED.
 */
GYRE_API GYRE_MUST_USE int64_t gyre_stream_new(gyre_loop *loop, int fd, const gyre_stream_options *options,
                                               gyre_stream **out_stream);

/* ---- reading ---- */

/*
 * Reads at least one byte, at most `size`, into the buffer (borrowed until the await is over; it
 * must lie in a frame or on the heap). Result: how many; 0 at the end of the stream (or for size
 * 0). read(n). Errors: -EBUSY while another task reads; -ECONNRESET and other errors of the
 * connection.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_stream_read(gyre_stream *stream, void *buffer, size_t size);

/*
 * Reads exactly `size` bytes. Result: size, or GYRE_EINCOMPLETE when the stream ends before: what
 * there was remains unread. Cancelled: nothing is consumed. readexactly(n).
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_stream_read_exactly(gyre_stream *stream, void *buffer, size_t size);

/*
 * Waits until a separator has come and gives everything up to and with it, without copying:
 * *out_data points into the stream's buffer and is valid until the next read from the stream. The
 * bytes are consumed. Result: their number. Errors: GYRE_EINCOMPLETE when the stream ends without a
 * separator (the rest stays unread); GYRE_ELIMIT when none is found within the limit (nothing is
 * consumed). readuntil().
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_stream_read_until(gyre_stream *stream, const void *separator,
                                                         size_t separator_size, const char **out_data);

/* A line with its "\n"; at the end of the stream what is left without one; then 0. readline(). */
GYRE_API GYRE_MUST_USE gyre_await gyre_stream_readline(gyre_stream *stream, const char **out_line);

/*
 * Waits until at least `count` bytes can be peeked at. Result: how many there are, fewer only at
 * the end of the stream. GYRE_ELIMIT when count is above the limit.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_stream_fill(gyre_stream *stream, size_t count);

/*
 * What has been read ahead: borrowed until the next read or consume. *out_size is its size, 0 if
 * there is none.
 */
GYRE_API const char *gyre_stream_peek(gyre_stream *stream, size_t *out_size);

/* Drops bytes that were peeked at; more than there are is an error, -EINVAL. */
GYRE_API int64_t gyre_stream_consume(gyre_stream *stream, size_t size);

/* True when the end has come and everything was read. at_eof(). */
GYRE_API bool gyre_stream_at_eof(const gyre_stream *stream);

/* ---- writing ---- */

/*
 * Takes over `size` bytes (copied or sent at once), then waits while more than the high-water mark
 * is unsent. Result: size. write() and drain() in one. Errors: -EPIPE, -ECONNRESET and what else
 * ended the connection, at once for all later writes; -ENOMEM (nothing was taken); -EBUSY while
 * another task waits in a write; GYRE_ESTATE after write_eof. Cancelled: the bytes are on their way
 * all the same.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_stream_write(gyre_stream *stream, const void *data, size_t size);

/* The same for several pieces. writelines() and drain(). */
GYRE_API GYRE_MUST_USE gyre_await gyre_stream_writev(gyre_stream *stream, const struct iovec *pieces,
                                                     size_t count);

/*
 * write() alone, from tasks and callbacks: never waits, so the caller must watch the amount or
 * drain. Errors as above.
 */
GYRE_API int64_t gyre_stream_write_soon(gyre_stream *stream, const void *data, size_t size);

/* Waits until no more than the low-water mark is unsent, if more than the high one is. drain(). */
GYRE_API GYRE_MUST_USE gyre_await gyre_stream_drain(gyre_stream *stream);

/* Waits until every byte has been handed to the kernel. */
GYRE_API GYRE_MUST_USE gyre_await gyre_stream_flush(gyre_stream *stream);

/*
 * Half-close: after what is unsent the peer sees the end of the stream; reading goes on. Never
 * waits. write_eof(). GYRE_ESTATE when done before; -ENOTSOCK on pipes.
 */
GYRE_API int64_t gyre_stream_write_eof(gyre_stream *stream);

GYRE_API size_t gyre_stream_unsent(const gyre_stream *stream); /* bytes. get_write_buffer_size() */

/* New marks, in bytes; -EINVAL if low > high. set_write_buffer_limits(). */
GYRE_API int64_t gyre_stream_set_write_limits(gyre_stream *stream, size_t low, size_t high);

/* ---- ending ---- */

/*
 * Ends the stream (moved): sends what is unsent, for as long as the close timeout allows, and
 * closes the descriptor. Result: 0; the error of the connection; GYRE_ETIMEOUT when bytes had to be
 * dropped. Cancelled: the closing is completed without waiting for unsent bytes. close() and
 * wait_closed(). NULL is allowed and gives 0.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_stream_close(gyre_stream *stream);

/*
 * Ends the stream (moved) at once; unsent bytes are dropped. Never waits. transport.abort(). NULL
 * is allowed.
 */
GYRE_API void gyre_stream_abort(gyre_stream *stream);

/* ---- asking ---- */

GYRE_API gyre_loop *gyre_stream_loop(const gyre_stream *stream);
GYRE_API int gyre_stream_fd(const gyre_stream *stream); /* borrowed: for socket options; do not read, write or close it */
GYRE_API int64_t gyre_stream_peer(const gyre_stream *stream, gyre_address *out);  /* get_extra_info("peername") */
GYRE_API int64_t gyre_stream_local(const gyre_stream *stream, gyre_address *out); /* get_extra_info("sockname") */

/* The error that ended the connection, or 0. */
GYRE_API int64_t gyre_stream_error(const gyre_stream *stream);

GYRE_END_DECLS

#endif
