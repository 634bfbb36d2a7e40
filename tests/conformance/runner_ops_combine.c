/* Combinations: gather, wait, wait_for, shield, as_completed. */
#include "runner.h"

/* The tasks and futures of a list of operands, without unset slots. */
typedef struct items {
    gyre_future **futures;
    record **records;
    size_t count;
} items;

/* Calls become tasks. */
static record *record_of(call *c, const operand *o)
{
    return o->call ? spawn_item(c, o) : o->symbol->object;
}

static items items_from(call *c, const node *n, unsigned first)
{
    items list = {.futures = take(c->runner, n->count * sizeof(*list.futures)),
                  .records = take(c->runner, n->count * sizeof(*list.records))};

    for (unsigned i = first; i < n->count; i++) {
        record *rec = record_of(c, &n->args[i]);

        if (!rec)
            continue;
        list.futures[list.count] = rec->future;
        list.records[list.count++] = rec;
    }
    return list;
}

/* ---- gather ---- */

static gyre_future *gather(call *c, const items *list, const operand *flag)
{
    unsigned flags = flag->number ? GYRE_GATHER_RETURN_EXCEPTIONS : 0;

    return gyre_gather(c->runner->loop, list->count, list->futures, flags);
}

/* How to show the result: what each child is. */
static void describe_gather(record *rec, const items *list)
{
    rec->is_gather = true;
    rec->children = list->records;
    rec->count = list->count;
}

static void settle_gather(call *c, const node *n, int64_t rc)
{
    if (!failed(c, n, rc))
        done_record(c, n, c->out, rc);
}

static want do_gather(call *c, const node *n)
{
    items list = items_from(c, n, 1);
    record *rec = take(c->runner, sizeof(*rec));

    rec->future = gather(c, &list, &n->args[0]);
    describe_gather(rec, &list);
    c->out = rec;
    return await_future(c, rec->future, settle_gather);
}

static want do_gatherfut(call *c, const node *n)
{
    items list = items_from(c, n, 2);
    symbol *slot = n->args[0].symbol;
    gyre_future *future = gather(c, &list, &n->args[1]);
    record *rec;

    (void)gyre_future_set_name(future, unique_name(c->runner, slot));
    rec = new_record(c->runner, future);
    describe_gather(rec, &list);
    slot->object = rec;
    return done(c, n);
}

/* ---- wait ---- */

/* A list of names, in order of creation. */
static void text_names(runner *r, gyre_future **futures, size_t count)
{
    const char *space = "";

    text_add(&r->scratch, "[");
    for (const record *rec = r->records; rec; rec = rec->next) {
        for (size_t i = 0; i < count; i++) {
            if (futures[i] == rec->future) {
                text_add(&r->scratch, "%s%s", space, gyre_future_name(rec->future));
                space = " ";
            }
        }
    }
    text_add(&r->scratch, "]");
}

static void settle_wait(call *c, const node *n, int64_t rc)
{
    runner *r = c->runner;
    gyre_future **list = take(r, n->count * sizeof(gyre_future *));
    size_t count, done_count;

    if (failed(c, n, rc))
        return;
    r->scratch.length = 0;
    done_count = gyre_wait_done(c->future, list, n->count);
    text_names(r, list, done_count);
    text_add(&r->scratch, " ");
    count = gyre_wait_pending(c->future, list, n->count);
    text_names(r, list, count);
    done_word(c, n, r->scratch.chars);
    c->accumulator = (int64_t)done_count;
}

static want do_wait(call *c, const node *n)
{
    items list = items_from(c, n, 2);
    gyre_future *future = gyre_wait(c->runner->loop, list.count, list.futures,
                                    duration(c, &n->args[1]), (gyre_wait_mode)n->args[0].number);

    return await_future(c, future, settle_wait);
}

/* ---- wait_for and shield ---- */

static void settle_item(call *c, const node *n, int64_t rc)
{
    if (!failed(c, n, rc))
        done_record(c, n, c->out, rc);
}

static want do_waitfor(call *c, const node *n)
{
    const operand *o = &n->args[1];
    bool at_once = !n->args[0].never && value_of(c, &n->args[0]) <= 0;

    c->timeout = duration(c, &n->args[0]);
    c->settle = settle_item;
    c->out = NULL;
    if (o->call && !at_once) {
        c->callee = new_call(o->symbol->body, value_of(c, o));
        return WANT_TIMED_CALL;
    }
    c->out = record_of(c, o);
    c->future = gyre_future_ref(((record *)c->out)->future);
    return WANT_TIMED_FUTURE;
}

static want do_shield(call *c, const node *n)
{
    record *rec = record_of(c, &n->args[0]);

    c->out = rec;
    return await_future(c, gyre_shield(rec->future), settle_item);
}

