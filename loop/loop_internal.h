/* The loop's insides, for its own files and for the rooms that schedule on it. */
#ifndef GYRE_LOOP_LOOP_INTERNAL_H
#define GYRE_LOOP_LOOP_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "backend_internal.h"
#include "blocks_internal.h"
#include "context.h"
#include "list_internal.h"
#include "loop.h"
#include "ready_internal.h"
#include "timers_internal.h"

/* Something on its way from another thread: its node runs in the loop's. post.c */
typedef struct gyre__post {
    gyre__node node;
    struct gyre__post *older; /* in the stack of posts */
} gyre__post;

/* What other rooms hang into the life of a loop: called newest first when it closes. */
typedef struct gyre__close_hook {
    gyre__link link;
    void (*close)(gyre_loop *loop, struct gyre__close_hook *hook);
} gyre__close_hook;

struct gyre_loop {
    gyre__ready ready;     /* what runs in this iteration and the next */
    gyre_task *current;    /* the task that is being stepped */
    gyre_task *aside;      /* the one that steps a generator, where awaiting is an error: current is NULL */
    bool running;          /* inside a run */
    bool has_run;          /* and so belongs to its thread for good */
    bool stopping;         /* a stop was requested */
    bool closing;          /* being closed: awaits fail at once, nothing new starts */
    bool closed;
    bool debug;
    bool is_virtual;       /* the clock jumps */
    unsigned holds;        /* promises that something outside will post */
    unsigned signals;      /* signal handlers installed that something may wait for */
    const void *owner;     /* thread that may use the loop: address of its gyre__thread_mark */
    int owner_tid;         /* its number, for messages */
    unsigned generation;   /* forks of the process when it was made */
    size_t objects;        /* futures, tasks and handles that keep the struct alive */
    uint64_t iterations;
    gyre_context *context; /* context variables of what is running; NULL: none are set */

    gyre__timers timers;
    gyre__blocks blocks;
    gyre__backend backend;
    const gyre__seam *seam;
    struct gyre__provided *provided; /* buffers the kernel picks from; NULL until needed */

    uint64_t virtual_now;
    uint64_t (*now)(void *);
    uint64_t (*random)(void *);
    void *hook_context;
    uint64_t random_state[2];

    _Atomic(gyre__post *) posts; /* newest first; taken in by the loop all at once */
    atomic_bool asleep;          /* the loop waits in the kernel: posting must wake it */
    atomic_bool stop_posted;     /* gyre_loop_stop_threadsafe */
    atomic_bool posts_closed;    /* the loop takes in nothing any more */
    int wake_fd;                 /* eventfd, read by the ring */
    uint64_t wake_count;         /* where the ring puts what it read */
    gyre__op wake_op;
    atomic_uint_least64_t signals_pending; /* bit per signal number */
    struct gyre__signal_slot *signal_slots;

    gyre__link tasks; /* all unfinished tasks, oldest first: task/ */
    size_t task_count;
    uint32_t task_ids;
    unsigned closing_awaits; /* awaits refused because the loop closes, while ... */
    size_t closing_tasks;    /* ... this many tasks were left */
    gyre__link close_hooks;
    void *slots[8]; /* one per room-owned singleton: see enum gyre__loop_slot */

    gyre_exception_handler *exception_handler;
    void *exception_arg;
    int64_t slow_ns;

    /* Called whenever a task parks; where the torture tests cancel. */
    void (*park_hook)(gyre_loop *loop, gyre_task *task, void *arg);
    void *park_arg;
    /* task/ unwinds its tasks here when the loop closes. */
    void (*unwind)(gyre_loop *loop);
    /* Prints every task and what it waits for; task/ sets it. */
    void (*dump)(const gyre_loop *loop, FILE *out);
};

/* Singletons that rooms keep on the loop. */
enum gyre__loop_slot {
    GYRE__SLOT_TASK_FACTORY,
    GYRE__SLOT_EXECUTOR,
    GYRE__SLOT_RESOLVER,
    GYRE__SLOT_BUFFERS,
    GYRE__SLOT_WATCHES, /* net/poll.c */
};

extern _Thread_local gyre_loop *gyre__running __attribute__((tls_model("initial-exec")));
extern _Thread_local char gyre__thread_mark __attribute__((tls_model("initial-exec")));
extern unsigned gyre__fork_generation;

