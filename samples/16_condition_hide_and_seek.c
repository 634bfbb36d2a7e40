/* 16_condition_hide_and_seek: two tasks take turns with a condition: wait, notify, wait again. */
#include <gyre/gyre.h>
#include <stdio.h>

struct hider {
    gyre_frame frame;
    gyre_condition *turn;
    bool held;
};
GYRE_CORO(hider)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_condition_acquire(self->turn));
    self->held = true;
    GYRE_TRY(gyre_condition_wait(self->turn)); /* gives the lock up meanwhile */
    puts("hider: I have hidden, come and find me");
    gyre_condition_notify(self->turn, 1);
    GYRE_TRY(gyre_condition_wait(self->turn));
    gyre_condition_release(self->turn);
    self->held = false;
    puts("hider: you have found me");
    GYRE_FINALLY;
    if (self->held)
        gyre_condition_release(self->turn);
    GYRE_END;
}

struct seeker {
    gyre_frame frame;
    gyre_condition *turn;
    bool held;
};
GYRE_CORO(seeker)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(GYRE_SECONDS(1))); /* the hider first */
    GYRE_TRY(gyre_condition_acquire(self->turn));
    self->held = true;
    puts("seeker: I have covered my eyes");
    gyre_condition_notify(self->turn, 1);
    GYRE_TRY(gyre_condition_wait(self->turn));
    puts("seeker: I have found you");
    gyre_condition_notify(self->turn, 1);
    gyre_condition_release(self->turn);
    self->held = false;
    puts("seeker: I have won");
    GYRE_FINALLY;
    if (self->held)
        gyre_condition_release(self->turn);
    GYRE_END;
}

struct main_task {
    gyre_frame frame;
    gyre_condition turn; /* with a lock of its own */
    gyre_task *seeker, *hider;
};
GYRE_CORO(main_task)
{
    GYRE_BEGIN;
    gyre_condition_init(&self->turn, NULL);
    self->seeker = GYRE_SPAWN(seeker, .turn = &self->turn);
    self->hider = GYRE_SPAWN(hider, .turn = &self->turn);
    GYRE_TRY(self->seeker);
    GYRE_TRY(self->hider);
    GYRE_FINALLY;
    gyre_task_unref(self->seeker);
    gyre_task_unref(self->hider);
    GYRE_END;
}

int main(void)
{
    return GYRE_RUN_WITH(((gyre_run_options){.loop.clock = GYRE_CLOCK_VIRTUAL}), main_task) < 0;
}
