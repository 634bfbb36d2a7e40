/* Plain futures, what can be asked of any, and done callbacks. */
#include <inttypes.h>

#include "runner.h"

/* ---- results: a gather's is a list, and a shield passes it on ---- */

static void text_value(text *t, int64_t value)
{
    if (value == GYRE_NONE)
        text_add(t, "none");
    else
        text_add(t, "%" PRId64, value - BIAS);
}

static void text_result(text *t, const record *rec, int64_t value)
{
    while (rec && rec->inner)
        rec = rec->inner;
    if (!rec || !rec->is_gather) {
        text_value(t, value);
        return;
    }
    text_add(t, "[");
    for (size_t i = 0; i < rec->count; i++) {
        gyre_error *detail;

        value = gyre_gather_result(rec->future, i, &detail);
        text_add(t, i > 0 ? " " : "");
        if (value < 0) {
            text_add(t, "!");
            text_error(t, value, detail);
        } else {
            text_result(t, rec->children[i], value);
        }
    }
    text_add(t, "]");
}

want done_record(call *c, const node *n, const record *rec, int64_t value)
{
    text *t = &c->runner->scratch;

    while (rec && rec->inner)
        rec = rec->inner;
    if (!rec || !rec->is_gather)
        return done_value(c, n, value);
    t->length = 0;
    text_result(t, rec, value);
    done_word(c, n, t->chars);
    c->accumulator = (int64_t)rec->count;
    return WANT_NOTHING;
}

/* ---- making and completing ---- */

static want do_future(call *c, const node *n)
{
    symbol *slot = n->args[0].symbol;
    gyre_future *future = gyre_future_new(c->runner->loop);

    (void)gyre_future_set_name(future, unique_name(c->runner, slot));
    slot->object = new_record(c->runner, future);
    return done(c, n);
}

static want do_setresult(call *c, const node *n)
{
    int64_t value = encode(value_of(c, &n->args[1]));
    int64_t rc = gyre_future_set_result(future_of(&n->args[0]), value);

    return failed(c, n, rc) ? WANT_NOTHING : done(c, n);
}

static want do_setexc(call *c, const node *n)
{
    int64_t rc = gyre_future_set_exception(future_of(&n->args[0]), n->args[1].number, NULL);

    return failed(c, n, rc) ? WANT_NOTHING : done(c, n);
}

/* ---- asking ---- */

static want do_state(call *c, const node *n)
{
    static const char *const words[] = {
        [GYRE_FUTURE_PENDING] = "pending",
        [GYRE_FUTURE_DONE] = "done",
        [GYRE_FUTURE_CANCELLED] = "cancelled",
    };

    return done_word(c, n, words[gyre_future_get_state(future_of(&n->args[0]))]);
}

static want do_result(call *c, const node *n)
{
    int64_t rc = gyre_future_result(future_of(&n->args[0]));

    return failed(c, n, rc) ? WANT_NOTHING : done_record(c, n, n->args[0].symbol->object, rc);
}

static want do_exception(call *c, const node *n)
{
    failure f = {.code = 0};
    int64_t rc = gyre_future_exception(future_of(&n->args[0]), &f.code, &f.detail);

    if (failed(c, n, rc))
        return WANT_NOTHING;
    if (f.code == 0)
        return done_word(c, n, "none");
    emit_failure(c->runner, n->line, n->op->name, &f);
    c->accumulator = 0;
    return WANT_NOTHING;
}

/* ---- done callbacks ---- */

/* Runs the body of a callback; what it was given is in the line that says so. */
int64_t run_callback(const body *b, const char *given, int64_t argument)
{
    runner *r = b->runner;
    const char *outer = r->who;
    int64_t rc;

    r->who = b->who;
    emit(r, b->line, "callback", given);
    rc = run_plain(new_call(b, argument));
    r->who = outer;
    return rc;
}

static int64_t on_done(gyre_future *future, void *arg)
{
    return run_callback(arg, gyre_future_name(future), 0);
}

static want do_ondone(call *c, const node *n)
{
    int64_t rc =
        gyre_future_add_done_callback(future_of(&n->args[0]), on_done, n->args[1].symbol->body);

    return failed(c, n, rc) ? WANT_NOTHING : done(c, n);
}

static want do_undone(call *c, const node *n)
{
    return done_number(
        c, n,
        gyre_future_remove_done_callback(future_of(&n->args[0]), on_done, n->args[1].symbol->body));
}

const op future_ops[] = {
    {"future", "S=", do_future, NULL},
    {"setresult", "P V", do_setresult, NULL},
    {"setexc", "P E", do_setexc, NULL},
    {"state", "S", do_state, NULL},
    {"result", "S", do_result, NULL},
    {"exception", "S", do_exception, NULL},
    {"ondone", "S CB", do_ondone, NULL},
    {"undone", "S CB", do_undone, NULL},
    {NULL, NULL, NULL, NULL},
};
