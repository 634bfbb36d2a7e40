/* Iterators: what each gives, as in CPython, and how errors and the want of memory come through. */
#include "support/unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "../loop/alloc.h"
#include "../loop/clock.h"
#include "../task/generator.h"

#define E1 GYRE_EUSER(1)

#define COUNT(array_)    (sizeof(array_) / sizeof((array_)[0]))
#define ARRAY(...)       (const int64_t[]){__VA_ARGS__}
#define ITERS(...)                                                                                 \
    COUNT(((gyre_iter *const[]){__VA_ARGS__})), (gyre_iter *const[]){__VA_ARGS__}
#define VALUES(...)      gyre_iter_array(COUNT(ARRAY(__VA_ARGS__)), ARRAY(__VA_ARGS__))

/* The first values as text, and how it ended: ".", an error, or "..." after twelve. Frees it. */
static const char *listed(gyre_iter *iter)
{
    static char text[256];
    size_t length = 0;
    int64_t value = 0;

    for (int i = 0; i < 12 && (value = gyre_iter_next(iter)) >= 0; i++)
        length += (size_t)snprintf(text + length, sizeof(text) - length, "%" PRId64 " ", value);
    if (value < 0 && iter)
        assert_true(gyre_iter_next(iter) < 0); /* the end repeats; so do these errors */
    snprintf(text + length, sizeof(text) - length, "%s",
             value >= 0                     ? "..."
             : value == GYRE_ESTOPITERATION ? "."
                                            : gyre_err_name(value));
    gyre_iter_free(iter);
    return text;
}

#define CHECK(iter_, text_) assert_string_equal(listed(iter_), text_)

static int64_t is_odd(int64_t value, void *arg)
{
    (void)arg;
    return value % 2;
}

static int64_t below(int64_t value, void *arg)
{
    return value < *(int64_t *)arg;
}

static int64_t square(int64_t value, void *arg)
{
    (void)arg;
    return value * value;
}

static int64_t fails(int64_t value, void *arg)
{
    (void)value;
    (void)arg;
    return E1;
}

static int64_t product(int64_t total, int64_t value, void *arg)
{
    (void)arg;
    return total * value;
}

static int64_t add_row(int64_t value, void *arg)
{
    const int64_t *row = gyre_iter_row(value);
    int64_t sum = 0;

    for (size_t i = 0; i < *(size_t *)arg; i++)
        sum = 10 * sum + row[i];
    return sum;
}

static size_t two = 2, three = 3;

static gyre_iter *pairs(gyre_iter *rows)
{
    return gyre_iter_map(rows, add_row, &two);
}

static void test_from_nothing(void **state)
{
    (void)state;
    CHECK(gyre_iter_count(5, 1), "5 6 7 8 9 10 11 12 13 14 15 16 ...");
    CHECK(gyre_iter_count(4, -2), "4 2 0 EOVERFLOW");
    CHECK(gyre_iter_count(INT64_MAX - 2, 1), "9223372036854775805 9223372036854775806 EOVERFLOW");
    CHECK(gyre_iter_count(-1, 1), "EOVERFLOW");
    CHECK(gyre_iter_range(0, 3, 1), "0 1 2 .");
    CHECK(gyre_iter_range(1, 8, 3), "1 4 7 .");
    CHECK(gyre_iter_range(5, -1, -2), "5 3 1 .");
    CHECK(gyre_iter_range(3, 3, 1), ".");
    CHECK(gyre_iter_range(3, 1, 1), ".");
    CHECK(gyre_iter_range(0, 3, 0), "EINVAL");
    CHECK(gyre_iter_range(INT64_MAX - 2, INT64_MAX, 5), "9223372036854775805 .");
    CHECK(gyre_iter_repeat(7, 2), "7 7 .");
    CHECK(gyre_iter_repeat(7, 0), ".");
    CHECK(gyre_iter_repeat(7, -1), ".");
    CHECK(gyre_iter_repeat(7, GYRE_FOREVER), "7 7 7 7 7 7 7 7 7 7 7 7 ...");
    CHECK(VALUES(3, 1, 2), "3 1 2 .");
    CHECK(gyre_iter_array(0, NULL), ".");
    CHECK(NULL, "ENOMEM");
}

