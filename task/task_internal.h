/*
 * The task's insides, for everything that parks one.
 *
 * A task waits for one thing at a time, so what it waits with (a timer, an op, an entry of a future or of
 * a queue of waiters) is embedded here, and waiting, waking and cancelling never allocate.
 */
#ifndef GYRE_TASK_TASK_INTERNAL_H
#define GYRE_TASK_TASK_INTERNAL_H

#include "../future/future_internal.h"
#include "sleep.h"
#include "task.h"

/* A kind of waiting. */
typedef struct gyre__wait_kind {
    const char *what; /* for dumps: "sleep", "lock" */
    /*
     * Requests the end of the wait; true if it was pending (then the task will be woken with
     * GYRE_ECANCELLED, or the operation's real result). NULL: cannot be cancelled before the next step.
     * detail: borrowed.
     */
    bool (*cancel)(gyre_task *task, gyre_error *detail);
    /*
     * Runs first in the step that ends the wait; gives the result of the await. NULL: 0. If no cancellation
     * was requested it may park the task again.
     */
    int64_t (*finish)(gyre_task *task);
    /* A result that cost something (bytes, a descriptor) is delivered even if the task was cancelled meanwhile;
       the cancellation is raised at the next await. */
    bool keeps_result;
    /* For dumps: the i-th future that is waited for; NULL behind the last. */
    gyre_future *(*awaits)(const gyre_task *task, size_t i);
    /* For dumps: the number (future.id) of the task that has what is waited for, which may have ended; 0: none. */
    uint32_t (*holder)(const gyre_task *task);
} gyre__wait_kind;

/* A place in a queue of waiters: what asyncio's locks and queues use a future for. */
typedef struct gyre__slot {
    gyre__link link;   /* in the list of the primitive, oldest first */
    void *owner;       /* the primitive */
    void *data;        /* the primitive's own */
} gyre__slot;

enum {
    GYRE__TASK_MUST_CANCEL = 1,    /* throw GYRE_ECANCELLED at the next step */
    GYRE__TASK_WOKEN = 2,          /* the wait is over: the wake node is in the ready queue */
    GYRE__TASK_WAIT_CANCELLED = 4, /* ... because it was cancelled */
    GYRE__TASK_STARTED = 8,
    GYRE__TASK_DETACHED = 16,
    GYRE__TASK_CANCELLING = 32,    /* its request is being passed on: meeting it again is a cycle */
    GYRE__TASK_MESSAGE_SET = 128,  /* ... and the message is in `error` already */
    GYRE__TASK_SEEN = 64,          /* met already by who goes through the graph of tasks: graph.c */
};

typedef struct gyre__segment gyre__segment; /* more frame stack: frames.c */

struct gyre_task {
    gyre_future future;
    gyre__node wake;                /* in the ready queue when woken */
    gyre_frame *top;                /* innermost frame */
    const gyre__wait_kind *waiting; /* NULL: runs, or has not started */
    uint32_t cancels;               /* requests not taken back */
    uint32_t flags;
    gyre__segment *segment;         /* newest piece of stack beyond the inline one */
    gyre__link link;                /* in loop->tasks */
    gyre_context *context;          /* context variables, reference */
    gyre_error *error;              /* detail of the error met last, reference */
    union {
        gyre__timer timer;
        gyre__op op;
        gyre__slot slot;
        struct {
            gyre__callback callback;
            gyre_future *future; /* reference */
        } on;
    } wait;
};

_Static_assert(sizeof(gyre_task) == 192, "a task is three cache lines, then its first frame");

/* ---- for awaitable calls ---- */

/* The running task; aborts with the function's name where none runs. */
_Noreturn void gyre__no_task(const char *function);
static inline gyre_task *gyre__task_running(const char *function)
{
    const gyre_loop *loop = gyre__running;

    if (__builtin_expect(!loop || !loop->current, 0))
        gyre__no_task(function);
    return loop->current;
}

/* Completes the await at once. An error's detail may be set with gyre__error_set() before. */
GYRE_MUST_USE static inline gyre_await gyre__complete(gyre_task *task, int64_t result)
{
    task->top->result = result;
    return (gyre_await){false};
}

/* Counts the awaits of tasks that will not end while their loop closes; aborts when it is hopeless. */
void gyre__closing_await(const gyre_task *task);

/* While the loop closes nothing parks: answer gyre__complete(task, GYRE_ECANCELLED) then. */
static inline bool gyre__may_park(const gyre_task *task)
{
    if (__builtin_expect(!task->future.loop->closing, 1))
        return true;
    gyre__closing_await(task);
    return false;
}

/* Parks the running task. What wakes it must be in place, or come later in this step. */
GYRE_MUST_USE static inline gyre_await gyre__park(gyre_task *task, const gyre__wait_kind *kind)
{
    task->waiting = kind;
    task->flags &=
        ~(uint32_t)(GYRE__TASK_WOKEN | GYRE__TASK_WAIT_CANCELLED | GYRE__TASK_MESSAGE_SET);
    return (gyre_await){true};
}

