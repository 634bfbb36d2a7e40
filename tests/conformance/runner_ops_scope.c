/* Timeouts and task groups. */
#include <stdio.h>

#include "runner.h"

/* Logs the end of a block and sets the flow that follows; rc: the error that leaves it, or >= 0. */
static void end_block(call *c, const node *head, int64_t rc, const char *result)
{
    char name[24];

    snprintf(name, sizeof(name), "end%s", head->op->name);
    if (rc < 0) {
        failure f = take_failure(rc);

        drop_failure(&c->failure);
        c->failure = f;
        c->flow = FLOW_ERROR;
        emit_failure(c->runner, head->line, name, &c->failure);
        return;
    }
    if (c->flow == FLOW_ERROR) { /* the block swallowed it */
        drop_failure(&c->failure);
        c->flow = FLOW_NEXT;
    }
    emit(c->runner, head->line, name, result);
}

/* What is inside a block has ended with this; the detail of an error is the current one. */
static int64_t inner_result(const call *c)
{
    failure f;

    gyre_error_clear();
    if (c->runner->over)
        return GYRE_ECANCELLED;
    if (c->flow != FLOW_ERROR)
        return 0;
    f = copy_failure(&c->failure);
    return raise_failure(&f);
}

/* ---- timeouts ---- */

static want enter_timeout(call *c, const node *n, gyre_timeout *timeout, int64_t rc)
{
    if (failed(c, n, rc))
        return WANT_NOTHING;
    n->args[0].symbol->object = timeout;
    push_scope(c, n, n->parts->first)->object = timeout;
    return done(c, n);
}

static want do_timeout(call *c, const node *n)
{
    gyre_timeout *timeout = take(c->runner, sizeof(*timeout));
    int64_t rc = gyre_timeout_enter(timeout, duration(c, &n->args[1]));

    return enter_timeout(c, n, timeout, rc);
}

static uint64_t deadline(const call *c, const operand *o)
{
    return o->never ? GYRE_NO_DEADLINE : moment(value_of(c, o));
}

static want do_timeoutat(call *c, const node *n)
{
    gyre_timeout *timeout = take(c->runner, sizeof(*timeout));
    int64_t rc = gyre_timeout_enter_at(timeout, deadline(c, &n->args[1]));

    return enter_timeout(c, n, timeout, rc);
}

static want leave_timeout(call *c, scope *s)
{
    gyre_timeout *timeout = s->object;
    int64_t rc = gyre_timeout_exit(timeout, inner_result(c));

    if (!c->runner->over)
        end_block(c, s->head, rc, gyre_timeout_expired(timeout) ? "1" : "0");
    pop_scope(c);
    return WANT_NOTHING;
}

static want do_reschedule(call *c, const node *n)
{
    int64_t rc = gyre_timeout_reschedule(n->args[0].symbol->object, deadline(c, &n->args[1]));

    return failed(c, n, rc) ? WANT_NOTHING : done(c, n);
}

static want do_expired(call *c, const node *n)
{
    return done_number(c, n, gyre_timeout_expired(n->args[0].symbol->object));
}

static want do_when(call *c, const node *n)
{
    uint64_t when = gyre_timeout_when(n->args[0].symbol->object);

    if (when == GYRE_NO_DEADLINE)
        return done_word(c, n, "none");
    return done_number(c, n, (int64_t)(when - EPOCH) / GYRE_MS(1));
}

/* ---- groups ---- */

static want do_group(call *c, const node *n)
{
    gyre_group *group = take(c->runner, sizeof(*group));

    if (failed(c, n, gyre_group_enter(group)))
        return WANT_NOTHING;
    n->args[0].symbol->object = group;
    push_scope(c, n, n->parts->first)->object = group;
    return done(c, n);
}

static void settle_group(call *c, const node *n, int64_t rc)
{
    end_block(c, n, rc, "");
}

/* The scope goes first, so that a call that ends early is not in the group any more. */
static gyre_await begin_exit(call *c)
{
    gyre_group *group = c->scopes[c->depth - 1].object;
    int64_t rc = inner_result(c);

    pop_scope(c);
    return gyre_group_exit(group, rc);
}

static want leave_group(call *c, scope *s)
{
    (void)s;
    return await_begin(c, begin_exit, settle_group);
}

const op scope_ops[] = {
    {"timeout", "X= T", do_timeout, leave_timeout},
    {"timeoutat", "X= T", do_timeoutat, leave_timeout},
    {"reschedule", "X T", do_reschedule, NULL},
    {"expired", "X", do_expired, NULL},
    {"when", "X", do_when, NULL},
    {"group", "G=", do_group, leave_group},
    {NULL, NULL, NULL, NULL},
};
