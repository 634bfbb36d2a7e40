/* A second cleanup section: the case label is there already. */
// must not compile: gcc clang
#include <gyre/gyre.h>

struct body {
    gyre_frame frame;
};
GYRE_CORO(body)
{
    GYRE_BEGIN;
    GYRE_FINALLY;
#ifdef MISUSE
    GYRE_FINALLY;
#endif
    GYRE_END;
}

int main(void)
{
    return (int)GYRE_RUN(body);
}
