/* 01_hello: two waits one after the other take three seconds; as two tasks they take two. */
#include <gyre/gyre.h>
#include <stdio.h>

/* A coroutine's locals live in a struct, so that they survive its awaits; so do its arguments. */
struct say_after {
    gyre_frame frame; /* first, always */
    int64_t delay;
    const char *text;
};
GYRE_CORO(say_after)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(self->delay)); /* await asyncio.sleep(delay) */
    puts(self->text);
    GYRE_END;
}

static void print_time(const char *what)
{
    printf("%s at %.1f s\n", what, (double)gyre_loop_time(gyre_loop_current()) / 1e9);
}

struct main_task {
    gyre_frame frame;
    gyre_task *hello, *world;
};
GYRE_CORO(main_task)
{
    GYRE_BEGIN;
    print_time("started");
    GYRE_TRY(GYRE_CALL(say_after, .delay = GYRE_SECONDS(1), .text = "hello"));
    GYRE_TRY(GYRE_CALL(say_after, .delay = GYRE_SECONDS(2), .text = "world"));
    print_time("finished");

    /* A task runs by itself from here on; awaiting it waits for its end. */
    print_time("started");
    self->hello = GYRE_SPAWN(say_after, .delay = GYRE_SECONDS(1), .text = "hello");
    self->world = GYRE_SPAWN(say_after, .delay = GYRE_SECONDS(2), .text = "world");
    GYRE_TRY(self->hello);
    GYRE_TRY(self->world);
    print_time("finished");

    GYRE_FINALLY; /* on every way out */
    gyre_task_unref(self->hello);
    gyre_task_unref(self->world);
    GYRE_END;
}

int main(void)
{
    /* The virtual clock jumps from timer to timer; GYRE_RUN(main_task) would use the real one. */
    return GYRE_RUN_WITH(((gyre_run_options){.loop.clock = GYRE_CLOCK_VIRTUAL}), main_task) < 0;
}
