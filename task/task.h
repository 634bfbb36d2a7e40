/*
 * Tasks: coroutines that the loop drives.
 *
 * A task is a future with a stack of frames. Spawning schedules its first step for the next iteration; each
 * wake-up is a handle in the ready queue. The loop holds a reference to every unfinished task, so a task
 * never vanishes because nobody kept it. What the macros give back is a reference of the caller's own:
 * gyre_task_unref() it, or spawn detached.
 *
 * Awaiting a task (GYRE_AWAIT, GYRE_TRY) borrows it, may be done by many at once and again later, and gives
 * its result. Cancelling a task that awaits cancels what it awaits.
 *
 * Python names: asyncio.Task, create_task, current_task, all_tasks.
 */
#ifndef GYRE_TASK_TASK_H
#define GYRE_TASK_TASK_H

#include "../loop/context.h"
#include "coro.h"

GYRE_BEGIN_DECLS

/* How a task is made; all zero is asyncio.create_task() on the running loop. */
typedef struct gyre_spawn_options {
    gyre_loop *loop;       /* NULL: the running one */
    const char *name;      /* copied; NULL: "Task-N" */
    gyre_context *context; /* borrowed; NULL: that of the caller */
    bool empty_context;    /* start without context variables */
    bool eager;            /* run the first step at once, inside the call: eager_start=True */
    bool lazy;             /* never that, whatever the loop's task factory says: eager_start=False */
    bool detached;         /* give no reference back: an error is reported as soon as the task ends */
} gyre_spawn_options;

GYRE_API GYRE_MUST_USE gyre_task *gyre__spawn(const gyre_spawn_options *options, const gyre_coro *coro,
                                const void *args, const char *file, unsigned line);

#ifndef __cplusplus

/*
 * Spawns a coroutine on the running loop: GYRE_SPAWN(name, .argument = value, ...). New reference; NULL
 * when memory is short or the loop is closing: then nothing took over what the arguments own.
 * create_task().
 */
#define GYRE_SPAWN(...) GYRE_SPAWN_WITH(((gyre_spawn_options){.loop = NULL}), __VA_ARGS__)

/* The same on a loop of this thread that may not run yet: GYRE_SPAWN_ON(loop, name, ...). loop.create_task(). */
#define GYRE_SPAWN_ON(loop_, ...)                                                                  \
    GYRE_SPAWN_WITH(((gyre_spawn_options){.loop = (loop_)}), __VA_ARGS__)

/* For tasks nobody waits for. Gives true, or false when memory is short. */
#define GYRE_SPAWN_DETACHED(...)                                                                   \
    gyre__spawned(GYRE_SPAWN_WITH(((gyre_spawn_options){.detached = true}), __VA_ARGS__))

/* With options, a struct gyre_spawn_options value: GYRE_SPAWN_WITH(((gyre_spawn_options){.eager = true}), name, ...). */
#define GYRE_SPAWN_WITH(options_, ...)                                                             \
    gyre__spawn(&(options_), GYRE__CORO_OF(__VA_ARGS__), GYRE__FRAME(__VA_ARGS__), __FILE__,       \
                __LINE__)

static inline bool gyre__spawned(const gyre_task *task)
{
    return task != NULL;
}

#endif

/* A task is a future: the same object, borrowed. Any future function may be used on it. NULL stays NULL. */
GYRE_API gyre_future *gyre_task_future(gyre_task *task);

/* The task that a future is; NULL if it is none. */
GYRE_API gyre_task *gyre_future_task(gyre_future *future);

GYRE_API gyre_task *gyre_task_ref(gyre_task *task);
GYRE_API void gyre_task_unref(gyre_task *task); /* NULL is allowed */

/*
 * Asks the task to end: GYRE_ECANCELLED comes out of what it awaits, or of its next await that suspends. It may
 * catch that and go on. A task that has not started yet goes to its GYRE_FINALLY section, or its end. Never
 * allocates, never runs anything inside the call. 1: requested; 0: the task is done. cancel().
 */
GYRE_API int64_t gyre_task_cancel(gyre_task *task);

/* With a message: detail (borrowed, may be NULL) has the code GYRE_ECANCELLED. cancel(msg). */
GYRE_API int64_t gyre_task_cancel_with(gyre_task *task, gyre_error *detail);

/* Requests that have not been taken back: cancelling(). */
GYRE_API unsigned gyre_task_cancelling(const gyre_task *task);

/* Takes one request back, gives how many remain; at 0 one that has not been delivered is dropped. uncancel(). */
GYRE_API unsigned gyre_task_uncancel(gyre_task *task);

GYRE_API bool gyre_task_done(const gyre_task *task);      /* done() */
GYRE_API bool gyre_task_cancelled(const gyre_task *task); /* cancelled() */
GYRE_API int64_t gyre_task_result(gyre_task *task);       /* as gyre_future_result() */

/* "Task-N" unless set; borrowed until it is set anew or the task goes. get_name(). */
GYRE_API const char *gyre_task_name(gyre_task *task);
GYRE_API int64_t gyre_task_set_name(gyre_task *task, const char *name); /* copied; -ENOMEM. set_name() */

GYRE_API gyre_loop *gyre_task_loop(const gyre_task *task);       /* get_loop() */

/* The coroutine it was spawned with; NULL for a finished one whose frame took more than 16 KiB. get_coro(). */
GYRE_API const gyre_coro *gyre_task_coro(const gyre_task *task);

/* The task that is running in this thread, borrowed; NULL in callbacks and outside. current_task(). */
GYRE_API gyre_task *gyre_task_current(void);

/* Calls visit for every unfinished task, oldest first, until it gives false. all_tasks(). The visitor may cancel tasks, not spawn. */
GYRE_API void gyre_loop_each_task(gyre_loop *loop, bool (*visit)(gyre_task *task, void *arg), void *arg);

GYRE_END_DECLS

#endif
