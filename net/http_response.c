/* Responses of the HTTP client: their memory, and what can be asked of them. */
#include "http_response.h"

#include <string.h>

#include "../loop/alloc.h"
#include "http_client_internal.h"

/* ---- life ---- */

gyre_http_response *gyre__http_response_new(gyre_http_client *client)
{
    const gyre__http_limits limits = {
        .line = client->options.head_limit,
        .header_count = client->options.header_limit,
        .header_bytes = client->options.head_limit,
    };
    gyre_http_response *r = client->responses;

    if (r) {
        client->responses = r->next;
        client->response_count--;
    } else {
        r = gyre_alloc_zeroed(sizeof(*r));
        if (!r)
            return NULL;
        gyre__http_parser_init(&r->parser, false, &limits);
    }
    r->client = client;
    r->refs = 1;
    r->writer.response = r;
    r->length = -1;
    client->refs++;
    return r;
}

void gyre__http_response_destroy(gyre_http_response *r)
{
    gyre__http_parser_fini(&r->parser);
    gyre__http_text_fini(&r->text);
    gyre_http_headers_fini(&r->request_headers);
    gyre_http_headers_fini(&r->upload_trailers);
    gyre_free(r);
}

/* Everything but the memory that the next request can use goes back to zero. */
static void forget(gyre_http_response *r)
{
    gyre__http_parser parser = r->parser;
    gyre__http_text text = r->text;
    gyre_http_headers headers = r->request_headers, trailers = r->upload_trailers;

    gyre__http_text_clear(&text);
    gyre_http_headers_clear(&headers);
    gyre_http_headers_clear(&trailers);
    memset(r, 0, sizeof(*r));
    r->parser = parser;
    r->text = text;
    r->request_headers = headers;
    r->upload_trailers = trailers;
    gyre__http_parser_reset(&r->parser);
}

void gyre__http_response_unref(gyre_http_response *r)
{
    gyre_http_client *client = r->client;

    if (--r->refs)
        return;
    gyre__http_release(r, GYRE__HTTP_ABORT);
    gyre__http_origin_leave(r);
    gyre__http_buffer_give(client, r->buffer);
    gyre__http_inflate_fini(&r->inflate);
    gyre_url_fini(&r->url);
    gyre_free(r->upload_args);
    gyre_task_unref(r->upload_task);
    gyre_error_unref(r->upload_detail);
    gyre_error_unref(r->error_detail);
    forget(r);
    r->client = client;
    if (!gyre__http_response_keep(r))
        gyre__http_response_destroy(r);
    gyre__http_client_unref(client);
}

/* ---- asking ---- */

unsigned gyre_http_response_status(const gyre_http_response *response)
{
    return response->parser.status;
}

const char *gyre_http_response_reason(const gyre_http_response *response)
{
    return response->parser.reason;
}

unsigned gyre_http_response_version(const gyre_http_response *response)
{
    return response->parser.version;
}

const char *gyre_http_response_url(const gyre_http_response *response)
{
    return response->text.data;
}

const gyre_http_headers *gyre_http_response_headers(const gyre_http_response *response)
{
    return &response->parser.headers;
}

const char *gyre_http_response_header(const gyre_http_response *response, const char *name)
{
    return gyre_http_headers_get(&response->parser.headers, name);
}

const gyre_http_headers *gyre_http_response_trailers(const gyre_http_response *response)
{
    return &response->parser.trailers;
}

int64_t gyre_http_response_content_length(const gyre_http_response *response)
{
    return response->length;
}

bool gyre_http_response_decoded(const gyre_http_response *response)
{
    return response->inflating;
}

uint64_t gyre_http_response_received(const gyre_http_response *response)
{
    return response->received;
}

bool gyre_http_response_at_end(const gyre_http_response *response)
{
    return response->at_end;
}

const gyre_http_timing *gyre_http_response_timing(const gyre_http_response *response)
{
    return &response->timing;
}
