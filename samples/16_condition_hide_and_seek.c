/* 16_condition_hide_and_seek: two players take turns, each waiting until the other has spoken. */
#include <gyre/gyre.h>
#include <stdio.h>

struct seeker {
    gyre_frame frame;
    gyre_condition *turn;
    bool held; /* the condition's lock */
};
GYRE_CORO(seeker)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(GYRE_SECONDS(1))); /* so that the hider waits first */
    GYRE_TRY(gyre_condition_acquire(self->turn));
    self->held = true;
    puts("seeker: my eyes are covered");
    gyre_condition_notify(self->turn, 1);
    GYRE_TRY(gyre_condition_wait(self->turn));
    puts("seeker: found you");
    gyre_condition_notify(self->turn, 1);
    GYRE_TRY(gyre_condition_wait(self->turn));
    puts("seeker: I have won");
    GYRE_FINALLY;
    if (self->held)
        gyre_condition_release(self->turn);
    GYRE_END;
}

/* The same by the scoped form: this is what runs while the lock is held. */
struct hide {
    gyre_frame frame;
    gyre_condition *turn;
};
GYRE_CORO(hide)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_condition_wait(self->turn));
    puts("hider: I am hidden, come and find me");
    gyre_condition_notify(self->turn, 1);
    GYRE_TRY(gyre_condition_wait(self->turn));
    puts("hider: oh, you found me");
    gyre_condition_notify(self->turn, 1);
    GYRE_END;
}

struct hider {
    gyre_frame frame;
    gyre_condition *turn;
};
GYRE_CORO(hider)
{
    GYRE_BEGIN;
    GYRE_TRY(GYRE_WITH_CONDITION(self->turn, hide, .turn = self->turn));
    GYRE_END;
}

struct game {
    gyre_frame frame;
    gyre_condition turn;
    gyre_group players;
    int64_t rc;
};
GYRE_CORO(game)
{
    GYRE_BEGIN;
    gyre_condition_init(&self->turn, NULL);
    gyre_group_enter(&self->players);
    GYRE_GROUP_SPAWN_DETACHED(&self->players, hider, .turn = &self->turn);
    GYRE_GROUP_SPAWN_DETACHED(&self->players, seeker, .turn = &self->turn);
    GYRE_FINALLY;
    GYRE_AWAIT(self->rc, gyre_group_exit(&self->players, self->frame.value));
    GYRE_RETURN(self->rc);
    GYRE_END;
}

int main(void)
{
    return GYRE_RUN_WITH(((gyre_run_options){.loop.clock = GYRE_CLOCK_VIRTUAL}), game) < 0;
}
