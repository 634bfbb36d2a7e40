/* Queues into which other threads put: the order of each, bounds, shutdown, ending, closing. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/trace.h"
#include "task/queue.h"

enum { THREADS = 4, ITEMS = 5000, DIGITS = 100000 };

static gyre_queue queue;
static atomic_uint released_count;

static void count_release(void *item)
{
    (void)item;
    released_count++;
}

static void init(size_t maxsize)
{
    const gyre_queue_options options = {.maxsize = maxsize, .release = count_release};

    released_count = 0;
    assert_int_equal(gyre_queue_init(&queue, &options), 0);
}

/* Item n of thread t is the number t * DIGITS + n. */
struct thread {
    pthread_t id;
    int number;
    int items;
    int64_t rc;
};

static void *put_items(void *arg)
{
    struct thread *thread = arg;

    for (int i = 0; i < thread->items && thread->rc == 0; i++)
        thread->rc = gyre_queue_put_threadsafe(&queue, trace_loop,
                                               (void *)(intptr_t)(thread->number * DIGITS + i));
    return NULL;
}

static void start(size_t n, struct thread *threads, int items)
{
    for (size_t i = 0; i < n; i++) {
        threads[i] = (struct thread){.number = (int)i, .items = items};
        assert_int_equal(pthread_create(&threads[i].id, NULL, put_items, &threads[i]), 0);
    }
}

static void join(size_t n, struct thread *threads)
{
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(pthread_join(threads[i].id, NULL), 0);
        assert_int_equal(threads[i].rc, 0);
    }
}

/* Another thread puts n items, and ends. */
static void put_from_thread(int n)
{
    struct thread thread;

    start(1, &thread, n);
    join(1, &thread);
}

/* Gets n items and checks that those of each thread come in order. */
struct consumer {
    gyre_frame frame;
    int left;
    int next[THREADS];
    void *item;
    int64_t rc;
};
GYRE_CORO(consumer)
{
    GYRE_BEGIN;
    while (self->left-- > 0) {
        GYRE_TRY(gyre_queue_get(&queue, &self->item));
        {
            int number = (int)(intptr_t)self->item, thread = number / DIGITS;

            assert_in_range(thread, 0, THREADS - 1);
            assert_int_equal(number % DIGITS, self->next[thread]++);
            if (queue.options.maxsize)
                assert_true(gyre_queue_size(&queue) <= queue.options.maxsize);
        }
        gyre_queue_task_done(&queue);
    }
    GYRE_TRY(gyre_queue_join(&queue));
    GYRE_END;
}

/* Four threads put while the loop takes. */
static void together(size_t maxsize)
{
    struct thread threads[THREADS];
    gyre_task *task;

    init(maxsize);
    task = GYRE_SPAWN_ON(trace_loop, consumer, .left = THREADS * ITEMS);
    gyre_loop_hold(trace_loop);
    start(THREADS, threads, ITEMS);
    assert_int_equal(gyre_loop_run_until(trace_loop, gyre_task_future(task)), 0);
    join(THREADS, threads);
    gyre_loop_release(trace_loop);
    assert_int_equal(released_count, 0);
    gyre_task_unref(task);
    gyre_queue_fini(&queue);
    trace_settle();
}

static void test_threads_keep_their_order(void **state)
{
    (void)state;
    together(0);
}

/* Nothing is lost, and the bound holds: the rest lies in front of the queue. */
static void test_bounded_queue(void **state)
{
    (void)state;
    together(2);
}

static void test_items_in_front(void **state)
{
    void *item;

    (void)state;
    init(1);
    put_from_thread(3);
    assert_int_equal(gyre_queue_size(&queue), 0); /* not before the loop runs */
    trace_settle();
    assert_int_equal(gyre_queue_size(&queue), 1);
    assert_int_equal(gyre_queue_put_nowait(&queue, NULL), GYRE_EQFULL);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(gyre_queue_get_nowait(&queue, &item), 0);
        assert_int_equal((intptr_t)item, i);
    }
    assert_int_equal(gyre_queue_get_nowait(&queue, &item), GYRE_EQEMPTY);
    for (int i = 0; i < 3; i++)
        assert_int_equal(gyre_queue_task_done(&queue), 0);
    assert_int_equal(gyre_queue_task_done(&queue), GYRE_ETASKDONE);
    gyre_queue_fini(&queue);
}

