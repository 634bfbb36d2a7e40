/* An argument that the coroutine does not have. */
// must not compile: gcc clang
#include <gyre/gyre.h>

struct body {
    gyre_frame frame;
    int k;
};
GYRE_CORO(body)
{
    GYRE_BEGIN;
    GYRE_RETURN(self->k);
    GYRE_END;
}

int main(void)
{
#ifdef MISUSE
    return (int)GYRE_RUN(body, .n = 1);
#else
    return (int)GYRE_RUN(body, .k = 0);
#endif
}
