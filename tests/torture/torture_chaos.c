/*
 * Torture by chance: tasks that do random things to a pool of futures and to shared locks and
 * queues: await, complete, cancel, replace, combine. Nothing is expected but that everything ends
 * and nothing is left. Each seed is a scenario of its own, the same every time.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../future/gather.h"
#include "../../future/shield.h"
#include "../../future/wait.h"
#include "../../loop/alloc.h"
#include "../../task/as_completed.h"
#include "../../task/event.h"
#include "../../task/group.h"
#include "../../task/queue.h"
#include "../../task/run.h"
#include "../../task/scoped.h"
#include "../../task/sleep.h"
#include "../../task/task_internal.h"
#include "../../task/timeout.h"
#include "../support/torture.h"

enum { POOL = 6, DEPTH = 4, TASKS = 24 };

static struct {
    uint64_t seed;
    gyre_future *pool[POOL]; /* references */
    gyre_lock lock;
    gyre_semaphore semaphore;
    gyre_event event;
    gyre_queue queue;
    int tasks; /* spawned so far */
    bool over; /* everybody goes home */
} world;

static uint64_t chance(uint64_t below)
{
    world.seed ^= world.seed << 13;
    world.seed ^= world.seed >> 7;
    world.seed ^= world.seed << 17;
    return world.seed % below;
}

static gyre_future *pick(void)
{
    return world.pool[chance(POOL)];
}

/* Puts a new future (a reference, moved; NULL for want of memory) in the place of an old one. */
static void replace(gyre_future *future)
{
    gyre_future **place = &world.pool[chance(POOL)];

    if (!future)
        return;
    if (*place)
        gyre_future_ignore(*place);
    gyre_future_unref(*place);
    *place = future;
}

static int64_t nothing(gyre_future *future, void *arg)
{
    (void)arg;
    return gyre_future_done(future) ? 0 : -EPROTO;
}

static gyre_context_var color = {"color", NULL, gyre_free};

static void set_color(void)
{
    char *value = gyre_strdup("blue");

    if (value && gyre_context_set(&color, value) < 0)
        gyre_free(value);
}

static void complete(gyre_future *future)
{
    gyre_error *detail, *cancelled;

    if (!future)
        return;
    detail = gyre_error_new(GYRE_EUSER(1), "chance");
    cancelled = gyre_error_new(GYRE_ECANCELLED, "by chance");
    if (chance(3) == 0)
        gyre_future_set_result(future, (int64_t)chance(100));
    else if (chance(2))
        gyre_future_set_exception(future, GYRE_EUSER(1), detail);
    else
        gyre_future_cancel_with(future, cancelled);
    gyre_error_unref(detail);
    gyre_error_unref(cancelled);
}

/* ---- things to do that have an order of their own ---- */

struct worker {
    gyre_frame frame;
    int depth, steps;
    uint64_t what;
    gyre_future *held; /* reference to what is awaited */
    gyre_as_completed *ac;
    void *item;
    int64_t rc;
};
GYRE_CORO_DECLARE(worker);

struct nap {
    gyre_frame frame;
};
GYRE_CORO(nap)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep((int64_t)chance(4)));
    GYRE_RETURN((int64_t)chance(2) ? 1 : GYRE_EUSER(2));
    GYRE_END;
}

struct grouper {
    gyre_frame frame;
    gyre_group group;
    int depth;
    int64_t rc;
};
GYRE_CORO(grouper)
{
    GYRE_BEGIN;
    gyre_group_enter(&self->group);
    GYRE_GROUP_SPAWN_DETACHED(&self->group, nap);
    GYRE_GROUP_SPAWN_DETACHED(&self->group, worker, .depth = self->depth + 1);
    GYRE_TRY(gyre_sleep((int64_t)chance(5)));
    GYRE_FINALLY;
    GYRE_AWAIT(self->rc, gyre_group_exit(&self->group, self->frame.value));
    GYRE_RETURN(self->rc);
    GYRE_END;
}

struct hurried {
    gyre_frame frame;
    gyre_timeout timeout;
    gyre_future *held; /* borrowed from the caller */
};
GYRE_CORO(hurried)
{
    GYRE_BEGIN;
    gyre_timeout_enter(&self->timeout, (int64_t)chance(6));
    GYRE_TRY(self->held);
    GYRE_TRY(gyre_sleep(2));
    GYRE_FINALLY;
    GYRE_RETURN(gyre_timeout_exit(&self->timeout, self->frame.value));
    GYRE_END;
}

