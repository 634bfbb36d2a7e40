/* GYRE_RUN: the loop it makes, what it cancels at the end, SIGINT, errors, running twice. */
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "../task/task_internal.h"
#include "support/in_task.h"

struct straggler {
    gyre_frame frame;
    const char *word;
    int64_t rc;
};
GYRE_CORO(straggler)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc, gyre_sleep(GYRE_FOREVER));
    unit_trace("%s:%s", self->word, gyre_err_name(self->rc));
    GYRE_TRY(gyre_sleep(10)); /* it is waited for */
    unit_trace("%s:end", self->word);
    GYRE_RETURN(self->word[0] == 'x' ? GYRE_EUSER(6) : 0);
    GYRE_END;
}

struct program {
    gyre_frame frame;
    int64_t result;
};
GYRE_CORO(program)
{
    GYRE_BEGIN;
    GYRE_SPAWN_DETACHED(straggler, .word = "a");
    GYRE_SPAWN_DETACHED(straggler, .word = "x");
    GYRE_TRY(gyre_sleep(5));
    unit_trace("main:end");
    GYRE_RETURN(self->result);
    GYRE_END;
}

static const gyre_run_options on_virtual_clock = {.loop.clock = GYRE_CLOCK_VIRTUAL,
                                                  .on_loop = unit_on_loop};

static void the_rest_is_cancelled_and_waited_for(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN_WITH(on_virtual_clock, program, .result = 4), 4);
    unit_assert_trace("main:end a:GYRE_ECANCELLED x:GYRE_ECANCELLED a:end x:end");
    assert_int_equal(unit_reports(), 1); /* x ended with an error that nobody can take */
    assert_int_equal(unit_last_report()->code, GYRE_EUSER(6));
    assert_int_equal(GYRE_RUN_WITH(on_virtual_clock, program, .result = -EIO), -EIO);
    unit_assert_trace("main:end a:GYRE_ECANCELLED x:GYRE_ECANCELLED a:end x:end");
    assert_null(gyre_loop_current());
}

/* ---- nesting ---- */

struct nester {
    gyre_frame frame;
};
GYRE_CORO(nester)
{
    GYRE_BEGIN;
    assert_int_equal(GYRE_RUN(straggler), GYRE_ELOOPRUNNING);
    GYRE_RETURN(1);
    GYRE_END;
}

static void it_does_not_nest(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(nester), 1);
}

/* ---- stopping, deadlocks ---- */

struct stopper {
    gyre_frame frame;
};
GYRE_CORO(stopper)
{
    GYRE_BEGIN;
    gyre_loop_stop(gyre_loop_current());
    GYRE_TRY(gyre_sleep(1));
    GYRE_FINALLY;
    unit_trace("cleanup");
    GYRE_END;
}

struct hanger {
    gyre_frame frame;
    gyre_future *future;
};
GYRE_CORO(hanger)
{
    GYRE_BEGIN;
    self->future = gyre_future_new(gyre_loop_current());
    GYRE_TRY(self->future);
    GYRE_FINALLY;
    unit_trace("cleanup");
    gyre_future_unref(self->future);
    GYRE_END;
}

static void stopped_and_stuck(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN_WITH(on_virtual_clock, stopper), GYRE_ELOOPSTOPPED);
    unit_assert_trace("cleanup");
    assert_int_equal(GYRE_RUN_WITH(on_virtual_clock, hanger), GYRE_EDEADLOCK);
    assert_int_equal(unit_last_report()->code, GYRE_EDEADLOCK);
    unit_assert_trace("cleanup");
}

/* ---- SIGINT ---- */

struct interrupted {
    gyre_frame frame;
    bool swallow;
    int64_t rc;
};
GYRE_CORO(interrupted)
{
    GYRE_BEGIN;
    raise(SIGINT);
    GYRE_AWAIT(self->rc, gyre_sleep(GYRE_SECONDS(10)));
    unit_trace("%s", gyre_err_name(self->rc));
    GYRE_RETURN(self->swallow ? 3 : self->rc);
    GYRE_FINALLY;
    GYRE_AWAIT(self->rc, gyre_sleep(1)); /* the cleanup may wait */
    unit_trace("cleanup:%s", gyre_err_name(self->rc));
    GYRE_END;
}

static void sigint_cancels_the_main_task(void **state)
{
    struct sigaction action;

    (void)state;
    assert_int_equal(GYRE_RUN(interrupted), -EINTR);
    unit_assert_trace("GYRE_ECANCELLED cleanup:OK");
    assert_int_equal(GYRE_RUN(interrupted, .swallow = true), 3);
    unit_assert_trace("GYRE_ECANCELLED cleanup:OK");
    sigaction(SIGINT, NULL, &action);
    assert_ptr_equal(action.sa_handler, SIG_DFL);
}

