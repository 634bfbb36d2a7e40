/* getaddrinfo and getnameinfo as awaitables. */
#include "resolver.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../loop/alloc.h"
#include "lookup_internal.h"

static int64_t error_of(int rc, int saved_errno)
{
    switch (rc) {
    case 0:
        return 0;
    case EAI_NONAME:
    case EAI_SERVICE:
#ifdef EAI_NODATA
    case EAI_NODATA:
#endif
        return GYRE_EDNSNAME;
    case EAI_AGAIN:
        return GYRE_EDNSAGAIN;
    case EAI_FAMILY:
    case EAI_SOCKTYPE:
#ifdef EAI_ADDRFAMILY
    case EAI_ADDRFAMILY:
#endif
        return GYRE_EDNSFAMILY;
    case EAI_MEMORY:
        return -ENOMEM;
    case EAI_BADFLAGS:
        return -EINVAL;
    case EAI_OVERFLOW:
        return -ENOSPC;
    case EAI_SYSTEM:
        return saved_errno ? -saved_errno : GYRE_EDNSFAIL;
    default:
        return GYRE_EDNSFAIL;
    }
}

/* ---- waiting for a look-up ---- */

struct await_lookup {
    gyre_frame frame;
    gyre__lookup *lookup;         /* ours while we wait */
    gyre_address **out_addresses; /* for getaddrinfo */
    char *buffer;                 /* for getnameinfo */
    size_t size;
    int64_t rc;
};

static void lookup_done(gyre__node *node)
{
    gyre__lookup *lookup = GYRE__CONTAINER(node, gyre__lookup, post.node);

    gyre__lookup_settle();
    if (!lookup->task) { /* abandoned after it had been posted */
        gyre__lookup_free(lookup);
        return;
    }
    gyre_loop_release(lookup->task->future.loop);
    gyre__wake_task(lookup->task);
    lookup->task = NULL;
}

/* The task goes on at once; the look-up belongs to its thread, or to the post that is on its way. */
static bool cancel_lookup(gyre_task *task, gyre_error *detail)
{
    gyre__lookup *lookup = task->wait.slot.data;

    if (!gyre__cancel_wait(task, detail))
        return false;
    lookup->task = NULL;
    gyre_loop_release(task->future.loop);
    if (gyre__lookup_abandon(lookup))
        gyre__lookup_free(lookup);
    return true;
}

static int64_t finish_lookup(gyre_task *task)
{
    return gyre__wait_result(task);
}

static const gyre__wait_kind wait_lookup = {
    .what = "a name server",
    .cancel = cancel_lookup,
    .finish = finish_lookup,
    .keeps_result = true, /* the look-up is ours then, and must be taken */
};

static gyre_await park(gyre__lookup *lookup)
{
    gyre_task *task = gyre__task_running("gyre_getaddrinfo");
    int64_t rc;

    lookup->loop = task->future.loop;
    lookup->task = task;
    lookup->post.node.run = lookup_done;
    rc = gyre__lookup_start(lookup);
    if (rc < 0) {
        lookup->task = NULL;
        gyre__lookup_free(lookup);
        return gyre__complete(task, rc);
    }
    gyre_loop_hold(task->future.loop);
    task->wait.slot.data = lookup;
    return gyre__park_slot(task, &wait_lookup, lookup);
}

static int64_t copy_list(const struct addrinfo *found, gyre_address **out)
{
    size_t count = 0;
    gyre_address *list;

    for (const struct addrinfo *info = found; info; info = info->ai_next)
        count++;
    list = gyre_alloc_zeroed(count * sizeof(*list));
    if (!list)
        return -ENOMEM;
    count = 0;
    for (const struct addrinfo *info = found; info; info = info->ai_next)
        if (gyre_address_from(&list[count], info->ai_addr, info->ai_addrlen) == 0)
            count++;
    if (!count) { /* only families that we do not know */
        gyre_free(list);
        return GYRE_EDNSNAME;
    }
    *out = list;
    return (int64_t)count;
}

