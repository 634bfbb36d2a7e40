/* Routing: plain paths by hash, patterns with parts one after the other. */
#include "http_router.h"

#include <errno.h>
#include <string.h>

#include "../loop/alloc.h"
#include "http_server_internal.h"

enum { MOST_ALLOW = 256 };

/* What answers a method on a pattern. */
struct route {
    struct route *next;
    const gyre_coro *coro;
    char *method; /* NULL: every one; in the same block, behind the frame */
    _Alignas(max_align_t) char args[];
};

struct pattern {
    struct pattern *next; /* in the order of adding; among plain ones, in the bucket */
    struct route *routes; /* in the order of adding */
    size_t size;
    uint32_t hash;
    bool plain; /* without named parts */
    char text[];
};

struct gyre_http_router {
    struct pattern **buckets; /* of plain patterns */
    size_t bucket_count;      /* a power of two, or 0 */
    size_t plain_count;
    struct pattern *named;
};

/* A part that a name stood for. */
struct part {
    const char *name, *value;
    size_t name_size, value_size;
};

static uint32_t hash_of(const char *text, size_t size)
{
    uint32_t hash = 2166136261U; /* FNV-1a */

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)text[i]) * 16777619U;
    return hash;
}

/* ---- patterns ---- */

/* The segment at *at (behind a "/"); moves *at to the "/" behind it, or to the end. */
static size_t next_segment(const char *text, size_t size, size_t at)
{
    const char *slash = memchr(text + at, '/', size - at);

    return slash ? (size_t)(slash - text) - at : size - at;
}

/* Checks a pattern; gives the number of its named parts, or an error. */
static int64_t count_parts(const char *text, size_t size)
{
    int64_t count = 0;

    if (!size || text[0] != '/')
        return -EINVAL;
    for (size_t at = 1; at <= size;) {
        size_t length = next_segment(text, size, at);
        bool rest = length && text[at] == ':' && text[at + length - 1] == '*';

        if (length && text[at] == ':') {
            count++;
            if (length < 2 + (size_t)rest || (rest && at + length != size))
                return -EINVAL;
        }
        at += length + 1;
    }
    return count > GYRE__HTTPD_MOST_PARAMS ? -E2BIG : count;
}

static bool fits(const struct pattern *pattern, const char *path, size_t size, struct part *parts,
                 size_t *out_count)
{
    const char *text = pattern->text;
    size_t at = 1, in = 1, count = 0;

    for (;;) {
        size_t length = next_segment(text, pattern->size, at);
        size_t have = next_segment(path, size, in);

        if (length && text[at] == ':') {
            bool rest = text[at + length - 1] == '*';

            if (rest)
                have = size - in;
            else if (!have)
                return false;
            parts[count++] = (struct part){text + at + 1, path + in, length - 1 - rest, have};
        } else if (length != have || memcmp(text + at, path + in, have) != 0) {
            return false;
        }
        at += length + 1;
        in += have + 1;
        if (at > pattern->size || in > size)
            break;
    }
    *out_count = count;
    return at > pattern->size && in > size;
}

/* ---- building ---- */

int64_t gyre_http_router_new(gyre_http_router **out_router)
{
    *out_router = gyre_alloc_zeroed(sizeof(**out_router));
    return *out_router ? 0 : -ENOMEM;
}

static void free_patterns(struct pattern *pattern)
{
    while (pattern) {
        struct pattern *next = pattern->next;

        while (pattern->routes) {
            struct route *route = pattern->routes;

            pattern->routes = route->next;
            gyre_free(route);
        }
        gyre_free(pattern);
        pattern = next;
    }
}

void gyre_http_router_free(gyre_http_router *router)
{
    if (!router)
        return;
    for (size_t i = 0; i < router->bucket_count; i++)
        free_patterns(router->buckets[i]);
    free_patterns(router->named);
    gyre_free(router->buckets);
    gyre_free(router);
}

static bool grow(gyre_http_router *router)
{
    size_t count = router->bucket_count ? router->bucket_count * 2 : 16;
    struct pattern **buckets;

    if (router->plain_count < router->bucket_count)
        return true;
    buckets = gyre_alloc_zeroed(count * sizeof(*buckets));
    if (!buckets)
        return false;
    for (size_t i = 0; i < router->bucket_count; i++)
        while (router->buckets[i]) {
            struct pattern *pattern = router->buckets[i];

            router->buckets[i] = pattern->next;
            pattern->next = buckets[pattern->hash & (count - 1)];
            buckets[pattern->hash & (count - 1)] = pattern;
        }
    gyre_free(router->buckets);
    router->buckets = buckets;
    router->bucket_count = count;
    return true;
}

static struct pattern *find_plain(const gyre_http_router *router, const char *text, size_t size)
{
    uint32_t hash;
    struct pattern *pattern;

    if (!router->bucket_count)
        return NULL;
    hash = hash_of(text, size);
    pattern = router->buckets[hash & (router->bucket_count - 1)];
    while (pattern && (pattern->hash != hash || pattern->size != size ||
                       memcmp(pattern->text, text, size) != 0))
        pattern = pattern->next;
    return pattern;
}

static struct pattern *find_same(const gyre_http_router *router, const char *text, size_t size)
{
    struct pattern *pattern = find_plain(router, text, size);

    for (pattern = pattern ? pattern : router->named; pattern && !pattern->plain;
         pattern = pattern->next)
        if (pattern->size == size && memcmp(pattern->text, text, size) == 0)
            break;
    return pattern;
}

