/*
 * Threads in numbers: the order of posts, wake-ups that must not be lost, jobs cancelled at any
 * moment.
 *
 * GYRE_POSTS is how many posts there are in all, 1,000,000 if it is not set; a run that hangs is
 * ended by an alarm.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "support/in_task.h"
#include "task/executor.h"
#include "task/thread_future.h"
#include "task/thread_queue.h"

enum { THREADS = 4, PATIENCE = 300 };

static int posts_in_all(void)
{
    const char *text = getenv("GYRE_POSTS");
    int posts = text ? atoi(text) : 0;

    return posts >= THREADS ? posts : 1000000;
}

/* ---- order ---- */

struct poster {
    pthread_t thread;
    gyre_loop *loop;
    int posts;
    int next; /* number of the post that must come next; loop's thread */
    int bad;
    int *left;
};

/* Each poster's arguments are addresses: poster i's n-th post is its base plus n. */
struct post {
    struct poster *poster;
    int number;
};

static int64_t arrive(gyre_loop *loop, void *arg)
{
    struct post *post = arg;
    struct poster *poster = post->poster;

    poster->bad += post->number != poster->next++;
    free(post);
    if (--*poster->left == 0)
        gyre_loop_stop(loop);
    return 0;
}

static void *post_in_order(void *arg)
{
    struct poster *poster = arg;

    for (int i = 0; i < poster->posts; i++) {
        struct post *post = malloc(sizeof(*post));

        *post = (struct post){.poster = poster, .number = i};
        if (gyre_call_soon_threadsafe(poster->loop, arrive, post) < 0)
            abort();
    }
    return NULL;
}

static void test_order_of_each_thread(void **state)
{
    struct poster posters[THREADS];
    int each = posts_in_all() / THREADS, left = each * THREADS;
    gyre_loop *loop;

    (void)state;
    unit_forget_loops();
    assert_int_equal(gyre_loop_new(NULL, &loop), 0);
    for (int i = 0; i < THREADS; i++) {
        posters[i] = (struct poster){.loop = loop, .posts = each, .left = &left};
        assert_int_equal(pthread_create(&posters[i].thread, NULL, post_in_order, &posters[i]), 0);
    }
    assert_int_equal(gyre_loop_run(loop), 0);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(posters[i].thread, NULL), 0);
        assert_int_equal(posters[i].bad, 0);
        assert_int_equal(posters[i].next, each);
    }
    gyre_loop_close(loop);
}

/* ---- wake-ups ---- */

/*
 * The loop has nothing but posts to wake it, and falls asleep after each: a lost one hangs it for
 * good.
 */
struct waker {
    pthread_t thread;
    gyre_loop *loop;
    int posts;
    atomic_int heard;
    int *left;
};

static int64_t hear(gyre_loop *loop, void *arg)
{
    struct waker *waker = arg;

    atomic_fetch_add(&waker->heard, 1);
    if (--*waker->left == 0)
        gyre_loop_stop(loop);
    return 0;
}

/* Every few posts it waits until all were heard, for a different while each time. */
static void *wake_again_and_again(void *arg)
{
    struct waker *waker = arg;

    for (int i = 0; i < waker->posts; i++) {
        if (gyre_call_soon_threadsafe(waker->loop, hear, waker) < 0)
            abort();
        for (volatile int spin = 0; spin < i % 61; spin++)
            ;
        while (i % 8 == 0 && atomic_load(&waker->heard) <= i)
            sched_yield();
    }
    return NULL;
}

static void test_no_wake_up_is_lost(void **state)
{
    struct waker wakers[2];
    int each = posts_in_all() / 4, left = each * 2;
    gyre_loop *loop;

    (void)state;
    assert_int_equal(gyre_loop_new(NULL, &loop), 0);
    for (int i = 0; i < 2; i++) {
        wakers[i] = (struct waker){.loop = loop, .posts = each, .left = &left};
        atomic_init(&wakers[i].heard, 0);
        assert_int_equal(
            pthread_create(&wakers[i].thread, NULL, wake_again_and_again, &wakers[i]), 0);
    }
    assert_int_equal(gyre_loop_run(loop), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(wakers[i].thread, NULL), 0);
        assert_int_equal(atomic_load(&wakers[i].heard), each);
    }
    gyre_loop_close(loop);
}

