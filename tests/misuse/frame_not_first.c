/* The frame must be the first member. */
// must not compile: gcc clang
#include <gyre/gyre.h>

struct body {
#ifdef MISUSE
    int k;
    gyre_frame frame;
#else
    gyre_frame frame;
    int k;
#endif
};
GYRE_CORO(body)
{
    GYRE_BEGIN;
    GYRE_RETURN(self->k);
    GYRE_END;
}

int main(void)
{
    return (int)GYRE_RUN(body, .k = 0);
}
