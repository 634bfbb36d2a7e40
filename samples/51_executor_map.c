/* 51_executor_map: map gives results in the order of the arguments, as_completed in that of completion. */
#include <gyre/gyre.h>
#include <stdio.h>
#include <time.h>

enum { COUNT = 3 };

static int durations[COUNT] = {10, 2, 5}; /* hundredths of a second */

static int64_t nap(void *arg)
{
    const struct timespec time = {.tv_nsec = *(const int *)arg * 10000000L};

    nanosleep(&time, NULL);
    return *(const int *)arg;
}

/* for result in pool.map(nap, durations): */
struct in_order {
    gyre_frame frame;
    gyre_executor *pool;
    gyre_executor_map *map;
    int64_t rc;
};
GYRE_CORO(in_order)
{
    GYRE_BEGIN;
    {
        void *args[COUNT] = {&durations[0], &durations[1], &durations[2]};

        self->rc = gyre_executor_map_new(
            &(gyre_executor_map_options){
                .executor = self->pool, .job.fn = nap, .args = args, .count = COUNT},
            &self->map);
    }
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    for (;;) {
        GYRE_AWAIT(self->rc, gyre_executor_map_next(self->map));
        if (self->rc == GYRE_ESTOPITERATION)
            break;
        printf("map: %d\n", (int)self->rc);
    }
    GYRE_FINALLY;
    GYRE_AWAIT(self->rc, gyre_executor_map_close(self->map));
    GYRE_END;
}

/* for future in as_completed([pool.submit(nap, d) for d in durations]): */
struct as_they_come {
    gyre_frame frame;
    gyre_executor *pool;
    gyre_future *futures[COUNT];
    gyre_as_completed *results;
    int64_t rc;
};
GYRE_CORO(as_they_come)
{
    GYRE_BEGIN;
    for (int i = 0; i < COUNT; i++)
        self->futures[i] =
            gyre_executor_submit(self->pool, &((gyre_job){.fn = nap, .arg = &durations[i]}));
    self->results = gyre_as_completed_new(NULL, COUNT, self->futures, GYRE_FOREVER);
    for (;;) {
        GYRE_AWAIT(self->rc, gyre_as_completed_next(self->results));
        if (self->rc < 0)
            break;
        printf("as_completed: %d\n", (int)self->rc);
    }
    GYRE_FINALLY;
    gyre_as_completed_free(self->results);
    for (int i = 0; i < COUNT; i++)
        gyre_future_unref(self->futures[i]);
    GYRE_END;
}

struct main_task {
    gyre_frame frame;
    gyre_executor *pool;
};
GYRE_CORO(main_task)
{
    GYRE_BEGIN;
    if (gyre_executor_new(&(gyre_executor_options){.threads = COUNT}, &self->pool) < 0)
        GYRE_RETURN(-1);
    GYRE_TRY(GYRE_CALL(in_order, .pool = self->pool));
    GYRE_TRY(GYRE_CALL(as_they_come, .pool = self->pool));
    GYRE_TRY(gyre_executor_shutdown(self->pool, GYRE_FOREVER, false));
    GYRE_FINALLY;
    gyre_executor_unref(self->pool);
    GYRE_END;
}

int main(void)
{
    return GYRE_RUN(main_task) < 0;
}
