/* Sleeping: what takes time without taking anything else. */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "settings.h"
#include "tally.h"
#include "work.h"

static unsigned count(void)
{
    return settings.pieces;
}

static void describe(void)
{
    printf("Sleeping: %u times %u ms", settings.pieces, settings.sleep_ms);
}

static int64_t piece(unsigned number)
{
    struct timespec left = {.tv_sec = settings.sleep_ms / 1000,
                            .tv_nsec = settings.sleep_ms % 1000 * 1000000L};

    (void)number;
    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        ;
    return 1;
}

struct sleeper {
    gyre_frame frame;
};
GYRE_CORO(sleeper)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(GYRE_MS((int64_t)settings.sleep_ms)));
    tally_add(1);
    GYRE_END;
}

static bool spawn(gyre_group *group, unsigned number)
{
    (void)number;
    return GYRE_GROUP_SPAWN_DETACHED(group, sleeper);
}

const struct work sleep_work = {
    .count = count, .workers = count, .describe = describe, .piece = piece, .spawn = spawn};
