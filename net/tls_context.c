/* TLS contexts: made part by part of the options, counted, and let go of. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "../loop/error_internal.h"
#include "tls_context_internal.h"

enum { HANDSHAKE_SECONDS = 60, SHUTDOWN_SECONDS = 30 };

gyre_tls_context *gyre__tls_context_of(const SSL_CTX *ssl)
{
    return SSL_CTX_get_app_data(ssl);
}

int64_t gyre__tls_invalid(const char *format, ...)
{
    char text[256];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return gyre_raise(gyre_error_new(-EINVAL, text));
}

/* ---- key log ---- */

static void log_key(const SSL *ssl, const char *line)
{
    gyre_tls_context *context = gyre__tls_context_of(SSL_get_SSL_CTX(ssl));
    char text[512];
    int length = snprintf(text, sizeof(text), "%s\n", line);

    /* One write, so that lines of several processes do not mix. */
    if (length < (int)sizeof(text) && write(context->keylog_fd, text, (size_t)length) != length)
        return; /* a debugging aid: nothing to be done about a full disk */
}

int64_t gyre__tls_set_keylog(gyre_tls_context *context, const gyre_tls_options *options)
{
    if (!options->keylog_file)
        return 0;
    context->keylog_fd =
        open(options->keylog_file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
    if (context->keylog_fd < 0)
        return gyre_raise(gyre_error_newf(-errno, "keylog_file %s: %s", options->keylog_file,
                                          strerrordesc_np(errno)));
    SSL_CTX_set_keylog_callback(context->ssl, log_key);
    return 0;
}

/* ---- making ---- */

/* What is asked of the wrong side, or twice, is a mistake worth telling. */
static int64_t refuse_nonsense(const gyre_tls_options *options, bool server)
{
    if (options->cert_file && options->cert_pem)
        return gyre__tls_invalid("cert_file and cert_pem are both given");
    if (options->key_file && options->key_pem)
        return gyre__tls_invalid("key_file and key_pem are both given");
    if ((options->key_file || options->key_pem) && !options->cert_file && !options->cert_pem)
        return gyre__tls_invalid("a key is given without a certificate");
    if (options->crl_check_chain && !options->crl_file)
        return gyre__tls_invalid("crl_check_chain needs crl_file");
    if (options->alpn_required && !options->alpn_count)
        return gyre__tls_invalid("alpn_required needs alpn");
    if (server) {
        if (!options->cert_file && !options->cert_pem && !options->on_server_name)
            return gyre__tls_invalid("a server needs cert_file or cert_pem");
        if (options->ocsp_required)
            return gyre__tls_invalid("ocsp_required is for clients");
        if (options->client_auth && !options->ca_file && !options->ca_dir && !options->ca_pem &&
            !options->system_store && !options->insecure_no_verification)
            return gyre__tls_invalid("client_auth needs ca_file, ca_dir, ca_pem or system_store");
    } else {
        if (options->client_auth || options->on_server_name || options->ocsp_response_file)
            return gyre__tls_invalid(
                "client_auth, on_server_name and ocsp_response_file are for servers");
        if (options->ocsp_required && options->insecure_no_verification)
            return gyre__tls_invalid("ocsp_required needs verification");
    }
    return 0;
}

static void set_settings(gyre_tls_context *context, const gyre_tls_options *options)
{
    static const int64_t second = 1000000000;
    gyre__tls_settings *settings = &context->settings;

    settings->handshake_timeout_ns =
        options->handshake_timeout_ns ? options->handshake_timeout_ns : HANDSHAKE_SECONDS * second;
    settings->shutdown_timeout_ns =
        options->shutdown_timeout_ns ? options->shutdown_timeout_ns : SHUTDOWN_SECONDS * second;
    settings->truncation = options->insecure_truncation;
    settings->alpn_required = options->alpn_required;
    context->verify = !options->insecure_no_verification;
    context->check_host = context->verify && !options->insecure_no_hostname;
    context->on_server_name = options->on_server_name;
    context->on_server_name_arg = options->on_server_name_arg;
}

static int64_t set_parts(gyre_tls_context *context, const gyre_tls_options *options)
{
    static int64_t (*const parts[])(gyre_tls_context *, const gyre_tls_options *) = {
        gyre__tls_set_protocol, /* first: the security level judges what is loaded */
        gyre__tls_set_alpn,     gyre__tls_set_certificate, gyre__tls_set_trust,  gyre__tls_set_ocsp,
        gyre__tls_set_sessions, gyre__tls_set_hello,       gyre__tls_set_keylog,
    };

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        int64_t rc = parts[i](context, options);

        if (rc < 0)
            return rc;
    }
    return 0;
}

