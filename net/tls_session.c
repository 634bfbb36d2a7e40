/*
 * The sessions that a client may resume: a hash table by origin, which forgets the oldest when it
 * is full.
 *
 * Several connections to one origin may be made at once, and a ticket of TLS 1.3 should be used
 * only once, so an origin may have a few.
 */
#include <pthread.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/rand.h>

#include "../loop/list_internal.h"
#include "tls_context_internal.h"

enum { DEFAULT_MOST = 256, MOST_BUCKETS = 4096, MOST_PER_ORIGIN = 4 };

struct entry {
    gyre__link age;       /* first, in sessions->oldest */
    struct entry *next;   /* in its bucket, newest first */
    SSL_SESSION *session; /* a reference */
    size_t hash;
    char origin[];
};

struct gyre__tls_sessions {
    pthread_mutex_t lock;
    gyre__link oldest; /* list of all, the oldest first */
    size_t count, most;
    size_t buckets; /* a power of two */
    struct entry *table[];
};

static size_t hash_of(const char *origin)
{
    size_t hash = 0xcbf29ce484222325u; /* FNV-1a */

    for (; *origin; origin++)
        hash = (hash ^ (unsigned char)*origin) * 0x100000001b3u;
    return hash;
}

struct gyre__tls_sessions *gyre__tls_sessions_new(size_t most)
{
    size_t buckets = 1;
    struct gyre__tls_sessions *sessions;

    while (buckets < most && buckets < MOST_BUCKETS)
        buckets *= 2;
    sessions = gyre_alloc_zeroed(sizeof(*sessions) + buckets * sizeof(sessions->table[0]));
    if (!sessions)
        return NULL;
    pthread_mutex_init(&sessions->lock, NULL);
    gyre__list_init(&sessions->oldest);
    sessions->most = most;
    sessions->buckets = buckets;
    return sessions;
}

static struct entry **bucket_of(struct gyre__tls_sessions *sessions, size_t hash)
{
    return &sessions->table[hash & (sessions->buckets - 1)];
}

/* Takes an entry out of both lists; the session is the caller's. */
static SSL_SESSION *remove_entry(struct gyre__tls_sessions *sessions, struct entry *entry)
{
    struct entry **at = bucket_of(sessions, entry->hash);
    SSL_SESSION *session = entry->session;

    while (*at != entry)
        at = &(*at)->next;
    *at = entry->next;
    gyre__list_unlink(&entry->age);
    sessions->count--;
    gyre_free(entry);
    return session;
}

static void forget_oldest(struct gyre__tls_sessions *sessions)
{
    SSL_SESSION_free(remove_entry(sessions, (struct entry *)sessions->oldest.next));
}

/* Of an origin with too many, the oldest goes. */
static void limit_origin(struct gyre__tls_sessions *sessions, size_t hash, const char *origin)
{
    struct entry *last = NULL;
    unsigned count = 0;

    for (struct entry *entry = *bucket_of(sessions, hash); entry; entry = entry->next) {
        if (entry->hash == hash && strcmp(entry->origin, origin) == 0) {
            last = entry;
            count++;
        }
    }
    if (count > MOST_PER_ORIGIN)
        SSL_SESSION_free(remove_entry(sessions, last));
}

bool gyre__tls_sessions_put(struct gyre__tls_sessions *sessions, const char *origin,
                            SSL_SESSION *session)
{
    size_t size = strlen(origin) + 1;
    struct entry *entry = gyre_alloc(sizeof(*entry) + size), **bucket;

    if (!entry)
        return false;
    entry->session = session;
    entry->hash = hash_of(origin);
    memcpy(entry->origin, origin, size);
    pthread_mutex_lock(&sessions->lock);
    bucket = bucket_of(sessions, entry->hash);
    entry->next = *bucket;
    *bucket = entry;
    gyre__list_append(&sessions->oldest, &entry->age);
    sessions->count++;
    limit_origin(sessions, entry->hash, origin);
    if (sessions->count > sessions->most)
        forget_oldest(sessions);
    pthread_mutex_unlock(&sessions->lock);
    return true;
}