/* The shield of what is done already is that itself, with its name. */
static want do_shieldfut(call *c, const node *n)
{
    symbol *slot = n->args[0].symbol;
    record *inner = record_of(c, &n->args[1]), *rec;
    gyre_future *future = gyre_shield(inner->future);

    if (future == inner->future) {
        gyre_future_unref(future);
        slot->object = inner;
        return done(c, n);
    }
    (void)gyre_future_set_name(future, unique_name(c->runner, slot));
    rec = new_record(c->runner, future);
    rec->inner = inner;
    slot->object = rec;
    return done(c, n);
}

/* ---- as_completed ---- */

struct completed {
    gyre_as_completed *iterator;
    items watched;
    gyre_future *next; /* borrowed; what was taken */
    bool has_lists;    /* some result is more than a number */
};

static void release_completed(void *object)
{
    gyre_as_completed_free(object);
}

/* Of those that are done only the first is watched, as the last. */
static void leave_out_done(items *list)
{
    items left = *list;
    record *first = NULL;

    left.count = 0;
    for (size_t i = 0; i < list->count; i++) {
        record *rec = list->records[i];

        if (!gyre_future_done(rec->future))
            left.records[left.count++] = rec;
        else if (!first)
            first = rec;
    }
    if (first)
        left.records[left.count++] = first;
    for (size_t i = 0; i < left.count; i++)
        left.futures[i] = left.records[i]->future;
    *list = left;
}

static want do_acopen(call *c, const node *n)
{
    struct completed *ac = take(c->runner, sizeof(*ac));

    ac->watched = items_from(c, n, 2);
    leave_out_done(&ac->watched);
    for (size_t i = 0; i < ac->watched.count; i++) {
        const record *rec = ac->watched.records[i];

        ac->has_lists = ac->has_lists || rec->is_gather || rec->inner;
    }
    ac->iterator = gyre_as_completed_new(c->runner->loop, ac->watched.count, ac->watched.futures,
                                         duration(c, &n->args[1]));
    keep(c->runner, release_completed, ac->iterator);
    n->args[0].symbol->object = ac;
    return done_number(c, n, (int64_t)gyre_as_completed_count(ac->iterator));
}

static gyre_await begin_next(call *c)
{
    struct completed *ac = c->node->args[0].symbol->object;

    return gyre_as_completed_next(ac->iterator);
}

static gyre_await begin_next_future(call *c)
{
    struct completed *ac = c->node->args[0].symbol->object;

    /* Where it goes must be the call's own: several may be waiting. */
    c->out = NULL;
    return gyre_as_completed_next_future(ac->iterator, (gyre_future **)&c->out);
}

static void settle_next(call *c, const node *n, int64_t rc)
{
    if (rc == GYRE_ESTOPITERATION)
        done_stop(c, n, GYRE_NONE);
    else
        settle_value(c, n, rc);
}

/* A result that may be a list: which future it is of must be known. */
static void settle_next_record(call *c, const node *n, int64_t rc)
{
    gyre_future *future = c->out;
    const record *rec = c->runner->records;

    if (rc == GYRE_ESTOPITERATION) {
        done_stop(c, n, GYRE_NONE);
        return;
    }
    if (rc >= 0)
        rc = gyre_future_result(future);
    if (failed(c, n, rc))
        return;
    while (rec->future != future)
        rec = rec->next;
    done_record(c, n, rec, rc);
}

static void settle_next_name(call *c, const node *n, int64_t rc)
{
    if (rc == GYRE_ESTOPITERATION)
        done_stop(c, n, GYRE_NONE);
    else if (!failed(c, n, rc))
        done_word(c, n, gyre_future_name(c->out));
}

static want do_acnext(call *c, const node *n)
{
    struct completed *ac = n->args[0].symbol->object;

    if (ac->has_lists)
        return await_begin(c, begin_next_future, settle_next_record);
    return await_begin(c, begin_next, settle_next);
}

static want do_acanext(call *c, const node *n)
{
    (void)n;
    return await_begin(c, begin_next_future, settle_next_name);
}

const op combine_ops[] = {
    {"gather", "N I*", do_gather, NULL},
    {"gatherfut", "S= N I*", do_gatherfut, NULL},
    {"wait", "M T S*", do_wait, NULL},
    {"waitfor", "T I", do_waitfor, NULL},
    {"shield", "I", do_shield, NULL},
    {"shieldfut", "S= I", do_shieldfut, NULL},
    {"acopen", "W= T S*", do_acopen, NULL},
    {"acnext", "W", do_acnext, NULL},
    {"acanext", "W", do_acanext, NULL},
    {NULL, NULL, NULL, NULL},
};
