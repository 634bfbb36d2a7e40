/*
 * 52_process_pool: six slow greatest common divisors in two processes, waited for two seconds;
 * sums by map.
 */
#include <gyre/gyre.h>
#include <inttypes.h>
#include <stdio.h>

struct pair {
    int64_t a, b;
};

/* These two run in the workers. */
static int64_t gcd(const void *input, size_t size, gyre_process_answer *answer)
{
    const struct pair *pair = input;
    int64_t n = pair->a < pair->b ? pair->a : pair->b;

    (void)size;
    (void)answer;
    while (pair->a % n || pair->b % n) /* the slow way: that is the point */
        n--;
    return n;
}

static int64_t sum(const void *input, size_t size, gyre_process_answer *answer)
{
    int64_t n = *(const int64_t *)input, total = 0;

    (void)size;
    (void)answer;
    while (n > 0)
        total += n--;
    return total;
}

enum { PAIRS = 6, SUMS = 4 };

struct main_task {
    gyre_frame frame;
    gyre_process_pool *pool;
    struct pair pairs[PAIRS];
    gyre_future *futures[PAIRS];
    gyre_future *wait;
    int64_t ns[SUMS], sums[SUMS];
    struct iovec inputs[SUMS];
    int i;
    int64_t rc;
};
GYRE_CORO(main_task)
{
    GYRE_BEGIN;
    for (self->i = 0; self->i < PAIRS; self->i++)
        self->pairs[self->i] = (struct pair){360360 * (self->i + 1), 1081080 + 1001 * self->i};
    self->rc = gyre_process_pool_new(gyre_loop_current(),
                                     &(gyre_process_pool_options){.workers = 2}, &self->pool);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    for (self->i = 0; self->i < PAIRS; self->i++)
        self->futures[self->i] = gyre_process_pool_submit(self->pool, gcd, &self->pairs[self->i],
                                                          sizeof(self->pairs[0]));
    self->wait =
        gyre_wait(gyre_loop_current(), PAIRS, self->futures, GYRE_SECONDS(2), GYRE_ALL_COMPLETED);
    GYRE_TRY(self->wait);
    printf("%zu done, %zu not\n", gyre_wait_done(self->wait, NULL, 0),
           gyre_wait_pending(self->wait, NULL, 0));
    for (self->i = 0; self->i < PAIRS; self->i++)
        printf("gcd(%" PRId64 ", %" PRId64 ") = %" PRId64 "\n", self->pairs[self->i].a,
               self->pairs[self->i].b, gyre_future_result(self->futures[self->i]));
    for (self->i = 0; self->i < SUMS; self->i++) {
        self->ns[self->i] = INT64_C(1000) << self->i;
        self->inputs[self->i] = (struct iovec){&self->ns[self->i], sizeof(self->ns[0])};
    }
    GYRE_TRY(gyre_process_pool_map(self->pool, sum, self->inputs, SUMS, self->sums, NULL));
    for (self->i = 0; self->i < SUMS; self->i++)
        printf("1 + ... + %" PRId64 " = %" PRId64 "\n", self->ns[self->i], self->sums[self->i]);
    GYRE_TRY(gyre_process_pool_shutdown(self->pool, false));
    GYRE_FINALLY;
    for (self->i = 0; self->i < PAIRS; self->i++)
        gyre_future_unref(self->futures[self->i]);
    gyre_future_unref(self->wait);
    gyre_process_pool_free(self->pool);
    GYRE_END;
}

int main(void)
{
    int64_t rc =
        gyre_process_pool_prepare(); /* first of all: workers are forks of what is here now */

    if (rc >= 0)
        rc = GYRE_RUN(main_task);
    if (rc < 0)
        fprintf(stderr, "%s\n", gyre_strerror(rc));
    return rc < 0;
}
