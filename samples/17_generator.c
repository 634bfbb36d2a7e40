/* 17_generator: Fibonacci, an averager that is sent its terms, and `yield from`, without a loop. */
#include <gyre/gyre.h>
#include <inttypes.h>
#include <stdio.h>

/* def fibonacci(a, b): while True: yield a; a, b = b, a + b */
struct fibonacci {
    gyre_frame frame;
    int64_t a, b;
};
GYRE_CORO(fibonacci)
{
    GYRE_BEGIN;
    for (;;) {
        GYRE_YIELD(self->a);
        self->b += self->a;
        self->a = self->b - self->a;
    }
    GYRE_END;
}

/* term = yield average, until the term is None; return average */
struct averager {
    gyre_frame frame;
    int64_t term, total, count, average;
};
GYRE_CORO(averager)
{
    GYRE_BEGIN;
    for (;;) {
        GYRE_YIELD(self->term, self->average);
        if (self->term == GYRE_NONE)
            GYRE_RETURN(self->average);
        self->total += self->term;
        self->average = self->total / ++self->count;
    }
    GYRE_FINALLY;
    printf("  an averager ends after %" PRId64 " terms\n", self->count);
    GYRE_END;
}

/* while True: average = yield from averager() */
struct averages {
    gyre_frame frame;
    int64_t average;
};
GYRE_CORO(averages)
{
    GYRE_BEGIN;
    for (;;) {
        GYRE_YIELD_FROM(self->average, GYRE_GENERATOR(averager));
        printf("  group average %" PRId64 "\n", self->average);
    }
    GYRE_END;
}

static void send_to(gyre_generator *generator, int64_t value)
{
    printf("  sent %" PRId64 ", got %" PRId64 "\n", value, gyre_generator_send(generator, value));
}

int main(void)
{
    gyre_iter *numbers = gyre_iter_take(GYRE_ITER(fibonacci, .a = 1, .b = 1), 6);
    gyre_generator *generator;
    int64_t value, list[80];

    printf("the first six:");
    while ((value = gyre_iter_next(numbers)) >= 0)
        printf(" %" PRId64, value);
    gyre_iter_free(numbers);

    if (gyre_iter_collect(gyre_iter_take(GYRE_ITER(fibonacci, .b = 1), 80), list, 80) < 0)
        return 1;
    printf("\nstate, in bytes: a list of 80 has %zu, the generator %zu however far it goes\n",
           sizeof(list), sizeof(struct fibonacci));

    puts("averager:");
    generator = GYRE_GENERATOR(averager);
    gyre_generator_next(generator); /* to its first yield */
    send_to(generator, 10);
    send_to(generator, 30);
    send_to(generator, 5);
    gyre_generator_free(generator); /* closes it */

    puts("yield from:");
    generator = GYRE_GENERATOR(averages);
    gyre_generator_next(generator);
    send_to(generator, 40);
    send_to(generator, 42);
    gyre_generator_next(generator); /* sends GYRE_NONE: the group ends, the next one begins */
    send_to(generator, 7);
    printf("closed: %s\n", gyre_generator_close(generator) == 0 ? "inside out" : "no");
    gyre_generator_free(generator);
    return 0;
}
