/* 15_group: tasks that end together: all are waited for, the first failure cancels the others. */
#include <gyre/gyre.h>
#include <stdio.h>

static double now(void)
{
    return (double)gyre_loop_time(gyre_loop_current()) / 1e9;
}

struct fetch {
    gyre_frame frame;
    const char *what;
    double takes; /* seconds */
    bool is_broken;
};
GYRE_CORO(fetch)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(GYRE_SECONDS(self->takes)));
    if (self->is_broken)
        GYRE_RETURN(gyre_raise(gyre_error_newf(GYRE_EUSER(404), "there is no %s", self->what)));
    GYRE_FINALLY;
    printf("%4.1f s  %s: %s\n", now(), self->what,
           self->frame.value < 0 ? gyre_strerror(self->frame.value) : "fetched");
    GYRE_END;
}

/* async with TaskGroup() as group: ... */
struct page {
    gyre_frame frame;
    bool is_broken;
    gyre_group group;
    int64_t rc;
};
GYRE_CORO(page)
{
    GYRE_BEGIN;
    gyre_group_enter(&self->group);
    GYRE_GROUP_SPAWN_DETACHED(&self->group, fetch, .what = "text", .takes = 1);
    GYRE_GROUP_SPAWN_DETACHED(&self->group, fetch, .what = "style", .takes = 2,
                              .is_broken = self->is_broken);
    GYRE_GROUP_SPAWN_DETACHED(&self->group, fetch, .what = "picture", .takes = 3);
    GYRE_GROUP_SPAWN_DETACHED(&self->group, fetch, .what = "font", .takes = 2,
                              .is_broken = self->is_broken);
    GYRE_TRY(gyre_sleep(GYRE_SECONDS(0.5))); /* the body may wait as well */
    GYRE_FINALLY;
    GYRE_AWAIT(self->rc, gyre_group_exit(&self->group, self->frame.value));
    GYRE_RETURN(self->rc);
    GYRE_END;
}

static void print_outcome(int64_t rc)
{
    const gyre_error *detail = gyre_error_current();

    printf("%4.1f s  page: %s\n", now(), rc < 0 ? gyre_strerror(rc) : "complete");
    for (size_t i = 0; rc == GYRE_EGROUP && i < gyre_error_count(detail); i++)
        printf("        - %s\n", gyre_error_text(gyre_error_at(detail, i).detail));
}

struct main_task {
    gyre_frame frame;
    int64_t rc;
};
GYRE_CORO(main_task)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc, GYRE_CALL(page));
    print_outcome(self->rc);

    puts("-- two parts fail: both errors come out, what has not ended is cancelled");
    GYRE_AWAIT(self->rc, GYRE_CALL(page, .is_broken = true));
    print_outcome(self->rc);

    puts("-- the whole page within 1.5 s: cancelling who waits for a group cancels its tasks");
    GYRE_AWAIT(self->rc, gyre_wait_for(GYRE_CALL(page), GYRE_SECONDS(1.5)));
    print_outcome(self->rc);
    GYRE_END;
}

int main(void)
{
    return GYRE_RUN_WITH(((gyre_run_options){.loop.clock = GYRE_CLOCK_VIRTUAL}), main_task) < 0;
}