static void test_slices(void **state)
{
    gyre_iter *source;

    (void)state;
    CHECK(gyre_iter_take(gyre_iter_count(0, 1), 3), "0 1 2 .");
    CHECK(gyre_iter_take(gyre_iter_range(0, 2, 1), 3), "0 1 .");
    CHECK(gyre_iter_take(gyre_iter_count(0, 1), 0), ".");
    CHECK(gyre_iter_take(gyre_iter_count(0, 1), -1), "EINVAL");
    CHECK(gyre_iter_slice(gyre_iter_count(0, 1), 2, 9, 3), "2 5 8 .");
    CHECK(gyre_iter_slice(gyre_iter_count(0, 1), 2, 8, 3), "2 5 .");
    CHECK(gyre_iter_slice(gyre_iter_range(0, 8, 1), 3, GYRE_NONE, 2), "3 5 7 .");
    CHECK(gyre_iter_slice(gyre_iter_count(0, 1), 0, 5, 0), "EINVAL");
    CHECK(gyre_iter_slice(gyre_iter_count(0, 1), -1, 5, 1), "EINVAL");
    /* What it takes from its source: list(islice(it, 1, 8, 5)), then next(it). */
    source = gyre_iter_count(0, 1);
    source->release = NULL;
    CHECK(gyre_iter_slice(source, 1, 8, 5), "1 6 .");
    assert_int_equal(gyre_iter_next(source), 8);
    CHECK(gyre_iter_slice(source, 5, 3, 1), ".");
    assert_int_equal(gyre_iter_next(source), 14);
    CHECK(gyre_iter_take(source, 2), "15 16 .");
    assert_int_equal(gyre_iter_next(source), 17);
    gyre_free(source);
}

static void test_cycle(void **state)
{
    (void)state;
    CHECK(gyre_iter_cycle(VALUES(3, 1, 2)), "3 1 2 3 1 2 3 1 2 3 1 2 ...");
    CHECK(gyre_iter_cycle(gyre_iter_range(0, 11, 1)), "0 1 2 3 4 5 6 7 8 9 10 0 ...");
    CHECK(gyre_iter_cycle(gyre_iter_range(0, 0, 1)), ".");
    CHECK(gyre_iter_cycle(gyre_iter_count(1, -1)), "1 0 EOVERFLOW");
}

static void test_with_functions(void **state)
{
    int64_t limit = 3;

    (void)state;
    CHECK(gyre_iter_takewhile(VALUES(1, 2, 3, 1), below, &limit), "1 2 .");
    CHECK(gyre_iter_dropwhile(VALUES(1, 2, 3, 1), below, &limit), "3 1 .");
    CHECK(gyre_iter_dropwhile(VALUES(1, 2), below, &limit), ".");
    CHECK(gyre_iter_filter(gyre_iter_range(0, 8, 1), is_odd, NULL), "1 3 5 7 .");
    CHECK(gyre_iter_filter(VALUES(0, 3, 0, 4), NULL, NULL), "3 4 .");
    CHECK(gyre_iter_map(gyre_iter_range(0, 4, 1), square, NULL), "0 1 4 9 .");
    CHECK(gyre_iter_takewhile(gyre_iter_count(0, 1), fails, NULL), "GYRE_EUSER");
    CHECK(gyre_iter_dropwhile(gyre_iter_count(0, 1), fails, NULL), "GYRE_EUSER");
    CHECK(gyre_iter_filter(gyre_iter_count(0, 1), fails, NULL), "GYRE_EUSER");
    CHECK(gyre_iter_map(gyre_iter_count(0, 1), fails, NULL), "GYRE_EUSER");
}

