/* 14_timeouts: time limits around one await, around several, and moved while there is progress. */
#include <gyre/gyre.h>
#include <stdio.h>

static void say(const char *what, int64_t rc)
{
    double now = (double)gyre_loop_time(gyre_loop_current()) / 1e9;

    printf("%5.1f s  %-40s %s\n", now, what, rc < 0 ? gyre_strerror(rc) : "done");
}

/* Work that takes a while. What stands below GYRE_FINALLY runs when it is cut short, too. */
struct work {
    gyre_frame frame;
    int64_t takes;
};
GYRE_CORO(work)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(self->takes));
    GYRE_FINALLY;
    if (self->frame.value < 0)
        puts("         (work tidies up)");
    GYRE_END;
}

/* Pieces that may take 1 s each, however many there are: the deadline moves. */
struct download {
    gyre_frame frame;
    gyre_timeout limit;
    int piece;
};
GYRE_CORO(download)
{
    GYRE_BEGIN;
    gyre_timeout_enter(&self->limit, GYRE_SECONDS(1));
    for (self->piece = 1; self->piece <= 6; self->piece++) {
        GYRE_TRY(gyre_sleep(GYRE_SECONDS(self->piece < 5 ? 0.75 : 9.0)));
        printf("         piece %d\n", self->piece);
        gyre_timeout_reschedule(&self->limit,
                                gyre_loop_time(gyre_loop_current()) + GYRE_SECONDS(1));
    }
    GYRE_FINALLY; /* every way out leaves the scope: here a cancellation becomes GYRE_ETIMEOUT */
    GYRE_RETURN(gyre_timeout_exit(&self->limit, self->frame.value));
    GYRE_END;
}

struct main_task {
    gyre_frame frame;
    gyre_timeout outer, inner;
    gyre_task *task;
    int64_t rc;
};
GYRE_CORO(main_task)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc,
               gyre_wait_for(GYRE_CALL(work, .takes = GYRE_SECONDS(0.5)), GYRE_SECONDS(1)));
    say("half a second's work in 1 s", self->rc);
    GYRE_AWAIT(self->rc,
               gyre_wait_for(GYRE_CALL(work, .takes = GYRE_SECONDS(3600)), GYRE_SECONDS(1)));
    say("an hour's work in 1 s", self->rc);

    GYRE_AWAIT(self->rc, GYRE_CALL(download));
    say("a download that stalls", self->rc);

    /* Nested: the inner limit would be reached later, so the outer one cuts both short. */
    gyre_timeout_enter(&self->outer, GYRE_SECONDS(1));
    gyre_timeout_enter(&self->inner, GYRE_SECONDS(2));
    GYRE_AWAIT(self->rc, gyre_sleep(GYRE_SECONDS(9)));
    self->rc = gyre_timeout_exit(&self->inner, self->rc);
    say("inner scope of 2 s", self->rc);
    self->rc = gyre_timeout_exit(&self->outer, self->rc);
    say("outer scope of 1 s", self->rc);

    /* A cancellation from outside is no timeout, even inside of one. */
    self->task = GYRE_SPAWN(download);
    GYRE_TRY(gyre_sleep(GYRE_SECONDS(0.5)));
    gyre_task_cancel(self->task);
    GYRE_AWAIT(self->rc, self->task);
    say("a download that is cancelled", self->rc);
    gyre_task_unref(self->task);
    GYRE_END;
}

int main(void)
{
    return GYRE_RUN_WITH(((gyre_run_options){.loop.clock = GYRE_CLOCK_VIRTUAL}), main_task) < 0;
}
