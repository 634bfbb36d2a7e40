/* A local set before an await and read after it: uninitialised when the coroutine is resumed. */
// must not compile: gcc clang -Wall -Werror=maybe-uninitialized
#include <gyre/gyre.h>

struct body {
    gyre_frame frame;
    int k;
};
GYRE_CORO(body)
{
#ifdef MISUSE
    int k;
#endif
    GYRE_BEGIN;
#ifdef MISUSE
    k = self->k;
    GYRE_TRY(gyre_sleep(0));
    GYRE_RETURN(k);
#else
    GYRE_TRY(gyre_sleep(0));
    GYRE_RETURN(self->k);
#endif
    GYRE_END;
}

int main(void)
{
    return (int)GYRE_RUN(body, .k = 1);
}
