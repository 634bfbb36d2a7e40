/* Ready-made contexts for both sides. */
#include "tls_party.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../loop/error.h"

tls_party *tls_party_new(const char *names)
{
    tls_party *party = malloc(sizeof(*party));

    if (!party)
        abort();
    party->root = ca_make(&(ca_options){.common_name = "Root", .authority = true});
    party->leaf =
        ca_make(&(ca_options){.common_name = "leaf", .names = names, .issuer = party->root});
    party->trusted = ca_pem(party->root);
    party->chain = ca_pem(party->leaf);
    party->key = ca_key_pem(party->leaf, NULL);
    return party;
}

void tls_party_free(tls_party *party)
{
    ca_free(party->leaf);
    ca_free(party->root);
    free(party->trusted);
    free(party->chain);
    free(party->key);
    free(party);
}

static void must(int64_t rc)
{
    if (rc == 0)
        return;
    fprintf(stderr, "tls_party: %s: %s\n", gyre_err_name(rc),
            gyre_error_text(gyre_error_current()));
    abort();
}

gyre_tls_context *tls_party_server(const tls_party *party, const gyre_tls_options *more)
{
    gyre_tls_options options = more ? *more : (gyre_tls_options){0};
    gyre_tls_context *context;

    options.cert_pem = party->chain;
    options.cert_pem_size = strlen(party->chain);
    options.key_pem = party->key;
    options.key_pem_size = strlen(party->key);
    if (options.client_auth) {
        options.ca_pem = party->trusted;
        options.ca_pem_size = strlen(party->trusted);
    }
    must(gyre_tls_server_context(&options, &context));
    return context;
}

gyre_tls_context *tls_party_client(const tls_party *party, const gyre_tls_options *more)
{
    gyre_tls_options options = more ? *more : (gyre_tls_options){0};
    gyre_tls_context *context;

    options.ca_pem = party->trusted;
    options.ca_pem_size = strlen(party->trusted);
    must(gyre_tls_client_context(&options, &context));
    return context;
}