struct terminated {
    gyre_frame frame;
    int64_t rc;
};
GYRE_CORO(terminated)
{
    GYRE_BEGIN;
    raise(SIGTERM);
    GYRE_AWAIT(self->rc, gyre_sleep(GYRE_SECONDS(10)));
    GYRE_RETURN(self->rc);
    GYRE_END;
}

static void sigterm_cancels_the_main_task_too(void **state)
{
    struct sigaction action;

    (void)state;
    assert_int_equal(GYRE_RUN(terminated), -EINTR);
    assert_string_equal(gyre_error_text(gyre_error_current()), "interrupted by SIGTERM");
    sigaction(SIGTERM, NULL, &action);
    assert_ptr_equal(action.sa_handler, SIG_DFL);
    signal(SIGTERM, SIG_IGN);
    assert_int_equal(GYRE_RUN_WITH(on_virtual_clock, terminated), 0);
    signal(SIGTERM, SIG_DFL);
    gyre_error_clear();
}

/* In a real sleep of the loop, from outside. */
struct sleeper {
    gyre_frame frame;
};
GYRE_CORO(sleeper)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(GYRE_SECONDS(60)));
    GYRE_END;
}

static void *interrupt(void *arg)
{
    nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL);
    pthread_kill(*(pthread_t *)arg, SIGINT);
    return NULL;
}

static void sigint_wakes_a_sleeping_loop(void **state)
{
    pthread_t me = pthread_self(), thread;

    (void)state;
    pthread_create(&thread, NULL, interrupt, &me);
    assert_int_equal(GYRE_RUN(sleeper), -EINTR);
    pthread_join(thread, NULL);
}

/* A main task that ignores the first SIGINT: the second one ends the process. */
struct deaf {
    gyre_frame frame;
    int i;
    int64_t rc;
};
GYRE_CORO(deaf)
{
    GYRE_BEGIN;
    for (self->i = 0; self->i < 2; self->i++) {
        raise(SIGINT);
        GYRE_AWAIT(self->rc, gyre_sleep(GYRE_MS(1)));
    }
    GYRE_END;
}

static int run_deaf(void *arg)
{
    (void)arg;
    return GYRE_RUN(deaf) == 0 ? 1 : 2;
}

static void a_second_sigint_ends_the_process(void **state)
{
    (void)state;
    assert_int_equal(unit_in_child(run_deaf, NULL), -1); /* by the signal */
}

static volatile sig_atomic_t own_handler;

static void count_sigint(int number)
{
    (void)number;
    own_handler++;
}

struct bystander {
    gyre_frame frame;
};
GYRE_CORO(bystander)
{
    GYRE_BEGIN;
    raise(SIGINT);
    GYRE_TRY(gyre_sleep(1));
    GYRE_RETURN(8);
    GYRE_END;
}

static void sigint_is_left_alone_where_it_is_in_use(void **state)
{
    (void)state;
    signal(SIGINT, count_sigint);
    assert_int_equal(GYRE_RUN(bystander), 8);
    assert_int_equal(own_handler, 1);
    signal(SIGINT, SIG_IGN);
    assert_int_equal(GYRE_RUN(bystander), 8);
    signal(SIGINT, count_sigint);
    assert_int_equal(GYRE_RUN_WITH(((gyre_run_options){.keep_sigint = true}), bystander), 8);
    assert_int_equal(own_handler, 2);
    signal(SIGINT, SIG_DFL);
}

/* As in asyncio only the main thread's run takes SIGINT. */
struct prober {
    gyre_frame frame;
    struct sigaction *action;
};
GYRE_CORO(prober)
{
    GYRE_BEGIN;
    sigaction(SIGINT, NULL, self->action);
    GYRE_RETURN(0);
    GYRE_END;
}

static void *probe_in_thread(void *arg)
{
    return (void *)(intptr_t)GYRE_RUN(prober, .action = arg);
}

static void sigint_belongs_to_the_main_thread(void **state)
{
    struct sigaction action;
    pthread_t thread;

    (void)state;
    GYRE_RUN(prober, .action = &action);
    assert_ptr_not_equal(action.sa_handler, SIG_DFL);
    pthread_create(&thread, NULL, probe_in_thread, &action);
    pthread_join(thread, NULL);
    assert_ptr_equal(action.sa_handler, SIG_DFL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rest_is_cancelled_and_waited_for),
        cmocka_unit_test(it_does_not_nest),
        cmocka_unit_test(stopped_and_stuck),
        cmocka_unit_test(sigint_cancels_the_main_task),
        cmocka_unit_test(sigterm_cancels_the_main_task_too),
        cmocka_unit_test(sigint_wakes_a_sleeping_loop),
        cmocka_unit_test(a_second_sigint_ends_the_process),
        cmocka_unit_test(sigint_is_left_alone_where_it_is_in_use),
        cmocka_unit_test(sigint_belongs_to_the_main_thread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