_Noreturn void gyre__affinity_failure(const gyre_loop *loop, const char *function);

/* Aborts with a message when this is not the loop's thread or process. */
static inline void gyre__check_thread(const gyre_loop *loop, const char *function)
{
    if (__builtin_expect(
            loop->owner != &gyre__thread_mark || loop->generation != gyre__fork_generation, 0))
        gyre__affinity_failure(loop, function);
}

/* Keeps the struct of a closed loop until its last object is gone. */
static inline void gyre__loop_keep(gyre_loop *loop)
{
    loop->objects++;
}
void gyre__loop_drop_last(gyre_loop *loop);
static inline void gyre__loop_drop(gyre_loop *loop)
{
    if (--loop->objects == 0 && loop->closed)
        gyre__loop_drop_last(loop);
}

/* Absolute deadline of a duration from now; never overflows; GYRE_FOREVER gives GYRE__NEVER. */
uint64_t gyre__deadline(const gyre_loop *loop, int64_t delay_ns);

uint64_t gyre__monotonic(void); /* CLOCK_MONOTONIC in ns */
int gyre__thread_number(void);  /* the kernel's number of this thread */

/* Prints "gyre: ..." and aborts: for misuse that would corrupt memory if it went on. */
_Noreturn void gyre__fatal(const char *format, ...) GYRE_PRINTF(1, 2);

/* exception.c: what every callback ends with; reports an error, forgets its detail. */
void gyre__callback_failed(gyre_loop *loop, int64_t rc, gyre_handle *handle, const char *message);
static inline void gyre__callback_done(gyre_loop *loop, int64_t rc, gyre_handle *handle,
                                       const char *message)
{
    if (__builtin_expect(rc < 0 || gyre_error_current() != NULL, 0))
        gyre__callback_failed(loop, rc, handle, message);
}

/* Where a job that runs in this thread has its context; NULL: it has none, or no job runs. context.c */
extern _Thread_local gyre_context **gyre__context_slot;

/* After a callback that has no context of its own: what it set is not seen by others. */
static inline void gyre__context_forget(gyre_loop *loop)
{
    gyre_context *context = loop->context;

    if (__builtin_expect(context != NULL, 0)) {
        loop->context = NULL;
        gyre_context_unref(context);
    }
}

/* post.c */
int64_t gyre__post_init(gyre_loop *loop);
void gyre__post_fini(gyre_loop *loop);
void gyre__post_arm(gyre_loop *loop);    /* lets the ring read the eventfd */
void gyre__post_push(gyre_loop *loop, gyre__post *post); /* any thread; never allocates */
void gyre__post_take(gyre_loop *loop);   /* posts into the ready queue */

/* A look without a barrier, for a loop that is awake: what it misses now it sees the next time. */
static inline bool gyre__posted(const gyre_loop *loop)
{
    return atomic_load_explicit(&loop->posts, memory_order_relaxed) != NULL ||
           atomic_load_explicit(&loop->stop_posted, memory_order_relaxed) ||
           atomic_load_explicit(&loop->signals_pending, memory_order_relaxed) != 0;
}
bool gyre__post_waiting(gyre_loop *loop);
void gyre__wake(gyre_loop *loop);        /* any thread, signal handlers too */

/* signal.c */
void gyre__signals_take(gyre_loop *loop);
void gyre__signals_fini(gyre_loop *loop);
/* The handler installed for it only ends things: nobody waits for it, so it does not hide a deadlock. */
void gyre__signal_only_interrupts(gyre_loop *loop, int number);
void gyre__signals_drop(gyre_loop *loop); /* in the child of a fork: the handlers of the process are put back */

/* sigpipe.c: SIGPIPE in this thread, per loop that has run. */
void gyre__sigpipe_block(void);
void gyre__sigpipe_unblock(void);

/* While the loop closes: runs what is queued; every node knows that and only lets go. */
void gyre__drain_ready(gyre_loop *loop);

/* What every run begins with: the thread, and that the loop may run now. */
int64_t gyre__loop_adopt(gyre_loop *loop);

/* Reports that nothing can wake the loop any more; gives GYRE_EDEADLOCK. exception.c */
int64_t gyre__report_deadlock(gyre_loop *loop);

#endif
