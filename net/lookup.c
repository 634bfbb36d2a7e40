/* The lane of look-ups: up to four threads of the process, and a queue. */
#include "lookup_internal.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "../loop/alloc.h"

enum { MOST_THREADS = 4, IDLE_SECONDS = 10 };

/* Static: threads may outlive every loop. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t wanted;
    gyre__lookup *first, *last;
    unsigned threads, idle, queued;
    pthread_cond_t quiet; /* a thread has become idle, or gone */
} lane = {.lock = PTHREAD_MUTEX_INITIALIZER,
          .wanted = PTHREAD_COND_INITIALIZER,
          .quiet = PTHREAD_COND_INITIALIZER};

void gyre__lookup_free(gyre__lookup *lookup)
{
    if (lookup->found)
        freeaddrinfo(lookup->found);
    gyre_free(lookup);
}

static void look_up(gyre__lookup *lookup)
{
    if (lookup->reverse)
        lookup->rc = getnameinfo(gyre_address_raw(&lookup->address), lookup->address.length,
                                 lookup->name, sizeof(lookup->name), NULL, 0, 0);
    else
        lookup->rc = getaddrinfo(lookup->has_name ? lookup->name : NULL, lookup->service,
                                 &lookup->hints, &lookup->found);
    lookup->saved_errno = errno;
}

/* The lock is held: the loop cannot go while its look-up is being posted. */
static void deliver(gyre__lookup *lookup)
{
    if (lookup->loop)
        gyre__post_push(lookup->loop, &lookup->post);
    else
        gyre__lookup_free(lookup);
}

static gyre__lookup *take_next(void)
{
    gyre__lookup *lookup = lane.first;

    if (lookup) {
        lane.first = lookup->next;
        lane.queued--;
        lookup->started = true;
    }
    return lookup;
}

/* False when nothing came for a while: the thread goes. */
static bool wait_for_work(void)
{
    struct timespec until;
    int rc = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += IDLE_SECONDS;
    lane.idle++;
    pthread_cond_broadcast(&lane.quiet);
    while (!lane.first && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&lane.wanted, &lane.lock, &until);
    lane.idle--;
    return lane.first != NULL;
}

static void *work(void *arg)
{
    gyre__lookup *lookup;

    (void)arg;
    pthread_mutex_lock(&lane.lock);
    while (lane.first || wait_for_work()) {
        lookup = take_next();
        pthread_mutex_unlock(&lane.lock);
        look_up(lookup);
        pthread_mutex_lock(&lane.lock);
        deliver(lookup);
    }
    lane.threads--;
    pthread_cond_broadcast(&lane.quiet);
    pthread_mutex_unlock(&lane.lock);
    return NULL;
}

/* Signals are for the program's own threads. */
static bool start_thread(void)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    pthread_t thread;
    int rc;

    if (pthread_attr_init(&attributes) != 0)
        return false;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&thread, &attributes, work, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return rc == 0;
}

/* A fork waits until nobody is inside the lane. */
static void before_fork(void)
{
    pthread_mutex_lock(&lane.lock);
}

static void after_fork(void)
{
    pthread_mutex_unlock(&lane.lock);
}

/* The parent's threads are not here, and its queue is not ours. */
static void in_child(void)
{
    pthread_mutex_init(&lane.lock, NULL);
    pthread_cond_init(&lane.wanted, NULL); /* the old ones count waiters that are not here */
    pthread_cond_init(&lane.quiet, NULL);
    lane.first = NULL;
    lane.threads = lane.idle = lane.queued = 0;
}

static void watch_forks(void)
{
    pthread_atfork(before_fork, after_fork, in_child);
}

int64_t gyre__lookup_start(gyre__lookup *lookup)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    int64_t rc = 0;

    pthread_once(&once, watch_forks);
    pthread_mutex_lock(&lane.lock);
    /* Idle threads may not have noticed yet what is queued for them. */
    if (lane.idle <= lane.queued && lane.threads < MOST_THREADS) {
        lane.threads++;
        if (!start_thread()) {
            lane.threads--;
            rc = lane.threads ? 0 : -EAGAIN;
        }
    }
    if (rc == 0) {
        lookup->next = NULL;
        if (lane.first)
            lane.last->next = lookup;
        else
            lane.first = lookup;
        lane.last = lookup;
        lane.queued++;
        pthread_cond_signal(&lane.wanted);
    }
    pthread_mutex_unlock(&lane.lock);
    return rc;
}

void gyre__lookup_settle(void)
{
    pthread_mutex_lock(&lane.lock); /* which deliver() holds */
    pthread_mutex_unlock(&lane.lock);
}

bool gyre__lookup_abandon(gyre__lookup *lookup)
{
    bool mine;

    pthread_mutex_lock(&lane.lock);
    mine = !lookup->started;
    if (mine) {
        gyre__lookup **at = &lane.first, *before = NULL;

        while (*at != lookup) {
            before = *at;
            at = &before->next;
        }
        *at = lookup->next;
        lane.queued--;
        if (lane.last == lookup)
            lane.last = before;
    }
    lookup->loop = NULL;
    pthread_mutex_unlock(&lane.lock);
    return mine;
}

void gyre__lookup_quiet(void)
{
    pthread_mutex_lock(&lane.lock);
    while (lane.first || lane.threads > lane.idle)
        pthread_cond_wait(&lane.quiet, &lane.lock);
    pthread_mutex_unlock(&lane.lock);
}
