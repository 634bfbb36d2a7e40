/* Gathering: the results of many futures in one, and cancelling them all. */
#include "gather.h"

#include <errno.h>

#include "watch_internal.h"

struct gather {
    gyre__watch watch;
    size_t finished; /* children whose end has been dealt with */
    bool return_exceptions;
    bool cancel_requested;
    bool
        unretrieved; /* a child that has ended had an error which the results will have retrieved */

    /* While it is being cancelled, or looked through: */
    bool is_cancelling;
    bool cancelled_any;  /* a child was asked to end */
    size_t next;         /* child to go on with */
    struct gather *up;   /* where to go on after that */
    gyre_error *message; /* reference */
};

/* The innermost gather whose children are being cancelled; NULL: none. */
static _Thread_local struct gather *cancelling __attribute__((tls_model("initial-exec")));

/* ---- children that end ---- */

/* A cancelled gather passes on the message of its last argument, as CPython's does. */
static void finish_cancel(struct gather *gather)
{
    gyre_future *last = gather->watch.futures[gather->watch.count - 1];
    gyre_error *detail = NULL;

    if (last && last->state == GYRE_FUTURE_CANCELLED)
        gyre__future_take(last, &detail);
    else if (last && last->flags & GYRE__FUTURE_DETAIL_OLD)
        detail = gyre_error_ref(last->detail);
    gyre__future_finish_error(gyre__watch_future(&gather->watch), GYRE_ECANCELLED, detail);
}

static void finish(struct gather *gather)
{
    if (gather->unretrieved)
        for (size_t i = 0; i < gather->watch.count; i++)
            if (gather->watch.futures[i])
                gyre__future_retrieved(gather->watch.futures[i]);
    if (gather->cancel_requested)
        finish_cancel(gather);
    else
        gyre__future_finish_result(gyre__watch_future(&gather->watch),
                                   (int64_t)gather->watch.count);
}

/* asyncio's done-callback; children that are done when the gather is made come here at once. */
static void child_ended(struct gather *gather, gyre__watched *entry)
{
    gyre_future *outer = gyre__watch_future(&gather->watch), *child = gyre__watched_future(entry);
    gyre_error *detail;

    gather->finished++;
    if (__builtin_expect(child->result >= 0, 1)) {
        if (!child->detail) /* else that is a request's message, for finish_cancel() */
            gyre__watched_drop(entry);
    } else if (outer->state != GYRE_FUTURE_PENDING) {
        gyre__future_retrieved(child);
    } else if (gather->return_exceptions) {
        gather->unretrieved = true;
    } else {
        int64_t code = gyre__future_take(child, &detail);

        gyre__future_finish_error(outer, code, detail);
    }
    if (gather->finished == gather->watch.distinct && outer->state == GYRE_FUTURE_PENDING)
        finish(gather);
}

static void run_child_done(gyre__node *node)
{
    gyre__watched *entry = gyre__watched_from(node);
    gyre__watch *watch = entry->watch;
    size_t ahead = gyre__watched_index(entry) + GYRE__WATCH_AHEAD;

    /* Tasks that were spawned in turn mostly end in turn. */
    if (ahead < watch->count)
        __builtin_prefetch(watch->futures[ahead], 1);
    child_ended((struct gather *)watch, entry);
    gyre__watch_over(watch);
}

/* Children that are pending when the loop closes will never end. */
static void loop_closes(gyre_loop *loop, gyre__close_hook *hook)
{
    (void)loop;
    gyre__watch_leave(gyre__watch_of_hook(hook));
}

/* ---- cancelling ---- */

static const gyre__future_class gather_class;

/* The gather that a future is and that can be gone into; NULL: none. */
static struct gather *inner_gather(gyre_future *future)
{
    if (future->kind != GYRE__FUTURE_COMBINED || ((gyre__combined *)future)->class != &gather_class)
        return NULL;
    return (struct gather *)future;
}

static void go_into(struct gather *gather, struct gather *up)
{
    gather->next = 0;
    gather->up = up;
}

/* True if cancelling would reach a future: one that is pending and no gather. */
static bool has_pending(struct gather *gather)
{
    go_into(gather, NULL);
    while (gather) {
        gyre_future *child;
        struct gather *inner;

        if (gather->next == gather->watch.count) {
            gather = gather->up;
            continue;
        }
        child = gather->watch.futures[gather->next++];
        if (!child || child->state != GYRE_FUTURE_PENDING)
            continue;
        inner = inner_gather(child);
        if (!inner)
            return true;
        if (!inner->is_cancelling) { /* else the awaits form a cycle */
            go_into(inner, gather);
            gather = inner;
        }
    }
    return false;
}

