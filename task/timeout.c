/*
 * Timeout scopes: a timer that cancels the task, and the count that tells its cancellation from
 * others.
 */
#include "timeout_internal.h"

/* A scope in its life, as CPython has it. */
enum timeout_state {
    OUTSIDE, /* not entered yet, or left in time */
    ENTERED,
    EXPIRING, /* the time was up: the task was cancelled */
    EXPIRED,  /* and left since */
};

static gyre_loop *loop_of(const gyre_timeout *timeout)
{
    return timeout->task->future.loop;
}

static bool is_inside(const gyre_timeout *timeout)
{
    return timeout->state == ENTERED || timeout->state == EXPIRING;
}

/* ---- the handle ---- */

static void expire(gyre_timeout *timeout)
{
    gyre_task_cancel(timeout->task);
    timeout->state = EXPIRING;
}

static void timer_due(gyre__node *node)
{
    if (!gyre__running->closing)
        expire(GYRE__CONTAINER(node, gyre_timeout, timer.node));
}

static int64_t soon_due(gyre_loop *loop, void *arg)
{
    gyre_timeout *timeout = arg;

    (void)loop;
    gyre_handle_unref(timeout->soon);
    timeout->soon = NULL;
    expire(timeout);
    return 0;
}

static void stop_handle(gyre_timeout *timeout)
{
    gyre__timers_remove(&loop_of(timeout)->timers, &timeout->timer);
    if (timeout->soon) {
        gyre_handle_cancel(timeout->soon);
        gyre_handle_unref(timeout->soon);
        timeout->soon = NULL;
    }
}

/*
 * A deadline to come is a timer in the scope itself. One that has passed is an entry of the ready
 * queue, which could not be taken back when the scope and its memory go: a handle can outlive
 * them.
 */
static int64_t start_handle(gyre_timeout *timeout, bool has_passed)
{
    gyre_loop *loop = loop_of(timeout);

    if (timeout->when >= GYRE__NEVER || loop->closing)
        return 0;
    if (has_passed)
        return gyre_call_soon(loop, soon_due, timeout, &timeout->soon);
    gyre__timers_add(&loop->timers, &timeout->timer, timeout->when, 0);
    return 0;
}

/* ---- the scope ---- */

static int64_t enter(gyre_timeout *timeout, gyre_task *task, uint64_t when_ns, bool has_passed)
{
    int64_t rc;

    if (is_inside(timeout))
        return GYRE_ESTATE;
    *timeout =
        (gyre_timeout){.task = task, .when = when_ns, .requests = task->cancels, .state = ENTERED};
    gyre__timer_init(&timeout->timer, timer_due);
    rc = start_handle(timeout, has_passed);
    if (rc < 0)
        timeout->state = OUTSIDE;
    else
        gyre_task_ref(task);
    return rc;
}

int64_t gyre_timeout_enter_at(gyre_timeout *timeout, uint64_t when_ns)
{
    gyre_task *task = gyre_task_current();

    if (!task)
        return GYRE_ENOTASK;
    return enter(timeout, task, when_ns, when_ns <= gyre_loop_time(task->future.loop));
}

int64_t gyre_timeout_enter(gyre_timeout *timeout, int64_t delay_ns)
{
    gyre_task *task = gyre_task_current();
    uint64_t when = GYRE_NO_DEADLINE;

    if (!task)
        return GYRE_ENOTASK;
    if (delay_ns != GYRE_FOREVER)
        when = gyre__deadline(task->future.loop, delay_ns);
    return enter(timeout, task, when, delay_ns <= 0);
}

int64_t gyre_timeout_exit(gyre_timeout *timeout, int64_t result)
{
    bool expired = timeout->state == EXPIRING;
    gyre_task *task = timeout->task;

    if (!is_inside(timeout))
        return result;
    gyre__check_thread(loop_of(timeout), __func__);
    stop_handle(timeout);
    timeout->state = expired ? EXPIRED : OUTSIDE;
    timeout->task = NULL;
    /* If nobody else has cancelled the task since, this cancellation is ours. */
    if (expired && gyre_task_uncancel(task) <= timeout->requests && result == GYRE_ECANCELLED) {
        gyre_error_clear();
        result = GYRE_ETIMEOUT;
    }
    gyre_task_unref(task);
    return result;
}

int64_t gyre_timeout_reschedule(gyre_timeout *timeout, uint64_t when_ns)
{
    if (timeout->state != ENTERED)
        return GYRE_ESTATE;
    gyre__check_thread(loop_of(timeout), __func__);
    stop_handle(timeout);
    timeout->when = when_ns;
    if (!gyre__running && when_ns != GYRE_NO_DEADLINE)
        return GYRE_ESTATE; /* as in asyncio, which takes the time from the running loop */
    return start_handle(timeout, when_ns <= gyre_loop_time(loop_of(timeout)));
}

bool gyre_timeout_expired(const gyre_timeout *timeout)
{
    return timeout->state == EXPIRING || timeout->state == EXPIRED;
}

uint64_t gyre_timeout_when(const gyre_timeout *timeout)
{
    return timeout->when;
}

void gyre__timeout_enter_expired(gyre_timeout *timeout, gyre_task *task)
{
    *timeout = (gyre_timeout){.task = gyre_task_ref(task), .requests = task->cancels};
    gyre__timer_init(&timeout->timer, timer_due);
    expire(timeout);
}
