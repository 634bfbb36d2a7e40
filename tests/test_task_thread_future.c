/* Thread futures: blocking, cancelling, coroutines spawned from threads, bridges between loops. */
#include <pthread.h>
#include <sched.h>

#include "support/gate.h"
#include "support/in_task.h"
#include "task/thread_future.h"
#include "task/thread_queue.h"

static gyre_thread_future *shared;

/* Runs the function in a thread of its own. */
static pthread_t start_thread(void *(*function)(void *), void *arg)
{
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, function, arg), 0);
    return thread;
}

static void join_thread(pthread_t thread)
{
    assert_int_equal(pthread_join(thread, NULL), 0);
}

/* ---- alone ---- */

static void test_states(void **state)
{
    gyre_thread_future *future = gyre_thread_future_new();
    gyre_error *why = gyre_error_new(GYRE_EUSER(3), "because");

    (void)state;
    unit_forget_loops();
    assert_false(gyre_thread_future_done(future));
    assert_int_equal(gyre_thread_future_wait(future, 0), GYRE_ETIMEOUT);
    assert_int_equal(gyre_thread_future_wait(future, GYRE_MS(1)), GYRE_ETIMEOUT);
    assert_int_equal(gyre_thread_future_set_result(future, -1), -EINVAL);
    assert_int_equal(gyre_thread_future_set_exception(future, GYRE_ECANCELLED, NULL), -EINVAL);
    assert_int_equal(gyre_thread_future_set_result(future, 7), 0);
    assert_int_equal(gyre_thread_future_set_result(future, 8), GYRE_EINVALIDSTATE);
    assert_int_equal(gyre_thread_future_cancel(future), 0);
    assert_int_equal(gyre_thread_future_wait(future, GYRE_FOREVER), 7);
    assert_false(gyre_thread_future_cancelled(future));
    gyre_thread_future_unref(future);

    future = gyre_thread_future_new();
    assert_int_equal(gyre_thread_future_set_exception(future, GYRE_EUSER(3), why), 0);
    gyre_error_unref(why);
    assert_int_equal(gyre_thread_future_wait(future, 0), GYRE_EUSER(3));
    assert_string_equal(gyre_error_text(gyre_error_current()), "because");
    gyre_error_clear();
    gyre_thread_future_unref(future);

    future = gyre_thread_future_new();
    assert_int_equal(gyre_thread_future_cancel(future), 1);
    assert_true(gyre_thread_future_cancelled(future));
    assert_int_equal(gyre_thread_future_wait(future, 0), GYRE_ECANCELLED);
    gyre_thread_future_unref(future);
    gyre_thread_future_unref(NULL);
}

static void *complete_shared(void *arg)
{
    (void)arg;
    gyre_thread_future_set_result(shared, 5);
    return NULL;
}

static void test_wait_blocks(void **state)
{
    pthread_t thread;

    (void)state;
    shared = gyre_thread_future_new();
    thread = start_thread(complete_shared, NULL);
    assert_int_equal(gyre_thread_future_wait(shared, GYRE_FOREVER), 5);
    join_thread(thread);
    gyre_thread_future_unref(shared);
}

/* ---- wrapped by a loop ---- */

struct wraps {
    gyre_frame frame;
    gyre_future *wrapped, *again;
    pthread_t thread;
    int64_t rc;
};
GYRE_CORO(wraps)
{
    GYRE_BEGIN;
    shared = gyre_thread_future_new();
    self->wrapped = gyre_wrap_future(shared);
    self->again = gyre_wrap_future(shared);
    assert_int_equal(gyre_thread_future_wait(shared, GYRE_SECONDS(1)), GYRE_ESTATE);
    self->thread = start_thread(complete_shared, NULL);
    GYRE_TRY(self->rc, self->wrapped);
    assert_int_equal(self->rc, 5);
    GYRE_TRY(self->rc, self->again);
    assert_int_equal(self->rc, 5);
    join_thread(self->thread);
    gyre_future_unref(self->wrapped);
    gyre_future_unref(self->again);
    self->wrapped = gyre_wrap_future(shared); /* of one that is done */
    GYRE_TRY(self->rc, self->wrapped);
    assert_int_equal(self->rc, 5);
    gyre_future_unref(self->wrapped);
    gyre_thread_future_unref(shared);
    assert_null(gyre_wrap_future(NULL));
    GYRE_END;
}
TASK_TEST(wraps);