static void test_accumulate(void **state)
{
    (void)state;
    CHECK(gyre_iter_accumulate(VALUES(1, 2, 3, 4), NULL, NULL, GYRE_NONE), "1 3 6 10 .");
    CHECK(gyre_iter_accumulate(VALUES(1, 2, 3), NULL, NULL, 10), "10 11 13 16 .");
    CHECK(gyre_iter_accumulate(VALUES(1, 2, 3, 4), product, NULL, GYRE_NONE), "1 2 6 24 .");
    CHECK(gyre_iter_accumulate(gyre_iter_range(0, 0, 1), NULL, NULL, 3), "3 .");
    CHECK(gyre_iter_accumulate(gyre_iter_range(0, 0, 1), NULL, NULL, GYRE_NONE), ".");
    CHECK(gyre_iter_accumulate(gyre_iter_repeat(INT64_MAX / 2, GYRE_FOREVER), NULL, NULL, 0),
          "0 4611686018427387903 9223372036854775806 EOVERFLOW");
}

static void test_several(void **state)
{
    (void)state;
    CHECK(gyre_iter_chain(ITERS(VALUES(1, 2), gyre_iter_range(0, 0, 1), VALUES(3))), "1 2 3 .");
    CHECK(gyre_iter_chain(0, NULL), ".");
    CHECK(pairs(gyre_iter_enumerate(VALUES(7, 8, 9), 1)), "17 28 39 .");
    CHECK(pairs(gyre_iter_zip(ITERS(VALUES(1, 2, 3), gyre_iter_count(4, 1)))), "14 25 36 .");
    CHECK(pairs(gyre_iter_zip(ITERS(gyre_iter_count(4, 1), VALUES(1, 2)))), "41 52 .");
    CHECK(gyre_iter_map(gyre_iter_zip(ITERS(VALUES(1, 2), VALUES(3, 4), VALUES(5, 6))), add_row,
                        &three),
          "135 246 .");
    CHECK(gyre_iter_zip(0, NULL), ".");
    CHECK(pairs(gyre_iter_zip(ITERS(VALUES(1, 2), gyre_iter_count(0, -1)))), "10 EOVERFLOW");
    CHECK(gyre_iter_chain(ITERS(VALUES(1), gyre_iter_count(0, -1), VALUES(2))), "1 0 EOVERFLOW");
}

static void test_collect(void **state)
{
    int64_t values[3];

    (void)state;
    assert_int_equal(gyre_iter_collect(gyre_iter_range(4, 7, 1), values, 3), 3);
    assert_int_equal(values[0] + values[1] + values[2], 15);
    assert_int_equal(gyre_iter_collect(gyre_iter_range(4, 8, 1), values, 3), -ENOBUFS);
    assert_int_equal(gyre_iter_collect(gyre_iter_range(4, 4, 1), NULL, 0), 0);
    assert_int_equal(gyre_iter_collect(gyre_iter_count(0, -1), values, 3), -EOVERFLOW);
    assert_int_equal(gyre_iter_collect(NULL, values, 3), -ENOMEM);
}

static void test_pointers(void **state)
{
    int64_t here = gyre_pointer_value(state);

    assert_true(here > 0);
    assert_ptr_equal(gyre_value_pointer(here), state);
}

/* ---- with generators ---- */

static int released;

/* 1, 1, 2, 3, 5 ... */
struct fibonacci {
    gyre_frame frame;
    int64_t a, b;
};
GYRE_CORO(fibonacci)
{
    GYRE_BEGIN;
    for (;;) {
        GYRE_YIELD(self->a);
        self->b += self->a;
        self->a = self->b - self->a;
    }
    GYRE_FINALLY;
    released++;
    GYRE_END;
}

