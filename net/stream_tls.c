/* The TLS pump: ciphertext from the socket to the reader's memory, plaintext from the writer to the socket. */
#include "stream_tls_internal.h"

#include <errno.h>
#include <sys/socket.h>

enum { DISCARD_SIZE = 4096 };

/* ---- reading ---- */

/* True if so much lies there that the peer should be held back: what is undecrypted stays so. */
static bool is_enough(const gyre_stream *stream)
{
    size_t available = gyre__stream_available(stream);

    return available >= 2 * stream->limit && (stream->target || available >= stream->target_size);
}

/* As deliver() for plain streams: the waiting reader's memory first. */
static int64_t decrypt_to_reader(gyre_stream *stream)
{
    int64_t n = gyre__tls_engine_read(stream->tls->engine, stream->target + stream->received,
                                      stream->target_size - stream->received);

    if (n > 0)
        stream->received += (size_t)n;
    return n;
}

static int64_t decrypt_to_buffer(gyre_stream *stream)
{
    gyre_tls_engine *engine = stream->tls->engine;
    gyre__bytes *in = &stream->in;
    int64_t n;

    if (!gyre__stream_make_room(stream, gyre__tls_engine_next_size(engine)))
        return -ENOMEM;
    n = gyre__tls_engine_read(engine, in->data + in->end, in->capacity - in->end);
    if (n > 0)
        in->end += (size_t)n;
    else if (!gyre__bytes_length(in))
        gyre__bytes_clear(in, gyre__stream_blocks(stream));
    return n;
}

/* The owner has ended the stream: only the peer's close_notify is of interest. */
static int64_t discard(gyre_stream *stream)
{
    char buffer[DISCARD_SIZE];

    return gyre__tls_engine_read(stream->tls->engine, buffer, sizeof(buffer));
}

static int64_t decrypt_some(gyre_stream *stream)
{
    if (stream->closing)
        return discard(stream);
    if (stream->target && gyre__stream_available(stream) == 0 &&
        stream->received < stream->target_size)
        return decrypt_to_reader(stream);
    return is_enough(stream) ? -EAGAIN : decrypt_to_buffer(stream);
}

/* True if what OpenSSL has, or could have, may give plaintext or an end. */
static bool is_undecrypted(const gyre_tls_engine *engine)
{
    return engine->fresh_size || gyre_tls_engine_unused(engine) || SSL_pending(engine->ssl) > 0;
}

/* Decrypts until everything is, or enough. */
static void decrypt(gyre_stream *stream)
{
    struct gyre__stream_tls *tls = stream->tls;
    int64_t n = 1;

    while (n > 0 && !stream->eof && !stream->read_error &&
           (is_undecrypted(tls->engine) || tls->over)) {
        n = decrypt_some(stream);
        if (n == 0)
            stream->eof = true;
        else if (n < 0 && n != -EAGAIN)
            stream->read_error = n;
    }
    if (n == -EAGAIN && tls->over && tls->transport_error && !is_undecrypted(tls->engine))
        stream->read_error = tls->transport_error;
}

/* Has TLS go on outside the reaping. */
static void go_on_soon(gyre_stream *stream)
{
    struct gyre__stream_tls *tls = stream->tls;

    if (tls->queued)
        return;
    tls->queued = true;
    stream->refs++;
    gyre__ready_push(&stream->loop->ready, &tls->node);
}

/* After decrypting, also inside the reaping: no byte behind the end is kept, alerts go out soon. */
static void follow_up(gyre_stream *stream)
{
    struct gyre__stream_tls *tls = stream->tls;

    if (stream->eof || stream->read_error) {
        gyre__bytes_clear(&tls->engine->input, gyre__stream_blocks(stream));
        gyre__stream_pause_soon(stream);
    }
    if (tls->handshaking || stream->closing ||
        (gyre__bytes_length(&stream->pending) && !stream->send_active))
        go_on_soon(stream);
    gyre__stream_wake_reader(stream);
}

void gyre__stream_tls_received(gyre_stream *stream, const char *data, size_t size)
{
    struct gyre__stream_tls *tls = stream->tls;

    gyre__tls_engine_lend(tls->engine, data, size);
    if (!tls->handshaking)
        decrypt(stream);
    if (stream->eof || stream->read_error)
        gyre__tls_engine_lend(tls->engine, NULL, 0);
    else if (!gyre__tls_engine_keep(tls->engine))
        stream->read_error = -ENOMEM;
    follow_up(stream);
}

void gyre__stream_tls_ended(gyre_stream *stream, int64_t error)
{
    struct gyre__stream_tls *tls = stream->tls;

    tls->over = true;
    tls->transport_error = error;
    if (!error)
        gyre_tls_engine_feed_eof(tls->engine);
    if (!tls->handshaking)
        decrypt(stream);
    follow_up(stream);
}

bool gyre__stream_tls_pump(gyre_stream *stream)
{
    struct gyre__stream_tls *tls = stream->tls;

    if (tls->handshaking || !(is_undecrypted(tls->engine) || tls->over))
        return false;
    decrypt(stream);
    gyre__stream_push(stream);
    return true;
}

/* ---- writing ---- */

