/* Torture of timeouts: scopes and wait_for, in time and late, nested, moved, with nothing to wait for. */
#include <errno.h>

#include "../../task/run.h"
#include "../../task/sleep.h"
#include "../../task/timeout.h"
#include "../support/torture.h"

/* ---- scopes ---- */

/* One around the whole coroutine, one around a part; gives 1 for each that expired. */
struct scopes {
    gyre_frame frame;
    int64_t limit;
    int64_t rc;
    gyre_timeout whole, part;
};
GYRE_CORO(scopes)
{
    GYRE_BEGIN;
    if (gyre_timeout_enter(&self->whole, self->limit) < 0)
        GYRE_RETURN(-ENOMEM);
    if (gyre_timeout_enter(&self->part, GYRE_MS(2)) == 0) {
        GYRE_AWAIT(self->rc, gyre_sleep(GYRE_MS(5)));
        self->rc = gyre_timeout_exit(&self->part, self->rc);
        if (self->rc != GYRE_ETIMEOUT)
            GYRE_RETURN(self->rc);
    }
    if (gyre_timeout_enter(&self->part, GYRE_FOREVER) == 0 &&
        gyre_timeout_reschedule(&self->part, gyre_loop_time(gyre_loop_current())) == 0) {
        GYRE_AWAIT(self->rc, gyre_sleep(GYRE_MS(5)));
    }
    self->rc = gyre_timeout_exit(&self->part, self->rc);
    GYRE_TRY(gyre_sleep(GYRE_MS(2)));
    GYRE_RETURN(1);
    GYRE_FINALLY;
    self->rc = gyre_timeout_exit(&self->part, self->frame.value);
    GYRE_RETURN(gyre_timeout_exit(&self->whole, self->rc));
    GYRE_END;
}

struct all_scopes {
    gyre_frame frame;
    int64_t rc, sum;
};
GYRE_CORO(all_scopes)
{
    GYRE_BEGIN;
    GYRE_TRY(self->sum, GYRE_CALL(scopes, .limit = GYRE_MS(50)));
    GYRE_AWAIT(self->rc, GYRE_CALL(scopes, .limit = 0));
    if (self->rc != GYRE_ETIMEOUT)
        GYRE_RETURN(self->rc);
    GYRE_AWAIT(self->rc, GYRE_CALL(scopes, .limit = GYRE_MS(3)));
    if (self->rc != GYRE_ETIMEOUT)
        GYRE_RETURN(self->rc);
    GYRE_RETURN(self->sum);
    GYRE_END;
}

/* ---- wait_for ---- */

/* Takes its time, and some more to tidy up. */
struct work {
    gyre_frame frame;
    int64_t takes, cleanup;
};
GYRE_CORO(work)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(self->takes));
    GYRE_RETURN(3);
    GYRE_FINALLY;
    if (self->cleanup)
        GYRE_TRY(gyre_sleep(self->cleanup));
    GYRE_END;
}

struct waits {
    gyre_frame frame;
    int64_t limit;
    gyre_task *task;
    gyre_future *future;
    int64_t rc, late;
};
GYRE_CORO(waits)
{
    GYRE_BEGIN;
    self->task = GYRE_SPAWN(work, .takes = GYRE_MS(4), .cleanup = GYRE_MS(2));
    self->future = gyre_future_new(gyre_loop_current());
    GYRE_AWAIT(self->rc, gyre_wait_for(GYRE_CALL(work, .takes = GYRE_MS(2)), self->limit));
    if (self->rc < 0 && self->rc != GYRE_ETIMEOUT)
        GYRE_RETURN(self->rc);
    self->late += self->rc < 0;
    GYRE_AWAIT(self->rc, gyre_wait_for(self->task, self->limit));
    if (self->rc < 0 && self->rc != GYRE_ETIMEOUT)
        GYRE_RETURN(self->rc);
    self->late += self->rc < 0;
    GYRE_AWAIT(self->rc, gyre_wait_for(gyre_wait_for(self->future, self->limit), GYRE_MS(9)));
    if (self->rc != GYRE_ETIMEOUT)
        GYRE_RETURN(self->rc);
    GYRE_AWAIT(self->rc, gyre_wait_for(gyre_sleep(GYRE_MS(2)), self->limit));
    if (self->rc < 0 && self->rc != GYRE_ETIMEOUT)
        GYRE_RETURN(self->rc);
    self->late += self->rc < 0;
    GYRE_RETURN(self->late);
    GYRE_FINALLY;
    gyre_task_unref(self->task);
    gyre_future_unref(self->future);
    GYRE_END;
}

struct all_waits {
    gyre_frame frame;
    int64_t enough, short_of, none;
};
GYRE_CORO(all_waits)
{
    GYRE_BEGIN;
    GYRE_TRY(self->enough, GYRE_CALL(waits, .limit = GYRE_MS(7)));
    GYRE_TRY(self->short_of, GYRE_CALL(waits, .limit = GYRE_MS(1)));
    GYRE_TRY(self->none, GYRE_CALL(waits, .limit = 0));
    GYRE_RETURN(100 * self->enough + 10 * self->short_of + self->none);
    GYRE_END;
}

/* Several at once, so that their ends meet in one iteration. */
struct crowd {
    gyre_frame frame;
    gyre_task *tasks[6];
    int64_t rc, sum;
    int i;
};
GYRE_CORO(crowd)
{
    GYRE_BEGIN;
    for (self->i = 0; self->i < 6; self->i++)
        self->tasks[self->i] = GYRE_SPAWN(waits, .limit = GYRE_MS(self->i / 2));
    for (self->i = 0; self->i < 6; self->i++) {
        GYRE_AWAIT(self->rc, self->tasks[self->i]);
        if (self->rc < 0)
            GYRE_RETURN(self->rc);
        self->sum += self->rc;
    }
    GYRE_RETURN(self->sum);
    GYRE_FINALLY;
    for (self->i = 0; self->i < 6; self->i++)
        gyre_task_unref(self->tasks[self->i]);
    GYRE_END;
}

static const torture_scenario scenarios[] = {
    {TORTURE_MAIN(all_scopes), .expect = 1},
    {TORTURE_MAIN(all_waits), .expect = 33},
    {TORTURE_MAIN(crowd), .expect = 18},
};

int main(int argc, char **argv)
{
    return torture_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
