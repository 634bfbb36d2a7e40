/* Signal handlers of a loop: delivery, replacing, removing, ownership, waking a sleeping loop. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "support/unit.h"

static int64_t stop(gyre_loop *loop, void *arg)
{
    unit_trace("%s", (char *)arg);
    gyre_loop_stop(loop);
    return 0;
}

static void are_run_as_handles(void **state)
{
    gyre_loop *loop = unit_loop_with(NULL);

    (void)state;
    assert_int_equal(gyre_loop_add_signal_handler(loop, SIGUSR1, stop, "usr1"), 0);
    assert_int_equal(gyre_loop_add_signal_handler(loop, SIGUSR2, unit_trace_callback, "usr2"), 0);
    raise(SIGUSR2);
    raise(SIGUSR1);
    raise(SIGUSR1); /* merged, as signals are */
    unit_assert_trace("");
    assert_int_equal(gyre_loop_run(loop), 0);
    unit_assert_trace("usr1 usr2"); /* by number */
    assert_int_equal(gyre_loop_remove_signal_handler(loop, SIGUSR1), 1);
    assert_int_equal(gyre_loop_remove_signal_handler(loop, SIGUSR1), 0);
    assert_int_equal(gyre_loop_remove_signal_handler(loop, SIGUSR2), 1);
    gyre_loop_close(loop);
}

static void *send_signal(void *arg)
{
    (void)arg;
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    kill(getpid(), SIGUSR1);
    return NULL;
}

static void wake_a_sleeping_loop(void **state)
{
    gyre_loop *loop = unit_loop_with(NULL);
    pthread_t thread;

    (void)state;
    gyre_loop_add_signal_handler(loop, SIGUSR1, stop, "woken");
    pthread_create(&thread, NULL, send_signal, NULL);
    assert_int_equal(gyre_loop_run(loop), 0); /* no deadlock is seen: a signal can come */
    pthread_join(thread, NULL);
    unit_assert_trace("woken");
    gyre_loop_close(loop);
}

static void replacing_and_removing_while_pending(void **state)
{
    gyre_loop *loop = unit_loop();

    (void)state;
    gyre_loop_add_signal_handler(loop, SIGUSR1, unit_trace_callback, "old");
    raise(SIGUSR1);
    gyre_loop_add_signal_handler(loop, SIGUSR1, unit_trace_callback, "new");
    unit_run_dry(loop);
    unit_assert_trace("new");
    raise(SIGUSR1);
    gyre_loop_remove_signal_handler(loop, SIGUSR1);
    unit_run_dry(loop);
    unit_assert_trace("");
    gyre_loop_close(loop);
}

static int64_t remove_other(gyre_loop *loop, void *arg)
{
    (void)arg;
    unit_trace("first");
    gyre_loop_remove_signal_handler(loop, SIGUSR1);
    gyre_loop_remove_signal_handler(loop, SIGUSR2); /* its node is in the ready queue already */
    return gyre_loop_add_signal_handler(loop, SIGUSR2, unit_trace_callback, "fresh");
}

static void removing_what_is_queued(void **state)
{
    gyre_loop *loop = unit_loop();

    (void)state;
    gyre_loop_add_signal_handler(loop, SIGUSR1, remove_other, NULL);
    gyre_loop_add_signal_handler(loop, SIGUSR2, unit_trace_callback, "removed");
    raise(SIGUSR1);
    raise(SIGUSR2);
    unit_run_dry(loop);
    unit_assert_trace("first");
    raise(SIGUSR2);
    unit_run_dry(loop);
    unit_assert_trace("fresh");
    raise(SIGUSR2);
    gyre_loop_close(loop);
    unit_assert_trace("");
}

static volatile sig_atomic_t before;

static void count_before(int number)
{
    (void)number;
    before++;
}

static void the_old_action_is_restored(void **state)
{
    struct sigaction action = {.sa_handler = count_before}, now;
    gyre_loop *loop = unit_loop();

    (void)state;
    sigaction(SIGUSR1, &action, NULL);
    gyre_loop_add_signal_handler(loop, SIGUSR1, unit_trace_callback, "x");
    gyre_loop_close(loop);
    sigaction(SIGUSR1, NULL, &now);
    assert_ptr_equal(now.sa_handler, count_before);
    raise(SIGUSR1);
    assert_int_equal(before, 1);
    signal(SIGUSR1, SIG_DFL);
}

