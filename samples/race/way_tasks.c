/* Tasks: many of them in one thread, each waiting for its own answer. */
#include <gyre/gyre.h>

#include "blocking.h"
#include "get.h"
#include "ways.h"

struct shared {
    const struct race *race;
    gyre_http_client *client;
    struct blocking *connection; /* of way_blocking_tasks(), NULL in way_tasks() */
    unsigned count;
    unsigned next; /* the first file that nobody has taken: one thread, so no lock */
};

static bool complain(const struct race *race, int64_t error, const gyre_error *detail)
{
    const char *text = error == GYRE_ENORING ? gyre_loop_error_text() : gyre_error_text(detail);

    return board_complain(race->board, "%s", *text ? text : gyre_strerror(error));
}

/* One of the tasks: takes files as long as there are any. */
struct worker {
    gyre_frame frame;
    struct shared *shared;
};
GYRE_CORO(worker)
{
    GYRE_BEGIN;
    while (self->shared->next < self->shared->count)
        GYRE_TRY(GYRE_CALL(get, .race = self->shared->race, .client = self->shared->client,
                           .file = race_file(self->shared->race, self->shared->next++)));
    GYRE_END;
}

/* The same with the blocking client: while one waits, all of them do. */
struct blocking_worker {
    gyre_frame frame;
    struct shared *shared;
};
GYRE_CORO(blocking_worker)
{
    GYRE_BEGIN;
    while (self->shared->next < self->shared->count) {
        if (!blocking_get(self->shared->connection,
                          race_file(self->shared->race, self->shared->next++)))
            GYRE_RETURN(GYRE_EUSER(1));
        GYRE_TRY(gyre_sleep(0)); /* the others may run now, which helps nobody */
    }
    GYRE_END;
}

/* All of them, in a group: when one fails the others are cancelled. */
struct workers {
    gyre_frame frame;
    struct shared shared;
    gyre_group group;
    unsigned i;
    int64_t n;
};
GYRE_CORO(workers)
{
    GYRE_BEGIN;
    if (!self->shared.connection) {
        self->n = get_client(self->shared.race, self->shared.race->many, &self->shared.client);
        if (self->n < 0)
            GYRE_RETURN(self->n);
    }
    gyre_group_enter(&self->group);
    for (self->i = 0; self->i < self->shared.race->many; self->i++) {
        if (self->shared.connection)
            GYRE_GROUP_SPAWN_DETACHED(&self->group, blocking_worker, .shared = &self->shared);
        else
            GYRE_GROUP_SPAWN_DETACHED(&self->group, worker, .shared = &self->shared);
    }
    GYRE_AWAIT(self->n, gyre_group_exit(&self->group, 0));
    if (self->n == GYRE_EGROUP) {
        gyre_error_item first = gyre_error_at(gyre_error_current(), 0);

        complain(self->shared.race, first.code, first.detail);
    }
    GYRE_RETURN(self->n);
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_http_client_close(self->shared.client));
    GYRE_END;
}

/* In debug mode the loop tells of steps that take too long. */
static void on_exception(gyre_loop *loop, const gyre_exception_context *context, void *arg)
{
    const struct race *race = arg;

    if (context->code == 0)
        atomic_fetch_add(&race->board->slow_steps, 1);
    else
        gyre_loop_default_exception_handler(loop, context);
}

static void on_loop(gyre_loop *loop, void *arg)
{
    gyre_loop_set_exception_handler(loop, on_exception, arg);
}

bool way_tasks(const struct race *race, unsigned count)
{
    int64_t rc = GYRE_RUN(workers, .shared = {.race = race, .count = count});

    return rc >= 0 || complain(race, rc, gyre_error_current());
}

bool way_blocking_tasks(const struct race *race, unsigned count)
{
    const gyre_run_options options = {
        .loop.debug = true, .on_loop = on_loop, .arg = (void *)(uintptr_t)race};
    SSL_CTX *trust = blocking_trust(race);
    struct blocking connection;
    bool fine = false;
    int64_t rc;

    if (trust) {
        fine = blocking_open(&connection, race, trust);
        if (fine) {
            rc = GYRE_RUN_WITH(options, workers,
                               .shared = {.race = race, .connection = &connection, .count = count});
            fine = rc >= 0 || complain(race, rc, gyre_error_current());
        }
        blocking_close(&connection);
    }
    SSL_CTX_free(trust);
    return fine;
}
