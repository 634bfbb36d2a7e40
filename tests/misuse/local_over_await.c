/* An initialised local whose scope reaches over an await: it would be garbage afterwards. */
// must not compile: gcc clang -Wall
#include <gyre/gyre.h>

struct body {
    gyre_frame frame;
    int k;
};
GYRE_CORO(body)
{
    GYRE_BEGIN;
#ifdef MISUSE
    int k = self->k;
    GYRE_TRY(gyre_sleep(0));
    GYRE_RETURN(k);
#else
    {
        int k = self->k;

        self->k = k + 1;
    }
    GYRE_TRY(gyre_sleep(0));
    GYRE_RETURN(self->k);
#endif
    GYRE_END;
}

int main(void)
{
    return (int)GYRE_RUN(body, .k = 1);
}
