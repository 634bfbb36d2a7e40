/* Locks, semaphores, conditions, events and barriers. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "runner.h"

struct object {
    enum { LOCK, SEMAPHORE, CONDITION, EVENT, BARRIER } kind;
    union {
        gyre_lock lock;
        gyre_semaphore semaphore;
        gyre_condition condition;
        gyre_event event;
        gyre_barrier barrier;
    };
};

static int64_t init_object(struct object *o, const char *kind, int64_t size, symbol *lock)
{
    if (strcmp(kind, "lock") == 0) {
        o->kind = LOCK;
        gyre_lock_init(&o->lock);
    } else if (strcmp(kind, "sem") == 0) {
        o->kind = SEMAPHORE;
        return gyre_semaphore_init(&o->semaphore, size);
    } else if (strcmp(kind, "bsem") == 0) {
        o->kind = SEMAPHORE;
        return gyre_semaphore_init_bounded(&o->semaphore, size);
    } else if (strcmp(kind, "cond") == 0) {
        o->kind = CONDITION;
        gyre_condition_init(&o->condition, lock ? &((struct object *)lock->object)->lock : NULL);
    } else if (strcmp(kind, "event") == 0) {
        o->kind = EVENT;
        gyre_event_init(&o->event);
    } else if (strcmp(kind, "barrier") == 0) {
        o->kind = BARRIER;
        return gyre_barrier_init(&o->barrier, (unsigned)size);
    } else {
        return -EINVAL;
    }
    return 0;
}

/* -EINVAL: no such kind, or bad operands. */
int64_t declare_lock(runner *r, symbol *s, const char *kind, int64_t size, symbol *lock)
{
    if (lock && (!lock->object || ((struct object *)lock->object)->kind != LOCK))
        return -EINVAL;
    s->object = take(r, sizeof(struct object));
    return init_object(s->object, kind, size, lock);
}

static struct object *object_of(const node *n)
{
    return n->args[0].symbol->object;
}

/* ---- what locks, semaphores and conditions have in common ---- */

static gyre_await begin_acquire(call *c)
{
    struct object *o = object_of(c->node);

    if (o->kind == LOCK)
        return gyre_lock_acquire(&o->lock);
    if (o->kind == SEMAPHORE)
        return gyre_semaphore_acquire(&o->semaphore);
    return gyre_condition_acquire(&o->condition);
}

static int64_t release(struct object *o)
{
    if (o->kind == LOCK)
        return gyre_lock_release(&o->lock);
    if (o->kind == SEMAPHORE)
        return gyre_semaphore_release(&o->semaphore);
    return gyre_condition_release(&o->condition);
}

static want do_acquire(call *c, const node *n)
{
    (void)n;
    return await_begin(c, begin_acquire, settle_number);
}

static want do_release(call *c, const node *n)
{
    return failed(c, n, release(object_of(n))) ? WANT_NOTHING : done(c, n);
}

static want do_locked(call *c, const node *n)
{
    struct object *o = object_of(n);

    if (o->kind == LOCK)
        return done_number(c, n, gyre_lock_locked(&o->lock));
    if (o->kind == SEMAPHORE)
        return done_number(c, n, gyre_semaphore_locked(&o->semaphore));
    return done_number(c, n, gyre_condition_locked(&o->condition));
}

static void settle_with(call *c, const node *n, int64_t rc)
{
    if (failed(c, n, rc))
        return;
    done_number(c, n, rc);
    push_scope(c, n, n->parts->first);
}

static want do_with(call *c, const node *n)
{
    (void)n;
    return await_begin(c, begin_acquire, settle_with);
}

static want leave_with(call *c, scope *s)
{
    const node *n = s->head;
    int64_t rc;

    gyre_error_clear();
    rc = release(object_of(n));
    if (rc < 0) {
        drop_failure(&c->failure);
        c->failure = take_failure(rc);
        c->flow = FLOW_ERROR;
        emit_failure(c->runner, n->line, "endwith", &c->failure);
    } else {
        emit(c->runner, n->line, "endwith", "");
    }
    pop_scope(c);
    return WANT_NOTHING;
}