/* ---- jobs ---- */

static atomic_int arguments, values;

static void release_argument(void *arg)
{
    free(arg);
    atomic_fetch_sub(&arguments, 1);
}

static void drop_value(int64_t value)
{
    (void)value;
    atomic_fetch_sub(&values, 1);
}

static int64_t short_work(void *arg)
{
    for (int i = 0; i < *(int *)arg && !gyre_job_cancelled(); i++)
        sched_yield();
    atomic_fetch_add(&values, 1);
    return 1;
}

/* Awaits a job, with an argument of its own or one in the frame. */
struct worker {
    gyre_frame frame;
    gyre_executor *executor;
    int length;
    gyre_job job;
};
static gyre_job make_job(struct worker *self)
{
    gyre_job job = {.fn = short_work, .arg = &self->length, .drop = drop_value};

    if (self->length % 2) {
        job.arg = malloc(sizeof(int));
        *(int *)job.arg = self->length;
        job.release = release_argument;
        atomic_fetch_add(&arguments, 1);
    }
    return job;
}

GYRE_CORO(worker)
{
    GYRE_BEGIN;
    self->job = make_job(self);
    GYRE_TRY(gyre_run_in_executor(self->executor, &self->job));
    atomic_fetch_sub(&values, 1); /* taken */
    GYRE_END;
}

struct churn {
    gyre_frame frame;
    gyre_executor *executor;
    int rounds;
    int i;
    gyre_task *tasks[32];
    int64_t rc;
};
GYRE_CORO(churn)
{
    GYRE_BEGIN;
    for (; self->rounds > 0; self->rounds--) {
        for (int i = 0; i < 32; i++)
            self->tasks[i] =
                GYRE_SPAWN(worker, .executor = self->executor,
                           .length = (int)(gyre_loop_random(gyre_loop_current()) % 6));
        GYRE_TRY(gyre_sleep(0));
        for (int i = 0; i < 32; i++)
            if (gyre_loop_random(gyre_loop_current()) % 3 == 0)
                gyre_task_cancel(self->tasks[i]);
        for (self->i = 0; self->i < 32; self->i++) {
            GYRE_AWAIT(self->rc, self->tasks[self->i]);
            gyre_task_unref(self->tasks[self->i]);
        }
    }
    GYRE_END;
}

/* Two loops share the threads; every argument is released, every value taken or dropped. */
static void *run_churn(void *arg)
{
    return (void *)(intptr_t)GYRE_RUN(churn, .executor = arg, .rounds = posts_in_all() / 2000);
}

static void test_jobs_cancelled_at_any_moment(void **state)
{
    gyre_executor *executor;
    pthread_t other;
    void *rc;

    (void)state;
    assert_int_equal(gyre_executor_new(&(gyre_executor_options){.threads = 3}, &executor), 0);
    assert_int_equal(pthread_create(&other, NULL, run_churn, executor), 0);
    assert_ptr_equal(run_churn(executor), NULL);
    assert_int_equal(pthread_join(other, &rc), 0);
    assert_ptr_equal(rc, NULL);
    assert_int_equal(gyre_executor_shutdown_blocking(executor, GYRE_FOREVER, false), 0);
    gyre_executor_unref(executor);
    assert_int_equal(atomic_load(&arguments), 0);
    assert_int_equal(atomic_load(&values), 0);
}

/* ---- thread futures ---- */

struct answer {
    gyre_frame frame;
    int number;
};
GYRE_CORO(answer)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(self->number % 3 ? 0 : GYRE_US(10)));
    GYRE_RETURN(self->number);
    GYRE_END;
}

struct asker {
    gyre_loop *loop;
    gyre_thread_future *end;
    int questions;
    int bad;
};

static void *ask(void *arg)
{
    struct asker *asker = arg;

    for (int i = 0; i < asker->questions; i++) {
        gyre_thread_future *future = GYRE_SPAWN_THREADSAFE(asker->loop, answer, .number = i);
        int64_t rc;

        if (i % 5 == 0)
            gyre_thread_future_cancel(future);
        rc = gyre_thread_future_wait(future, GYRE_FOREVER);
        asker->bad += rc != i && !(i % 5 == 0 && rc == GYRE_ECANCELLED);
        gyre_thread_future_unref(future);
    }
    gyre_thread_future_set_result(asker->end, 0);
    return NULL;
}

