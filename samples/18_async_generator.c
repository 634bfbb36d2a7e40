/* 18_async_generator: potatoes that wait for deliveries; one buyer, then several at one stock. */
#include <gyre/gyre.h>
#include <inttypes.h>
#include <stdio.h>

enum { POTATO, TOMATO, KINDS };

static const char *const kind_names[KINDS] = {"potato", "tomato"};
static int64_t stock[KINDS], last_id; /* shared by all buyers */

static double now(void)
{
    return (double)gyre_loop_time(gyre_loop_current()) / 1e9;
}

/* Waits for a lorry that brings some of one kind. */
struct order {
    gyre_frame frame;
    int kind;
};
GYRE_CORO(order)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(self->kind == POTATO ? GYRE_MS(500) : GYRE_MS(300)));
    stock[self->kind] += 2 + last_id % 3;
    GYRE_END;
}

/* async def take(kind, n): yields the numbers of n vegetables as they can be had */
struct take {
    gyre_frame frame;
    int kind;
    int64_t n;
};
GYRE_CORO(take)
{
    GYRE_BEGIN;
    for (; self->n > 0; self->n--) {
        while (stock[self->kind] == 0)
            GYRE_TRY(GYRE_CALL(order, .kind = self->kind));
        stock[self->kind]--;
        GYRE_YIELD(++last_id);
    }
    GYRE_FINALLY;
    printf("%.1f s: no more %ses wanted\n", now(), kind_names[self->kind]);
    GYRE_END;
}

/* async for number in take(kind, n): put it into the bag */
struct buy {
    gyre_frame frame;
    const char *name;
    int kind;
    int64_t n;
    gyre_async_generator *shelf;
    int64_t number, bag;
};
GYRE_CORO(buy)
{
    GYRE_BEGIN;
    self->shelf = GYRE_ASYNC_GENERATOR(take, .kind = self->kind, .n = self->n);
    GYRE_ASYNC_FOR(self->number, self->shelf) {
        self->bag++;
        printf("%.1f s: %s got %s #%" PRId64 "\n", now(), self->name, kind_names[self->kind],
               self->number);
        GYRE_TRY(gyre_sleep(GYRE_MS(100)));
    }
    GYRE_RETURN(self->bag);
    GYRE_FINALLY;
    gyre_async_generator_free(self->shelf);
    GYRE_END;
}

struct main_task {
    gyre_frame frame;
    gyre_task *buyers[3];
    int64_t bag, i;
};
GYRE_CORO(main_task)
{
    GYRE_BEGIN;
    GYRE_TRY(self->bag, GYRE_CALL(buy, .name = "ann", .kind = POTATO, .n = 4));
    printf("ann has %" PRId64 "\n", self->bag);

    self->buyers[0] = GYRE_SPAWN(buy, .name = "bob", .kind = POTATO, .n = 4);
    self->buyers[1] = GYRE_SPAWN(buy, .name = "cid", .kind = POTATO, .n = 2);
    self->buyers[2] = GYRE_SPAWN(buy, .name = "dan", .kind = TOMATO, .n = 3);
    for (self->i = 0; self->i < 3; self->i++)
        GYRE_TRY(self->buyers[self->i]);
    GYRE_FINALLY;
    for (self->i = 0; self->i < 3; self->i++)
        gyre_task_unref(self->buyers[self->i]);
    GYRE_END;
}

int main(void)
{
    return GYRE_RUN_WITH(((gyre_run_options){.loop.clock = GYRE_CLOCK_VIRTUAL}), main_task) < 0;
}
