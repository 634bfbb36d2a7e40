/* Redirects: where they lead, what becomes of the method and the body, and what stays at home. */
#include <errno.h>
#include <string.h>

#include "ascii_internal.h"
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

/* ---- what servers leave bare ---- */

/* Scheme and authority: what is odd in them would lead elsewhere, so it is left to be refused. */
static size_t authority_end(const char *location)
{
    size_t scheme = gyre__ascii_span(location, strlen(location), GYRE__ASCII_SCHEME), at = 0;

    if (location[scheme] == ':')
        at = scheme + 1;
    if (strncmp(location + at, "//", 2) == 0)
        at += 2 + strcspn(location + at + 2, "/?#");
    return at;
}

/* True for what a URL has encoded: blanks, quotes, brackets, '|', '%' alone, what is not ASCII. */
static bool is_bare(const char *at, bool in_fragment)
{
    unsigned char byte = (unsigned char)*at;

    if (gyre__ascii_is(*at, GYRE__ASCII_UNRESERVED | GYRE__ASCII_SUBDELIM) || byte < ' ')
        return false; /* controls are refused */
    if (byte == '%')
        return gyre__ascii_hex(at[1]) < 0 || gyre__ascii_hex(at[2]) < 0;
    return byte == '#' ? in_fragment : !strchr(":@/?", byte);
}

/* The location with that encoded, as browsers and curl do. */
static void encode_bare(gyre__http_text *text, const char *location)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t at = authority_end(location);
    bool in_fragment = false;

    gyre__http_text_addn(text, location, at);
    for (; location[at]; at++) {
        unsigned char byte = (unsigned char)location[at];
        const char escape[3] = {'%', digits[byte >> 4], digits[byte & 15]};

        if (is_bare(location + at, in_fragment))
            gyre__http_text_addn(text, escape, 3);
        else
            gyre__http_text_addn(text, location + at, 1);
        in_fragment |= byte == '#';
    }
}

static int64_t resolve(const gyre_http_response *r, const char *location, gyre_url *out)
{
    gyre__http_text text = {.data = NULL};
    int64_t rc = -ENOMEM;

    encode_bare(&text, location);
    if (!text.failed)
        rc = gyre_url_resolve(out, &r->url, text.size ? text.data : "", text.size, NULL);
    gyre__http_text_fini(&text);
    return rc;
}

static int64_t find_next(const gyre_http_response *r, const char *location, gyre_url *out)
{
    int64_t rc;

    if (r->timing.redirects >= r->max_redirects)
        return refuse(GYRE_EHTTPREDIRECT, "too many redirects, the last to", location);
    rc = resolve(r, location, out);
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
