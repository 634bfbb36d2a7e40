/* One connection of a TLS context: the record on its SSL, what is verified, what is resumed. */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "../loop/error_internal.h"
#include "tls_context_internal.h"

/* Index of the record among what hangs on an SSL; -1: not had yet. */
static atomic_int record_index = -1;

static void connection_free(void *ssl, void *record, CRYPTO_EX_DATA *data, int index, long argl,
                            void *argp)
{
    gyre__tls_connection *connection = record;

    (void)ssl, (void)data, (void)index, (void)argl, (void)argp;
    if (!connection)
        return;
    gyre_free(connection->failure);
    gyre_free(connection->name);
    gyre_free(connection->origin);
    gyre_tls_context_unref(connection->chosen);
    gyre_tls_context_unref(connection->context);
    gyre_free(connection);
}

/* The index, made at the first need; -1 when memory is short, then it is tried again. */
static int need_index(void)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    int index;

    pthread_mutex_lock(&lock);
    index = atomic_load(&record_index);
    if (index < 0) {
        index = SSL_get_ex_new_index(0, NULL, NULL, NULL, connection_free);
        atomic_store(&record_index, index);
    }
    pthread_mutex_unlock(&lock);
    return index;
}

gyre__tls_connection *gyre__tls_connection_of(const SSL *ssl)
{
    int index = atomic_load_explicit(&record_index, memory_order_acquire);

    return index < 0 ? NULL : SSL_get_ex_data(ssl, index);
}

/* Hangs a record on the SSL; NULL when memory is short. */
static gyre__tls_connection *connection_new(gyre_tls_context *context, SSL *ssl)
{
    int index = need_index();
    gyre__tls_connection *connection = index < 0 ? NULL : gyre_alloc_zeroed(sizeof(*connection));

    if (!connection || !SSL_set_ex_data(ssl, index, connection)) {
        gyre_free(connection);
        return NULL;
    }
    connection->context = gyre_tls_context_ref(context);
    return connection;
}

/* ---- clients ---- */

/* Two texts with a byte between them that is in neither. */
static char *make_origin(const char *name, const char *key)
{
    size_t name_size = strlen(name) + 1, key_size = key ? strlen(key) + 1 : 1;
    char *origin = gyre_alloc(name_size + key_size);

    if (!origin)
        return NULL;
    memcpy(origin, name, name_size);
    origin[name_size - 1] = '\n';
    memcpy(origin + name_size, key ? key : "", key_size);
    return origin;
}

static int64_t expect_peer(const gyre_tls_context *context, SSL *ssl, const char *name,
                           bool address)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

    if (!address && !SSL_set_tlsext_host_name(ssl, name))
        return -ENOMEM;
    if (!context->check_host)
        return 0;
    X509_VERIFY_PARAM_set_hostflags(param, context->hostflags);
    if (!(address ? X509_VERIFY_PARAM_set1_ip_asc(param, name)
                  : X509_VERIFY_PARAM_set1_host(param, name, 0)))
        return -ENOMEM;
    return 0;
}

/* A session is a help: without memory for it the handshake is a full one. */
static int64_t resume(const gyre_tls_context *context, SSL *ssl, gyre__tls_connection *connection,
                      const char *session_key)
{
    SSL_SESSION *session;

    if (!context->sessions || !connection->name)
        return 0;
    connection->origin = make_origin(connection->name, session_key);
    if (!connection->origin)
        return -ENOMEM;
    session = gyre__tls_sessions_get(context->sessions, connection->origin);
    if (session) {
        SSL_set_session(ssl, session);
        SSL_SESSION_free(session);
    }
    return 0;
}

static int64_t prepare_client(gyre_tls_context *context, SSL *ssl, const char *server_name,
                              const char *session_key)
{
    gyre__tls_connection *connection = gyre__tls_connection_of(ssl);
    bool address = false;
    int64_t rc;

    SSL_set_connect_state(ssl);
    if (context->ocsp_required && !SSL_set_tlsext_status_type(ssl, TLSEXT_STATUSTYPE_ocsp))
        return -ENOMEM;
    if (!server_name) {
        if (context->check_host)
            return gyre__tls_invalid("a server name is needed to compare the certificate with (or "
                                     "insecure_no_hostname)");
        return 0;
    }
    rc = gyre__tls_name(server_name, &connection->name, &address);
    if (rc == 0)
        rc = expect_peer(context, ssl, connection->name, address);
    return rc < 0 ? rc : resume(context, ssl, connection, session_key);
}

int64_t gyre__tls_prepare(gyre_tls_context *context, SSL *ssl, const char *server_name,
                          const char *session_key)
{
    int64_t rc = 0;

    ERR_clear_error();
    if (!connection_new(context, ssl))
        rc = -ENOMEM;
    else if (context->settings.server)
        SSL_set_accept_state(ssl);
    else
        rc = prepare_client(context, ssl, server_name, session_key);
    if (rc == -ENOMEM)
        gyre__tls_raise(-ENOMEM, NULL); /* empties the queue */
    return rc;
}

/* ---- after the handshake ---- */

int64_t gyre__tls_check(SSL *ssl)
{
    const gyre_tls_context *context = gyre__tls_context_of(SSL_get_SSL_CTX(ssl));
    const unsigned char *protocol;
    unsigned length;

    if (!context->settings.alpn_required)
        return 0;
    SSL_get0_alpn_selected(ssl, &protocol, &length);
    if (length > 0)
        return 0;
    return gyre_raise(gyre_error_new(GYRE_ETLSALPN, context->settings.server
                                                        ? "the client named no protocol"
                                                        : "the server chose no protocol"));
}

void gyre__tls_note_failure(SSL *ssl, int check, int depth, X509 *certificate)
{
    gyre__tls_connection *connection = gyre__tls_connection_of(ssl);
    gyre__tls_failure *failure = connection->failure;

    if (!failure)
        failure = connection->failure = gyre_alloc(sizeof(*failure));
    if (!failure)
        return;
    *failure = (gyre__tls_failure){.check = check, .depth = depth};
    if (!certificate)
        return;
    gyre__tls_name_text(X509_get_subject_name(certificate), failure->subject,
                        sizeof(failure->subject));
    gyre__tls_certificate_names(certificate, failure->names, sizeof(failure->names));
}
