/* The same over an enum. */
// must not compile: gcc clang
#include <gyre/gyre.h>

enum colour { RED, GREEN };

struct body {
    gyre_frame frame;
    enum colour colour;
};
GYRE_CORO(body)
{
    GYRE_BEGIN;
#ifdef MISUSE
    switch (self->colour) {
    case RED:
        GYRE_TRY(gyre_sleep(0));
        break;
    case GREEN:
        break;
    }
#endif
    GYRE_END;
}

int main(void)
{
    return (int)GYRE_RUN(body);
}
