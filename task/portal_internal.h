/*
 * Portals: the way of other threads to a loop that may be closed at any moment.
 *
 * A portal is an object of its own that lives as long as any thread has a reference. It knows the
 * loop until that closes; a post goes through its lock, so that the loop cannot go in the middle of
 * it.
 */
#ifndef GYRE_TASK_PORTAL_INTERNAL_H
#define GYRE_TASK_PORTAL_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "../loop/loop_internal.h"
#include "executor.h"

/* Something that waits for a thread on behalf of the loop. Loop's thread only. */
typedef struct gyre__portal_client {
    gyre__link link;    /* in portal->clients, or alone */
    bool idle;          /* no reason for the loop to wait: it is not held */
    atomic_bool *told;  /* set before anything is waited for while the loop closes; or NULL */
    /* The loop closes: nothing is posted any more. Called off the list. */
    void (*close)(struct gyre__portal_client *client);
} gyre__portal_client;

typedef struct gyre__portal {
    pthread_mutex_t lock;
    pthread_cond_t changed;  /* for gyre__portal_wait() */
    unsigned waiters;        /* in it */
    gyre_loop *loop;         /* NULL once it is closed; written under the lock in the loop's thread */
    atomic_uint refs;
    gyre__link clients;      /* loop's thread, as what follows */
    gyre__close_hook hook;
    gyre_executor *executor; /* the loop's default one, reference; NULL: none yet */
    bool executor_shut;      /* it was shut down, and no new one is made */
} gyre__portal;

/* Makes a lock for short sections between threads. */
void gyre__lock_init(pthread_mutex_t *lock);

/* A condition that waits by the monotonic clock. */
void gyre__condition_init(pthread_cond_t *condition);

/* When a duration from now is over, for gyre__thread_wait(); GYRE_FOREVER: never. */
uint64_t gyre__thread_deadline(int64_t timeout_ns);

/*
 * Under the lock: waits for a condition of gyre__condition_init(). 0, also for no reason;
 * GYRE_ETIMEOUT; in a job GYRE_ECANCELLED soon after it was told to end, as what it waits for may
 * be waiting for its end.
 */
int64_t gyre__thread_wait(pthread_cond_t *condition, pthread_mutex_t *lock, uint64_t deadline);

/*
 * The portal of a loop that is not closing, made when it is first asked for; borrowed. NULL: no
 * memory.
 */
gyre__portal *gyre__portal_of(gyre_loop *loop);

/* The same without making one. */
gyre__portal *gyre__portal_made(const gyre_loop *loop);

gyre__portal *gyre__portal_ref(gyre__portal *portal);
void gyre__portal_unref(gyre__portal *portal); /* NULL is allowed */

/* Posts from any thread; false if the loop is closed: then the post is still the caller's. */
bool gyre__portal_post(gyre__portal *portal, gyre__post *post);

/* The same where the lock is held; for what must change together with it. */
bool gyre__portal_post_locked(gyre__portal *portal, gyre__post *post);

/* Under the lock: waits for the next gyre__portal_changed(). */
void gyre__portal_wait(gyre__portal *portal);

/* Under the lock: something changed for which gyre__portal_wait() may be waiting. */
static inline void gyre__portal_changed(gyre__portal *portal)
{
    if (portal->waiters)
        pthread_cond_broadcast(&portal->changed);
}

/*
 * A client enters: the loop is held unless it is idle, and calls `close` if it closes before the
 * client leaves.
 */
static inline void gyre__portal_enter(gyre__portal *portal, gyre__portal_client *client)
{
    gyre__list_append(&portal->clients, &client->link);
    portal->loop->holds += !client->idle;
}

static inline void gyre__portal_leave(gyre_loop *loop, gyre__portal_client *client)
{
    gyre__list_remove(&client->link);
    loop->holds -= !client->idle;
}

#endif
