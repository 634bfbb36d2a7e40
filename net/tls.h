/*
 * TLS contexts: certificates, keys, whom to trust and how strictly, for clients and servers.
 *
 * A context is made once from options and then serves any number of connections: give it to
 * gyre_open_connection(), to a server, to gyre_start_tls(), or to a gyre_tls_engine. A zeroed
 * gyre_tls_options makes a client as it should be: TLS 1.2 or later, only cipher suites with
 * forward secrecy and authenticated encryption, the system's trust store, the peer's certificate
 * verified strictly (RFC 5280, security level 2: RSA of 2048 bits, no SHA-1), and the host name or
 * address compared with the certificate's subjectAltName alone: the common name does not count, a
 * wildcard stands for one whole leftmost label. Renegotiation, compression and early data are off.
 * What weakens this is called insecure_..., so that whoever reads the code sees it.
 *
 * Making a context reads its files at once, which blocks: do it before the loop runs, or in a
 * thread, and share it: the system's trust store takes some 15 ms and 1 MB. Nothing here suspends. A context does not change after it was made (its store of sessions
 * does, under a lock), so several loops in several threads may use one.
 *
 * Errors come with a gyre_error (gyre_error_current()) whose text names the file and says what
 * OpenSSL said; failed verification says which check failed, at which depth (0 is the peer's own
 * certificate), on which subject:
 *
 *     GYRE_ETLS           the protocol was broken, or nothing is common to both sides: the text
 *                         tells
 *     GYRE_ETLSVERIFY     the peer's certificate was not accepted
 *     GYRE_ETLSHOST       it was, but belongs to another host or address
 *     GYRE_ETLSTRUNCATED  the connection ended without close_notify: what was read may be cut off
 *     GYRE_ETLSALERT      the peer ended the connection with an alert, which the text names; a
 *                         server that rejects the client's certificate says so at the client's
 *                         first read
 *     GYRE_ETLSCERT       an own certificate, key, trusted certificate or revocation list is
 *                         unusable
 *     GYRE_ETLSALPN       no application protocol in common
 *     GYRE_ETLSCLOSED     TLS was closed in this direction already
 *
 * Python names: ssl.SSLContext, ssl.create_default_context.
 */
#ifndef GYRE_NET_TLS_H
#define GYRE_NET_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../loop/api.h"

GYRE_BEGIN_DECLS

/* Protocol versions, as on the wire. ssl.TLSVersion. */
typedef enum gyre_tls_version {
    GYRE_TLS_1_0 = 0x0301, /* only with insecure_old_versions */
    GYRE_TLS_1_1 = 0x0302, /* only with insecure_old_versions */
    GYRE_TLS_1_2 = 0x0303,
    GYRE_TLS_1_3 = 0x0304
} gyre_tls_version;

/* Whether a server asks its clients for a certificate. SSLContext.verify_mode. */
typedef enum gyre_tls_client_auth {
    GYRE_TLS_CLIENT_AUTH_NONE,     /* does not ask */
    GYRE_TLS_CLIENT_AUTH_OPTIONAL, /* asks; a client without one is served, with a bad one not */
    GYRE_TLS_CLIENT_AUTH_REQUIRED  /* only clients with a good one */
} gyre_tls_client_auth;

/* A context; counted, any thread. */
typedef struct gyre_tls_context gyre_tls_context;

/*
 * How a context shall be. All zero is a good client; a server needs a certificate and its key.
 * Everything is copied. Files are PEM; "memory" is PEM text of the given size, which needs no end.
 */
