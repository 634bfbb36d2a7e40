/* Whom a TLS context trusts, and how strictly the peer's certificate is looked at. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "../loop/error_internal.h"
#include "tls_context_internal.h"

enum { MOST_DEPTH = 10 }; /* certificates between the peer's own and the root */

/* ---- certificates and revocation lists ---- */

/* What a PEM text had. */
struct found {
    int certificates, lists;
};

static int64_t add_item(gyre_tls_context *context, const X509_INFO *item, struct found *found)
{
    X509_STORE *store = SSL_CTX_get_cert_store(context->ssl);

    if (item->x509) {
        found->certificates++;
        if (!X509_STORE_add_cert(store, item->x509))
            return GYRE_ETLSCERT;
        /* A server tells its clients which authorities it accepts. */
        if (context->settings.server && !SSL_CTX_add_client_CA(context->ssl, item->x509))
            return GYRE_ETLSCERT;
    }
    if (item->crl) {
        found->lists++;
        if (!X509_STORE_add_crl(store, item->crl))
            return GYRE_ETLSCERT;
    }
    return 0;
}

static int64_t add_all(gyre_tls_context *context, const gyre__tls_pem *pem, struct found *found)
{
    STACK_OF(X509_INFO) *items = PEM_X509_INFO_read_bio(pem->bio, NULL, gyre__tls_ask, NULL);
    int64_t rc = items ? 0 : GYRE_ETLSCERT;

    for (int i = 0; rc == 0 && i < sk_X509_INFO_num(items); i++)
        rc = add_item(context, sk_X509_INFO_value(items, i), found);
    sk_X509_INFO_pop_free(items, X509_INFO_free);
    return rc < 0 ? gyre__tls_raise(rc, pem->name) : 0;
}

/* Adds what a file or a text has, which must be at least one of the wanted. */
static int64_t add_pem(gyre_tls_context *context, const char *file, const void *memory, size_t size,
                       bool want_list)
{
    struct found found = {0};
    gyre__tls_pem pem;
    int64_t rc = gyre__tls_pem_open(&pem, file, memory, size, "ca_pem");

    if (rc < 0)
        return rc;
    rc = add_all(context, &pem, &found);
    if (rc == 0 && (want_list ? found.lists : found.certificates) == 0)
        rc = gyre_raise(gyre_error_newf(GYRE_ETLSCERT, "%s: has no %s", pem.name,
                                        want_list ? "revocation list" : "certificate"));
    gyre__tls_pem_close(&pem);
    return rc;
}

static int64_t add_folder(gyre_tls_context *context, const char *folder)
{
    struct stat status;
    int64_t rc = 0;

    if (stat(folder, &status) < 0)
        rc = -errno;
    else if (!S_ISDIR(status.st_mode))
        rc = -ENOTDIR;
    else if (access(folder, R_OK | X_OK) < 0)
        rc = -errno;
    if (rc < 0)
        return gyre_raise(gyre_error_newf(rc, "%s: %s", folder, gyre_strerror(rc)));
    if (!SSL_CTX_load_verify_dir(context->ssl, folder))
        return gyre__tls_raise(GYRE_ETLSCERT, folder);
    return 0;
}

static int64_t load_trusted(gyre_tls_context *context, const gyre_tls_options *options)
{
    bool named = options->ca_file || options->ca_dir || options->ca_pem;
    bool by_default = !named && !context->settings.server && context->verify;
    int64_t rc = 0;

    if (options->ca_file)
        rc = add_pem(context, options->ca_file, NULL, 0, false);
    if (rc == 0 && options->ca_pem)
        rc = add_pem(context, NULL, options->ca_pem, options->ca_pem_size, false);
    if (rc == 0 && options->ca_dir)
        rc = add_folder(context, options->ca_dir);
    if (rc == 0 && options->crl_file)
        rc = add_pem(context, options->crl_file, NULL, 0, true);
    if (rc == 0 && (options->system_store || by_default) &&
        !SSL_CTX_set_default_verify_paths(context->ssl))
        rc = gyre__tls_raise(GYRE_ETLSCERT, "the system's trust store");
    return rc;
}

/* ---- how strictly ---- */

static void set_flags(gyre_tls_context *context, const gyre_tls_options *options)
{
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(context->ssl);
    unsigned long flags = X509_V_FLAG_TRUSTED_FIRST;

    if (!options->insecure_lax_certificates)
        flags |= X509_V_FLAG_X509_STRICT;
    if (options->partial_chain)
        flags |= X509_V_FLAG_PARTIAL_CHAIN;
    if (options->crl_file)
        flags |= X509_V_FLAG_CRL_CHECK;
    if (options->crl_check_chain)
        flags |= X509_V_FLAG_CRL_CHECK_ALL;
    X509_VERIFY_PARAM_set_flags(param, flags);
    X509_VERIFY_PARAM_set_depth(param, MOST_DEPTH);
    context->hostflags = 0;
    if (!options->insecure_common_name)
        context->hostflags |= X509_CHECK_FLAG_NEVER_CHECK_SUBJECT;
    if (!options->insecure_partial_wildcards)
        context->hostflags |= X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;
}

static int verify_mode(const gyre_tls_context *context, gyre_tls_client_auth client_auth)
{
    if (!context->settings.server)
        return context->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE;
    switch (client_auth) {
    case GYRE_TLS_CLIENT_AUTH_OPTIONAL:
        return SSL_VERIFY_PEER;
    case GYRE_TLS_CLIENT_AUTH_REQUIRED:
        return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    case GYRE_TLS_CLIENT_AUTH_NONE:
    default:
        return SSL_VERIFY_NONE;
    }
}

int64_t gyre__tls_set_trust(gyre_tls_context *context, const gyre_tls_options *options)
{
    set_flags(context, options);
    SSL_CTX_set_verify(context->ssl, verify_mode(context, options->client_auth),
                       gyre__tls_verify_callback);
    return load_trusted(context, options);
}

int gyre__tls_verify_callback(int ok, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());

    if (ok)
        return 1;
    if (!gyre__tls_context_of(SSL_get_SSL_CTX(ssl))->verify)
        return 1;
    gyre__tls_note_failure(ssl, X509_STORE_CTX_get_error(store),
                           X509_STORE_CTX_get_error_depth(store),
                           X509_STORE_CTX_get_current_cert(store));
    return 0;
}
