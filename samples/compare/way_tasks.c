/* By gyre's tasks: a group of them, one for each piece. */
#include "settings.h"
#include "ways.h"

/* ---- tasks that do a piece ---- */

/* Blocks: while this one runs, no other does. */
struct block {
    gyre_frame frame;
    const struct work *work;
    unsigned number;
};
GYRE_CORO(block)
{
    GYRE_BEGIN;
    GYRE_RETURN(tally_add(self->work->piece(self->number)));
    GYRE_END;
}

static int64_t run_job(void *arg)
{
    const struct block *block = arg;

    return block->work->piece(block->number);
}

/* Has a thread of the executor do it. */
struct in_thread {
    gyre_frame frame;
    gyre_executor *executor;
    struct block piece;
    int64_t n;
};
GYRE_CORO(in_thread)
{
    GYRE_BEGIN;
    GYRE_TRY(self->n, gyre_run_in_executor(self->executor,
                                           &((gyre_job){.fn = run_job, .arg = &self->piece})));
    tally_add(self->n);
    GYRE_END;
}

/* In a worker of the pool, which knows the work: it was chosen before the template was made. */
static const struct work *chosen;

static int64_t run_in_worker(const void *input, size_t size, gyre_process_answer *answer)
{
    (void)size;
    (void)answer;
    return chosen->piece(*(const unsigned *)input);
}

/* Has a process of the pool do it. */
struct in_process {
    gyre_frame frame;
    gyre_process_pool *pool;
    unsigned number;
    int64_t n;
};
GYRE_CORO(in_process)
{
    GYRE_BEGIN;
    GYRE_TRY(self->n, gyre_process_pool_run(self->pool, run_in_worker, &self->number,
                                            sizeof(self->number), NULL));
    tally_add(self->n);
    GYRE_END;
}

/* ---- all of them ---- */

enum how { AWAIT, BLOCK, THREADS, PROCESSES };

struct all {
    gyre_frame frame;
    const struct work *work;
    enum how how;
    gyre_executor *executor;
    gyre_process_pool *pool;
    gyre_group group;
    int64_t rc;
};

static int64_t open_all(struct all *all)
{
    if (all->how == THREADS)
        return gyre_executor_new(&(gyre_executor_options){.threads = all->work->workers()},
                                 &all->executor);
    if (all->how == PROCESSES)
        return gyre_process_pool_new(gyre_loop_current(),
                                     &(gyre_process_pool_options){.workers = all->work->workers()},
                                     &all->pool);
    return all->how == AWAIT && all->work->open ? all->work->open() : 0;
}

static bool spawn(struct all *all, unsigned number)
{
    switch (all->how) {
    case AWAIT:
        return all->work->spawn(&all->group, number);
    case BLOCK:
        return GYRE_GROUP_SPAWN_DETACHED(&all->group, block, .work = all->work, .number = number);
    case THREADS:
        return GYRE_GROUP_SPAWN_DETACHED(&all->group, in_thread, .executor = all->executor,
                                         .piece = {.work = all->work, .number = number});
    default:
        return GYRE_GROUP_SPAWN_DETACHED(&all->group, in_process, .pool = all->pool,
                                         .number = number);
    }
}

GYRE_CORO(all)
{
    GYRE_BEGIN;
    self->rc = open_all(self);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    gyre_group_enter(&self->group);
    for (unsigned i = 0; i < self->work->count() && spawn(self, i); i++)
        ;
    GYRE_AWAIT(self->rc, gyre_group_exit(&self->group, 0));
    if (self->rc == GYRE_EGROUP) /* the first one tells more */
        self->rc = gyre_error_at(gyre_error_current(), 0).code;
    GYRE_RETURN(self->rc);
    GYRE_FINALLY;
    if (self->executor)
        GYRE_AWAIT(self->rc, gyre_executor_shutdown(self->executor, GYRE_FOREVER, false));
    gyre_executor_unref(self->executor);
    gyre_process_pool_free(self->pool);
    if (self->how == AWAIT && self->work->close)
        self->work->close();
    GYRE_END;
}

static void run(const struct work *work, enum how how, gyre_run_options options)
{
    int64_t rc = GYRE_RUN_WITH(options, all, .work = work, .how = how);

    if (rc < 0)
        tally_add(rc);
}

void way_tasks(const struct work *work)
{
    run(work, AWAIT, (gyre_run_options){.arg = NULL});
}

void way_task_threads(const struct work *work)
{
    run(work, THREADS, (gyre_run_options){.arg = NULL});
}

void way_task_processes(const struct work *work)
{
    int64_t rc;

    chosen = work;
    rc = gyre_process_pool_prepare(); /* before there is a loop */
    if (rc < 0)
        tally_add(rc);
    else
        run(work, PROCESSES, (gyre_run_options){.arg = NULL});
}

/* In debug mode the loop tells of steps that take too long. */
static void on_exception(gyre_loop *loop, const gyre_exception_context *context, void *arg)
{
    (void)arg;
    if (context->code == 0)
        atomic_fetch_add(&tally->slow_steps, 1);
    else
        gyre_loop_default_exception_handler(loop, context);
}

static void on_loop(gyre_loop *loop, void *arg)
{
    gyre_loop_set_exception_handler(loop, on_exception, arg);
    gyre_loop_set_slow_callback_duration(loop, GYRE_MS((int64_t)settings.delay_ms) * 3 / 4);
}

void way_blocking_tasks(const struct work *work)
{
    run(work, BLOCK, (gyre_run_options){.loop.debug = true, .on_loop = on_loop});
}
