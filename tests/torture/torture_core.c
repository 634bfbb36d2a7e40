/* Torture of tasks: every way to wait, call, fail and be cancelled, with every failure. */
#include <errno.h>
#include <string.h>

#include "../../task/inspect.h"
#include "../../task/run.h"
#include "../../task/sleep.h"
#include "../support/torture.h"

/* ---- sleeping ---- */

struct nap {
    gyre_frame frame;
};
GYRE_CORO(nap)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(GYRE_MS(5)));
    GYRE_TRY(gyre_sleep(0));
    GYRE_TRY(gyre_sleep(-1));
    GYRE_TRY(gyre_sleep_until(1));
    GYRE_TRY(gyre_sleep(GYRE_SECONDS(3600)));
    GYRE_RETURN(7);
    GYRE_END;
}

/* ---- spawning and awaiting ---- */

struct child {
    gyre_frame frame;
    int64_t delay, result;
};
GYRE_CORO(child)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(self->delay));
    GYRE_RETURN(self->result);
    GYRE_END;
}

struct family {
    gyre_frame frame;
    gyre_task *named, *eager, *plain;
    int64_t sum, result;
};
GYRE_CORO(family)
{
    GYRE_BEGIN;
    self->named = GYRE_SPAWN_WITH(((gyre_spawn_options){.name = "the first"}), child,
                                  .delay = GYRE_MS(20), .result = 1);
    self->eager =
        GYRE_SPAWN_WITH(((gyre_spawn_options){.eager = true}), child, .delay = 0, .result = 2);
    self->plain = GYRE_SPAWN(child, .delay = GYRE_MS(10), .result = 4);
    if (!GYRE_SPAWN_DETACHED(child, .delay = GYRE_MS(15), .result = 8))
        GYRE_RETURN(-ENOMEM);
    GYRE_AWAIT(self->result, self->named);
    if (self->result < 0)
        GYRE_RETURN(self->result);
    self->sum += self->result;
    GYRE_TRY(self->result, self->plain);
    self->sum += self->result;
    GYRE_TRY(self->result, self->eager); /* done long ago */
    GYRE_RETURN(self->sum + self->result);
    GYRE_FINALLY;
    gyre_task_unref(self->named);
    gyre_task_unref(self->eager);
    gyre_task_unref(self->plain);
    GYRE_END;
}

/* ---- futures between tasks ---- */

static void give_back(void *pointer)
{
    gyre_error_unref(pointer);
}

/* Completes the future in every case, so that nobody waits for ever. */
struct setter {
    gyre_frame frame;
    gyre_future *future; /* reference, moved in */
    int kind;
    gyre_error *thing;
};
GYRE_CORO(setter)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    self->thing = gyre_error_newf(GYRE_EUSER(3), "thing number %d", self->kind);
    if (!self->thing)
        GYRE_RETURN(-ENOMEM);
    if (self->kind == 0)
        gyre_future_set_exception(self->future, GYRE_EUSER(3), self->thing);
    else if (gyre_future_set_pointer(self->future, 9, self->thing, give_back) == 0)
        self->thing = NULL;
    GYRE_RETURN(0);
    GYRE_FINALLY;
    gyre_future_cancel(self->future);
    gyre_future_unref(self->future);
    gyre_error_unref(self->thing);
    GYRE_END;
}

struct relay {
    gyre_frame frame;
    gyre_future *futures[2];
    int64_t result[2];
    int i;
};
GYRE_CORO(relay)
{
    GYRE_BEGIN;
    for (self->i = 0; self->i < 2; self->i++) {
        self->futures[self->i] = gyre_future_new(gyre_loop_current());
        if (!self->futures[self->i])
            GYRE_RETURN(-ENOMEM);
        if (!GYRE_SPAWN_DETACHED(setter, .future = gyre_future_ref(self->futures[self->i]),
                                 .kind = self->i)) {
            gyre_future_unref(self->futures[self->i]);
            GYRE_RETURN(-ENOMEM);
        }
    }
    GYRE_AWAIT(self->result[0], self->futures[0]);
    if (self->result[0] == GYRE_EUSER(3) && !gyre_error_current())
        GYRE_RETURN(-EPROTO);
    GYRE_AWAIT(self->result[1], self->futures[1]);
    if (self->result[0] != GYRE_EUSER(3) || self->result[1] != 9)
        GYRE_RETURN(self->result[0] == GYRE_EUSER(3) ? self->result[1] : self->result[0]);
    GYRE_RETURN(gyre_error_code(gyre_future_pointer(self->futures[1])) == GYRE_EUSER(3));
    GYRE_FINALLY;
    gyre_future_unref(self->futures[0]);
    gyre_future_unref(self->futures[1]);
    GYRE_END;
}

