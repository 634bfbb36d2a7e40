/* Only futures, tasks and awaitable calls can be awaited. */
// must not compile: gcc clang
#include <gyre/gyre.h>

struct body {
    gyre_frame frame;
};
GYRE_CORO(body)
{
    GYRE_BEGIN;
#ifdef MISUSE
    GYRE_TRY(42);
#endif
    GYRE_END;
}

int main(void)
{
    return (int)GYRE_RUN(body);
}
