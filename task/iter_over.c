/* Iterators over one other: parts of it, and what functions make of it. */
#include <errno.h>

#include "../loop/alloc.h"
#include "iter_internal.h"

static int64_t next_of(const gyre__iter_over *over)
{
    return gyre_iter_next(over->source);
}

/* ---- slices ---- */

struct slice {
    gyre__iter_over over;
    int64_t index;  /* of the source's next value */
    int64_t wanted; /* index of the next value to give */
    int64_t stop;
    int64_t step;
};

/*
 * As in CPython what lies before `start`, and between the last value and `stop`, is taken from the
 * source, too.
 */
static int64_t slice_next(gyre_iter *iter)
{
    struct slice *slice = (struct slice *)iter;
    int64_t value;

    if (slice->step < 1 || slice->wanted < 0 || slice->stop < 0)
        return -EINVAL;
    for (; slice->index < slice->wanted; slice->index++) {
        value = next_of(&slice->over);
        if (value < 0)
            return value;
    }
    if (slice->index >= slice->stop)
        return GYRE_ESTOPITERATION;
    value = next_of(&slice->over);
    if (value < 0)
        return value;
    slice->index++;
    if (__builtin_add_overflow(slice->wanted, slice->step, &slice->wanted) ||
        slice->wanted > slice->stop)
        slice->wanted = slice->stop;
    return value;
}

gyre_iter *gyre_iter_slice(gyre_iter *source, int64_t start, int64_t stop, int64_t step)
{
    struct slice *slice = gyre__iter_over_new(sizeof(*slice), slice_next, source);

    if (!slice)
        return NULL;
    slice->wanted = start;
    slice->stop = stop;
    slice->step = step;
    return &slice->over.iter;
}

gyre_iter *gyre_iter_take(gyre_iter *source, int64_t n)
{
    return gyre_iter_slice(source, 0, n, 1);
}

/* ---- cycle ---- */

struct cycle {
    gyre__iter_over over; /* the source is NULL once it has ended */
    int64_t *values;      /* all that it gave */
    size_t count, room;
    size_t at;
};

static bool remember(struct cycle *cycle, int64_t value)
{
    if (cycle->count == cycle->room) {
        size_t room = cycle->room ? 2 * cycle->room : 8;
        int64_t *values = gyre_realloc(cycle->values, room * sizeof(*values));

        if (!values)
            return false;
        cycle->values = values;
        cycle->room = room;
    }
    cycle->values[cycle->count++] = value;
    return true;
}

static int64_t cycle_next(gyre_iter *iter)
{
    struct cycle *cycle = (struct cycle *)iter;
    int64_t value;

    if (cycle->over.source) {
        value = next_of(&cycle->over);
        if (value >= 0 && !remember(cycle, value))
            return -ENOMEM;
        if (value != GYRE_ESTOPITERATION)
            return value;
        gyre_iter_free(cycle->over.source);
        cycle->over.source = NULL;
    }
    if (!cycle->count)
        return GYRE_ESTOPITERATION;
    value = cycle->values[cycle->at];
    cycle->at = (cycle->at + 1) % cycle->count;
    return value;
}

static void cycle_release(gyre_iter *iter)
{
    struct cycle *cycle = (struct cycle *)iter;

    gyre_iter_free(cycle->over.source);
    gyre_free(cycle->values);
    gyre_free(cycle);
}

gyre_iter *gyre_iter_cycle(gyre_iter *source)
{
    struct cycle *cycle = gyre__iter_over_new(sizeof(*cycle), cycle_next, source);

    if (!cycle)
        return NULL;
    cycle->over.iter.release = cycle_release;
    return &cycle->over.iter;
}

/* ---- with a function ---- */

struct applied {
    gyre__iter_over over;
    gyre_iter_function *function;
    void *arg;
    bool past; /* the predicate has said no */
};

