/* Results in the order in which they come: completed futures, and those who wait for them. */
#include "as_completed.h"

#include <errno.h>

#include "../future/watch_internal.h"
#include "task_internal.h"

struct gyre_as_completed {
    gyre__watch watch;    /* its future never completes; it counts references */
    gyre__timer timer;    /* of the timeout */
    size_t todo;          /* futures whose completion has not been dealt with */
    size_t turns;         /* results that nobody has asked for yet */
    size_t timed_out;     /* results that are GYRE_ETIMEOUT; they come after all others */
    gyre__watched *first; /* completed futures that nobody has taken, linked by callback.node */
    gyre__watched *last;
    gyre__link consumers; /* slots of tasks that wait, oldest first */
    size_t taking;        /* tasks inside gyre_as_completed_next() */
    bool freed;           /* the user is through with it */
};

static gyre_as_completed *of_watch(gyre__watch *watch)
{
    return (gyre_as_completed *)watch;
}

/* ---- completions ---- */

/* As asyncio's queue: who is woken leaves the list here, cancelled ones are passed over. */
static void wake_next(gyre_as_completed *ac)
{
    while (!gyre__list_empty(&ac->consumers)) {
        gyre__link *link = ac->consumers.next;

        gyre__list_remove(link);
        if (gyre__wake_task(gyre__slot_task(link)))
            return;
    }
}

static void stop_timer(gyre_as_completed *ac)
{
    if (gyre__timer_is_set(&ac->timer)) {
        gyre__timers_remove(&ac->watch.combined.future.loop->timers, &ac->timer);
        gyre__watch_over(&ac->watch);
    }
}

static void append(gyre_as_completed *ac, gyre__watched *entry)
{
    entry->callback.node.next = NULL;
    if (ac->first)
        ac->last->callback.node.next = &entry->callback.node;
    else
        ac->first = entry;
    ac->last = entry;
}

static void run_completed(gyre__node *node)
{
    gyre__watched *entry = gyre__watched_from(node);
    gyre_as_completed *ac = of_watch(entry->watch);

    if (ac->todo > 0) { /* else the timeout came first, and has counted this one */
        ac->todo--;
        append(ac, entry);
        wake_next(ac);
        if (ac->todo == 0)
            stop_timer(ac);
    }
    gyre__watch_over(&ac->watch);
}

static void run_timeout(gyre__node *node)
{
    gyre_as_completed *ac = GYRE__CONTAINER(node, gyre_as_completed, timer.node);

    gyre__watch_leave(&ac->watch);
    for (; ac->todo > 0; ac->todo--) {
        ac->timed_out++;
        wake_next(ac);
    }
    gyre__watch_over(&ac->watch);
}

/* ---- the end ---- */

/* Lets go of everything; what is ready to run keeps the memory. */
static void leave(gyre_as_completed *ac)
{
    gyre_future *future = gyre__watch_future(&ac->watch);

    gyre_future_ref(future);
    stop_timer(ac);
    gyre__watch_leave(&ac->watch);
    gyre_future_unref(future);
}

static void loop_closes(gyre_loop *loop, gyre__close_hook *hook)
{
    (void)loop;
    leave(of_watch(gyre__watch_of_hook(hook)));
}

void gyre_as_completed_free(gyre_as_completed *ac)
{
    if (!ac)
        return;
    ac->freed = true;
    if (ac->taking == 0)
        leave(ac);
    gyre_future_unref(gyre__watch_future(&ac->watch));
}

/* ---- making ---- */

static const gyre__future_class as_completed_class = {
    .name = "as_completed",
    .fini = gyre__watch_fini,
    .size = sizeof(gyre_as_completed),
    .awaits = gyre__watch_awaits,
};

static void start_timer(gyre_as_completed *ac, int64_t timeout_ns)
{
    gyre_loop *loop = ac->watch.combined.future.loop;

    if (timeout_ns == GYRE_FOREVER || ac->todo == 0)
        return;
    gyre__timer_init(&ac->timer, run_timeout);
    gyre__timers_add(&loop->timers, &ac->timer, gyre__deadline(loop, timeout_ns), 0);
    ac->watch.outstanding++;
}