static bool is_fresh(const SSL_SESSION *session)
{
    long now = (long)time(NULL), made = SSL_SESSION_get_time(session);

    return SSL_SESSION_is_resumable(session) && now >= made &&
           now - made < SSL_SESSION_get_timeout(session);
}

SSL_SESSION *gyre__tls_sessions_get(struct gyre__tls_sessions *sessions, const char *origin)
{
    size_t hash = hash_of(origin);
    SSL_SESSION *found = NULL;
    struct entry *entry, *next;

    pthread_mutex_lock(&sessions->lock);
    for (entry = *bucket_of(sessions, hash); entry && !found; entry = next) {
        next = entry->next;
        if (entry->hash != hash || strcmp(entry->origin, origin) != 0)
            continue;
        if (!is_fresh(entry->session)) {
            SSL_SESSION_free(remove_entry(sessions, entry));
        } else if (SSL_SESSION_get_protocol_version(entry->session) >= TLS1_3_VERSION) {
            found = remove_entry(sessions, entry);
        } else {
            found = entry->session;
            SSL_SESSION_up_ref(found);
        }
    }
    pthread_mutex_unlock(&sessions->lock);
    return found;
}

size_t gyre__tls_sessions_count(struct gyre__tls_sessions *sessions)
{
    size_t count;

    pthread_mutex_lock(&sessions->lock);
    count = sessions->count;
    pthread_mutex_unlock(&sessions->lock);
    return count;
}

void gyre__tls_sessions_clear(struct gyre__tls_sessions *sessions)
{
    pthread_mutex_lock(&sessions->lock);
    while (sessions->count)
        forget_oldest(sessions);
    pthread_mutex_unlock(&sessions->lock);
}

void gyre__tls_sessions_free(struct gyre__tls_sessions *sessions)
{
    if (!sessions)
        return;
    gyre__tls_sessions_clear(sessions);
    pthread_mutex_destroy(&sessions->lock);
    gyre_free(sessions);
}

/* ---- what contexts have of it ---- */

/* OpenSSL has a new session: gives 1 when it was taken over. */
static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    gyre__tls_connection *connection = gyre__tls_connection_of(ssl);

    return connection && connection->origin &&
           gyre__tls_sessions_put(connection->context->sessions, connection->origin, session);
}

static int64_t keep_client_sessions(gyre_tls_context *context, size_t most)
{
    context->sessions = gyre__tls_sessions_new(most ? most : DEFAULT_MOST);
    if (!context->sessions)
        return -ENOMEM;
    SSL_CTX_set_session_cache_mode(context->ssl,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context->ssl, keep_session);
    return 0;
}

static int64_t keep_server_sessions(gyre_tls_context *context, size_t most)
{
    unsigned char id[16];

    /* A session is good for this context only: another may ask clients for certificates. */
    if (RAND_bytes(id, sizeof(id)) != 1 ||
        !SSL_CTX_set_session_id_context(context->ssl, id, sizeof(id)))
        return gyre__tls_raise(GYRE_ETLS, "session id context");
    if (most == 0) {
        SSL_CTX_set_session_cache_mode(context->ssl, SSL_SESS_CACHE_OFF);
        return 0;
    }
    SSL_CTX_set_session_cache_mode(context->ssl, SSL_SESS_CACHE_SERVER);
    SSL_CTX_sess_set_cache_size(context->ssl, (long)most);
    SSL_CTX_set_options(context->ssl, SSL_OP_NO_TICKET);
    return 0;
}

int64_t gyre__tls_set_sessions(gyre_tls_context *context, const gyre_tls_options *options)
{
    if (options->no_resumption) {
        SSL_CTX_set_session_cache_mode(context->ssl, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_options(context->ssl, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(context->ssl, 0);
        if (!context->settings.server)
            return 0;
    }
    if (context->settings.server)
        return keep_server_sessions(context, options->no_resumption ? 0 : options->session_cache);
    return keep_client_sessions(context, options->session_cache);
}
