/* 19_deadlock: tasks that wait for each other: the loop says who, for what and where, and ends. */
#include <gyre/gyre.h>
#include <stdio.h>
#include <string.h>

enum { GUESTS = 3 };

struct philosopher {
    gyre_frame frame;
    gyre_lock *left, *right; /* forks */
};
GYRE_CORO(philosopher)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_lock_acquire(self->left));
    GYRE_TRY(gyre_sleep(GYRE_SECONDS(1))); /* thinks, with one fork in hand */
    GYRE_TRY(gyre_lock_acquire(self->right));
    puts("eats");
    GYRE_END;
}

struct dinner {
    gyre_frame frame;
    gyre_lock forks[GUESTS];
    gyre_future *guests[GUESTS];
    gyre_future *all;
};
GYRE_CORO(dinner)
{
    static const char *const names[GUESTS] = {"Plato", "Hume", "Kant"};

    GYRE_BEGIN;
    for (int i = 0; i < GUESTS; i++)
        gyre_lock_init(&self->forks[i]);
    for (int i = 0; i < GUESTS; i++)
        self->guests[i] = gyre_task_future(
            GYRE_SPAWN_WITH(((gyre_spawn_options){.name = names[i]}), philosopher,
                            .left = &self->forks[i], .right = &self->forks[(i + 1) % GUESTS]));
    self->all = gyre_gather(NULL, GUESTS, self->guests, 0);
    GYRE_TRY(self->all);
    GYRE_FINALLY;
    gyre_future_unref(self->all);
    for (int i = 0; i < GUESTS; i++)
        gyre_future_unref(self->guests[i]);
    GYRE_END;
}

/*
 * What the loop prints to stderr by itself, with paths; here it is shortened to be the same
 * everywhere.
 */
static bool print_task(gyre_task *task, void *arg)
{
    const char *slash;
    gyre_frame_info frame;
    char what[128];

    (void)arg;
    printf("%s waits for %s\n", gyre_task_name(task),
           gyre_task_waits_for(task, what, sizeof(what)));
    gyre_task_backtrace(task, &frame, 1);
    slash = strrchr(frame.file, '/');
    printf("    in %s, line %u of %s\n", frame.function, frame.line,
           slash ? slash + 1 : frame.file);
    return true;
}

static void on_error(gyre_loop *loop, const gyre_exception_context *context, void *arg)
{
    (void)arg;
    if (context->code != GYRE_EDEADLOCK)
        return;
    printf("%s at %.1f s\n", gyre_err_name(context->code), (double)gyre_loop_time(loop) / 1e9);
    gyre_loop_each_task(loop, print_task, NULL);
    gyre_loop_print_cycles(loop, stdout);
}

static void watch(gyre_loop *loop, void *arg)
{
    (void)arg;
    gyre_loop_set_exception_handler(loop, on_error, NULL);
}

int main(void)
{
    const gyre_run_options options = {.loop.clock = GYRE_CLOCK_VIRTUAL, .on_loop = watch};
    int64_t rc = GYRE_RUN_WITH(options, dinner);

    printf("the run ends: %s\n", gyre_strerror(rc));
    return rc != GYRE_EDEADLOCK;
}
