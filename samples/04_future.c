/* 04_future: one task waits for a future that another one sets, and a callback is told, too. */
#include <errno.h>
#include <gyre/gyre.h>
#include <inttypes.h>
#include <stdio.h>

static char text[] = "data";

struct setter {
    gyre_frame frame;
    gyre_future *future; /* borrowed from main_task, which outlives this task */
};
GYRE_CORO(setter)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(GYRE_SECONDS(1)));
    /* A number and, beside it, a pointer. Nothing runs in the call: who waits runs later. */
    gyre_future_set_pointer(self->future, (int64_t)sizeof(text) - 1, text, NULL);
    puts("set");
    GYRE_END;
}

static int64_t on_done(gyre_future *future, void *arg)
{
    (void)arg;
    printf("callback: %s\n", (const char *)gyre_future_pointer(future));
    return 0;
}

struct main_task {
    gyre_frame frame;
    gyre_future *future;
    gyre_task *setter;
    int64_t length, again;
};
GYRE_CORO(main_task)
{
    GYRE_BEGIN;
    self->future = gyre_future_new(gyre_loop_current());
    if (!self->future || gyre_future_add_done_callback(self->future, on_done, NULL) < 0)
        GYRE_RETURN(-ENOMEM);
    self->setter = GYRE_SPAWN(setter, .future = self->future);
    GYRE_TRY(self->length, self->future);
    printf("%s, %" PRId64 " bytes\n", (const char *)gyre_future_pointer(self->future),
           self->length);
    if (gyre_future_done(self->future))
        puts("Future is done!");

    /* Once and for good: awaiting it again gives the same at once, setting it is an error. */
    GYRE_TRY(self->again, self->future);
    printf("again: %" PRId64 "; set again: %s\n", self->again,
           gyre_err_name(gyre_future_set_result(self->future, 5)));
    GYRE_FINALLY;
    gyre_task_unref(self->setter);
    gyre_future_unref(self->future);
    GYRE_END;
}

int main(void)
{
    return GYRE_RUN_WITH(((gyre_run_options){.loop.clock = GYRE_CLOCK_VIRTUAL}), main_task) < 0;
}
