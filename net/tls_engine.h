/*
 * The TLS engine: bytes in, bytes out, without a descriptor, a loop or a task.
 *
 * Streams have one inside (gyre_open_connection() with .tls, servers with .tls, gyre_start_tls());
 * on its own it is for transports of one's own, and for tests, which connect two engines to each
 * other.
 *
 *     gyre_tls_engine_feed()       ciphertext that came from the peer goes in
 *     gyre_tls_engine_output()     ciphertext for the peer comes out; gyre_tls_engine_sent() drops
 *                                  what was sent
 *     gyre_tls_engine_handshake(), gyre_tls_engine_read(), gyre_tls_engine_write(),
 *     gyre_tls_engine_close()      what a socket would do, but never waiting: -EAGAIN asks for more
 *                                  bytes to be fed
 *
 * After any of the four calls, also after a failed one, look for output: an alert may have to be
 * sent. An error is final: every later call gives it again, with the same detail
 * (gyre_error_current()). Not final are -EAGAIN, GYRE_ESTATE, GYRE_ETLSCLOSED, the -ENOMEM of
 * feeding, writing and closing, and GYRE_ETLSTRUNCATED of reading, after which writing goes on. No
 * byte of plaintext is ever given before the handshake is complete and what was demanded of the
 * peer has been verified.
 *
 * Use an engine in one thread at a time. Nothing here suspends.
 *
 * Python names: ssl.SSLObject with two ssl.MemoryBIO.
 */
#ifndef GYRE_NET_TLS_ENGINE_H
#define GYRE_NET_TLS_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../loop/api.h"
#include "tls.h"

GYRE_BEGIN_DECLS

typedef struct gyre_tls_engine gyre_tls_engine;

/* All zero for a server. Everything is copied. */
typedef struct gyre_tls_engine_options {
    /*
     * Client: whom to talk to, a host name (IDNs as A-labels) or an address. The peer's certificate
     * must be for it; names are sent along (SNI). NULL only if the context verifies no host name.
     */
    const char *server_name;
    /* Client: tells origins of the same name apart ("443") where sessions are kept; may be NULL. */
    const char *session_key;
} gyre_tls_engine_options;

/*
 * An engine for one connection, server or client as its context is. The context gets a new
 * reference. options: copied, may be NULL. *out_engine: new, the caller's until
 * gyre_tls_engine_free(). SSLContext.wrap_bio(). Errors: -EINVAL for a server name that is missing
 * or malformed, with a detail; -ENOMEM.
 */
GYRE_API GYRE_MUST_USE int64_t gyre_tls_engine_new(gyre_tls_context *context,
                                                   const gyre_tls_engine_options *options,
                                                   gyre_tls_engine **out_engine);

/* Frees it; what it has not given out is lost. NULL is allowed. */
GYRE_API void gyre_tls_engine_free(gyre_tls_engine *engine);

/* ---- ciphertext ---- */

/*
 * Takes ciphertext from the peer (copied) in pieces of any size. Gives 0. There is no limit: feed
 * no more while gyre_tls_engine_unused() is large. incoming.write(). Errors: -ENOMEM, nothing was
 * taken; GYRE_ESTATE after gyre_tls_engine_feed_eof().
 */
GYRE_API GYRE_MUST_USE int64_t gyre_tls_engine_feed(gyre_tls_engine *engine, const void *data,
                                                    size_t size);

/* The transport has ended: nothing more will come. incoming.write_eof(). */
GYRE_API void gyre_tls_engine_feed_eof(gyre_tls_engine *engine);

/* Bytes that were fed and not used yet. incoming.pending. */
GYRE_API size_t gyre_tls_engine_unused(const gyre_tls_engine *engine);

/*
 * Ciphertext for the peer: borrowed until the next call on the engine. *out_size: how much, 0 with
 * NULL if there is none. outgoing.read().
 */
GYRE_API const char *gyre_tls_engine_output(const gyre_tls_engine *engine, size_t *out_size);

/* Drops output that has been sent, from its start; more than there is gives -EINVAL. */
GYRE_API int64_t gyre_tls_engine_sent(gyre_tls_engine *engine, size_t size);

/* ---- plaintext ---- */

/*
 * Goes on with the handshake. Gives 0 when it is complete: then the peer is verified as the context
 * demands. -EAGAIN: send the output, feed what comes, call again. do_handshake(). Errors: those in
 * tls.h; GYRE_ETLSTRUNCATED when the transport ended before; -ENOMEM (final here). A TLS 1.3 client
 * is complete before the server has looked at its certificate: a rejection comes with a later read.
 */
GYRE_API GYRE_MUST_USE int64_t gyre_tls_engine_handshake(gyre_tls_engine *engine);

/*
 * Reads plaintext, at most `size` bytes and at most what is there. Gives how many; 0 when the peer
 * has closed its side with close_notify (or for size 0); -EAGAIN when more must be fed;
 * GYRE_ETLSTRUNCATED when the transport ended without close_notify, unless the context allows that
 * between two records (insecure_truncation), where it counts as 0. read(). Errors: those in tls.h,
 * GYRE_ETLS also for a peer that asks for new keys again and again while no output is sent;
 * GYRE_ESTATE before the handshake is complete.
 */
