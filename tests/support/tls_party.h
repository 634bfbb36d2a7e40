/*
 * A server with a certificate, and clients that trust it: what most tests with TLS begin with.
 *
 *     tls_party *party = tls_party_new("DNS:localhost,IP:127.0.0.1");
 *     gyre_tls_context *server = tls_party_server(party, NULL);
 *     gyre_tls_context *client = tls_party_client(party, NULL);
 */
#ifndef GYRE_TESTS_SUPPORT_TLS_PARTY_H
#define GYRE_TESTS_SUPPORT_TLS_PARTY_H

#include "../../net/tls.h"
#include "ca.h"

typedef struct tls_party {
    ca_cert *root, *leaf;
    char *trusted;     /* the root, PEM */
    char *chain, *key; /* the server's, PEM */
} tls_party;

/* A new root and a certificate of it for these subjectAltNames. */
tls_party *tls_party_new(const char *names);
void tls_party_free(tls_party *party);

/*
 * New contexts; more: further options (NULL: none), in which certificate, key and trust are filled
 * in. Errors end the program.
 */
gyre_tls_context *tls_party_server(const tls_party *party, const gyre_tls_options *more);
gyre_tls_context *tls_party_client(const tls_party *party, const gyre_tls_options *more);

#endif
