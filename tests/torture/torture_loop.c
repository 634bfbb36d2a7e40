/* Torture of the loop: handles, callbacks, posts of threads, signals, context variables, names. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include "../../loop/alloc.h"
#include "../../loop/context.h"
#include "../../task/run.h"
#include "../../task/sleep.h"
#include "../support/torture.h"

static unsigned calls;

static int64_t forget_calls(gyre_loop *loop)
{
    (void)loop;
    calls = 0;
    return 0;
}

static int64_t count_call(gyre_loop *loop, void *arg)
{
    (void)loop;
    calls += *(unsigned *)arg;
    return 0;
}

static int64_t fail_call(gyre_loop *loop, void *arg)
{
    (void)loop;
    (void)arg;
    return gyre_raise(gyre_error_new(GYRE_EUSER(1), "on purpose"));
}

/* ---- handles: soon, later, cancelled, kept ---- */

struct handles {
    gyre_frame frame;
    gyre_handle *soon, *later, *dropped;
    unsigned one, ten, hundred;
};
GYRE_CORO(handles)
{
    gyre_loop *loop = gyre_loop_current();

    GYRE_BEGIN;
    self->one = 1;
    self->ten = 10;
    self->hundred = 100;
    if (gyre_call_soon(loop, count_call, &self->one, &self->soon) < 0 ||
        gyre_call_soon(loop, fail_call, NULL, NULL) < 0 ||
        gyre_call_later(loop, GYRE_MS(2), count_call, &self->ten, &self->later) < 0 ||
        gyre_call_at(loop, 1, count_call, &self->hundred, &self->dropped) < 0 ||
        gyre_call_later(loop, GYRE_MS(3), fail_call, NULL, NULL) < 0)
        GYRE_RETURN(-ENOMEM);
    gyre_handle_cancel(self->dropped);
    GYRE_TRY(gyre_sleep(GYRE_MS(5)));
    GYRE_RETURN((int64_t)calls);
    GYRE_FINALLY;
    /* What was borrowed must be let go before the frame is gone. */
    if (self->soon)
        gyre_handle_cancel(self->soon);
    if (self->later)
        gyre_handle_cancel(self->later);
    if (self->dropped)
        gyre_handle_cancel(self->dropped);
    gyre_handle_unref(self->soon);
    gyre_handle_unref(self->later);
    gyre_handle_unref(self->dropped);
    GYRE_END;
}

/* ---- done callbacks ---- */

static int64_t future_done(gyre_future *future, void *arg)
{
    (void)arg;
    calls += (unsigned)gyre_future_result(future);
    return calls > 100 ? gyre_raise(gyre_error_new(GYRE_EUSER(1), "too many")) : 0;
}

static int64_t future_never(gyre_future *future, void *arg)
{
    (void)future;
    (void)arg;
    calls += 1000;
    return 0;
}

struct callbacks {
    gyre_frame frame;
    gyre_future *future;
    int64_t rc;
};
GYRE_CORO(callbacks)
{
    GYRE_BEGIN;
    self->future = gyre_future_new(gyre_loop_current());
    if (!self->future)
        GYRE_RETURN(-ENOMEM);
    if (gyre_future_add_done_callback(self->future, future_done, NULL) < 0 ||
        gyre_future_add_done_callback(self->future, future_never, &self->rc) < 0 ||
        gyre_future_add_done_callback(self->future, future_done, self) < 0 ||
        gyre_future_add_done_callback(self->future, future_never, &self->rc) < 0)
        GYRE_RETURN(-ENOMEM);
    GYRE_TRY(gyre_sleep(0));
    if (gyre_future_remove_done_callback(self->future, future_never, &self->rc) != 2)
        GYRE_RETURN(-EPROTO);
    gyre_future_set_result(self->future, 60);
    if (gyre_future_add_done_callback(self->future, future_done, NULL) < 0)
        GYRE_RETURN(-ENOMEM);
    GYRE_TRY(self->future);
    GYRE_TRY(gyre_sleep(0));
    GYRE_RETURN((int64_t)calls);
    GYRE_FINALLY;
    gyre_future_unref(self->future);
    GYRE_END;
}

/* ---- errors nobody retrieves ---- */

struct untaken {
    gyre_frame frame;
    gyre_future *future;
    gyre_error *detail;
};
GYRE_CORO(untaken)
{
    GYRE_BEGIN;
    self->future = gyre_future_new(gyre_loop_current());
    self->detail = gyre_error_new(-EIO, "lost");
    if (!self->future || gyre_future_set_name(self->future, "lost future") < 0)
        GYRE_RETURN(-ENOMEM);
    gyre_future_set_exception(self->future, -EIO, self->detail);
    GYRE_TRY(gyre_sleep(1));
    GYRE_RETURN(0);
    GYRE_FINALLY;
    gyre_error_unref(self->detail);
    gyre_future_unref(self->future);
    GYRE_END;
}

/* ---- posts from threads ---- */

enum { POSTS = 6 };
static struct {
    gyre_loop *loop;
    pthread_t thread;
    bool started;
    unsigned one;
    atomic_uint failed;
    atomic_bool finished;
} poster;

static void *post(void *arg)
{
    (void)arg;
    for (int i = 0; i < POSTS; i++)
        if (gyre_call_soon_threadsafe(poster.loop, count_call, &poster.one) < 0)
            atomic_fetch_add(&poster.failed, 1);
    atomic_store(&poster.finished, true);
    return NULL;
}