GYRE_API GYRE_MUST_USE int64_t gyre_tls_engine_read(gyre_tls_engine *engine, void *buffer,
                                                    size_t size);

/*
 * Encrypts all of it, in records of 16 KiB and a rest, which lie in the output afterwards. Gives
 * size; 0 for size 0. write(). Errors: -ENOMEM, nothing was taken; GYRE_ETLSCLOSED after
 * gyre_tls_engine_close(); GYRE_ESTATE before the handshake is complete; those in tls.h.
 */
GYRE_API GYRE_MUST_USE int64_t gyre_tls_engine_write(gyre_tls_engine *engine, const void *data,
                                                     size_t size);

/*
 * Ends the own side: puts close_notify in the output, once. Reading goes on (with TLS 1.2 the peer
 * may stop sending at once). Gives 0. unwrap(), its first half. Errors: GYRE_ESTATE before the
 * handshake is complete; -ENOMEM; those in tls.h.
 */
GYRE_API GYRE_MUST_USE int64_t gyre_tls_engine_close(gyre_tls_engine *engine);

/* ---- asking ---- */

GYRE_API bool gyre_tls_engine_is_server(const gyre_tls_engine *engine); /* server_side */
GYRE_API bool
gyre_tls_engine_is_ready(const gyre_tls_engine *engine); /* the handshake is complete */
GYRE_API bool gyre_tls_engine_is_closed(const gyre_tls_engine *engine); /* close_notify was sent */
GYRE_API bool gyre_tls_engine_peer_closed(const gyre_tls_engine *engine); /* and received */

/* The error that ended it, or 0. */
GYRE_API int64_t gyre_tls_engine_error(const gyre_tls_engine *engine);

/* "TLSv1.3" and "TLS_AES_256_GCM_SHA384", static; "" before the handshake. version(), cipher(). */
GYRE_API const char *gyre_tls_engine_version(const gyre_tls_engine *engine);
GYRE_API const char *gyre_tls_engine_cipher(const gyre_tls_engine *engine);

/* The application protocol, "" for none. Borrowed from the engine. selected_alpn_protocol(). */
GYRE_API const char *gyre_tls_engine_alpn(const gyre_tls_engine *engine);

/* SNI: whom the client asks for, "" for none. Borrowed from the engine. server_hostname. */
GYRE_API const char *gyre_tls_engine_server_name(const gyre_tls_engine *engine);

/* True if a session was resumed, so that no certificates were exchanged. session_reused. */
GYRE_API bool gyre_tls_engine_resumed(const gyre_tls_engine *engine);

/*
 * What was verified. True if the peer has shown a certificate that leads to a trusted one (also in
 * the session that is resumed); false where none was asked for or verification is off.
 */
GYRE_API bool gyre_tls_engine_verified(const gyre_tls_engine *engine);

/*
 * The name or address in the certificate that matched the server name, "*.example.org" for instance
 * (of a resumed session the server name itself); "" where none was compared. Borrowed from the
 * engine.
 */
GYRE_API const char *gyre_tls_engine_verified_name(const gyre_tls_engine *engine);

/* ---- the peer's certificate ---- */

/* A certificate taken apart; belongs to whoever asked for it. Text is UTF-8. */
typedef struct gyre_tls_certificate {
    const char *subject; /* "CN=www.example.org,O=Example" (RFC 2253) */
    const char *issuer;  /* the same of who signed it */
    const char *serial;  /* hexadecimal */
    int64_t not_before;  /* seconds since 1970 */
    int64_t not_after;
    const char *const
        *names; /* subjectAltName: "DNS:www.example.org", "IP:192.0.2.1", "URI:...", "email:..." */
    size_t name_count;
    const unsigned char *der; /* the certificate itself */
    size_t der_size;
    unsigned char sha256[32]; /* fingerprint of `der` */
} gyre_tls_certificate;

/*
 * Certificates of the chain that was verified, the peer's own included, up to the trusted one; of
 * an unverified peer 1 for its own; 0 if it has shown none. A resumed session has the peer's own
 * only. get_verified_chain().
 */
GYRE_API size_t gyre_tls_engine_chain_length(const gyre_tls_engine *engine);

/*
 * The index-th of them, 0 being the peer's own. *out_certificate: new, in one block; free it with
 * gyre_tls_certificate_free(). getpeercert(). Errors: -ENOENT for an index beyond, -ENOMEM.
 */
GYRE_API GYRE_MUST_USE int64_t gyre_tls_engine_certificate(const gyre_tls_engine *engine,
                                                           size_t index,
                                                           gyre_tls_certificate **out_certificate);

/* NULL is allowed. */
GYRE_API void gyre_tls_certificate_free(gyre_tls_certificate *certificate);

/*
 * The same as PEM text with an end, gyre_alloc()ed: the caller's, for gyre_free(). Gives its
 * length. ssl.DER_cert_to_PEM_cert(). Errors: -ENOMEM.
 */
GYRE_API GYRE_MUST_USE int64_t gyre_tls_certificate_pem(const gyre_tls_certificate *certificate,
                                                        char **out_text);

GYRE_END_DECLS

#endif
