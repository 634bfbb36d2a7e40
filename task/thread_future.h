/*
 * Thread futures: results that cross from thread to thread, and between loops in several threads.
 *
 *     struct answer { gyre_frame frame; int64_t of; };       a coroutine of the loop
 *
 *     In another thread:
 *     asked = GYRE_SPAWN_THREADSAFE(loop, answer, .of = 6);      run_coroutine_threadsafe(answer(6), loop)
 *     rc = gyre_thread_future_wait(asked, GYRE_SECONDS(2));      asked.result(2)
 *     gyre_thread_future_unref(asked);
 *
 *     In a loop, what any thread completes:
 *     self->wrapped = gyre_wrap_future(answer);                  asyncio.wrap_future(answer)
 *     GYRE_TRY(n, self->wrapped);
 *
 * A thread future is pending, then once and for good done or cancelled. Every function here but
 * those that name a loop's future may be called from any thread. Futures are counted.
 *
 * Between two loops: gyre_thread_future_follow() in the thread of one, gyre_wrap_future() in that
 * of the other.
 *
 * Python names: concurrent.futures.Future, asyncio.run_coroutine_threadsafe, asyncio.wrap_future.
 */
#ifndef GYRE_TASK_THREAD_FUTURE_H
#define GYRE_TASK_THREAD_FUTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "executor.h"

GYRE_BEGIN_DECLS

typedef struct gyre_thread_future gyre_thread_future;

/* A pending one, new reference; NULL when memory is short. Future(). */
GYRE_API GYRE_MUST_USE gyre_thread_future *gyre_thread_future_new(void);

GYRE_API gyre_thread_future *gyre_thread_future_ref(gyre_thread_future *future);
GYRE_API void gyre_thread_future_unref(gyre_thread_future *future); /* NULL is allowed */

/* ---- completing; never allocates ---- */

/* set_result(). value: >= 0 (-EINVAL). GYRE_EINVALIDSTATE when it is done or cancelled already. */
GYRE_API int64_t gyre_thread_future_set_result(gyre_thread_future *future, int64_t value);

/*
 * set_exception(). code: < 0 but not GYRE_ECANCELLED (-EINVAL); detail: borrowed, may be NULL.
 * GYRE_EINVALIDSTATE when it is done or cancelled already.
 */
GYRE_API int64_t gyre_thread_future_set_exception(gyre_thread_future *future, int64_t code,
                                                  gyre_error *detail);

/*
 * Cancels it at once, and asks what would have completed it to end: the task of
 * GYRE_SPAWN_THREADSAFE() is cancelled in its loop, or never starts; a job is removed or told; a
 * future that is followed is cancelled. 1; 0 when it was done already. cancel().
 */
GYRE_API int64_t gyre_thread_future_cancel(gyre_thread_future *future);

/* ---- asking ---- */

GYRE_API bool gyre_thread_future_done(gyre_thread_future *future);      /* done or cancelled. done() */
GYRE_API bool gyre_thread_future_cancelled(gyre_thread_future *future); /* cancelled() */

/*
 * Blocks the calling thread until it is done, at most timeout_ns (GYRE_FOREVER; 0 and less: only
 * looks). result(timeout). Gives the value or the error, whose detail becomes gyre_error_current()
 * of this thread; GYRE_ETIMEOUT, and the future goes on; GYRE_ECANCELLED, of the future or in a job
 * that was told to end (gyre_job_cancelled()), so that closing a loop never waits in a circle;
 * GYRE_ESTATE, without waiting, where a loop is running in this thread and the future is pending:
 * it would stand still, perhaps for good. Use gyre_wrap_future() there.
 */
GYRE_API int64_t gyre_thread_future_wait(gyre_thread_future *future, int64_t timeout_ns);

/* ---- loops ---- */

/* As GYRE_SPAWN_THREADSAFE says. args: the frame, coro->frame_size bytes, copied. */
GYRE_API GYRE_MUST_USE gyre_thread_future *gyre__spawn_threadsafe(gyre_loop *loop,
                                                                  const gyre_coro *coro,
                                                                  const void *args,
                                                                  const char *file, unsigned line);

#ifndef __cplusplus

/*
 * From any thread: spawns the coroutine in the loop, which must not be closed meanwhile:
 * GYRE_SPAWN_THREADSAFE(loop, name, .argument = value, ...). run_coroutine_threadsafe().
 *
 * Gives a future of its result, new reference; NULL when memory is short or the loop is closed.
 * When the loop closes before the coroutine could start the future is done with GYRE_ELOOPCLOSED;
 * -ENOMEM if memory was short then; in both cases and when it was cancelled before, nothing took
 * over what the arguments own. A running task that is cancelled, also by the closing of its loop,
 * cancels the future. What a thread spawns starts in that order.
 */
#define GYRE_SPAWN_THREADSAFE(loop_, ...)                                                          \
    gyre__spawn_threadsafe((loop_), GYRE__CORO_OF(__VA_ARGS__), GYRE__FRAME(__VA_ARGS__),          \
                           __FILE__, __LINE__)

#endif

/*
 * A thread future that ends as the loop's future or task (borrowed) does, new reference; in the
 * thread of that loop. Its error counts as retrieved. Cancelling the thread future cancels the
 * loop's. NULL: memory is short or the loop is closing.
 */
GYRE_API GYRE_MUST_USE gyre_thread_future *gyre_thread_future_follow(gyre_future *future);

/*
 * gyre_wrap_future(future): a future of the running loop that ends as the thread future (borrowed)
 * does, new reference. Cancelling it cancels the thread future, in the same call. wrap_future().
 * While it is pending a hold keeps the loop's virtual clock. NULL: memory is short or the loop is
 * closing.
 */
#define gyre_wrap_future(future_) gyre__wrap_future(__FILE__, __LINE__, (future_))
GYRE_API GYRE_MUST_USE gyre_future *gyre__wrap_future(const char *file, unsigned line,
                                                      gyre_thread_future *future);

/*
 * gyre_executor_submit() for any thread, with or without a loop: a thread future, new reference.
 * Cancelling ends it at once, whoever owns the argument: a borrowed one must be there until the
 * function has returned. NULL: memory is short. What cannot be started is done with the error.
 * ThreadPoolExecutor.submit().
 */
GYRE_API GYRE_MUST_USE gyre_thread_future *gyre_executor_submit_threadsafe(gyre_executor *executor,
                                                                           const gyre_job *job);

GYRE_END_DECLS

#endif