struct posts {
    gyre_frame frame;
};
GYRE_CORO(posts)
{
    GYRE_BEGIN;
    poster.loop = gyre_loop_current();
    poster.one = 1;
    atomic_store(&poster.failed, 0);
    atomic_store(&poster.finished, false);
    poster.started = pthread_create(&poster.thread, NULL, post, NULL) == 0;
    if (!poster.started)
        GYRE_RETURN(-EAGAIN);
    while (!atomic_load(&poster.finished))
        GYRE_TRY(gyre_sleep(GYRE_US(100)));
    GYRE_TRY(gyre_sleep(0)); /* the last one may have come after the last look, */
    GYRE_TRY(gyre_sleep(0)); /* and what is taken in then runs after this task */
    GYRE_RETURN((int64_t)calls + (int64_t)atomic_load(&poster.failed));
    GYRE_FINALLY;
    if (poster.started)
        pthread_join(poster.thread, NULL); /* the loop must not be closed under it */
    poster.started = false;
    GYRE_END;
}

/* ---- signals ---- */

static int64_t on_signal(gyre_loop *loop, void *arg)
{
    (void)loop;
    gyre_future_set_result(arg, SIGUSR1);
    return 0;
}

struct alarmed {
    gyre_frame frame;
    gyre_future *future;
    int64_t result;
};
GYRE_CORO(alarmed)
{
    GYRE_BEGIN;
    self->future = gyre_future_new(gyre_loop_current());
    if (!self->future)
        GYRE_RETURN(-ENOMEM);
    GYRE_TRY(gyre_sleep(0));
    if (gyre_loop_add_signal_handler(gyre_loop_current(), SIGUSR1, on_signal, self->future) < 0)
        GYRE_RETURN(-ENOMEM);
    raise(SIGUSR1);
    GYRE_TRY(self->result, self->future);
    GYRE_RETURN(self->result == SIGUSR1);
    GYRE_FINALLY;
    gyre_loop_remove_signal_handler(gyre_loop_current(), SIGUSR1);
    gyre_future_unref(self->future);
    GYRE_END;
}

/* ---- context variables and names ---- */

static gyre_context_var request = {"request", NULL, gyre_free};
static gyre_context_var user = {"user", NULL, gyre_free};

static int64_t set(gyre_context_var *var, const char *text)
{
    char *copy = gyre_strdup(text);
    int64_t rc;

    if (!copy)
        return -ENOMEM;
    rc = gyre_context_set(var, copy);
    if (rc < 0)
        gyre_free(copy);
    return rc;
}

struct servant {
    gyre_frame frame;
};
GYRE_CORO(servant)
{
    GYRE_BEGIN;
    if (set(&user, "servant") < 0)
        GYRE_RETURN(-ENOMEM);
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    if (set(&user, "servant again") < 0 || gyre_task_set_name(gyre_task_current(), "servant") < 0)
        GYRE_RETURN(-ENOMEM);
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    GYRE_RETURN(strcmp(gyre_context_get(&user), "servant again") == 0 &&
                strcmp(gyre_context_get(&request), "first") == 0);
    GYRE_END;
}

struct master {
    gyre_frame frame;
    gyre_task *task;
    gyre_context *context;
    int64_t result;
};
GYRE_CORO(master)
{
    GYRE_BEGIN;
    if (set(&request, "first") < 0 || set(&user, "master") < 0)
        GYRE_RETURN(-ENOMEM);
    self->context = gyre_context_copy();
    self->task =
        GYRE_SPAWN_WITH(((gyre_spawn_options){.name = "x", .context = self->context}), servant);
    if (set(&request, "second") < 0 ||
        gyre_call_soon(gyre_loop_current(), fail_call, NULL, NULL) < 0)
        GYRE_RETURN(-ENOMEM);
    GYRE_TRY(self->result, self->task);
    if (gyre_task_name(self->task)[0] != 's')
        GYRE_RETURN(-EPROTO);
    GYRE_RETURN(self->result && strcmp(gyre_context_get(&user), "master") == 0);
    GYRE_FINALLY;
    gyre_context_unref(self->context);
    gyre_task_unref(self->task);
    GYRE_END;
}

/* ---- groups of errors ---- */

struct grouped {
    gyre_frame frame;
    gyre_error *one, *two, *group;
};
GYRE_CORO(grouped)
{
    GYRE_BEGIN;
    self->one = gyre_error_new(-EIO, NULL);
    self->two = gyre_error_newf(GYRE_EUSER(2), "%s", "two");
    self->group = gyre_error_new_group(
        "both", 2, (gyre_error_item[]){{-EIO, self->one}, {GYRE_EUSER(2), self->two}});
    GYRE_TRY(gyre_sleep(0));
    GYRE_RETURN(gyre_raise(gyre_error_ref(self->group)));
    GYRE_FINALLY;
    gyre_error_unref(self->one);
    gyre_error_unref(self->two);
    gyre_error_unref(self->group);
    GYRE_END;
}

static const torture_scenario scenarios[] = {
    {TORTURE_MAIN(handles), .expect = 11, .flags = TORTURE_MAY_REPORT, .setup = forget_calls},
    {TORTURE_MAIN(callbacks), .expect = 180, .flags = TORTURE_MAY_REPORT, .setup = forget_calls},
    {TORTURE_MAIN(untaken), .flags = TORTURE_MAY_REPORT},
    {TORTURE_MAIN(posts), .expect = POSTS, .flags = TORTURE_REAL_CLOCK, .setup = forget_calls},
    {TORTURE_MAIN(alarmed), .expect = 1, .flags = TORTURE_REAL_CLOCK},
    {TORTURE_MAIN(master), .expect = 1, .flags = TORTURE_MAY_REPORT},
    {TORTURE_MAIN(grouped), .expect = GYRE_EGROUP, .flags = TORTURE_MAY_REPORT},
};

int main(int argc, char **argv)
{
    return torture_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