/* Ends the wait; the task runs in the next iteration. False if it was woken or cancelled before. */
static inline bool gyre__wake_task(gyre_task *task)
{
    if (task->flags & GYRE__TASK_WOKEN)
        return false;
    task->flags |= GYRE__TASK_WOKEN;
    gyre__ready_push(&task->future.loop->ready, &task->wake);
    return true;
}

/* What cancelling a wait without kernel involvement does: false if it is over already. */
bool gyre__cancel_wait(gyre_task *task, gyre_error *detail);

/*
 * The message of the cancellation with which the wait ended, as a reference; before the flags are
 * cleared. In future.detail stays that of the last request that was kept: asyncio's _cancel_message.
 */
gyre_error *gyre__take_message(gyre_task *task);

/* GYRE_ECANCELLED if the wait that just ended was cancelled, else 0; for `finish` functions. */
static inline int64_t gyre__wait_result(const gyre_task *task)
{
    return task->flags & GYRE__TASK_WAIT_CANCELLED ? GYRE_ECANCELLED : 0;
}

/*
 * Waiting in a slot: put task->wait.slot.link into the primitive's list, then
 * return gyre__park_slot(task, &kind, primitive). Whoever wakes calls gyre__wake_task(); the entry stays in the list
 * until the woken side removes it, as in asyncio. Kinds of slots use gyre__cancel_wait and no finish function, or
 * one that begins with gyre__wait_result().
 */
GYRE_MUST_USE static inline gyre_await gyre__park_slot(gyre_task *task, const gyre__wait_kind *kind,
                                                       void *owner)
{
    task->wait.slot.owner = owner;
    return gyre__park(task, kind);
}

static inline gyre_task *gyre__slot_task(gyre__link *link)
{
    return GYRE__CONTAINER(link, gyre_task, wait.slot.link);
}

/*
 * Waiting for an op: gyre__park_op(task, request). The op is task->wait.op; the result is the completion's.
 * Cancelling asks the kernel; if the operation won, its real result is delivered and the cancellation is raised
 * at the next await, which, if it is an operation, is not started then (unless the kind cannot be cancelled). What the request points to must live in a frame of the task or in a counted object.
 */
GYRE_MUST_USE gyre_await gyre__park_op(gyre_task *task, const gyre__request *request,
                                       const gyre__wait_kind *kind);
extern const gyre__wait_kind gyre__wait_op; /* the usual kind */
bool gyre__cancel_op_wait(gyre_task *task, gyre_error *detail); /* for kinds that add to it */
int64_t gyre__finish_op_wait(gyre_task *task);

/* Raises a cancellation that was kept (GYRE__TASK_MUST_CANCEL) in place of starting what might be done at once. */
GYRE_MUST_USE gyre_await gyre__raise_kept(gyre_task *task);

extern const gyre__wait_kind gyre__wait_sleep;

/* ---- frames ---- */

typedef uint64_t __attribute__((may_alias)) gyre__word;
_Static_assert(sizeof(gyre_frame) % sizeof(gyre__word) == 0, "frames are made of words");

void gyre__frame_copy_large(gyre_frame *frame, const void *args, size_t size);

/*
 * Makes a frame in a place that has room for it and puts it on top. Its members are copied word by
 * word: they were written by words a moment ago, and wider reads, as memcpy() does them, would have
 * to wait until all of these have reached the cache.
 */
static inline gyre_frame *gyre__frame_make(gyre_task *task, void *place, const gyre_coro *coro,
                                           const void *args)
{
    enum { FEW = 16 };
    const size_t head = sizeof(gyre_frame) / sizeof(gyre__word);
    const size_t words = coro->frame_size / sizeof(gyre__word);
    volatile gyre__word *to = place; /* volatile: compilers would make it a memcpy() again */
    const gyre__word *from = args;
    gyre_frame *frame = place;

    *frame = (gyre_frame){
        .coro = coro, .caller = task->top, .leaf = ((const gyre_frame *)args)->leaf};
    if (words > FEW)
        gyre__frame_copy_large(frame, args, coro->frame_size);
    else
        for (size_t i = head; i < words; i++)
            to[i] = from[i];
    task->top = frame;
    return frame;
}

/* Room for a frame of the coroutine on top of the task's stack, filled from args; NULL when memory is short. */
gyre_frame *gyre__frame_push(gyre_task *task, const gyre_coro *coro, const void *args);

/* Runs the frames above the one whose body is running, to their end. For where nothing parks: the loop is closing. */
void gyre__run_above(gyre_task *task, const gyre_frame *base);

/* Takes the top frame off; its memory is gone. Gives the caller, the new top (NULL: it was the first). */
gyre_frame *gyre__frame_pop(gyre_task *task);

/* Frees the stack of a finished task beyond its inline part. */
void gyre__frames_fini(gyre_task *task);

gyre_task *gyre__as_task(gyre_future *future);

/* Has the loop's factory make the task: factory.c */
gyre_task *gyre__factory_spawn(gyre_loop *loop, const gyre_spawn_options *options,
                               const gyre_coro *coro, const void *args, const char *file,
                               unsigned line);

#endif
