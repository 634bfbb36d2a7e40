/*
 * Torture of TLS engines: two of them talk to each other in one task, with OpenSSL's allocations
 * failing, too.
 */
#include <string.h>

#include "../../task/sleep.h"
#include "../support/tls_pair.h"
#include "../support/tls_party.h"
#include "../support/torture.h"

enum { EVERY = 29 }; /* of OpenSSL's allocations one can fail */

static tls_party *party;
static gyre_tls_context *client, *server;

/* A handshake and a few words, with a pause so that it can be cancelled between. */
struct talk {
    gyre_frame frame;
    tls_pair pair;
    int64_t rc;
};
GYRE_CORO(talk)
{
    GYRE_BEGIN;
    GYRE_TRY(self->rc, gyre_sleep(GYRE_MS(1)));
    self->rc = tls_pair_open(&self->pair, client, server, "www.example");
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    if (!tls_pair_run(&self->pair, 100))
        GYRE_RETURN(GYRE_EUSER(1));
    GYRE_TRY(self->rc, gyre_sleep(GYRE_MS(1)));
    if (self->pair.client.code < 0)
        GYRE_RETURN(self->pair.client.code);
    GYRE_RETURN(self->pair.server.code);
    GYRE_FINALLY;
    tls_pair_close(&self->pair);
    GYRE_END;
}

/* Contexts made while memory is short. */
struct contexts {
    gyre_frame frame;
    gyre_tls_context *made;
    int64_t rc;
};
GYRE_CORO(contexts)
{
    GYRE_BEGIN;
    self->rc = gyre_tls_client_context(
        &(gyre_tls_options){.ca_pem = party->trusted, .ca_pem_size = strlen(party->trusted)},
        &self->made);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    gyre_tls_context_unref(self->made);
    GYRE_RETURN(0);
    GYRE_END;
}

static const torture_scenario scenarios[] = {
    {TORTURE_MAIN(talk)},
    {TORTURE_MAIN(contexts)},
};

int main(int argc, char **argv)
{
    static const gyre_tls_options options = {.no_resumption = true};
    int status;

    torture_openssl(EVERY);
    party = tls_party_new("DNS:www.example");
    client = tls_party_client(party, &options);
    server = tls_party_server(party, &options);
    status = torture_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
    gyre_tls_context_unref(client);
    gyre_tls_context_unref(server);
    tls_party_free(party);
    return status;
}
