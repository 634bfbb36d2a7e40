/* Waiting for some of many futures, or for a while. */
#include "wait.h"

#include <errno.h>

#include "watch_internal.h"

struct wait {
    gyre__watch watch;
    gyre__timer timer; /* of the timeout */
    gyre__callback
        resumed; /* on the wait itself: first in its list, so it runs as who awaits it resumes */
    size_t remaining; /* operands whose completion has not been dealt with */
    gyre_wait_mode mode;
};

static struct wait *wait_of(gyre__watch *watch)
{
    return (struct wait *)watch;
}

/* ---- the end of the wait ---- */

/* As in asyncio the operands are left only when the one who waits resumes. */
static void end(struct wait *wait)
{
    gyre_future *future = gyre__watch_future(&wait->watch);

    if (future->state == GYRE_FUTURE_PENDING)
        gyre__future_finish_result(future, 0);
}

static void stop_timer(struct wait *wait)
{
    if (gyre__timer_is_set(&wait->timer)) {
        gyre__timers_remove(&wait->watch.combined.future.loop->timers, &wait->timer);
        gyre__watch_over(&wait->watch); /* something else is outstanding still: what is running */
    }
}

static void run_timeout(gyre__node *node)
{
    struct wait *wait = GYRE__CONTAINER(node, struct wait, timer.node);

    end(wait);
    gyre__watch_over(&wait->watch);
}

static void run_resumed(gyre__node *node)
{
    struct wait *wait = GYRE__CONTAINER(node, struct wait, resumed.node);

    stop_timer(wait);
    gyre__watch_leave(&wait->watch);
    gyre__watch_over(&wait->watch);
}

/* The error is looked at, and so retrieved, in this mode only, and only while that matters. */
static bool is_over(const struct wait *wait, gyre_future *completed)
{
    if (wait->remaining == 0 || wait->mode == GYRE_FIRST_COMPLETED)
        return true;
    if (wait->mode != GYRE_FIRST_EXCEPTION || completed->state == GYRE_FUTURE_CANCELLED)
        return false;
    gyre__future_retrieved(completed);
    return completed->result < 0;
}

/* Runs after the end, too, for operands that completed in the same iteration. */
static void run_completed(gyre__node *node)
{
    gyre__watched *entry = gyre__watched_from(node);
    struct wait *wait = wait_of(entry->watch);

    wait->remaining--;
    if (is_over(wait, gyre__watched_future(entry))) {
        stop_timer(wait);
        end(wait);
    }
    gyre__watch_over(&wait->watch);
}

static int64_t cancel(gyre_future *future, gyre_error *detail)
{
    gyre__future_finish_cancelled(future, gyre_error_ref(detail), false);
    return 1;
}

/* A wait that nobody awaited, or for futures that will never complete. */
static void loop_closes(gyre_loop *loop, gyre__close_hook *hook)
{
    struct wait *wait = wait_of(gyre__watch_of_hook(hook));
    gyre_future *future = gyre__watch_future(&wait->watch);

    (void)loop;
    gyre_future_ref(future);
    stop_timer(wait);
    gyre__watch_leave(&wait->watch);
    if (future->state == GYRE_FUTURE_PENDING) {
        gyre__future_remove(future, &wait->resumed);
        gyre__watch_over(&wait->watch);
    }
    gyre_future_unref(future);
}

static const gyre__future_class wait_class = {
    .name = "wait",
    .cancel = cancel,
    .fini = gyre__watch_fini,
    .size = sizeof(struct wait),
    .awaits = gyre__watch_awaits,
};

/* ---- making ---- */

static void start_timer(struct wait *wait, int64_t timeout_ns)
{
    gyre_loop *loop = wait->watch.combined.future.loop;

    if (timeout_ns == GYRE_FOREVER)
        return;
    gyre__timer_init(&wait->timer, run_timeout);
    gyre__timers_add(&loop->timers, &wait->timer, gyre__deadline(loop, timeout_ns), 0);
    wait->watch.outstanding++;
}

gyre_future *gyre__wait(const char *file, unsigned line, gyre_loop *loop, size_t n,
                        gyre_future *const *futures, int64_t timeout_ns, gyre_wait_mode mode)
{
    gyre__watch *watch = gyre__watch_new(loop, &wait_class, file, line);
    struct wait *wait = wait_of(watch);
    gyre__watched *entry;
    size_t i = 0;
    int64_t rc;

    if (!watch)
        return NULL;
    if (n == 0 || (unsigned)mode > GYRE_FIRST_EXCEPTION)
        return gyre__watch_refuse(watch, -EINVAL);
    rc = gyre__watch_open(watch, n, futures, false, run_completed);
    if (rc < 0)
        return gyre__watch_refuse(watch, rc);
    wait->mode = mode;
    wait->remaining = watch->distinct;
    wait->resumed.node.run = run_resumed;
    gyre__future_add(gyre__watch_future(watch), &wait->resumed);
    watch->outstanding++;
    start_timer(wait, timeout_ns);
    while ((entry = gyre__watch_next_done(watch, &i)) != NULL)
        gyre__watch_schedule(entry, run_completed);
    gyre__watch_hold(watch, loop_closes);
    return gyre__watch_future(watch);
}

/* ---- asking ---- */

static size_t list(const gyre_future *future, bool done, gyre_future **out, size_t max)
{
    const struct wait *wait = (const struct wait *)future;
    size_t found = 0;

    if (future->kind != GYRE__FUTURE_COMBINED || wait->watch.combined.class != &wait_class)
        return 0;
    for (size_t i = 0; i < wait->watch.count; i++) {
        gyre_future *operand = wait->watch.futures[i];

        if (!wait->watch.entries[i].watch || (operand->state != GYRE_FUTURE_PENDING) != done)
            continue;
        if (found < max)
            out[found] = operand;
        found++;
    }
    return found;
}

size_t gyre_wait_done(const gyre_future *wait, gyre_future **out, size_t max)
{
    return list(wait, true, out, max);
}

size_t gyre_wait_pending(const gyre_future *wait, gyre_future **out, size_t max)
{
    return list(wait, false, out, max);
}
