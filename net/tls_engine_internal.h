/* The engine's insides: tls_engine.c drives OpenSSL, tls_engine_bio.c carries its ciphertext, tls_engine_info.c asks. */
#ifndef GYRE_NET_TLS_ENGINE_INTERNAL_H
#define GYRE_NET_TLS_ENGINE_INTERNAL_H

#include "../loop/error_internal.h"
#include "bytes_internal.h"
#include "tls_engine.h"
#include "tls_internal.h"

/* Records add GYRE__TLS_OVERHEAD at most: header, explicit nonce or IV, content type, MAC, padding. */
enum { GYRE__TLS_RECORD = 16384, GYRE__TLS_HEADER = 5, GYRE__TLS_OVERHEAD = 128 };

struct gyre_tls_engine {
    SSL *ssl;
    const gyre__tls_settings *settings; /* of the context, which the SSL holds */
    gyre__blocks *blocks;               /* memory of `input` and `output` */
    gyre__bytes *output;                /* where ciphertext for the peer goes */
    gyre__bytes input;                  /* ciphertext that OpenSSL has not taken yet */
    const char *fresh;                  /* and what came after it: borrowed during a call */
    size_t fresh_size;
    size_t record_size, record_left;  /* body of the record that OpenSSL takes, what is missing */
    size_t answers;                   /* bytes put out by reading since there was no output */
    uint8_t header[GYRE__TLS_HEADER]; /* of it */
    uint8_t header_size;              /* how much OpenSSL has of the header */
    bool ready;                       /* the handshake is complete */
    bool closed, peer_closed;         /* close_notify was sent, received */
    bool eof;                         /* nothing more will be fed */
    bool out_of_memory;               /* `output` could not grow */
    char address[46];   /* client: the server's, if its certificate must name that; or "" */
    char *alpn;         /* the protocol agreed on; NULL for none */
    size_t alpn_size;   /* of its memory */
    int64_t error;      /* what ended the engine, or 0 */
    gyre_error *detail; /* of it, reference */
};

/* An engine whose memory comes from `blocks` and whose output is appended to `output`, both borrowed. */
int64_t gyre__tls_engine_make(gyre_tls_context *context, const gyre_tls_engine_options *options,
                              gyre__blocks *blocks, gyre__bytes *output,
                              gyre_tls_engine **out_engine);

/* Frees one of gyre__tls_engine_make(). */
void gyre__tls_engine_end(gyre_tls_engine *engine);

/* As the public ones, but the detail of an error stays in the engine instead of becoming the current one. */
int64_t gyre__tls_engine_handshake(gyre_tls_engine *engine);
int64_t gyre__tls_engine_read(gyre_tls_engine *engine, void *buffer, size_t size);
int64_t gyre__tls_engine_write(gyre_tls_engine *engine, const void *data, size_t size);
int64_t gyre__tls_engine_close(gyre_tls_engine *engine);

/* Ends it with an error of the transport's (without a detail), unless it has ended before. */
void gyre__tls_engine_fail(gyre_tls_engine *engine, int64_t error);

/*
 * Makes the detail of `code` the current one, if the engine ended with that code. Gives the code.
 */
int64_t gyre__tls_engine_raise(const gyre_tls_engine *engine, int64_t code);

/* Room for so many bytes when they are encrypted. */
static inline size_t gyre__tls_encrypted_size(size_t size)
{
    return size + (size / GYRE__TLS_RECORD + 1) * GYRE__TLS_OVERHEAD;
}

/* Room that the next record's plaintext takes at most; a small amount where that is not known yet. */
size_t gyre__tls_engine_next_size(const gyre_tls_engine *engine);

/*
 * Feeding without a copy: what came last is borrowed until gyre__tls_engine_keep(), which copies
 * what the calls between have left over; false when memory is short.
 */
static inline void gyre__tls_engine_lend(gyre_tls_engine *engine, const void *data, size_t size)
{
    engine->fresh = data;
    engine->fresh_size = size;
}

bool gyre__tls_engine_keep(gyre_tls_engine *engine);

/* The index-th certificate of the peer's chain, borrowed; NULL beyond. */
X509 *gyre__tls_engine_x509(const gyre_tls_engine *engine, size_t index);

/* tls_engine_bio.c: a new reference, or NULL when memory is short. */
BIO *gyre__tls_bio_new(gyre_tls_engine *engine);

#endif
