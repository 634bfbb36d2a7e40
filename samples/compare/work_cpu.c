/* Computing: sums of 1/x + sqrt(x) + sin(x) + cos(x). */
#include <math.h>
#include <stdio.h>

#include "settings.h"
#include "work.h"

static unsigned count(void)
{
    return settings.sums;
}

static unsigned workers(void)
{
    return settings.few;
}

static void describe(void)
{
    printf("Computing: %u sums of 1/x + sqrt(x) + sin(x) + cos(x) for %u numbers", settings.sums,
           settings.terms);
}

static int64_t piece(unsigned number)
{
    double sum = 0;

    for (unsigned i = 1; i <= settings.terms; i++) {
        double x = (double)number + i;

        sum += 1 / x + sqrt(x) + sin(x) + cos(x);
    }
    return (int64_t)sum;
}

/* There is nothing to await in it: no way to do it as a task but to block. */
const struct work cpu_work = {
    .count = count, .workers = workers, .describe = describe, .piece = piece};
