/* Opening a connection for a request: to the origin or the proxy, then the tunnel, then TLS. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "../task/timeout.h"
#include "connect.h"
#include "http_client_internal.h"
#include "stream_tls.h"

/* ---- TCP, and the proxy ---- */

struct http_dial {
    gyre_frame frame;
    gyre_http_response *r; /* borrowed */
    uint64_t lookup_ns;
    gyre_address address;
};

/* An address that takes the place of the name, by option. */
static bool is_resolved(const gyre_http_response *r, gyre_address *out)
{
    const gyre_http_client_options *options = &r->client->options;
    const struct gyre__http_origin *origin = r->origin;

    for (size_t i = 0; i < options->resolve_count; i++) {
        const gyre_http_resolve *resolve = &options->resolve[i];

        if (strcasecmp(resolve->host, origin->host) != 0 ||
            (resolve->port && resolve->port != origin->port))
            continue;
        *out = resolve->address;
        if (gyre_address_family(out) != AF_UNIX && !(resolve->port && gyre_address_port(out)))
            gyre_address_set_port(out, origin->port);
        return true;
    }
    return false;
}

static gyre_await open_connection(struct http_dial *self)
{
    gyre_http_response *r = self->r;
    const gyre_http_client *client = r->client;
    gyre_connect_options options = {.out_lookup_ns = &self->lookup_ns};
    gyre_stream **out_stream = &r->connection->stream;

    r->client->stats.connects++;
    if (client->options.proxy)
        return gyre_open_connection(client->proxy.host, client->proxy.port, &options, out_stream);
    if (is_resolved(r, &self->address))
        return gyre_open_connection_to(&self->address, &options, out_stream);
    return gyre_open_connection(r->origin->host, r->origin->port, &options, out_stream);
}

GYRE_CORO(http_dial)
{
    GYRE_BEGIN;
    GYRE_TRY(open_connection(self));
    if (self->r->client->options.proxy && self->r->origin->tls)
        GYRE_TRY(gyre__http_tunnel(self->r));
    self->r->timing.name_ns += self->lookup_ns;
    self->r->timing.connect_ns -= self->lookup_ns; /* the lap that will be added has both */
    GYRE_RETURN(0);
    GYRE_END;
}

/* ---- the whole ---- */

struct http_connect {
    gyre_frame frame;
    gyre_http_response *r; /* borrowed */
    gyre_tls_context *tls; /* borrowed from the client */
    int64_t rc;
};

/* Sessions are kept by name and port. The context has a limit of its own where none is given. */
static gyre_await start_tls(struct http_connect *self)
{
    gyre_http_response *r = self->r;
    int64_t limit = r->timeouts.tls_ns;
    char port[8];

    snprintf(port, sizeof(port), "%u", r->origin->port);
    return gyre_wait_for(gyre_start_tls(r->connection->stream, self->tls,
                                        &(gyre_start_tls_options){
                                            .server_name = r->origin->host,
                                            .session_key = port,
                                            .handshake_timeout_ns = limit,
                                        }),
                         gyre__http_time_left(r, limit ? limit : GYRE_FOREVER));
}

GYRE_CORO(http_connect)
{
    GYRE_BEGIN;
    if (self->r->origin->tls) {
        self->rc = gyre__http_client_tls(self->r->client, &self->tls);
        if (self->rc < 0)
            GYRE_RETURN(self->rc);
    }
    (void)gyre__http_lap(self->r);
    GYRE_AWAIT(self->rc,
               gyre_wait_for(GYRE_CALL(http_dial, .r = self->r),
                             gyre__http_time_left(self->r, self->r->timeouts.connect_ns)));
    if (self->rc == GYRE_ETIMEOUT)
        self->rc = gyre__http_timed_out(self->r, "no connection", self->r->timeouts.connect_ns);
    self->r->timing.connect_ns += gyre__http_lap(self->r);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    if (self->tls) {
        GYRE_AWAIT(self->rc, start_tls(self));
        self->r->timing.tls_ns += gyre__http_lap(self->r);
        if (self->rc == GYRE_ETIMEOUT)
            self->rc = gyre__http_timed_out(self->r, "no end of the TLS handshake",
                                            self->r->timeouts.tls_ns);
        if (self->rc < 0)
            GYRE_RETURN(self->rc);
    }
    GYRE_RETURN(0);
    GYRE_FINALLY;
    if (self->frame.value < 0)
        gyre__http_disconnect(self->r->connection, true);
    GYRE_END;
}

gyre_await gyre__http_connect(gyre_http_response *r)
{
    return gyre__call(&http_connect_coro, &(struct http_connect){
                                              .frame = {.coro = &http_connect_coro, .leaf = true},
                                              .r = r,
                                          });
}
