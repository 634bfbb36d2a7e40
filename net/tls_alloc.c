/* OpenSSL's memory from gyre's allocator hook, for programs that ask for it. */
#include <errno.h>
#include <stdatomic.h>

#include <openssl/crypto.h>
#include <openssl/ssl.h>

#include "../loop/error_internal.h"
#include "tls_internal.h"

/* Tests put their own in front; NULL: gyre's. */
static const gyre_allocator *tests_allocator;

/* OpenSSL does not always pass it on: what comes of it may look like a bad certificate. */
static _Thread_local bool was_short;

static void *note(void *block)
{
    was_short |= !block;
    return block;
}

static void *take(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    if (tests_allocator)
        return note(tests_allocator->alloc(tests_allocator->context, size));
    return note(gyre_alloc(size));
}

static void give(void *block, const char *file, int line)
{
    (void)file, (void)line;
    if (!block)
        return;
    if (tests_allocator)
        tests_allocator->release(tests_allocator->context, block);
    else
        gyre_free(block);
}

/* As OpenSSL wants it: of nothing a new block, to no size none. */
static void *resize(void *block, size_t size, const char *file, int line)
{
    if (!block)
        return take(size, file, line);
    if (size == 0) {
        give(block, file, line);
        return NULL;
    }
    if (tests_allocator)
        return note(tests_allocator->resize(tests_allocator->context, block, size));
    return note(gyre_realloc(block, size));
}

void gyre__tls_set_allocator(const gyre_allocator *allocator)
{
    tests_allocator = allocator;
}

bool gyre__tls_memory_was_short(void)
{
    bool was = was_short;

    was_short = false;
    return was;
}

int64_t gyre_tls_use_allocator(void)
{
    static atomic_bool done;

    if (atomic_load(&done))
        return 0;
    if (!CRYPTO_set_mem_functions(take, resize, give))
        return gyre_raise(gyre_error_new(
            GYRE_ESTATE, "OpenSSL has allocated memory before gyre_tls_use_allocator()"));
    atomic_store(&done, true);
    return 0;
}
