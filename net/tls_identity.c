/* The own certificate of a TLS context, its chain and its key. */
#include <errno.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "../loop/error_internal.h"
#include "tls_context_internal.h"

static int64_t bad(const gyre__tls_pem *pem, const char *what)
{
    if (gyre__tls_memory_was_short())
        return gyre__tls_raise(-ENOMEM, NULL);
    return gyre_raise(gyre_error_newf(GYRE_ETLSCERT, "%s: %s", pem->name, what));
}

/* What OpenSSL says of it. */
static int64_t bad_by_queue(const gyre__tls_pem *pem)
{
    return gyre__tls_raise(GYRE_ETLSCERT, pem->name);
}

/* The certificates behind the first one. */
static int64_t load_chain(SSL_CTX *ssl, const gyre__tls_pem *pem)
{
    X509 *certificate;

    while ((certificate = PEM_read_bio_X509(pem->bio, NULL, gyre__tls_ask, NULL)) != NULL) {
        if (!SSL_CTX_add0_chain_cert(ssl, certificate)) {
            X509_free(certificate);
            return bad_by_queue(pem);
        }
    }
    return gyre__tls_pem_ended() ? 0 : bad_by_queue(pem);
}

static int64_t load_certificates(SSL_CTX *ssl, const gyre__tls_pem *pem, X509 **out_certificate)
{
    X509 *certificate = PEM_read_bio_X509_AUX(pem->bio, NULL, gyre__tls_ask, NULL);

    *out_certificate = certificate;
    if (!certificate)
        return gyre__tls_pem_ended() ? bad(pem, "has no certificate") : bad_by_queue(pem);
    if (!SSL_CTX_use_certificate(ssl, certificate))
        return bad_by_queue(pem);
    return load_chain(ssl, pem);
}

/* Why a key could not be read; empties the queue. */
static int64_t key_problem(const gyre__tls_pem *pem, const gyre__tls_password *password)
{
    unsigned long first = ERR_peek_error();
    bool none = ERR_GET_LIB(first) == ERR_LIB_OSSL_DECODER &&
                ERR_GET_REASON(first) == ERR_R_UNSUPPORTED; /* found nothing to decode */
    int64_t rc;

    if (gyre__tls_pem_ended())
        return bad(pem, "has no private key");
    rc = bad_by_queue(pem);
    if (rc != GYRE_ETLSCERT)
        return rc;
    if (!password->asked)
        return none ? bad(pem, "has no private key") : rc;
    if (!password->text)
        return bad(pem, "the key is encrypted, and no key_password is given");
    return bad(pem, password->too_long ? "key_password is too long" : "key_password is wrong");
}

static int64_t load_key(SSL_CTX *ssl, const gyre__tls_pem *pem, const char *key_password,
                        X509 *certificate)
{
    gyre__tls_password password = {.text = key_password};
    EVP_PKEY *key = PEM_read_bio_PrivateKey(pem->bio, NULL, gyre__tls_ask, &password);
    int64_t rc = 0;

    if (!key)
        return key_problem(pem, &password);
    if (!X509_check_private_key(certificate, key)) {
        ERR_clear_error();
        rc = bad(pem, "the key does not belong to the certificate");
    } else if (!SSL_CTX_use_PrivateKey(ssl, key)) {
        rc = bad_by_queue(pem);
    }
    EVP_PKEY_free(key);
    return rc;
}

int64_t gyre__tls_set_certificate(gyre_tls_context *context, const gyre_tls_options *options)
{
    bool own_key = options->key_file || options->key_pem;
    gyre__tls_pem certificates = {0}, key = {0};
    X509 *certificate = NULL;
    int64_t rc;

    /* What is sent is what was given, not what the trusted ones could make of it each time. */
    SSL_CTX_set_mode(context->ssl, SSL_MODE_NO_AUTO_CHAIN);
    if (!options->cert_file && !options->cert_pem)
        return 0;
    rc = gyre__tls_pem_open(&certificates, options->cert_file, options->cert_pem,
                            options->cert_pem_size, "cert_pem");
    if (rc == 0)
        rc = load_certificates(context->ssl, &certificates, &certificate);
    if (rc == 0 && own_key)
        rc = gyre__tls_pem_open(&key, options->key_file, options->key_pem, options->key_pem_size,
                                "key_pem");
    else if (rc == 0 && BIO_reset(certificates.bio) < 0)
        rc = bad_by_queue(&certificates);
    if (rc == 0)
        rc = load_key(context->ssl, own_key ? &key : &certificates, options->key_password,
                      certificate);
    X509_free(certificate);
    gyre__tls_pem_close(&certificates);
    gyre__tls_pem_close(&key);
    return rc;
}
