/* OCSP stapling: a server sends the response it was given, a client may insist on a good one. */
#include <errno.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ocsp.h>

#include "../loop/error_internal.h"
#include "tls_context_internal.h"

enum {
    CLOCK_SKEW = 300,     /* seconds by which clocks may differ */
    MOST_AGE = 7 * 86400, /* of a response that does not say when the next one comes */
};

/* ---- servers ---- */

static int staple(SSL *ssl, void *unused)
{
    const gyre_tls_context *context = gyre__tls_context_of(SSL_get_SSL_CTX(ssl));
    unsigned char *copy;

    (void)unused;
    if (!context->ocsp_response)
        return SSL_TLSEXT_ERR_NOACK;
    copy = OPENSSL_memdup(context->ocsp_response, context->ocsp_response_size);
    if (!copy)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)context->ocsp_response_size); /* moved */
    return SSL_TLSEXT_ERR_OK;
}

static int64_t load_response(gyre_tls_context *context, const char *file)
{
    const unsigned char *at;
    OCSP_RESPONSE *response;
    char *data = NULL;
    int64_t rc = gyre__tls_read_file(file, &data, &context->ocsp_response_size);

    if (rc < 0)
        return rc;
    at = context->ocsp_response = (unsigned char *)data;
    response = d2i_OCSP_RESPONSE(NULL, &at, (long)context->ocsp_response_size);
    if (!response || at != context->ocsp_response + context->ocsp_response_size) {
        OCSP_RESPONSE_free(response);
        ERR_clear_error();
        return gyre_raise(
            gyre_error_newf(GYRE_ETLSCERT, "%s: is not an OCSP response in DER", file));
    }
    OCSP_RESPONSE_free(response);
    return 0;
}

/* ---- clients ---- */

/* True when the answer is about this certificate, whichever digest the responder took. */
static bool is_about(OCSP_SINGLERESP *single, X509 *certificate, X509 *issuer)
{
    OCSP_CERTID *theirs = (OCSP_CERTID *)OCSP_SINGLERESP_get0_id(single), *ours;
    ASN1_OBJECT *digest;
    const EVP_MD *md;
    bool same;

    if (!OCSP_id_get0_info(NULL, &digest, NULL, NULL, theirs))
        return false;
    md = EVP_get_digestbyobj(digest);
    ours = md ? OCSP_cert_to_id(md, certificate, issuer) : NULL;
    same = ours && OCSP_id_cmp(ours, theirs) == 0;
    OCSP_CERTID_free(ours);
    return same;
}

/* What the responder says of the certificate: X509_V_OK or why it is not good enough. */
static int find_status(OCSP_BASICRESP *basic, X509 *certificate, X509 *issuer)
{
    for (int i = 0; i < OCSP_resp_count(basic); i++) {
        OCSP_SINGLERESP *single = OCSP_resp_get0(basic, i);
        ASN1_GENERALIZEDTIME *made, *next;
        int status, reason;

        if (!is_about(single, certificate, issuer))
            continue;
        status = OCSP_single_get0_status(single, &reason, NULL, &made, &next);
        if (status == V_OCSP_CERTSTATUS_REVOKED)
            return X509_V_ERR_CERT_REVOKED;
        if (status != V_OCSP_CERTSTATUS_GOOD)
            return X509_V_ERR_OCSP_CERT_UNKNOWN;
        return OCSP_check_validity(made, next, CLOCK_SKEW, next ? -1 : MOST_AGE)
                   ? X509_V_OK
                   : X509_V_ERR_OCSP_VERIFY_FAILED;
    }
    return X509_V_ERR_OCSP_CERT_UNKNOWN;
}

static int judge_basic(SSL *ssl, OCSP_BASICRESP *basic)
{
    STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
    X509_STORE *store = SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl));
    X509 *certificate, *issuer;
    bool partial;

    if (sk_X509_num(chain) < 1)
        return X509_V_ERR_OCSP_VERIFY_FAILED;
    certificate = sk_X509_value(chain, 0);
    /* A certificate that is trusted itself has issued itself. */
    issuer = sk_X509_value(chain, sk_X509_num(chain) > 1 ? 1 : 0);
    partial = X509_VERIFY_PARAM_get_flags(SSL_get0_param(ssl)) & X509_V_FLAG_PARTIAL_CHAIN;
    if (OCSP_basic_verify(basic, chain, store, partial ? OCSP_PARTIAL_CHAIN : 0) != 1)
        return X509_V_ERR_OCSP_VERIFY_FAILED;
    return find_status(basic, certificate, issuer);
}

static int judge(SSL *ssl)
{
    const unsigned char *data;
    long size = SSL_get_tlsext_status_ocsp_resp(ssl, &data);
    OCSP_RESPONSE *response;
    OCSP_BASICRESP *basic = NULL;
    int check = X509_V_ERR_OCSP_VERIFY_FAILED;

    if (size <= 0 || !data)
        return X509_V_ERR_OCSP_VERIFY_NEEDED;
    response = d2i_OCSP_RESPONSE(NULL, &data, size);
    if (response && OCSP_response_status(response) == OCSP_RESPONSE_STATUS_SUCCESSFUL)
        basic = OCSP_response_get1_basic(response);
    if (basic)
        check = judge_basic(ssl, basic);
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    return check;
}

/* The certificate was accepted; is it still good? Gives 1, or 0 to fail the handshake. */
static int on_response(SSL *ssl, void *unused)
{
    int check;

    (void)unused;
    if (SSL_session_reused(ssl))
        return 1; /* looked at when the session was made */
    check = judge(ssl);
    if (check == X509_V_OK)
        return 1;
    ERR_clear_error();
    gyre__tls_note_failure(ssl, check, 0, SSL_get0_peer_certificate(ssl));
    return 0;
}

int64_t gyre__tls_set_ocsp(gyre_tls_context *context, const gyre_tls_options *options)
{
    context->ocsp_required = options->ocsp_required;
    if (context->settings.server)
        SSL_CTX_set_tlsext_status_cb(context->ssl, staple);
    else if (options->ocsp_required)
        SSL_CTX_set_tlsext_status_cb(context->ssl, on_response);
    return options->ocsp_response_file ? load_response(context, options->ocsp_response_file) : 0;
}
