/*
 * Queues between tasks and threads: bounded, each end used by tasks of a loop or by threads.
 *
 *     In a thread:                                            In the loop:
 *     gyre_thread_queue_put_blocking(q, item, GYRE_FOREVER);  GYRE_TRY(gyre_thread_queue_get(q, &self->item));
 *     gyre_thread_queue_get_blocking(q, &item, timeout);      GYRE_TRY(gyre_thread_queue_put(q, item));
 *
 * Items are pointers, first in first out. Putting moves an item into the queue, getting moves it
 * out; none is lost, whatever is cancelled. All its tasks belong to one loop, the first that
 * waited. For tasks among themselves gyre_queue is faster; where a thread only puts and must never
 * wait there is gyre_queue_put_threadsafe().
 *
 * Python names: queue.Queue between threads, as janus.Queue with asyncio.
 */
#ifndef GYRE_TASK_THREAD_QUEUE_H
#define GYRE_TASK_THREAD_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coro.h"

GYRE_BEGIN_DECLS

typedef struct gyre_thread_queue gyre_thread_queue;

/*
 * A queue of up to maxsize items (1 to 2^24), whose memory is taken here. release: gets what nobody
 * took when the queue ends or is shut down at once, in any thread; NULL: nothing is done.
 * *out_queue: new reference. Errors: -ENOMEM, -EINVAL.
 */
GYRE_API GYRE_MUST_USE int64_t gyre_thread_queue_new(size_t maxsize, void (*release)(void *item),
                                                     gyre_thread_queue **out_queue);

GYRE_API gyre_thread_queue *gyre_thread_queue_ref(gyre_thread_queue *queue);
/* With the last reference it ends. Whoever waits in it has one. NULL is allowed. */
GYRE_API void gyre_thread_queue_unref(gyre_thread_queue *queue);

/* ---- from any thread, without waiting ---- */

/* 0: the item was moved; GYRE_EQFULL, GYRE_EQSHUTDOWN: it is still the caller's. put_nowait(). */
GYRE_API GYRE_MUST_USE int64_t gyre_thread_queue_put_nowait(gyre_thread_queue *queue, void *item);

/*
 * 0 and the item in *out_item; GYRE_EQEMPTY; GYRE_EQSHUTDOWN once it is shut down and empty.
 * get_nowait().
 */
GYRE_API GYRE_MUST_USE int64_t gyre_thread_queue_get_nowait(gyre_thread_queue *queue,
                                                            void **out_item);

/* ---- from a thread, waiting ---- */

/*
 * At most timeout_ns; GYRE_FOREVER. A job that is told to end (gyre_job_cancelled()) gets
 * GYRE_ECANCELLED.
 */

/*
 * As put_nowait, but GYRE_ETIMEOUT. GYRE_ESTATE if it would have to wait where a loop is running.
 * put().
 */
GYRE_API GYRE_MUST_USE int64_t gyre_thread_queue_put_blocking(gyre_thread_queue *queue, void *item,
                                                              int64_t timeout_ns);

/*
 * As get_nowait, but GYRE_ETIMEOUT. GYRE_ESTATE if it would have to wait where a loop is running.
 * get().
 */
GYRE_API GYRE_MUST_USE int64_t gyre_thread_queue_get_blocking(gyre_thread_queue *queue,
                                                              void **out_item, int64_t timeout_ns);

/* ---- from a task ---- */

/*
 * Puts, waiting while the queue is full. 0: the item was moved. Otherwise it is still the
 * caller's: GYRE_EQSHUTDOWN; GYRE_EWRONGLOOP if it would have to wait where tasks of another loop
 * have waited; -ENOMEM (the first wait of the loop only); GYRE_ECANCELLED. put().
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_thread_queue_put(gyre_thread_queue *queue, void *item);

/*
 * Gets, waiting while it is empty. *out_item: written when the result is 0; it must be there until
 * then: in a frame. Errors as gyre_thread_queue_put(); GYRE_EQSHUTDOWN once it is empty, too.
 * get().
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_thread_queue_get(gyre_thread_queue *queue, void **out_item);

/* ---- any thread ---- */

/*
 * No more can be put: GYRE_EQSHUTDOWN, also to those who wait; getting gives it once the queue is
 * empty. immediate: what is in it is released. shutdown().
 */
GYRE_API void gyre_thread_queue_shutdown(gyre_thread_queue *queue, bool immediate);

GYRE_API size_t gyre_thread_queue_size(gyre_thread_queue *queue); /* items now. qsize() */

GYRE_END_DECLS

#endif