struct wrap_cancels {
    gyre_frame frame;
    gyre_future *wrapped, *other;
    int64_t rc;
};
GYRE_CORO(wrap_cancels)
{
    GYRE_BEGIN;
    shared = gyre_thread_future_new();
    self->wrapped = gyre_wrap_future(shared);
    self->other = gyre_wrap_future(shared);
    assert_int_equal(gyre_future_cancel(self->wrapped), 1);
    assert_true(gyre_thread_future_cancelled(shared));
    GYRE_AWAIT(self->rc, self->other);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    assert_true(gyre_future_cancelled(self->other));
    gyre_future_unref(self->wrapped);
    gyre_future_unref(self->other);
    gyre_thread_future_unref(shared);
    shared = gyre_thread_future_new(); /* done, and on its way when it is cancelled */
    self->wrapped = gyre_wrap_future(shared);
    gyre_thread_future_set_result(shared, 1);
    assert_int_equal(gyre_future_cancel(self->wrapped), 1);
    assert_false(gyre_thread_future_cancelled(shared));
    gyre_future_unref(self->wrapped);
    gyre_thread_future_unref(shared);
    shared = gyre_thread_future_new(); /* left to the closing of the loop */
    self->wrapped = gyre_wrap_future(shared);
    gyre_future_unref(self->wrapped);
    GYRE_END;
}

static void run_wrap_cancels(void **state)
{
    const gyre_run_options options = {.loop.clock = GYRE_CLOCK_VIRTUAL};

    (void)state;
    assert_int_equal(GYRE_RUN_WITH(options, wrap_cancels), 0);
    assert_int_equal(gyre_thread_future_set_result(shared, 3), 0); /* nobody hears of it */
    gyre_thread_future_unref(shared);
}

/* ---- followed ---- */

struct follows {
    gyre_frame frame;
    gyre_future *future;
    gyre_thread_future *answers[3];
};
GYRE_CORO(follows)
{
    GYRE_BEGIN;
    self->future = gyre_future_new(gyre_loop_current());
    self->answers[0] = gyre_thread_future_follow(self->future);
    gyre_future_set_exception(self->future, GYRE_EUSER(1), NULL);
    self->answers[1] = gyre_thread_future_follow(self->future);
    gyre_future_unref(self->future);
    GYRE_TRY(gyre_sleep(0));
    GYRE_TRY(gyre_sleep(0));
    assert_int_equal(gyre_thread_future_wait(self->answers[0], 0), GYRE_EUSER(1));
    assert_int_equal(gyre_thread_future_wait(self->answers[1], 0), GYRE_EUSER(1));
    gyre_error_clear();
    self->future = gyre_future_new(gyre_loop_current());
    self->answers[2] = gyre_thread_future_follow(self->future);
    assert_int_equal(gyre_thread_future_cancel(self->answers[2]), 1);
    GYRE_TRY(gyre_sleep(0));
    GYRE_TRY(gyre_sleep(0));
    assert_true(gyre_future_cancelled(self->future));
    gyre_future_unref(self->future);
    for (int i = 0; i < 3; i++)
        gyre_thread_future_unref(self->answers[i]);
    self->future = gyre_future_new(gyre_loop_current());
    shared = gyre_thread_future_follow(self->future); /* never done: the loop closes */
    gyre_future_unref(self->future);
    GYRE_END;
}

static void run_follows(void **state)
{
    const gyre_run_options options = {.loop.clock = GYRE_CLOCK_VIRTUAL};

    (void)state;
    assert_int_equal(GYRE_RUN_WITH(options, follows), 0);
    assert_int_equal(gyre_thread_future_wait(shared, 0), GYRE_ELOOPCLOSED);
    gyre_thread_future_unref(shared);
}

/* ---- spawned from a thread ---- */

static char spawned_order[64];

struct spawned {
    gyre_frame frame;
    int number;
    bool stays;
};
GYRE_CORO(spawned)
{
    GYRE_BEGIN;
    {
        size_t length = strlen(spawned_order);

        if (length + 1 < sizeof(spawned_order))
            spawned_order[length] = (char)('0' + self->number);
    }
    GYRE_TRY(gyre_sleep(self->stays ? GYRE_SECONDS(100) : 0));
    GYRE_RETURN(self->number * 2);
    GYRE_END;
}

/* A loop, and the thread that uses it. */
struct asker {
    gyre_loop *loop;
    gyre_thread_future *may_end;
    int64_t results[8];
};

