/* Queues with tasks that wait: who is served, cancelling, task_done and join, shutdown, ending. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/trace.h"
#include "task/inspect.h"
#include "task/queue.h"
#include "task/sleep.h"

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

static void released(void *pointer)
{
    trace("released %d", (int)number_of(pointer));
}

static void init(size_t maxsize)
{
    const gyre_queue_options options = {.maxsize = maxsize, .release = released};

    assert_int_equal(gyre_queue_init(&queue, &options), 0);
}

/* Gets `times` items; reports each as done if it should. */
struct getter {
    gyre_frame frame;
    const char *name;
    int times;
    bool done;
    int64_t rc;
    void *item;
};
GYRE_CORO(getter)
{
    GYRE_BEGIN;
    while (self->times-- > 0) {
        GYRE_AWAIT(self->rc, gyre_queue_get(&queue, &self->item));
        if (self->rc < 0) {
            trace("%s %s", self->name, result_text(self->rc));
            GYRE_RETURN(self->rc == GYRE_ECANCELLED ? self->rc : 0);
        }
        trace("%s got %d", self->name, (int)number_of(self->item));
        if (self->done)
            assert_int_equal(gyre_queue_task_done(&queue), 0);
    }
    GYRE_END;
}

/* Puts `times` items, from `first` on. */
struct putter {
    gyre_frame frame;
    const char *name;
    int64_t first;
    int times;
    int64_t rc;
};
GYRE_CORO(putter)
{
    GYRE_BEGIN;
    for (; self->times-- > 0; self->first++) {
        GYRE_AWAIT(self->rc, gyre_queue_put(&queue, item(self->first)));
        if (self->rc < 0) {
            trace("%s %s", self->name, result_text(self->rc));
            GYRE_RETURN(self->rc == GYRE_ECANCELLED ? self->rc : 0);
        }
        trace("%s put %d", self->name, (int)self->first);
    }
    GYRE_END;
}

struct joiner {
    gyre_frame frame;
    const char *name;
    int64_t rc;
};
GYRE_CORO(joiner)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc, gyre_queue_join(&queue));
    trace("%s %s", self->name, result_text(self->rc));
    GYRE_RETURN(self->rc == GYRE_ECANCELLED ? self->rc : 0);
    GYRE_END;
}

static gyre_task *gets(const char *name, int times)
{
    return GYRE_SPAWN_ON(trace_loop, getter, .name = name, .times = times);
}

static gyre_task *puts_from(const char *name, int64_t first, int times)
{
    return GYRE_SPAWN_ON(trace_loop, putter, .name = name, .first = first, .times = times);
}

static gyre_task *joins(const char *name)
{
    return GYRE_SPAWN_ON(trace_loop, joiner, .name = name);
}

