/* The loop: handles, stopping, and the runs of the top level. */
#include <inttypes.h>
#include <stdio.h>

#include "runner.h"

/* ---- handles ---- */

struct scheduled {
    const body *body;
    int64_t argument;
};

static int64_t on_handle(gyre_loop *loop, void *arg)
{
    const struct scheduled *s = arg;
    char number[24];

    (void)loop;
    snprintf(number, sizeof(number), "%" PRId64, s->argument);
    return run_callback(s->body, number, s->argument);
}

static void release_handle(void *handle)
{
    gyre_handle_unref(handle);
}

static struct scheduled *schedule(const call *c, const operand *callback, const operand *argument)
{
    struct scheduled *s = take(c->runner, sizeof(*s));

    s->body = callback->symbol->body;
    s->argument = value_of(c, argument);
    return s;
}

static want done_handle(call *c, const node *n, int64_t rc, gyre_handle *handle)
{
    if (failed(c, n, rc))
        return WANT_NOTHING;
    keep(c->runner, release_handle, handle);
    n->args[0].symbol->object = handle;
    return done(c, n);
}

static want do_soon(call *c, const node *n)
{
    gyre_handle *handle = NULL;
    int64_t rc =
        gyre_call_soon(c->runner->loop, on_handle, schedule(c, &n->args[1], &n->args[2]), &handle);

    return done_handle(c, n, rc, handle);
}

static want do_later(call *c, const node *n)
{
    gyre_handle *handle = NULL;
    int64_t rc = gyre_call_later(c->runner->loop, duration(c, &n->args[1]), on_handle,
                                 schedule(c, &n->args[2], &n->args[3]), &handle);

    return done_handle(c, n, rc, handle);
}

static want do_at(call *c, const node *n)
{
    gyre_handle *handle = NULL;
    int64_t rc = gyre_call_at(c->runner->loop, moment(value_of(c, &n->args[1])), on_handle,
                              schedule(c, &n->args[2], &n->args[3]), &handle);

    return done_handle(c, n, rc, handle);
}

static want do_hcancel(call *c, const node *n)
{
    gyre_handle_cancel(n->args[0].symbol->object);
    return done(c, n);
}

static want do_hcancelled(call *c, const node *n)
{
    return done_number(c, n, gyre_handle_cancelled(n->args[0].symbol->object));
}

/* ---- runs ---- */

static want do_stop(call *c, const node *n)
{
    gyre_loop_stop(c->runner->loop);
    return done(c, n);
}

int64_t run_until(runner *r, gyre_future *future)
{
    int64_t rc = gyre_loop_run_until(r->loop, future);

    if (rc == GYRE_EDEADLOCK)
        emit(r, 0, "deadlock", "");
    return rc;
}

static want do_run(call *c, const node *n)
{
    runner *r = c->runner;
    const operand *o = &n->args[0];
    const record *rec;
    int64_t rc;

    if (o->call) {
        gyre_task *task = spawn(o->symbol->body, value_of(c, o), unique_name(r, o->symbol), false);

        rec = new_record(r, gyre_task_future(task));
    } else {
        rec = o->symbol->object;
    }
    rc = run_until(r, rec->future);
    return failed(c, n, rc) ? WANT_NOTHING : done_record(c, n, rec, rc);
}

static want do_forever(call *c, const node *n)
{
    if (gyre_loop_run(c->runner->loop) == GYRE_EDEADLOCK)
        emit(c->runner, 0, "deadlock", "");
    return done(c, n);
}

const op loop_ops[] = {
    {"soon", "H= CB V?", do_soon, NULL},
    {"later", "H= V CB V?", do_later, NULL},
    {"at", "H= V CB V?", do_at, NULL},
    {"hcancel", "H", do_hcancel, NULL},
    {"hcancelled", "H", do_hcancelled, NULL},
    {"stop", "", do_stop, NULL},
    {"run", "I", do_run, NULL},
    {"forever", "", do_forever, NULL},
    {NULL, NULL, NULL, NULL},
};
