/* The heads of requests: which headers go out, and what the caller may not set. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "http_client_internal.h"

/* What frames the message or belongs to the connection is the client's alone. */
static const char *const reserved[] = {
    "Content-Length",      "Transfer-Encoding", "Upgrade",   "Expect", "Trailer", "TE",
    "Proxy-Authorization", "Proxy-Connection",  "Keep-Alive"};

/* What must not reach another origin. */
static const char *const secret[] = {"Authorization", "Cookie", "Cookie2"};

static bool is_one_of(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    return false;
}

int64_t gyre__http_check_header(const char *name, const char *value)
{
    gyre_error *detail;

    if (strcasecmp(name, "Connection") == 0
            ? strcasecmp(value, "close") == 0 || strcasecmp(value, "keep-alive") == 0
            : !is_one_of(name, reserved, sizeof(reserved) / sizeof(reserved[0])))
        return 0;
    detail = gyre_error_newf(GYRE_EHTTPHEADER, "%s is the client's to set", name);
    return gyre_raise(detail);
}

void gyre__http_forget_secrets(gyre_http_headers *headers)
{
    for (size_t i = 0; i < sizeof(secret) / sizeof(secret[0]); i++)
        gyre_http_headers_remove(headers, secret[i]);
}

static bool has(const gyre_http_response *r, const char *name)
{
    return gyre_http_headers_get(&r->request_headers, name) ||
           (r->client->options.headers && gyre_http_headers_get(r->client->options.headers, name));
}

static bool by_proxy(const gyre_http_response *r)
{
    return r->client->options.proxy && !r->origin->tls;
}

static void add_start(gyre_http_response *r)
{
    gyre__http_text_add(&r->text, r->method);
    gyre__http_text_addn(&r->text, " ", 1);
    gyre__http_text_add_url(&r->text, &r->url,
                            by_proxy(r) ? gyre_url_print_bare : gyre_url_print_target);
    gyre__http_text_add(&r->text, " HTTP/1.1\r\n");
}

/* Host comes first. After a redirect to another origin the one the caller gave is not true any more. */
static void add_host(gyre_http_response *r)
{
    const char *given = gyre_http_headers_get(&r->request_headers, "Host");

    if (!given && r->client->options.headers && !r->left_origin)
        given = gyre_http_headers_get(r->client->options.headers, "Host");
    if (given) {
        gyre__http_text_add_header(&r->text, "Host", given);
        return;
    }
    gyre__http_text_add(&r->text, "Host: ");
    gyre__http_text_add_url(&r->text, &r->url, gyre_url_print_authority);
    gyre__http_text_add(&r->text, "\r\n");
}

static void add_given(gyre_http_response *r)
{
    const gyre_http_headers *own = &r->request_headers, *common = r->client->options.headers;
    size_t count = gyre_http_headers_count(own);

    for (size_t i = 0; i < count; i++) {
        gyre_http_header header = gyre_http_headers_at(own, i);

        if (strcasecmp(header.name, "Host") != 0)
            gyre__http_text_add_header(&r->text, header.name, header.value);
    }
    count = common ? gyre_http_headers_count(common) : 0;
    for (size_t i = 0; i < count; i++) {
        gyre_http_header header = gyre_http_headers_at(common, i);

        if (strcasecmp(header.name, "Host") == 0 || gyre_http_headers_get(own, header.name) ||
            (r->left_origin && is_one_of(header.name, secret, sizeof(secret) / sizeof(secret[0]))))
            continue;
        gyre__http_text_add_header(&r->text, header.name, header.value);
    }
}

static void add_usual(gyre_http_response *r)
{
    const gyre_http_client *client = r->client;

    if (!has(r, "Accept"))
        gyre__http_text_add(&r->text, "Accept: */*\r\n");
    if (r->decoding)
        gyre__http_text_add(&r->text, "Accept-Encoding: gzip, deflate\r\n");
    if (*client->options.user_agent && !has(r, "User-Agent"))
        gyre__http_text_add_header(&r->text, "User-Agent", client->options.user_agent);
    if (by_proxy(r) && client->proxy_authorization)
        gyre__http_text_add_header(&r->text, "Proxy-Authorization", client->proxy_authorization);
    if (client->options.no_keep_alive && !has(r, "Connection"))
        gyre__http_text_add(&r->text, "Connection: close\r\n");
}

/* Methods whose request has a meaning for its body say that it is empty. */
static bool wants_length(const char *method)
{
    return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
           strcmp(method, "PATCH") == 0;
}

static void add_framing(gyre_http_response *r)
{
    uint64_t length = r->upload ? r->upload_size : r->body_size;

    if (r->upload && !length) {
        gyre__http_text_add(&r->text, "Transfer-Encoding: chunked\r\n");
    } else if (r->has_body || wants_length(r->method)) {
        gyre__http_text_add(&r->text, "Content-Length: ");
        gyre__http_text_add_number(&r->text, length, 10);
        gyre__http_text_add(&r->text, "\r\n");
    }
    if (r->expect_continue && r->has_body)
        gyre__http_text_add(&r->text, "Expect: 100-continue\r\n");
}

int64_t gyre__http_compose(gyre_http_response *r)
{
    gyre__http_text_clear(&r->text);
    add_start(r);
    add_host(r);
    add_given(r);
    add_usual(r);
    add_framing(r);
    gyre__http_text_add(&r->text, "\r\n");
    return r->text.failed ? -ENOMEM : 0;
}