static void drop(size_t n, gyre_task *const *tasks)
{
    while (n-- > 0)
        gyre_task_unref(tasks[n]);
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

static void test_getters_are_served_in_order(void **state)
{
    gyre_task *tasks[3];
    char text[64];

    (void)state;
    init(0);
    tasks[0] = gets("A", 1);
    tasks[1] = gets("B", 1);
    tasks[2] = gets("C", 1);
    trace_settle();
    assert_string_equal(gyre_task_waits_for(tasks[0], text, sizeof(text)), "item of a queue");
    put_all(3, (const int[]){1, 2, 3});
    trace_settle();
    assert_trace("0 A got 1\n0 B got 2\n0 C got 3\n");
    drop(3, tasks);
    gyre_queue_fini(&queue);
}

static void test_putters_are_served_in_order(void **state)
{
    gyre_task *tasks[3];
    char text[64];

    (void)state;
    init(1);
    tasks[0] = puts_from("A", 10, 2);
    tasks[1] = puts_from("B", 20, 2);
    trace_settle();
    assert_string_equal(gyre_task_waits_for(tasks[0], text, sizeof(text)), "room in a queue");
    tasks[2] = gets("C", 4);
    trace_settle();
    assert_trace("0 A put 10\n0 C got 10\n0 A put 11\n0 C got 11\n"
                 "0 B put 20\n0 C got 20\n0 B put 21\n0 C got 21\n");
    drop(3, tasks);
    gyre_queue_fini(&queue);
}

/* Neither putting into room nor getting what is there suspends. */
static void test_does_not_suspend(void **state)
{
    gyre_task *tasks[2];

    (void)state;
    init(3);
    tasks[0] = puts_from("A", 1, 3);
    tasks[1] = gets("B", 3);
    gyre_loop_run_once(trace_loop, 0);
    assert_trace("0 A put 1\n0 A put 2\n0 A put 3\n0 B got 1\n0 B got 2\n0 B got 3\n");
    drop(2, tasks);
    gyre_queue_fini(&queue);
}

/* A getter that comes between the wake and the step of another is faster: that one waits on. */
static void test_stolen_item(void **state)
{
    gyre_task *tasks[2];

    (void)state;
    init(0);
    tasks[0] = gets("A", 1);
    trace_settle();
    tasks[1] = gets("B", 1); /* runs before A does */
    put_all(1, (const int[]){1});
    trace_settle();
    assert_trace("0 B got 1\n");
    assert_false(gyre_task_done(tasks[0]));
    put_all(1, (const int[]){2});
    trace_settle();
    assert_trace("0 A got 2\n");
    drop(2, tasks);
    gyre_queue_fini(&queue);
}

/* The same with room. A goes to the end of the line. */
static void test_stolen_room(void **state)
{
    gyre_task *tasks[3];
    void *got;

    (void)state;
    init(1);
    put_all(1, (const int[]){1});
    tasks[0] = puts_from("A", 10, 1);
    tasks[1] = puts_from("B", 20, 1);
    trace_settle();
    tasks[2] = puts_from("C", 30, 1);
    assert_int_equal(gyre_queue_get_nowait(&queue, &got), 0);
    trace_settle();
    assert_trace("0 C put 30\n");
    assert_int_equal(gyre_queue_get_nowait(&queue, &got), 0);
    trace_settle();
    assert_int_equal(gyre_queue_get_nowait(&queue, &got), 0);
    trace_settle();
    assert_trace("0 B put 20\n0 A put 10\n");
    drop(3, tasks);
    gyre_queue_fini(&queue);
    assert_trace("0 released 10\n");
}

static void test_cancelled_getter(void **state)
{
    gyre_task *tasks[3];

    (void)state;
    init(0);
    tasks[0] = gets("A", 1);
    tasks[1] = gets("B", 1);
    tasks[2] = gets("C", 1);
    trace_settle();
    gyre_task_cancel(tasks[0]);   /* waiting: passed over */
    put_all(1, (const int[]){1}); /* wakes B */
    gyre_task_cancel(tasks[1]);   /* which leaves the item to C */
    trace_settle();
    assert_trace("0 A CANCELLED\n0 B CANCELLED\n0 C got 1\n");
    assert_true(gyre_task_cancelled(tasks[1]));
    assert_true(gyre_queue_empty(&queue));
    drop(3, tasks);
    gyre_queue_fini(&queue);
}

static void test_cancelled_putter(void **state)
{
    gyre_task *tasks[3];
    void *got;

    (void)state;
    init(1);
    put_all(1, (const int[]){1});
    tasks[0] = puts_from("A", 10, 1);
    tasks[1] = puts_from("B", 20, 1);
    tasks[2] = puts_from("C", 30, 1);
    trace_settle();
    gyre_task_cancel(tasks[0]);
    assert_int_equal(gyre_queue_get_nowait(&queue, &got), 0);
    gyre_task_cancel(tasks[1]);
    trace_settle();
    assert_trace("0 A CANCELLED\n0 B CANCELLED\n0 C put 30\n");
    assert_gives(1, (const int[]){30});
    drop(3, tasks);
    gyre_queue_fini(&queue);
}

static void test_wrong_loop(void **state)
{
    gyre_loop *other = NULL;
    gyre_task *task, *stranger;

    (void)state;
    init(0);
    task = gets("A", 1);
    trace_settle();
    assert_int_equal(gyre_loop_new(&(gyre_loop_options){.clock = GYRE_CLOCK_VIRTUAL}, &other), 0);
    stranger = GYRE_SPAWN_ON(other, getter, .name = "S", .times = 1);
    assert_int_equal(gyre_loop_run_until(other, gyre_task_future(stranger)), 0);
    gyre_task_unref(stranger);
    assert_int_equal(gyre_loop_close(other), 0);
    put_all(1, (const int[]){1});
    trace_settle();
    assert_trace("0 S WRONGLOOP\n0 A got 1\n");
    gyre_task_unref(task);
    gyre_queue_fini(&queue);
}

/* ---- task_done, join ---- */

static void test_join(void **state)
{
    gyre_task *tasks[3];

    (void)state;
    init(0);
    tasks[0] = joins("A"); /* nothing was put */
    trace_settle();
    assert_trace("0 A 0\n");
    assert_int_equal(gyre_queue_task_done(&queue), GYRE_ETASKDONE);
    put_all(2, (const int[]){1, 2});
    tasks[1] = joins("B");
    tasks[2] = GYRE_SPAWN_ON(trace_loop, getter, .name = "C", .times = 2, .done = true);
    trace_settle();
    assert_trace("0 C got 1\n0 C got 2\n0 B 0\n");
    assert_int_equal(gyre_queue_task_done(&queue), GYRE_ETASKDONE);
    drop(3, tasks);
    gyre_queue_fini(&queue);
}

static void test_join_cancelled(void **state)
{
    gyre_task *tasks[2];

    (void)state;
    init(0);
    put_all(1, (const int[]){1});
    tasks[0] = joins("A");
    tasks[1] = joins("B");
    trace_settle();
    gyre_task_cancel(tasks[0]);
    gyre_queue_task_done(&queue); /* before it was got: nobody checks that */
    gyre_task_cancel(tasks[1]);
    trace_settle();
    assert_trace("0 A CANCELLED\n0 B CANCELLED\n");
    drop(2, tasks);
    gyre_queue_fini(&queue);
    assert_trace("0 released 1\n");
}

/* ---- the end ---- */

static void test_shutdown(void **state)
{
    gyre_task *tasks[3];
    void *got;

    (void)state;
    init(2);
    put_all(2, (const int[]){1, 2});
    tasks[0] = puts_from("A", 10, 1);
    tasks[1] = joins("J");
    trace_settle();
    gyre_queue_shutdown(&queue, false);
    trace_settle();
    assert_trace("0 A QSHUTDOWN\n");
    assert_int_equal(gyre_queue_put_nowait(&queue, item(3)), GYRE_EQSHUTDOWN);
    tasks[2] = gets("B", 3); /* what is in it can be got */
    trace_settle();
    assert_trace("0 B got 1\n0 B got 2\n0 B QSHUTDOWN\n");
    assert_int_equal(gyre_queue_put_nowait(&queue, item(3)), GYRE_EQSHUTDOWN);
    assert_int_equal(gyre_queue_get_nowait(&queue, &got), GYRE_EQSHUTDOWN);
    assert_int_equal(gyre_queue_task_done(&queue), 0);
    trace_settle();
    assert_trace("");
    assert_int_equal(gyre_queue_task_done(&queue), 0);
    trace_settle();
    assert_trace("0 J 0\n");
    drop(3, tasks);
    gyre_queue_fini(&queue);
}

static void test_shutdown_immediate(void **state)
{
    gyre_task *tasks[4];
    void *got;

    (void)state;
    init(2);
    put_all(2, (const int[]){1, 2});
    tasks[0] = puts_from("A", 10, 1);
    tasks[1] = puts_from("B", 20, 1);
    tasks[2] = joins("J");
    trace_settle();
    gyre_queue_shutdown(&queue, true);
    trace_settle();
    assert_trace("0 released 1\n0 released 2\n0 J 0\n0 A QSHUTDOWN\n0 B QSHUTDOWN\n");
    tasks[3] = puts_from("C", 30, 1);
    trace_settle();
    assert_trace("0 C QSHUTDOWN\n");
    assert_int_equal(gyre_queue_get_nowait(&queue, &got), GYRE_EQSHUTDOWN);
    assert_int_equal(gyre_queue_task_done(&queue), GYRE_ETASKDONE);
    drop(4, tasks);
    gyre_queue_fini(&queue);
}

static void test_shutdown_wakes_getters(void **state)
{
    gyre_task *tasks[3];

    (void)state;
    init(0);
    tasks[0] = gets("A", 1);
    tasks[1] = gets("B", 1);
    trace_settle();
    gyre_task_cancel(tasks[1]);
    gyre_queue_shutdown(&queue, false);
    gyre_queue_shutdown(&queue, true);
    tasks[2] = gets("C", 1);
    trace_settle();
    assert_trace("0 B CANCELLED\n0 A QSHUTDOWN\n0 C QSHUTDOWN\n");
    drop(3, tasks);
    gyre_queue_fini(&queue);
}

/* Tasks that wait when the queue ends, woken or not, do not look at it again. */
static void test_ends_with_waiters(void **state)
{
    gyre_task *tasks[6];

    (void)state;
    init(1);
    tasks[0] = gets("A", 1);
    tasks[1] = gets("B", 1);
    tasks[2] = gets("C", 1);
    tasks[3] = gets("D", 1);
    trace_settle();
    put_all(1, (const int[]){1}); /* wakes A */
    tasks[4] = puts_from("P", 10, 1);
    tasks[5] = joins("J");
    gyre_task_cancel(tasks[2]);
    gyre_queue_fini(&queue);
    memset(&queue, 0x5a, sizeof(queue));
    assert_trace("0 released 1\n");
    init(1); /* P and J begin with this one */
    gyre_task_cancel(tasks[3]);
    trace_settle();
    assert_trace("0 A QSHUTDOWN\n0 P put 10\n0 C CANCELLED\n0 B QSHUTDOWN\n0 D CANCELLED\n");
    gyre_queue_fini(&queue);
    assert_trace("0 released 10\n");
    memset(&queue, 0x5a, sizeof(queue));
    trace_settle();
    assert_trace("0 J QSHUTDOWN\n");
    drop(6, tasks);
}

static void test_close_with_waiters(void **state)
{
    gyre_task *tasks[4];

    (void)state;
    init(1);
    tasks[0] = gets("A", 2);
    tasks[1] = gets("B", 1);
    trace_settle();
    put_all(1, (const int[]){1}); /* A is woken, and does not take it */
    tasks[2] = puts_from("P", 10, 1);
    tasks[3] = joins("J");
    trace_close();
    assert_trace("0 A CANCELLED\n0 B CANCELLED\n");
    gyre_queue_fini(&queue);
    assert_int_equal(gyre_queue_size(&queue), 0);
    assert_trace("released 1\n");
    drop(4, tasks);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, trace_setup, trace_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_getters_are_served_in_order),
        TEST(test_putters_are_served_in_order),
        TEST(test_does_not_suspend),
        TEST(test_stolen_item),
        TEST(test_stolen_room),
        TEST(test_cancelled_getter),
        TEST(test_cancelled_putter),
        TEST(test_wrong_loop),
        TEST(test_join),
        TEST(test_join_cancelled),
        TEST(test_shutdown),
        TEST(test_shutdown_immediate),
        TEST(test_shutdown_wakes_getters),
        TEST(test_ends_with_waiters),
        TEST(test_close_with_waiters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
