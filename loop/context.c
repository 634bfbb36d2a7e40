/* Context variables: a persistent list. Setting adds a node in front; older contexts keep theirs. */
#include "context.h"

#include <errno.h>

#include "alloc.h"
#include "loop_internal.h"

/* One value, and all those set before it. Lists are short: a program has a handful of variables. */
struct gyre_context {
    unsigned refs;
    const gyre_context_var *var;
    void *value;
    gyre_context *older; /* reference */
};

gyre_context *gyre_context_ref(gyre_context *context)
{
    if (context)
        context->refs++;
    return context;
}

void gyre_context_unref(gyre_context *context)
{
    while (context && --context->refs == 0) {
        gyre_context *older = context->older;

        if (context->var->release)
            context->var->release(context->value);
        gyre_free(context);
        context = older;
    }
}

void *gyre_context_get(const gyre_context_var *var)
{
    const gyre_context *context = gyre__running ? gyre__running->context : NULL;

    for (; context; context = context->older)
        if (context->var == var)
            return context->value;
    return var->initial;
}

int64_t gyre_context_set(const gyre_context_var *var, void *value)
{
    gyre_loop *loop = gyre__running;
    gyre_context *context, *base;

    if (!loop)
        return GYRE_ENOTASK;
    context = gyre_alloc(sizeof(*context));
    if (!context)
        return -ENOMEM;
    /* Setting the same variable again and again must not make the list longer. */
    base = loop->context;
    if (base && base->var == var)
        base = base->older;
    *context = (gyre_context){.refs = 1, .var = var, .value = value, .older = gyre_context_ref(base)};
    gyre_context_unref(loop->context);
    loop->context = context;
    return 0;
}

gyre_context *gyre_context_copy(void)
{
    return gyre_context_ref(gyre__running ? gyre__running->context : NULL);
}
