/* 57_pool_of_three: twelve jobs of three steps each, never more than three at once: tasks, then threads. */
#include <gyre/gyre.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

enum { WORKERS = 3, JOBS = 12, STEPS = 3 };

/* ---- tasks: as many as there are jobs, of which a semaphore lets three work ---- */

struct work {
    gyre_frame frame;
    int number, step;
};
GYRE_CORO(work)
{
    GYRE_BEGIN;
    for (self->step = 1; self->step <= STEPS; self->step++) {
        printf("%2.0f s: job %d, step %d\n", (double)gyre_loop_time(gyre_loop_current()) / 1e9,
               self->number, self->step);
        GYRE_TRY(gyre_sleep(GYRE_SECONDS(1)));
    }
    GYRE_END;
}

struct job {
    gyre_frame frame;
    gyre_semaphore *pool;
    int number;
};
GYRE_CORO(job)
{
    GYRE_BEGIN;
    GYRE_TRY(GYRE_WITH_SEMAPHORE(self->pool, work, .number = self->number));
    GYRE_END;
}

struct by_tasks {
    gyre_frame frame;
    gyre_semaphore pool;
    gyre_group group;
};
GYRE_CORO(by_tasks)
{
    GYRE_BEGIN;
    gyre_semaphore_init(&self->pool, WORKERS);
    gyre_group_enter(&self->group);
    for (int i = 1; i <= JOBS; i++)
        GYRE_GROUP_SPAWN_DETACHED(&self->group, job, .pool = &self->pool, .number = i);
    GYRE_TRY(gyre_group_exit(&self->group, 0));
    GYRE_END;
}

/* ---- threads: three of them, for what blocks ---- */

static atomic_int at_work, most, steps;

static int64_t blocking_job(void *arg)
{
    int now = atomic_fetch_add(&at_work, 1) + 1, before = atomic_load(&most);

    (void)arg;
    while (now > before && !atomic_compare_exchange_weak(&most, &before, now))
        ;
    for (int step = 1; step <= STEPS; step++) {
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
        atomic_fetch_add(&steps, 1);
    }
    atomic_fetch_sub(&at_work, 1);
    return 0;
}

struct by_threads {
    gyre_frame frame;
    gyre_executor *pool;
    int64_t rc;
};
GYRE_CORO(by_threads)
{
    GYRE_BEGIN;
    self->rc = gyre_executor_new(&(gyre_executor_options){.threads = WORKERS}, &self->pool);
    for (int i = 0; i < JOBS && self->rc >= 0; i++)
        gyre_future_unref(gyre_executor_submit(self->pool, &((gyre_job){.fn = blocking_job})));
    if (self->pool)
        GYRE_AWAIT(self->rc, gyre_executor_shutdown(self->pool, GYRE_FOREVER, false));
    gyre_executor_unref(self->pool);
    printf("threads: %d steps, %s than %d jobs at once\n", steps,
           most > WORKERS ? "more" : "no more", WORKERS);
    GYRE_RETURN(self->rc);
    GYRE_END;
}

int main(void)
{
    const gyre_run_options options = {.loop.clock = GYRE_CLOCK_VIRTUAL};

    return GYRE_RUN_WITH(options, by_tasks) < 0 || GYRE_RUN(by_threads) < 0;
}
