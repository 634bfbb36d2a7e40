/* Tasks: spawning, awaiting, sleeping, cancelling. */

#include "runner.h"

/* ---- tasks and futures of slots ---- */

record *new_record(runner *r, gyre_future *moved)
{
    record *rec = take(r, sizeof(*rec));

    rec->future = moved;
    *r->records_end = rec;
    r->records_end = &rec->next;
    return rec;
}

gyre_future *future_of(const operand *o)
{
    return o->self ? gyre_task_future(gyre_task_current()) : ((record *)o->symbol->object)->future;
}

static gyre_task *task_of(const operand *o)
{
    return gyre_future_task(future_of(o));
}

record *spawn_item(const call *c, const operand *o)
{
    runner *r = c->runner;
    const body *b = o->symbol->body;
    gyre_task *task = spawn(b, value_of(c, o), implicit_name(r, o->symbol), false);

    return new_record(r, gyre_task_future(task));
}

/* ---- making tasks ---- */

static want do_spawn(call *c, const node *n)
{
    symbol *slot = n->args[0].symbol;
    int64_t argument = value_of(c, &n->args[2]);
    gyre_task *task = spawn(n->args[1].symbol->body, argument, unique_name(c->runner, slot), false);

    slot->object = new_record(c->runner, gyre_task_future(task));
    return done(c, n);
}

/* The slot is filled, and the place in the order taken, when the first step is over. */
static want do_eager(call *c, const node *n)
{
    symbol *slot = n->args[0].symbol;
    int64_t argument = value_of(c, &n->args[2]);
    gyre_task *task = spawn(n->args[1].symbol->body, argument, unique_name(c->runner, slot), true);

    slot->object = new_record(c->runner, gyre_task_future(task));
    return done(c, n);
}

static want do_gspawn(call *c, const node *n)
{
    gyre_group *group = n->args[0].symbol->object;
    symbol *slot = n->args[1].symbol;
    const char *name = unique_name(c->runner, slot);
    gyre_task *task = spawn_in(group, n->args[2].symbol->body, value_of(c, &n->args[3]), name);

    if (!task) {
        slot->created--;
        return fail(c, n, gyre_group_error(group));
    }
    slot->object = new_record(c->runner, gyre_task_future(task));
    return done(c, n);
}

/* ---- awaiting ---- */

static void settle_await(call *c, const node *n, int64_t rc)
{
    if (!failed(c, n, rc))
        done_record(c, n, c->out, rc);
}

static want do_await(call *c, const node *n)
{
    const operand *o = &n->args[0];

    if (o->call) {
        c->callee = new_call(o->symbol->body, value_of(c, o));
        c->settle = settle_value;
        return WANT_CALL;
    }
    c->out = o->symbol->object;
    return await_future(c, gyre_future_ref(future_of(o)), settle_await);
}

static want do_awaitself(call *c, const node *n)
{
    (void)n;
    return await_future(c, gyre_future_ref(gyre_task_future(gyre_task_current())), settle_value);
}

static gyre_await begin_sleep(call *c)
{
    return gyre_sleep(duration(c, &c->node->args[0]));
}

static want do_sleep(call *c, const node *n)
{
    (void)n;
    return await_begin(c, begin_sleep, settle_void);
}

/* ---- cancelling ---- */

static want do_cancel(call *c, const node *n)
{
    gyre_future *future = future_of(&n->args[0]);
    const operand *message = &n->args[1];
    gyre_error *detail;
    int64_t rc;

    if (!message->given)
        return done_number(c, n, gyre_future_cancel(future));
    detail = gyre_error_newf(GYRE_ECANCELLED, "%d", (int)value_of(c, message));
    rc = gyre_future_cancel_with(future, detail);
    gyre_error_unref(detail);
    return done_number(c, n, rc);
}

static want do_uncancel(call *c, const node *n)
{
    return done_number(c, n, gyre_task_uncancel(task_of(&n->args[0])));
}

static want do_cancelling(call *c, const node *n)
{
    return done_number(c, n, gyre_task_cancelling(task_of(&n->args[0])));
}

static want do_self(call *c, const node *n)
{
    gyre_task *task = gyre_task_current();

    return done_word(c, n, task ? gyre_task_name(task) : "none");
}

static want do_tasks(call *c, const node *n)
{
    gyre_loop_stats stats;

    gyre_loop_get_stats(c->runner->loop, &stats);
    return done_number(c, n, (int64_t)stats.tasks);
}

const op task_ops[] = {
    {"spawn", "S= CO V?", do_spawn, NULL},
    {"eager", "S= CO V?", do_eager, NULL},
    {"gspawn", "G S= CO V?", do_gspawn, NULL},
    {"await", "I", do_await, NULL},
    {"awaitself", "", do_awaitself, NULL},
    {"sleep", "V", do_sleep, NULL},
    {"cancel", "S V?", do_cancel, NULL},
    {"uncancel", "K", do_uncancel, NULL},
    {"cancelling", "K", do_cancelling, NULL},
    {"self", "", do_self, NULL},
    {"tasks", "", do_tasks, NULL},
    {NULL, NULL, NULL, NULL},
};
