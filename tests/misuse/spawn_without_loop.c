/* GYRE_SPAWN where no loop is running. */
// must abort: GYRE_SPAWN where no loop is running; use GYRE_SPAWN_ON
#include <gyre/gyre.h>

struct body {
    gyre_frame frame;
};
GYRE_CORO(body)
{
    GYRE_BEGIN;
    GYRE_END;
}

int main(void)
{
    gyre_task *task = GYRE_SPAWN(body);

    return task != NULL;
}
