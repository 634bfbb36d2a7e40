/* Portals: one for each loop that other threads talk to, found in a slot of it. */
#include "portal_internal.h"

#include "../loop/alloc.h"

/* To sleep and be woken takes far longer than anything that is done under these locks. */
void gyre__lock_init(pthread_mutex_t *lock)
{
    pthread_mutexattr_t spins_first;

    pthread_mutexattr_init(&spins_first);
    pthread_mutexattr_settype(&spins_first, PTHREAD_MUTEX_ADAPTIVE_NP);
    pthread_mutex_init(lock, &spins_first);
    pthread_mutexattr_destroy(&spins_first);
}

gyre__portal *gyre__portal_ref(gyre__portal *portal)
{
    atomic_fetch_add_explicit(&portal->refs, 1, memory_order_relaxed);
    return portal;
}

void gyre__portal_unref(gyre__portal *portal)
{
    if (!portal || atomic_fetch_sub_explicit(&portal->refs, 1, memory_order_acq_rel) > 1)
        return;
    pthread_cond_destroy(&portal->changed);
    pthread_mutex_destroy(&portal->lock);
    gyre_free(portal);
}

/*
 * Newest first, so that jobs without a thread go before those that run make room for them. Clients
 * that wait for threads do so before the loop's reference to the default executor goes.
 */
static void close_portal(gyre_loop *loop, gyre__close_hook *hook)
{
    gyre__portal *portal = GYRE__CONTAINER(hook, gyre__portal, hook);

    pthread_mutex_lock(&portal->lock);
    portal->loop = NULL;
    pthread_mutex_unlock(&portal->lock);
    while (!gyre__list_empty(&portal->clients)) {
        gyre__portal_client *client =
            GYRE__CONTAINER(portal->clients.prev, gyre__portal_client, link);

        gyre__portal_leave(loop, client);
        client->close(client);
    }
    loop->slots[GYRE__SLOT_EXECUTOR] = NULL;
    gyre_executor_unref(portal->executor);
    portal->executor = NULL;
    gyre__portal_unref(portal);
}

gyre__portal *gyre__portal_made(const gyre_loop *loop)
{
    return loop->slots[GYRE__SLOT_EXECUTOR];
}

gyre__portal *gyre__portal_of(gyre_loop *loop)
{
    gyre__portal *portal = gyre__portal_made(loop);

    if (portal || loop->closing)
        return portal;
    portal = gyre_alloc_zeroed(sizeof(*portal));
    if (!portal)
        return NULL;
    gyre__lock_init(&portal->lock);
    pthread_cond_init(&portal->changed, NULL);
    portal->loop = loop;
    atomic_init(&portal->refs, 1);
    gyre__list_init(&portal->clients);
    portal->hook.close = close_portal;
    gyre__list_append(&loop->close_hooks, &portal->hook.link);
    loop->slots[GYRE__SLOT_EXECUTOR] = portal;
    return portal;
}

bool gyre__portal_post_locked(gyre__portal *portal, gyre__post *post)
{
    if (!portal->loop)
        return false;
    gyre__post_push(portal->loop, post);
    return true;
}

bool gyre__portal_post(gyre__portal *portal, gyre__post *post)
{
    bool posted;

    pthread_mutex_lock(&portal->lock);
    posted = gyre__portal_post_locked(portal, post);
    pthread_mutex_unlock(&portal->lock);
    return posted;
}

void gyre__portal_wait(gyre__portal *portal)
{
    portal->waiters++;
    pthread_cond_wait(&portal->changed, &portal->lock);
    portal->waiters--;
}
