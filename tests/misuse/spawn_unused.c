/* A spawned task that nobody takes: its reference would leak. */
// must not compile: gcc clang
#include <gyre/gyre.h>

struct other {
    gyre_frame frame;
};
GYRE_CORO(other)
{
    GYRE_BEGIN;
    GYRE_END;
}

struct body {
    gyre_frame frame;
};
GYRE_CORO(body)
{
    GYRE_BEGIN;
#ifdef MISUSE
    GYRE_SPAWN(other);
#else
    if (!GYRE_SPAWN_DETACHED(other))
        GYRE_RETURN(-1);
#endif
    GYRE_END;
}

int main(void)
{
    return (int)GYRE_RUN(body);
}
