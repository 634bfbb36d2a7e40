/* URLs: split where they stand, checked, and copied into one block of memory. */
#include "url.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../loop/alloc.h"
#include "../loop/error_internal.h"
#include "ascii_internal.h"
#include "url_internal.h"

/* ---- schemes ---- */

static const struct scheme {
    const char *name;
    uint16_t port;
    bool web;
} schemes[] = {
    {"http", 80, true}, {"https", 443, true}, {"ws", 80, true},
    {"wss", 443, true}, {"ftp", 21, false},
};

static const struct scheme *find_scheme(gyre__url_slice name)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
        if (gyre__ascii_same(name.at, name.size, schemes[i].name, strlen(schemes[i].name)))
            return &schemes[i];
    return NULL;
}

bool gyre__url_is_web(gyre__url_slice scheme)
{
    const struct scheme *found = find_scheme(scheme);

    return found && found->web;
}

uint16_t gyre__url_scheme_port(gyre__url_slice scheme)
{
    const struct scheme *found = find_scheme(scheme);

    return found ? found->port : 0;
}

/* ---- splitting ---- */

static bool fail(gyre__url_parts *parts, const char *position, const char *reason)
{
    parts->position = position;
    parts->reason = reason;
    return false;
}

/* Checks a part: unreserved, sub-delimiters, `more`, and escapes. */
static bool check(gyre__url_parts *parts, gyre__url_slice part, const char *more,
                  const char *reason)
{
    for (size_t i = 0; i < part.size; i++) {
        char byte = part.at[i];

        if (gyre__ascii_is(byte, GYRE__ASCII_UNRESERVED | GYRE__ASCII_SUBDELIM))
            continue;
        if (byte == '%') {
            for (int digit = 0; digit < 2; digit++)
                if (++i >= part.size || gyre__ascii_hex(part.at[i]) < 0)
                    return fail(parts, part.at + i, "'%' without two hexadecimal digits");
        } else if (byte == 0 || !strchr(more, byte)) {
            return fail(parts, part.at + i, reason);
        }
    }
    return true;
}

/* The bytes up to one of `stops`, or all. */
static size_t until(const char *text, size_t size, const char *stops)
{
    size_t n = 0;

    while (n < size && !(text[n] && strchr(stops, text[n])))
        n++;
    return n;
}

/* "user:password@host:port", behind "//". */
static bool split_authority(gyre__url_parts *parts, const char *text, size_t size)
{
    const char *at = memchr(text, '@', size);
    size_t before = 0;

    if (at) {
        parts->userinfo = (gyre__url_slice){text, (size_t)(at - text)};
        if (!check(parts, parts->userinfo, ":", "not allowed in userinfo"))
            return false;
        before = parts->userinfo.size + 1;
    }
    return gyre__url_split_authority(parts, text + before, size - before);
}

/* The scheme, where there is one; *used is moved behind its colon. */
static bool split_scheme(gyre__url_parts *parts, const char *text, size_t size, size_t *used)
{
    size_t colon = until(text, size, ":/?#"), valid;

    if (colon == size || text[colon] != ':')
        return true;
    valid = gyre__ascii_span(text, colon, GYRE__ASCII_SCHEME);
    if (colon == 0 || !gyre__ascii_letter(text[0]))
        return fail(parts, text, "a scheme begins with a letter");
    if (valid < colon)
        return fail(parts, text + valid, "not allowed in a scheme");
    parts->scheme = (gyre__url_slice){text, colon};
    *used = colon + 1;
    return true;
}

/* What follows the scheme and the authority. */
static bool split_rest(gyre__url_parts *parts, const char *text, size_t size)
{
    size_t used = until(text, size, "?#"), length;

    parts->path = (gyre__url_slice){text, used};
    if (!check(parts, parts->path, ":@/", "not allowed in a path"))
        return false;
    if (used < size && text[used] == '?') {
        length = until(text + used + 1, size - used - 1, "#");
        parts->query = (gyre__url_slice){text + used + 1, length};
        if (!check(parts, parts->query, ":@/?", "not allowed in a query"))
            return false;
        used += 1 + length;
    }
    if (used == size)
        return true;
    parts->fragment = (gyre__url_slice){text + used + 1, size - used - 1};
    return check(parts, parts->fragment, ":@/?", "not allowed in a fragment");
}

bool gyre__url_split(gyre__url_parts *parts, const char *text, size_t size)
{
    size_t used = 0, authority;

    *parts = (gyre__url_parts){0};
    if (size > GYRE_URL_MOST)
        return fail(parts, text + GYRE_URL_MOST, "too long");
    if (!split_scheme(parts, text, size, &used))
        return false;
    if (size - used >= 2 && memcmp(text + used, "//", 2) == 0) {
        authority = until(text + used + 2, size - used - 2, "/?#");
        if (!split_authority(parts, text + used + 2, authority))
            return false;
        used += 2 + authority;
    }
    return split_rest(parts, text + used, size - used);
}