static void *ask(void *arg)
{
    struct asker *asker = arg;
    gyre_thread_future *answers[4];

    for (int i = 0; i < 4; i++)
        answers[i] = GYRE_SPAWN_THREADSAFE(asker->loop, spawned, .number = i);
    for (int i = 0; i < 4; i++) {
        asker->results[i] = gyre_thread_future_wait(answers[i], GYRE_FOREVER);
        gyre_thread_future_unref(answers[i]);
    }
    answers[0] = GYRE_SPAWN_THREADSAFE(asker->loop, spawned, .number = 5, .stays = true);
    asker->results[4] = gyre_thread_future_wait(answers[0], GYRE_MS(2));
    asker->results[5] = gyre_thread_future_cancel(answers[0]);
    asker->results[6] = gyre_thread_future_wait(answers[0], 0);
    gyre_thread_future_unref(answers[0]);
    gyre_thread_future_set_result(asker->may_end, 0);
    return NULL;
}

struct is_asked {
    gyre_frame frame;
    struct asker *asker;
    gyre_future *end;
    pthread_t thread;
};
GYRE_CORO(is_asked)
{
    GYRE_BEGIN;
    self->asker->loop = gyre_loop_current();
    self->asker->may_end = gyre_thread_future_new();
    self->end = gyre_wrap_future(self->asker->may_end);
    self->thread = start_thread(ask, self->asker);
    GYRE_TRY(self->end);
    join_thread(self->thread);
    gyre_future_unref(self->end);
    gyre_thread_future_unref(self->asker->may_end);
    GYRE_TRY(gyre_sleep(0));
    GYRE_TRY(gyre_sleep(0));
    {
        gyre_loop_stats stats;

        gyre_loop_get_stats(gyre_loop_current(), &stats);
        assert_int_equal(stats.tasks, 1); /* the cancelled one has ended */
    }
    GYRE_END;
}

