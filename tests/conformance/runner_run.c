/* Calls of bodies: statement after statement, until one waits, fails or leaves a block. */
#include <inttypes.h>
#include <stdio.h>

#include "runner.h"

/* ---- the coroutine ---- */

/* Runs a call: of a coroutine, a generator or an asynchronous generator. */
struct run_call {
    gyre_frame frame;
    call *c; /* borrowed from the runner */
    want want;
    int64_t rc;
};

GYRE_CORO(run_call)
{
    GYRE_BEGIN;
    while ((self->want = advance(self->c)) != WANT_END) {
        if (self->want == WANT_AWAIT)
            GYRE_AWAIT(self->rc, self->c->begin(self->c));
        else if (self->want == WANT_FUTURE)
            GYRE_AWAIT(self->rc, self->c->future);
        else if (self->want == WANT_CALL)
            GYRE_AWAIT(self->rc, GYRE_CALL(run_call, .c = self->c->callee));
        else if (self->want == WANT_TIMED_FUTURE)
            GYRE_AWAIT(self->rc, gyre_wait_for(self->c->future, self->c->timeout));
        else if (self->want == WANT_TIMED_CALL)
            GYRE_AWAIT(self->rc,
                       gyre_wait_for(GYRE_CALL(run_call, .c = self->c->callee), self->c->timeout));
        else if (self->want == WANT_YIELD)
            GYRE_YIELD_CATCH(self->rc, self->c->value);
        else
            GYRE_YIELD_FROM_CATCH(self->rc, self->c->generator);
        settle(self->c, self->rc);
    }
    GYRE_RETURN(end_call(self->c));
    GYRE_END;
}

gyre_task *spawn(const body *b, int64_t argument, const char *name, bool eager)
{
    gyre_spawn_options options = {.loop = b->runner->loop, .name = name, .eager = eager};

    return GYRE_SPAWN_WITH(options, run_call, .c = new_call(b, argument));
}

gyre_task *spawn_in(gyre_group *group, const body *b, int64_t argument, const char *name)
{
    gyre_spawn_options options = {.name = name};

    return GYRE_GROUP_SPAWN_WITH(group, options, run_call, .c = new_call(b, argument));
}

gyre_generator *new_generator(const body *b, int64_t argument)
{
    return GYRE_GENERATOR(run_call, .c = new_call(b, argument));
}

gyre_async_generator *new_async_generator(const body *b, int64_t argument)
{
    return GYRE_ASYNC_GENERATOR(run_call, .c = new_call(b, argument));
}

/* ---- calls and scopes ---- */

scope *push_scope(call *c, const node *head, const node *first)
{
    scope *s = &c->scopes[c->depth++];

    *s = (scope){.head = head, .next = first};
    return s;
}

void pop_scope(call *c)
{
    c->depth--;
}

call *new_call(const body *b, int64_t argument)
{
    runner *r = b->runner;
    call *c = take(r, sizeof(*c));

    *c = (call){.runner = r, .body = b, .next = r->calls, .argument = argument};
    c->counters = take(r, (b->loops + 1) * sizeof(*c->counters));
    c->scopes = take(r, (b->depth + 1) * sizeof(*c->scopes));
    r->calls = c;
    push_scope(c, NULL, b->first);
    return c;
}

/* Gives up what a call holds, wherever it stopped. */
void release_call(call *c)
{
    gyre_future_unref(c->future);
    c->future = NULL;
    drop_failure(&c->failure);
    for (unsigned i = 0; i < c->depth; i++)
        drop_failure(&c->scopes[i].saved);
}

int64_t end_call(call *c)
{
    if (c->runner->over)
        return c->body->kind == BODY_CORO ? GYRE_ECANCELLED : GYRE_NONE;
    if (c->flow == FLOW_ERROR)
        return raise_failure(&c->failure);
    return c->flow == FLOW_RETURN ? c->result : GYRE_NONE;
}

/* ---- values ---- */

int64_t value_of(const call *c, const operand *o)
{
    switch (o->value) {
    case IS_ACCUMULATOR:
        return c->accumulator;
    case IS_ARGUMENT:
        return c->argument;
    case IS_COUNTER:
        return c->counters[o->number];
    default:
        return o->number;
    }
}

int64_t encode(int64_t number)
{
    return number + BIAS;
}

int64_t duration(const call *c, const operand *o)
{
    return o->never ? GYRE_FOREVER : GYRE_MS(value_of(c, o));
}

