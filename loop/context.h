/*
 * Context variables: values that follow the flow of control, from a task to the tasks and callbacks it
 * starts. Setting one is seen by what is started later, never by what has been started already. A job that
 * gyre_to_thread() starts in a thread has a copy; if it outlives its loop it ends its values there.
 *
 * Python names: contextvars.ContextVar and Context (copy_context() is implicit, as in asyncio).
 */
#ifndef GYRE_LOOP_CONTEXT_H
#define GYRE_LOOP_CONTEXT_H

#include <stdint.h>

#include "api.h"

GYRE_BEGIN_DECLS

/* An immutable set of values, counted. NULL is the empty one. */
typedef struct gyre_context gyre_context;

/* A variable: define one at file scope, e.g. static gyre_context_var request_id = {"request_id", NULL, NULL}; */
typedef struct gyre_context_var {
    const char *name;              /* for people */
    void *initial;                 /* what gyre_context_get() gives where it was never set */
    void (*release)(void *value);  /* called on a value when the last context that has it goes; may be NULL */
} gyre_context_var;

/* The value in the running task, callback or job; borrowed. ContextVar.get(). Elsewhere: `initial`. */
GYRE_API void *gyre_context_get(const gyre_context_var *var);

/*
 * Sets it for the running task, callback or job and what they start from now on. value: moved (the variable's
 * `release` ends it). ContextVar.set(). Errors: -ENOMEM (the value stays the caller's), GYRE_ENOTASK outside of those.
 */
GYRE_API int64_t gyre_context_set(const gyre_context_var *var, void *value);

/* The context of what is running, new reference (may be NULL: empty). copy_context(). */
GYRE_API gyre_context *gyre_context_copy(void);

GYRE_API gyre_context *gyre_context_ref(gyre_context *context);
GYRE_API void gyre_context_unref(gyre_context *context);

GYRE_END_DECLS

#endif
