/* OpenSSL's queue of errors made into a code and a text. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <openssl/x509_vfy.h>

#include "../loop/error_internal.h"
#include "tls_context_internal.h"

/* X(number, name): the alerts of RFC 8446 and of what came before it. */
#define ALERT_MAP(X)                                                                               \
    X(0, "close notify")                                                                           \
    X(10, "unexpected message")                                                                    \
    X(20, "bad record mac")                                                                        \
    X(21, "decryption failed")                                                                     \
    X(22, "record overflow")                                                                       \
    X(30, "decompression failure")                                                                 \
    X(40, "handshake failure")                                                                     \
    X(41, "no certificate")                                                                        \
    X(42, "bad certificate")                                                                       \
    X(43, "unsupported certificate")                                                               \
    X(44, "certificate revoked")                                                                   \
    X(45, "certificate expired")                                                                   \
    X(46, "certificate unknown")                                                                   \
    X(47, "illegal parameter")                                                                     \
    X(48, "unknown certificate authority")                                                         \
    X(49, "access denied")                                                                         \
    X(50, "decode error")                                                                          \
    X(51, "decrypt error")                                                                         \
    X(60, "export restriction")                                                                    \
    X(70, "protocol version")                                                                      \
    X(71, "insufficient security")                                                                 \
    X(80, "internal error")                                                                        \
    X(86, "inappropriate fallback")                                                                \
    X(90, "user cancelled")                                                                        \
    X(100, "no renegotiation")                                                                     \
    X(109, "missing extension")                                                                    \
    X(110, "unsupported extension")                                                                \
    X(111, "certificate unobtainable")                                                             \
    X(112, "unrecognized name")                                                                    \
    X(113, "bad certificate status response")                                                      \
    X(114, "bad certificate hash value")                                                           \
    X(115, "unknown pre-shared key identity")                                                      \
    X(116, "certificate required")                                                                 \
    X(120, "no application protocol")

static const char *alert_name(int alert)
{
    switch (alert) {
#define X(number, name)                                                                            \
    case number:                                                                                   \
        return name;
        ALERT_MAP(X)
#undef X
    default:
        return "unknown";
    }
}

/* What a queue says: its first error with OpenSSL's own words, and whether memory was short. */
struct reason {
    unsigned long error; /* 0: the queue was empty */
    bool memory;
    char text[320];
};

static void take_reason(struct reason *reason)
{
    unsigned long error;
    const char *data;
    int flags;

    *reason = (struct reason){.memory = gyre__tls_memory_was_short()};
    while ((error = ERR_get_error_all(NULL, NULL, NULL, &data, &flags)) != 0) {
        const char *text = ERR_SYSTEM_ERROR(error) ? strerrordesc_np(ERR_GET_REASON(error))
                                                   : ERR_reason_error_string(error);

        reason->memory |= ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE ||
                          (ERR_SYSTEM_ERROR(error) && ERR_GET_REASON(error) == ENOMEM);
        if (reason->error)
            continue;
        reason->error = error;
        if (!(flags & ERR_TXT_STRING) || !*data)
            snprintf(reason->text, sizeof(reason->text), "%s", text ? text : "unknown error");
        else
            snprintf(reason->text, sizeof(reason->text), "%s (%s)", text ? text : "unknown error",
                     data);
    }
}

/* A code that says it all. */
static int64_t plain(int64_t code)
{
    gyre__error_set(NULL);
    return code;
}

int64_t gyre__tls_raise(int64_t code, const char *what)
{
    struct reason reason;

    take_reason(&reason);
    if (reason.memory || code == -ENOMEM)
        return plain(-ENOMEM);
    return gyre_raise(gyre_error_newf(code, "%s%s%s", what ? what : "", what ? ": " : "",
                                      reason.error ? reason.text : gyre_strerror(code)));
}

/* ---- of a connection ---- */

static int64_t raise_verification(const gyre__tls_connection *connection)
{
    const gyre__tls_failure *failure = connection->failure;
    const char *name =
        connection->name && !connection->context->settings.server ? connection->name : "client";
    const char *check = X509_verify_cert_error_string(failure->check);
    const char *subject = *failure->subject ? failure->subject : "none";

    if (failure->check == X509_V_ERR_OUT_OF_MEM)
        return plain(-ENOMEM);
    if (failure->check == X509_V_ERR_HOSTNAME_MISMATCH ||
        failure->check == X509_V_ERR_IP_ADDRESS_MISMATCH)
        return gyre_raise(gyre_error_newf(
            GYRE_ETLSHOST, "%s: %s: it is for %s (depth %d, subject %s)", name, check,
            *failure->names ? failure->names : "no host at all", failure->depth, subject));
    return gyre_raise(gyre_error_newf(GYRE_ETLSVERIFY, "%s: %s (depth %d, subject %s)", name, check,
                                      failure->depth, subject));
}

/* The code for a reason of OpenSSL's TLS side; the text says more. */
static int64_t raise_reason(const struct reason *reason)
{
    int why = ERR_GET_REASON(reason->error);
    bool tls = ERR_GET_LIB(reason->error) == ERR_LIB_SSL;

    if (tls && why >= SSL_AD_REASON_OFFSET && why < SSL_AD_REASON_OFFSET + 256) {
        int alert = why - SSL_AD_REASON_OFFSET;

        return gyre_raise(gyre_error_newf(GYRE_ETLSALERT, "the peer sent the alert: %s (%d)",
                                          alert_name(alert), alert));
    }
    if (tls && why == SSL_R_UNEXPECTED_EOF_WHILE_READING)
        return plain(GYRE_ETLSTRUNCATED);
    if (tls && why == SSL_R_NO_APPLICATION_PROTOCOL)
        return plain(GYRE_ETLSALPN);
    if (tls && why == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
        return gyre_raise(gyre_error_new(GYRE_ETLSVERIFY, "the client sent no certificate"));
    if (tls && why == SSL_R_PROTOCOL_IS_SHUTDOWN)
        return plain(GYRE_ETLSCLOSED);
    return gyre_raise(gyre_error_new(GYRE_ETLS, reason->text));
}

static int64_t raise_failure(SSL *ssl, const struct reason *reason)
{
    gyre__tls_connection *connection = gyre__tls_connection_of(ssl);

    if (reason->memory)
        return plain(-ENOMEM);
    if (connection && connection->refused)
        return gyre_raise(gyre_error_newf(connection->refused_code, "%s", connection->refused));
    if (connection && connection->failure) /* the queue may begin with how a signature failed */
        return raise_verification(connection);
    if (reason->error)
        return raise_reason(reason);
    return gyre_raise(gyre_error_new(GYRE_ETLS, "failed without a reason"));
}

int64_t gyre__tls_error(SSL *ssl, int rc)
{
    int kind = SSL_get_error(ssl, rc); /* looks at the queue, so before it is emptied */
    struct reason reason;

    if (kind == SSL_ERROR_NONE)
        return 0;
    if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE) {
        /* Output always has room, unless there was no memory for it. Input: OpenSSL did without. */
        bool was_short = gyre__tls_memory_was_short();

        return was_short && kind == SSL_ERROR_WANT_WRITE ? plain(-ENOMEM) : -EAGAIN;
    }
    take_reason(&reason);
    if (kind == SSL_ERROR_ZERO_RETURN)
        return 0;
    if (kind == SSL_ERROR_SYSCALL && !reason.error)
        return plain(GYRE_ETLSTRUNCATED);
    return raise_failure(ssl, &reason);
}