static void test_spawn_from_a_thread(void **state)
{
    struct asker asker = {.loop = NULL};

    (void)state;
    memset(spawned_order, 0, sizeof(spawned_order));
    assert_int_equal(GYRE_RUN(is_asked, .asker = &asker), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(asker.results[i], 2 * i);
    assert_int_equal(asker.results[4], GYRE_ETIMEOUT);
    assert_int_equal(asker.results[5], 1);
    assert_int_equal(asker.results[6], GYRE_ECANCELLED);
    assert_memory_equal(spawned_order, "0123", 4);
}

/*
 * The loop closes before the coroutine starts, and while it runs; a cancelled one does not start.
 */
static void test_spawn_and_close(void **state)
{
    gyre_loop *loop = unit_loop();
    gyre_thread_future *early, *late, *never;

    (void)state;
    memset(spawned_order, 0, sizeof(spawned_order));
    never = GYRE_SPAWN_THREADSAFE(loop, spawned, .number = 1);
    gyre_thread_future_cancel(never);
    early = GYRE_SPAWN_THREADSAFE(loop, spawned, .number = 2, .stays = true);
    for (int i = 0; i < 3; i++)
        assert_true(gyre_loop_run_once(loop, 0) >= 0);
    late = GYRE_SPAWN_THREADSAFE(loop, spawned, .number = 3);
    assert_int_equal(gyre_loop_close(loop), 0);
    assert_int_equal(gyre_thread_future_wait(early, 0), GYRE_ECANCELLED);
    assert_int_equal(gyre_thread_future_wait(late, 0), GYRE_ELOOPCLOSED);
    assert_string_equal(spawned_order, "2");
    assert_int_equal(gyre_thread_future_cancel(early), 0);
    gyre_thread_future_unref(early);
    gyre_thread_future_unref(late);
    gyre_thread_future_unref(never);
}

/* ---- from loop to loop ---- */

struct producer {
    gyre_frame frame;
    gyre_future *made;
    gyre_thread_future *over;
    gyre_future *end;
};
GYRE_CORO(producer)
{
    GYRE_BEGIN;
    self->made = gyre_future_new(gyre_loop_current());
    gyre_thread_future_set_result(self->over, (intptr_t)gyre_thread_future_follow(self->made));
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    gyre_future_set_result(self->made, 99);
    gyre_future_unref(self->made);
    GYRE_TRY(gyre_sleep(0));
    GYRE_END;
}

static void *produce(void *arg)
{
    return (void *)(intptr_t)GYRE_RUN(producer, .over = arg);
}

struct consumer {
    gyre_frame frame;
    gyre_thread_future *over, *followed;
    gyre_future *wrapped;
    pthread_t thread;
    int64_t rc;
};
GYRE_CORO(consumer)
{
    GYRE_BEGIN;
    self->over = gyre_thread_future_new();
    self->wrapped = gyre_wrap_future(self->over);
    self->thread = start_thread(produce, self->over);
    GYRE_TRY(self->rc, self->wrapped);
    gyre_future_unref(self->wrapped);
    self->followed = (gyre_thread_future *)(intptr_t)self->rc;
    self->wrapped = gyre_wrap_future(self->followed);
    GYRE_TRY(self->rc, self->wrapped);
    assert_int_equal(self->rc, 99);
    gyre_future_unref(self->wrapped);
    join_thread(self->thread);
    gyre_thread_future_unref(self->followed);
    gyre_thread_future_unref(self->over);
    GYRE_END;
}
TASK_TEST(consumer);

/* ---- jobs without a loop ---- */

static void test_submit_without_a_loop(void **state)
{
    const gyre_executor_options options = {.threads = 1, .queue_limit = 1};
    struct gate door;
    const gyre_job job = {
        .fn = gate_pass, .arg = &door, .release = gate_release, .drop = gate_drop};
    gyre_thread_future *running, *queued, *full;
    gyre_executor *executor;

    (void)state;
    gate_init(&door);
    assert_int_equal(gyre_executor_new(&options, &executor), 0);
    running = gyre_executor_submit_threadsafe(executor, &job);
    gate_await_jobs(&door, 1);
    queued = gyre_executor_submit_threadsafe(executor, &job);
    full = gyre_executor_submit_threadsafe(executor, &job);
    assert_int_equal(gyre_thread_future_wait(full, 0), GYRE_EQFULL);
    assert_int_equal(door.released, 1);
    assert_int_equal(gyre_thread_future_cancel(queued), 1);
    assert_int_equal(door.released, 2);
    gate_open(&door);
    assert_int_equal(gyre_thread_future_wait(running, GYRE_FOREVER), 42);
    gyre_thread_future_unref(running);
    gate_init(&door);
    running = gyre_executor_submit_threadsafe(executor, &job);
    gate_await_jobs(&door, 1);
    assert_int_equal(gyre_thread_future_cancel(running), 1);
    gate_open(&door);
    assert_int_equal(gyre_executor_shutdown_blocking(executor, GYRE_FOREVER, false), 0);
    assert_int_equal(door.told, 1);
    assert_int_equal(door.dropped, 1);
    gyre_thread_future_unref(running);
    gyre_thread_future_unref(queued);
    gyre_thread_future_unref(full);
    gyre_executor_unref(executor);
}

/* ---- queues between threads and tasks ---- */

enum { ITEMS = 3000 };

static gyre_thread_queue *to_loop, *to_thread;

static void *work_in_thread(void *arg)
{
    void *item;

    (void)arg;
    while (gyre_thread_queue_get_blocking(to_thread, &item, GYRE_FOREVER) == 0)
        if (gyre_thread_queue_put_blocking(to_loop, item, GYRE_FOREVER) < 0)
            break;
    gyre_thread_queue_shutdown(to_loop, false);
    return NULL;
}

struct sender {
    gyre_frame frame;
    intptr_t i;
};
GYRE_CORO(sender)
{
    GYRE_BEGIN;
    for (self->i = 0; self->i < ITEMS; self->i++)
        GYRE_TRY(gyre_thread_queue_put(to_thread, (void *)self->i));
    gyre_thread_queue_shutdown(to_thread, false);
    GYRE_END;
}

struct exchange {
    gyre_frame frame;
    gyre_task *sender;
    pthread_t thread;
    void *item;
    intptr_t next;
    int64_t rc;
};
GYRE_CORO(exchange)
{
    GYRE_BEGIN;
    assert_int_equal(gyre_thread_queue_new(3, NULL, &to_thread), 0);
    assert_int_equal(gyre_thread_queue_new(3, NULL, &to_loop), 0);
    self->thread = start_thread(work_in_thread, NULL);
    self->sender = GYRE_SPAWN(sender);
    for (;;) {
        GYRE_AWAIT(self->rc, gyre_thread_queue_get(to_loop, &self->item));
        if (self->rc < 0)
            break;
        assert_int_equal((intptr_t)self->item, self->next);
        self->next++;
    }
    assert_int_equal(self->rc, GYRE_EQSHUTDOWN);
    assert_int_equal(self->next, ITEMS);
    GYRE_TRY(self->sender);
    gyre_task_unref(self->sender);
    join_thread(self->thread);
    gyre_thread_queue_unref(to_thread);
    gyre_thread_queue_unref(to_loop);
    GYRE_END;
}
TASK_TEST(exchange);

static int released_items;

static void release_item(void *item)
{
    (void)item;
    released_items++;
}

static void test_queue_without_waiting(void **state)
{
    gyre_thread_queue *queue;
    void *item;

    (void)state;
    unit_forget_loops();
    released_items = 0;
    assert_int_equal(gyre_thread_queue_new(0, NULL, &queue), -EINVAL);
    assert_int_equal(gyre_thread_queue_new(2, release_item, &queue), 0);
    assert_int_equal(gyre_thread_queue_get_nowait(queue, &item), GYRE_EQEMPTY);
    assert_int_equal(gyre_thread_queue_get_blocking(queue, &item, GYRE_MS(1)), GYRE_ETIMEOUT);
    assert_int_equal(gyre_thread_queue_put_nowait(queue, &item), 0);
    assert_int_equal(gyre_thread_queue_put_blocking(queue, &queue, 0), 0);
    assert_int_equal(gyre_thread_queue_put_nowait(queue, &item), GYRE_EQFULL);
    assert_int_equal(gyre_thread_queue_put_blocking(queue, &item, GYRE_MS(1)), GYRE_ETIMEOUT);
    assert_int_equal(gyre_thread_queue_size(queue), 2);
    gyre_thread_queue_shutdown(queue, false);
    assert_int_equal(gyre_thread_queue_put_nowait(queue, &item), GYRE_EQSHUTDOWN);
    assert_int_equal(gyre_thread_queue_get_nowait(queue, &item), 0);
    gyre_thread_queue_shutdown(queue, true);
    assert_int_equal(released_items, 1);
    assert_int_equal(gyre_thread_queue_get_nowait(queue, &item), GYRE_EQSHUTDOWN);
    gyre_thread_queue_unref(queue);
    assert_int_equal(gyre_thread_queue_new(2, release_item, &queue), 0);
    assert_int_equal(gyre_thread_queue_put_nowait(queue, &item), 0);
    gyre_thread_queue_unref(queue);
    assert_int_equal(released_items, 2);
}

struct getter {
    gyre_frame frame;
    gyre_thread_queue *queue;
    void *item;
};
GYRE_CORO(getter)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_thread_queue_get(self->queue, &self->item));
    GYRE_RETURN((intptr_t)self->item);
    GYRE_END;
}

