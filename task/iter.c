/* Iterators: what all of them share, and those that need no other. */
#include "iter.h"

#include <errno.h>

#include "../loop/alloc.h"
#include "../loop/clock.h"
#include "iter_internal.h"

int64_t gyre_iter_next(gyre_iter *iter)
{
    return iter ? iter->next(iter) : -ENOMEM;
}

void gyre_iter_free(gyre_iter *iter)
{
    if (iter && iter->release)
        iter->release(iter);
}

int64_t gyre_iter_collect(gyre_iter *iter, int64_t *out, size_t max)
{
    int64_t value;
    size_t count = 0;

    while ((value = gyre_iter_next(iter)) >= 0) {
        if (count == max) {
            value = -ENOBUFS;
            break;
        }
        out[count++] = value;
    }
    gyre_iter_free(iter);
    return value == GYRE_ESTOPITERATION ? (int64_t)count : value;
}

/* ---- making and freeing ---- */

static void release_plain(gyre_iter *iter)
{
    gyre_free(iter);
}

gyre_iter *gyre__iter_new(size_t size, int64_t (*next)(gyre_iter *iter),
                          void (*release)(gyre_iter *iter))
{
    gyre_iter *iter = gyre_alloc_zeroed(size);

    if (iter)
        *iter = (gyre_iter){.next = next, .release = release ? release : release_plain};
    return iter;
}

static void release_over(gyre_iter *iter)
{
    gyre_iter_free(((gyre__iter_over *)iter)->source);
    gyre_free(iter);
}

void *gyre__iter_over_new(size_t size, int64_t (*next)(gyre_iter *iter), gyre_iter *source)
{
    gyre__iter_over *over = NULL;

    if (source)
        over = (gyre__iter_over *)gyre__iter_new(size, next, release_over);
    if (over)
        over->source = source;
    else
        gyre_iter_free(source);
    return over;
}

void gyre__iter_free_all(size_t n, gyre_iter *const *iters)
{
    for (size_t i = 0; i < n; i++)
        gyre_iter_free(iters[i]);
}

bool gyre__iter_all_there(size_t n, gyre_iter *const *iters)
{
    for (size_t i = 0; i < n; i++) {
        if (!iters[i]) {
            gyre__iter_free_all(n, iters);
            return false;
        }
    }
    return true;
}

/* ---- count ---- */

struct count {
    gyre_iter iter;
    int64_t value; /* the next one; negative: out of range */
    int64_t step;
};

static int64_t count_next(gyre_iter *iter)
{
    struct count *count = (struct count *)iter;
    int64_t value = count->value;

    if (value < 0 || value == GYRE_NONE)
        return -EOVERFLOW;
    if (__builtin_add_overflow(value, count->step, &count->value))
        count->value = -1;
    return value;
}

gyre_iter *gyre_iter_count(int64_t start, int64_t step)
{
    struct count *count = (struct count *)gyre__iter_new(sizeof(*count), count_next, NULL);

    if (!count)
        return NULL;
    count->value = start;
    count->step = step;
    return &count->iter;
}

/* ---- range ---- */

struct range {
    gyre_iter iter;
    int64_t value; /* the next one */
    int64_t stop, step;
    bool ended;
};

static int64_t range_next(gyre_iter *iter)
{
    struct range *range = (struct range *)iter;
    int64_t value = range->value;

    if (range->step == 0)
        return -EINVAL;
    if (range->ended || (range->step > 0 ? value >= range->stop : value <= range->stop))
        return GYRE_ESTOPITERATION;
    range->ended = __builtin_add_overflow(value, range->step, &range->value);
    return value < 0 ? -EINVAL : value;
}

gyre_iter *gyre_iter_range(int64_t start, int64_t stop, int64_t step)
{
    struct range *range = (struct range *)gyre__iter_new(sizeof(*range), range_next, NULL);

    if (!range)
        return NULL;
    range->value = start;
    range->stop = stop;
    range->step = step;
    return &range->iter;
}

/* ---- repeat ---- */

struct repeat {
    gyre_iter iter;
    int64_t value;
    int64_t times; /* left */
};

static int64_t repeat_next(gyre_iter *iter)
{
    struct repeat *repeat = (struct repeat *)iter;

    if (repeat->times <= 0)
        return GYRE_ESTOPITERATION;
    if (repeat->times != GYRE_FOREVER)
        repeat->times--;
    return repeat->value < 0 ? -EINVAL : repeat->value;
}

gyre_iter *gyre_iter_repeat(int64_t value, int64_t times)
{
    struct repeat *repeat = (struct repeat *)gyre__iter_new(sizeof(*repeat), repeat_next, NULL);

    if (!repeat)
        return NULL;
    repeat->value = value;
    repeat->times = times;
    return &repeat->iter;
}

/* ---- an array ---- */

struct array {
    gyre_iter iter;
    const int64_t *values; /* borrowed */
    size_t left;
};

static int64_t array_next(gyre_iter *iter)
{
    struct array *array = (struct array *)iter;
    int64_t value;

    if (!array->left)
        return GYRE_ESTOPITERATION;
    array->left--;
    value = *array->values++;
    return value < 0 ? -EINVAL : value;
}

gyre_iter *gyre_iter_array(size_t n, const int64_t *values)
{
    struct array *array = (struct array *)gyre__iter_new(sizeof(*array), array_next, NULL);

    if (!array)
        return NULL;
    array->values = values;
    array->left = n;
    return &array->iter;
}
