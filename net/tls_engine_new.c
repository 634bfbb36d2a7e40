/* Making and freeing TLS engines: those in streams, and those on their own. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "tls_context_internal.h"
#include "tls_engine_internal.h"

/* An engine that is used on its own has what a stream lends to its engine. */
struct lone_engine {
    gyre_tls_engine *engine; /* which points back here: to `output` */
    gyre__bytes output;
    gyre__blocks blocks;
};

/* Addresses are verified as such: OpenSSL remembers only names that have matched. name: as it was compared. */
static void note_address(gyre_tls_engine *engine, const char *name)
{
    unsigned char address[16];

    if (strlen(name) < sizeof(engine->address) &&
        (inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1))
        strcpy(engine->address, name);
}

static int64_t make_ssl(gyre_tls_engine *engine, gyre_tls_context *context,
                        const gyre_tls_engine_options *options)
{
    const char *name;
    BIO *bio;
    int64_t rc;

    engine->ssl = SSL_new(gyre__tls_context_ssl(context));
    if (!engine->ssl)
        return gyre__tls_raise(-ENOMEM, NULL);
    bio = gyre__tls_bio_new(engine);
    if (!bio)
        return gyre__tls_raise(-ENOMEM, NULL);
    SSL_set_bio(engine->ssl, bio, bio);
    /* An idle connection holds neither a read nor a write buffer, which are 16 KiB each. */
    SSL_set_mode(engine->ssl, SSL_MODE_RELEASE_BUFFERS);
    SSL_clear_mode(engine->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE); /* writing is all or nothing */
    rc = gyre__tls_prepare(context, engine->ssl, options ? options->server_name : NULL,
                           options ? options->session_key : NULL);
    name = rc == 0 && context->check_host ? gyre__tls_connection_of(engine->ssl)->name : NULL;
    if (name)
        note_address(engine, name);
    return rc;
}

int64_t gyre__tls_engine_make(gyre_tls_context *context, const gyre_tls_engine_options *options,
                              gyre__blocks *blocks, gyre__bytes *output,
                              gyre_tls_engine **out_engine)
{
    gyre_tls_engine *engine = gyre__blocks_take(blocks, sizeof(*engine));
    int64_t rc;

    *out_engine = NULL;
    if (!engine)
        return -ENOMEM;
    memset(engine, 0, sizeof(*engine));
    engine->settings = gyre__tls_context_settings(context);
    engine->blocks = blocks;
    engine->output = output;
    rc = make_ssl(engine, context, options);
    if (rc < 0) {
        gyre__tls_engine_end(engine);
        return rc;
    }
    *out_engine = engine;
    return 0;
}

void gyre__tls_engine_end(gyre_tls_engine *engine)
{
    SSL_free(engine->ssl);
    gyre__bytes_clear(&engine->input, engine->blocks);
    if (engine->alpn)
        gyre__blocks_give(engine->blocks, engine->alpn, engine->alpn_size);
    gyre_error_unref(engine->detail);
    gyre__blocks_give(engine->blocks, engine, sizeof(*engine));
}

int64_t gyre_tls_engine_new(gyre_tls_context *context, const gyre_tls_engine_options *options,
                            gyre_tls_engine **out_engine)
{
    struct lone_engine *lone = gyre_alloc_zeroed(sizeof(*lone));
    int64_t rc;

    *out_engine = NULL;
    if (!lone)
        return -ENOMEM;
    gyre__blocks_init(&lone->blocks, true);
    rc = gyre__tls_engine_make(context, options, &lone->blocks, &lone->output, &lone->engine);
    if (rc < 0) {
        gyre_free(lone);
        return rc;
    }
    *out_engine = lone->engine;
    return 0;
}

void gyre_tls_engine_free(gyre_tls_engine *engine)
{
    struct lone_engine *lone;

    if (!engine)
        return;
    lone = (struct lone_engine *)(void *)((char *)engine->output -
                                          offsetof(struct lone_engine, output));
    gyre__tls_engine_end(engine);
    gyre__bytes_clear(&lone->output, &lone->blocks);
    gyre__blocks_fini(&lone->blocks);
    gyre_free(lone);
}