static gyre_await nop(void)
{
    return gyre__park_op(gyre__task_running("nop"),
                         &(gyre__request){.verb = GYRE__OP_NOP, .fd = -1}, &gyre__wait_op);
}

/* ---- the worker ---- */

/* What needs no await. */
static void act(uint64_t what, int depth)
{
    gyre_loop *loop = gyre_loop_current();
    gyre_future *one = pick(), *three[3] = {pick(), pick(), pick()};

    if (what == 0)
        complete(pick());
    if (what == 1)
        replace(gyre_future_new(loop));
    if (what == 2 && world.tasks < TASKS) {
        world.tasks++;
        replace(gyre_task_future(GYRE_SPAWN_WITH(((gyre_spawn_options){.eager = chance(2)}), worker,
                                                 .depth = depth + 1)));
    }
    if (what == 3 && one)
        gyre_future_cancel(one);
    if (what == 4)
        replace(gyre_gather(loop, 3, three, chance(2) ? GYRE_GATHER_RETURN_EXCEPTIONS : 0));
    if (what == 5)
        replace(gyre_shield(pick()));
    if (what == 6)
        replace(gyre_wait(loop, 3, three, (int64_t)chance(10), (gyre_wait_mode)chance(3)));
    if (what == 7)
        gyre_task_cancel(gyre_task_current());
    if (what == 8)
        gyre_task_uncancel(gyre_task_current());
    if (what == 9 && one && gyre_future_add_done_callback(one, nothing, NULL) == 0 && chance(2))
        gyre_future_remove_done_callback(one, nothing, NULL);
    if (what == 10)
        set_color();
    if (what == 11)
        gyre_event_set(&world.event);
    if (what == 12)
        gyre_event_clear(&world.event);
}
enum { ACTS = 13 };

GYRE_CORO_PUBLIC(worker)
{
    GYRE_BEGIN;
    self->steps = self->depth > DEPTH ? 1 : 3 + (int)chance(6);
    while (self->steps-- > 0 && !world.over) {
        act(chance(ACTS), self->depth);
        self->what = chance(12);
        self->rc = 0;
        if (self->what == 0) {
            GYRE_AWAIT(self->rc, gyre_sleep((int64_t)chance(4)));
        } else if (self->what == 1) {
            self->held = gyre_future_ref(pick());
            GYRE_AWAIT(self->rc, self->held);
        } else if (self->what == 2) {
            self->held = gyre_future_ref(pick());
            GYRE_AWAIT(self->rc, gyre_wait_for(self->held, (int64_t)chance(6)));
        } else if (self->what == 3 && self->depth < DEPTH) {
            GYRE_AWAIT(self->rc, GYRE_CALL(worker, .depth = self->depth + 1));
        } else if (self->what == 4 && self->depth < DEPTH) {
            GYRE_AWAIT(self->rc, gyre_wait_for(GYRE_CALL(worker, .depth = self->depth + 1),
                                               (int64_t)chance(6)));
        } else if (self->what == 5) {
            GYRE_AWAIT(self->rc, GYRE_WITH_LOCK(&world.lock, nap));
        } else if (self->what == 6) {
            GYRE_AWAIT(self->rc, GYRE_WITH_SEMAPHORE(&world.semaphore, nap));
        } else if (self->what == 7) {
            GYRE_AWAIT(self->rc, gyre_wait_for(gyre_event_wait(&world.event), (int64_t)chance(6)));
        } else if (self->what == 8) {
            GYRE_AWAIT(self->rc,
                       gyre_wait_for(gyre_queue_put(&world.queue, &world), (int64_t)chance(6)));
        } else if (self->what == 9) {
            GYRE_AWAIT(self->rc, gyre_wait_for(gyre_queue_get(&world.queue, &self->item), 3));
        } else if (self->what == 10 && self->depth < DEPTH) {
            GYRE_AWAIT(self->rc, GYRE_CALL(grouper, .depth = self->depth));
        } else if (self->what == 11) {
            self->held = gyre_future_ref(pick());
            GYRE_AWAIT(self->rc, GYRE_CALL(hurried, .held = self->held));
        } else if (chance(2)) {
            GYRE_AWAIT(self->rc, nop());
        } else {
            self->ac = gyre_as_completed_new(gyre_loop_current(), POOL, world.pool, 4);
            GYRE_AWAIT(self->rc, gyre_as_completed_next(self->ac));
            gyre_as_completed_free(self->ac);
            self->ac = NULL;
        }
        gyre_future_unref(self->held);
        self->held = NULL;
        if (self->rc == GYRE_ECANCELLED && chance(2))
            GYRE_RETURN(self->rc);
    }
    GYRE_RETURN(chance(2) ? (int64_t)chance(9) : GYRE_EUSER(3));
    GYRE_FINALLY;
    gyre_future_unref(self->held);
    gyre_as_completed_free(self->ac);
    if (chance(4) == 0)
        GYRE_TRY(gyre_sleep((int64_t)chance(3)));
    GYRE_END;
}