/* ---- events ---- */

static want do_eset(call *c, const node *n)
{
    gyre_event_set(&object_of(n)->event);
    return done(c, n);
}

static want do_eclear(call *c, const node *n)
{
    gyre_event_clear(&object_of(n)->event);
    return done(c, n);
}

static want do_eisset(call *c, const node *n)
{
    return done_number(c, n, gyre_event_is_set(&object_of(n)->event));
}

static gyre_await begin_ewait(call *c)
{
    return gyre_event_wait(&object_of(c->node)->event);
}

static want do_ewait(call *c, const node *n)
{
    (void)n;
    return await_begin(c, begin_ewait, settle_number);
}

/* ---- conditions ---- */

static gyre_await begin_cwait(call *c)
{
    return gyre_condition_wait(&object_of(c->node)->condition);
}

static want do_cwait(call *c, const node *n)
{
    (void)n;
    return await_begin(c, begin_cwait, settle_number);
}

static bool has_reached(void *arg)
{
    const call *c = arg;

    return !c->runner->over && c->node->args[1].symbol->variable >= c->value;
}

static gyre_await begin_cwaitvar(call *c)
{
    c->value = value_of(c, &c->node->args[2]);
    return gyre_condition_wait_for(&object_of(c->node)->condition, has_reached, c);
}

static want do_cwaitvar(call *c, const node *n)
{
    (void)n;
    return await_begin(c, begin_cwaitvar, settle_number);
}

static want do_cnotify(call *c, const node *n)
{
    int64_t rc = gyre_condition_notify(&object_of(n)->condition, value_of(c, &n->args[1]));

    return failed(c, n, rc) ? WANT_NOTHING : done(c, n);
}

static want do_cnotifyall(call *c, const node *n)
{
    int64_t rc = gyre_condition_notify_all(&object_of(n)->condition);

    return failed(c, n, rc) ? WANT_NOTHING : done(c, n);
}

/* ---- barriers ---- */

static gyre_await begin_bwait(call *c)
{
    return gyre_barrier_wait(&object_of(c->node)->barrier);
}

static gyre_await begin_breset(call *c)
{
    return gyre_barrier_reset(&object_of(c->node)->barrier);
}

static gyre_await begin_babort(call *c)
{
    return gyre_barrier_abort(&object_of(c->node)->barrier);
}

static want do_bwait(call *c, const node *n)
{
    (void)n;
    return await_begin(c, begin_bwait, settle_number);
}

static want do_breset(call *c, const node *n)
{
    (void)n;
    return await_begin(c, begin_breset, settle_void);
}

static want do_babort(call *c, const node *n)
{
    (void)n;
    return await_begin(c, begin_babort, settle_void);
}

static want do_bstate(call *c, const node *n)
{
    const gyre_barrier *barrier = &object_of(n)->barrier;
    char word[24];

    snprintf(word, sizeof(word), "%u %d", gyre_barrier_n_waiting(barrier),
             gyre_barrier_broken(barrier));
    return done_word(c, n, word);
}

const op lock_ops[] = {
    {"acquire", "L", do_acquire, NULL},
    {"release", "L", do_release, NULL},
    {"locked", "L", do_locked, NULL},
    {"with", "L", do_with, leave_with},
    {"eset", "EV", do_eset, NULL},
    {"eclear", "EV", do_eclear, NULL},
    {"eisset", "EV", do_eisset, NULL},
    {"ewait", "EV", do_ewait, NULL},
    {"cwait", "CD", do_cwait, NULL},
    {"cwaitvar", "CD VAR V", do_cwaitvar, NULL},
    {"cnotify", "CD V", do_cnotify, NULL},
    {"cnotifyall", "CD", do_cnotifyall, NULL},
    {"bwait", "BA", do_bwait, NULL},
    {"breset", "BA", do_breset, NULL},
    {"babort", "BA", do_babort, NULL},
    {"bstate", "BA", do_bstate, NULL},
    {NULL, NULL, NULL, NULL},
};