struct answers {
    gyre_frame frame;
    struct asker askers[2];
    pthread_t threads[2];
    gyre_future *ends[2];
    int i;
};
GYRE_CORO(answers)
{
    GYRE_BEGIN;
    for (int i = 0; i < 2; i++) {
        self->askers[i] = (struct asker){.loop = gyre_loop_current(),
                                         .end = gyre_thread_future_new(),
                                         .questions = posts_in_all() / 100};
        self->ends[i] = gyre_wrap_future(self->askers[i].end);
        assert_int_equal(pthread_create(&self->threads[i], NULL, ask, &self->askers[i]), 0);
    }
    for (self->i = 0; self->i < 2; self->i++) {
        GYRE_TRY(self->ends[self->i]);
        assert_int_equal(pthread_join(self->threads[self->i], NULL), 0);
        assert_int_equal(self->askers[self->i].bad, 0);
        gyre_future_unref(self->ends[self->i]);
        gyre_thread_future_unref(self->askers[self->i].end);
    }
    GYRE_END;
}

static void test_answers(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(answers), 0);
}

/* ---- queues ---- */

static gyre_thread_queue *line;

static void *put_numbers(void *arg)
{
    for (intptr_t i = 1; i <= (intptr_t)arg; i++)
        if (gyre_thread_queue_put_blocking(line, (void *)i, GYRE_FOREVER) < 0)
            abort();
    return NULL;
}

/* Several tasks and threads take; each number goes to one of them. */
struct adder {
    gyre_frame frame;
    int64_t sum;
    void *item;
    int64_t rc;
};
GYRE_CORO(adder)
{
    GYRE_BEGIN;
    for (;;) {
        GYRE_AWAIT(self->rc, gyre_thread_queue_get(line, &self->item));
        if (self->rc < 0)
            GYRE_RETURN(self->sum);
        self->sum += (intptr_t)self->item;
    }
    GYRE_END;
}

static void *add_in_thread(void *arg)
{
    int64_t sum = 0;
    void *item;

    (void)arg;
    while (gyre_thread_queue_get_blocking(line, &item, GYRE_FOREVER) == 0)
        sum += (intptr_t)item;
    return (void *)(intptr_t)sum;
}

static int64_t join_putters(void *arg)
{
    pthread_t *threads = arg;

    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    gyre_thread_queue_shutdown(line, false);
    return 0;
}

struct adds {
    gyre_frame frame;
    int numbers;
    pthread_t putters[2], getter;
    gyre_task *adders[2];
    int64_t sum, rc;
};
GYRE_CORO(adds)
{
    GYRE_BEGIN;
    assert_int_equal(gyre_thread_queue_new(5, NULL, &line), 0);
    for (int i = 0; i < 2; i++) {
        pthread_create(&self->putters[i], NULL, put_numbers, (void *)(intptr_t)self->numbers);
        self->adders[i] = GYRE_SPAWN(adder);
    }
    pthread_create(&self->getter, NULL, add_in_thread, NULL);
    GYRE_TRY(gyre_to_thread(join_putters, self->putters, NULL));
    GYRE_TRY(self->sum, self->adders[0]);
    GYRE_TRY(self->rc, self->adders[1]);
    self->sum += self->rc;
    {
        void *sum;

        pthread_join(self->getter, &sum);
        self->sum += (intptr_t)sum;
    }
    gyre_task_unref(self->adders[0]);
    gyre_task_unref(self->adders[1]);
    gyre_thread_queue_unref(line);
    GYRE_RETURN(self->sum);
    GYRE_END;
}

static void test_queue_between_many(void **state)
{
    int numbers = posts_in_all() / 20;

    (void)state;
    assert_int_equal(GYRE_RUN(adds, .numbers = numbers), (int64_t)numbers * (numbers + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_of_each_thread),
        cmocka_unit_test(test_no_wake_up_is_lost),
        cmocka_unit_test(test_jobs_cancelled_at_any_moment),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_queue_between_many),
    };

    alarm(PATIENCE);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
