/* Torture of queues: each kind, bounded or not, joined, shut down, ended early, fed by a thread. */
#include <errno.h>
#include <pthread.h>

#include "../../loop/alloc.h"
#include "../../task/group.h"
#include "../../task/queue.h"
#include "../../task/sleep.h"
#include "../support/torture.h"

enum { PRODUCERS = 2, CONSUMERS = 3, ITEMS = 3 };

/* An item is a block of its own, so that a lost one is found. */
static int *new_item(int number)
{
    int *item = gyre_alloc(sizeof(*item));

    if (item)
        *item = number;
    return item;
}

static int compare(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

struct producer {
    gyre_frame frame;
    gyre_queue *queue;
    int left;
    int64_t ms;
    int *item;
};
GYRE_CORO(producer)
{
    GYRE_BEGIN;
    while (self->left-- > 0) {
        self->item = new_item(self->left);
        if (!self->item)
            GYRE_RETURN(-ENOMEM);
        GYRE_TRY(gyre_queue_put(self->queue, self->item));
        self->item = NULL;
        if (self->ms)
            GYRE_TRY(gyre_sleep(GYRE_MS(self->ms)));
    }
    GYRE_FINALLY;
    gyre_free(self->item);
    GYRE_END;
}

struct consumer {
    gyre_frame frame;
    gyre_queue *queue;
    int64_t ms;
    void *item;
    int64_t rc;
};
GYRE_CORO(consumer)
{
    GYRE_BEGIN;
    for (;;) {
        GYRE_AWAIT(self->rc, gyre_queue_get(self->queue, &self->item));
        if (self->rc == GYRE_EQSHUTDOWN)
            GYRE_RETURN(0);
        if (self->rc < 0)
            GYRE_RETURN(self->rc);
        GYRE_AWAIT(self->rc, gyre_sleep(GYRE_MS(self->ms)));
        gyre_free(self->item);
        gyre_queue_task_done(self->queue);
        if (self->rc < 0)
            GYRE_RETURN(self->rc);
    }
    GYRE_END;
}

/* Joins when the producers have put everything, then shuts down. */
struct market {
    gyre_frame frame;
    gyre_queue_kind kind;
    size_t maxsize;
    bool hurried; /* shuts down in the middle instead */
    gyre_queue queue;
    gyre_group group;
    int64_t rc;
};
GYRE_CORO(market)
{
    GYRE_BEGIN;
    self->rc = gyre_queue_init(&self->queue, &(gyre_queue_options){.kind = self->kind,
                                                                   .maxsize = self->maxsize,
                                                                   .compare = compare,
                                                                   .release = gyre_free});
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    gyre_group_enter(&self->group);
    for (int i = 0; i < CONSUMERS; i++)
        GYRE_GROUP_SPAWN_DETACHED(&self->group, consumer, .queue = &self->queue, .ms = i);
    for (int i = 0; i < PRODUCERS; i++)
        GYRE_GROUP_SPAWN_DETACHED(&self->group, producer, .queue = &self->queue, .left = ITEMS,
                                  .ms = i);
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    if (!self->hurried)
        GYRE_TRY(gyre_queue_join(&self->queue));
    GYRE_FINALLY;
    if (!self->queue.items)
        GYRE_RETURN(self->frame.value);
    gyre_queue_shutdown(&self->queue, self->hurried);
    GYRE_AWAIT(self->rc, gyre_group_exit(&self->group, self->frame.value));
    gyre_queue_fini(&self->queue);
    /* Producers that came too late for a hurried end are the only failure there may be. */
    GYRE_RETURN(self->rc == GYRE_EGROUP && self->hurried ? 0 : self->rc);
    GYRE_END;
}

#define MARKET(...)                                                                                \
    &(const struct market)                                                                         \
    {                                                                                              \
        .frame = {.coro = &market_coro}, __VA_ARGS__                                               \
    }

/* ---- a queue that ends while tasks wait in it: they do not look at it again ---- */

struct waits {
    gyre_frame frame;
    gyre_queue *queue;
    bool gets;
    void *item;
    int64_t rc;
};
GYRE_CORO(waits)
{
    GYRE_BEGIN;
    self->item = self->gets ? NULL : new_item(1);
    if (!self->gets && !self->item)
        GYRE_RETURN(-ENOMEM);
    if (self->gets)
        GYRE_AWAIT(self->rc, gyre_queue_get(self->queue, &self->item));
    else
        GYRE_AWAIT(self->rc, gyre_queue_put(self->queue, self->item));
    if (self->gets || self->rc < 0)
        gyre_free(self->item);
    GYRE_RETURN(self->rc == GYRE_EQSHUTDOWN ? 0 : self->rc);
    GYRE_END;
}

struct ends_early {
    gyre_frame frame;
    bool gets;
    gyre_queue queue;
    int64_t rc;
};
GYRE_CORO(ends_early)
{
    GYRE_BEGIN;
    self->rc =
        gyre_queue_init(&self->queue, &(gyre_queue_options){.maxsize = 1, .release = gyre_free});
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    for (int i = 0; i < 3; i++)
        if (!GYRE_SPAWN_DETACHED(waits, .queue = &self->queue, .gets = self->gets))
            break;
    GYRE_TRY(gyre_sleep(GYRE_MS(2)));
    GYRE_FINALLY;
    gyre_queue_fini(&self->queue);
    GYRE_END;
}

struct end_early {
    gyre_frame frame;
};
GYRE_CORO(end_early)
{
    GYRE_BEGIN;
    GYRE_TRY(GYRE_CALL(ends_early, .gets = true));
    GYRE_TRY(GYRE_CALL(ends_early, .gets = false));
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    GYRE_END;
}

/* ---- a thread that puts ---- */

struct feeder {
    gyre_queue *queue;
    gyre_loop *loop;
    int put;
};

static void *feed(void *arg)
{
    struct feeder *feeder = arg;

    for (int i = 0; i < 5; i++) {
        int *item = new_item(i);

        if (!item)
            break;
        if (gyre_queue_put_threadsafe(feeder->queue, feeder->loop, item) == 0)
            feeder->put++;
        else
            gyre_free(item);
    }
    return NULL;
}

struct fed {
    gyre_frame frame;
    gyre_queue queue;
    struct feeder feeder;
    void *item;
    int64_t rc, sum;
};

/* Threads end before anything arrives, so that every run is the same. */
static int64_t run_feeder(struct fed *self)
{
    pthread_t thread;

    self->feeder = (struct feeder){.queue = &self->queue, .loop = gyre_loop_current()};
    if (pthread_create(&thread, NULL, feed, &self->feeder) != 0)
        return -EAGAIN;
    pthread_join(thread, NULL);
    return 0;
}

GYRE_CORO(fed)
{
    GYRE_BEGIN;
    self->rc =
        gyre_queue_init(&self->queue, &(gyre_queue_options){.maxsize = 2, .release = gyre_free});
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    self->rc = run_feeder(self);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    while (self->feeder.put-- > 0) {
        GYRE_TRY(gyre_queue_get(&self->queue, &self->item));
        self->sum = 10 * self->sum + *(int *)self->item;
        gyre_free(self->item);
        gyre_queue_task_done(&self->queue);
        GYRE_TRY(gyre_sleep(0));
    }
    GYRE_TRY(gyre_queue_join(&self->queue));
    self->rc = run_feeder(self); /* these never arrive, or are left over */
    GYRE_TRY(gyre_sleep(0));
    GYRE_RETURN(self->sum);
    GYRE_FINALLY;
    gyre_queue_fini(&self->queue);
    GYRE_END;
}

static const torture_scenario scenarios[] = {
    {.name = "fifo", .coro = &market_coro, .args = MARKET(.maxsize = 2)},
    {.name = "unbounded", .coro = &market_coro, .args = MARKET(.maxsize = 0)},
    {.name = "lifo", .coro = &market_coro, .args = MARKET(.kind = GYRE_QUEUE_LIFO, .maxsize = 3)},
    {.name = "priority", .coro = &market_coro, .args = MARKET(.kind = GYRE_QUEUE_PRIORITY)},
    {.name = "hurried", .coro = &market_coro, .args = MARKET(.maxsize = 1, .hurried = true)},
    {TORTURE_MAIN(end_early)},
    {TORTURE_MAIN(fed), .expect = 1234},
};

int main(int argc, char **argv)
{
    return torture_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
