/* The tunnel through a proxy: CONNECT, and what it answers. */
#include <errno.h>
#include <string.h>

#include "http_client_internal.h"

struct http_tunnel {
    gyre_frame frame;
    gyre_http_response *r; /* borrowed */
    int64_t rc;
};

/* The authority always has its port here. */
static void add_authority(gyre_http_response *r)
{
    const struct gyre__http_origin *origin = r->origin;
    bool is_ipv6 = strchr(origin->host, ':') != NULL;

    gyre__http_text_add(&r->text, is_ipv6 ? "[" : "");
    gyre__http_text_add(&r->text, origin->host);
    gyre__http_text_add(&r->text, is_ipv6 ? "]:" : ":");
    gyre__http_text_add_number(&r->text, origin->port, 10);
}

static int64_t compose(gyre_http_response *r)
{
    const gyre_http_client *client = r->client;

    gyre__http_text_clear(&r->text);
    gyre__http_text_add(&r->text, "CONNECT ");
    add_authority(r);
    gyre__http_text_add(&r->text, " HTTP/1.1\r\nHost: ");
    add_authority(r);
    gyre__http_text_add(&r->text, "\r\n");
    if (client->proxy_authorization)
        gyre__http_text_add_header(&r->text, "Proxy-Authorization", client->proxy_authorization);
    if (*client->options.user_agent)
        gyre__http_text_add_header(&r->text, "User-Agent", client->options.user_agent);
    gyre__http_text_add(&r->text, "\r\n");
    if (!r->buffer)
        r->buffer = gyre__http_buffer_take(r->client);
    return r->text.failed || !r->buffer ? -ENOMEM : 0;
}

/* Behind the answer there must be nothing: the server speaks only after us. */
static int64_t judge(gyre_http_response *r, int64_t status)
{
    gyre_error *detail = NULL;

    if (status >= 200 && status < 300 && r->start == r->end)
        return 0;
    if (status >= 300)
        detail = gyre_error_newf(GYRE_EHTTPPROXY, "the proxy answers %d %.100s", (int)status,
                                 r->parser.reason);
    else
        detail = gyre_error_new(GYRE_EHTTPPROXY, "the proxy answers with more than a head");
    return detail ? gyre_raise(detail) : GYRE_EHTTPPROXY;
}

GYRE_CORO(http_tunnel)
{
    GYRE_BEGIN;
    self->rc = compose(self->r);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    GYRE_TRY(
        gyre_stream_write(self->r->connection->stream, self->r->text.data, self->r->text.size));
    GYRE_TRY(self->rc, gyre__http_receive_head(self->r, false));
    self->rc = judge(self->r, self->rc);
    if (self->rc >= 0)
        gyre__http_forget_try(self->r);
    GYRE_RETURN(self->rc);
    GYRE_END;
}

gyre_await gyre__http_tunnel(gyre_http_response *r)
{
    return gyre__call(
        &http_tunnel_coro,
        &(struct http_tunnel){.frame = {.coro = &http_tunnel_coro, .leaf = true}, .r = r});
}