static void one_loop_owns_a_signal(void **state)
{
    gyre_loop *one = unit_loop(), *two = unit_loop();

    (void)state;
    assert_int_equal(gyre_loop_add_signal_handler(one, SIGUSR1, unit_trace_callback, "one"), 0);
    assert_int_equal(gyre_loop_add_signal_handler(two, SIGUSR1, unit_trace_callback, "two"),
                     -EBUSY);
    assert_int_equal(gyre_loop_remove_signal_handler(two, SIGUSR1), 0);
    raise(SIGUSR1);
    unit_run_dry(two);
    unit_run_dry(one);
    unit_assert_trace("one");
    gyre_loop_close(one);
    assert_int_equal(gyre_loop_add_signal_handler(two, SIGUSR1, unit_trace_callback, "two"), 0);
    gyre_loop_close(two);
}

static void bad_numbers(void **state)
{
    gyre_loop *loop = unit_loop();
    const int numbers[] = {0, -1, 65, 1000, SIGKILL, SIGSTOP, 32, 33};

    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        assert_int_equal(gyre_loop_add_signal_handler(loop, numbers[i], unit_trace_callback, ""),
                         -EINVAL);
    assert_int_equal(gyre_loop_add_signal_handler(loop, SIGRTMAX, unit_trace_callback, "rtmax"), 0);
    raise(SIGRTMAX);
    unit_run_dry(loop);
    unit_assert_trace("rtmax");
    assert_int_equal(gyre_loop_remove_signal_handler(loop, -1), 0);
    gyre_loop_close(loop);
}

static int64_t fail_handler(gyre_loop *loop, void *arg)
{
    (void)loop;
    return gyre_raise(gyre_error_new(-EIO, arg));
}

static void errors_are_reported(void **state)
{
    gyre_loop *loop = unit_loop();

    (void)state;
    unit_record_reports(loop);
    gyre_loop_add_signal_handler(loop, SIGUSR1, fail_handler, "in handler");
    raise(SIGUSR1);
    unit_run_dry(loop);
    assert_int_equal(unit_last_report()->code, -EIO);
    assert_string_equal(unit_last_report()->text, "in handler");
    gyre_loop_close(loop);
}

/* A write to a broken pipe is an error in a loop's thread, not the end of the process. */
static void sigpipe_is_held_back_while_a_loop_lives(void **state)
{
    gyre_loop *loop = unit_loop();
    sigset_t blocked;

    (void)state;
    gyre_loop_run_once(loop, 0);
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    assert_true(sigismember(&blocked, SIGPIPE));
    raise(SIGPIPE);
    gyre_loop_close(loop);
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    assert_false(sigismember(&blocked, SIGPIPE));
}

/* Signals that come to other threads all the while that loops come and go. */
static atomic_bool storm_over;

static void *storm(void *arg)
{
    (void)arg;
    while (!atomic_load(&storm_over))
        pthread_kill(pthread_self(), SIGUSR1);
    return NULL;
}

static void loops_come_and_go_in_a_storm(void **state)
{
    pthread_t threads[2];

    (void)state;
    signal(SIGUSR1, SIG_IGN);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, storm, NULL);
    for (int i = 0; i < 300; i++) {
        gyre_loop *loop = unit_loop_with(&(gyre_loop_options){.ring_entries = 2});

        assert_int_equal(gyre_loop_add_signal_handler(loop, SIGUSR1, stop, "x"), 0);
        gyre_loop_run_once(loop, GYRE_US(200));
        gyre_loop_close(loop);
    }
    atomic_store(&storm_over, true);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    signal(SIGUSR1, SIG_DFL);
    unit_forget_trace();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(are_run_as_handles),
        cmocka_unit_test(wake_a_sleeping_loop),
        cmocka_unit_test(replacing_and_removing_while_pending),
        cmocka_unit_test(removing_what_is_queued),
        cmocka_unit_test(the_old_action_is_restored),
        cmocka_unit_test(one_loop_owns_a_signal),
        cmocka_unit_test(bad_numbers),
        cmocka_unit_test(errors_are_reported),
        cmocka_unit_test(loops_come_and_go_in_a_storm),
        cmocka_unit_test(sigpipe_is_held_back_while_a_loop_lives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
