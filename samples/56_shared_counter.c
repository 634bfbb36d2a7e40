/*
 * 56_shared_counter: two tasks count together: in turns, then one after the other by a lock, and
 * a task that takes the lock a second time waits for itself, which the loop tells.
 */
#include <gyre/gyre.h>
#include <stdio.h>

static int counter;

/* Adds a number ten times; others may run between two steps. */
struct add_up {
    gyre_frame frame;
    int number, i;
};
GYRE_CORO(add_up)
{
    GYRE_BEGIN;
    for (; self->i < 10; self->i++) {
        counter += self->number;
        printf(" %d", counter);
        GYRE_TRY(gyre_sleep(GYRE_SECONDS(1)));
    }
    GYRE_END;
}

/* async with lock: await add_up(number) */
struct add_alone {
    gyre_frame frame;
    gyre_lock *lock;
    int number;
};
GYRE_CORO(add_alone)
{
    GYRE_BEGIN;
    GYRE_TRY(GYRE_WITH_LOCK(self->lock, add_up, .number = self->number));
    GYRE_END;
}

/* A lock is not an RLock: who holds it cannot take it again, here or in what it calls. */
struct twice {
    gyre_frame frame;
    gyre_lock *lock;
};
GYRE_CORO(twice)
{
    GYRE_BEGIN;
    GYRE_TRY(GYRE_WITH_LOCK(self->lock, add_alone, .lock = self->lock, .number = 1));
    GYRE_END;
}

struct count {
    gyre_frame frame;
    gyre_lock lock;
    gyre_group group;
};
GYRE_CORO(count)
{
    GYRE_BEGIN;
    gyre_lock_init(&self->lock);
    printf("in turns:     ");
    gyre_group_enter(&self->group);
    GYRE_GROUP_SPAWN_DETACHED(&self->group, add_up, .number = 1);
    GYRE_GROUP_SPAWN_DETACHED(&self->group, add_up, .number = 10);
    GYRE_TRY(gyre_group_exit(&self->group, 0));

    printf("\nwith a lock:  ");
    counter = 0;
    gyre_group_enter(&self->group);
    GYRE_GROUP_SPAWN_DETACHED(&self->group, add_alone, .lock = &self->lock, .number = 1);
    GYRE_GROUP_SPAWN_DETACHED(&self->group, add_alone, .lock = &self->lock, .number = 10);
    GYRE_TRY(gyre_group_exit(&self->group, 0));

    puts("\nthe lock twice:");
    GYRE_TRY(GYRE_CALL(twice, .lock = &self->lock));
    GYRE_END;
}

static void on_error(gyre_loop *loop, const gyre_exception_context *context, void *arg)
{
    (void)arg;
    if (context->code == GYRE_EDEADLOCK)
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
    int64_t rc = GYRE_RUN_WITH(options, count);

    puts(gyre_strerror(rc));
    return rc != GYRE_EDEADLOCK;
}
