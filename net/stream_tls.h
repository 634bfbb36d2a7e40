/*
 * TLS on a live stream: upgrading a connection in place, and asking what was agreed on.
 *
 * A stream that speaks TLS from the beginning comes from gyre_open_connection() with .tls, or from
 * a server with .tls. Either way everything in stream.h works as before, with these additions:
 *
 * - Reads and writes also give the errors of tls.h. The end of the stream is the peer's
 *   close_notify; a connection that ends without it gives GYRE_ETLSTRUNCATED, once what had come
 *   was read (see insecure_truncation there).
 * - gyre_stream_write_eof() sends close_notify and leaves the connection open; reading goes on.
 *   Peers of TLS 1.2 may answer by ending the connection.
 * - gyre_stream_close() sends close_notify after what is unsent, and then waits for the peer's
 *   close_notify or the end of the connection, at most the context's shutdown time limit and no
 *   longer than the stream's close timeout: GYRE_ETIMEOUT when that is over. What the peer still
 *   sends is dropped. gyre_stream_abort() and a cancelled close do none of that.
 * - The marks of writing and gyre_stream_unsent() count encrypted bytes.
 *
 * Python names: loop.start_tls, StreamWriter.start_tls, get_extra_info("ssl_object").
 */
#ifndef GYRE_NET_STREAM_TLS_H
#define GYRE_NET_STREAM_TLS_H

#include "stream.h"
#include "tls.h"
#include "tls_engine.h"

GYRE_BEGIN_DECLS

/* All zero for a server. Everything is copied. */
typedef struct gyre_start_tls_options {
    const char *server_name;      /* client: as in gyre_tls_engine_options */
    const char *session_key;      /* client: the same */
    int64_t handshake_timeout_ns; /* 0: the context's (60 s); GYRE_FOREVER */
} gyre_start_tls_options;

/*
 * Upgrades the stream in place, as server or client, as the context is, and waits for the
 * handshake. What was written before goes out in the clear first. What was read ahead is the peer's
 * first TLS bytes for a server; for a client, whose peer must not speak first, it is an injection
 * and refused. context: gets a new reference. options: may be NULL. Result 0. start_tls().
 *
 * Errors: those in tls.h; GYRE_ETIMEOUT; -EBUSY while another task reads, writes or upgrades, or a
 * transport has the stream; GYRE_ESTATE after write_eof or if it speaks TLS already; -ENOTSOCK;
 * -EINVAL for the server name; -ENOMEM; the error of the connection. After -EBUSY, -ENOTSOCK,
 * -EINVAL and GYRE_ESTATE nothing has changed. After any other error, and when cancelled, the
 * stream is of no use any more: close it.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_start_tls(gyre_stream *stream, gyre_tls_context *context,
                                                 const gyre_start_tls_options *options);

/*
 * The TLS engine of a stream, to ask it: certificates, version, names. Borrowed; NULL for a stream
 * without TLS. get_extra_info("ssl_object", "peercert", "cipher").
 */
GYRE_API const gyre_tls_engine *gyre_stream_tls(const gyre_stream *stream);

GYRE_END_DECLS

#endif
