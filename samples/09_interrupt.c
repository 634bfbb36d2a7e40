/* 09_interrupt: Ctrl+C cancels the main task, which cleans up; the states a task goes through. */
#include <errno.h>
#include <gyre/gyre.h>
#include <signal.h>
#include <stdio.h>

static void print_state(gyre_task *task)
{
    if (gyre_task_cancelled(task))
        puts("Cancelled");
    else if (gyre_task_done(task))
        puts("Done");
    else if (gyre_task_current() == task)
        puts("Running");
    else
        puts("Pending");
}

struct quick {
    gyre_frame frame;
};
GYRE_CORO(quick)
{
    GYRE_BEGIN;
    GYRE_END;
}

struct endless {
    gyre_frame frame;
};
GYRE_CORO(endless)
{
    GYRE_BEGIN;
    print_state(gyre_task_current());
    raise(SIGINT); /* as if somebody pressed Ctrl+C now */
    GYRE_TRY(gyre_sleep(GYRE_FOREVER));
    GYRE_END;
}

struct main_task {
    gyre_frame frame;
    gyre_task *endless, *quick;
    int64_t rc;
};
GYRE_CORO(main_task)
{
    GYRE_BEGIN;
    self->endless = GYRE_SPAWN(endless);
    print_state(self->endless);
    GYRE_TRY(self->endless); /* cancelling a task that awaits another cancels that one */
    GYRE_FINALLY;
    print_state(self->endless);
    gyre_task_unref(self->endless);
    self->quick = GYRE_SPAWN(quick);
    GYRE_AWAIT(self->rc, self->quick); /* one request cancels one await: this one works */
    print_state(self->quick);
    gyre_task_unref(self->quick);
    GYRE_END;
}

int main(void)
{
    int64_t rc = GYRE_RUN(main_task); /* handles SIGINT unless told not to */

    printf("interrupted: %s\n", rc == -EINTR ? "yes" : "no");
    return rc != -EINTR;
}