int64_t gyre__url_refuse(const gyre__url_parts *parts, const char *text, size_t *out_position)
{
    size_t position = (size_t)(parts->position - text);

    if (out_position)
        *out_position = position;
    gyre__error_set(gyre_error_newf(GYRE_EURL, "URL, byte %zu: %s", position, parts->reason));
    return GYRE_EURL;
}

/* ---- putting together ---- */

/* Copies a part behind what the block holds; NULL for a missing one. */
static char *put(char **end, gyre__url_slice part)
{
    char *start = *end;

    if (!part.at)
        return NULL;
    if (part.size)
        memcpy(start, part.at, part.size);
    start[part.size] = 0;
    *end = start + part.size + 1;
    return start;
}

static char *put_lower(char **end, gyre__url_slice part)
{
    char *text = put(end, part);

    for (char *c = text; c && *c; c++)
        *c = gyre__ascii_lower(*c);
    return text;
}

static char *put_ipv6(char **end, gyre__url_slice host)
{
    char *start = *end;
    size_t length = gyre__url_host_ipv6(host.at, host.size, start);

    start[length] = 0;
    *end = start + length + 1;
    return start;
}

int64_t gyre__url_assemble(gyre_url *out, const gyre__url_parts *parts)
{
    size_t size = parts->scheme.size + parts->userinfo.size + parts->host.size + parts->path.size +
                  parts->query.size + parts->fragment.size + 8 + GYRE__URL_IPV6;
    uint16_t own = gyre__url_scheme_port(parts->scheme);
    gyre__url_slice path = parts->path;
    char *end = gyre_alloc(size);

    *out = (gyre_url){.text = end};
    if (!end)
        return -ENOMEM;
    if (path.size == 0 && gyre__url_is_web(parts->scheme))
        path = (gyre__url_slice){"/", 1};
    out->scheme = put_lower(&end, parts->scheme);
    out->userinfo = put(&end, parts->userinfo);
    out->host = parts->bracketed ? put_ipv6(&end, parts->host) : put_lower(&end, parts->host);
    out->path = put(&end, path);
    out->query = put(&end, parts->query);
    out->fragment = put(&end, parts->fragment);
    out->port_given = parts->port && parts->port != own;
    out->port = parts->port ? (uint16_t)parts->port : own;
    out->host_is_ipv6 = parts->bracketed;
    out->host_is_ipv4 = parts->host.at && gyre__url_host_is_ipv4(parts->host.at, parts->host.size);
    return 0;
}

int64_t gyre_url_parse(gyre_url *out, const char *text, size_t size, size_t *out_position)
{
    gyre__url_parts parts;

    *out = (gyre_url){0};
    if (out_position)
        *out_position = 0;
    if (!gyre__url_split(&parts, text, size) ||
        (!parts.scheme.at && !fail(&parts, text, "scheme is missing")) ||
        !gyre__url_check_host(&parts, parts.scheme))
        return gyre__url_refuse(&parts, text, out_position);
    return gyre__url_assemble(out, &parts);
}

void gyre_url_fini(gyre_url *url)
{
    if (!url)
        return;
    gyre_free(url->text);
    *url = (gyre_url){0};
}

static gyre__url_slice slice(const char *text)
{
    return (gyre__url_slice){text, text ? strlen(text) : 0};
}

/* A part of the copy lies as far into its block as the original does. */
static const char *moved(const char *part, const gyre_url *from, const char *block)
{
    return part ? block + (part - from->text) : NULL;
}

int64_t gyre_url_copy(gyre_url *out, const gyre_url *url)
{
    const char *last = url->fragment ? url->fragment : url->query ? url->query : url->path;
    size_t size = (size_t)(last - url->text) + slice(last).size + 1;
    gyre_url copy = *url;

    *out = (gyre_url){0};
    copy.text = gyre_alloc(size);
    if (!copy.text)
        return -ENOMEM;
    memcpy(copy.text, url->text, size);
    copy.scheme = moved(url->scheme, url, copy.text);
    copy.userinfo = moved(url->userinfo, url, copy.text);
    copy.host = moved(url->host, url, copy.text);
    copy.path = moved(url->path, url, copy.text);
    copy.query = moved(url->query, url, copy.text);
    copy.fragment = moved(url->fragment, url, copy.text);
    *out = copy;
    return 0;
}
