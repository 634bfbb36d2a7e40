/* URLs: references resolved against a base (RFC 3986 5.2), URLs printed and compared. */
#include <errno.h>
#include <string.h>

#include "../loop/alloc.h"
#include "url_internal.h"

static gyre__url_slice slice(const char *text)
{
    return (gyre__url_slice){text, text ? strlen(text) : 0};
}

/* ---- dot segments ---- */

/* The length of the segment at the start, its slash left out. */
static size_t segment(const char *text, size_t size)
{
    const char *slash = memchr(text, '/', size);

    return slash ? (size_t)(slash - text) : size;
}

/*
 * Removes "." and ".." from a path of `size` bytes, in place; gives the new size. One that begins
 * with a slash still does; ".." above the top stays there.
 */
static size_t remove_dots(char *path, size_t size)
{
    size_t kept = 0, at = 0, top;

    /* Segments are written as "name/" or, the last one, "name". */
    top = size && path[0] == '/' ? 1 : 0;
    kept = at = top;
    while (at < size) {
        size_t length = segment(path + at, size - at);
        bool slash = at + length < size;

        if (length == 2 && memcmp(path + at, "..", 2) == 0) {
            if (kept > top)
                for (kept--; kept > top && path[kept - 1] != '/';)
                    kept--;
        } else if (length != 1 || path[at] != '.') {
            memmove(path + kept, path + at, length + slash);
            kept += length + slash;
        }
        at += length + slash;
    }
    return kept;
}

/* The base's path up to its last slash, with the reference's behind it. */
static size_t merge(char *path, const gyre_url *base, gyre__url_slice reference)
{
    const char *slash = strrchr(base->path, '/');
    size_t kept = slash ? (size_t)(slash - base->path) + 1 : 0;

    memcpy(path, base->path, kept);
    if (base->host && !*base->path)
        path[kept++] = '/';
    memcpy(path + kept, reference.at, reference.size);
    return kept + reference.size;
}

/* ---- resolving ---- */

static void take_authority(gyre__url_parts *parts, const gyre_url *base, char *ipv6)
{
    parts->userinfo = slice(base->userinfo);
    parts->host = slice(base->host);
    parts->port = base->port_given ? base->port : 0;
    parts->bracketed = base->host_is_ipv6;
    if (base->host_is_ipv6) {
        /* As in a URL's text again, where the % of a zone is encoded. */
        const char *zone = strchr(base->host, '%');
        size_t before = zone ? (size_t)(zone - base->host) : parts->host.size;

        memcpy(ipv6, base->host, before);
        if (zone) {
            memcpy(ipv6 + before, "%25", 3);
            memcpy(ipv6 + before + 3, zone + 1, parts->host.size - before - 1);
            parts->host.size += 2;
        }
        parts->host.at = ipv6;
    }
}

/* The path of the result, in `path`, which has room for both paths and 3 bytes. */
static void resolve_path(gyre__url_parts *parts, const gyre_url *base, char *path, bool own)
{
    size_t size = parts->path.size;

    if (!own && size == 0) {
        parts->path = slice(base->path);
        if (!parts->query.at)
            parts->query = slice(base->query);
        return;
    }
    if (!own && parts->path.at[0] != '/')
        size = merge(path + 2, base, parts->path);
    else
        memcpy(path + 2, parts->path.at, size);
    size = remove_dots(path + 2, size);
    parts->path = (gyre__url_slice){path + 2, size};
    if (!parts->host.at && size >= 2 && memcmp(path + 2, "//", 2) == 0) {
        memcpy(path, "/.", 2); /* else it would read as a host */
        parts->path = (gyre__url_slice){path, size + 2};
    }
}

static int64_t resolve(gyre_url *out, const gyre_url *base, gyre__url_parts *parts)
{
    bool own = parts->scheme.at || parts->host.at;
    size_t room = parts->path.size + strlen(base->path) + (base->host ? strlen(base->host) : 0) + 8;
    char *path = gyre_alloc(room + (base->host ? strlen(base->host) + 8 : 0));
    int64_t result;

    if (!path)
        return -ENOMEM;
    if (!own)
        take_authority(parts, base, path + room);
    if (!parts->scheme.at)
        parts->scheme = slice(base->scheme);
    resolve_path(parts, base, path, own);
    result = gyre__url_assemble(out, parts);
    gyre_free(path);
    return result;
}

