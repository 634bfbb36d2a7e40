/* The TLS engine: OpenSSL driven by bytes that are fed, and the errors that end it. */
#include "tls_engine_internal.h"

#include <errno.h>
#include <openssl/err.h>
#include <string.h>

enum { UNKNOWN_SIZE = 512, MOST_ANSWERS = 16384 };

/* ---- errors ---- */

static int64_t take_detail(gyre_tls_engine *engine, int64_t error)
{
    engine->error = error;
    engine->detail = gyre__error_take(error);
    return error;
}

void gyre__tls_engine_fail(gyre_tls_engine *engine, int64_t error)
{
    if (!engine->error)
        engine->error = error;
}

int64_t gyre__tls_engine_raise(const gyre_tls_engine *engine, int64_t code)
{
    if (code < 0)
        gyre__error_set(code == engine->error ? gyre_error_ref(engine->detail) : NULL);
    return code;
}

/* Also for errors that leave the engine as it is. */
static int64_t answer(const gyre_tls_engine *engine, int64_t rc)
{
    return rc < 0 && rc != -EAGAIN ? gyre__tls_engine_raise(engine, rc) : rc;
}

/* What the call of OpenSSL that gave `rc` means. Only in the end it is asked what the end of the transport means. */
static int64_t settle(gyre_tls_engine *engine, int rc)
{
    int64_t result;

    if (engine->out_of_memory) {
        ERR_clear_error();
        return take_detail(engine, -ENOMEM);
    }
    result = gyre__tls_error(engine->ssl, rc);
    if (result < 0 && result != -EAGAIN)
        return take_detail(engine, result);
    return result;
}

/* Other users of OpenSSL in this thread may have left errors behind, which would be taken for ours. */
static void forget_errors(void)
{
    if (ERR_peek_error())
        ERR_clear_error();
}

/* ---- handshake ---- */

static int64_t handshake_cut_off(gyre_tls_engine *engine)
{
    gyre__error_set(
        gyre_error_new(GYRE_ETLSTRUNCATED, "the connection ended during the TLS handshake"));
    return take_detail(engine, GYRE_ETLSTRUNCATED);
}

/* The peer learns that it is over. */
static int64_t refuse_peer(gyre_tls_engine *engine, int64_t error)
{
    take_detail(engine, error);
    if (SSL_shutdown(engine->ssl) < 0)
        ERR_clear_error();
    return error;
}

/* OpenSSL's has no end. */
static int64_t keep_alpn(gyre_tls_engine *engine)
{
    const unsigned char *name;
    unsigned length;

    SSL_get0_alpn_selected(engine->ssl, &name, &length);
    if (!length)
        return 0;
    engine->alpn_size = length + 1;
    engine->alpn = gyre__blocks_take(engine->blocks, engine->alpn_size);
    if (!engine->alpn)
        return -ENOMEM;
    memcpy(engine->alpn, name, length);
    engine->alpn[length] = '\0';
    return 0;
}

int64_t gyre__tls_engine_handshake(gyre_tls_engine *engine)
{
    int64_t result;
    int rc;

    if (engine->error || engine->ready)
        return engine->error;
    forget_errors();
    rc = SSL_do_handshake(engine->ssl);
    if (rc != 1) {
        result = settle(engine, rc);
        if (result == 0 || (result == -EAGAIN && engine->eof))
            return handshake_cut_off(engine);
        return result;
    }
    result = gyre__tls_check(engine->ssl);
    if (result >= 0)
        result = keep_alpn(engine);
    if (result < 0)
        return refuse_peer(engine, result);
    engine->ready = true;
    return 0;
}

int64_t gyre_tls_engine_handshake(gyre_tls_engine *engine)
{
    return answer(engine, gyre__tls_engine_handshake(engine));
}

/* ---- reading ---- */

/* The transport has ended and OpenSSL has everything. Writing may go on, so this does not end the engine. */
static int64_t cut_off(gyre_tls_engine *engine)
{
    bool between_records = !engine->record_left && !engine->header_size;

    return engine->settings->truncation && between_records ? 0 : GYRE_ETLSTRUNCATED;
}

/* Counts what OpenSSL has put out by reading; unsent: what was there before. */
static void count_answers(gyre_tls_engine *engine, size_t unsent)
{
    if (!unsent)
        engine->answers = 0;
    engine->answers += gyre__bytes_length(engine->output) - unsent;
}

/*
 * A peer may ask for answers (new keys, another handshake) whenever it likes; one that does not
 * read them must not fill the memory with them.
 */
static int64_t refuse_flood(gyre_tls_engine *engine)
{
    gyre__error_set(gyre_error_new(GYRE_ETLS, "the peer does not read the answers it asks for"));
    return take_detail(engine, GYRE_ETLS);
}

