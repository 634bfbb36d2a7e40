/* Requests: made of what the caller asks for, tried, redirected, until the final answer is there. */
#include <errno.h>
#include <string.h>

#include "../loop/alloc.h"
#include "http_client_internal.h"

/* ---- making one ---- */

static bool is_token(const char *text)
{
    size_t size = strspn(text, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

    return size && !text[size];
}

static int64_t fill_method(gyre_http_response *r, const gyre_http_request *request)
{
    const char *method = request->method;

    if (!method)
        method = r->has_body ? "POST" : "GET";
    if (!is_token(method) || strlen(method) >= sizeof(r->method) || strcmp(method, "CONNECT") == 0)
        return gyre__http_raise(GYRE_EHTTPHEADER, "no method for a request");
    strcpy(r->method, method);
    return 0;
}

static int64_t fill_url(gyre_http_response *r, const char *text)
{
    int64_t rc = gyre_url_parse(&r->url, text, strlen(text), NULL);

    if (rc < 0)
        return rc;
    if (!r->url.host || !*r->url.host ||
        (strcmp(r->url.scheme, "http") != 0 && strcmp(r->url.scheme, "https") != 0))
        return gyre__http_raise(GYRE_EHTTPSCHEME, "the URL is neither http nor https");
    return gyre__http_origin_enter(r);
}

/* User and password of the URL stand in for the header. */
static int64_t fill_authorization(gyre_http_response *r)
{
    int64_t rc;

    if (!r->url.userinfo || gyre_http_headers_get(&r->request_headers, "Authorization"))
        return 0;
    gyre__http_text_clear(&r->text);
    rc = gyre__http_compose_userinfo(&r->text, r->url.userinfo);
    if (rc < 0)
        return rc;
    if (!gyre__http_text_end(&r->text))
        return -ENOMEM;
    return gyre_http_headers_add(&r->request_headers, "Authorization", r->text.data);
}

static int64_t fill_headers(gyre_http_response *r, const gyre_http_request *request)
{
    const gyre_http_headers *headers = request->headers;
    int64_t rc = 0;

    for (size_t i = 0; headers && rc >= 0 && i < gyre_http_headers_count(headers); i++) {
        gyre_http_header header = gyre_http_headers_at(headers, i);

        rc = gyre__http_check_header(header.name, header.value);
        if (rc >= 0)
            rc = gyre_http_headers_addn(&r->request_headers, header.name, header.name_size,
                                        header.value, header.value_size);
    }
    if (rc >= 0 && request->content_type)
        rc = gyre_http_headers_set(&r->request_headers, "Content-Type", request->content_type);
    return rc < 0 ? rc : fill_authorization(r);
}

static bool is_given(const gyre_http_response *r, const char *name)
{
    const gyre_http_headers *common = r->client->options.headers;

    return gyre_http_headers_get(&r->request_headers, name) ||
           (common && gyre_http_headers_get(common, name));
}

static int64_t fill_body(gyre_http_response *r, const gyre_http_request *request)
{
    const gyre_coro *coro = request->upload.coro;

    r->upload = coro;
    r->upload_size = request->upload_size;
    r->upload_again = request->upload_again;
    r->expect_continue = request->expect_continue;
    if (!coro) {
        r->body = request->body;
        r->body_size = request->body_size;
        return 0;
    }
    r->upload_args = gyre_alloc(coro->frame_size);
    if (!r->upload_args)
        return -ENOMEM;
    memcpy(r->upload_args, request->upload.args, coro->frame_size);
    return 0;
}

static int64_t or_default(int64_t limit_ns, int64_t default_ns)
{
    return limit_ns ? limit_ns : default_ns;
}

static void fill_timeouts(gyre_http_response *r, const gyre_http_timeouts *own)
{
    const gyre_http_timeouts *common = &r->client->options.timeouts;

    r->timeouts = (gyre_http_timeouts){
        .connect_ns = or_default(own->connect_ns, common->connect_ns),
        .tls_ns = or_default(own->tls_ns, common->tls_ns),
        .first_byte_ns = or_default(own->first_byte_ns, common->first_byte_ns),
        .idle_ns = or_default(own->idle_ns, common->idle_ns),
        .total_ns = or_default(own->total_ns, common->total_ns),
        .continue_ns = or_default(own->continue_ns, common->continue_ns),
    };
    r->timing.started = r->phase = gyre__http_now(r);
    r->deadline = UINT64_MAX;
    if (r->timeouts.total_ns != GYRE_FOREVER)
        r->deadline = gyre__deadline(r->client->loop, r->timeouts.total_ns);
}

static int64_t fill(gyre_http_response *r, const gyre_http_request *request)
{
    const gyre_http_client_options *options = &r->client->options;
    int64_t rc;

    fill_timeouts(r, &request->timeouts);
    r->max_redirects = request->max_redirects ? request->max_redirects : options->max_redirects;
    r->no_redirects = request->no_redirects || options->no_redirects;
    r->has_body = request->body || request->body_size || request->upload.coro;
    rc = fill_method(r, request);
    if (rc >= 0)
        rc = fill_url(r, request->url);
    if (rc >= 0)
        rc = fill_headers(r, request);
    if (rc >= 0)
        rc = fill_body(r, request);
    r->decoding = !request->no_decoding && !options->no_decoding &&
                  !is_given(r, "Accept-Encoding") && !is_given(r, "Range");
    return rc;
}

/* ---- going through with it ---- */

struct http_send {
    gyre_frame frame;
    gyre_http_response *r; /* its owner's reference, until it is the caller's */
    gyre_http_response **out_response;
    int64_t rc;
};

/* The final answer is there. */
static int64_t settle(gyre_http_response *r)
{
    int64_t rc;

    r->timing.head_ns = gyre__http_now(r) - r->timing.started;
    gyre__http_text_clear(&r->text);
    gyre__http_text_add_url(&r->text, &r->url, gyre_url_print_bare);
    if (!gyre__http_text_end(&r->text))
        return -ENOMEM;
    rc = gyre__http_begin_body(r);
    return rc < 0 ? rc : (int64_t)r->parser.status;
}

/* What the answer begins with, before it is known whether it is the final one. */
static int64_t take_head(gyre_http_response *r)
{
    if (gyre_http_headers_has(&r->request_headers, "Connection", "close"))
        r->parser.keep_alive = false;
    return gyre__http_redirect(r);
}

static int64_t go_on(gyre_http_response *r)
{
    gyre__http_forget_try(r);
    return gyre__http_origin_enter(r);
}

GYRE_CORO(http_send)
{
    GYRE_BEGIN;
    for (;;) {
        GYRE_TRY(gyre__http_exchange(self->r));
        self->rc = take_head(self->r);
        if (self->rc <= 0)
            break;
        self->rc = gyre__http_begin_body(self->r);
        if (self->rc == -ENOMEM)
            GYRE_RETURN(self->rc);
        GYRE_TRY(gyre__http_finish(self->r, false));
        self->rc = go_on(self->r);
        if (self->rc < 0)
            GYRE_RETURN(self->rc);
    }
    if (self->rc >= 0)
        self->rc = settle(self->r);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    *self->out_response = self->r;
    self->r = NULL;
    GYRE_RETURN(self->rc);
    GYRE_FINALLY;
    if (self->r) {
        gyre__http_release(self->r, GYRE__HTTP_ABORT);
        GYRE_AWAIT(self->rc, gyre__http_upload_stop(self->r));
        gyre__http_response_unref(self->r);
        if (self->rc == GYRE_ECANCELLED)
            GYRE_RETURN(self->rc);
    }
    GYRE_END;
}

gyre_await gyre_http_send(gyre_http_client *client, const gyre_http_request *request,
                          gyre_http_response **out_response)
{
    gyre_task *task = gyre__task_running(__func__);
    gyre_http_response *r;
    gyre_await pending;
    int64_t rc;

    *out_response = NULL;
    if (task->future.loop != client->loop)
        return gyre__complete(task, GYRE_EWRONGLOOP);
    if (client->closed)
        return gyre__complete(task, GYRE_ESTATE);
    if (!gyre__may_park(task))
        return gyre__complete(task, GYRE_ECANCELLED);
    r = gyre__http_response_new(client);
    if (!r)
        return gyre__complete(task, -ENOMEM);
    rc = fill(r, request);
    if (rc < 0) {
        gyre__http_response_unref(r);
        return gyre__complete(task, rc);
    }
    pending = gyre__call(&http_send_coro, &(struct http_send){
                                              .frame = {.coro = &http_send_coro, .leaf = true},
                                              .r = r,
                                              .out_response = out_response,
                                          });
    if (!pending.pending)
        gyre__http_response_unref(r);
    return pending;
}

gyre_await gyre_http_get(gyre_http_client *client, const char *url,
                         gyre_http_response **out_response)
{
    return gyre_http_send(client, &(gyre_http_request){.url = url}, out_response);
}

gyre_await gyre_http_post(gyre_http_client *client, const char *url, const char *content_type,
                          const void *body, size_t body_size, gyre_http_response **out_response)
{
    return gyre_http_send(client,
                          &(gyre_http_request){
                              .method = "POST",
                              .url = url,
                              .content_type = content_type,
                              .body = body,
                              .body_size = body_size,
                          },
                          out_response);
}