/* ---- the main task: lets them run, then sends them home ---- */

static bool cancel_other(gyre_task *task, void *me)
{
    if (task != me)
        gyre_task_cancel(task);
    return true;
}

static bool alone(gyre_loop *loop)
{
    gyre_loop_stats stats;

    gyre_loop_get_stats(loop, &stats);
    return stats.tasks == 1;
}

/* CHAOS_SEEDS=1000 gives other seeds: for long hunts. */
static uint64_t offset(void)
{
    const char *text = getenv("CHAOS_SEEDS");

    return text ? strtoull(text, NULL, 10) : 0;
}

struct chaos {
    gyre_frame frame;
    uint64_t seed;
    int i;
};
GYRE_CORO(chaos)
{
    GYRE_BEGIN;
    world.seed = (self->seed + offset()) * UINT64_C(0x9E3779B97F4A7C15);
    for (self->i = 0; self->i < POOL; self->i++)
        if (self->i % 2)
            world.pool[self->i] = gyre_future_new(gyre_loop_current());
        else
            world.pool[self->i] = gyre_task_future(GYRE_SPAWN(worker));
    for (self->i = 0; self->i < 20; self->i++) {
        GYRE_TRY(gyre_sleep(5));
        if (self->i % 6 == 5)
            complete(pick());
    }
    world.over = true;
    for (self->i = 0; self->i < 30 && !alone(gyre_loop_current()); self->i++) {
        for (int i = 0; i < POOL; i++)
            if (world.pool[i])
                gyre_future_cancel(world.pool[i]);
        gyre_loop_each_task(gyre_loop_current(), cancel_other, gyre_task_current());
        GYRE_TRY(gyre_sleep(1));
    }
    /* A group's task that awaits the group's parent may be left: asyncio, too, never ends it. */
    GYRE_RETURN(0);
    GYRE_FINALLY;
    world.over = true;
    GYRE_END;
}

static int64_t make_world(gyre_loop *loop)
{
    (void)loop;
    memset(&world, 0, sizeof(world));
    world.seed = 1;
    gyre_lock_init(&world.lock);
    gyre_semaphore_init(&world.semaphore, 2);
    gyre_event_init(&world.event);
    return gyre_queue_init(&world.queue, &(gyre_queue_options){.maxsize = 2});
}

static void end_world(void)
{
    for (int i = 0; i < POOL; i++) {
        if (chance(2))
            complete(world.pool[i]); /* without its loop */
        if (world.pool[i])
            gyre_future_ignore(world.pool[i]);
        gyre_future_unref(world.pool[i]);
    }
    gyre_queue_fini(&world.queue);
}

#define SEED(n_)                                                                                   \
    {                                                                                              \
        .name = "chaos_" #n_, .coro = &chaos_coro,                                                 \
        .args = &(const struct chaos){.frame = {.coro = &chaos_coro}, .seed = n_},                 \
        .flags = TORTURE_MAY_REPORT | TORTURE_FAULTS | TORTURE_MAY_DEADLOCK, .setup = make_world,  \
        .teardown = end_world                                                                      \
    }

static const torture_scenario scenarios[] = {
    SEED(1), SEED(2),  SEED(3),  SEED(4),  SEED(5),  SEED(6),  SEED(7),  SEED(8),
    SEED(9), SEED(10), SEED(11), SEED(12), SEED(13), SEED(14), SEED(15), SEED(16)};

int main(int argc, char **argv)
{
    return torture_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