int64_t gyre__tls_engine_read(gyre_tls_engine *engine, void *buffer, size_t size)
{
    size_t n = 0, unsent = gyre__bytes_length(engine->output);
    int64_t result;
    int done;

    if (engine->error)
        return engine->error;
    if (!engine->ready)
        return GYRE_ESTATE;
    if (engine->peer_closed || !size)
        return 0;
    forget_errors();
    done = SSL_read_ex(engine->ssl, buffer, size, &n);
    count_answers(engine, unsent);
    if (done)
        return (int64_t)n;
    result = settle(engine, 0);
    if (result == -EAGAIN && engine->answers > MOST_ANSWERS)
        return refuse_flood(engine);
    if (result == -EAGAIN && engine->eof)
        return cut_off(engine);
    engine->peer_closed = result == 0;
    return result;
}

int64_t gyre_tls_engine_read(gyre_tls_engine *engine, void *buffer, size_t size)
{
    return answer(engine, gyre__tls_engine_read(engine, buffer, size));
}

size_t gyre__tls_engine_next_size(const gyre_tls_engine *engine)
{
    size_t kept = gyre__bytes_length(&engine->input), size = 0;
    int pending = SSL_pending(engine->ssl);

    if (pending > 0)
        return (size_t)pending;
    if (engine->record_left)
        size = engine->record_size;
    else if (!engine->header_size && (kept ? kept : engine->fresh_size) >= GYRE__TLS_HEADER) {
        const char *head = kept ? gyre__bytes_head(&engine->input) : engine->fresh;

        size = (size_t)(uint8_t)head[3] << 8 | (uint8_t)head[4];
    }
    if (!size)
        return UNKNOWN_SIZE;
    return size < GYRE__TLS_RECORD ? size : GYRE__TLS_RECORD;
}

/* ---- writing ---- */

int64_t gyre__tls_engine_write(gyre_tls_engine *engine, const void *data, size_t size)
{
    size_t n;

    if (engine->error)
        return engine->error;
    if (!engine->ready)
        return GYRE_ESTATE;
    if (engine->closed)
        return GYRE_ETLSCLOSED;
    if (!size)
        return 0;
    /* Room for all, so that it is all or nothing. */
    if (!gyre__bytes_reserve(engine->output, engine->blocks, gyre__tls_encrypted_size(size)))
        return -ENOMEM;
    forget_errors();
    if (SSL_write_ex(engine->ssl, data, size, &n))
        return (int64_t)size;
    settle(engine, 0);
    return engine->error ? engine->error
                         : take_detail(engine, GYRE_ETLS); /* it never waits for anything */
}

int64_t gyre_tls_engine_write(gyre_tls_engine *engine, const void *data, size_t size)
{
    return answer(engine, gyre__tls_engine_write(engine, data, size));
}

int64_t gyre__tls_engine_close(gyre_tls_engine *engine)
{
    int rc;

    if (engine->error || engine->closed)
        return engine->error;
    if (!engine->ready)
        return GYRE_ESTATE;
    if (!gyre__bytes_reserve(engine->output, engine->blocks, GYRE__TLS_OVERHEAD))
        return -ENOMEM;
    forget_errors();
    rc = SSL_shutdown(engine->ssl);
    if (rc < 0 && settle(engine, rc) < 0 && engine->error)
        return engine->error;
    engine->closed = true;
    return 0;
}

int64_t gyre_tls_engine_close(gyre_tls_engine *engine)
{
    return answer(engine, gyre__tls_engine_close(engine));
}

/* ---- ciphertext ---- */

bool gyre__tls_engine_keep(gyre_tls_engine *engine)
{
    bool kept =
        gyre__bytes_append(&engine->input, engine->blocks, engine->fresh, engine->fresh_size);

    engine->fresh = NULL;
    engine->fresh_size = 0;
    return kept;
}

int64_t gyre_tls_engine_feed(gyre_tls_engine *engine, const void *data, size_t size)
{
    if (engine->eof)
        return GYRE_ESTATE;
    return gyre__bytes_append(&engine->input, engine->blocks, data, size) ? 0 : -ENOMEM;
}

void gyre_tls_engine_feed_eof(gyre_tls_engine *engine)
{
    engine->eof = true;
}

size_t gyre_tls_engine_unused(const gyre_tls_engine *engine)
{
    return gyre__bytes_length(&engine->input);
}

const char *gyre_tls_engine_output(const gyre_tls_engine *engine, size_t *out_size)
{
    *out_size = gyre__bytes_length(engine->output);
    return *out_size ? gyre__bytes_head(engine->output) : NULL;
}

int64_t gyre_tls_engine_sent(gyre_tls_engine *engine, size_t size)
{
    if (size > gyre__bytes_length(engine->output))
        return -EINVAL;
    gyre__bytes_consume(engine->output, engine->blocks, size);
    return 0;
}
