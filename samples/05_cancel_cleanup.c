/* 05_cancel_cleanup: a cancelled task leaves through its cleanup section, and may even decline. */
#include <gyre/gyre.h>
#include <stdio.h>

static double now(void)
{
    return (double)gyre_loop_time(gyre_loop_current()) / 1e9;
}

/* Works for an hour, unless somebody cancels it. */
struct worker {
    gyre_frame frame;
    int64_t rc;
};
GYRE_CORO(worker)
{
    GYRE_BEGIN;
    printf("%.0f s  worker: starts\n", now());
    GYRE_TRY(gyre_sleep(GYRE_SECONDS(3600))); /* cancelled here, it goes on below GYRE_FINALLY */
    puts("never printed");
    GYRE_FINALLY; /* try: ... finally: it may await, too */
    printf("%.0f s  worker: tidies up\n", now());
    GYRE_AWAIT(self->rc, gyre_sleep(GYRE_SECONDS(1)));
    printf("%.0f s  worker: is done\n", now());
    GYRE_END;
}

/* GYRE_AWAIT catches what GYRE_TRY passes on: the first request is not heeded. */
struct stubborn {
    gyre_frame frame;
    int64_t rc;
};
GYRE_CORO(stubborn)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc, gyre_sleep(GYRE_SECONDS(3600)));
    if (self->rc == GYRE_ECANCELLED) {
        gyre_task_uncancel(gyre_task_current());
        printf("%.0f s  stubborn: not yet\n", now());
    }
    GYRE_TRY(gyre_sleep(GYRE_SECONDS(5)));
    GYRE_RETURN(42);
    GYRE_END;
}

struct main_task {
    gyre_frame frame;
    gyre_task *worker, *stubborn;
    int64_t rc;
};
GYRE_CORO(main_task)
{
    GYRE_BEGIN;
    self->worker = GYRE_SPAWN(worker);
    self->stubborn = GYRE_SPAWN(stubborn);
    GYRE_TRY(gyre_sleep(GYRE_SECONDS(2)));

    gyre_task_cancel(self->worker); /* a request: nothing happens inside the call */
    GYRE_AWAIT(self->rc, self->worker);
    printf("%.0f s  main: worker %s\n", now(), gyre_strerror(self->rc));

    gyre_task_cancel(self->stubborn);
    GYRE_AWAIT(self->rc, self->stubborn);
    printf("%.0f s  main: stubborn gives %d\n", now(), (int)self->rc);
    GYRE_FINALLY;
    gyre_task_unref(self->worker);
    gyre_task_unref(self->stubborn);
    GYRE_END;
}

int main(void)
{
    return GYRE_RUN_WITH(((gyre_run_options){.loop.clock = GYRE_CLOCK_VIRTUAL}), main_task) < 0;
}
