/* A coroutine that is called, and not awaited. */
// must not compile: gcc clang
#include <gyre/gyre.h>

struct inner {
    gyre_frame frame;
};
GYRE_CORO(inner)
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
    GYRE_CALL(inner);
#else
    GYRE_TRY(GYRE_CALL(inner));
#endif
    GYRE_END;
}

int main(void)
{
    return (int)GYRE_RUN(body);
}
