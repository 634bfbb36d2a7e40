/*
 * Iterators: values one at a time, made when they are asked for.
 *
 *     gyre_iter *evens = gyre_iter_filter(gyre_iter_range(0, 10, 1), is_even, NULL);
 *     int64_t value;
 *
 *     while ((value = gyre_iter_next(evens)) >= 0)            for value in evens:
 *         printf("%" PRId64 "\n", value);
 *     gyre_iter_free(evens);
 *
 * Values are int64_t >= 0; gyre_pointer_value() makes one of a pointer. The end is
 * GYRE_ESTOPITERATION, which repeats; any other code is an error, passed on as it is. Generators
 * are iterators too (generator.h).
 *
 * An iterator that takes a source takes it over (moved), and frees it with itself; when it cannot
 * be made the source is freed and the answer is NULL. NULL as a source gives NULL, and
 * gyre_iter_next(NULL) gives -ENOMEM: so only what comes out in the end need be checked, if
 * anything. An iterator needs no loop, never suspends, and belongs to one thread at a time.
 *
 * Python names: iter(), next(), and those of itertools and the built-in functions.
 */
#ifndef GYRE_TASK_ITER_H
#define GYRE_TASK_ITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../loop/error.h"

GYRE_BEGIN_DECLS

/*
 * The value that stands for Python's None: what gyre_generator_next() sends, what a bare return
 * returns.
 */
#define GYRE_NONE INT64_MAX

/* The head of every iterator. One of your own embeds it first and fills it in. */
typedef struct gyre_iter gyre_iter;
struct gyre_iter {
    int64_t (*next)(gyre_iter *iter); /* the next value, GYRE_ESTOPITERATION, or an error */
    void (*release)(gyre_iter *iter); /* ends it, its memory too; NULL: there is nothing to do */
};

/*
 * A pointer as a value, and back: for pointers to objects of the program, which are never negative.
 */
static inline int64_t gyre_pointer_value(const void *pointer)
{
    return (int64_t)(uintptr_t)pointer;
}
static inline void *gyre_value_pointer(int64_t value)
{
    return (void *)(uintptr_t)value;
}

/*
 * next(). The value; GYRE_ESTOPITERATION at the end; the error of the iterator; -ENOMEM for NULL.
 */
GYRE_API int64_t gyre_iter_next(gyre_iter *iter);

/* Ends an iterator and the sources it took over; NULL is allowed. */
GYRE_API void gyre_iter_free(gyre_iter *iter);

/*
 * list(): up to `max` values into `out` (may be NULL if max is 0); iter: moved, and freed. Gives
 * how many there were; an error of the iterator; -ENOBUFS when there were more than fit.
 */
GYRE_API int64_t gyre_iter_collect(gyre_iter *iter, int64_t *out, size_t max);

/*
 * A function applied to values. Gives the new value; for a predicate 0 means no and more means yes.
 * An error comes out of gyre_iter_next(). arg: borrowed for as long as the iterator lives.
 */
typedef int64_t gyre_iter_function(int64_t value, void *arg);

/* ---- from nothing ---- */

/*
 * start, start + step, ... without end; -EOVERFLOW where that would leave the range of values.
 * count().
 */
GYRE_API GYRE_MUST_USE gyre_iter *gyre_iter_count(int64_t start, int64_t step);

/*
 * start, start + step, ... up to before `stop`, or down to above it. range(). -EINVAL comes out of
 * the first step for a step of 0, and where a value would be negative.
 */
GYRE_API GYRE_MUST_USE gyre_iter *gyre_iter_range(int64_t start, int64_t stop, int64_t step);

/* `value`, `times` times; GYRE_FOREVER: without end. repeat(). */
GYRE_API GYRE_MUST_USE gyre_iter *gyre_iter_repeat(int64_t value, int64_t times);

/* The n values of an array (borrowed for as long as the iterator lives). iter(list). */
GYRE_API GYRE_MUST_USE gyre_iter *gyre_iter_array(size_t n, const int64_t *values);

/* ---- from one ---- */

/* Its first n values. islice(source, n). */
GYRE_API GYRE_MUST_USE gyre_iter *gyre_iter_take(gyre_iter *source, int64_t n);

/*
 * Those with the indices start, start + step, ... before `stop` (GYRE_NONE: all). islice(). -EINVAL
 * comes out of the first step for a negative start or stop, or a step below 1.
 */
GYRE_API GYRE_MUST_USE gyre_iter *gyre_iter_slice(gyre_iter *source, int64_t start, int64_t stop,
                                                  int64_t step);

/* Its values again and again; it remembers them: -ENOMEM. cycle(). */
GYRE_API GYRE_MUST_USE gyre_iter *gyre_iter_cycle(gyre_iter *source);

/* Its values up to before the first that `predicate` says no to, which is lost. takewhile(). */
GYRE_API GYRE_MUST_USE gyre_iter *gyre_iter_takewhile(gyre_iter *source,
                                                      gyre_iter_function *predicate, void *arg);

/* Its values from the first that `predicate` says no to. dropwhile(). */
GYRE_API GYRE_MUST_USE gyre_iter *gyre_iter_dropwhile(gyre_iter *source,
                                                      gyre_iter_function *predicate, void *arg);

/* Those that `predicate` says yes to; NULL: those that are not 0. filter(). */
GYRE_API GYRE_MUST_USE gyre_iter *gyre_iter_filter(gyre_iter *source, gyre_iter_function *predicate,
                                                   void *arg);

/* What `function` makes of each. map(); of several sources: map over gyre_iter_zip(). */
GYRE_API GYRE_MUST_USE gyre_iter *gyre_iter_map(gyre_iter *source, gyre_iter_function *function,
                                                void *arg);

/* Gives the new total: value >= 0, or an error. */
typedef int64_t gyre_iter_adder(int64_t total, int64_t value, void *arg);

/*
 * Running totals: `initial` first (GYRE_NONE: there is none), then what `add` makes of each total
 * and the next value. add: NULL for the sum, -EOVERFLOW where that is out of range. accumulate().
 */
GYRE_API GYRE_MUST_USE gyre_iter *gyre_iter_accumulate(gyre_iter *source, gyre_iter_adder *add,
                                                       void *arg, int64_t initial);

/*
 * Rows (index, value), indices from `start`. enumerate(). A value that is a row is a pointer: see
 * gyre_iter_row().
 */
GYRE_API GYRE_MUST_USE gyre_iter *gyre_iter_enumerate(gyre_iter *source, int64_t start);

/* ---- from several ---- */

/*
 * All of the first, then all of the second ... (the array is copied, the sources moved). chain().
 */
GYRE_API GYRE_MUST_USE gyre_iter *gyre_iter_chain(size_t n, gyre_iter *const *sources);

/* Rows of n values, one of each, until one of them ends (as above). zip(). */
GYRE_API GYRE_MUST_USE gyre_iter *gyre_iter_zip(size_t n, gyre_iter *const *sources);

/* The values of a row; borrowed from the iterator that made it until its next step. */
static inline const int64_t *gyre_iter_row(int64_t value)
{
    return (const int64_t *)gyre_value_pointer(value);
}

GYRE_END_DECLS

#endif
