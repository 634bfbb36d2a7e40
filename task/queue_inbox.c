/*
 * What other threads put: a lock-free stack that the loop takes over whole, and a post that makes
 * it do so.
 *
 * The inbox is made by the first thread that puts something. It is an object of its own, as its
 * post may still be on the way when the queue has ended.
 */
#include <errno.h>
#include <stdatomic.h>

#include "../loop/alloc.h"
#include "queue_internal.h"

struct entry {
    struct entry *next;
    void *item;
};

struct inbox {
    gyre__post post;
    gyre_queue *queue;              /* NULL: it has ended. Loop's thread, as what follows */
    struct entry *front;            /* found the queue full and wait in front of it, oldest first */
    struct entry **front_end;
    _Atomic(struct entry *) posted; /* newest first */
    atomic_bool scheduled;          /* the post is on its way */
};

/* ---- in the other threads ---- */

static void run(gyre__node *node);

static struct inbox *new_inbox(gyre_queue *queue)
{
    struct inbox *inbox = gyre_alloc(sizeof(*inbox));

    if (!inbox)
        return NULL;
    inbox->post.node.run = run;
    inbox->queue = queue;
    inbox->front = NULL;
    inbox->front_end = &inbox->front;
    atomic_init(&inbox->posted, NULL);
    atomic_init(&inbox->scheduled, false);
    return inbox;
}

/* Of several threads that come first together one makes it. */
static struct inbox *inbox_for_thread(gyre_queue *queue)
{
    void *inbox = __atomic_load_n(&queue->inbox, __ATOMIC_ACQUIRE);
    struct inbox *made;

    if (inbox)
        return inbox;
    made = new_inbox(queue);
    if (!made || __atomic_compare_exchange_n(&queue->inbox, &inbox, made, false, __ATOMIC_ACQ_REL,
                                             __ATOMIC_ACQUIRE))
        return made;
    gyre_free(made);
    return inbox;
}

int64_t gyre_queue_put_threadsafe(gyre_queue *queue, gyre_loop *loop, void *item)
{
    struct inbox *inbox = inbox_for_thread(queue);
    struct entry *entry = inbox ? gyre_alloc(sizeof(*entry)) : NULL;

    if (!entry)
        return -ENOMEM;
    entry->item = item;
    entry->next = atomic_load_explicit(&inbox->posted, memory_order_relaxed);
    while (!atomic_compare_exchange_weak(&inbox->posted, &entry->next, entry))
        ;
    if (!atomic_exchange(&inbox->scheduled, true))
        gyre__post_push(loop, &inbox->post);
    return 0;
}

/* ---- in the loop's thread ---- */

static void release_entry(const gyre_queue *queue, struct entry *entry)
{
    if (queue->options.release)
        queue->options.release(entry->item);
    gyre_free(entry);
}

/* Room for an item that does not break the bound; an unbounded queue grows if it can. */
static bool has_room(gyre_queue *queue)
{
    if (gyre__queue_is_full(queue))
        return false;
    return queue->count < queue->room || gyre__queue_grow(queue) == 0;
}

/* Items in front count as unfinished from the moment they arrive. */
static void arrive(gyre_queue *queue, struct inbox *inbox, struct entry *entry)
{
    entry->next = NULL;
    *inbox->front_end = entry;
    inbox->front_end = &entry->next;
    queue->unfinished++;
    queue->finished.value = false;
}

/* The queue is empty only if nothing lies in front of it. */
static void move_up(gyre_queue *queue, struct inbox *inbox)
{
    while (inbox->front && has_room(queue)) {
        struct entry *entry = inbox->front;

        inbox->front = entry->next;
        if (!entry->next)
            inbox->front_end = &inbox->front;
        gyre__queue_store(queue, entry->item);
        gyre_free(entry);
        gyre__queue_wake_next(&queue->getters);
    }
}

/* Newest first becomes oldest first. */
static struct entry *take_posted(struct inbox *inbox)
{
    struct entry *entry = atomic_exchange(&inbox->posted, NULL), *oldest = NULL;

    while (entry) {
        struct entry *older = entry->next;

        entry->next = oldest;
        oldest = entry;
        entry = older;
    }
    return oldest;
}

/* Runs when the loop closes, too: the items are then where gyre_queue_fini() finds them. */
static void run(gyre__node *node)
{
    struct inbox *inbox = GYRE__CONTAINER(node, struct inbox, post.node);
    gyre_queue *queue = inbox->queue;
    struct entry *entry;

    if (!queue) {
        gyre_free(inbox);
        return;
    }
    atomic_store(&inbox->scheduled, false); /* first: what comes now is posted anew */
    entry = take_posted(inbox);
    while (entry) {
        struct entry *next = entry->next;

        if (queue->is_shutdown)
            release_entry(queue, entry);
        else
            arrive(queue, inbox, entry);
        entry = next;
    }
    move_up(queue, inbox);
}

bool gyre__queue_refill(gyre_queue *queue)
{
    move_up(queue, __atomic_load_n(&queue->inbox, __ATOMIC_ACQUIRE));
    return gyre__queue_is_full(queue);
}

void gyre__queue_inbox_clear(gyre_queue *queue)
{
    struct inbox *inbox = __atomic_load_n(&queue->inbox, __ATOMIC_ACQUIRE);

    while (inbox && inbox->front) {
        struct entry *entry = inbox->front;

        inbox->front = entry->next;
        if (queue->unfinished)
            queue->unfinished--;
        release_entry(queue, entry);
    }
    if (inbox)
        inbox->front_end = &inbox->front;
}

void gyre__queue_inbox_fini(gyre_queue *queue)
{
    struct inbox *inbox = queue->inbox;
    struct entry *entry;

    if (!inbox)
        return;
    entry = take_posted(inbox);
    while (entry) {
        struct entry *next = entry->next;

        release_entry(queue, entry);
        entry = next;
    }
    inbox->queue = NULL;
    if (!atomic_load(&inbox->scheduled))
        gyre_free(inbox);
    queue->inbox = NULL;
}
