/* An await in a generator that is not asynchronous. */
// must abort: gyre_sleep: awaited in a generator that is not asynchronous
#include <gyre/gyre.h>

struct numbers {
    gyre_frame frame;
};
GYRE_CORO(numbers)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(1));
    GYRE_YIELD(1);
    GYRE_END;
}

struct body {
    gyre_frame frame;
    gyre_generator *generator;
};
GYRE_CORO(body)
{
    GYRE_BEGIN;
    self->generator = GYRE_GENERATOR(numbers);
    GYRE_RETURN(gyre_generator_next(self->generator));
    GYRE_END;
}

int main(void)
{
    return (int)GYRE_RUN(body);
}
