/* TLS inside a stream: stream_tls.c moves bytes between the engine and the stream, stream_tls_start.c begins it. */
#ifndef GYRE_NET_STREAM_TLS_INTERNAL_H
#define GYRE_NET_STREAM_TLS_INTERNAL_H

#include "stream_internal.h"
#include "stream_tls.h"
#include "tls_engine_internal.h"

struct gyre__stream_tls {
    gyre_tls_engine *engine; /* its output is the stream's `pending` */
    gyre_stream *stream;
    gyre__node node;         /* goes on outside the reaping */
    bool queued;             /* ... soon: holds a reference to the stream */
    bool handshaking;        /* until the handshake has succeeded or failed */
    bool over;               /* the transport will bring nothing more */
    bool lingering;          /* all is sent, close_notify too: waiting for that of the peer */
    int64_t transport_error; /* why it is over; 0: its end */
    int64_t result;          /* of the handshake */
    gyre_task *handshaker;   /* parked until then */
};

/* Ciphertext has come (borrowed), or none will come any more. Also inside the reaping. */
void gyre__stream_tls_received(gyre_stream *stream, const char *data, size_t size);
void gyre__stream_tls_ended(gyre_stream *stream, int64_t error);

/* Decrypts what had to wait, for a new reader or listener; false if there was nothing. Not inside the reaping. */
bool gyre__stream_tls_pump(gyre_stream *stream);

/* True if TLS itself waits for bytes of the peer. */
bool gyre__stream_tls_is_waiting(const gyre_stream *stream);

/* Encrypts and sends; write_eof. */
int64_t gyre__stream_tls_write(gyre_stream *stream, const struct iovec *pieces, size_t count,
                               size_t total);
int64_t gyre__stream_tls_write_eof(gyre_stream *stream);

/* Closing begins: a handshake fails, an open connection gets its close_notify. */
void gyre__stream_tls_end(gyre_stream *stream);

/* Everything is sent. True while the peer's close_notify is to be waited for; begins to. */
bool gyre__stream_tls_lingers(gyre_stream *stream);

/* The last reference is gone. */
void gyre__stream_tls_free(gyre_stream *stream);

/* gyre_start_tls() for a stream that a transport has. */
GYRE_MUST_USE gyre_await gyre__start_tls_below(gyre_stream *stream, gyre_tls_context *context,
                                               const gyre_start_tls_options *options);

/* stream_tls_start.c: goes on with the handshake. Not inside the reaping. */
void gyre__stream_tls_shake(gyre_stream *stream);

/* It has succeeded or failed: whoever waits for it goes on. */
void gyre__stream_tls_shaken(gyre_stream *stream, int64_t result);

/* Makes the detail of an error of TLS the current one. Gives the code. */
static inline int64_t gyre__stream_raise(const gyre_stream *stream, int64_t code)
{
    return stream->tls ? gyre__tls_engine_raise(stream->tls->engine, code) : code;
}

#endif
