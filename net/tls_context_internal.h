/* What the files of the TLS context share: its parts, and the record of a connection. */
#ifndef GYRE_NET_TLS_CONTEXT_INTERNAL_H
#define GYRE_NET_TLS_CONTEXT_INTERNAL_H

#include <stdatomic.h>

#include "tls_internal.h"

struct gyre__tls_sessions;

struct gyre_tls_context {
    atomic_uint refs;
    SSL_CTX *ssl;
    gyre__tls_settings settings;
    unsigned hostflags;  /* X509_CHECK_FLAG_... */
    bool verify;         /* client: the peer's certificate counts */
    bool check_host;     /* client: and must be the host's */
    bool ocsp_required;  /* client */
    unsigned char *alpn; /* own protocols as on the wire; NULL: none */
    unsigned alpn_size;
    gyre_tls_context *(*on_server_name)(void *arg, const char *name);
    void *on_server_name_arg;
    struct gyre__tls_sessions *sessions; /* client: for resumption; NULL: none */
    unsigned char *ocsp_response;        /* server: stapled, DER; NULL: none */
    size_t ocsp_response_size;
    int keylog_fd; /* -1: none */
};

/* The check that the peer's certificate failed. */
typedef struct gyre__tls_failure {
    int check; /* X509_V_ERR_... */
    int depth;
    char subject[256];
    char names[256]; /* of a wrong host: those that the certificate is for */
} gyre__tls_failure;

/* Hangs on every SSL that gyre__tls_prepare() has seen. */
typedef struct gyre__tls_connection {
    gyre_tls_context *context;  /* reference: of gyre__tls_prepare() */
    gyre_tls_context *chosen;   /* reference: by the client's server name; NULL: not yet */
    gyre__tls_failure *failure; /* owned; NULL: none, or no memory for it */
    int64_t refused_code;       /* why the ClientHello was refused, and the words (static) */
    const char *refused;        /* NULL: it was not */
    char *name;   /* owned: client: name or address of the peer; server: what was asked */
    char *origin; /* owned: client: key of its sessions; NULL: none */
} gyre__tls_connection;

/* The record of an SSL; NULL before gyre__tls_prepare(). */
gyre__tls_connection *gyre__tls_connection_of(const SSL *ssl);

/* The context behind an SSL_CTX of gyre's. */
gyre_tls_context *gyre__tls_context_of(const SSL_CTX *ssl);

/* ---- parts of making a context: 0 or an error that was raised ---- */

int64_t gyre__tls_invalid(const char *format, ...) GYRE_PRINTF(1, 2); /* -EINVAL with a text */

int64_t gyre__tls_set_protocol(gyre_tls_context *context, const gyre_tls_options *options);
int64_t gyre__tls_set_alpn(gyre_tls_context *context, const gyre_tls_options *options);
int64_t gyre__tls_set_certificate(gyre_tls_context *context, const gyre_tls_options *options);
int64_t gyre__tls_set_trust(gyre_tls_context *context, const gyre_tls_options *options);
int64_t gyre__tls_set_ocsp(gyre_tls_context *context, const gyre_tls_options *options);
int64_t gyre__tls_set_sessions(gyre_tls_context *context, const gyre_tls_options *options);
int64_t gyre__tls_set_hello(gyre_tls_context *context, const gyre_tls_options *options);
int64_t gyre__tls_set_keylog(gyre_tls_context *context, const gyre_tls_options *options);

/*
 * A file, or what is in memory, for PEM functions to read: its name for errors, and its bytes.
 * Open with gyre__tls_pem_open(), let go of with gyre__tls_pem_close(), which also wipes a copy.
 */
typedef struct gyre__tls_pem {
    const char *name; /* of the file, or "..._pem" */
    BIO *bio;         /* over data */
    char *data;       /* owned: read from the file; NULL for memory */
    size_t size;
} gyre__tls_pem;

int64_t gyre__tls_pem_open(gyre__tls_pem *pem, const char *file, const void *memory, size_t size,
                           const char *memory_name);
void gyre__tls_pem_close(gyre__tls_pem *pem);

/* Reads a whole file into *out_data (gyre_alloc'ed), at most 16 MiB; raises errors that name it. */
int64_t gyre__tls_read_file(const char *file, char **out_data, size_t *out_size);

/* True when all that the queue of errors says is that no more PEM comes; empties it then. */
bool gyre__tls_pem_ended(void);

/* A password for PEM functions, and whether they wanted it. */
typedef struct gyre__tls_password {
    const char *text; /* borrowed; NULL: none */
    bool asked, too_long;
} gyre__tls_password;

/* What PEM functions call for a password, lest they ask at the terminal; userdata: one, or NULL. */
int gyre__tls_ask(char *buffer, int size, int writing, void *userdata);

/* ---- names ---- */

/*
 * A server's name as it is compared and sent: without [] and the dot at the end, in lower case; new
 * (gyre_alloc) in *out_name. *out_address: it is an IP address. Gives 0, -EINVAL (raised), -ENOMEM.
 */
int64_t gyre__tls_name(const char *server_name, char **out_name, bool *out_address);

/* The DNS names and addresses of a certificate, ", " between them, cut to fit. Gives the length. */
size_t gyre__tls_certificate_names(X509 *certificate, char *buffer, size_t size);

/* Appends text to a buffer, cut to fit; control characters, and what is not UTF-8, escaped. */
size_t gyre__tls_append(char *buffer, size_t used, size_t size, const char *text, size_t length);

/* ---- sessions of clients ---- */

struct gyre__tls_sessions *gyre__tls_sessions_new(size_t most);
void gyre__tls_sessions_free(struct gyre__tls_sessions *sessions);
size_t gyre__tls_sessions_count(struct gyre__tls_sessions *sessions);
void gyre__tls_sessions_clear(struct gyre__tls_sessions *sessions);

/* Takes the session over; gives false when memory is short: then it is still the caller's. */
bool gyre__tls_sessions_put(struct gyre__tls_sessions *sessions, const char *origin,
                            SSL_SESSION *session);

/* A session to resume, with a reference, or NULL. Those of TLS 1.3 are given once. */
SSL_SESSION *gyre__tls_sessions_get(struct gyre__tls_sessions *sessions, const char *origin);

/* ---- verification ---- */

int gyre__tls_verify_callback(int ok, X509_STORE_CTX *store);

/* Notes a check that failed, for gyre__tls_error(). certificate: may be NULL. */
void gyre__tls_note_failure(SSL *ssl, int check, int depth, X509 *certificate);

#endif