/* ---- calls, deep enough for many pieces of stack ---- */

struct well {
    gyre_frame frame;
    int depth;
    int64_t below;
    char ballast[200];
};
GYRE_CORO(well)
{
    GYRE_BEGIN;
    memset(self->ballast, self->depth, sizeof(self->ballast));
    if (self->depth == 0) {
        GYRE_TRY(gyre_sleep(GYRE_MS(1)));
        GYRE_RETURN(gyre_raise(gyre_error_new(GYRE_EUSER(1), "the bottom")));
    }
    GYRE_AWAIT(self->below, GYRE_CALL(well, .depth = self->depth - 1));
    if (self->ballast[0] != self->depth || self->ballast[199] != self->depth)
        GYRE_RETURN(-EPROTO);
    if (self->depth % 8 == 0)
        GYRE_TRY(gyre_sleep(0));
    GYRE_RETURN(self->below);
    GYRE_FINALLY;
    if (self->depth % 5 == 0)
        GYRE_TRY(GYRE_CALL(nap));
    GYRE_END;
}

struct digger {
    gyre_frame frame;
    int64_t result;
};
GYRE_CORO(digger)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->result, GYRE_CALL(well, .depth = 24));
    if (self->result != GYRE_EUSER(1))
        GYRE_RETURN(self->result);
    GYRE_RETURN(strcmp(gyre_error_text(gyre_error_current()), "the bottom") == 0);
    GYRE_END;
}

/* A frame that is larger than any small block. */
struct huge {
    gyre_frame frame;
    char ballast[20000];
};
GYRE_CORO(huge)
{
    GYRE_BEGIN;
    self->ballast[19999] = 5;
    GYRE_TRY(gyre_sleep(0));
    GYRE_RETURN(self->ballast[19999]);
    GYRE_END;
}

struct giant {
    gyre_frame frame;
    gyre_task *task;
    int64_t result[2];
};
GYRE_CORO(giant)
{
    GYRE_BEGIN;
    self->task = GYRE_SPAWN(huge);
    GYRE_TRY(self->result[0], GYRE_CALL(huge));
    GYRE_TRY(self->result[1], self->task);
    GYRE_RETURN(self->result[0] + self->result[1]);
    GYRE_FINALLY;
    gyre_task_unref(self->task);
    GYRE_END;
}

/* ---- cancellation ---- */

struct link_of_chain {
    gyre_frame frame;
    int left;
    gyre_task *next;
};
GYRE_CORO(link_of_chain)
{
    GYRE_BEGIN;
    if (self->left == 0)
        GYRE_TRY(gyre_sleep(GYRE_FOREVER));
    self->next = GYRE_SPAWN(link_of_chain, .left = self->left - 1);
    GYRE_TRY(self->next);
    GYRE_RETURN(0);
    GYRE_FINALLY;
    gyre_task_unref(self->next);
    GYRE_TRY(gyre_sleep(0)); /* the cleanup may wait, and may fail itself */
    GYRE_END;
}

struct chain {
    gyre_frame frame;
    gyre_task *first;
    gyre_error *why;
    int64_t result;
};
GYRE_CORO(chain)
{
    GYRE_BEGIN;
    self->first = GYRE_SPAWN(link_of_chain, .left = 6);
    if (!self->first)
        GYRE_RETURN(-ENOMEM);
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    self->why = gyre_error_new(GYRE_ECANCELLED, "enough");
    gyre_task_cancel_with(self->first, self->why);
    gyre_task_cancel(self->first); /* once more: taken by the cleanup, or too late */
    GYRE_AWAIT(self->result, self->first);
    GYRE_RETURN(self->result == GYRE_ECANCELLED ? 1 : self->result);
    GYRE_FINALLY;
    gyre_task_cancel(self->first ? self->first : gyre_task_current());
    gyre_task_unref(self->first);
    gyre_error_unref(self->why);
    GYRE_END;
}

/* Swallows a number of cancellations, then ends. */
struct stubborn {
    gyre_frame frame;
    int left;
    int64_t result;
};
GYRE_CORO(stubborn)
{
    GYRE_BEGIN;
    while (self->left > 0) {
        GYRE_AWAIT(self->result, gyre_sleep(GYRE_SECONDS(1)));
        if (self->result == GYRE_ECANCELLED)
            gyre_task_uncancel(gyre_task_current());
        self->left--;
    }
    GYRE_RETURN(3);
    GYRE_END;
}