uint64_t moment(int64_t ms)
{
    return EPOCH + (uint64_t)GYRE_MS(ms);
}

/* ---- the ends of statements ---- */

bool failed(call *c, const node *n, int64_t rc)
{
    if (rc >= 0)
        return false;
    c->failure = take_failure(rc);
    c->flow = FLOW_ERROR;
    emit_failure(c->runner, n->line, n->op->name, &c->failure);
    return true;
}

want fail(call *c, const node *n, int64_t code)
{
    gyre_error_clear();
    failed(c, n, code);
    return WANT_NOTHING;
}

want done(call *c, const node *n)
{
    emit(c->runner, n->line, n->op->name, "");
    return WANT_NOTHING;
}

want done_number(call *c, const node *n, int64_t number)
{
    emit_number(c->runner, n->line, n->op->name, number);
    c->accumulator = number;
    return WANT_NOTHING;
}

want done_word(call *c, const node *n, const char *word)
{
    emit(c->runner, n->line, n->op->name, word);
    c->accumulator = 0;
    return WANT_NOTHING;
}

want done_value(call *c, const node *n, int64_t value)
{
    return value == GYRE_NONE ? done_word(c, n, "none") : done_number(c, n, value - BIAS);
}

want done_stop(call *c, const node *n, int64_t value)
{
    char word[40];

    if (value == GYRE_NONE)
        return done_word(c, n, "stop none");
    snprintf(word, sizeof(word), "stop %" PRId64, value - BIAS);
    done_word(c, n, word);
    c->accumulator = value - BIAS;
    return WANT_NOTHING;
}

/* ---- waiting ---- */

want await_begin(call *c, gyre_await (*begin)(call *c),
                 void (*settle_)(call *c, const node *n, int64_t rc))
{
    c->begin = begin;
    c->settle = settle_;
    return WANT_AWAIT;
}

want await_future(call *c, gyre_future *moved, void (*settle_)(call *c, const node *n, int64_t rc))
{
    c->future = moved;
    c->settle = settle_;
    return WANT_FUTURE;
}

void settle(call *c, int64_t rc)
{
    if (!c->runner->over)
        c->settle(c, c->node, rc);
    gyre_future_unref(c->future);
    c->future = NULL;
}

void settle_void(call *c, const node *n, int64_t rc)
{
    if (!failed(c, n, rc))
        done(c, n);
}

void settle_number(call *c, const node *n, int64_t rc)
{
    if (!failed(c, n, rc))
        done_number(c, n, rc);
}

void settle_value(call *c, const node *n, int64_t rc)
{
    if (!failed(c, n, rc))
        done_value(c, n, rc);
}

/* ---- statement after statement ---- */

static bool is_unset(const node *n)
{
    for (unsigned i = 0; i < n->count; i++) {
        const operand *o = &n->args[i];

        if (o->slot && (o->self ? !gyre_task_current() : !o->symbol->object))
            return true;
    }
    return false;
}

static want execute(call *c, const node *n)
{
    gyre_error_clear();
    c->node = n;
    if (is_unset(n)) {
        emit(c->runner, n->line, n->op->name, "unset");
        if (!n->op->leave) /* `afor` */
            c->accumulator = 0;
        return WANT_NOTHING;
    }
    return n->op->start(c, n);
}

/* A part of a block has ended, or is left. */
static want leave(call *c, scope *s)
{
    if (s->head)
        return s->head->op->leave(c, s);
    pop_scope(c);
    return WANT_NOTHING;
}

want advance(call *c)
{
    want wanted = WANT_NOTHING;

    while (wanted == WANT_NOTHING && c->depth > 0) {
        scope *s = &c->scopes[c->depth - 1];

        if (c->runner->over)
            c->flow = FLOW_RETURN;
        if (c->flow == FLOW_NEXT && s->next) {
            const node *n = s->next;

            s->next = n->next;
            wanted = execute(c, n);
        } else {
            c->node = s->head;
            wanted = leave(c, s);
        }
    }
    return wanted == WANT_NOTHING ? WANT_END : wanted;
}

int64_t run_plain(call *c)
{
    int64_t rc;

    while (advance(c) != WANT_END)
        fprintf(stderr, "runner: %s waits where nothing can\n", c->node->op->name);
    rc = end_call(c);
    return rc < 0 ? rc : 0;
}
