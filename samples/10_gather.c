/* 10_gather: three factorials at once, with their results in order; then one of them that fails. */
#include <gyre/gyre.h>
#include <inttypes.h>
#include <stdio.h>

struct factorial {
    gyre_frame frame;
    char name;
    int64_t number;
    int64_t i, product;
};
GYRE_CORO(factorial)
{
    GYRE_BEGIN;
    if (self->number < 0)
        GYRE_RETURN(
            gyre_raise(gyre_error_newf(GYRE_EUSER(1), "no factorial of %d", (int)self->number)));
    self->product = 1;
    for (self->i = 2; self->i <= self->number; self->i++) {
        printf("Task %c: Compute factorial(%" PRId64 "), currently i=%" PRId64 "...\n", self->name,
               self->number, self->i);
        GYRE_TRY(gyre_sleep(GYRE_SECONDS(1)));
        self->product *= self->i;
    }
    printf("Task %c: factorial(%" PRId64 ") = %" PRId64 "\n", self->name, self->number,
           self->product);
    GYRE_RETURN(self->product);
    GYRE_END;
}

/* asyncio.gather(factorial("A", 2), factorial("B", second), factorial("C", 4)): new reference. */
static gyre_future *gather_factorials(int64_t second, unsigned flags)
{
    gyre_future *tasks[] = {
        gyre_task_future(GYRE_SPAWN(factorial, .name = 'A', .number = 2)),
        gyre_task_future(GYRE_SPAWN(factorial, .name = 'B', .number = second)),
        gyre_task_future(GYRE_SPAWN(factorial, .name = 'C', .number = 4)),
    };

    return gyre_gather(NULL, 3, tasks, flags | GYRE_GATHER_MOVE);
}

static void print_results(const gyre_future *all)
{
    for (size_t i = 0; i < 3; i++) {
        gyre_error *detail;
        int64_t result = gyre_gather_result(all, i, &detail);

        if (result < 0)
            printf("%s%s", i == 0 ? "[" : ", ", gyre_error_text(detail));
        else
            printf("%s%" PRId64, i == 0 ? "[" : ", ", result);
    }
    puts("]");
}

struct main_task {
    gyre_frame frame;
    gyre_future *all;
    int64_t rc;
};
GYRE_CORO(main_task)
{
    GYRE_BEGIN;
    self->all = gather_factorials(3, 0);
    GYRE_TRY(self->all);
    print_results(self->all);
    gyre_future_unref(self->all);

    /* return_exceptions=True */
    self->all = gather_factorials(-3, GYRE_GATHER_RETURN_EXCEPTIONS);
    GYRE_TRY(self->all);
    print_results(self->all);
    gyre_future_unref(self->all);

    /* Else the first error is that of the gather. The others go on, here until the run ends. */
    self->all = gather_factorials(-3, 0);
    GYRE_AWAIT(self->rc, self->all);
    printf("error: %s\n", gyre_error_text(gyre_error_current()));
    GYRE_FINALLY;
    gyre_future_unref(self->all);
    GYRE_END;
}

int main(void)
{
    return GYRE_RUN_WITH(((gyre_run_options){.loop.clock = GYRE_CLOCK_VIRTUAL}), main_task) < 0;
}
