/* One iteration as a list of phases, and the ways to run it. */
#include <stdio.h>
#include <sys/stat.h>

#include "loop_internal.h"

/*
 * How much longer than until the next timer the loop may sleep, so that timers close to each other
 * share a wake-up. The kernel's own default for nanosleep() and poll(); the order is kept.
 */
enum { TIMER_SLACK = 50000 };

/* ---- one iteration ---- */

/* Everything that could wake the loop, apart from what is ready and the timers. */
static bool waits_for_outside(const gyre_loop *loop)
{
    return loop->backend.in_flight > loop->backend.internal || loop->holds;
}

/* Threads of this process; posts can come from another one only. */
static bool has_other_threads(void)
{
    struct stat info;

    return stat("/proc/self/task", &info) < 0 || info.st_nlink > 3;
}

/* True if nothing can ever happen again. Looked at only when the loop would sleep without a limit. */
static bool deadlocked(gyre_loop *loop)
{
    if (waits_for_outside(loop) || gyre__post_waiting(loop))
        return false;
    return loop->is_virtual || (!loop->signals && !has_other_threads());
}

/*
 * The virtual clock moves to the next timer, and no further than the limit. Only when nothing from outside
 * may come before; false if there is nothing to move to.
 */
static bool jump(gyre_loop *loop, uint64_t limit_ns)
{
    uint64_t next, limit = limit_ns < GYRE__NEVER ? loop->virtual_now + limit_ns : GYRE__NEVER;
    bool exact;

    while ((next = gyre__timers_next(&loop->timers, &exact)), !exact)
        gyre__timers_sort(&loop->timers, next);
    if (next > limit)
        next = limit;
    if (next >= GYRE__NEVER)
        return false;
    if (next > loop->virtual_now)
        loop->virtual_now = next;
    return true;
}

/* How long phase 2 may wait where nothing is ready: until the next timer. */
static int64_t choose_timeout(gyre_loop *loop, uint64_t limit_ns, uint64_t *out_timeout)
{
    uint64_t next, now;
    bool exact;

    *out_timeout = 0;
    if (loop->is_virtual && !waits_for_outside(loop) && !gyre__post_waiting(loop)) {
        if (jump(loop, limit_ns))
            return 0;
    } else {
        next = loop->is_virtual ? GYRE__NEVER : gyre__timers_next(&loop->timers, &exact);
        if (next != GYRE__NEVER) {
            now = gyre_loop_time(loop);
            *out_timeout = next > now ? next - now + TIMER_SLACK : 0;
            if (*out_timeout > limit_ns)
                *out_timeout = limit_ns;
            return 0;
        }
    }
    *out_timeout = limit_ns;
    return limit_ns == GYRE__NEVER && deadlocked(loop) ? GYRE_EDEADLOCK : 0;
}

/* Says to other threads that they must wake the loop; then looks again whether they have posted. */
static __attribute__((noinline)) int64_t fall_asleep(gyre_loop *loop, uint64_t limit_ns,
                                                     uint64_t *out_timeout)
{
    int64_t rc = choose_timeout(loop, limit_ns, out_timeout);

    if (rc < 0 || !*out_timeout)
        return rc;
    if (!loop->wake_op.in_flight)
        gyre__post_arm(loop);
    atomic_store(&loop->asleep, true);
    if (gyre__post_waiting(loop) || !loop->wake_op.in_flight) /* no room for the wake-up call: try anew */
        *out_timeout = 0;
    return 0;
}

/*
 * Where anything is ready this only looks, with a system call only if there is something to submit.
 * Few functions lie between here and it, as the way back through each is mispredicted afterwards.
 */
static int64_t phase_wait(gyre_loop *loop, uint64_t limit_ns)
{
    uint64_t timeout;
    int64_t rc;

    if (loop->ready.head || loop->stopping || !limit_ns) {
        if (!gyre__backend_idle(&loop->backend))
            gyre__backend_poll(loop, 0);
        return 0;
    }
    rc = fall_asleep(loop, limit_ns, &timeout);
    if (rc < 0)
        return rc;
    gyre__backend_poll(loop, timeout);
    atomic_store_explicit(&loop->asleep, false, memory_order_relaxed);
    if (__builtin_expect(gyre__posted(loop), 0))
        gyre__post_take(loop);
    return 0;
}

