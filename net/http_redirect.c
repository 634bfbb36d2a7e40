/* Redirects: where they lead, what becomes of the method and the body, and what stays at home. */
#include <errno.h>
#include <string.h>

#include "http_client_internal.h"

static bool is_redirect(unsigned status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static int64_t refuse(int64_t code, const char *why, const char *location)
{
    gyre_error *detail = gyre_error_newf(code, "%s: \"%.200s\"", why, location);

    return detail ? gyre_raise(detail) : code;
}

static bool is_http(const gyre_url *url)
{
    return url->host && *url->host &&
           (strcmp(url->scheme, "http") == 0 || strcmp(url->scheme, "https") == 0);
}

static int64_t find_next(const gyre_http_response *r, const char *location, gyre_url *out)
{
    int64_t rc;

    if (r->timing.redirects >= r->max_redirects)
        return refuse(GYRE_EHTTPREDIRECT, "too many redirects, the last to", location);
    rc = gyre_url_resolve(out, &r->url, location, strlen(location), NULL);
    if (rc < 0)
        return rc == -ENOMEM ? rc : refuse(GYRE_EHTTPREDIRECT, "to no valid URL", location);
    if (!is_http(out))
        return refuse(GYRE_EHTTPREDIRECT, "to what is neither http nor https", location);
    if (r->origin->tls && strcmp(out->scheme, "http") == 0 &&
        !r->client->options.insecure_allow_downgrade)
        return refuse(GYRE_EHTTPDOWNGRADE, "from https to", location);
    return 0;
}

static bool becomes_get(const gyre_http_response *r)
{
    unsigned status = r->parser.status;

    if (status == 303)
        return strcmp(r->method, "HEAD") != 0;
    return (status == 301 || status == 302) && strcmp(r->method, "POST") == 0;
}

static void become_get(gyre_http_response *r)
{
    static const char *const of_body[] = {"Content-Type", "Content-Encoding", "Content-Language",
                                          "Content-Location"};

    strcpy(r->method, "GET");
    r->body = NULL;
    r->body_size = 0;
    r->has_body = false;
    r->upload = NULL;
    for (size_t i = 0; i < sizeof(of_body) / sizeof(of_body[0]); i++)
        gyre_http_headers_remove(&r->request_headers, of_body[i]);
}

int64_t gyre__http_redirect(gyre_http_response *r)
{
    const char *location = gyre_http_headers_get(&r->parser.headers, "Location");
    gyre_url next = {.text = NULL};
    int64_t rc;

    if (r->no_redirects || !is_redirect(r->parser.status) || !location)
        return 0;
    rc = find_next(r, location, &next);
    if (rc >= 0 && !becomes_get(r) && r->upload && r->upload_state != GYRE__HTTP_UPLOAD_NONE &&
        !r->upload_again)
        rc = refuse(GYRE_EHTTPREPLAY, "the body is gone, but wanted at", location);
    if (rc < 0) {
        gyre_url_fini(&next);
        return rc;
    }
    if (becomes_get(r))
        become_get(r);
    if (!gyre_url_same_origin(&r->url, &next)) {
        r->left_origin = true;
        gyre__http_forget_secrets(&r->request_headers);
        gyre_http_headers_remove(&r->request_headers, "Host");
    }
    gyre_url_fini(&r->url);
    r->url = next;
    r->timing.redirects++;
    return 1;
}