static int64_t make(const gyre_tls_options *options, bool server, gyre_tls_context **out_context)
{
    static const gyre_tls_options defaults = {0};
    gyre_tls_context *context;
    int64_t rc;

    *out_context = NULL;
    if (!options)
        options = &defaults;
    rc = refuse_nonsense(options, server);
    if (rc < 0)
        return rc;
    context = gyre_alloc_zeroed(sizeof(*context));
    if (!context)
        return -ENOMEM;
    atomic_init(&context->refs, 1);
    context->keylog_fd = -1;
    context->settings.server = server;
    set_settings(context, options);
    ERR_clear_error(); /* what others left behind is not our reason */
    context->ssl = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    if (!context->ssl)
        rc = gyre__tls_raise(GYRE_ETLS, "OpenSSL");
    else if (!SSL_CTX_set_app_data(context->ssl, context))
        rc = gyre__tls_raise(-ENOMEM, NULL);
    else
        rc = set_parts(context, options);
    if (rc < 0) {
        gyre_tls_context_unref(context);
        return rc;
    }
    *out_context = context;
    return 0;
}

int64_t gyre_tls_client_context(const gyre_tls_options *options, gyre_tls_context **out_context)
{
    return make(options, false, out_context);
}

int64_t gyre_tls_server_context(const gyre_tls_options *options, gyre_tls_context **out_context)
{
    return make(options, true, out_context);
}

/* ---- holding ---- */

gyre_tls_context *gyre_tls_context_ref(gyre_tls_context *context)
{
    if (context)
        atomic_fetch_add_explicit(&context->refs, 1, memory_order_relaxed);
    return context;
}

void gyre_tls_context_unref(gyre_tls_context *context)
{
    if (!context || atomic_fetch_sub_explicit(&context->refs, 1, memory_order_acq_rel) != 1)
        return;
    gyre__tls_sessions_free(context->sessions);
    SSL_CTX_free(context->ssl);
    if (context->keylog_fd >= 0)
        close(context->keylog_fd);
    gyre_free(context->ocsp_response);
    gyre_free(context->alpn);
    gyre_free(context);
}

bool gyre_tls_context_is_server(const gyre_tls_context *context)
{
    return context->settings.server;
}

size_t gyre_tls_context_session_count(const gyre_tls_context *context)
{
    if (context->settings.server)
        return (size_t)SSL_CTX_sess_number(context->ssl);
    return context->sessions ? gyre__tls_sessions_count(context->sessions) : 0;
}

void gyre_tls_context_forget_sessions(gyre_tls_context *context)
{
    if (context->settings.server)
        SSL_CTX_flush_sessions(context->ssl, 0); /* all, whatever their age */
    else if (context->sessions)
        gyre__tls_sessions_clear(context->sessions);
}

const gyre__tls_settings *gyre__tls_context_settings(const gyre_tls_context *context)
{
    return &context->settings;
}

SSL_CTX *gyre__tls_context_ssl(const gyre_tls_context *context)
{
    return context->ssl;
}

const char *gyre_tls_library_version(void)
{
    return OpenSSL_version(OPENSSL_VERSION);
}