/* Several pieces: short ones share a record, 16 KiB and more are encrypted from where they lie. */
static int64_t encrypt_pieces(gyre_stream *stream, const struct iovec *pieces, size_t count,
                              gyre__bytes *record)
{
    gyre_tls_engine *engine = stream->tls->engine;
    int64_t rc = 0;

    for (size_t i = 0; i < count && rc >= 0; i++) {
        const char *data = pieces[i].iov_base;
        size_t left = pieces[i].iov_len, part;

        for (; left && rc >= 0; data += part, left -= part) {
            size_t room = GYRE__TLS_RECORD - record->end;

            if (!record->end && left >= GYRE__TLS_RECORD) {
                part = left - left % GYRE__TLS_RECORD;
                rc = gyre__tls_engine_write(engine, data, part);
                continue;
            }
            part = left < room ? left : room;
            gyre__bytes_append(record, gyre__stream_blocks(stream), data, part);
            if (record->end == GYRE__TLS_RECORD) {
                rc = gyre__tls_engine_write(engine, record->data, record->end);
                record->end = 0;
            }
        }
    }
    return rc >= 0 && record->end ? gyre__tls_engine_write(engine, record->data, record->end) : rc;
}

/* Room for everything first, so that all is taken or nothing. */
static int64_t encrypt(gyre_stream *stream, const struct iovec *pieces, size_t count, size_t total)
{
    gyre__blocks *blocks = gyre__stream_blocks(stream);
    gyre__bytes record = {NULL, 0, 0, 0};
    int64_t rc;

    if (count == 1)
        return gyre__tls_engine_write(stream->tls->engine, pieces->iov_base, total);
    if (!gyre__bytes_reserve(&stream->pending, blocks, gyre__tls_encrypted_size(total)) ||
        !gyre__bytes_reserve(&record, blocks, total < GYRE__TLS_RECORD ? total : GYRE__TLS_RECORD))
        return -ENOMEM;
    rc = encrypt_pieces(stream, pieces, count, &record);
    gyre__bytes_clear(&record, blocks);
    return rc;
}

/* Why nothing can be written now, or 0. */
static int64_t refusal(const struct gyre__stream_tls *tls)
{
    if (tls->handshaking)
        return -EBUSY;
    return gyre_tls_engine_is_closed(tls->engine) ? GYRE_ESTATE : 0;
}

int64_t gyre__stream_tls_write(gyre_stream *stream, const struct iovec *pieces, size_t count,
                               size_t total)
{
    int64_t rc = refusal(stream->tls);

    if (rc < 0)
        return rc;
    rc = encrypt(stream, pieces, count, total);
    if (rc < 0 && !gyre__bytes_length(&stream->pending)) /* what was reserved for nothing */
        gyre__bytes_clear(&stream->pending, gyre__stream_blocks(stream));
    gyre__stream_push(stream);
    if (rc < 0)
        return gyre__stream_raise(stream, rc);
    return stream->write_error ? stream->write_error : (int64_t)total;
}

int64_t gyre__stream_tls_write_eof(gyre_stream *stream)
{
    struct gyre__stream_tls *tls = stream->tls;
    int64_t rc = refusal(tls);

    if (rc < 0)
        return rc;
    rc = gyre__tls_engine_close(tls->engine);
    gyre__stream_push(stream);
    return rc < 0 ? gyre__stream_raise(stream, rc) : stream->write_error;
}

/* ---- ending ---- */

void gyre__stream_tls_end(gyre_stream *stream)
{
    struct gyre__stream_tls *tls = stream->tls;

    if (tls->handshaking)
        gyre__stream_tls_shaken(stream, -EBADF);
    else if (!stream->aborted && !stream->write_error && gyre__tls_engine_close(tls->engine) >= 0)
        gyre__stream_push(stream);
}

/* True while the peer may still answer. */
static bool may_answer(const gyre_stream *stream)
{
    const struct gyre__stream_tls *tls = stream->tls;

    return gyre_tls_engine_is_closed(tls->engine) && !stream->aborted && !stream->eof &&
           !stream->read_error && !stream->write_error && !tls->over;
}

bool gyre__stream_tls_is_waiting(const gyre_stream *stream)
{
    return stream->tls->handshaking || (stream->tls->lingering && may_answer(stream));
}

bool gyre__stream_tls_lingers(gyre_stream *stream)
{
    struct gyre__stream_tls *tls = stream->tls;

    if (may_answer(stream) && !tls->lingering) {
        int64_t timeout = tls->engine->settings->shutdown_timeout_ns;

        if (timeout < 0 || timeout > stream->close_timeout)
            timeout = stream->close_timeout;
        tls->lingering = true;
        shutdown(stream->fd,
                 SHUT_WR); /* for peers that wait for the end of the connection instead */
        gyre__stream_set_deadline(stream, timeout);
        gyre__stream_tls_pump(stream); /* what was held back is dropped now */
    }
    if (!may_answer(stream))
        return false;
    gyre__stream_receive(stream);
    return may_answer(stream);
}

void gyre__stream_tls_free(gyre_stream *stream)
{
    gyre__tls_engine_end(stream->tls->engine);
    gyre__blocks_give(gyre__stream_blocks(stream), stream->tls, sizeof(*stream->tls));
    stream->tls = NULL;
}
