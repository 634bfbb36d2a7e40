/* The HTTP client: its options, its memory, and its end. */
#include "http_client.h"

#include <errno.h>
#include <string.h>

#include "../loop/alloc.h"
#include "../loop/version.h"
#include "http_client_internal.h"

enum {
    DEFAULT_LIMIT = 100,
    DEFAULT_IDLE_SECONDS = 15,
    DEFAULT_REDIRECTS = 10,
    DEFAULT_HEAD = 262144,
    DEFAULT_HEADERS = 256,
    CONNECT_SECONDS = 30,
    WAIT_SECONDS = 60,
    MOST_SPARE = 64, /* responses and buffers kept for their memory */
};

#define DEFAULT_DECODED (UINT64_C(1) << 30)

/* ---- options ---- */

static void fill_timeouts(gyre_http_timeouts *timeouts)
{
    const gyre_http_timeouts defaults = {
        .connect_ns = GYRE_SECONDS(CONNECT_SECONDS),
        .first_byte_ns = GYRE_SECONDS(WAIT_SECONDS),
        .idle_ns = GYRE_SECONDS(WAIT_SECONDS),
        .total_ns = GYRE_FOREVER,
        .continue_ns = GYRE_SECONDS(1),
    };

    if (!timeouts->connect_ns)
        timeouts->connect_ns = defaults.connect_ns;
    if (!timeouts->first_byte_ns)
        timeouts->first_byte_ns = defaults.first_byte_ns;
    if (!timeouts->idle_ns)
        timeouts->idle_ns = defaults.idle_ns;
    if (!timeouts->total_ns)
        timeouts->total_ns = defaults.total_ns;
    if (!timeouts->continue_ns)
        timeouts->continue_ns = defaults.continue_ns;
}

static void fill_limits(gyre_http_client_options *options)
{
    if (!options->limit)
        options->limit = DEFAULT_LIMIT;
    if (!options->limit_per_host)
        options->limit_per_host = SIZE_MAX;
    if (!options->idle_timeout_ns)
        options->idle_timeout_ns = GYRE_SECONDS(DEFAULT_IDLE_SECONDS);
    if (!options->max_redirects)
        options->max_redirects = DEFAULT_REDIRECTS;
    if (!options->head_limit)
        options->head_limit = DEFAULT_HEAD;
    if (!options->header_limit)
        options->header_limit = DEFAULT_HEADERS;
    if (!options->body_limit)
        options->body_limit = UINT64_MAX;
    if (!options->decoded_limit)
        options->decoded_limit = DEFAULT_DECODED;
}

static int64_t copy_user_agent(gyre_http_client *client, const char *text)
{
    gyre_http_headers probe = {.bytes = NULL};
    char *copy;
    int64_t rc;

    if (!text)
        text = "gyre/" GYRE_VERSION_STRING;
    rc = gyre_http_headers_add(&probe, "User-Agent", text); /* can it be sent? */
    gyre_http_headers_fini(&probe);
    if (rc < 0)
        return rc;
    copy = gyre_strdup(text);
    client->options.user_agent = copy;
    return copy ? 0 : -ENOMEM;
}

static int64_t copy_headers(gyre_http_client *client, const gyre_http_headers *headers)
{
    client->options.headers = NULL;
    for (size_t i = 0; headers && i < gyre_http_headers_count(headers); i++) {
        gyre_http_header header = gyre_http_headers_at(headers, i);
        int64_t rc = gyre__http_check_header(header.name, header.value);

        if (rc >= 0)
            rc = gyre_http_headers_add(&client->headers, header.name, header.value);
        if (rc < 0)
            return rc;
        client->options.headers = &client->headers;
    }
    return 0;
}

/* The list and the names in it, in one block. */
static int64_t copy_resolve(gyre_http_client *client, const gyre_http_resolve *resolve,
                            size_t count)
{
    size_t size = count * sizeof(*resolve);
    gyre_http_resolve *copy;
    char *names;

    client->options.resolve = NULL;
    if (!count)
        return 0;
    for (size_t i = 0; i < count; i++)
        size += strlen(resolve[i].host) + 1;
    copy = gyre_alloc(size);
    if (!copy)
        return -ENOMEM;
    names = (char *)(copy + count);
    for (size_t i = 0; i < count; i++) {
        copy[i] = resolve[i];
        copy[i].host = strcpy(names, resolve[i].host);
        names += strlen(names) + 1;
    }
    client->options.resolve = copy;
    return 0;
}

static int64_t copy_proxy(gyre_http_client *client, const char *text)
{
    gyre__http_text authorization = {.data = NULL};
    int64_t rc;

    client->options.proxy = NULL;
    if (!text)
        return 0;
    rc = gyre_url_parse(&client->proxy, text, strlen(text), NULL);
    if (rc < 0)
        return rc;
    client->options.proxy = client->proxy.text;
    if (!client->proxy.host || strcmp(client->proxy.scheme, "http") != 0)
        return gyre_raise(gyre_error_new(GYRE_EHTTPSCHEME, "a proxy's URL begins with http://"));
    if (!client->proxy.userinfo)
        return 0;
    rc = gyre__http_compose_userinfo(&authorization, client->proxy.userinfo);
    if (rc < 0 || !gyre__http_text_end(&authorization)) {
        gyre__http_text_fini(&authorization);
        return rc < 0 ? rc : -ENOMEM;
    }
    client->proxy_authorization = authorization.data;
    return 0;
}

