/* The origins a client talks to: a hash table by scheme, host and port. */
#include <errno.h>
#include <string.h>

#include "../loop/alloc.h"
#include "http_client_internal.h"

enum { FIRST_BUCKETS = 16 };

static size_t hash_of(const char *host, uint16_t port, bool tls)
{
    size_t hash = 14695981039346656037u ^ ((size_t)port << 1 | tls);

    for (; *host; host++)
        hash = (hash ^ (unsigned char)*host) * 1099511628211u;
    return hash ^ hash >> 32;
}

static struct gyre__http_origin **bucket_of(gyre_http_client *client, size_t hash)
{
    return &client->buckets[hash & (client->bucket_count - 1)];
}

static bool grow_buckets(gyre_http_client *client)
{
    size_t count = client->bucket_count ? client->bucket_count * 2 : FIRST_BUCKETS;
    size_t old_count = client->bucket_count;
    struct gyre__http_origin **buckets = gyre_alloc_zeroed(count * sizeof(*buckets));
    struct gyre__http_origin **old = client->buckets;

    if (!buckets)
        return false;
    client->buckets = buckets;
    client->bucket_count = count;
    for (size_t i = 0; i < old_count; i++)
        while (old[i]) {
            struct gyre__http_origin *origin = old[i], **bucket = bucket_of(client, origin->hash);

            old[i] = origin->next;
            origin->next = *bucket;
            *bucket = origin;
        }
    gyre_free(old);
    return true;
}

static struct gyre__http_origin *make_origin(gyre_http_client *client, const gyre_url *url,
                                             bool tls, size_t hash)
{
    size_t length = strlen(url->host) + 1;
    struct gyre__http_origin *origin, **bucket;

    if (client->origin_count >= client->bucket_count && !grow_buckets(client))
        return NULL;
    origin = gyre_alloc_zeroed(sizeof(*origin) + length);
    if (!origin)
        return NULL;
    origin->client = client;
    origin->tls = tls;
    origin->port = url->port;
    origin->hash = hash;
    memcpy(origin->host, url->host, length);
    gyre__list_init(&origin->idle);
    gyre__list_init(&origin->waiters);
    gyre__list_init(&origin->starving);
    bucket = bucket_of(client, hash);
    origin->next = *bucket;
    *bucket = origin;
    client->origin_count++;
    return origin;
}

int64_t gyre__http_origin_enter(gyre_http_response *r)
{
    gyre_http_client *client = r->client;
    bool tls = strcmp(r->url.scheme, "https") == 0;
    size_t hash = hash_of(r->url.host, r->url.port, tls);
    struct gyre__http_origin *origin = client->bucket_count ? *bucket_of(client, hash) : NULL;

    while (origin && (origin->hash != hash || origin->port != r->url.port || origin->tls != tls ||
                      strcmp(origin->host, r->url.host) != 0))
        origin = origin->next;
    if (!origin)
        origin = make_origin(client, &r->url, tls, hash);
    if (!origin)
        return -ENOMEM;
    origin->users++; /* before the old one is left: it may be the same */
    gyre__http_origin_leave(r);
    r->origin = origin;
    return 0;
}

/* Without requests and connections it is of no use. */
void gyre__http_origin_forget(struct gyre__http_origin *origin)
{
    struct gyre__http_origin **at = bucket_of(origin->client, origin->hash);

    if (origin->users || origin->connections)
        return;
    while (*at != origin)
        at = &(*at)->next;
    *at = origin->next;
    origin->client->origin_count--;
    gyre__list_remove(&origin->starving);
    gyre_free(origin);
}

void gyre__http_origin_leave(gyre_http_response *r)
{
    struct gyre__http_origin *origin = r->origin;

    if (!origin)
        return;
    r->origin = NULL;
    origin->users--;
    gyre__http_origin_forget(origin);
}
