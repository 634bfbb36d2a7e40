/* Control flow and variables. */
#include <inttypes.h>
#include <stdio.h>

#include "runner.h"

/* ---- values ---- */

static want do_log(call *c, const node *n)
{
    return done_number(c, n, value_of(c, &n->args[0]));
}

static want do_set(call *c, const node *n)
{
    c->accumulator = value_of(c, &n->args[0]);
    return WANT_NOTHING;
}

static want do_add(call *c, const node *n)
{
    c->accumulator += value_of(c, &n->args[0]);
    return WANT_NOTHING;
}

static want do_vset(call *c, const node *n)
{
    symbol *s = n->args[0].symbol;

    s->variable = value_of(c, &n->args[1]);
    return done_number(c, n, s->variable);
}

static want do_vadd(call *c, const node *n)
{
    symbol *s = n->args[0].symbol;

    s->variable += value_of(c, &n->args[1]);
    return done_number(c, n, s->variable);
}

static want do_vget(call *c, const node *n)
{
    return done_number(c, n, n->args[0].symbol->variable);
}

/* ---- leaving ---- */

static want do_raise(call *c, const node *n)
{
    return fail(c, n, n->args[0].number);
}

/* The error of the innermost except clause. */
static want do_reraise(call *c, const node *n)
{
    unsigned i = c->depth;

    while (i > 0 && c->scopes[i - 1].stage != STAGE_EXCEPT)
        i--;
    done(c, n);
    if (i > 0) {
        c->failure = copy_failure(&c->scopes[i - 1].saved);
        c->flow = FLOW_ERROR;
    }
    return WANT_NOTHING;
}

static want do_return(call *c, const node *n)
{
    const operand *o = &n->args[0];

    c->flow = FLOW_RETURN;
    c->result = GYRE_NONE;
    if (c->body->kind == BODY_AGEN)
        return done(c, n);
    if (!o->given) {
        emit(c->runner, n->line, "return", "none");
    } else {
        c->result = encode(value_of(c, o));
        emit_number(c->runner, n->line, "return", value_of(c, o));
    }
    return WANT_NOTHING;
}

static want do_break(call *c, const node *n)
{
    c->flow = FLOW_BREAK;
    return done(c, n);
}

/* ---- if and repeat ---- */

static want do_if(call *c, const node *n)
{
    const part *p = n->parts;

    if (value_of(c, &n->args[0]) == 0)
        p = p->next;
    if (p)
        push_scope(c, n, p->first);
    return WANT_NOTHING;
}

static want leave_if(call *c, scope *s)
{
    (void)s;
    pop_scope(c);
    return WANT_NOTHING;
}

static want do_repeat(call *c, const node *n)
{
    scope *s;

    if (n->args[0].number <= 0)
        return WANT_NOTHING;
    s = push_scope(c, n, n->parts->first);
    s->loop = c->loops++;
    c->counters[s->loop] = 0;
    return WANT_NOTHING;
}

static want leave_repeat(call *c, scope *s)
{
    const node *n = s->head;

    if (c->flow == FLOW_NEXT && s->round + 1 < n->args[0].number) {
        c->counters[s->loop] = ++s->round;
        s->next = n->parts->first;
        return WANT_NOTHING;
    }
    if (c->flow == FLOW_BREAK)
        c->flow = FLOW_NEXT;
    c->loops--;
    pop_scope(c);
    return WANT_NOTHING;
}

/* ---- try ---- */

static want do_try(call *c, const node *n)
{
    push_scope(c, n, n->parts->first);
    return WANT_NOTHING;
}

/* The first except clause for a code, or NULL. */
static const part *clause_for(const node *n, int64_t code)
{
    for (const part *p = n->parts->next; p; p = p->next) {
        if (p->kind != PART_EXCEPT)
            continue;
        if (p->code == EXCEPT_ALL || p->code == code ||
            (p->code == EXCEPT_ANY && code != 1 && code != 12))
            return p;
    }
    return NULL;
}

static const part *finally_of(const node *n)
{
    const part *p = n->parts;

    while (p && p->kind != PART_FINALLY)
        p = p->next;
    return p;
}

static void handle(call *c, scope *s, const part *clause)
{
    s->saved = c->failure;
    c->failure = (failure){.code = 0};
    c->flow = FLOW_NEXT;
    c->accumulator = script_code(s->saved.code);
    s->stage = STAGE_EXCEPT;
    s->next = clause->first;
    emit_failure(c->runner, clause->line, "except", &s->saved);
}

/* The finally part interrupts whatever is going on. */
static void begin_finally(call *c, scope *s, const part *final)
{
    s->saved = c->failure;
    s->saved_flow = c->flow;
    c->failure = (failure){.code = 0};
    c->flow = FLOW_NEXT;
    s->stage = STAGE_FINALLY;
    s->next = final->first;
}

/* ... which then goes on, unless the part itself failed. */
static void end_finally(call *c, scope *s)
{
    if (c->flow == FLOW_NEXT) {
        c->flow = s->saved_flow;
        c->failure = s->saved;
        s->saved = (failure){.code = 0};
    }
    drop_failure(&s->saved);
}

static want leave_try(call *c, scope *s)
{
    const part *clause = NULL, *final = finally_of(s->head);

    if (c->runner->over) {
        drop_failure(&s->saved);
        pop_scope(c);
        return WANT_NOTHING;
    }
    if (s->stage == STAGE_BODY && c->flow == FLOW_ERROR)
        clause = clause_for(s->head, script_code(c->failure.code));
    if (clause) {
        handle(c, s, clause);
        return WANT_NOTHING;
    }
    if (s->stage == STAGE_EXCEPT)
        drop_failure(&s->saved);
    if (s->stage == STAGE_FINALLY) {
        end_finally(c, s);
    } else if (final) {
        begin_finally(c, s, final);
        return WANT_NOTHING;
    }
    pop_scope(c);
    return WANT_NOTHING;
}

const op flow_ops[] = {
    {"log", "V", do_log, NULL},
    {"set", "V", do_set, NULL},
    {"add", "V", do_add, NULL},
    {"vset", "VAR V", do_vset, NULL},
    {"vadd", "VAR V", do_vadd, NULL},
    {"vget", "VAR", do_vget, NULL},
    {"raise", "E", do_raise, NULL},
    {"reraise", "", do_reraise, NULL},
    {"return", "V?", do_return, NULL},
    {"break", "", do_break, NULL},
    {"if", "V", do_if, leave_if},
    {"repeat", "N", do_repeat, leave_repeat},
    {"try", "", do_try, leave_try},
    {NULL, NULL, NULL, NULL},
};