static gyre_iter *apply(gyre_iter *source, int64_t (*next)(gyre_iter *iter),
                        gyre_iter_function *function, void *arg)
{
    struct applied *applied = gyre__iter_over_new(sizeof(*applied), next, source);

    if (!applied)
        return NULL;
    applied->function = function;
    applied->arg = arg;
    return &applied->over.iter;
}

static int64_t takewhile_next(gyre_iter *iter)
{
    struct applied *applied = (struct applied *)iter;
    int64_t value, answer;

    if (applied->past)
        return GYRE_ESTOPITERATION;
    value = next_of(&applied->over);
    if (value < 0)
        return value;
    answer = applied->function(value, applied->arg);
    if (answer > 0)
        return value;
    if (answer < 0)
        return answer;
    applied->past = true;
    return GYRE_ESTOPITERATION;
}

gyre_iter *gyre_iter_takewhile(gyre_iter *source, gyre_iter_function *predicate, void *arg)
{
    return apply(source, takewhile_next, predicate, arg);
}

static int64_t dropwhile_next(gyre_iter *iter)
{
    struct applied *applied = (struct applied *)iter;
    int64_t value, answer;

    for (;;) {
        value = next_of(&applied->over);
        if (value < 0 || applied->past)
            return value;
        answer = applied->function(value, applied->arg);
        if (answer < 0)
            return answer;
        if (answer == 0) {
            applied->past = true;
            return value;
        }
    }
}

gyre_iter *gyre_iter_dropwhile(gyre_iter *source, gyre_iter_function *predicate, void *arg)
{
    return apply(source, dropwhile_next, predicate, arg);
}

static int64_t filter_next(gyre_iter *iter)
{
    struct applied *applied = (struct applied *)iter;
    int64_t value, answer;

    for (;;) {
        value = next_of(&applied->over);
        if (value < 0)
            return value;
        answer = applied->function ? applied->function(value, applied->arg) : value;
        if (answer != 0)
            return answer > 0 ? value : answer;
    }
}

gyre_iter *gyre_iter_filter(gyre_iter *source, gyre_iter_function *predicate, void *arg)
{
    return apply(source, filter_next, predicate, arg);
}

static int64_t map_next(gyre_iter *iter)
{
    struct applied *applied = (struct applied *)iter;
    int64_t value = next_of(&applied->over);

    return value < 0 ? value : applied->function(value, applied->arg);
}

gyre_iter *gyre_iter_map(gyre_iter *source, gyre_iter_function *function, void *arg)
{
    return apply(source, map_next, function, arg);
}

/* ---- accumulate ---- */

struct accumulate {
    gyre__iter_over over;
    gyre_iter_adder *add;
    void *arg;
    int64_t initial; /* to be given first; GYRE_NONE: nothing (any more) */
    int64_t total;   /* GYRE_NONE: none yet */
};

static int64_t sum(int64_t total, int64_t value, void *arg)
{
    (void)arg;
    if (value >= GYRE_NONE - total) /* the largest value means none */
        return -EOVERFLOW;
    return total + value;
}

static int64_t accumulate_next(gyre_iter *iter)
{
    struct accumulate *accumulate = (struct accumulate *)iter;
    int64_t value = accumulate->initial;

    if (value != GYRE_NONE) {
        accumulate->initial = GYRE_NONE;
        return accumulate->total = value;
    }
    value = next_of(&accumulate->over);
    if (value >= 0 && accumulate->total != GYRE_NONE)
        value = accumulate->add(accumulate->total, value, accumulate->arg);
    if (value >= 0)
        accumulate->total = value;
    return value;
}

gyre_iter *gyre_iter_accumulate(gyre_iter *source, gyre_iter_adder *add, void *arg, int64_t initial)
{
    struct accumulate *accumulate =
        gyre__iter_over_new(sizeof(*accumulate), accumulate_next, source);

    if (!accumulate)
        return NULL;
    accumulate->add = add ? add : sum;
    accumulate->arg = arg;
    accumulate->initial = initial;
    accumulate->total = GYRE_NONE;
    return &accumulate->over.iter;
}