int64_t gyre_url_resolve(gyre_url *out, const gyre_url *base, const char *reference, size_t size,
                         size_t *out_position)
{
    gyre__url_parts parts;
    bool good;

    *out = (gyre_url){0};
    if (out_position)
        *out_position = 0;
    good = gyre__url_split(&parts, reference, size);
    if (good && parts.scheme.at)
        good = gyre__url_check_host(&parts, parts.scheme);
    else if (good && parts.host.at)
        good = gyre__url_check_host(&parts, slice(base->scheme));
    if (!good)
        return gyre__url_refuse(&parts, reference, out_position);
    return resolve(out, base, &parts);
}

/* ---- printing ---- */

/* Where the text goes: as much as there is room for. */
struct sink {
    char *buffer;
    size_t room, used; /* room: without the end */
};

static void put(struct sink *sink, const char *text, size_t size)
{
    if (size && sink->used < sink->room)
        memcpy(sink->buffer + sink->used, text,
               size < sink->room - sink->used ? size : sink->room - sink->used);
    sink->used += size;
}

static void put_text(struct sink *sink, const char *text)
{
    put(sink, text, strlen(text));
}

static struct sink open_sink(char *buffer, size_t size)
{
    return (struct sink){buffer, size ? size - 1 : 0, 0};
}

static int64_t finish(struct sink *sink, size_t size)
{
    if (size)
        sink->buffer[sink->used < sink->room ? sink->used : sink->room] = 0;
    return (int64_t)sink->used;
}

static void put_host(struct sink *sink, const gyre_url *url, bool zone)
{
    size_t before = strcspn(url->host, url->host_is_ipv6 ? "%" : "");

    if (!url->host_is_ipv6) {
        put_text(sink, url->host);
        return;
    }
    put_text(sink, "[");
    put(sink, url->host, before);
    if (zone && url->host[before]) {
        put_text(sink, "%25");
        put_text(sink, url->host + before + 1);
    }
    put_text(sink, "]");
}

static void put_port(struct sink *sink, const gyre_url *url)
{
    char digits[6];
    size_t at = sizeof(digits);
    unsigned port = url->port;

    if (!url->port_given)
        return;
    for (; port; port /= 10)
        digits[--at] = (char)('0' + port % 10);
    digits[--at] = ':';
    put(sink, digits + at, sizeof(digits) - at);
}

static void put_target(struct sink *sink, const gyre_url *url)
{
    put_text(sink, url->path);
    if (url->query) {
        put_text(sink, "?");
        put_text(sink, url->query);
    }
}

static void put_url(struct sink *sink, const gyre_url *url, const char *userinfo)
{
    put_text(sink, url->scheme);
    put_text(sink, ":");
    if (url->host) {
        put_text(sink, "//");
        if (userinfo) {
            put_text(sink, userinfo);
            put_text(sink, "@");
        }
        put_host(sink, url, true);
        put_port(sink, url);
    }
    put_target(sink, url);
}

int64_t gyre_url_print(const gyre_url *url, char *buffer, size_t size)
{
    struct sink sink = open_sink(buffer, size);

    put_url(&sink, url, url->userinfo);
    if (url->fragment) {
        put_text(&sink, "#");
        put_text(&sink, url->fragment);
    }
    return finish(&sink, size);
}

int64_t gyre_url_print_bare(const gyre_url *url, char *buffer, size_t size)
{
    struct sink sink = open_sink(buffer, size);

    put_url(&sink, url, NULL);
    return finish(&sink, size);
}

int64_t gyre_url_print_authority(const gyre_url *url, char *buffer, size_t size)
{
    struct sink sink = open_sink(buffer, size);

    if (url->host) {
        put_host(&sink, url, false); /* a zone means nothing to the peer */
        put_port(&sink, url);
    }
    return finish(&sink, size);
}

int64_t gyre_url_print_target(const gyre_url *url, char *buffer, size_t size)
{
    struct sink sink = open_sink(buffer, size);

    put_target(&sink, url);
    return finish(&sink, size);
}

bool gyre_url_same_origin(const gyre_url *a, const gyre_url *b)
{
    return a->host && b->host && strcmp(a->scheme, b->scheme) == 0 &&
           strcmp(a->host, b->host) == 0 && a->host_is_ipv6 == b->host_is_ipv6 &&
           a->port == b->port;
}
