/* Barriers: a count and a state, guarded by a condition. */
#include "barrier.h"

#include <errno.h>

#include "task_internal.h"

int64_t gyre_barrier_init(gyre_barrier *barrier, unsigned parties)
{
    if (parties == 0)
        return -EINVAL;
    barrier->parties = parties;
    barrier->count = 0;
    barrier->state = GYRE__BARRIER_FILLING;
    gyre_condition_init(&barrier->changed, NULL);
    return 0;
}

unsigned gyre_barrier_parties(const gyre_barrier *barrier)
{
    return barrier->parties;
}

unsigned gyre_barrier_n_waiting(const gyre_barrier *barrier)
{
    return barrier->state == GYRE__BARRIER_FILLING ? barrier->count : 0;
}

bool gyre_barrier_broken(const gyre_barrier *barrier)
{
    return barrier->state == GYRE__BARRIER_BROKEN;
}

/* ---- waiting ---- */

static bool may_enter(void *arg)
{
    const gyre_barrier *barrier = arg;

    return barrier->state != GYRE__BARRIER_DRAINING && barrier->state != GYRE__BARRIER_RESETTING;
}

static bool has_filled(void *arg)
{
    const gyre_barrier *barrier = arg;

    return barrier->state != GYRE__BARRIER_FILLING;
}

/* The last one out ends the draining, and lets in who waited for that. */
static void leave(gyre_barrier *barrier)
{
    if (--barrier->count > 0)
        return;
    if (barrier->state != GYRE__BARRIER_BROKEN)
        barrier->state = GYRE__BARRIER_FILLING;
    gyre_condition_notify_all(&barrier->changed);
}

struct wait {
    gyre_frame frame;
    gyre_barrier *barrier;
    unsigned index; /* in the order of coming */
    bool holds;     /* the condition's lock */
    bool inside;    /* is counted */
};

GYRE_CORO(wait)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_condition_acquire(&self->barrier->changed));
    self->holds = true;
    GYRE_TRY(gyre_condition_wait_for(&self->barrier->changed, may_enter, self->barrier));
    if (self->barrier->state == GYRE__BARRIER_BROKEN)
        GYRE_RETURN(GYRE_EBROKENBARRIER);
    self->inside = true;
    self->index = self->barrier->count++;
    if (self->index + 1 == self->barrier->parties) {
        self->barrier->state = GYRE__BARRIER_DRAINING;
        gyre_condition_notify_all(&self->barrier->changed);
    } else {
        GYRE_TRY(gyre_condition_wait_for(&self->barrier->changed, has_filled, self->barrier));
        if (self->barrier->state != GYRE__BARRIER_DRAINING)
            GYRE_RETURN(GYRE_EBROKENBARRIER);
    }
    GYRE_RETURN(self->index);
    GYRE_FINALLY;
    if (self->inside)
        leave(self->barrier);
    if (self->holds)
        gyre_condition_release(&self->barrier->changed);
    GYRE_END;
}

gyre_await gyre_barrier_wait(gyre_barrier *barrier)
{
    const struct wait args = {.frame = {.coro = &wait_coro, .leaf = true}, .barrier = barrier};

    return gyre__call(&wait_coro, &args);
}

/* ---- resetting and breaking ---- */

struct change {
    gyre_frame frame;
    gyre_barrier *barrier;
    bool broken; /* break it, else reset it */
};

static void change_state(gyre_barrier *barrier, bool broken)
{
    if (broken)
        barrier->state = GYRE__BARRIER_BROKEN;
    else
        barrier->state = barrier->count > 0 ? GYRE__BARRIER_RESETTING : GYRE__BARRIER_FILLING;
    gyre_condition_notify_all(&barrier->changed);
}

GYRE_CORO(change)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_condition_acquire(&self->barrier->changed));
    change_state(self->barrier, self->broken);
    gyre_condition_release(&self->barrier->changed);
    GYRE_END;
}

static gyre_await call_change(gyre_barrier *barrier, bool broken)
{
    const struct change args = {
        .frame = {.coro = &change_coro, .leaf = true}, .barrier = barrier, .broken = broken};

    return gyre__call(&change_coro, &args);
}

gyre_await gyre_barrier_reset(gyre_barrier *barrier)
{
    return call_change(barrier, false);
}

gyre_await gyre_barrier_abort(gyre_barrier *barrier)
{
    return call_change(barrier, true);
}
