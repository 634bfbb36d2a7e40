/*
 * The oracle of fuzz_tls_client and fuzz_tls_server: bytes from nowhere, fed to an engine.
 *
 * The first byte says how the contexts are and whether an honest handshake comes first: then the
 * bytes are those of somebody in the middle, who must not get anything through, not even an end.
 */
#ifndef GYRE_TESTS_FUZZ_FUZZ_TLS_BYTES_H
#define GYRE_TESTS_FUZZ_FUZZ_TLS_BYTES_H

#include "fuzz_tls_engine.h"

enum { FUZZ_TLS_AFTER = FUZZ_TLS_KINDS };

/* How it ended. */
struct fuzz_tls_end {
    int64_t code; /* 0: end of file */
    bool ready;
    size_t heard, sent; /* plaintext and ciphertext */
    char text[160];     /* of the error */
};

static inline void fuzz_tls_honest_handshake(gyre_tls_engine *engine, bool server, unsigned kind)
{
    gyre_tls_engine *peer = fuzz_tls_engine(!server, kind);
    char byte;

    do {
        int64_t peers = gyre_tls_engine_handshake(peer), ours = gyre_tls_engine_handshake(engine);

        FUZZ_CHECK((peers == 0 || peers == -EAGAIN) && (ours == 0 || ours == -EAGAIN));
    } while (fuzz_tls_carry(peer, engine) + fuzz_tls_carry(engine, peer));
    FUZZ_CHECK(gyre_tls_engine_is_ready(peer) && gyre_tls_engine_is_ready(engine));
    FUZZ_CHECK(gyre_tls_engine_read(engine, &byte, 1) == -EAGAIN); /* takes the tickets */
    FUZZ_CHECK(gyre_tls_engine_unused(engine) == 0);
    gyre_tls_engine_free(peer);
}

/* Goes on as far as the bytes reach; false at the end. */
static inline bool fuzz_tls_go_on(gyre_tls_engine *engine, struct fuzz_tls_end *end)
{
    char buffer[500];
    int64_t rc = 0;

    gyre_error_clear();
    if (!gyre_tls_engine_is_ready(engine)) {
        rc = gyre_tls_engine_handshake(engine);
        FUZZ_CHECK((rc == 0) == gyre_tls_engine_is_ready(engine));
    }
    if (rc == 0) {
        while ((rc = gyre_tls_engine_read(engine, buffer, sizeof(buffer))) > 0)
            end->heard += (size_t)rc;
    }
    if (rc == -EAGAIN)
        return true;
    FUZZ_CHECK(rc == 0 || fuzz_tls_is_error(rc));
    end->code = rc;
    if (rc < 0 && gyre_error_current())
        snprintf(end->text, sizeof(end->text), "%s", gyre_error_text(gyre_error_current()));
    return false;
}

static inline void fuzz_tls_feed(gyre_tls_engine *engine, unsigned kind, const uint8_t *data,
                                 size_t size, size_t piece, struct fuzz_tls_end *end)
{
    size_t at = 0;
    bool open = fuzz_tls_go_on(engine, end);

    while (open && at < size) {
        size_t given = size - at < piece ? size - at : piece;

        FUZZ_CHECK(gyre_tls_engine_feed(engine, data + at, given) == 0);
        at += given;
        open = fuzz_tls_go_on(engine, end);
    }
    fuzz_tls_check_state(engine, kind);
    gyre_tls_engine_feed_eof(engine);
    FUZZ_CHECK(gyre_tls_engine_feed(engine, "x", 1) == GYRE_ESTATE);
    if (open) {
        open = fuzz_tls_go_on(engine, end);
        FUZZ_CHECK(!open);
    }
}

static inline void fuzz_tls_play(bool server, const uint8_t *data, size_t size, size_t piece,
                                 struct fuzz_tls_end *end)
{
    unsigned kind = data[0] % FUZZ_TLS_KINDS;
    bool after = data[0] & FUZZ_TLS_AFTER;
    gyre_tls_engine *engine;

    memset(end, 0, sizeof(*end));
    gyre_tls_context_forget_sessions(fuzz_tls_context(false, kind));
    fuzz_tls_context(true, kind);
    fuzz_tls_repeat(after ? 3 : server); /* nothing that was recorded is good afterwards */
    engine = fuzz_tls_engine(server, kind);
    if (after)
        fuzz_tls_honest_handshake(engine, server, kind);
    fuzz_tls_feed(engine, kind, data + 1, size - 1, piece, end);
    end->ready = gyre_tls_engine_is_ready(engine);
    gyre_tls_engine_output(engine, &end->sent);
    FUZZ_CHECK(end->ready || (end->code < 0 && end->heard == 0));
    if (after) {
        FUZZ_CHECK(end->heard == 0 && !gyre_tls_engine_peer_closed(engine));
        FUZZ_CHECK(end->code < 0 || kind & FUZZ_TLS_TRUNCATION);
    }
    fuzz_tls_check_state(engine, kind);
    gyre_tls_engine_free(engine);
    gyre_error_clear();
}

/* However the bytes are split, it ends in the same way. */
static inline void fuzz_tls_bytes(bool server, const uint8_t *data, size_t size)
{
    struct fuzz_tls_end whole, pieces;

    if (size == 0)
        return;
    fuzz_tls_play(server, data, size, size, &whole);
    fuzz_tls_play(server, data, size, 1 + fuzz_number(data, size) % 40, &pieces);
    FUZZ_CHECK(whole.code == pieces.code && whole.ready == pieces.ready);
    FUZZ_CHECK(whole.heard == pieces.heard && whole.sent == pieces.sent);
    FUZZ_CHECK(strcmp(whole.text, pieces.text) == 0);
}

#endif
