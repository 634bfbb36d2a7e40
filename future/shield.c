/* Shielding a future from the cancellation of who awaits it. */
#include "shield.h"

#include <errno.h>

#include "watch_internal.h"

static void run_inner_done(gyre__node *node)
{
    gyre__watched *entry = gyre__watched_from(node);
    gyre__watch *watch = entry->watch;
    gyre_future *outer = gyre__watch_future(watch), *inner = gyre__watched_future(entry);
    gyre_error *detail;

    /* Whoever is cancelled does not look at what the other one did. */
    if (outer->state == GYRE_FUTURE_PENDING) {
        if (inner->state == GYRE_FUTURE_CANCELLED) {
            gyre__future_finish_cancelled(outer, NULL, false);
        } else if (inner->result < 0) {
            int64_t code = gyre__future_take(inner, &detail);

            gyre__future_finish_error(outer, code, detail);
        } else {
            gyre__future_finish_result(outer, inner->result);
        }
    }
    gyre__watch_over(watch);
}

static int64_t cancel(gyre_future *outer, gyre_error *detail)
{
    gyre__future_finish_cancelled(outer, gyre_error_ref(detail), false);
    gyre__watch_leave((gyre__watch *)outer);
    return 1;
}

/* An inner future that is pending when the loop closes will never end. */
static void loop_closes(gyre_loop *loop, gyre__close_hook *hook)
{
    (void)loop;
    gyre__watch_leave(gyre__watch_of_hook(hook));
}

static const gyre__future_class shield_class = {
    .name = "shield",
    .cancel = cancel,
    .fini = gyre__watch_fini,
    .size = sizeof(gyre__watch),
    .awaits = gyre__watch_awaits,
};

gyre_future *gyre__shield(const char *file, unsigned line, gyre_future *inner)
{
    gyre__watch *watch;
    int64_t rc;

    if (!inner || inner->state != GYRE_FUTURE_PENDING)
        return gyre_future_ref(inner);
    watch = gyre__watch_new(inner->loop, &shield_class, file, line);
    if (!watch)
        return NULL;
    rc = gyre__watch_open(watch, 1, &inner, false, run_inner_done);
    if (rc < 0)
        return gyre__watch_refuse(watch, rc);
    gyre__watch_hold(watch, loop_closes);
    return gyre__watch_future(watch);
}
