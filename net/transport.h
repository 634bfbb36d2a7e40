/*
 * The callback face of streams: transports and protocols, for adapters and for daemons that want no task a
 * connection. Thin: a transport is a stream that calls functions instead of waking tasks.
 *
 * Ownership: a transport lives until its connection_lost() has returned. connection_made() and connection_lost() are
 * called exactly once each, the first before anything else (also when the loop is closed), the last after
 * gyre_transport_close(), gyre_transport_abort(), the end of the stream or an error. Everything is called from
 * the loop, one handle at a time, never from inside a call of these functions. Callbacks return nothing: they report
 * errors by aborting the transport.
 *
 * Python names: asyncio.Transport, Protocol, loop.create_connection, loop.create_server.
 */
#ifndef GYRE_NET_TRANSPORT_H
#define GYRE_NET_TRANSPORT_H

#include "connect.h"
#include "server.h"
#include "stream.h"
#include "stream_tls.h"

GYRE_BEGIN_DECLS

typedef struct gyre_transport gyre_transport;

/* The functions of a protocol, static; any but data_received may be NULL. `self` is the user's object. */
typedef struct gyre_protocol {
    void (*connection_made)(void *self, gyre_transport *transport); /* first */
    void (*data_received)(void *self, const char *data, size_t size); /* data: borrowed during the call */
    bool (*eof_received)(void *self); /* true: keep the sending side open; NULL: close */
    void (*connection_lost)(void *self, int64_t error); /* last; 0, or what ended it. Frees `self` if need be */
    void (*pause_writing)(void *self);  /* more than the high-water mark is unsent */
    void (*resume_writing)(void *self); /* no more than the low-water mark is */
} gyre_protocol;

/*
 * A transport over a stream (moved if the call succeeds) that nobody reads from or writes to. connection_made() comes
 * in the next iteration, then data. Errors: -ENOMEM, GYRE_ELOOPCLOSED, -EBUSY.
 */
GYRE_API GYRE_MUST_USE int64_t gyre_transport_new(gyre_stream *stream, const gyre_protocol *protocol,
                                                  void *self, gyre_transport **out_transport);

/*
 * Connects and makes a transport; arguments and errors as gyre_open_connection(). The result 0 comes before
 * connection_made(). create_connection().
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_create_connection(const char *host, uint16_t port,
                                                         const gyre_connect_options *options,
                                                         const gyre_protocol *protocol, void *self,
                                                         gyre_transport **out_transport);

/* Makes the object of a new connection; NULL refuses it. arg: as given to gyre_create_server(). */
typedef void *gyre_protocol_factory(void *arg);

/*
 * A server whose connections are transports, which count for gyre_server_connections(), the limit and
 * gyre_server_wait_closed(), and which gyre_server_cancel_clients() closes. protocol, arg: borrowed until the
 * server has ended and its connections too.
 * *out_server: new, as from GYRE_START_SERVER. create_server().
 */
GYRE_API GYRE_MUST_USE int64_t gyre_create_server(gyre_loop *loop, const gyre_server_options *options,
                                                  const gyre_protocol *protocol,
                                                  gyre_protocol_factory *factory, void *arg,
                                                  gyre_server **out_server);

/* Sends bytes (copied); never waits. Errors as gyre_stream_write_soon(). write(). */
GYRE_API int64_t gyre_transport_write(gyre_transport *transport, const void *data, size_t size);

/* Half-close after what is unsent. write_eof(). Errors as gyre_stream_write_eof(). */
GYRE_API int64_t gyre_transport_write_eof(gyre_transport *transport);

/* No data_received() until resumed; the kernel's buffers fill and the peer is held back. pause_reading(). */
GYRE_API void gyre_transport_pause_reading(gyre_transport *transport);
GYRE_API void gyre_transport_resume_reading(gyre_transport *transport);
GYRE_API bool gyre_transport_is_reading(const gyre_transport *transport);

/* Ends it after what is unsent, at most the stream's close timeout; connection_lost(0) follows. close(). */
GYRE_API void gyre_transport_close(gyre_transport *transport);

/* Ends it at once; unsent bytes are dropped. abort(). */
GYRE_API void gyre_transport_abort(gyre_transport *transport);
GYRE_API bool gyre_transport_is_closing(const gyre_transport *transport);

/*
 * Upgrades the connection to TLS in place, as gyre_start_tls() does a stream, with its errors; to be
 * awaited in a task. Until the handshake is over the protocol hears nothing and may not write
 * (-EBUSY); then it goes on as before. A failure ends the transport: connection_lost(error) follows.
 * loop.start_tls().
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_transport_start_tls(gyre_transport *transport,
                                                           gyre_tls_context *context,
                                                           const gyre_start_tls_options *options);

/* Another protocol from the next callback on. set_protocol(), get_protocol(). */
GYRE_API void gyre_transport_set_protocol(gyre_transport *transport, const gyre_protocol *protocol,
                                          void *self);
GYRE_API const gyre_protocol *gyre_transport_get_protocol(const gyre_transport *transport);

/*
 * The stream below, borrowed: for addresses, the descriptor, marks and the amount unsent
 * (get_extra_info, set_write_buffer_limits, get_write_buffer_size). Do not read, write or close it.
 */
GYRE_API gyre_stream *gyre_transport_stream(gyre_transport *transport);

GYRE_END_DECLS

#endif