static int64_t take_result(struct await_lookup *self)
{
    gyre__lookup *lookup = self->lookup;
    int64_t rc = error_of(lookup->rc, lookup->saved_errno);

    if (rc == 0 && lookup->reverse) {
        rc = (int64_t)strlen(lookup->name);
        if ((size_t)rc >= self->size)
            rc = -ENOSPC;
        else
            memcpy(self->buffer, lookup->name, (size_t)rc + 1);
    } else if (rc == 0) {
        rc = copy_list(lookup->found, self->out_addresses);
    }
    gyre__lookup_free(lookup);
    return rc;
}

/* An error of the wait means that the look-up is not ours any more. */
GYRE_CORO(await_lookup)
{
    GYRE_BEGIN;
    GYRE_TRY(park(self->lookup));
    self->rc = take_result(self);
    GYRE_RETURN(self->rc);
    GYRE_END;
}

static gyre_await start(gyre_task *task, const struct await_lookup *args)
{
    gyre_await pending = gyre__call(&await_lookup_coro, args);

    (void)task;
    if (!pending.pending)
        gyre__lookup_free(args->lookup);
    return pending;
}

/* ---- the two calls ---- */

/* Numbers need no name server, so no thread either. */
static bool is_numeric(const char *host, uint16_t port, int family, gyre_address *out)
{
    return host && gyre_address_parse(out, host, port) == 0 &&
           (family == AF_UNSPEC || family == gyre_address_family(out));
}

static gyre__lookup *make_lookup(const char *host, uint16_t port, const gyre_resolve_options *options)
{
    gyre__lookup *lookup = gyre_alloc_zeroed(sizeof(*lookup));

    if (!lookup)
        return NULL;
    lookup->hints = (struct addrinfo){.ai_family = options->family,
                                      .ai_socktype = options->type ? options->type : SOCK_STREAM,
                                      .ai_flags = options->flags & ~AI_CANONNAME};
    snprintf(lookup->service, sizeof(lookup->service), "%u", port);
    if (host) {
        lookup->has_name = true;
        memcpy(lookup->name, host, strlen(host) + 1);
    }
    return lookup;
}

gyre_await gyre_getaddrinfo(const char *host, uint16_t port, const gyre_resolve_options *options,
                            gyre_address **out_addresses)
{
    static const gyre_resolve_options defaults;
    gyre_task *task = gyre__task_running(__func__);
    gyre_address numeric;
    gyre__lookup *lookup;

    options = options ? options : &defaults;
    *out_addresses = NULL;
    if (host && strlen(host) >= NI_MAXHOST)
        return gyre__complete(task, GYRE_EDNSNAME);
    if (is_numeric(host, port, options->family, &numeric)) {
        *out_addresses = gyre_alloc(sizeof(numeric));
        if (!*out_addresses)
            return gyre__complete(task, -ENOMEM);
        **out_addresses = numeric;
        return gyre__complete(task, 1);
    }
    if (!gyre__may_park(task))
        return gyre__complete(task, GYRE_ECANCELLED);
    lookup = make_lookup(host, port, options);
    if (!lookup)
        return gyre__complete(task, -ENOMEM);
    return start(task,
                 &(struct await_lookup){.frame = {.coro = &await_lookup_coro, .leaf = true},
                                        .lookup = lookup,
                                        .out_addresses = out_addresses});
}

gyre_await gyre_getnameinfo(const gyre_address *address, char *buffer, size_t size)
{
    gyre_task *task = gyre__task_running(__func__);
    gyre__lookup *lookup;

    if (!gyre__may_park(task))
        return gyre__complete(task, GYRE_ECANCELLED);
    lookup = gyre_alloc_zeroed(sizeof(*lookup));
    if (!lookup)
        return gyre__complete(task, -ENOMEM);
    lookup->reverse = true;
    lookup->address = *address;
    return start(task,
                 &(struct await_lookup){.frame = {.coro = &await_lookup_coro, .leaf = true},
                                        .lookup = lookup,
                                        .buffer = buffer,
                                        .size = size});
}
