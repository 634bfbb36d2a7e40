/*
 * Posts from other threads: order within each thread, no lost wake-up, stopping, deadlocks not
 * imagined.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "support/unit.h"

enum { THREADS = 4, POSTS = 20000 };

static struct {
    gyre_loop *loop;
    uint32_t next[THREADS]; /* number expected from each thread */
    unsigned left;          /* posts that have not come yet */
    bool ordered;
    atomic_bool go;
} flood;

static int64_t receive(gyre_loop *loop, void *arg)
{
    uintptr_t word = (uintptr_t)arg;
    unsigned thread = (unsigned)(word >> 32);

    if (flood.next[thread]++ != (uint32_t)word)
        flood.ordered = false;
    if (--flood.left == 0)
        gyre_loop_stop(loop);
    return 0;
}

/* Pauses now and then, so that the loop falls asleep and must be woken. */
static void *send(void *arg)
{
    uintptr_t thread = (uintptr_t)arg;

    while (!atomic_load(&flood.go))
        ;
    for (uintptr_t i = 0; i < POSTS; i++) {
        assert_int_equal(gyre_call_soon_threadsafe(flood.loop, receive, (void *)(thread << 32 | i)),
                         0);
        if (i % 509 == 0)
            nanosleep(&(struct timespec){.tv_nsec = (long)(thread * 7000 + i % 13 * 1000)}, NULL);
    }
    return NULL;
}

static void four_threads_keep_their_order(void **state)
{
    pthread_t threads[THREADS];

    (void)state;
    flood.loop = unit_loop_with(NULL);
    flood.left = THREADS * POSTS;
    flood.ordered = true;
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, send, (void *)i), 0);
    atomic_store(&flood.go, true);
    assert_int_equal(gyre_loop_run(flood.loop), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_true(flood.ordered);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(flood.next[i], POSTS);
    gyre_loop_close(flood.loop);
}

/* Ping-pong: a lost wake-up hangs here (and the alarm ends it). */
static struct {
    gyre_loop *loop;
    atomic_uint turn; /* odd: the thread's */
    unsigned rounds;
} game;

static int64_t pong(gyre_loop *loop, void *arg)
{
    (void)arg;
    if (--game.rounds == 0)
        gyre_loop_stop(loop);
    atomic_fetch_add(&game.turn, 1);
    return 0;
}

static void *play(void *arg)
{
    (void)arg;
    for (unsigned round = 1; round <= 5000; round++) {
        while (atomic_load(&game.turn) != round)
            sched_yield();
        if (round % 3 == 0)
            nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL); /* surely asleep by now */
        gyre_call_soon_threadsafe(game.loop, pong, NULL);
    }
    return NULL;
}

static void no_wake_up_is_lost(void **state)
{
    pthread_t thread;

    (void)state;
    game.loop = unit_loop_with(NULL);
    game.rounds = 5000;
    atomic_store(&game.turn, 1);
    pthread_create(&thread, NULL, play, NULL);
    assert_int_equal(gyre_loop_run(game.loop), 0);
    pthread_join(thread, NULL);
    gyre_loop_close(game.loop);
}

static void *stop_soon(void *arg)
{
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    gyre_loop_stop_threadsafe(arg);
    return NULL;
}

static void stopping_from_a_thread(void **state)
{
    gyre_loop *loop = unit_loop_with(NULL);
    pthread_t thread;

    (void)state;
    pthread_create(&thread, NULL, stop_soon, loop);
    assert_int_equal(gyre_loop_run(loop), 0); /* no deadlock: there is another thread */
    pthread_join(thread, NULL);
    gyre_loop_close(loop);
}

static int64_t release(gyre_loop *loop, void *arg)
{
    (void)arg;
    gyre_loop_release(loop);
    unit_trace("post@%llu", (unsigned long long)gyre_loop_time(loop));
    return 0;
}

static void *post_release(void *arg)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    gyre_call_soon_threadsafe(arg, release, NULL);
    return NULL;
}

/* With a hold the virtual clock waits for the post before it jumps to the timer. */
static void a_hold_keeps_the_virtual_clock(void **state)
{
    gyre_loop *loop = unit_loop();
    pthread_t thread;

    (void)state;
    gyre_call_later(loop, 10, unit_trace_callback, "timer", NULL);
    gyre_loop_hold(loop);
    pthread_create(&thread, NULL, post_release, loop);
    unit_run_dry(loop);
    unit_assert_trace("post@0 timer");
    pthread_join(thread, NULL);
    gyre_loop_close(loop);
}

static int64_t post_to_itself(gyre_loop *loop, void *arg)
{
    unit_trace("%s", (char *)arg);
    gyre_call_soon_threadsafe(loop, unit_trace_callback, "posted");
    gyre_call_soon(loop, unit_trace_callback, "soon", NULL);
    return 0;
}

static void from_the_loops_own_thread(void **state)
{
    gyre_loop *loop = unit_loop();

    (void)state;
    gyre_call_soon_threadsafe(loop, post_to_itself, "first");
    unit_run_dry(loop);
    unit_assert_trace("first soon posted");
    gyre_loop_close(loop);
}

static int64_t fail_post(gyre_loop *loop, void *arg)
{
    (void)loop;
    return gyre_raise(gyre_error_new(GYRE_EUSER(1), arg));
}

static void errors_are_reported(void **state)
{
    gyre_loop *loop = unit_loop();

    (void)state;
    unit_record_reports(loop);
    gyre_call_soon_threadsafe(loop, fail_post, "posted");
    unit_run_dry(loop);
    assert_string_equal(unit_last_report()->text, "posted");
    gyre_loop_close(loop);
}

/* A loop runs in the thread that first runs it; each thread has a current loop of its own. */
static void *run_in_thread(void *arg)
{
    gyre_loop *loop = arg;

    assert_null(gyre_loop_current());
    gyre_call_soon(loop, unit_trace_callback, "in-thread", NULL);
    unit_run_dry(loop);
    gyre_loop_close(loop);
    return NULL;
}

/* The first run moves the loop to the thread, though another one made it. */
static void *adopt(void *arg)
{
    gyre_loop *loop = arg;

    assert_int_equal(gyre_loop_run_once(loop, 0), 0);
    return run_in_thread(arg);
}

static void made_here_run_there(void **state)
{
    gyre_loop *loop = unit_loop();
    pthread_t thread;

    (void)state;
    pthread_create(&thread, NULL, adopt, loop);
    pthread_join(thread, NULL);
    unit_assert_trace("in-thread");
}

static int start_watchdog(void **state)
{
    (void)state;
    alarm(50);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(four_threads_keep_their_order),
        cmocka_unit_test(no_wake_up_is_lost),
        cmocka_unit_test(stopping_from_a_thread),
        cmocka_unit_test(a_hold_keeps_the_virtual_clock),
        cmocka_unit_test(from_the_loops_own_thread),
        cmocka_unit_test(errors_are_reported),
        cmocka_unit_test(made_here_run_there),
    };

    return cmocka_run_group_tests(tests, start_watchdog, NULL);
}