/* They come in before a task that has waited for room longer. */
struct putter {
    gyre_frame frame;
};
GYRE_CORO(putter)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_queue_put(&queue, (void *)(intptr_t)77));
    trace("put");
    GYRE_END;
}

static void test_items_in_front_and_a_putter(void **state)
{
    gyre_task *task;
    void *item;

    (void)state;
    init(1);
    put_from_thread(2);
    trace_settle();
    task = GYRE_SPAWN_ON(trace_loop, putter);
    trace_settle();
    assert_int_equal(gyre_queue_get_nowait(&queue, &item), 0);
    trace_settle();
    assert_trace("");
    assert_int_equal(gyre_queue_get_nowait(&queue, &item), 0);
    assert_int_equal((intptr_t)item, 1);
    trace_settle();
    assert_trace("0 put\n");
    gyre_task_unref(task);
    gyre_queue_fini(&queue);
    assert_int_equal(released_count, 1);
}

static void test_shutdown(void **state)
{
    void *item;

    (void)state;
    init(1);
    put_from_thread(3);
    trace_settle();
    gyre_queue_shutdown(&queue, false);
    put_from_thread(1); /* comes too late */
    trace_settle();
    assert_int_equal(released_count, 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(gyre_queue_get_nowait(&queue, &item), 0);
    assert_int_equal(gyre_queue_get_nowait(&queue, &item), GYRE_EQSHUTDOWN);
    gyre_queue_fini(&queue);
    init(1);
    put_from_thread(3);
    trace_settle();
    gyre_queue_shutdown(&queue, true);
    assert_int_equal(released_count, 3);
    assert_int_equal(gyre_queue_task_done(&queue), GYRE_ETASKDONE);
    gyre_queue_fini(&queue);
}

/* The queue ends while items are on their way; what is on its way finds nobody. */
static void test_ends_with_items_on_their_way(void **state)
{
    (void)state;
    init(0);
    put_from_thread(3);
    gyre_queue_fini(&queue);
    assert_int_equal(released_count, 3);
    trace_settle();
    init(1);
    put_from_thread(3);
    trace_settle();
    put_from_thread(2);
    gyre_queue_fini(&queue);
    assert_int_equal(released_count, 5);
}

static void test_loop_closes_with_items_on_their_way(void **state)
{
    (void)state;
    init(1);
    put_from_thread(3);
    trace_close();
    assert_int_equal(gyre_queue_size(&queue), 1);
    gyre_queue_fini(&queue);
    assert_int_equal(released_count, 3);
}

static void test_no_memory(void **state)
{
    (void)state;
    init(0);
    for (size_t n = 0; n < 2; n++) {
        trace_fail_after(n);
        assert_int_equal(gyre_queue_put_threadsafe(&queue, trace_loop, NULL), -ENOMEM);
    }
    trace_fail_after(1); /* the inbox is there by now */
    for (int i = 0; i < 2; i++)
        assert_int_equal(gyre_queue_put_threadsafe(&queue, trace_loop, NULL), i == 0 ? 0 : -ENOMEM);
    trace_fail_after(SIZE_MAX);
    for (int i = 0; i < 40; i++)
        assert_int_equal(gyre_queue_put_threadsafe(&queue, trace_loop, NULL), 0);
    trace_fail_after(0); /* the queue cannot grow: what does not fit stays in front */
    trace_settle();
    trace_fail_after(SIZE_MAX);
    assert_int_equal(gyre_queue_size(&queue), 16);
    for (int i = 0; i < 41; i++) {
        void *item;

        assert_int_equal(gyre_queue_get_nowait(&queue, &item), 0);
    }
    assert_true(gyre_queue_empty(&queue));
    gyre_queue_fini(&queue);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, trace_setup, trace_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_threads_keep_their_order),
        TEST(test_bounded_queue),
        TEST(test_items_in_front),
        TEST(test_items_in_front_and_a_putter),
        TEST(test_shutdown),
        TEST(test_ends_with_items_on_their_way),
        TEST(test_loop_closes_with_items_on_their_way),
        TEST(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
