/* What engines and contexts share: the OpenSSL side of a context, and errors made of its queue. */
#ifndef GYRE_NET_TLS_INTERNAL_H
#define GYRE_NET_TLS_INTERNAL_H

#include <openssl/ssl.h>

#include "../loop/alloc.h"
#include "../loop/error.h"
#include "tls.h"

/* What connections need to know of their context. */
typedef struct gyre__tls_settings {
    int64_t handshake_timeout_ns; /* defaults filled in; < 0: none */
    int64_t shutdown_timeout_ns;
    bool server;
    bool truncation;    /* insecure_truncation: an EOF without close_notify is an end of file */
    bool alpn_required; /* looked at by gyre__tls_check() */
} gyre__tls_settings;

const gyre__tls_settings *gyre__tls_context_settings(const gyre_tls_context *context);

/* Borrowed: make an SSL of it with SSL_new(), then gyre__tls_prepare(). */
SSL_CTX *gyre__tls_context_ssl(const gyre_tls_context *context);

/*
 * Makes an SSL ready for its handshake: connect or accept state, the name or address to verify,
 * SNI, a session to resume. Hangs a record of the connection on the SSL, which holds a reference to
 * the context and goes with SSL_free().
 * server_name: client only, copied: a host name (A-labels) or an IP address, with or without [];
 * may be NULL only where no name is verified. session_key: client only, copied: tells the origins
 * of one server name apart (the port, say); may be NULL.
 * Gives 0, -EINVAL (no name, U-labels, malformed; with a detail), -ENOMEM.
 */
int64_t gyre__tls_prepare(gyre_tls_context *context, SSL *ssl, const char *server_name,
                          const char *session_key);

/*
 * When the handshake is complete, and before any byte is passed on: what OpenSSL does not check.
 * Gives 0 or GYRE_ETLSALPN with a detail.
 */
int64_t gyre__tls_check(SSL *ssl);

/*
 * What the failed call `rc = SSL_do_handshake/SSL_read/SSL_write/SSL_shutdown` means. The queue
 * must have been empty before that call (ERR_clear_error()); it is empty afterwards.
 *   -EAGAIN             the SSL wants more input (or room for output): not an error, no detail
 *   0                   the peer's close_notify: the end of its data
 *   GYRE_ETLSTRUNCATED  the BIO said end of file without close_notify
 *   GYRE_ETLS..., -ENOMEM   failed; the detail is set as the current one
 */
int64_t gyre__tls_error(SSL *ssl, int rc);

/*
 * The queue of errors of a call that was not made on an SSL: raises `code` (or -ENOMEM when that is
 * what the queue says) with "what: reason", and empties the queue. what: may be NULL.
 */
int64_t gyre__tls_raise(int64_t code, const char *what);

/*
 * Text of a name as "CN=www.example,O=Example" (RFC 2253, UTF-8, control characters escaped), cut
 * to fit. Gives its length.
 */
size_t gyre__tls_name_text(const X509_NAME *name, char *buffer, size_t size);

/*
 * True if the hook could not give OpenSSL memory in this thread since the last time this was asked;
 * gyre__tls_error() and gyre__tls_raise() ask. Never without gyre_tls_use_allocator().
 */
bool gyre__tls_memory_was_short(void);

/*
 * Tests: where OpenSSL's allocations go once gyre_tls_use_allocator() was called; NULL: gyre_alloc
 * and so on. All must be able to release each other's blocks, as OpenSSL's global state stays.
 */
void gyre__tls_set_allocator(const gyre_allocator *allocator);

#endif