typedef struct gyre_tls_options {
    /* ---- who we are: SSLContext.load_cert_chain ---- */
    const char *cert_file; /* own certificate, then the intermediate ones, the root left out */
    const void *cert_pem;  /* the same in memory; not both */
    size_t cert_pem_size;
    const char *key_file; /* private key; NULL, and no key_pem: in cert_file or cert_pem too */
    const void *key_pem;  /* the same in memory; not both */
    size_t key_pem_size;
    const char *key_password; /* of an encrypted key; nobody is ever asked at a terminal */

    /* ---- whom we trust: SSLContext.load_verify_locations ---- */
    const char *ca_file; /* certificates that are trusted; these four add up */
    const char *ca_dir;  /* a folder of them, named by hash (openssl rehash), read when needed */
    const void *ca_pem;
    size_t ca_pem_size;
    bool system_store;    /* the system's, too; where a client names nothing it is the default */
    bool partial_chain;   /* a trusted certificate need not be a root: VERIFY_X509_PARTIAL_CHAIN */
    const char *crl_file; /* revocation lists; without a current one of its issuer, or when it is
                           * on that, the peer's certificate is refused: VERIFY_CRL_CHECK_LEAF */
    bool crl_check_chain; /* so are those above it: VERIFY_CRL_CHECK_CHAIN */
    bool ocsp_required;   /* client: the server must staple a good, current OCSP response */

    /* ---- servers ---- */
    gyre_tls_client_auth client_auth; /* needs a CA or system_store */
    const char *ocsp_response_file;   /* DER; sent to clients that ask (stapled) */
    /*
     * Chooses by the name that the client asks for (SNI: lower case, without a dot at the end; NULL
     * when it asks for none). Gives the context to use, borrowed (the connection takes its own
     * reference); NULL refuses with the alert unrecognized_name. Certificate, trust, client_auth,
     * versions, suites of TLS 1.2, ALPN and stapling are the chosen one's, the rest this one's; a
     * session is resumed only where the same one is chosen again. Called once in a handshake, in
     * the thread of the connection; must not suspend. SSLContext.sni_callback.
     */
    gyre_tls_context *(*on_server_name)(void *arg, const char *name);
    void *on_server_name_arg;

    /* ---- protocol ---- */
    const char *const *alpn; /* application protocols, the preferred first; set_alpn_protocols */
    size_t alpn_count;
    bool alpn_required;       /* the handshake fails where none is common */
    int min_version;          /* a gyre_tls_version; 0: TLS 1.2 (or see insecure_old_versions) */
    int max_version;          /* 0: the latest */
    const char *ciphers;      /* OpenSSL's words for suites of TLS 1.2; all ECDHE with AEAD */
    const char *ciphersuites; /* of TLS 1.3; NULL: OpenSSL's default */
    const char *groups;       /* key exchange groups, "X25519:P-256"; NULL: OpenSSL's default */
    int security_level;       /* OpenSSL's; 0: 2; up to 5 */

    /* ---- sessions ---- */
    bool no_resumption; /* neither tickets nor a cache */
    /*
     * Client: sessions kept for resumption, of all origins together; 0: 256. An origin is the
     * server's name and the session key given with the connection.
     * Server: 0 gives each client a ticket and keeps nothing; else as many sessions are kept in
     * memory, and clients get only a number.
     */
    size_t session_cache;

    /* ---- time limits, for connections that do not state their own ---- */
    int64_t handshake_timeout_ns; /* 0: 60 s, as asyncio's ssl_handshake_timeout; < 0: none */
    int64_t shutdown_timeout_ns;  /* 0: 30 s, as asyncio's ssl_shutdown_timeout; < 0: none */

    /* ---- debugging ---- */
    const char *keylog_file; /* session secrets are appended, for Wireshark: keylog_filename */

    /* ---- weaker, each on its own ---- */
    bool insecure_no_verification;   /* any certificate is accepted: CERT_NONE */
    bool insecure_no_hostname;       /* of whatever host: check_hostname = False */
    bool insecure_common_name;       /* the common name counts where there is no subjectAltName */
    bool insecure_partial_wildcards; /* "w*.example" stands for www.example */
    bool insecure_lax_certificates;  /* those that break RFC 5280: without VERIFY_X509_STRICT */
    bool insecure_old_versions;      /* from TLS 1.0 on, with CBC, SHA-1 and security level 0 */
    bool insecure_security_level;    /* takes security_level as it is: 0 and 1, too */
    const char *insecure_ciphers;    /* instead of `ciphers`, without its limits */
    bool insecure_truncation;        /* an end without close_notify is an end of file, no error */
} gyre_tls_options;

/*
 * Makes a context for clients or for servers. ssl.create_default_context(SERVER_AUTH or
 * CLIENT_AUTH). options: copied; NULL is all zero. Reads files, so it blocks.
 * Gives 0 and a new reference in *out_context, else NULL there and:
 *     GYRE_ETLSCERT  an unreadable or bad certificate, key or list, a wrong password, a key that
 *                    does not belong to the certificate, one too weak; the text names it
 *     -errno         a file could not be opened (-ENOENT, -EACCES); the text names it
 *     -EINVAL        options that contradict each other or that OpenSSL does not know; the text
 *                    says which
 *     -ENOMEM
 */
GYRE_API GYRE_MUST_USE int64_t gyre_tls_client_context(const gyre_tls_options *options,
                                                       gyre_tls_context **out_context);
GYRE_API GYRE_MUST_USE int64_t gyre_tls_server_context(const gyre_tls_options *options,
                                                       gyre_tls_context **out_context);

/* A new reference to the same; NULL stays NULL. Any thread. */
GYRE_API gyre_tls_context *gyre_tls_context_ref(gyre_tls_context *context);

/* Gives one reference back; connections hold their own. NULL is allowed. Any thread. */
GYRE_API void gyre_tls_context_unref(gyre_tls_context *context);

/* True for a context of gyre_tls_server_context(). */
GYRE_API bool gyre_tls_context_is_server(const gyre_tls_context *context);

/* Sessions that could be resumed now: a client's stored ones, or those in a server's cache. */
GYRE_API size_t gyre_tls_context_session_count(const gyre_tls_context *context);

/* Forgets them all; later connections make full handshakes. */
GYRE_API void gyre_tls_context_forget_sessions(gyre_tls_context *context);

/*
 * Has OpenSSL allocate through gyre's allocator hook from now on; without this call it uses malloc.
 * This is for the whole process and for ever: set the allocator (gyre_set_allocator) that is to
 * stay, then call this, before anything has used OpenSSL. The allocator is then called by every
 * thread that uses OpenSSL, and some memory is held until the process exits. May be called again.
 * Gives 0; GYRE_ESTATE when OpenSSL has allocated memory already.
 */
GYRE_API GYRE_MUST_USE int64_t gyre_tls_use_allocator(void);

/* The version of OpenSSL at run time, as "OpenSSL 3.0.19 27 Jan 2026". Static. */
GYRE_API const char *gyre_tls_library_version(void);

GYRE_END_DECLS

#endif
