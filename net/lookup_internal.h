/* Look-ups in threads: the lane on which getaddrinfo and getnameinfo run. */
#ifndef GYRE_NET_LOOKUP_INTERNAL_H
#define GYRE_NET_LOOKUP_INTERNAL_H

#include <netdb.h>

#include "../loop/loop_internal.h"
#include "../task/task_internal.h"
#include "address.h"

/* One look-up. Shared by a task and a thread; the lane's lock guards `state` and `loop`. */
typedef struct gyre__lookup {
    gyre__post post;            /* tells the loop */
    struct gyre__lookup *next;  /* in the queue of the lane */
    gyre_loop *loop;            /* NULL once nobody waits any more */
    gyre_task *task;            /* parked; loop's thread only */
    bool reverse;               /* getnameinfo */
    bool started;               /* a thread has it */
    struct addrinfo hints;
    struct addrinfo *found;     /* getaddrinfo's list */
    gyre_address address;       /* for getnameinfo */
    char name[NI_MAXHOST];      /* what to look up, or what was found */
    char service[8];
    bool has_name;
    int rc;                     /* EAI_* */
    int saved_errno;            /* for EAI_SYSTEM */
} gyre__lookup;

/* Queues a look-up and starts a thread if none is idle. -EAGAIN when there is none at all. */
int64_t gyre__lookup_start(gyre__lookup *lookup);

/*
 * The task does not wait any more. True: no thread has it or will post it, the caller frees it; false: the
 * thread or the post's node will.
 */
bool gyre__lookup_abandon(gyre__lookup *lookup);

/*
 * Waits until the thread that posted is done with the loop: it still has to wake it, and the loop may be gone soon.
 */
void gyre__lookup_settle(void);

/* Waits until no look-up is under way, abandoned ones included: for tests that count memory and descriptors. */
void gyre__lookup_quiet(void);

void gyre__lookup_free(gyre__lookup *lookup);

#endif
