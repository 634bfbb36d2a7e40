/*
 * TLS between clients and servers of different opinions: versions, suites, protocols, names, client
 * certificates, ends; each with the exact verdict of both sides.
 */
#include <stdio.h>

#include "support/tls_pair.h"
#include "support/tls_scene.h"
#include "support/unit.h"

enum { DAY = 86400 };

#define LEAF(...)    .leaf = {.common_name = "www.example", .names = "DNS:www.example", __VA_ARGS__}
#define ALERT(name_) "the peer sent the alert: " name_
#define CLIENT(...)                                                                                \
    .client_shows = true, .client_leaf = {.common_name = "somebody", __VA_ARGS__},                 \
    .server = {.client_auth = GYRE_TLS_CLIENT_AUTH_REQUIRED}
#define CLIENT_REFUSED(text_, alert_)                                                              \
    .server_code = GYRE_ETLSVERIFY, .server_text = text_, .client_code = GYRE_ETLSALERT,           \
    .client_text = ALERT(alert_)
#define NO_NAME(host_, text_) .host = host_, .client_code = -EINVAL, .client_text = text_

static const char *const h2[] = {"h2"}, *const http1[] = {"http/1.1"},
                         *const both[] = {"h2", "http/1.1"};

static const scene scenes[] = {
    /* ---- versions ---- */
    {"TLS 1.3 only", LEAF(), .one_version = true, .client = {.min_version = GYRE_TLS_1_3},
     .server = {.min_version = GYRE_TLS_1_3}},
    {"TLS 1.3 wanted by the server, not had", LEAF(), .one_version = true,
     .client = {.max_version = GYRE_TLS_1_2}, .server = {.min_version = GYRE_TLS_1_3},
     .server_code = GYRE_ETLS, .server_text = "unsupported protocol", .client_code = GYRE_ETLSALERT,
     .client_text = ALERT("protocol version (70)")},
    {"TLS 1.3 wanted by the client, not had", LEAF(), .one_version = true,
     .client = {.min_version = GYRE_TLS_1_3}, .server = {.max_version = GYRE_TLS_1_2},
     .server_code = GYRE_ETLS, .server_text = "unsupported protocol", .client_code = GYRE_ETLSALERT,
     .client_text = ALERT("protocol version (70)")},
    {"TLS 1.0 client", LEAF(), .one_version = true,
     .client = {.insecure_old_versions = true, .max_version = GYRE_TLS_1_0},
     .server_code = GYRE_ETLS, .server_text = "unsupported protocol", .client_code = GYRE_ETLSALERT,
     .client_text = ALERT("protocol version (70)")},
    {"TLS 1.1 client", LEAF(), .one_version = true,
     .client = {.insecure_old_versions = true, .max_version = GYRE_TLS_1_1},
     .server_code = GYRE_ETLS, .server_text = "unsupported protocol", .client_code = GYRE_ETLSALERT,
     .client_text = ALERT("protocol version (70)")},
    {"TLS 1.0 server", LEAF(), .one_version = true,
     .server = {.insecure_old_versions = true, .max_version = GYRE_TLS_1_0},
     .server_code = GYRE_ETLS, .server_text = "unsupported protocol", .client_code = GYRE_ETLSALERT,
     .client_text = ALERT("protocol version (70)")},
    {"TLS 1.1 server", LEAF(), .one_version = true,
     .server = {.insecure_old_versions = true, .max_version = GYRE_TLS_1_1},
     .server_code = GYRE_ETLS, .server_text = "unsupported protocol", .client_code = GYRE_ETLSALERT,
     .client_text = ALERT("protocol version (70)")},
    {"TLS 1.0, allowed", LEAF(), .one_version = true, .client = {.insecure_old_versions = true},
     .server = {.insecure_old_versions = true, .max_version = GYRE_TLS_1_0}},
    {"TLS 1.1, allowed", LEAF(), .one_version = true,
     .client = {.insecure_old_versions = true, .max_version = GYRE_TLS_1_1},
     .server = {.insecure_old_versions = true, .min_version = GYRE_TLS_1_1}},

    /* ---- suites and groups ---- */
    {"static RSA", LEAF(.rsa_bits = 2048, .key_usage = "critical,digitalSignature,keyEncipherment"),
     .one_version = true,
     .client = {.insecure_ciphers = "AES128-GCM-SHA256", .max_version = GYRE_TLS_1_2},
     .server_code = GYRE_ETLS, .server_text = "no shared cipher", .client_code = GYRE_ETLSALERT,
     .client_text = ALERT("handshake failure (40)")},
    {"static RSA, allowed",
     LEAF(.rsa_bits = 2048, .key_usage = "critical,digitalSignature,keyEncipherment"),
     .one_version = true,
     .client = {.insecure_ciphers = "AES128-GCM-SHA256", .max_version = GYRE_TLS_1_2},
     .server = {.insecure_ciphers = "AES128-GCM-SHA256"}},
    {"CBC", LEAF(), .one_version = true,
     .client = {.insecure_ciphers = "ECDHE+AES:-ECDHE+AESGCM:-ECDHE+AESCCM",
                .max_version = GYRE_TLS_1_2},
     .server_code = GYRE_ETLS, .server_text = "no shared cipher", .client_code = GYRE_ETLSALERT,
     .client_text = ALERT("handshake failure (40)")},
    {"DHE", LEAF(.rsa_bits = 2048), .one_version = true,
     .client = {.insecure_ciphers = "DHE+AESGCM", .max_version = GYRE_TLS_1_2},
     .server_code = GYRE_ETLS, .server_text = "no shared cipher", .client_code = GYRE_ETLSALERT,
     .client_text = ALERT("handshake failure (40)")},
    {"suite of the other's choice", LEAF(),
     .client = {.ciphers = "ECDHE+CHACHA20", .ciphersuites = "TLS_CHACHA20_POLY1305_SHA256"}},
    {"no suite in common, TLS 1.3", LEAF(), .one_version = true,
     .client = {.ciphersuites = "TLS_CHACHA20_POLY1305_SHA256", .min_version = GYRE_TLS_1_3},
     .server = {.ciphersuites = "TLS_AES_256_GCM_SHA384"}, .server_code = GYRE_ETLS,
     .server_text = "no shared cipher", .client_code = GYRE_ETLSALERT,
     .client_text = ALERT("handshake failure (40)")},
    {"another group, by a second hello", LEAF(), .client = {.groups = "X25519:P-256"},
     .server = {.groups = "P-256"}},
    {"no group in common", LEAF(), .one_version = true, .client = {.groups = "X25519"},
     .server = {.groups = "P-384", .min_version = GYRE_TLS_1_3}, .server_code = GYRE_ETLS,
     .server_text = "no suitable key share", .client_code = GYRE_ETLSALERT,
     .client_text = ALERT("handshake failure (40)")},

    /* ---- application protocols ---- */
    {"protocol in common", LEAF(), .client = {.alpn = both, .alpn_count = 2, .alpn_required = true},
     .server = {.alpn = http1, .alpn_count = 1, .alpn_required = true}},
    {"no protocol in common", LEAF(), .client = {.alpn = h2, .alpn_count = 1},
     .server = {.alpn = http1, .alpn_count = 1}},
    {"no protocol in common, demanded by the server", LEAF(),
     .client = {.alpn = h2, .alpn_count = 1},
     .server = {.alpn = http1, .alpn_count = 1, .alpn_required = true},
     .server_code = GYRE_ETLSALPN, .client_code = GYRE_ETLSALERT,
     .client_text = ALERT("no application protocol (120)")},
    {"no protocol named, demanded by the server", LEAF(),
     .server = {.alpn = http1, .alpn_count = 1, .alpn_required = true},
     .server_code = GYRE_ETLSALPN, .server_text = "the client named no protocol",
     .client_code = GYRE_ETLSALERT, .client_text = ALERT("no application protocol (120)")},

    /* ---- ends ---- */
    {"the client's end is cut off", LEAF(), .cut_client = true, .server_code = GYRE_ETLSTRUNCATED},
    {"the server's end is cut off", LEAF(), .cut_server = true, .client_code = GYRE_ETLSTRUNCATED},
    {"the server's end is cut off, allowed", LEAF(), .cut_server = true,
     .client = {.insecure_truncation = true}},

    /* ---- names that no certificate is for ---- */
    {"U-labels", LEAF(),
     NO_NAME("b\xc3\xbc"
             "cher.example",
             "server name \"b\\xc3\\xbccher.example\" is not ASCII: an international name is given "
             "by its A-labels (xn--...)")},
    {"empty host", LEAF(), NO_NAME("", "server name \"\" is empty")},
    {"dot as a host", LEAF(), NO_NAME(".", "server name \".\" has an empty label")},
    {"two dots", LEAF(),
     NO_NAME("www..example", "server name \"www..example\" has an empty label")},
    {"dot in front", LEAF(), NO_NAME(".example", "server name \".example\" has an empty label")},
    {"wildcard as a host", LEAF(),
     NO_NAME("*.example", "server name \"*.example\" has a character that host names do not have")},
    {"port in the host", LEAF(),
     NO_NAME("www.example:443",
             "server name \"www.example:443\" has a character that host names do not have")},
    {"long label", LEAF(),
     NO_NAME("0123456789012345678901234567890123456789012345678901234567890123.example",
             "server name "
             "\"0123456789012345678901234567890123456789012345678901234567890123.example\" has a "
             "label longer than 63 bytes")},

    /* ---- client certificates ---- */
    {"client certificate", LEAF(), CLIENT()},
    {"client certificate missing, TLS 1.3", LEAF(), .one_version = true,
     .server = {.client_auth = GYRE_TLS_CLIENT_AUTH_REQUIRED},
     CLIENT_REFUSED("the client sent no certificate", "certificate required (116)")},
    {"client certificate missing, TLS 1.2", LEAF(), .one_version = true,
     .client = {.max_version = GYRE_TLS_1_2},
     .server = {.client_auth = GYRE_TLS_CLIENT_AUTH_REQUIRED},
     CLIENT_REFUSED("the client sent no certificate", "handshake failure (40)")},
    {"client certificate missing, optional", LEAF(),
     .server = {.client_auth = GYRE_TLS_CLIENT_AUTH_OPTIONAL}},
    {"client certificate not asked for", LEAF(), .client_shows = true,
     .client_leaf = {.common_name = "somebody"}},
    {"client certificate of a stranger", LEAF(), CLIENT(), .client_by = BY_STRANGER,
     CLIENT_REFUSED("client: unable to get local issuer certificate (depth 0, subject CN=somebody)",
                    "unknown certificate authority (48)")},
    {"client certificate of a stranger, optional", LEAF(), .client_by = BY_STRANGER,
     .client_shows = true, .client_leaf = {.common_name = "somebody"},
     .server = {.client_auth = GYRE_TLS_CLIENT_AUTH_OPTIONAL},
     CLIENT_REFUSED("client: unable to get local issuer certificate (depth 0, subject CN=somebody)",
                    "unknown certificate authority (48)")},
    {"client certificate of a stranger, not verified", LEAF(), .client_by = BY_STRANGER,
     .client_shows = true, .client_leaf = {.common_name = "somebody"},
     .server = {.client_auth = GYRE_TLS_CLIENT_AUTH_REQUIRED, .insecure_no_verification = true}},
    {"client certificate self-signed", LEAF(), CLIENT(), .client_by = BY_ITSELF,
     CLIENT_REFUSED("client: self-signed certificate (depth 0, subject CN=somebody)",
                    "unknown certificate authority (48)")},
    {"client certificate expired", LEAF(), CLIENT(.begins_in = -2 * DAY, .ends_in = -DAY),
     CLIENT_REFUSED("client: certificate has expired (depth 0, subject CN=somebody)",
                    "certificate expired (45)")},
    {"client certificate for servers", LEAF(), CLIENT(.extended_key_usage = "serverAuth"),
     CLIENT_REFUSED("client: unsuitable certificate purpose (depth 0, subject CN=somebody)",
                    "unsupported certificate (43)")},
    {"client certificate revoked", LEAF(), CLIENT(), .crl = CRL_LEAF,
     CLIENT_REFUSED("client: certificate revoked (depth 0, subject CN=somebody)",
                    "certificate revoked (44)")},
    {"client certificate not revoked", LEAF(), CLIENT(), .crl = CRL_EMPTY},
    {"client certificate without a name", LEAF(), .client_shows = true,
     .client_leaf = {.names = "email:somebody@example", .begins_in = -2 * DAY, .ends_in = -DAY},
     .server = {.client_auth = GYRE_TLS_CLIENT_AUTH_REQUIRED},
     CLIENT_REFUSED("client: certificate has expired (depth 0, subject none)",
                    "certificate expired (45)")},
};

int main(void)
{
    return scene_run_all("tls_protocol", scenes, sizeof(scenes) / sizeof(scenes[0]), NULL, 0);
}
