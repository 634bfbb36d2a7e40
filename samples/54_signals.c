/* 54_signals: handlers that run in the loop, and SIGTERM as the cancellation of the main task. */
#include <errno.h>
#include <gyre/gyre.h>
#include <signal.h>
#include <stdio.h>

/* An ordinary callback, not a signal handler: it may do everything. */
static int64_t reload(gyre_loop *loop, void *arg)
{
    int *count = arg;

    (void)loop;
    printf("SIGHUP %d: reload\n", ++*count);
    return 0;
}

/* As if somebody typed  kill -HUP, kill -HUP, kill -TERM  in another window. */
struct somebody {
    gyre_frame frame;
};
GYRE_CORO(somebody)
{
    GYRE_BEGIN;
    raise(SIGHUP);
    GYRE_TRY(gyre_sleep(GYRE_MS(10)));
    raise(SIGHUP);
    GYRE_TRY(gyre_sleep(GYRE_MS(10)));
    raise(SIGTERM);
    GYRE_END;
}

struct daemon {
    gyre_frame frame;
    int reloads;
    int64_t rc;
};
GYRE_CORO(daemon)
{
    GYRE_BEGIN;
    self->rc = gyre_loop_add_signal_handler(gyre_loop_current(), SIGHUP, reload, &self->reloads);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    if (!GYRE_SPAWN_DETACHED(somebody))
        GYRE_RETURN(-ENOMEM);
    puts("at work");
    GYRE_TRY(gyre_sleep(GYRE_FOREVER));
    GYRE_FINALLY;
    GYRE_AWAIT(self->rc, gyre_sleep(GYRE_MS(10))); /* the cleanup may wait */
    printf("tidied up after %d reloads\n", self->reloads);
    gyre_loop_remove_signal_handler(gyre_loop_current(), SIGHUP);
    GYRE_END;
}

int main(void)
{
    int64_t rc = GYRE_RUN(daemon);

    printf("%s: %s\n", gyre_err_name(rc), gyre_error_text(gyre_error_current()));
    return rc != -EINTR;
}
