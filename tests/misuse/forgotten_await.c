/* A call that must be awaited, and is not. */
// must not compile: gcc clang
#include <gyre/gyre.h>

struct body {
    gyre_frame frame;
};
GYRE_CORO(body)
{
    GYRE_BEGIN;
#ifdef MISUSE
    gyre_sleep(0);
#else
    GYRE_TRY(gyre_sleep(0));
#endif
    GYRE_END;
}

int main(void)
{
    return (int)GYRE_RUN(body);
}
