/*
 * Futures: a result that is not there yet.
 *
 * A future is pending, then once and for good done (with a value or an error) or cancelled. Completing it
 * schedules its callbacks, each as a handle of its own, in the order in which they were added; nothing
 * runs inside the call. Tasks are futures too: gyre_task_future().
 *
 * Futures are counted. Whoever makes one owns a reference; a task that awaits it, a gather, and so on hold
 * their own. An error that nobody retrieved is reported to the loop's exception handler when the last
 * reference goes. Use a future in the thread of its loop only. NULL, which a constructor gives when memory is
 * short, is accepted by gyre_future_unref() and by awaiting (the result is -ENOMEM).
 *
 * Python names: asyncio.Future and its methods.
 */
#ifndef GYRE_FUTURE_FUTURE_H
#define GYRE_FUTURE_FUTURE_H

#include "../loop/loop.h"

GYRE_BEGIN_DECLS

typedef enum gyre_future_state {
    GYRE_FUTURE_PENDING,
    GYRE_FUTURE_DONE,
    GYRE_FUTURE_CANCELLED,
} gyre_future_state;

/*
 * A pending future of the loop, new reference; NULL when memory is short or the loop is closed.
 * loop.create_future(). The place of the call is kept for reports.
 */
#define gyre_future_new(loop_) gyre__future_new((loop_), __FILE__, __LINE__)
GYRE_API GYRE_MUST_USE gyre_future *gyre__future_new(gyre_loop *loop, const char *file, unsigned line);

GYRE_API gyre_future *gyre_future_ref(gyre_future *future); /* new reference to the same */
GYRE_API void gyre_future_unref(gyre_future *future);       /* gives one back; NULL is allowed */

/* ---- completing; never allocates, so it cannot fail for want of memory ---- */

/*
 * set_result(). value: >= 0. Errors: GYRE_EINVALIDSTATE when it is done or cancelled already, or is a
 * gather or its like; GYRE_ESTATE when it is a task (they complete themselves); -EINVAL for a negative value.
 */
GYRE_API int64_t gyre_future_set_result(gyre_future *future, int64_t value);

/*
 * The same with a pointer beside the value. pointer: moved if the call succeeds; `release` (may be NULL)
 * ends it with the future.
 */
GYRE_API int64_t gyre_future_set_pointer(gyre_future *future, int64_t value, void *pointer,
                                         void (*release)(void *pointer));

/*
 * set_exception(). code: < 0, but not GYRE_ECANCELLED (that is gyre_future_cancel()) nor
 * GYRE_ESTOPITERATION (-EINVAL); detail: borrowed, may be NULL; its code should be `code`.
 */
GYRE_API int64_t gyre_future_set_exception(gyre_future *future, int64_t code, gyre_error *detail);

/*
 * Cancels. For a task this is a request, gyre_task_cancel(); for a gather it cancels the children.
 * 1: cancelled or requested. 0: it was done already; unless it is a gather, its error then counts as
 * retrieved. cancel().
 */
GYRE_API int64_t gyre_future_cancel(gyre_future *future);

/* With a message: `detail` (borrowed, may be NULL) has the code GYRE_ECANCELLED. cancel(msg). */
GYRE_API int64_t gyre_future_cancel_with(gyre_future *future, gyre_error *detail);

/* ---- asking ---- */

GYRE_API gyre_future_state gyre_future_get_state(const gyre_future *future);
GYRE_API bool gyre_future_done(const gyre_future *future);      /* done or cancelled */
GYRE_API bool gyre_future_cancelled(const gyre_future *future); /* cancelled */

/*
 * The value, or the error it was completed with (its detail becomes gyre_error_current()). Counts as
 * retrieved. result(). GYRE_EINVALIDSTATE while pending; GYRE_ECANCELLED when cancelled.
 */
GYRE_API int64_t gyre_future_result(gyre_future *future);

/*
 * The error as a value: *out_code is 0 or the code, *out_detail (may be NULL) a borrowed detail. Counts as
 * retrieved. exception(). Gives 0; GYRE_EINVALIDSTATE while pending; GYRE_ECANCELLED when cancelled.
 */
GYRE_API int64_t gyre_future_exception(gyre_future *future, int64_t *out_code, gyre_error **out_detail);

/* The pointer of gyre_future_set_pointer(), borrowed; NULL where there is none. */
GYRE_API void *gyre_future_pointer(const gyre_future *future);

/* True while an error is there that nobody has retrieved: it would be reported. */
GYRE_API bool gyre_future_unretrieved(const gyre_future *future);

/* Says that the error, if one is there, needs no report. */
GYRE_API void gyre_future_ignore(gyre_future *future);

GYRE_API gyre_loop *gyre_future_loop(const gyre_future *future); /* borrowed. get_loop() */

/* A name for reports and dumps (copied). -ENOMEM. */
GYRE_API int64_t gyre_future_set_name(gyre_future *future, const char *name);
GYRE_API const char *gyre_future_name(const gyre_future *future); /* borrowed, or NULL */

/* Where it was made. */
GYRE_API const char *gyre_future_file(const gyre_future *future);
GYRE_API unsigned gyre_future_line(const gyre_future *future);

/* ---- callbacks ---- */

/* Gets the completed future (borrowed). An error it returns goes to the exception handler. */
typedef int64_t gyre_done_callback(gyre_future *future, void *arg);

/*
 * Has the callback run in the iteration after the future completes; at once (in the next iteration) if it
 * is done already. arg: borrowed until then. add_done_callback(). Errors: -ENOMEM, GYRE_ELOOPCLOSED.
 */
GYRE_API int64_t gyre_future_add_done_callback(gyre_future *future, gyre_done_callback *callback,
                                               void *arg);

/*
 * Takes back all callbacks equal in function and argument; those scheduled already stay.
 * Gives how many were removed. remove_done_callback().
 */
GYRE_API int64_t gyre_future_remove_done_callback(gyre_future *future, gyre_done_callback *callback,
                                                  void *arg);

/* ---- running a loop for one ---- */

/*
 * Runs the loop until the future (borrowed) is done; gives its result. run_until_complete().
 * Errors: those of the future; GYRE_ELOOPSTOPPED when gyre_loop_stop() came first; GYRE_ELOOPRUNNING;
 * GYRE_EWRONGLOOP; -ENOMEM; GYRE_EDEADLOCK when nothing could ever wake the loop: nothing ready, no timer, no
 * operation, no hold, and either a virtual clock, or no signal handler (but that of GYRE_RUN) and no other
 * thread in the process.
 */
GYRE_API int64_t gyre_loop_run_until(gyre_loop *loop, gyre_future *future);

GYRE_END_DECLS

#endif
