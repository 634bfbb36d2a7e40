/* One file by gyre's HTTP client, and the client. */
#include "get.h"

#include <stdio.h>
#include <string.h>

#include "content.h"

int64_t get_client(const struct race *race, size_t limit, gyre_http_client **out_client)
{
    const gyre_tls_options options = {.ca_pem = race->root, .ca_pem_size = strlen(race->root)};
    gyre_tls_context *tls = NULL;
    int64_t rc = gyre_tls_client_context(&options, &tls);

    if (rc >= 0)
        rc = gyre_http_client_new(gyre_loop_current(),
                                  &(gyre_http_client_options){.limit = limit, .tls = tls},
                                  out_client);
    gyre_tls_context_unref(tls); /* the client has a reference of its own */
    return rc;
}

GYRE_CORO_PUBLIC(get)
{
    GYRE_BEGIN;
    snprintf(self->url, sizeof(self->url), "https://127.0.0.1:%u/%u/%u/%u", self->race->board->port,
             self->file.size, self->file.delay_ms, self->file.number);
    GYRE_TRY(gyre_http_get(self->client, self->url, &self->response));
    GYRE_TRY(gyre_http_response_read_all(self->response, LARGEST_FILE, &self->body, &self->size));
    if (gyre_http_response_status(self->response) != 200 ||
        !content_is(self->file, self->body, self->size)) {
        board_complain(self->race->board, "file %u: not the bytes it should have",
                       self->file.number);
        GYRE_RETURN(GYRE_EUSER(1));
    }
    atomic_fetch_add(&self->race->board->done, 1);
    GYRE_FINALLY;
    gyre_free(self->body);
    GYRE_AWAIT(self->n, gyre_http_response_close(self->response));
    GYRE_END;
}
