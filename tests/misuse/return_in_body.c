/* A plain return: the runtime must be told whether the coroutine is done. */
// must not compile: gcc clang
#include <gyre/gyre.h>

struct body {
    gyre_frame frame;
};
GYRE_CORO(body)
{
    GYRE_BEGIN;
#ifdef MISUSE
    return 0;
#else
    GYRE_RETURN(0);
#endif
    GYRE_END;
}

int main(void)
{
    return (int)GYRE_RUN(body);
}
