/*
 * OpenSSL's allocations in torture: every so-many-th of them is one that can fail.
 *
 * They are not among the blocks that a run must give back: OpenSSL keeps some for the process and
 * for each thread. What it loses, LeakSanitizer finds at the end of a mode, where it is on.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../net/tls_internal.h"
#include "torture_internal.h"

#if defined(__SANITIZE_ADDRESS__)
#define HAVE_LSAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_LSAN 1
#endif
#endif
#ifdef HAVE_LSAN
#include <sanitizer/lsan_interface.h>
#endif

static unsigned stride; /* 0: OpenSSL is left alone */
static atomic_uint count;

static bool refuse(void)
{
    return atomic_fetch_add(&count, 1) % stride == stride - 1 ? torture__refuse()
                                                              : torture__refuses_all();
}

static void *openssl_alloc(void *context, size_t size)
{
    (void)context;
    return refuse() ? NULL : malloc(size);
}

static void *openssl_resize(void *context, void *block, size_t size)
{
    (void)context;
    return refuse() ? NULL : realloc(block, size);
}

static void openssl_release(void *context, void *block)
{
    (void)context;
    free(block);
}

void torture_openssl(unsigned every)
{
    static const gyre_allocator allocator = {openssl_alloc, openssl_resize, openssl_release, NULL};

    stride = every;
    gyre__tls_set_allocator(&allocator);
    if (gyre_tls_use_allocator() < 0) {
        fprintf(stderr, "torture_openssl() comes too late: OpenSSL is in use\n");
        exit(2);
    }
}

void torture__openssl_starts(void)
{
    atomic_store(&count, 0); /* the k-th is the same one in every run */
}

bool torture__openssl_leaks(void)
{
#ifdef HAVE_LSAN
    return stride && __lsan_do_recoverable_leak_check();
#else
    return false;
#endif
}
