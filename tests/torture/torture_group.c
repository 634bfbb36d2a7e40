/* Torture of task groups: waiting, failing, cancelled, nested, in timeouts, eager. */
#include <errno.h>

#include "../../task/group.h"
#include "../../task/run.h"
#include "../../task/sleep.h"
#include "../../task/timeout.h"
#include "../support/torture.h"

struct child {
    gyre_frame frame;
    int64_t takes, result;
};
GYRE_CORO(child)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(self->takes));
    if (self->result < 0)
        GYRE_RETURN(gyre_raise(gyre_error_new(self->result, "a child")));
    GYRE_RETURN(self->result);
    GYRE_FINALLY;
    GYRE_TRY(gyre_sleep(0));
    GYRE_END;
}

/* A group whose children end with `result`; gives how many errors came out, or what the body did. */
struct family {
    gyre_frame frame;
    int64_t result;
    int64_t body; /* how long it waits inside */
    bool eager;
    gyre_group group;
    int64_t rc;
};
GYRE_CORO(family)
{
    GYRE_BEGIN;
    gyre_group_enter(&self->group);
    if (!GYRE_GROUP_SPAWN_DETACHED(&self->group, child, .takes = GYRE_MS(3)) ||
        !gyre__spawned(GYRE_GROUP_SPAWN_WITH(
            &self->group, ((gyre_spawn_options){.eager = self->eager, .detached = true}), child,
            .takes = GYRE_MS(2), .result = self->result)) ||
        !GYRE_GROUP_SPAWN_DETACHED(&self->group, child, .takes = GYRE_MS(2),
                                   .result = self->result))
        GYRE_RETURN(gyre_group_error(&self->group));
    GYRE_TRY(gyre_sleep(self->body));
    GYRE_RETURN(9);
    GYRE_FINALLY;
    GYRE_AWAIT(self->rc, gyre_group_exit(&self->group, self->frame.value));
    if (self->rc == GYRE_EGROUP && gyre_error_current())
        self->rc = (int64_t)gyre_error_count(gyre_error_current());
    GYRE_RETURN(self->rc);
    GYRE_END;
}

struct families {
    gyre_frame frame;
    int64_t rc, sum;
    int i;
};
GYRE_CORO(families)
{
    GYRE_BEGIN;
    for (self->i = 0; self->i < 8; self->i++) {
        GYRE_TRY(self->rc, GYRE_CALL(family, .result = self->i & 1 ? -EIO : 5,
                                     .body = self->i & 2 ? GYRE_MS(5) : 0, .eager = self->i & 4));
        self->sum += self->rc;
    }
    GYRE_RETURN(self->sum);
    GYRE_END;
}

/* A group in a group, both with time limits. */
struct nested {
    gyre_frame frame;
    int64_t limit;
    gyre_group group;
    int64_t rc;
};
GYRE_CORO(nested)
{
    GYRE_BEGIN;
    gyre_group_enter(&self->group);
    if (!GYRE_GROUP_SPAWN_DETACHED(&self->group, family, .result = -EIO, .body = GYRE_MS(1)) ||
        !GYRE_GROUP_SPAWN_DETACHED(&self->group, family, .body = GYRE_MS(9)))
        GYRE_RETURN(gyre_group_error(&self->group));
    GYRE_TRY(gyre_wait_for(GYRE_CALL(family, .result = 1), GYRE_MS(2)));
    GYRE_FINALLY;
    GYRE_AWAIT(self->rc, gyre_group_exit(&self->group, self->frame.value));
    GYRE_RETURN(self->rc);
    GYRE_END;
}

struct main_nested {
    gyre_frame frame;
    int64_t rc;
};
GYRE_CORO(main_nested)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc, gyre_wait_for(GYRE_CALL(nested), GYRE_MS(1)));
    if (self->rc != GYRE_ETIMEOUT)
        GYRE_RETURN(self->rc);
    GYRE_AWAIT(self->rc, gyre_wait_for(GYRE_CALL(nested), GYRE_MS(20)));
    GYRE_RETURN(self->rc == GYRE_EGROUP ? 1 : self->rc);
    GYRE_END;
}

/* Cancelled by one of its own. */
struct stops {
    gyre_frame frame;
    gyre_group *group;
};
GYRE_CORO(stops)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    gyre_group_cancel(self->group);
    GYRE_END;
}

struct stopped {
    gyre_frame frame;
    gyre_group group;
    int64_t rc;
};
GYRE_CORO(stopped)
{
    GYRE_BEGIN;
    gyre_group_enter(&self->group);
    if (!GYRE_GROUP_SPAWN_DETACHED(&self->group, child, .takes = GYRE_MS(9)) ||
        !GYRE_GROUP_SPAWN_DETACHED(&self->group, stops, .group = &self->group))
        GYRE_RETURN(gyre_group_error(&self->group));
    GYRE_TRY(gyre_sleep(GYRE_MS(9)));
    GYRE_FINALLY;
    GYRE_AWAIT(self->rc, gyre_group_exit(&self->group, self->frame.value));
    GYRE_RETURN(self->rc < 0 ? self->rc : 2);
    GYRE_END;
}

static const torture_scenario scenarios[] = {
    {TORTURE_MAIN(families), .expect = 44},
    {TORTURE_MAIN(main_nested), .expect = 1},
    {TORTURE_MAIN(stopped), .expect = 2},
};

int main(int argc, char **argv)
{
    return torture_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
