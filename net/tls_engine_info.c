/* What can be asked of a TLS engine: the protocol agreed on, and what was verified. */
#include <string.h>

#include "tls_engine_internal.h"

bool gyre_tls_engine_is_server(const gyre_tls_engine *engine)
{
    return engine->settings->server;
}

bool gyre_tls_engine_is_ready(const gyre_tls_engine *engine)
{
    return engine->ready;
}

bool gyre_tls_engine_is_closed(const gyre_tls_engine *engine)
{
    return engine->closed;
}

bool gyre_tls_engine_peer_closed(const gyre_tls_engine *engine)
{
    return engine->peer_closed;
}

int64_t gyre_tls_engine_error(const gyre_tls_engine *engine)
{
    return engine->error;
}

const char *gyre_tls_engine_version(const gyre_tls_engine *engine)
{
    return engine->ready ? SSL_get_version(engine->ssl) : "";
}

const char *gyre_tls_engine_cipher(const gyre_tls_engine *engine)
{
    const SSL_CIPHER *cipher = SSL_get_current_cipher(engine->ssl);

    return engine->ready && cipher ? SSL_CIPHER_get_name(cipher) : "";
}

const char *gyre_tls_engine_alpn(const gyre_tls_engine *engine)
{
    return engine->alpn ? engine->alpn : "";
}

const char *gyre_tls_engine_server_name(const gyre_tls_engine *engine)
{
    const char *name = SSL_get_servername(engine->ssl, TLSEXT_NAMETYPE_host_name);

    return name ? name : "";
}

bool gyre_tls_engine_resumed(const gyre_tls_engine *engine)
{
    return engine->ready && SSL_session_reused(engine->ssl);
}

bool gyre_tls_engine_verified(const gyre_tls_engine *engine)
{
    return engine->ready && SSL_get_verify_mode(engine->ssl) != SSL_VERIFY_NONE &&
           SSL_get0_peer_certificate(engine->ssl) &&
           SSL_get_verify_result(engine->ssl) == X509_V_OK;
}

const char *gyre_tls_engine_verified_name(const gyre_tls_engine *engine)
{
    const char *name;

    if (!gyre_tls_engine_verified(engine))
        return "";
    name = SSL_get0_peername(engine->ssl);
    if (!name && gyre_tls_engine_resumed(engine)) /* it was compared when the session began */
        name = X509_VERIFY_PARAM_get0_host(SSL_get0_param(engine->ssl), 0);
    return name ? name : engine->address;
}

/* ---- certificates ---- */

static STACK_OF(X509) * verified_chain(const gyre_tls_engine *engine)
{
    return gyre_tls_engine_verified(engine) ? SSL_get0_verified_chain(engine->ssl) : NULL;
}

size_t gyre_tls_engine_chain_length(const gyre_tls_engine *engine)
{
    STACK_OF(X509) *chain = verified_chain(engine);

    if (chain && sk_X509_num(chain) > 0)
        return (size_t)sk_X509_num(chain);
    return SSL_get0_peer_certificate(engine->ssl) ? 1 : 0;
}

X509 *gyre__tls_engine_x509(const gyre_tls_engine *engine, size_t index)
{
    STACK_OF(X509) *chain = verified_chain(engine);

    if (index >= gyre_tls_engine_chain_length(engine))
        return NULL;
    if (chain && sk_X509_num(chain) > 0)
        return sk_X509_value(chain, (int)index);
    return SSL_get0_peer_certificate(engine->ssl);
}
