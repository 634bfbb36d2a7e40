/* Generators, asynchronous generators and loops over them. */
#include "runner.h"

/* ---- in bodies ---- */

static want do_yield(call *c, const node *n)
{
    c->value = encode(value_of(c, &n->args[0]));
    c->settle = settle_value;
    return WANT_YIELD;
}

static want do_yieldfrom(call *c, const node *n)
{
    c->generator = new_generator(n->args[0].symbol->body, value_of(c, &n->args[1]));
    c->settle = settle_value;
    return WANT_YIELD_FROM;
}

/* ---- generators ---- */

static void release_generator(void *object)
{
    gyre_generator_free(object);
}

static want do_gnew(call *c, const node *n)
{
    gyre_generator *g = new_generator(n->args[1].symbol->body, value_of(c, &n->args[2]));

    keep(c->runner, release_generator, g);
    n->args[0].symbol->object = g;
    return done(c, n);
}

static want stepped(call *c, const node *n, const gyre_generator *g, int64_t rc)
{
    if (rc == GYRE_ESTOPITERATION)
        return done_stop(c, n, gyre_generator_value(g));
    return failed(c, n, rc) ? WANT_NOTHING : done_value(c, n, rc);
}

static want do_gnext(call *c, const node *n)
{
    gyre_generator *g = n->args[0].symbol->object;

    return stepped(c, n, g, gyre_generator_next(g));
}

static want do_gsend(call *c, const node *n)
{
    gyre_generator *g = n->args[0].symbol->object;

    return stepped(c, n, g, gyre_generator_send(g, encode(value_of(c, &n->args[1]))));
}

static want do_gthrow(call *c, const node *n)
{
    gyre_generator *g = n->args[0].symbol->object;

    return stepped(c, n, g, gyre_generator_throw(g, n->args[1].number, NULL));
}

static want do_gclose(call *c, const node *n)
{
    int64_t rc = gyre_generator_close(n->args[0].symbol->object);

    return failed(c, n, rc) ? WANT_NOTHING : done(c, n);
}

static want do_gstate(call *c, const node *n)
{
    static const char *const words[] = {
        [GYRE_GENERATOR_CREATED] = "created",
        [GYRE_GENERATOR_RUNNING] = "running",
        [GYRE_GENERATOR_SUSPENDED] = "suspended",
        [GYRE_GENERATOR_CLOSED] = "closed",
    };

    return done_word(c, n, words[gyre_generator_get_state(n->args[0].symbol->object)]);
}

/* ---- asynchronous generators ---- */

static want do_anew(call *c, const node *n)
{
    kept *entry = take(c->runner, sizeof(*entry));

    *entry = (kept){.next = c->runner->async_generators};
    entry->object = new_async_generator(n->args[1].symbol->body, value_of(c, &n->args[2]));
    c->runner->async_generators = entry;
    n->args[0].symbol->object = entry->object;
    return done(c, n);
}

static void settle_step(call *c, const node *n, int64_t rc)
{
    if (rc == GYRE_ESTOPASYNCITERATION)
        done_stop(c, n, GYRE_NONE);
    else
        settle_value(c, n, rc);
}

static gyre_await begin_next(call *c)
{
    return gyre_async_generator_next(c->node->args[0].symbol->object);
}

static gyre_await begin_send(call *c)
{
    int64_t value = encode(value_of(c, &c->node->args[1]));

    return gyre_async_generator_send(c->node->args[0].symbol->object, value);
}

static gyre_await begin_throw(call *c)
{
    return gyre_async_generator_throw(c->node->args[0].symbol->object, c->node->args[1].number,
                                      NULL);
}

static gyre_await begin_close(call *c)
{
    return gyre_async_generator_close(c->node->args[0].symbol->object);
}

static want do_anext(call *c, const node *n)
{
    (void)n;
    return await_begin(c, begin_next, settle_step);
}

static want do_asend(call *c, const node *n)
{
    (void)n;
    return await_begin(c, begin_send, settle_step);
}

static want do_athrow(call *c, const node *n)
{
    (void)n;
    return await_begin(c, begin_throw, settle_step);
}

static want do_aclose(call *c, const node *n)
{
    (void)n;
    return await_begin(c, begin_close, settle_void);
}

/* ---- loops ---- */

/* A round has its value, or the loop ends; the scope is there already. */
static void settle_round(call *c, const node *n, int64_t rc)
{
    scope *s = &c->scopes[c->depth - 1];

    if (rc >= 0) {
        c->counters[s->loop] = s->round++;
        s->next = n->parts->first;
        done_value(c, n, rc);
        return;
    }
    c->loops--;
    pop_scope(c);
    if (rc == GYRE_ESTOPASYNCITERATION)
        emit(c->runner, n->line, n->op->name, "stop none");
    else
        failed(c, n, rc);
}

static gyre_await begin_round(call *c)
{
    return gyre_async_generator_next(c->scopes[c->depth - 1].object);
}

static want do_afor(call *c, const node *n)
{
    scope *s = push_scope(c, n, NULL);

    s->object = n->args[0].symbol->object;
    s->loop = c->loops++;
    c->counters[s->loop] = -1;
    return await_begin(c, begin_round, settle_round);
}

static want leave_afor(call *c, scope *s)
{
    if (c->flow == FLOW_NEXT && s->round < s->head->args[1].number)
        return await_begin(c, begin_round, settle_round);
    if (c->flow == FLOW_BREAK)
        c->flow = FLOW_NEXT;
    c->loops--;
    pop_scope(c);
    return WANT_NOTHING;
}

const op generator_ops[] = {
    {"yield", "V", do_yield, NULL},
    {"yieldfrom", "GE V?", do_yieldfrom, NULL},
    {"gnew", "Y= GE V?", do_gnew, NULL},
    {"gnext", "Y", do_gnext, NULL},
    {"gsend", "Y V", do_gsend, NULL},
    {"gthrow", "Y E", do_gthrow, NULL},
    {"gclose", "Y", do_gclose, NULL},
    {"gstate", "Y", do_gstate, NULL},
    {"anew", "Z= AG V?", do_anew, NULL},
    {"anext", "Z", do_anext, NULL},
    {"asend", "Z V", do_asend, NULL},
    {"athrow", "Z E", do_athrow, NULL},
    {"aclose", "Z", do_aclose, NULL},
    {"afor", "Z N", do_afor, leave_afor},
    {NULL, NULL, NULL, NULL},
};
