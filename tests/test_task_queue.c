/* Queues without waiting: kinds, bounds, growth, shortage of memory. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/trace.h"
#include "task/queue.h"

static gyre_queue queue;

/* Items are numbers in these tests. */
static void *item(int64_t number)
{
    return (void *)(intptr_t)number;
}

static int64_t number_of(const void *pointer)
{
    return (intptr_t)pointer;
}

static int compare(const void *a, const void *b)
{
    return (number_of(a) > number_of(b)) - (number_of(a) < number_of(b));
}

static void released(void *pointer)
{
    trace("released %d", (int)number_of(pointer));
}

static void init(gyre_queue_kind kind, size_t maxsize)
{
    const gyre_queue_options options = {
        .kind = kind, .maxsize = maxsize, .compare = compare, .release = released};

    assert_int_equal(gyre_queue_init(&queue, &options), 0);
}

static void put_all(size_t n, const int *numbers)
{
    for (size_t i = 0; i < n; i++)
        assert_int_equal(gyre_queue_put_nowait(&queue, item(numbers[i])), 0);
}

static void assert_gives(size_t n, const int *numbers)
{
    void *got;

    for (size_t i = 0; i < n; i++) {
        assert_int_equal(gyre_queue_get_nowait(&queue, &got), 0);
        assert_int_equal(number_of(got), numbers[i]);
    }
    assert_int_equal(gyre_queue_get_nowait(&queue, &got), GYRE_EQEMPTY);
}

static void test_kinds(void **state)
{
    const int given[] = {5, 3, 9, 1, 5, 7, 2}, sorted[] = {1, 2, 3, 5, 5, 7, 9};
    const int backwards[] = {2, 7, 5, 1, 9, 3, 5};

    (void)state;
    init(GYRE_QUEUE_FIFO, 0);
    put_all(7, given);
    assert_int_equal(gyre_queue_size(&queue), 7);
    assert_gives(7, given);
    gyre_queue_fini(&queue);
    init(GYRE_QUEUE_LIFO, 0);
    put_all(7, given);
    assert_gives(7, backwards);
    gyre_queue_fini(&queue);
    init(GYRE_QUEUE_PRIORITY, 0);
    put_all(7, given);
    assert_gives(7, sorted);
    gyre_queue_fini(&queue);
}

static void test_bounds(void **state)
{
    const int numbers[] = {1, 2};

    (void)state;
    assert_int_equal(gyre_queue_init(&queue, &(gyre_queue_options){.kind = GYRE_QUEUE_PRIORITY}),
                     -EINVAL);
    for (int kind = GYRE_QUEUE_FIFO; kind <= GYRE_QUEUE_PRIORITY; kind++) {
        init((gyre_queue_kind)kind, 2);
        assert_true(gyre_queue_empty(&queue));
        assert_false(gyre_queue_full(&queue));
        assert_int_equal(gyre_queue_maxsize(&queue), 2);
        put_all(2, numbers);
        assert_false(gyre_queue_empty(&queue));
        assert_true(gyre_queue_full(&queue));
        assert_int_equal(gyre_queue_put_nowait(&queue, item(3)), GYRE_EQFULL);
        assert_int_equal(gyre_queue_size(&queue), 2);
        gyre_queue_fini(&queue);
        assert_trace(kind == GYRE_QUEUE_LIFO ? "0 released 2\n0 released 1\n"
                                             : "0 released 1\n0 released 2\n");
    }
    assert_int_equal(gyre_queue_init(&queue, NULL), 0);
    assert_int_equal(gyre_queue_maxsize(&queue), 0);
    assert_false(gyre_queue_full(&queue));
    gyre_queue_fini(&queue);
}

/* Grows while its ring is wrapped round, again and again; the order stays. */
static void test_growth(void **state)
{
    int64_t in = 0, out = 0;
    void *got;

    (void)state;
    assert_int_equal(gyre_queue_init(&queue, NULL), 0);
    for (int round = 0; round < 2000; round++) {
        for (int i = 0; i < 3; i++)
            assert_int_equal(gyre_queue_put_nowait(&queue, item(in++)), 0);
        assert_int_equal(gyre_queue_get_nowait(&queue, &got), 0);
        assert_int_equal(number_of(got), out++);
    }
    while (gyre_queue_get_nowait(&queue, &got) == 0)
        assert_int_equal(number_of(got), out++);
    assert_int_equal(out, in);
    gyre_queue_fini(&queue);
}

/* A priority queue agrees with sorting, whatever comes in between. */
static void test_many_priorities(void **state)
{
    int64_t seed = 12345, last;
    void *got;

    (void)state;
    init(GYRE_QUEUE_PRIORITY, 0);
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 40; i++) {
            seed = (seed * 1103515245 + 12345) % 2147483648;
            assert_int_equal(gyre_queue_put_nowait(&queue, item(seed % 100)), 0);
        }
        last = -1;
        for (int i = 0; i < 39; i++) {
            assert_int_equal(gyre_queue_get_nowait(&queue, &got), 0);
            assert_true(number_of(got) >= last);
            last = number_of(got);
        }
    }
    while (gyre_queue_get_nowait(&queue, &got) == 0)
        ;
    gyre_queue_fini(&queue);
}

static void test_no_memory(void **state)
{
    void *got;

    (void)state;
    trace_fail_after(0);
    assert_int_equal(gyre_queue_init(&queue, NULL), -ENOMEM);
    gyre_queue_fini(&queue);
    trace_fail_after(1);
    assert_int_equal(gyre_queue_init(&queue, &(gyre_queue_options){.maxsize = 4096}), 0);
    for (int i = 0; i < 4096; i++) /* a bounded queue has its room */
        assert_int_equal(gyre_queue_put_nowait(&queue, item(i)), 0);
    assert_int_equal(gyre_queue_put_nowait(&queue, item(0)), GYRE_EQFULL);
    gyre_queue_fini(&queue);
    trace_fail_after(1);
    assert_int_equal(gyre_queue_init(&queue, NULL), 0);
    for (int i = 0; i < 16; i++)
        assert_int_equal(gyre_queue_put_nowait(&queue, item(i)), 0);
    assert_int_equal(gyre_queue_put_nowait(&queue, item(16)), -ENOMEM);
    assert_int_equal(gyre_queue_get_nowait(&queue, &got), 0);
    assert_int_equal(gyre_queue_put_nowait(&queue, item(16)), 0);
    trace_fail_after(SIZE_MAX);
    gyre_queue_fini(&queue);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, trace_setup, trace_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_kinds),           TEST(test_bounds),    TEST(test_growth),
        TEST(test_many_priorities), TEST(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