struct persuasion {
    gyre_frame frame;
    gyre_task *task;
    int i;
    int64_t result;
};
GYRE_CORO(persuasion)
{
    GYRE_BEGIN;
    self->task = GYRE_SPAWN(stubborn, .left = 4);
    if (!self->task)
        GYRE_RETURN(-ENOMEM);
    for (self->i = 0; self->i < 4; self->i++) {
        GYRE_TRY(gyre_sleep(GYRE_MS(10)));
        gyre_task_cancel(self->task);
    }
    GYRE_TRY(self->result, self->task);
    GYRE_RETURN(self->result);
    GYRE_FINALLY;
    gyre_task_unref(self->task);
    GYRE_END;
}

/*
 * Requests kept for the next await: a task cancels itself, with a message, before it awaits a
 * future.
 */
struct self_cancel {
    gyre_frame frame;
    gyre_error *why;
    gyre_future *future;
    int64_t result;
};
GYRE_CORO(self_cancel)
{
    GYRE_BEGIN;
    self->why = gyre_error_new(GYRE_ECANCELLED, "myself");
    self->future = gyre_future_new(gyre_loop_current());
    if (!self->why || !self->future)
        GYRE_RETURN(-ENOMEM);
    gyre_task_cancel_with(gyre_task_current(), self->why);
    GYRE_AWAIT(self->result, self->future);
    gyre_task_cancel_with(gyre_task_current(), self->why);
    GYRE_AWAIT(self->result, gyre_sleep(0));
    gyre_task_cancel_with(gyre_task_current(), self->why);
    GYRE_AWAIT(self->result, gyre_sleep(1));
    GYRE_RETURN(self->result == GYRE_ECANCELLED ? 5 : self->result);
    GYRE_FINALLY;
    gyre_error_unref(self->why);
    gyre_future_unref(self->future);
    GYRE_END;
}

/* Two tasks that await each other: nothing but a cancellation ends that. */
struct knot {
    gyre_frame frame;
    gyre_task **other; /* in the parent's frame */
};
GYRE_CORO(knot)
{
    GYRE_BEGIN;
    GYRE_TRY(*self->other);
    GYRE_RETURN(0);
    GYRE_END;
}

struct tangle {
    gyre_frame frame;
    gyre_task *a, *b;
    int64_t own;
};
GYRE_CORO(tangle)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->own, gyre_task_current());
    if (self->own != GYRE_ESELFAWAIT)
        GYRE_RETURN(self->own);
    self->a = GYRE_SPAWN(knot, .other = &self->b);
    self->b = GYRE_SPAWN(knot, .other = &self->a);
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    GYRE_RETURN(self->a && self->b ? 2 : -ENOMEM);
    GYRE_FINALLY;
    gyre_task_unref(self->a);
    gyre_task_unref(self->b);
    GYRE_END;
}
static bool untie(torture_mode mode, int64_t result)
{
    (void)mode;
    (void)result;
    return true;
}

/* ---- the end of a program: tasks that are left, with cleanups that wait ---- */

struct straggler {
    gyre_frame frame;
    int naps;
};
GYRE_CORO(straggler)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(GYRE_FOREVER));
    GYRE_RETURN(0);
    GYRE_FINALLY;
    while (self->naps-- > 0)
        GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    GYRE_RETURN(gyre_raise(gyre_error_newf(GYRE_EUSER(2), "after %d naps", self->naps)));
    GYRE_END;
}

struct program {
    gyre_frame frame;
    int i;
};
GYRE_CORO(program)
{
    GYRE_BEGIN;
    for (self->i = 0; self->i < 5; self->i++)
        if (!GYRE_SPAWN_DETACHED(straggler, .naps = self->i))
            GYRE_RETURN(-ENOMEM);
    GYRE_TRY(gyre_sleep(0));
    GYRE_RETURN(0);
    GYRE_END;
}

static const torture_scenario scenarios[] = {
    {TORTURE_MAIN(nap), .expect = 7},
    {TORTURE_MAIN(family), .expect = 7},
    {TORTURE_MAIN(relay), .expect = 1},
    {TORTURE_MAIN(digger), .expect = 1},
    {TORTURE_MAIN(giant), .expect = 10},
    {TORTURE_MAIN(chain), .expect = 1},
    {TORTURE_MAIN(persuasion), .expect = 3},
    {TORTURE_MAIN(self_cancel), .expect = 5},
    {TORTURE_MAIN(tangle), .expect = 2, .check = untie},
    {TORTURE_MAIN(program), .flags = TORTURE_MAY_REPORT},
};

int main(int argc, char **argv)
{
    return torture_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
