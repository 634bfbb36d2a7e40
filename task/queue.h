/*
 * Queues: items from tasks that make them to tasks that use them.
 *
 * Items are pointers. Putting moves an item into the queue, getting moves it out; whoever waits is
 * served in the order of coming. An item is never lost: a getter takes it only when it runs, so one
 * that is cancelled in between leaves it to the next. Embed the queue; it must stay where it is. It
 * belongs to the loop in which a task first waited for it.
 *
 *     gyre_queue_init(&queue, &(gyre_queue_options){.maxsize = 128});
 *     GYRE_TRY(gyre_queue_put(&queue, item));
 *     GYRE_TRY(gyre_queue_get(&queue, &self->item));
 *     gyre_queue_fini(&queue);
 *
 * Python names: asyncio.Queue, LifoQueue, PriorityQueue.
 */
#ifndef GYRE_TASK_QUEUE_H
#define GYRE_TASK_QUEUE_H

#include "event.h"

GYRE_BEGIN_DECLS

typedef enum gyre_queue_kind {
    GYRE_QUEUE_FIFO,     /* Queue */
    GYRE_QUEUE_LIFO,     /* LifoQueue */
    GYRE_QUEUE_PRIORITY, /* PriorityQueue: the least first */
} gyre_queue_kind;

/* All zero is a FIFO without bound. */
typedef struct gyre_queue_options {
    gyre_queue_kind kind;
    size_t maxsize; /* items it holds; 0: no bound */
    /* For priority queues: < 0 if a comes before b. Equal ones come in an order that is fixed. */
    int (*compare)(const void *a, const void *b);
    /* Gets what nobody took when the queue ends or is shut down at once; NULL: nothing is done. */
    void (*release)(void *item);
} gyre_queue_options;

/* Tasks in line: first those on their way to run, then those that wait. */
typedef struct gyre__queue_line {
    gyre__link tasks; /* slots, oldest first */
    gyre__link *next; /* the first that waits; &tasks: none */
} gyre__queue_line;

/* Fields are the library's. */
typedef struct gyre_queue {
    void **items;        /* FIFO: a ring; LIFO: a stack; priority: a heap */
    size_t head;         /* FIFO: index of the first */
    size_t count;        /* items in it */
    size_t room;         /* slots of `items`, a power of two */
    size_t open;         /* with fewer items than this one more can be stored as it is */
    gyre_queue_options options;
    size_t unfinished;   /* items put and not yet reported by task_done */
    gyre_event finished; /* set while there are none */
    gyre__queue_line getters;
    gyre__queue_line putters;
    gyre_loop *loop;     /* of those who waited; NULL: nobody yet */
    void *inbox;         /* what other threads put: queue_inbox.c */
    bool is_shutdown;
} gyre_queue;

/*
 * Makes a queue of uninitialised memory. options: borrowed; NULL: all zero. Bounded queues up to
 * 4096 items take all their memory here, so that putting cannot fail for want of it. Gives 0;
 * -ENOMEM; -EINVAL for a priority queue without compare.
 */
GYRE_API GYRE_MUST_USE int64_t gyre_queue_init(gyre_queue *queue,
                                               const gyre_queue_options *options);

/*
 * Ends a queue: what is in it is released, and tasks that still wait get GYRE_EQSHUTDOWN when they
 * run. No thread may put any more. Nothing else may follow but gyre_queue_init().
 */
GYRE_API void gyre_queue_fini(gyre_queue *queue);

/*
 * Puts an item, waiting while the queue is full. item: moved if the result is 0, else still the
 * caller's. Errors: GYRE_EQSHUTDOWN; -ENOMEM when the queue must grow; GYRE_EWRONGLOOP if it would
 * have to wait where tasks of another loop have waited. put().
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_queue_put(gyre_queue *queue, void *item);

/*
 * Takes an item, waiting while there is none. *out_item: written when the result is 0, with the
 * item, which is the caller's from then on; it must be there until then: in a frame, not on the C
 * stack. Errors: GYRE_EQSHUTDOWN once the queue is shut down and empty; GYRE_EWRONGLOOP. get().
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_queue_get(gyre_queue *queue, void **out_item);

/* The same without waiting, for callbacks too: GYRE_EQFULL in place of it. put_nowait(). */
GYRE_API GYRE_MUST_USE int64_t gyre_queue_put_nowait(gyre_queue *queue, void *item);

/* The same without waiting: GYRE_EQEMPTY in place of it. get_nowait(). */
GYRE_API GYRE_MUST_USE int64_t gyre_queue_get_nowait(gyre_queue *queue, void **out_item);

/*
 * From any thread: puts an item in the thread of the loop, as soon as that runs. Items of one
 * thread stay in order. A thread cannot wait: items that find a bounded queue full lie in front of
 * it, without a bound of their own, and come in as room appears, before putters that wait. item:
 * moved if the result is 0. After a shutdown, or when the loop closes before, it is released. All
 * calls for one queue name the same loop, which is not closed meanwhile. -ENOMEM.
 */
GYRE_API GYRE_MUST_USE int64_t gyre_queue_put_threadsafe(gyre_queue *queue, gyre_loop *loop,
                                                         void *item);

/* Says that an item is dealt with. Gives 0; GYRE_ETASKDONE if that was said of all. task_done(). */
GYRE_API int64_t gyre_queue_task_done(gyre_queue *queue);

/*
 * Waits until gyre_queue_task_done() was called for every item that was put. Result 0.
 * GYRE_EQSHUTDOWN if the queue ends meanwhile; GYRE_EWRONGLOOP. join().
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_queue_join(gyre_queue *queue);

/*
 * No more can be put: put gives GYRE_EQSHUTDOWN, also to those who wait; get does so once the queue
 * is empty. immediate: what is in it is released and counts as done. shutdown().
 */
GYRE_API void gyre_queue_shutdown(gyre_queue *queue, bool immediate);

GYRE_API size_t gyre_queue_size(const gyre_queue *queue);    /* items in it. qsize() */
GYRE_API size_t gyre_queue_maxsize(const gyre_queue *queue); /* the bound, 0: none. maxsize */
GYRE_API bool gyre_queue_empty(const gyre_queue *queue);     /* empty() */
GYRE_API bool gyre_queue_full(const gyre_queue *queue);      /* never without a bound. full() */

GYRE_END_DECLS

#endif
