/*
 * Process pools under torture: jobs, deaths, cancelling and both ends, with each step failing in
 * turn; no worker is left.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "../../loop/alloc.h"
#include "../../net/process_pool_internal.h"
#include "../../task/timeout.h"
#include "../support/torture.h"

#define LONGEST GYRE_SECONDS(1) /* for what a failure has left waiting */

static int64_t twice(const void *input, size_t size, gyre_process_answer *answer)
{
    int64_t number = 2 * *(const int64_t *)input;

    (void)size;
    return gyre_process_answer_set(answer, &number, sizeof(number)) < 0 ? -ENOMEM : number;
}

static int64_t die(const void *input, size_t size, gyre_process_answer *answer)
{
    (void)input;
    (void)size;
    (void)answer;
    return raise(SIGKILL);
}

/* ---- a job, a death, a map, the graceful end ---- */

struct work {
    gyre_frame frame;
    gyre_process_pool *pool;
    gyre_process_data *data, *answers[5];
    int64_t numbers[5], results[5];
    struct iovec inputs[5];
    int64_t n, sum;
};
GYRE_CORO(work)
{
    GYRE_BEGIN;
    for (int i = 0; i < 5; i++) {
        self->numbers[i] = i;
        self->inputs[i] = (struct iovec){&self->numbers[i], sizeof(self->numbers[i])};
    }
    self->n = gyre_process_pool_new(gyre_loop_current(), &(gyre_process_pool_options){.workers = 2},
                                    &self->pool);
    if (self->n < 0)
        GYRE_RETURN(self->n);
    GYRE_TRY(self->sum, gyre_wait_for(gyre_process_pool_run(self->pool, twice, &self->numbers[3], 8,
                                                            &self->data),
                                      LONGEST));
    GYRE_AWAIT(self->n,
               gyre_wait_for(gyre_process_pool_run(self->pool, die, NULL, 0, NULL), LONGEST));
    if (self->n != GYRE_EWORKERDIED)
        GYRE_RETURN(self->n);
    GYRE_TRY(gyre_wait_for(
        gyre_process_pool_map(self->pool, twice, self->inputs, 5, self->results, self->answers),
        LONGEST));
    for (int i = 0; i < 5; i++)
        self->sum += self->results[i];
    GYRE_TRY(gyre_wait_for(gyre_process_pool_shutdown(self->pool, false), LONGEST));
    GYRE_RETURN(self->sum);
    GYRE_FINALLY;
    gyre_process_pool_free(self->pool);
    gyre_free(self->data);
    for (int i = 0; i < 5; i++)
        gyre_free(self->answers[i]);
    GYRE_END;
}

/* ---- futures that are cancelled, kept and given away; the pool is given up under the rest ---- */

struct fickle {
    gyre_frame frame;
    bool kill;
    gyre_process_pool *pool;
    gyre_future *futures[4];
    int64_t n, number;
};
GYRE_CORO(fickle)
{
    GYRE_BEGIN;
    self->number = 4;
    self->n = gyre_process_pool_new(
        gyre_loop_current(),
        &(gyre_process_pool_options){.workers = 1, .kill_cancelled = self->kill}, &self->pool);
    if (self->n < 0)
        GYRE_RETURN(self->n);
    for (int i = 0; i < 4; i++) {
        self->futures[i] = gyre_process_pool_submit(self->pool, twice, &self->number, 8);
        if (!self->futures[i])
            GYRE_RETURN(-ENOMEM);
    }
    gyre_future_cancel(self->futures[0]);
    gyre_future_cancel(self->futures[2]);
    GYRE_TRY(self->n, gyre_wait_for(self->futures[1], LONGEST));
    GYRE_RETURN(self->n);
    GYRE_FINALLY;
    gyre_process_pool_free(self->pool);
    for (int i = 0; i < 4; i++) {
        if (self->futures[i])
            gyre_future_ignore(self->futures[i]);
        gyre_future_unref(self->futures[i]);
    }
    GYRE_END;
}

/* ---- workers that are killed at some step, while everything else fails too ---- */

struct dying {
    gyre_frame frame;
    gyre_process_pool *pool;
    gyre_process_data *data;
    int64_t n, number;
    int i, wrong;
};
GYRE_CORO(dying)
{
    GYRE_BEGIN;
    self->number = 6;
    self->n = gyre_process_pool_new(gyre_loop_current(), &(gyre_process_pool_options){.workers = 1},
                                    &self->pool);
    if (self->n < 0)
        GYRE_RETURN(self->n);
    for (self->i = 0; self->i < 4; self->i++) {
        GYRE_AWAIT(self->n, gyre_wait_for(gyre_process_pool_run(self->pool, twice, &self->number, 8,
                                                                &self->data),
                                          LONGEST));
        if (self->n < 0 && self->n != GYRE_EWORKERDIED)
            GYRE_RETURN(self->n);
        self->wrong += self->n >= 0 &&
                       (self->n != 12 || !self->data || memcmp(self->data->bytes, &self->n, 8));
        gyre_free(self->data);
        self->data = NULL;
    }
    GYRE_RETURN(self->wrong);
    GYRE_FINALLY;
    gyre_process_pool_free(self->pool);
    gyre_free(self->data);
    GYRE_END;
}

static int64_t set_trap(gyre_loop *loop)
{
    (void)loop;
    gyre__process_worker_trap = 1 + (int)(torture_current_k() % 16);
    return 0;
}

static void no_trap(void)
{
    gyre__process_worker_trap = 0;
}

int main(int argc, char **argv)
{
    const torture_scenario scenarios[] = {
        {TORTURE_MAIN(work), .flags = TORTURE_IO, .expect = 6 + 20},
        {TORTURE_MAIN(fickle), .flags = TORTURE_IO, .expect = 8},
        {.name = "fickle_and_deadly",
         .coro = &fickle_coro,
         .args = &(const struct fickle){.frame = {.coro = &fickle_coro}, .kill = true},
         .flags = TORTURE_IO,
         .expect = 8},
        {TORTURE_MAIN(dying), .flags = TORTURE_IO, .expect = 0, .setup = set_trap,
         .teardown = no_trap},
    };

    if (gyre_process_pool_prepare() < 0) {
        puts("no template for worker processes");
        return 1;
    }
    return torture_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