static void begin_cancel(struct gather *gather, gyre_error *message)
{
    go_into(gather, cancelling);
    gather->message = gyre_error_ref(message);
    gather->is_cancelling = true;
    gather->cancelled_any = false;
    cancelling = gather;
}

static void end_cancel(struct gather *gather)
{
    cancelling = gather->up;
    gather->is_cancelling = false;
    gyre_error_unref(gather->message);
    gather->message = NULL;
    if (!gather->cancelled_any)
        return;
    /* Whatever return_exceptions says, the one who awaits this is to be cancelled. */
    gather->cancel_requested = true;
    if (cancelling)
        cancelling->cancelled_any = true;
}

static void cancel_child(struct gather *gather, gyre_future *child)
{
    struct gather *inner;

    if (!child)
        return; /* it is done */
    inner = inner_gather(child);
    if (!inner) {
        if (gyre_future_cancel_with(child, gather->message) > 0)
            gather->cancelled_any = true;
    } else if (child->state == GYRE_FUTURE_PENDING && !inner->is_cancelling) {
        begin_cancel(inner, gather->message);
    }
}

/*
 * Cancels the children in order, duplicates twice. Gathers and tasks that await each other may form
 * chains of any length, so this is a loop: a gather met on the way is only noted as the innermost
 * one, and gone into when the call that led to it has come back here. Nothing happens in between,
 * so that the order is that of recursion.
 */
static int64_t cancel(gyre_future *future, gyre_error *detail)
{
    struct gather *gather = (struct gather *)future;
    struct gather *outermost = cancelling;
    bool any;

    if (gather->is_cancelling)
        return 0;
    any = has_pending(gather);
    begin_cancel(gather, detail); /* for done children, too: nobody will want their errors */
    while (cancelling && !outermost) {
        gather = cancelling;
        if (gather->next == gather->watch.count)
            end_cancel(gather);
        else
            cancel_child(gather, gather->watch.futures[gather->next++]);
    }
    return any;
}

static const gyre__future_class gather_class = {
    .name = "gather",
    .cancel = cancel,
    .fini = gyre__watch_fini,
    .size = sizeof(struct gather),
    .awaits = gyre__watch_awaits,
    .keeps_error = true,
};

/* ---- making, asking ---- */

static gyre_future *begin(gyre__watch *watch, unsigned flags)
{
    struct gather *gather = (struct gather *)watch;
    gyre__watched *entry;
    size_t i = 0;

    gather->return_exceptions = flags & GYRE_GATHER_RETURN_EXCEPTIONS;
    gyre__watch_hold(watch, loop_closes);
    if (watch->count == 0)
        finish(gather);
    while ((entry = gyre__watch_next_done(watch, &i)) != NULL)
        child_ended(gather, entry);
    return gyre__watch_future(watch);
}

gyre_future *gyre__gather(const char *file, unsigned line, gyre_loop *loop, size_t n,
                          gyre_future *const *futures, unsigned flags)
{
    gyre__watch *watch = gyre__watch_new(loop, &gather_class, file, line);
    bool moved = flags & GYRE_GATHER_MOVE;
    int64_t rc = -ENOMEM;

    if (watch)
        rc = gyre__watch_open(watch, n, futures, moved, run_child_done);
    if (rc >= 0)
        return begin(watch, flags);
    for (size_t i = 0; moved && i < n; i++)
        gyre_future_unref(futures[i]);
    return watch ? gyre__watch_refuse(watch, rc) : NULL;
}

int64_t gyre_gather_result(const gyre_future *future, size_t i, gyre_error **out_detail)
{
    const struct gather *gather = inner_gather((gyre_future *)(uintptr_t)future);
    const gyre_future *child;

    if (out_detail)
        *out_detail = NULL;
    if (!gather || i >= gather->watch.count)
        return -EINVAL;
    child = gather->watch.futures[i];
    if (!child)
        return gather->watch.entries[i].ended.value;
    if (child->state == GYRE_FUTURE_PENDING)
        return GYRE_EINVALIDSTATE;
    /* The message of a task's cancellation is for who retrieves it first, not for such lists. */
    if (out_detail && !(child->flags & GYRE__FUTURE_DETAIL_ONCE))
        *out_detail = gyre__future_detail(child);
    return child->result;
}
