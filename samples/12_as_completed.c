/* 12_as_completed: answers in the order in which they come, for as long as one cares to wait. */
#include <gyre/gyre.h>
#include <stdio.h>

/* Seconds from the start, and what a server answers: a number of bytes, or that it is down. */
struct ask {
    gyre_frame frame;
    double takes;
    int64_t answer;
};
GYRE_CORO(ask)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(GYRE_SECONDS(self->takes)));
    GYRE_RETURN(self->answer);
    GYRE_END;
}

static gyre_future *start(const char *name, double takes, int64_t answer)
{
    gyre_task *task = GYRE_SPAWN(ask, .takes = takes, .answer = answer);

    if (task && gyre_task_set_name(task, name) < 0)
        fprintf(stderr, "%s has no name\n", name);
    return gyre_task_future(task);
}

static void report(const char *who, int64_t rc)
{
    double now = (double)gyre_loop_time(gyre_loop_current()) / 1e9;

    if (rc < 0)
        printf("%4.1f s  %-5s %s\n", now, who, gyre_strerror(rc));
    else
        printf("%4.1f s  %-5s %d bytes\n", now, who, (int)rc);
}

struct main_task {
    gyre_frame frame;
    gyre_future *servers[4];
    gyre_as_completed *answers;
    gyre_future *first;
    int64_t rc;
};
GYRE_CORO(main_task)
{
    GYRE_BEGIN;
    self->servers[0] = start("mars", 3, 3000);
    self->servers[1] = start("venus", 1, GYRE_EUSER(1));
    self->servers[2] = start("moon", 1.5, 1500);
    self->servers[3] = start("pluto", 3600, 5);
    self->answers = gyre_as_completed_new(NULL, 4, self->servers, GYRE_SECONDS(10));

    /* async for task in as_completed(...): which one it was */
    GYRE_TRY(gyre_as_completed_next_future(self->answers, &self->first));
    report(gyre_future_name(self->first), gyre_future_result(self->first));

    /* for next in as_completed(...): what they gave */
    for (;;) {
        GYRE_AWAIT(self->rc, gyre_as_completed_next(self->answers));
        if (self->rc == GYRE_ESTOPITERATION)
            break;
        report("?", self->rc);
    }
    GYRE_FINALLY;
    gyre_as_completed_free(self->answers);
    for (int i = 0; i < 4; i++)
        gyre_future_unref(self->servers[i]);
    GYRE_END;
}

int main(void)
{
    return GYRE_RUN_WITH(((gyre_run_options){.loop.clock = GYRE_CLOCK_VIRTUAL}), main_task) < 0;
}
