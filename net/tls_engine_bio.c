/* The engine's BIO: hands OpenSSL the received bytes where they lie, and puts what it sends where it is sent from. */
#include <stdatomic.h>
#include <string.h>

#include "tls_engine_internal.h"

/* Follows the records, so that their borders are known: OpenSSL takes header and body one after the other. */
static void follow(gyre_tls_engine *engine, const char *data, size_t size)
{
    while (size) {
        size_t part;

        if (engine->record_left) {
            part = engine->record_left < size ? engine->record_left : size;
            engine->record_left -= part;
        } else {
            part = (size_t)GYRE__TLS_HEADER - engine->header_size;
            part = part < size ? part : size;
            memcpy(engine->header + engine->header_size, data, part);
            engine->header_size = (uint8_t)(engine->header_size + part);
            if (engine->header_size == GYRE__TLS_HEADER) {
                engine->record_size = (size_t)engine->header[3] << 8 | engine->header[4];
                engine->record_left = engine->record_size;
                engine->header_size = 0;
            }
        }
        data += part;
        size -= part;
    }
}

/* First what was kept, then what has just come. */
static size_t take(gyre_tls_engine *engine, char *buffer, size_t size)
{
    size_t kept = gyre__bytes_length(&engine->input), fresh;

    if (kept) {
        kept = kept < size ? kept : size;
        memcpy(buffer, gyre__bytes_head(&engine->input), kept);
        gyre__bytes_consume(&engine->input, engine->blocks, kept);
    }
    fresh = engine->fresh_size < size - kept ? engine->fresh_size : size - kept;
    if (fresh) {
        memcpy(buffer + kept, engine->fresh, fresh);
        engine->fresh += fresh;
        engine->fresh_size -= fresh;
    }
    return kept + fresh;
}

static int bio_read(BIO *bio, char *buffer, int size)
{
    gyre_tls_engine *engine = BIO_get_data(bio);
    size_t n = size > 0 ? take(engine, buffer, (size_t)size) : 0;

    BIO_clear_retry_flags(bio);
    if (!n) {
        BIO_set_retry_read(bio);
        return -1;
    }
    follow(engine, buffer, n);
    return (int)n;
}

static int bio_write(BIO *bio, const char *data, int size)
{
    gyre_tls_engine *engine = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    if (size <= 0)
        return 0;
    if (!gyre__bytes_append(engine->output, engine->blocks, data, (size_t)size)) {
        engine->out_of_memory = true;
        return -1;
    }
    return size;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH; /* whatever else is asked: no */
}

static BIO_METHOD *make_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "gyre");

    if (!method || !BIO_meth_set_read(method, bio_read) || !BIO_meth_set_write(method, bio_write) ||
        !BIO_meth_set_ctrl(method, bio_control)) {
        BIO_meth_free(method);
        return NULL;
    }
    return method;
}

/* One for the process, made by whoever needs it first and kept: threads may meet here. */
static BIO_METHOD *method_of_all(void)
{
    static _Atomic(BIO_METHOD *) shared;
    BIO_METHOD *method = shared, *made;

    if (method)
        return method;
    made = make_method();
    if (!made)
        return NULL;
    if (atomic_compare_exchange_strong(&shared, &method, made))
        return made;
    BIO_meth_free(made);
    return method;
}

BIO *gyre__tls_bio_new(gyre_tls_engine *engine)
{
    BIO_METHOD *method = method_of_all();
    BIO *bio = method ? BIO_new(method) : NULL;

    if (bio) {
        BIO_set_data(bio, engine);
        BIO_set_init(bio, 1);
    }
    return bio;
}