gyre_as_completed *gyre__as_completed_new(const char *file, unsigned line, gyre_loop *loop,
                                          size_t n, gyre_future *const *futures, int64_t timeout_ns)
{
    gyre__watch *watch = gyre__watch_new(loop, &as_completed_class, file, line);
    gyre_as_completed *ac = of_watch(watch);
    gyre__watched *entry;
    size_t i = 0;

    if (!watch)
        return NULL;
    if (gyre__watch_open(watch, n, futures, false, run_completed) < 0) {
        gyre_future_unref(gyre__watch_future(watch));
        return NULL;
    }
    while ((entry = gyre__watch_next_done(watch, &i)) != NULL)
        gyre__watch_schedule(entry, run_completed);
    gyre__list_init(&ac->consumers);
    ac->todo = ac->turns = watch->distinct;
    start_timer(ac, timeout_ns);
    gyre__watch_hold(watch, loop_closes);
    return ac;
}

size_t gyre_as_completed_count(const gyre_as_completed *ac)
{
    return ac ? ac->watch.distinct : 0;
}

/* ---- taking ---- */

static bool is_empty(const gyre_as_completed *ac)
{
    return !ac->first && ac->timed_out == 0;
}

/* The next result: the future's own, or 0 with the future in *out. */
static int64_t take(gyre_as_completed *ac, gyre_future **out)
{
    gyre__watched *entry = ac->first;

    if (!entry) {
        ac->timed_out--;
        return GYRE_ETIMEOUT;
    }
    ac->first = (gyre__watched *)(void *)entry->callback.node.next;
    if (!out)
        return gyre_future_result(gyre__watched_future(entry));
    *out = gyre__watched_future(entry);
    return 0;
}

static bool cancel_turn(gyre_task *task, gyre_error *detail)
{
    if (!gyre__cancel_wait(task, detail))
        return false;
    gyre__list_remove(&task->wait.slot.link);
    task->wait.slot.data = NULL;
    return true;
}

static gyre_future *awaited(const gyre_task *task, size_t i)
{
    return gyre__watch_awaits(task->wait.slot.owner, i);
}

static const gyre__wait_kind wait_turn = {
    .what = "as_completed", .cancel = cancel_turn, .awaits = awaited};

/* slot.data: NULL if the wait itself was cancelled. */
static gyre_await wait_for_turn(gyre_as_completed *ac)
{
    gyre_task *task = gyre__task_running("gyre_as_completed_next");

    task->wait.slot.data = NULL;
    if (!gyre__may_park(task))
        return gyre__complete(task, GYRE_ECANCELLED);
    task->wait.slot.data = ac;
    gyre__list_append(&ac->consumers, &task->wait.slot.link);
    return gyre__park_slot(task, &wait_turn, ac);
}

/* The turn goes back; the result that a woken task did not take goes to the next one. */
static void give_back(gyre_as_completed *ac)
{
    const gyre_task *task = gyre__task_running("gyre_as_completed_next");

    if (task->wait.slot.data && !is_empty(ac))
        wake_next(ac);
    ac->turns++;
}

static void stop_taking(gyre_as_completed *ac)
{
    if (--ac->taking == 0 && ac->freed)
        leave(ac);
    gyre_future_unref(gyre__watch_future(&ac->watch));
}

/* A task that found the queue empty; when woken it may do so again: others may have come first. */
struct taking {
    gyre_frame frame;
    gyre_as_completed *ac; /* reference */
    gyre_future **out;     /* NULL: the result is wanted */
    int64_t rc;
};

GYRE_CORO(taking)
{
    GYRE_BEGIN;
    self->frame.leaf = true;
    while (is_empty(self->ac)) {
        GYRE_AWAIT(self->rc, wait_for_turn(self->ac));
        if (self->rc < 0) {
            give_back(self->ac);
            GYRE_RETURN(self->rc);
        }
    }
    GYRE_RETURN(take(self->ac, self->out));
    GYRE_FINALLY;
    stop_taking(self->ac);
    GYRE_END;
}

static gyre_await next(gyre_as_completed *ac, gyre_future **out)
{
    gyre_task *task = gyre__task_running("gyre_as_completed_next");
    gyre_await await;

    if (!ac)
        return gyre__complete(task, -ENOMEM);
    if (ac->turns == 0)
        return gyre__complete(task, GYRE_ESTOPITERATION);
    ac->turns--;
    if (!is_empty(ac))
        return gyre__complete(task, take(ac, out));
    ac->taking++;
    gyre_future_ref(gyre__watch_future(&ac->watch));
    await = GYRE_CALL(taking, .ac = ac, .out = out);
    if (!await.pending) {
        ac->turns++;
        stop_taking(ac);
    }
    return await;
}

gyre_await gyre_as_completed_next(gyre_as_completed *ac)
{
    return next(ac, NULL);
}

gyre_await gyre_as_completed_next_future(gyre_as_completed *ac, gyre_future **out_future)
{
    return next(ac, out_future);
}
