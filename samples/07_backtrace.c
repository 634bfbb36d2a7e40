/* 07_backtrace: where every task waits, frame by frame, and for what, in any build. */
#include <gyre/gyre.h>
#include <stdio.h>

struct read_page {
    gyre_frame frame;
    int number;
};
GYRE_CORO(read_page)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(GYRE_SECONDS(self->number)));
    GYRE_END;
}

struct read_book {
    gyre_frame frame;
    int page;
};
GYRE_CORO(read_book)
{
    GYRE_BEGIN;
    for (self->page = 1; self->page <= 9; self->page++)
        GYRE_TRY(GYRE_CALL(read_page, .number = self->page));
    GYRE_END;
}

struct wait_for_reader {
    gyre_frame frame;
    gyre_task *reader;
};
GYRE_CORO(wait_for_reader)
{
    GYRE_BEGIN;
    GYRE_TRY(self->reader);
    GYRE_END;
}

/* gyre_task_print() does this with the paths of the files, and gyre_loop_dump() for all tasks. */
static bool print_task(gyre_task *task, void *arg)
{
    gyre_frame_info frames[8];
    size_t depth = gyre_task_backtrace(task, frames, 8); /* innermost first */
    char what[64];

    (void)arg;
    if (task == gyre_task_current())
        return true;
    printf("%s waits for %s\n", gyre_task_name(task),
           gyre_task_waits_for(task, what, sizeof(what)));
    for (size_t i = 0; i < depth && i < 8; i++)
        printf("    %s, line %u\n", frames[i].function, frames[i].line);
    return true;
}

struct main_task {
    gyre_frame frame;
    gyre_task *reader, *waiter;
};
GYRE_CORO(main_task)
{
    GYRE_BEGIN;
    self->reader = GYRE_SPAWN_WITH(((gyre_spawn_options){.name = "reader"}), read_book);
    self->waiter = GYRE_SPAWN_WITH(((gyre_spawn_options){.name = "waiter"}), wait_for_reader,
                                   .reader = self->reader);
    GYRE_TRY(gyre_sleep(GYRE_MS(1500))); /* in the middle of page 2 */
    gyre_loop_each_task(gyre_loop_current(), print_task, NULL);
    GYRE_FINALLY;
    gyre_task_unref(self->reader);
    gyre_task_unref(self->waiter);
    GYRE_END;
}

int main(void)
{
    return GYRE_RUN_WITH(((gyre_run_options){.loop.clock = GYRE_CLOCK_VIRTUAL}), main_task) < 0;
}
