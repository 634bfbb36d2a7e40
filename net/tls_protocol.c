/* Versions, cipher suites, groups and application protocols of a TLS context. */
#include <errno.h>
#include <string.h>

#include <openssl/err.h>

#include "../loop/error_internal.h"
#include "tls_context_internal.h"

/* Forward secrecy, authenticated encryption; the certificate's key may be EC or RSA. */
#define STRICT_CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL"

/* What TLS 1.0 and 1.1 can do at best. */
#define OLD_CIPHERS STRICT_CIPHERS ":ECDHE+AES"

enum { STRICT_LEVEL = 2, HIGHEST_LEVEL = 5, LONGEST_PROTOCOL = 255, MOST_ALPN_BYTES = 65535 };

static bool is_version(int version)
{
    return version >= GYRE_TLS_1_0 && version <= GYRE_TLS_1_3;
}

static int64_t set_versions(SSL_CTX *ssl, const gyre_tls_options *options)
{
    int least = options->min_version, most = options->max_version;

    if (!least)
        least = options->insecure_old_versions ? GYRE_TLS_1_0 : GYRE_TLS_1_2;
    if (!most)
        most = GYRE_TLS_1_3;
    if (!is_version(least) || !is_version(most))
        return gyre__tls_invalid("min_version and max_version are GYRE_TLS_1_2 or GYRE_TLS_1_3");
    if (least > most)
        return gyre__tls_invalid("min_version is later than max_version");
    if (least < GYRE_TLS_1_2 && !options->insecure_old_versions)
        return gyre__tls_invalid("TLS before 1.2 needs insecure_old_versions");
    if (!SSL_CTX_set_min_proto_version(ssl, least) || !SSL_CTX_set_max_proto_version(ssl, most))
        return gyre__tls_raise(-EINVAL, "min_version, max_version");
    return 0;
}

static int64_t set_security_level(SSL_CTX *ssl, const gyre_tls_options *options)
{
    int level = options->security_level;

    if (level < 0 || level > HIGHEST_LEVEL)
        return gyre__tls_invalid("security_level is from 0 to 5");
    if (options->insecure_old_versions)
        level = 0; /* their handshakes are signed with SHA-1 */
    else if (!options->insecure_security_level) {
        if (level == 0)
            level = STRICT_LEVEL;
        else if (level < STRICT_LEVEL)
            return gyre__tls_invalid("security_level 1 needs insecure_security_level");
    }
    SSL_CTX_set_security_level(ssl, level);
    return 0;
}

/* The suite of a list that lacks forward secrecy, authentication or AEAD; NULL if none does. */
static const char *weak_cipher(const SSL_CTX *ssl)
{
    const STACK_OF(SSL_CIPHER) *ciphers = SSL_CTX_get_ciphers(ssl);

    for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
        const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(ciphers, i);
        int exchange = SSL_CIPHER_get_kx_nid(cipher);
        bool known = exchange == NID_kx_ecdhe || exchange == NID_kx_any; /* any: TLS 1.3 */

        if (!known || SSL_CIPHER_get_auth_nid(cipher) == NID_auth_null ||
            !SSL_CIPHER_is_aead(cipher))
            return SSL_CIPHER_get_name(cipher);
    }
    return NULL;
}

static int64_t set_ciphers(SSL_CTX *ssl, const gyre_tls_options *options)
{
    const char *list = options->insecure_ciphers, *weak;

    if (list && options->ciphers)
        return gyre__tls_invalid("ciphers and insecure_ciphers are both given");
    if (!list)
        list = options->ciphers;
    if (!list)
        list = options->insecure_old_versions ? OLD_CIPHERS : STRICT_CIPHERS;
    if (!SSL_CTX_set_cipher_list(ssl, list))
        return gyre__tls_raise(-EINVAL, options->insecure_ciphers ? "insecure_ciphers" : "ciphers");
    if (options->ciphers && (weak = weak_cipher(ssl)) != NULL)
        return gyre__tls_invalid("ciphers: %s is not ECDHE with AEAD; that needs insecure_ciphers",
                                 weak);
    if (options->ciphersuites && !SSL_CTX_set_ciphersuites(ssl, options->ciphersuites))
        return gyre__tls_raise(-EINVAL, "ciphersuites");
    if (options->groups && !SSL_CTX_set1_groups_list(ssl, options->groups))
        return gyre__tls_raise(-EINVAL, "groups");
    return 0;
}

int64_t gyre__tls_set_protocol(gyre_tls_context *context, const gyre_tls_options *options)
{
    SSL_CTX *ssl = context->ssl;
    int64_t rc;

    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_clear_options(ssl, SSL_OP_LEGACY_SERVER_CONNECT | SSL_OP_IGNORE_UNEXPECTED_EOF |
                                   SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION |
                                   SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
    /* Idle connections hold no buffers; an unfinished write may go on from elsewhere. */
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    rc = set_security_level(ssl, options);
    if (rc == 0)
        rc = set_versions(ssl, options);
    return rc < 0 ? rc : set_ciphers(ssl, options);
}

/* ---- application protocols ---- */

/* The server's choice: its own first that the client knows, too. */
static int select_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_size,
                           const unsigned char *theirs, unsigned theirs_size, void *unused)
{
    const gyre_tls_context *context = gyre__tls_context_of(SSL_get_SSL_CTX(ssl));
    unsigned char *found;

    (void)unused;
    if (!context->alpn)
        return SSL_TLSEXT_ERR_NOACK;
    if (SSL_select_next_proto(&found, out_size, context->alpn, context->alpn_size, theirs,
                              theirs_size) == OPENSSL_NPN_NEGOTIATED) {
        *out = found;
        return SSL_TLSEXT_ERR_OK;
    }
    return context->settings.alpn_required ? SSL_TLSEXT_ERR_ALERT_FATAL : SSL_TLSEXT_ERR_NOACK;
}

static int64_t copy_protocols(gyre_tls_context *context, const gyre_tls_options *options)
{
    size_t size = 0, at = 0;

    for (size_t i = 0; i < options->alpn_count; i++) {
        size_t length = options->alpn[i] ? strlen(options->alpn[i]) : 0;

        if (length == 0 || length > LONGEST_PROTOCOL)
            return gyre__tls_invalid("alpn: a protocol's name has 1 to 255 bytes");
        size += length + 1;
    }
    if (size > MOST_ALPN_BYTES)
        return gyre__tls_invalid("alpn: more than 64 KiB");
    context->alpn = gyre_alloc(size);
    if (!context->alpn)
        return -ENOMEM;
    context->alpn_size = (unsigned)size;
    for (size_t i = 0; i < options->alpn_count; i++) {
        size_t length = strlen(options->alpn[i]);

        context->alpn[at++] = (unsigned char)length;
        memcpy(context->alpn + at, options->alpn[i], length);
        at += length;
    }
    return 0;
}

int64_t gyre__tls_set_alpn(gyre_tls_context *context, const gyre_tls_options *options)
{
    int64_t rc;

    if (context->settings.server)
        SSL_CTX_set_alpn_select_cb(context->ssl, select_protocol, NULL);
    if (!options->alpn_count)
        return 0;
    rc = copy_protocols(context, options);
    if (rc < 0)
        return rc;
    /* This one function gives 0 for success. */
    if (!context->settings.server &&
        SSL_CTX_set_alpn_protos(context->ssl, context->alpn, context->alpn_size) != 0)
        return gyre__tls_raise(-ENOMEM, "alpn");
    return 0;
}
