/*
 * What a TLS server decides by the ClientHello, before anything else: the context by the server's
 * name, and whether the client names application protocols.
 *
 * OpenSSL has a callback for the name, too, but that comes after a session was resumed: a client
 * could bring a session of one name to another one that asks for certificates.
 */
#include <ctype.h>
#include <string.h>

#include <openssl/err.h>

#include "tls_context_internal.h"

enum { MOST_NAME = 255 };

static unsigned read16(const unsigned char *bytes)
{
    return (unsigned)bytes[0] << 8 | bytes[1];
}

/*
 * The name in the extension, lower case and without the dot at the end. Gives 0 when there is none,
 * 1 with a name, -1 when it is malformed.
 */
static int read_name(SSL *ssl, char name[MOST_NAME + 1])
{
    const unsigned char *data;
    size_t size, length;

    if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &data, &size))
        return 0;
    /* A list, of which ever only one entry, a host_name, is sent: list size, type, name size. */
    if (size < 5 || read16(data) != size - 2 || data[2] != TLSEXT_NAMETYPE_host_name)
        return -1;
    length = read16(data + 3);
    if (length != size - 5 || length == 0 || length > MOST_NAME || memchr(data + 5, 0, length))
        return -1;
    for (size_t i = 0; i < length; i++)
        name[i] = (char)tolower(data[5 + i]);
    if (length > 1 && name[length - 1] == '.')
        length--;
    name[length] = '\0';
    return 1;
}

static int refuse(gyre__tls_connection *connection, int *alert, int which, int64_t code,
                  const char *why)
{
    connection->refused_code = code;
    connection->refused = why;
    *alert = which;
    return SSL_CLIENT_HELLO_ERROR;
}

/* From now on the connection is one of the chosen context; false when memory is short. */
static bool use_context(SSL *ssl, gyre_tls_context *chosen)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

    if (SSL_get_SSL_CTX(ssl) == chosen->ssl)
        return true;
    if (!SSL_set_SSL_CTX(ssl, chosen->ssl))
        return false;
    X509_VERIFY_PARAM_clear_flags(param, X509_VERIFY_PARAM_get_flags(param));
    if (!X509_VERIFY_PARAM_set1(param, SSL_CTX_get0_param(chosen->ssl)) ||
        !SSL_set_min_proto_version(ssl, (int)SSL_CTX_get_min_proto_version(chosen->ssl)) ||
        !SSL_set_max_proto_version(ssl, (int)SSL_CTX_get_max_proto_version(chosen->ssl)))
        return false;
    SSL_set_verify(ssl, SSL_CTX_get_verify_mode(chosen->ssl), gyre__tls_verify_callback);
    SSL_set_options(ssl, SSL_CTX_get_options(chosen->ssl));
    return true;
}

/* Asks the user's function; a second ClientHello (after a retry request) changes nothing. */
static int choose(SSL *ssl, gyre__tls_connection *connection, const char *name, int *alert)
{
    const gyre_tls_context *context = connection->context;
    gyre_tls_context *chosen;

    if (connection->chosen)
        return SSL_CLIENT_HELLO_SUCCESS;
    chosen = context->on_server_name(context->on_server_name_arg, name);
    if (!chosen)
        return refuse(connection, alert, SSL_AD_UNRECOGNIZED_NAME, GYRE_ETLS,
                      "the client asked for a server name that is not known here");
    if (!chosen->settings.server)
        return refuse(connection, alert, SSL_AD_INTERNAL_ERROR, GYRE_ETLS,
                      "on_server_name chose a context that is not a server's");
    connection->chosen = gyre_tls_context_ref(chosen);
    if (!use_context(ssl, chosen)) {
        *alert = SSL_AD_INTERNAL_ERROR;
        return SSL_CLIENT_HELLO_ERROR;
    }
    return SSL_CLIENT_HELLO_SUCCESS;
}

static bool names_protocols(SSL *ssl)
{
    const unsigned char *data;
    size_t size;

    return SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &data,
                                     &size) == 1;
}

static int on_hello(SSL *ssl, int *alert, void *unused)
{
    gyre__tls_connection *connection = gyre__tls_connection_of(ssl);
    char name[MOST_NAME + 1];
    int found = read_name(ssl, name);

    (void)unused;
    if (found < 0)
        return refuse(connection, alert, SSL_AD_DECODE_ERROR, GYRE_ETLS,
                      "the client's server name is malformed");
    if (connection->name && (!found || strcmp(name, connection->name) != 0))
        return refuse(connection, alert, SSL_AD_ILLEGAL_PARAMETER, GYRE_ETLS,
                      "the client changed the server name");
    if (found && !connection->name) {
        connection->name = gyre_strdup(name);
        if (!connection->name) {
            ERR_raise(ERR_LIB_SSL, ERR_R_MALLOC_FAILURE);
            *alert = SSL_AD_INTERNAL_ERROR;
            return SSL_CLIENT_HELLO_ERROR;
        }
    }
    if (connection->context->on_server_name &&
        choose(ssl, connection, found ? name : NULL, alert) != SSL_CLIENT_HELLO_SUCCESS)
        return SSL_CLIENT_HELLO_ERROR;
    if (gyre__tls_context_of(SSL_get_SSL_CTX(ssl))->settings.alpn_required && !names_protocols(ssl))
        return refuse(connection, alert, SSL_AD_NO_APPLICATION_PROTOCOL, GYRE_ETLSALPN,
                      "the client named no protocol");
    return SSL_CLIENT_HELLO_SUCCESS;
}

/* Only says that the name was understood. */
static int acknowledge_name(SSL *ssl, int *alert, void *unused)
{
    (void)alert, (void)unused;
    return SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) ? SSL_TLSEXT_ERR_OK
                                                              : SSL_TLSEXT_ERR_NOACK;
}

int64_t gyre__tls_set_hello(gyre_tls_context *context, const gyre_tls_options *options)
{
    (void)options;
    if (!context->settings.server)
        return 0;
    SSL_CTX_set_client_hello_cb(context->ssl, on_hello, NULL);
    SSL_CTX_set_tlsext_servername_callback(context->ssl, acknowledge_name);
    return 0;
}