static struct pattern *add_pattern(gyre_http_router *router, const char *text, size_t size,
                                   bool plain)
{
    struct pattern *pattern, **place = &router->named;

    if (plain && !grow(router))
        return NULL;
    pattern = gyre_alloc_zeroed(sizeof(*pattern) + size + 1);
    if (!pattern)
        return NULL;
    memcpy(pattern->text, text, size + 1);
    pattern->size = size;
    pattern->plain = plain;
    pattern->hash = hash_of(text, size);
    if (plain) {
        place = &router->buckets[pattern->hash & (router->bucket_count - 1)];
        pattern->next = *place;
        router->plain_count++;
    } else {
        while (*place)
            place = &(*place)->next;
    }
    *place = pattern;
    return pattern;
}

static bool is_method(const struct route *route, const char *method)
{
    return route->method && method ? strcmp(route->method, method) == 0 : route->method == method;
}

int64_t gyre__http_route_add(gyre_http_router *router, const char *method, const char *pattern_text,
                             const gyre_coro *coro, const void *args)
{
    size_t size = strlen(pattern_text), method_size = method ? strlen(method) + 1 : 0;
    int64_t parts = count_parts(pattern_text, size);
    struct route *route, **place;
    struct pattern *pattern;

    if (parts < 0)
        return parts;
    pattern = find_same(router, pattern_text, size);
    if (!pattern)
        pattern = add_pattern(router, pattern_text, size, parts == 0);
    if (!pattern)
        return -ENOMEM;
    for (place = &pattern->routes; *place; place = &(*place)->next)
        if (is_method(*place, method))
            return -EEXIST;
    route = gyre_alloc_zeroed(sizeof(*route) + coro->frame_size + method_size);
    if (!route)
        return -ENOMEM;
    route->coro = coro;
    memcpy(route->args, args, coro->frame_size);
    if (method) {
        route->method = route->args + coro->frame_size;
        memcpy(route->method, method, method_size);
    }
    *place = route;
    return 0;
}

/* ---- routing ---- */

static struct route *find_method(const struct pattern *pattern, const char *method)
{
    struct route *every = NULL;

    for (struct route *route = pattern->routes; route; route = route->next) {
        if (!route->method)
            every = route;
        else if (strcmp(route->method, method) == 0)
            return route;
    }
    if (strcmp(method, "HEAD") == 0)
        for (struct route *route = pattern->routes; route; route = route->next)
            if (route->method && strcmp(route->method, "GET") == 0)
                return route;
    return every;
}

/* The values get an end, behind the decoded path: prepared there is room for that. */
static void keep_parts(gyre_http_exchange *exchange, const struct part *parts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char *to = exchange->text + exchange->text_size;

        memcpy(to, parts[i].value, parts[i].value_size);
        to[parts[i].value_size] = '\0';
        exchange->text_size += parts[i].value_size + 1;
        exchange->params[i] = (struct gyre__httpd_param){parts[i].name, parts[i].name_size, to};
    }
    exchange->param_count = count;
}

static gyre_await call_route(gyre_http_exchange *exchange, struct route *route)
{
    *(gyre_http_exchange **)(void *)(route->args + sizeof(gyre_frame)) = exchange;
    return gyre__call(route->coro, route->args);
}

static void append_allow(char *allow, const char *method)
{
    size_t used = strlen(allow), size = strlen(method);

    for (const char *at = allow; (at = strstr(at, method)) != NULL; at += size)
        if ((at == allow || at[-1] == ' ') && (at[size] == ',' || !at[size]))
            return;
    if (used + size + 3 > MOST_ALLOW)
        return;
    if (used) {
        memcpy(allow + used, ", ", 2);
        used += 2;
    }
    memcpy(allow + used, method, size + 1);
}

static void add_allowed(char *allow, const struct pattern *pattern)
{
    for (const struct route *route = pattern->routes; route; route = route->next) {
        append_allow(allow, route->method);
        if (strcmp(route->method, "GET") == 0)
            append_allow(allow, "HEAD");
    }
}

/* The path is known, the method is not. */
static int64_t refuse_method(gyre_http_exchange *exchange, char *allow)
{
    bool options = gyre_http_exchange_is(exchange, "OPTIONS");
    int64_t rc;

    append_allow(allow, "OPTIONS");
    rc = gyre_http_set_header(exchange, "Allow", allow);
    return rc < 0 ? rc : gyre__httpd_answer_status(exchange, options ? 204 : 405);
}

gyre_await gyre_http_router_dispatch(gyre_http_exchange *exchange, gyre_http_router *router)
{
    const char *path = exchange->path, *method = gyre_http_exchange_method(exchange);
    gyre_task *task = gyre__task_running(__func__);
    struct part parts[GYRE__HTTPD_MOST_PARAMS];
    char allow[MOST_ALLOW] = "";
    size_t size = strlen(path), count;
    struct pattern *pattern;
    struct route *route;

    exchange->text_size = size + 1;
    exchange->param_count = 0;
    pattern = find_plain(router, path, size);
    if (pattern) {
        route = find_method(pattern, method);
        if (route)
            return call_route(exchange, route);
        add_allowed(allow, pattern);
    }
    for (pattern = router->named; pattern && path[0] == '/'; pattern = pattern->next) {
        if (!fits(pattern, path, size, parts, &count))
            continue;
        route = find_method(pattern, method);
        if (route) {
            keep_parts(exchange, parts, count);
            return call_route(exchange, route);
        }
        add_allowed(allow, pattern);
    }
    if (allow[0] || strcmp(path, "*") == 0)
        return gyre__complete(task, refuse_method(exchange, allow));
    return gyre__complete(task, gyre__httpd_answer_status(exchange, 404));
}

GYRE__CORO(, gyre_http_route)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_http_router_dispatch(self->exchange, self->router));
    GYRE_RETURN(self->frame.result);
    GYRE_END;
}
