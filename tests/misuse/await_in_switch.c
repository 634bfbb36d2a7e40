/* An await inside a nested switch: the case label would belong to the wrong switch. */
// must not compile: gcc clang
#include <gyre/gyre.h>

struct body {
    gyre_frame frame;
    int kind;
};
GYRE_CORO(body)
{
    GYRE_BEGIN;
#ifdef MISUSE
    switch (self->kind) {
    case 1:
        GYRE_TRY(gyre_sleep(0));
    }
#else
    if (self->kind == 1)
        GYRE_TRY(gyre_sleep(0));
#endif
    GYRE_END;
}

int main(void)
{
    return (int)GYRE_RUN(body, .kind = 1);
}
