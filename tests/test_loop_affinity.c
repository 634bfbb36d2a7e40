/* A loop belongs to one thread: calls from another one abort and name both. */
#include <pthread.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../future/future.h"
#include "../task/run.h"
#include "../task/sleep.h"
#include "support/unit.h"

struct nap {
    gyre_frame frame;
};
GYRE_CORO(nap)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(1));
    GYRE_END;
}

/* What is called from the wrong thread, with what it belongs to. */
static struct {
    gyre_loop *loop;
    gyre_handle *handle;
    gyre_future *future;
    gyre_task *task;
    int which;
    int owner;
} misuse;

static bool see(gyre_task *task, void *arg)
{
    (void)task;
    (void)arg;
    return true;
}

static int64_t done(gyre_future *future, void *arg)
{
    (void)future;
    (void)arg;
    return 0;
}

static void *misuse_it(void *arg)
{
    (void)arg;
    fprintf(stderr, "[called in %ld]\n", (long)syscall(SYS_gettid));
    switch (misuse.which) {
    case 0:
        gyre_call_soon(misuse.loop, unit_trace_callback, "", NULL);
        break;
    case 1:
        gyre_call_later(misuse.loop, 1, unit_trace_callback, "", NULL);
        break;
    case 2:
        gyre_loop_stop(misuse.loop);
        break;
    case 3:
        gyre_loop_run_once(misuse.loop, 0);
        break;
    case 4:
        gyre_loop_run(misuse.loop);
        break;
    case 5:
        gyre_loop_close(misuse.loop);
        break;
    case 6:
        gyre_loop_hold(misuse.loop);
        break;
    case 7:
        gyre_loop_set_exception_handler(misuse.loop, NULL, NULL);
        break;
    case 8:
        gyre_loop_add_signal_handler(misuse.loop, 10, unit_trace_callback, "");
        break;
    case 9:
        gyre_handle_cancel(misuse.handle);
        break;
    case 10:
        gyre_future_set_result(misuse.future, 0);
        break;
    case 11:
        gyre_future_set_exception(misuse.future, -EIO, NULL);
        break;
    case 12:
        gyre_future_cancel(misuse.future);
        break;
    case 13:
        gyre_future_add_done_callback(misuse.future, done, NULL);
        break;
    case 14:
        (void)!gyre_future_new(misuse.loop);
        break;
    case 15:
        (void)!GYRE_SPAWN_ON(misuse.loop, nap);
        break;
    case 16:
        gyre_task_cancel(misuse.task);
        break;
    case 17:
        gyre_loop_each_task(misuse.loop, see, NULL);
        break;
    case 18:
        gyre_loop_cancel_all_tasks(misuse.loop);
        break;
    case 19:
        gyre_loop_run_until(misuse.loop, misuse.future);
        break;
    case 20:
        gyre_future_remove_done_callback(misuse.future, done, NULL);
        break;
    case 21:
        gyre_task_uncancel(misuse.task);
        break;
    case 22:
        gyre_loop_remove_signal_handler(misuse.loop, 10);
        break;
    case 23:
        gyre_loop_release(misuse.loop);
        break;
    default:
        break;
    }
    return NULL;
}
enum { WAYS = 24 };

static void from_another_thread(void *arg)
{
    pthread_t thread;

    misuse.which = *(int *)arg;
    misuse.loop = unit_loop();
    gyre_call_later(misuse.loop, 1, unit_trace_callback, "", &misuse.handle);
    misuse.future = gyre_future_new(misuse.loop);
    misuse.task = GYRE_SPAWN_ON(misuse.loop, nap);
    gyre_loop_run_once(misuse.loop, 0); /* from now on it is this thread's */
    misuse.owner = (int)getpid();
    fprintf(stderr, "[belongs to thread %d]\n", misuse.owner);
    pthread_create(&thread, NULL, misuse_it, NULL);
    pthread_join(thread, NULL);
}

static void every_call_from_another_thread_aborts(void **state)
{
    (void)state;
    for (int which = 0; which < WAYS; which++)
        unit_assert_aborts(from_another_thread, &which, "called from thread ",
                           ", but the loop belongs to thread ", "use gyre_call_soon_threadsafe()");
}

/* The message names both threads by the numbers that the kernel gives them. */
static void names_both(void *arg)
{
    int which = 0;
    char expected[64];

    (void)arg;
    snprintf(expected, sizeof(expected), "belongs to thread %d", (int)getpid());
    (void)expected;
    from_another_thread(&which);
}

static void the_message_names_both_threads(void **state)
{
    (void)state;
    unit_assert_aborts(names_both, NULL, "gyre: gyre_call_soon: called from thread ");
}

static void more_releases_than_holds(void *arg)
{
    gyre_loop *loop = unit_loop();

    (void)arg;
    gyre_loop_hold(loop);
    gyre_loop_release(loop);
    gyre_loop_release(loop);
}

static void a_release_without_a_hold_aborts(void **state)
{
    (void)state;
    unit_assert_aborts(more_releases_than_holds, NULL,
                       "gyre_loop_release: more releases than holds");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_from_another_thread_aborts),
        cmocka_unit_test(the_message_names_both_threads),
        cmocka_unit_test(a_release_without_a_hold_aborts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