static void test_generators_are_iterators(void **state)
{
    (void)state;
    released = 0;
    CHECK(gyre_iter_take(gyre_iter_filter(GYRE_ITER(fibonacci, .a = 1, .b = 1), is_odd, NULL), 6),
          "1 1 3 5 13 21 .");
    assert_int_equal(released, 1);
    CHECK(gyre_iter_chain(ITERS(gyre_iter_take(GYRE_ITER(fibonacci, .b = 1), 2), VALUES(9))),
          "0 1 9 .");
    assert_int_equal(released, 2);
}

/* ---- no memory ---- */

static int until_failure, in_use;

static void *count_alloc(void *context, size_t size)
{
    (void)context;
    if (until_failure-- == 0)
        return NULL;
    in_use++;
    return malloc(size);
}

static void *count_resize(void *context, void *block, size_t size)
{
    (void)context;
    if (until_failure-- == 0)
        return NULL;
    in_use += !block;
    return realloc(block, size);
}

static void count_release(void *context, void *block)
{
    (void)context;
    in_use -= block != NULL;
    free(block);
}

/* One of everything, in one. */
static gyre_iter *everything(void)
{
    static int64_t limit = 1000;
    static const int64_t values[] = {1, 2, 3};
    gyre_iter *chain = gyre_iter_chain(ITERS(
        gyre_iter_take(gyre_iter_count(0, 1), 4), gyre_iter_repeat(3, 4),
        gyre_iter_cycle(gyre_iter_range(0, 20, 1)), GYRE_ITER(fibonacci, .a = 1, .b = 1)));
    gyre_iter *mapped = gyre_iter_map(gyre_iter_dropwhile(chain, is_odd, NULL), square, NULL);
    gyre_iter *summed = gyre_iter_accumulate(gyre_iter_filter(mapped, NULL, NULL), NULL, NULL, 0);

    return pairs(gyre_iter_zip(ITERS(gyre_iter_takewhile(summed, below, &limit),
                                     pairs(gyre_iter_enumerate(gyre_iter_array(3, values), 0)))));
}

static void test_no_memory(void **state)
{
    const gyre_allocator counting = {count_alloc, count_resize, count_release, NULL};
    int failures = 0;

    (void)state;
    gyre_set_allocator(&counting);
    for (;; failures++) {
        gyre_iter *iter;
        int64_t value;

        until_failure = failures;
        iter = everything();
        if (until_failure >= 0)
            assert_non_null(iter);
        while ((value = gyre_iter_next(iter)) >= 0)
            ;
        gyre_iter_free(iter);
        assert_int_equal(in_use, 0);
        if (until_failure >= 0)
            break;
        assert_int_equal(value, -ENOMEM);
    }
    until_failure = -1;
    gyre_set_allocator(NULL);
    assert_true(failures > 15);
}

static void test_cycle_without_memory(void **state)
{
    const gyre_allocator counting = {count_alloc, count_resize, count_release, NULL};
    gyre_iter *iter;

    (void)state;
    gyre_set_allocator(&counting);
    until_failure = 3; /* the range, the cycle, room for eight */
    iter = gyre_iter_cycle(gyre_iter_count(0, 1));
    for (int i = 0; i < 8; i++)
        assert_int_equal(gyre_iter_next(iter), i);
    assert_int_equal(gyre_iter_next(iter), -ENOMEM);
    gyre_iter_free(iter);
    assert_int_equal(in_use, 0);
    gyre_set_allocator(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_from_nothing),
        cmocka_unit_test(test_slices),
        cmocka_unit_test(test_cycle),
        cmocka_unit_test(test_with_functions),
        cmocka_unit_test(test_accumulate),
        cmocka_unit_test(test_several),
        cmocka_unit_test(test_collect),
        cmocka_unit_test(test_pointers),
        cmocka_unit_test(test_generators_are_iterators),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_cycle_without_memory),
    };

    return cmocka_run_group_tests_name("iterators", tests, NULL, NULL);
}