static void phase_timers(gyre_loop *loop)
{
    if (loop->timers.count)
        gyre__timers_collect(&loop->timers, gyre_loop_time(loop));
}

/* Measures callbacks on the loop's clock, but not on the virtual one: that stands still meanwhile. */
static uint64_t stopwatch(const gyre_loop *loop)
{
    return loop->is_virtual ? gyre__monotonic() : gyre_loop_time(loop);
}

/* In debug mode; never inlined, as its buffer would burden every iteration. */
static __attribute__((noinline)) void run_timed(gyre_loop *loop, gyre__node *node)
{
    uint64_t start = stopwatch(loop), taken;

    node->run(node);
    taken = stopwatch(loop) - start;
    if ((int64_t)taken >= loop->slow_ns) {
        char message[96];

        snprintf(message, sizeof(message), "a callback or task step took %.3f s", (double)taken / 1e9);
        gyre_loop_call_exception_handler(loop, &(gyre_exception_context){.message = message});
    }
}

static void run_node(gyre_loop *loop, gyre__node *node)
{
    if (__builtin_expect(loop->debug, 0))
        run_timed(loop, node);
    else
        node->run(node);
}

/* What was ready when the iteration came here, then the timers that were due; no more. */
static bool phase_run(gyre_loop *loop)
{
    bool any = loop->ready.head || loop->timers.due;

    if (loop->ready.head) {
        gyre__node *node, *last = loop->ready.tail;

        do {
            node = gyre__ready_pop(&loop->ready);
            if (loop->ready.head)
                __builtin_prefetch(loop->ready.head->next);
            run_node(loop, node);
        } while (node != last);
    }
    while (loop->timers.due) {
        gyre__timer *timer = gyre__timers_take(&loop->timers);

        run_node(loop, &timer->node);
    }
    return any;
}

/* Runs one iteration. */
static int64_t iterate(gyre_loop *loop, uint64_t limit_ns)
{
    int64_t rc;

    loop->iterations++;
    if (__builtin_expect(gyre__posted(loop), 0))
        gyre__post_take(loop);
    rc = phase_wait(loop, limit_ns);
    if (rc < 0)
        return rc;
    phase_timers(loop);
    return phase_run(loop);
}

/* ---- runs ---- */

/* A loop made in one thread may first run in another, to which it then belongs. */
int64_t gyre__loop_adopt(gyre_loop *loop)
{
    if (!loop->has_run && loop->generation == gyre__fork_generation) {
        loop->owner = &gyre__thread_mark;
        loop->owner_tid = gyre__thread_number();
    }
    gyre__check_thread(loop, "gyre_loop_run");
    if (loop->closing)
        return GYRE_ELOOPCLOSED;
    return loop->running || gyre__running ? GYRE_ELOOPRUNNING : 0;
}

static int64_t enter(gyre_loop *loop)
{
    int64_t rc = gyre__loop_adopt(loop);

    if (rc < 0)
        return rc;
    if (!loop->has_run)
        gyre__sigpipe_block();
    loop->has_run = true;
    rc = gyre__backend_enable(&loop->backend);
    if (rc < 0)
        return rc;
    loop->running = true;
    gyre__running = loop;
    return 0;
}

static void leave(gyre_loop *loop)
{
    loop->running = false;
    loop->stopping = false;
    gyre__running = NULL;
}

int64_t gyre_loop_run(gyre_loop *loop)
{
    int64_t rc = enter(loop);

    if (rc < 0)
        return rc;
    do
        rc = iterate(loop, GYRE__NEVER);
    while (rc >= 0 && !loop->stopping);
    leave(loop);
    return rc == GYRE_EDEADLOCK ? gyre__report_deadlock(loop) : rc < 0 ? rc : 0;
}

int64_t gyre_loop_run_once(gyre_loop *loop, int64_t timeout_ns)
{
    int64_t rc = enter(loop);

    if (rc < 0)
        return rc;
    if (timeout_ns < 0)
        timeout_ns = 0;
    rc = iterate(loop, timeout_ns == GYRE_FOREVER ? GYRE__NEVER : (uint64_t)timeout_ns);
    leave(loop);
    return rc;
}

void gyre_loop_stop(gyre_loop *loop)
{
    gyre__check_thread(loop, __func__);
    loop->stopping = true;
}
