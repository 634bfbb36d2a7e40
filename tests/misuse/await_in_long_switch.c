/* A nested switch over a long accepts the case label, which no compiler sees: the resumption aborts. */
// must abort: await_in_long_switch.c:\d+: body: await inside a nested switch
#include <gyre/gyre.h>

struct body {
    gyre_frame frame;
    long long kind;
};
GYRE_CORO(body)
{
    GYRE_BEGIN;
    switch (self->kind) {
    case 1:
        GYRE_TRY(gyre_sleep(0));
    }
    GYRE_END;
}

int main(void)
{
    return (int)GYRE_RUN(body, .kind = 1);
}
