/* Context variables: a persistent list. Setting puts a node in front; older contexts keep theirs. */
#include "context.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "alloc.h"
#include "loop_internal.h"

/* A value, shared by all contexts that have it. */
struct binding {
    atomic_uint refs; /* jobs in threads have contexts too */
    const gyre_context_var *var;
    void *value;
};

/* One value, and all those set before it, each of another variable. Lists are short: a program has a handful. */
struct gyre_context {
    atomic_uint refs;
    struct binding *binding; /* reference */
    gyre_context *older;     /* reference */
};

_Thread_local gyre_context **gyre__context_slot;

static void add(atomic_uint *refs)
{
    atomic_fetch_add_explicit(refs, 1, memory_order_relaxed);
}

/* True if that was the last one. */
static bool subtract(atomic_uint *refs)
{
    return atomic_fetch_sub_explicit(refs, 1, memory_order_acq_rel) == 1;
}

static void unbind(struct binding *binding)
{
    if (!subtract(&binding->refs))
        return;
    if (binding->var->release)
        binding->var->release(binding->value);
    gyre_free(binding);
}

gyre_context *gyre_context_ref(gyre_context *context)
{
    if (context)
        add(&context->refs);
    return context;
}

void gyre_context_unref(gyre_context *context)
{
    while (context && subtract(&context->refs)) {
        gyre_context *older = context->older;

        unbind(context->binding);
        gyre_free(context);
        context = older;
    }
}

/* Where the context of what runs in this thread is: a loop's or a job's; NULL: nowhere. */
static gyre_context **current(void)
{
    return gyre__running ? &gyre__running->context : gyre__context_slot;
}

void *gyre_context_get(const gyre_context_var *var)
{
    gyre_context **slot = current();
    const gyre_context *context = slot ? *slot : NULL;

    for (; context; context = context->older)
        if (context->binding->var == var)
            return context->binding->value;
    return var->initial;
}

/* A node in front of `older`, which it takes over; the binding is shared. NULL: no memory, nothing is taken. */
static gyre_context *put_in_front(gyre_context *older, struct binding *binding)
{
    gyre_context *context = gyre_alloc(sizeof(*context));

    if (!context)
        return NULL;
    *context = (gyre_context){.refs = 1, .binding = binding, .older = older};
    add(&binding->refs);
    return context;
}

static bool has(const gyre_context *context, const gyre_context_var *var)
{
    while (context && context->binding->var != var)
        context = context->older;
    return context != NULL;
}

/*
 * The list without the variable, in *out, so that setting again and again does not make it longer. What lies
 * behind the variable is shared, what lies in front is copied. False: no memory.
 */
static bool without(gyre_context *context, const gyre_context_var *var, gyre_context **out)
{
    gyre_context *rest;

    if (!has(context, var)) {
        *out = gyre_context_ref(context);
        return true;
    }
    if (context->binding->var == var) {
        *out = gyre_context_ref(context->older);
        return true;
    }
    if (!without(context->older, var, &rest))
        return false;
    *out = put_in_front(rest, context->binding);
    if (!*out)
        gyre_context_unref(rest);
    return *out != NULL;
}

int64_t gyre_context_set(const gyre_context_var *var, void *value)
{
    gyre_context **slot = current(), *rest, *context;
    struct binding *binding;

    if (!slot)
        return GYRE_ENOTASK;
    binding = gyre_alloc(sizeof(*binding));
    if (!binding)
        return -ENOMEM;
    *binding = (struct binding){.var = var, .value = value};
    if (!without(*slot, var, &rest)) {
        gyre_free(binding);
        return -ENOMEM;
    }
    context = put_in_front(rest, binding);
    if (!context) {
        gyre_context_unref(rest);
        gyre_free(binding);
        return -ENOMEM;
    }
    rest = *slot;
    *slot = context; /* first: releasing a value may look at others */
    gyre_context_unref(rest);
    return 0;
}

gyre_context *gyre_context_copy(void)
{
    gyre_context **slot = current();

    return gyre_context_ref(slot ? *slot : NULL);
}
