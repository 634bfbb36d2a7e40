/* The operations of queues. */
#include <errno.h>
#include <string.h>

#include "runner.h"

/* Items are the encoded numbers themselves. */
static void *item_of(int64_t number)
{
    return gyre_value_pointer(encode(number));
}

static int compare_items(const void *a, const void *b)
{
    return (uintptr_t)a < (uintptr_t)b ? -1 : (uintptr_t)a > (uintptr_t)b;
}

static void release_queue(void *object)
{
    gyre_queue_fini(object);
}

/* -EINVAL: no such kind. */
int64_t declare_queue(runner *r, symbol *s, const char *kind, int64_t size)
{
    gyre_queue_options options = {.maxsize = size > 0 ? (size_t)size : 0};
    gyre_queue *queue;

    if (strcmp(kind, "lifo") == 0) {
        options.kind = GYRE_QUEUE_LIFO;
    } else if (strcmp(kind, "prio") == 0) {
        options.kind = GYRE_QUEUE_PRIORITY;
        options.compare = compare_items;
    } else if (strcmp(kind, "queue") != 0) {
        return -EINVAL;
    }
    queue = take(r, sizeof(*queue));
    keep(r, release_queue, queue);
    s->object = queue;
    return gyre_queue_init(queue, &options);
}

static gyre_queue *queue_of(const node *n)
{
    return n->args[0].symbol->object;
}

/* ---- waiting ---- */

static gyre_await begin_put(call *c)
{
    return gyre_queue_put(queue_of(c->node), item_of(value_of(c, &c->node->args[1])));
}

static want do_put(call *c, const node *n)
{
    (void)n;
    return await_begin(c, begin_put, settle_void);
}

static gyre_await begin_get(call *c)
{
    return gyre_queue_get(queue_of(c->node), &c->out);
}

static void settle_get(call *c, const node *n, int64_t rc)
{
    if (!failed(c, n, rc))
        done_value(c, n, gyre_pointer_value(c->out));
}

static want do_get(call *c, const node *n)
{
    (void)n;
    return await_begin(c, begin_get, settle_get);
}

static gyre_await begin_join(call *c)
{
    return gyre_queue_join(queue_of(c->node));
}

static want do_join(call *c, const node *n)
{
    (void)n;
    return await_begin(c, begin_join, settle_void);
}

/* ---- at once ---- */

static want do_putnow(call *c, const node *n)
{
    int64_t rc = gyre_queue_put_nowait(queue_of(n), item_of(value_of(c, &n->args[1])));

    return failed(c, n, rc) ? WANT_NOTHING : done(c, n);
}

static want do_getnow(call *c, const node *n)
{
    void *item;
    int64_t rc = gyre_queue_get_nowait(queue_of(n), &item);

    return failed(c, n, rc) ? WANT_NOTHING : done_value(c, n, gyre_pointer_value(item));
}

static want do_taskdone(call *c, const node *n)
{
    return failed(c, n, gyre_queue_task_done(queue_of(n))) ? WANT_NOTHING : done(c, n);
}

static want do_qsize(call *c, const node *n)
{
    return done_number(c, n, (int64_t)gyre_queue_size(queue_of(n)));
}

static want do_qempty(call *c, const node *n)
{
    return done_number(c, n, gyre_queue_empty(queue_of(n)));
}

static want do_qfull(call *c, const node *n)
{
    return done_number(c, n, gyre_queue_full(queue_of(n)));
}

static want do_shutdown(call *c, const node *n)
{
    gyre_queue_shutdown(queue_of(n), n->args[1].number != 0);
    return done(c, n);
}

const op queue_ops[] = {
    {"put", "Q V", do_put, NULL},
    {"get", "Q", do_get, NULL},
    {"putnow", "Q V", do_putnow, NULL},
    {"getnow", "Q", do_getnow, NULL},
    {"taskdone", "Q", do_taskdone, NULL},
    {"join", "Q", do_join, NULL},
    {"qsize", "Q", do_qsize, NULL},
    {"qempty", "Q", do_qempty, NULL},
    {"qfull", "Q", do_qfull, NULL},
    {"shutdown", "Q N", do_shutdown, NULL},
    {NULL, NULL, NULL, NULL},
};
