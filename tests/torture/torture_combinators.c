/* Torture of what is made of several futures: gather, wait, shield, as_completed. */
#include <errno.h>

#include "../../future/gather.h"
#include "../../future/shield.h"
#include "../../future/wait.h"
#include "../../task/as_completed.h"
#include "../../task/sleep.h"
#include "../support/torture.h"

enum { JOBS = 4 };

/* Sleeps a while and gives the result; takes a little longer when it is cancelled. */
struct job {
    gyre_frame frame;
    int64_t ms;
    int64_t result;
};
GYRE_CORO(job)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(GYRE_MS(self->ms)));
    GYRE_RETURN(self->result);
    GYRE_FINALLY;
    if (self->frame.value == GYRE_ECANCELLED)
        GYRE_TRY(gyre_sleep(0));
    GYRE_END;
}

/* Jobs of 1, 2, ... ms; the second one fails. A NULL stands for what there was no memory for. */
static void start(gyre_future **jobs)
{
    for (int i = 0; i < JOBS; i++)
        jobs[i] =
            gyre_task_future(GYRE_SPAWN(job, .ms = i + 1, .result = i == 1 ? GYRE_EUSER(1) : i));
}

static void stop(gyre_future **jobs)
{
    for (int i = 0; i < JOBS; i++) {
        if (jobs[i])
            gyre_future_ignore(jobs[i]);
        gyre_future_unref(jobs[i]);
        jobs[i] = NULL;
    }
}

/* An error that is none of the scenario's own: to be passed on. */
static bool is_injected(int64_t rc)
{
    return rc < 0 && rc != GYRE_EUSER(1);
}

/* ---- gather ---- */

struct gathering {
    gyre_frame frame;
    gyre_future *jobs[JOBS + 2]; /* with a duplicate and a future that is done */
    gyre_future *inner, *all;
    int64_t rc;
};
GYRE_CORO(gathering)
{
    GYRE_BEGIN;
    /* all results, a duplicate among them, some of them there already */
    start(self->jobs);
    self->jobs[JOBS] = gyre_future_ref(self->jobs[0]);
    self->jobs[JOBS + 1] = gyre_future_new(gyre_loop_current());
    if (self->jobs[JOBS + 1])
        gyre_future_set_result(self->jobs[JOBS + 1], 1);
    self->inner = gyre_gather(NULL, JOBS + 2, self->jobs, GYRE_GATHER_RETURN_EXCEPTIONS);
    self->all = gyre_gather(NULL, 1, &self->inner, 0);
    GYRE_TRY(self->all);
    gyre_future_unref(self->all);
    self->all = NULL;
    stop(self->jobs);

    /* the first error, while the others go on */
    start(self->jobs);
    self->all = gyre_gather(NULL, JOBS, self->jobs, GYRE_GATHER_MOVE);
    for (int i = 0; i < JOBS; i++)
        self->jobs[i] = NULL;
    GYRE_AWAIT(self->rc, self->all);
    if (self->rc != GYRE_EUSER(1))
        GYRE_RETURN(self->rc);
    GYRE_RETURN(gyre_gather_result(self->inner, JOBS - 1, NULL));
    GYRE_FINALLY;
    stop(self->jobs);
    gyre_future_unref(self->jobs[JOBS]);
    gyre_future_unref(self->jobs[JOBS + 1]);
    gyre_future_unref(self->inner);
    gyre_future_unref(self->all);
    GYRE_END;
}

/* A gather that is cancelled, with a message, while its children are in all states. */
struct cancelling {
    gyre_frame frame;
    gyre_future *jobs[JOBS];
    gyre_future *all;
    gyre_error *message;
    int64_t rc;
};
GYRE_CORO(cancelling)
{
    GYRE_BEGIN;
    start(self->jobs);
    self->all = gyre_gather(NULL, JOBS, self->jobs, GYRE_GATHER_RETURN_EXCEPTIONS);
    GYRE_TRY(gyre_sleep(GYRE_MS(2)));
    self->message = gyre_error_new(GYRE_ECANCELLED, "enough");
    if (self->all)
        gyre_future_cancel_with(self->all, self->message);
    GYRE_AWAIT(self->rc, self->all);
    if (self->rc != GYRE_ECANCELLED)
        GYRE_RETURN(self->rc);
    GYRE_RETURN(gyre_future_cancelled(self->jobs[2]));
    GYRE_FINALLY;
    if (self->all)
        gyre_future_ignore(self->all);
    gyre_future_unref(self->all);
    gyre_error_unref(self->message);
    stop(self->jobs);
    GYRE_END;
}

/* ---- wait ---- */

struct waiting {
    gyre_frame frame;
    gyre_future *jobs[JOBS];
    gyre_future *pending[JOBS];
    gyre_future *wait;
    size_t left;
    int64_t done;
};

static void take_stock(struct waiting *self)
{
    self->done = self->done * 10 + (int64_t)gyre_wait_done(self->wait, NULL, 0);
    self->left = gyre_wait_pending(self->wait, self->pending, JOBS);
    gyre_future_unref(self->wait);
    self->wait = NULL;
}

