/*
 * A place in a list of waiters. Public only because structs that users embed have one; what works on
 * it is in list_internal.h.
 */
#ifndef GYRE_LOOP_LINK_H
#define GYRE_LOOP_LINK_H

#include "api.h"

GYRE_BEGIN_DECLS

typedef struct gyre__link {
    struct gyre__link *next, *prev;
} gyre__link;

GYRE_END_DECLS

#endif