static int64_t copy_options(gyre_http_client *client, const gyre_http_client_options *options)
{
    int64_t rc;

    client->options.user_agent = NULL;
    client->options.resolve = NULL;
    if (options->tls)
        client->tls = gyre_tls_context_ref(options->tls);
    fill_limits(&client->options);
    fill_timeouts(&client->options.timeouts);
    rc = copy_user_agent(client, options->user_agent);
    if (rc >= 0)
        rc = copy_headers(client, options->headers);
    if (rc >= 0)
        rc = copy_resolve(client, options->resolve, options->resolve_count);
    if (rc >= 0)
        rc = copy_proxy(client, options->proxy);
    return rc;
}

/* ---- life ---- */

int64_t gyre_http_client_new(gyre_loop *loop, const gyre_http_client_options *options,
                             gyre_http_client **out_client)
{
    static const gyre_http_client_options defaults;
    gyre_http_client *client;
    int64_t rc;

    gyre__check_thread(loop, __func__);
    *out_client = NULL;
    if (loop->closing)
        return GYRE_ELOOPCLOSED;
    client = gyre_alloc_zeroed(sizeof(*client));
    if (!client)
        return -ENOMEM;
    options = options ? options : &defaults;
    client->loop = loop;
    client->refs = 1;
    client->options = *options;
    gyre__http_pool_init(client);
    gyre_http_headers_init(&client->headers);
    gyre__loop_keep(loop);
    rc = copy_options(client, options);
    if (rc < 0) {
        gyre__http_client_unref(client);
        return rc;
    }
    *out_client = client;
    return 0;
}

static void free_spare(gyre_http_client *client)
{
    while (client->responses) {
        gyre_http_response *r = client->responses;

        client->responses = r->next;
        gyre__http_response_destroy(r);
    }
    while (client->buffers) {
        struct gyre__http_spare *spare = client->buffers;

        client->buffers = spare->next;
        gyre_free(spare);
    }
}

void gyre__http_client_unref(gyre_http_client *client)
{
    gyre_loop *loop = client->loop;

    if (--client->refs)
        return;
    gyre__http_pool_fini(client);
    free_spare(client);
    gyre_url_fini(&client->proxy);
    gyre_free(client->proxy_authorization);
    gyre_http_headers_fini(&client->headers);
    gyre_free((void *)(uintptr_t)client->options.user_agent);
    gyre_free((void *)(uintptr_t)client->options.resolve);
    gyre_tls_context_unref(client->tls);
    gyre_free(client);
    gyre__loop_drop(loop);
}

int64_t gyre__http_client_tls(gyre_http_client *client, gyre_tls_context **out)
{
    static const char *const protocols[] = {"http/1.1"};
    int64_t rc = 0;

    if (!client->tls)
        rc = gyre_tls_client_context(
            &(gyre_tls_options){.alpn = protocols, .alpn_count = 1, .system_store = true},
            &client->tls);
    *out = client->tls;
    return rc;
}

gyre_loop *gyre_http_client_loop(const gyre_http_client *client)
{
    return client->loop;
}

void gyre_http_client_get_stats(const gyre_http_client *client, gyre_http_client_stats *out_stats)
{
    *out_stats = client->stats;
}

/* ---- memory for those who come next ---- */

char *gyre__http_buffer_take(gyre_http_client *client)
{
    struct gyre__http_spare *spare = client->buffers;

    if (!spare)
        return gyre_alloc(GYRE__HTTP_BUFFER);
    client->buffers = spare->next;
    client->buffer_count--;
    return (char *)spare;
}

void gyre__http_buffer_give(gyre_http_client *client, char *buffer)
{
    struct gyre__http_spare *spare = (struct gyre__http_spare *)(void *)buffer;

    if (!buffer)
        return;
    if (client->buffer_count >= MOST_SPARE || client->closed) {
        gyre_free(buffer);
        return;
    }
    spare->next = client->buffers;
    client->buffers = spare;
    client->buffer_count++;
}

bool gyre__http_response_keep(gyre_http_response *r)
{
    gyre_http_client *client = r->client;

    if (client->response_count >= MOST_SPARE || client->closed)
        return false;
    r->next = client->responses;
    client->responses = r;
    client->response_count++;
    return true;
}

/* ---- the end ---- */

void gyre_http_client_close_idle(gyre_http_client *client)
{
    gyre_stream *stream;

    while ((stream = gyre__http_pool_take_idle(client)) != NULL)
        gyre__http_end_stream(stream, false);
}

void gyre_http_client_abort(gyre_http_client *client)
{
    if (!client)
        return;
    gyre__check_thread(client->loop, __func__);
    client->closed = true;
    gyre__http_pool_dismiss(client);
    gyre_http_client_close_idle(client);
    gyre__http_client_unref(client);
}

/* TLS peers are told; that they answer is not worth waiting for where nothing is under way. */
gyre_await gyre_http_client_close(gyre_http_client *client)
{
    gyre_http_client_abort(client);
    return gyre__complete(gyre__task_running(__func__), 0);
}