/*
 * A getter that was woken and then cancelled leaves the item to the next; threads cannot wait in a
 * loop.
 */
struct cancelled_getter {
    gyre_frame frame;
    gyre_thread_queue *queue;
    gyre_task *first, *second;
    void *item;
    int64_t rc;
};
GYRE_CORO(cancelled_getter)
{
    GYRE_BEGIN;
    assert_int_equal(gyre_thread_queue_new(2, NULL, &self->queue), 0);
    assert_int_equal(gyre_thread_queue_get_blocking(self->queue, &self->item, GYRE_MS(1)),
                     GYRE_ESTATE);
    self->first = GYRE_SPAWN(getter, .queue = self->queue);
    self->second = GYRE_SPAWN(getter, .queue = self->queue);
    GYRE_TRY(gyre_sleep(0));
    assert_int_equal(gyre_thread_queue_put_nowait(self->queue, (void *)(intptr_t)9), 0);
    gyre_task_cancel(self->first);
    GYRE_AWAIT(self->rc, self->first);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    GYRE_TRY(self->rc, self->second);
    assert_int_equal(self->rc, 9);
    gyre_task_unref(self->first);
    gyre_task_unref(self->second);
    self->first = GYRE_SPAWN(getter, .queue = self->queue);
    GYRE_TRY(gyre_sleep(0));
    gyre_thread_queue_shutdown(self->queue, true);
    GYRE_AWAIT(self->rc, self->first);
    assert_int_equal(self->rc, GYRE_EQSHUTDOWN);
    gyre_task_unref(self->first);
    gyre_thread_queue_unref(self->queue);
    GYRE_END;
}
TASK_TEST(cancelled_getter);

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_wait_blocks),
        cmocka_unit_test(run_wraps),
        cmocka_unit_test(run_wrap_cancels),
        cmocka_unit_test(run_follows),
        cmocka_unit_test(test_spawn_from_a_thread),
        cmocka_unit_test(test_spawn_and_close),
        cmocka_unit_test(run_consumer),
        cmocka_unit_test(test_submit_without_a_loop),
        cmocka_unit_test(run_exchange),
        cmocka_unit_test(test_queue_without_waiting),
        cmocka_unit_test(run_cancelled_getter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
