/* Two short scenes before the race, after programs by which asyncio is often taught. */
#include "scenes.h"

#include <gyre/gyre.h>
#include <stdio.h>

#include "get.h"
#include "referee.h"

static void no_tick(void *arg)
{
    (void)arg;
}

/* ---- three downloads of different sizes at once: they arrive in another order ---- */

/* One of the three; tells when it has come. */
struct arrive {
    gyre_frame frame;
    const struct race *race;
    gyre_http_client *client;
    struct file file;
    uint64_t start_ns;
};
GYRE_CORO(arrive)
{
    GYRE_BEGIN;
    self->start_ns = gyre_loop_time(gyre_loop_current());
    GYRE_TRY(GYRE_CALL(get, .race = self->race, .client = self->client, .file = self->file));
    printf("  %7u bytes after %3.0f ms\n", self->file.size,
           (double)(gyre_loop_time(gyre_loop_current()) - self->start_ns) / 1e6);
    GYRE_END;
}

struct three {
    gyre_frame frame;
    const struct race *race;
    gyre_http_client *client;
    gyre_group group;
    int64_t n;
};
GYRE_CORO(three)
{
    static const struct file files[] = {{52562, 150, 1}, {153759, 250, 2}, {12605, 50, 3}};

    GYRE_BEGIN;
    self->n = get_client(self->race, 3, &self->client);
    if (self->n < 0)
        GYRE_RETURN(self->n);
    gyre_group_enter(&self->group);
    for (self->n = 0; self->n < 3; self->n++)
        GYRE_GROUP_SPAWN_DETACHED(&self->group, arrive, .race = self->race, .client = self->client,
                                  .file = files[self->n]);
    GYRE_TRY(gyre_group_exit(&self->group, 0));
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_http_client_close(self->client));
    GYRE_END;
}

/* As a way of the race: in a process of its own. */
static bool way_three(const struct race *race, unsigned count)
{
    int64_t rc = GYRE_RUN(three, .race = race);

    (void)count;
    fflush(stdout);
    return rc >= 0 ||
           board_complain(race->board, "%s",
                          rc == GYRE_ENORING ? gyre_loop_error_text() : gyre_strerror(rc));
}

/* ---- five requests to a slow server: tasks that block, and tasks that wait ---- */

static bool play_five(const struct race *race)
{
    struct race slow = *race;
    struct measured blocking, waiting;
    unsigned told;

    slow.delay_ms = 300;
    slow.many = 5;
    if (!referee_measure(&slow, way_blocking_tasks, 5, no_tick, NULL, &blocking))
        return false;
    told = atomic_load(&race->board->slow_steps);
    if (!referee_measure(&slow, way_tasks, 5, no_tick, NULL, &waiting))
        return false;
    printf("Five tasks, each with a request to a server that thinks for 0.3 s:\n"
           "  with a blocking client  %5.2f s, one after the other (reported, with 3 s: 15.13 s);\n"
           "                          the loop's debug mode told of %u steps that took too long\n"
           "  with gyre's             %5.2f s, at the same time\n\n",
           blocking.seconds, told, waiting.seconds);
    return true;
}

bool scenes_play(const struct race *race)
{
    struct measured measured;

    printf("Three downloads at once, asked for in the order 52562, 153759, 12605 bytes:\n");
    if (!referee_measure(race, way_three, 3, no_tick, NULL, &measured))
        return false;
    printf("\n");
    return play_five(race);
}
