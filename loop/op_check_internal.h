/*
 * The in-flight check of sanitizer and debug builds.
 *
 * Sanitizers do not see what the kernel writes. So every op that starts is entered in a table with the
 * memory of its request, and every completion is checked: the op must be in the table, and neither it
 * nor its memory may have been freed meanwhile. In other builds all this is nothing.
 */
#ifndef GYRE_LOOP_OP_CHECK_INTERNAL_H
#define GYRE_LOOP_OP_CHECK_INTERNAL_H

#include "backend_internal.h"

#if defined(__SANITIZE_ADDRESS__)
#define GYRE__OP_CHECK 1
#define GYRE__ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GYRE__OP_CHECK 1
#define GYRE__ASAN 1
#endif
#endif
#if !defined(GYRE__OP_CHECK) && defined(GYRE_DEBUG)
#define GYRE__OP_CHECK 1
#endif

#ifdef GYRE__OP_CHECK
int gyre__op_table_init(gyre__backend *backend);
void gyre__op_table_fini(gyre__backend *backend);
void gyre__op_check_start(gyre__backend *backend, gyre__op *op, const gyre__request *request);
void gyre__op_check_complete(gyre__backend *backend, gyre__op *op, bool last);
#else
static inline int gyre__op_table_init(gyre__backend *backend)
{
    (void)backend;
    return 0;
}
static inline void gyre__op_table_fini(gyre__backend *backend)
{
    (void)backend;
}
static inline void gyre__op_check_start(gyre__backend *backend, gyre__op *op,
                                        const gyre__request *request)
{
    (void)backend;
    (void)op;
    (void)request;
}
static inline void gyre__op_check_complete(gyre__backend *backend, gyre__op *op, bool last)
{
    (void)backend;
    (void)op;
    (void)last;
}
#endif

#endif