GYRE_CORO(waiting)
{
    GYRE_BEGIN;
    start(self->jobs);
    self->wait = gyre_wait(NULL, JOBS, self->jobs, GYRE_FOREVER, GYRE_FIRST_EXCEPTION);
    GYRE_TRY(self->wait);
    take_stock(self);
    stop(self->jobs);

    start(self->jobs);
    self->wait = gyre_wait(NULL, JOBS, self->jobs, GYRE_SECONDS(9), GYRE_FIRST_COMPLETED);
    GYRE_TRY(self->wait);
    take_stock(self);
    self->wait = gyre_wait(NULL, self->left, self->pending, GYRE_MS(2), GYRE_ALL_COMPLETED);
    GYRE_TRY(self->wait);
    take_stock(self);
    self->wait = gyre_wait(NULL, JOBS, self->jobs, GYRE_FOREVER, GYRE_ALL_COMPLETED);
    GYRE_TRY(self->wait);
    take_stock(self);
    GYRE_RETURN(self->done);
    GYRE_FINALLY;
    gyre_future_unref(self->wait);
    stop(self->jobs);
    GYRE_END;
}

/* ---- shield ---- */

/* Waits behind a shield, and when it is cancelled there, for what was shielded. */
struct patient {
    gyre_frame frame;
    gyre_future *inner; /* borrowed */
    gyre_future *outer;
    int64_t rc;
};
GYRE_CORO(patient)
{
    GYRE_BEGIN;
    self->outer = gyre_shield(self->inner);
    GYRE_AWAIT(self->rc, self->outer);
    if (self->rc == GYRE_ECANCELLED)
        GYRE_AWAIT(self->rc, self->inner);
    GYRE_RETURN(self->rc);
    GYRE_FINALLY;
    gyre_future_unref(self->outer);
    GYRE_END;
}

struct shielding {
    gyre_frame frame;
    gyre_future *jobs[JOBS];
    gyre_future *done;
    gyre_task *patient;
    int64_t rc, sum;
};
GYRE_CORO(shielding)
{
    GYRE_BEGIN;
    start(self->jobs);
    self->patient = GYRE_SPAWN(patient, .inner = self->jobs[3]);
    GYRE_AWAIT(self->rc, GYRE_CALL(patient, .inner = self->jobs[1]));
    if (is_injected(self->rc))
        GYRE_RETURN(self->rc);
    if (self->patient)
        gyre_task_cancel(self->patient);
    GYRE_TRY(self->sum, self->patient);
    self->done = gyre_shield(self->jobs[3]); /* comes back itself */
    GYRE_TRY(self->rc, self->done);
    GYRE_RETURN(self->sum + self->rc);
    GYRE_FINALLY;
    gyre_task_unref(self->patient);
    gyre_future_unref(self->done);
    stop(self->jobs);
    GYRE_END;
}

/* ---- as_completed ---- */

/* Takes results until there are none, or the time is over; gives their sum. */
struct consumer {
    gyre_frame frame;
    gyre_as_completed *ac;
    int64_t rc, sum;
};
GYRE_CORO(consumer)
{
    GYRE_BEGIN;
    for (;;) {
        GYRE_AWAIT(self->rc, gyre_as_completed_next(self->ac));
        if (self->rc == GYRE_ESTOPITERATION)
            GYRE_RETURN(self->sum);
        if (self->rc == GYRE_ETIMEOUT)
            self->sum += 100;
        else if (is_injected(self->rc))
            GYRE_RETURN(self->rc);
        else if (self->rc > 0)
            self->sum += self->rc;
    }
    GYRE_END;
}

struct completing {
    gyre_frame frame;
    gyre_future *jobs[JOBS];
    gyre_as_completed *ac;
    gyre_task *other;
    gyre_future *first;
    int64_t limit, sum, others;
};
GYRE_CORO(completing)
{
    GYRE_BEGIN;
    start(self->jobs);
    self->ac = gyre_as_completed_new(NULL, JOBS, self->jobs, self->limit);
    GYRE_TRY(gyre_as_completed_next_future(self->ac, &self->first));
    if (self->first != self->jobs[0])
        GYRE_RETURN(-EINVAL);
    self->other = GYRE_SPAWN(consumer, .ac = self->ac);
    GYRE_TRY(self->sum, GYRE_CALL(consumer, .ac = self->ac));
    GYRE_TRY(self->others, self->other);
    GYRE_RETURN(self->sum + self->others);
    GYRE_FINALLY;
    gyre_task_unref(self->other);
    gyre_as_completed_free(self->ac); /* the other one may wait in it still */
    stop(self->jobs);
    GYRE_END;
}

static const torture_scenario scenarios[] = {
    {TORTURE_MAIN(gathering), .expect = 3},
    {TORTURE_MAIN(cancelling), .expect = 1},
    {TORTURE_MAIN(waiting), .expect = 2124},
    {TORTURE_MAIN(shielding), .expect = 6},
    {TORTURE_MAIN(completing, .limit = GYRE_FOREVER), .expect = 5},
    {TORTURE_MAIN(completing, .limit = GYRE_US(2500)), .expect = 200},
};

int main(int argc, char **argv)
{
    return torture_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
