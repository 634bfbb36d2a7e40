/*
 * Process pools: results, answers, errors, workers that die, cancelling, the two ends, and what
 * is left over.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../future/gather.h"
#include "../loop/alloc.h"
#include "../net/process_pool_internal.h"
#include "../task/timeout.h"
#include "support/in_task.h"

#define REAL_TEST(name_)                                                                           \
    static void run_##name_(void **state)                                                          \
    {                                                                                              \
        unsigned before = unit_descriptors();                                                      \
        (void)state;                                                                               \
        unit_forget_loops();                                                                       \
        assert_int_equal(GYRE_RUN_WITH((gyre_run_options){.on_loop = unit_on_loop}, name_), 0);    \
        assert_int_equal(unit_descriptors(), before);                                              \
        gyre_error_clear();                                                                        \
    }                                                                                              \
    struct gyre__semicolon

/* ---- what the workers do ---- */

static int set_before = 7;
static int initialised;

static void initialise(void *arg)
{
    initialised = *(int *)arg;
}

static int64_t look_around(const void *input, size_t size, gyre_process_answer *answer)
{
    (void)input;
    (void)size;
    (void)answer;
    return set_before * 100 + initialised;
}

static int64_t square(const void *input, size_t size, gyre_process_answer *answer)
{
    const int64_t *number = input;

    (void)answer;
    return size == sizeof(*number) ? *number * *number : -EINVAL;
}

static int64_t reverse(const void *input, size_t size, gyre_process_answer *answer)
{
    const char *from = input;
    char *copy = gyre_alloc(size + 1);
    int64_t rc;

    for (size_t i = 0; i < size; i++)
        copy[i] = from[size - 1 - i];
    rc = gyre_process_answer_set(answer, copy, size);
    gyre_free(copy);
    return rc < 0 ? rc : (int64_t)size;
}

static int64_t complain(const void *input, size_t size, gyre_process_answer *answer)
{
    (void)answer;
    return gyre_raise(gyre_error_newf(GYRE_EUSER(3), "no %.*s", (int)size, (const char *)input));
}

static int64_t my_pid(const void *input, size_t size, gyre_process_answer *answer)
{
    (void)input;
    (void)size;
    (void)answer;
    return getpid();
}

static int64_t die(const void *input, size_t size, gyre_process_answer *answer)
{
    (void)size;
    (void)answer;
    if (*(const int *)input == 0)
        exit(3);
    raise(*(const int *)input);
    return 0;
}

static int64_t stay(const void *input, size_t size, gyre_process_answer *answer)
{
    (void)input;
    (void)size;
    (void)answer;
    while (pause() < 0)
        ;
    return 0;
}

/*
 * Numbers of open descriptors beyond the standard ones and the worker's own, and signals that are
 * blocked.
 */
static int64_t leaks(const void *input, size_t size, gyre_process_answer *answer)
{
    sigset_t set;
    int64_t found = 0;

    (void)input;
    (void)size;
    (void)answer;
    for (int fd = 4; fd < 1024; fd++)
        found += fcntl(fd, F_GETFD) >= 0;
    sigprocmask(SIG_BLOCK, NULL, &set);
    for (int number = 1; number < 32; number++)
        found += sigismember(&set, number) == 1 ? 1000 : 0;
    return found;
}

/* ---- results ---- */

struct results {
    gyre_frame frame;
    gyre_process_pool *pool;
    gyre_process_data *data;
    gyre_process_pool_stats stats;
    gyre_future *future;
    int64_t n, number;
};
GYRE_CORO(results)
{
    GYRE_BEGIN;
    set_before = 8; /* too late for the workers */
    assert_int_equal(gyre_process_pool_new(gyre_loop_current(),
                                           &(gyre_process_pool_options){.workers = 2,
                                                                        .initializer = initialise,
                                                                        .arg = &set_before},
                                           &self->pool),
                     0);
    GYRE_TRY(self->n, gyre_process_pool_run(self->pool, look_around, NULL, 0, NULL));
    assert_int_equal(self->n, 707);
    self->number = 12;
    GYRE_TRY(self->n, gyre_process_pool_run(self->pool, square, &self->number, 8, &self->data));
    assert_int_equal(self->n, 144);
    assert_null(self->data);
    GYRE_TRY(self->n, gyre_process_pool_run(self->pool, reverse, "abc", 3, &self->data));
    assert_int_equal(self->n, 3);
    assert_int_equal(self->data->size, 3);
    assert_memory_equal(self->data->bytes, "cba", 3);
    gyre_free(self->data);
    GYRE_TRY(self->n, gyre_process_pool_run(self->pool, reverse, "", 0, &self->data));
    assert_int_equal(self->data->size, 0);
    gyre_free(self->data);
    GYRE_TRY(gyre_process_pool_run(self->pool, reverse, "abc", 3, NULL)); /* not wanted */
    GYRE_AWAIT(self->n, gyre_process_pool_run(self->pool, complain, "tea", 3, NULL));
    assert_int_equal(self->n, GYRE_EUSER(3));
    assert_string_equal(gyre_error_text(gyre_error_current()), "no tea");
    gyre_error_clear();
    GYRE_TRY(self->n, gyre_process_pool_run(self->pool, leaks, NULL, 0, NULL));
    assert_int_equal(self->n, 0);

    self->future = gyre_process_pool_submit(self->pool, reverse, "xy", 2);
    GYRE_TRY(self->n, self->future);
    assert_memory_equal(((gyre_process_data *)gyre_future_pointer(self->future))->bytes, "yx", 2);
    gyre_future_unref(self->future);

    gyre_process_pool_get_stats(self->pool, &self->stats);
    assert_int_equal(self->stats.workers, 1); /* one after another: no second one was needed */
    assert_int_equal(self->stats.most, 2);
    assert_int_equal(self->stats.done, 8);
    assert_int_equal(self->stats.died, 0);
    GYRE_TRY(gyre_process_pool_shutdown(self->pool, false));
    gyre_process_pool_get_stats(self->pool, &self->stats);
    assert_int_equal(self->stats.workers, 0);
    GYRE_AWAIT(self->n, gyre_process_pool_run(self->pool, square, &self->number, 8, NULL));
    assert_int_equal(self->n, GYRE_EEXECUTORSHUTDOWN);
    GYRE_TRY(gyre_process_pool_shutdown(self->pool, true));
    gyre_process_pool_free(self->pool);
    gyre_process_pool_free(NULL);
    set_before = 7;
    GYRE_END;
}
REAL_TEST(results);

/* ---- many, and large ---- */

enum { MANY = 300, LARGE = 3000000 };

struct maps {
    gyre_frame frame;
    gyre_process_pool *pool;
    int64_t numbers[MANY], squares[MANY];
    struct iovec inputs[MANY];
    gyre_process_data *answers[MANY];
    char *large;
    int i;
    int64_t n;
};
GYRE_CORO(maps)
{
    GYRE_BEGIN;
    for (self->i = 0; self->i < MANY; self->i++) {
        self->numbers[self->i] = self->i;
        self->inputs[self->i] = (struct iovec){&self->numbers[self->i], 8};
    }
    assert_int_equal(gyre_process_pool_new(gyre_loop_current(),
                                           &(gyre_process_pool_options){
                                               .workers = 3, .jobs_per_worker = 50, .limit = LARGE},
                                           &self->pool),
                     0);
    GYRE_TRY(gyre_process_pool_map(self->pool, square, self->inputs, MANY, self->squares, NULL));
    for (self->i = 0; self->i < MANY; self->i++)
        assert_int_equal(self->squares[self->i], self->i * self->i);
    GYRE_TRY(gyre_process_pool_map(self->pool, reverse, self->inputs, MANY, self->squares,
                                   self->answers));
    for (self->i = 0; self->i < MANY; self->i++) {
        assert_int_equal((unsigned char)self->answers[self->i]->bytes[7], self->i & 0xff);
        gyre_free(self->answers[self->i]);
    }
    GYRE_TRY(gyre_process_pool_map(self->pool, square, NULL, 0, NULL, NULL));

    /* One fails: those behind it are cancelled. */
    self->inputs[100].iov_len = 4;
    GYRE_AWAIT(self->n,
               gyre_process_pool_map(self->pool, square, self->inputs, MANY, self->squares, NULL));
    assert_int_equal(self->n, -EINVAL);
    assert_int_equal(self->squares[99], 99 * 99);
    assert_int_equal(self->squares[100], -EINVAL);
    assert_int_equal(self->squares[101], GYRE_ECANCELLED);

    self->large = gyre_alloc(LARGE + 1);
    memset(self->large, 'x', LARGE);
    self->large[0] = 'y';
    GYRE_TRY(self->n,
             gyre_process_pool_run(self->pool, reverse, self->large, LARGE, &self->answers[0]));
    assert_int_equal(self->answers[0]->size, LARGE);
    assert_int_equal(self->answers[0]->bytes[LARGE - 1], 'y');
    gyre_free(self->answers[0]);
    GYRE_AWAIT(self->n, gyre_process_pool_run(self->pool, reverse, self->large, LARGE + 1, NULL));
    assert_int_equal(self->n, GYRE_ELIMIT);
    gyre_free(self->large);
    gyre_process_pool_free(self->pool);
    GYRE_END;
}
REAL_TEST(maps);

static int64_t chatter(const void *input, size_t size, gyre_process_answer *answer)
{
    static const char text[2000];

    (void)input;
    (void)size;
    return gyre_process_answer_set(answer, text, sizeof(text));
}

/* ---- deaths ---- */

struct deaths {
    gyre_frame frame;
    gyre_process_pool *pool;
    gyre_process_pool_stats stats;
    gyre_future *futures[6], *all;
    int i, how;
    int64_t n, pid;
    char *text;
};
GYRE_CORO(deaths)
{
    GYRE_BEGIN;
    assert_int_equal(gyre_process_pool_new(
                         gyre_loop_current(),
                         &(gyre_process_pool_options){.workers = 1, .limit = 1000}, &self->pool),
                     0);
    self->how = SIGUSR1;
    GYRE_AWAIT(self->n,
               gyre_process_pool_run(self->pool, die, &self->how, sizeof(self->how), NULL));
    assert_int_equal(self->n, GYRE_EWORKERDIED);
    assert_non_null(strstr(gyre_error_text(gyre_error_current()), "was killed by SIGUSR1"));
    self->how = 0;
    GYRE_AWAIT(self->n,
               gyre_process_pool_run(self->pool, die, &self->how, sizeof(self->how), NULL));
    assert_int_equal(self->n, GYRE_EWORKERDIED);
    assert_non_null(strstr(gyre_error_text(gyre_error_current()), "exited with status 3"));
    GYRE_AWAIT(self->n, gyre_process_pool_run(self->pool, chatter, NULL, 0, NULL));
    assert_int_equal(self->n, GYRE_ELIMIT);
    gyre_error_clear();

    /* Only the job of the one that dies fails; the others wait, and are done by its successor. */
    self->how = SIGKILL;
    self->n = 5;
    for (self->i = 0; self->i < 6; self->i++)
        self->futures[self->i] =
            self->i == 2 ? gyre_process_pool_submit(self->pool, die, &self->how, sizeof(self->how))
                         : gyre_process_pool_submit(self->pool, square, &self->n, 8);
    for (self->i = 0; self->i < 6; self->i++) {
        GYRE_AWAIT(self->n, self->futures[self->i]);
        assert_int_equal(self->n, self->i == 2 ? GYRE_EWORKERDIED : 25);
        gyre_future_unref(self->futures[self->i]);
    }
    /* An idle one dies: nobody fails. */
    GYRE_TRY(self->pid, gyre_process_pool_run(self->pool, my_pid, NULL, 0, NULL));
    kill((pid_t)self->pid, SIGKILL);
    do {
        GYRE_TRY(gyre_sleep(GYRE_MS(1)));
        gyre_process_pool_get_stats(self->pool, &self->stats);
    } while (self->stats.workers);
    assert_int_equal(self->stats.died, 4);
    GYRE_TRY(self->n, gyre_process_pool_run(self->pool, my_pid, NULL, 0, NULL));
    assert_int_not_equal(self->n, self->pid);
    /* All are killed, in the middle of a job. */
    self->futures[0] = gyre_process_pool_submit(self->pool, stay, NULL, 0);
    self->futures[1] = gyre_process_pool_submit(self->pool, my_pid, NULL, 0);
    GYRE_TRY(gyre_sleep(GYRE_MS(5)));
    gyre_process_pool_terminate(self->pool);
    GYRE_AWAIT(self->n, self->futures[0]);
    assert_int_equal(self->n, GYRE_EWORKERDIED);
    assert_non_null(strstr(gyre_error_text(gyre_error_current()), "was killed by SIGKILL"));
    GYRE_TRY(self->futures[1]); /* it waited: a new worker does it */
    gyre_future_unref(self->futures[0]);
    gyre_future_unref(self->futures[1]);
    gyre_process_pool_free(self->pool);
    GYRE_END;
}
REAL_TEST(deaths);

/* Many jobs of which some kill their workers: those fail, and no other. */
static int64_t die_sometimes(const void *input, size_t size, gyre_process_answer *answer)
{
    int number = *(const int *)input;

    (void)size;
    (void)answer;
    if (number % 7 == 3)
        raise(SIGKILL);
    return number;
}

enum { PERILOUS = 200 };

struct perils {
    gyre_frame frame;
    gyre_process_pool *pool;
    gyre_process_pool_stats stats;
    gyre_future *futures[PERILOUS];
    int i;
    int64_t n;
};
GYRE_CORO(perils)
{
    GYRE_BEGIN;
    assert_int_equal(gyre_process_pool_new(gyre_loop_current(),
                                           &(gyre_process_pool_options){.workers = 3}, &self->pool),
                     0);
    for (self->i = 0; self->i < PERILOUS; self->i++)
        self->futures[self->i] =
            gyre_process_pool_submit(self->pool, die_sometimes, &self->i, sizeof(self->i));
    for (self->i = 0; self->i < PERILOUS; self->i++) {
        GYRE_AWAIT(self->n, self->futures[self->i]);
        assert_int_equal(self->n, self->i % 7 == 3 ? GYRE_EWORKERDIED : self->i);
        gyre_future_unref(self->futures[self->i]);
    }
    gyre_process_pool_get_stats(self->pool, &self->stats);
    assert_int_equal(self->stats.died, 29);
    gyre_process_pool_free(self->pool);
    GYRE_END;
}
REAL_TEST(perils);

/*
 * At each step of its life a worker is killed: its job fails, or is done, and the next one is
 * done.
 */
struct killed_at {
    gyre_frame frame;
    gyre_process_pool *pool;
    gyre_process_data *data;
    int trap, failed;
    int64_t n;
};
GYRE_CORO(killed_at)
{
    GYRE_BEGIN;
    for (self->trap = 1; self->trap <= 14; self->trap++) {
        assert_int_equal(gyre_process_pool_new(gyre_loop_current(),
                                               &(gyre_process_pool_options){.workers = 1},
                                               &self->pool),
                         0);
        gyre__process_worker_trap = self->trap;
        GYRE_AWAIT(self->n, gyre_process_pool_run(self->pool, reverse, "abcdef", 6, &self->data));
        assert_true(self->n == 6 || self->n == GYRE_EWORKERDIED);
        self->failed += self->n < 0;
        assert_true((self->n == 6) == (self->data != NULL));
        gyre_free(self->data);
        gyre__process_worker_trap = 0;
        GYRE_AWAIT(self->n, gyre_process_pool_run(self->pool, reverse, "abcdef", 6, &self->data));
        if (self->n < 0) /* the same worker, killed a little later */
            GYRE_AWAIT(self->n,
                       gyre_process_pool_run(self->pool, reverse, "abcdef", 6, &self->data));
        assert_int_equal(self->n, 6);
        gyre_free(self->data);
        gyre_process_pool_free(self->pool);
    }
    assert_true(self->failed >= 5);
    gyre_error_clear();
    GYRE_END;
}
REAL_TEST(killed_at);

/* ---- cancelling ---- */

struct cancelling {
    gyre_frame frame;
    gyre_process_pool *pool;
    gyre_process_pool_stats stats;
    gyre_future *running, *waiting;
    int64_t n, number;
    int kills;
};
GYRE_CORO(cancelling)
{
    GYRE_BEGIN;
    self->number = 3;
    for (self->kills = 1; self->kills >= 0; self->kills--) {
        assert_int_equal(gyre_process_pool_new(gyre_loop_current(),
                                               &(gyre_process_pool_options){
                                                   .workers = 1, .kill_cancelled = self->kills},
                                               &self->pool),
                         0);
        self->running = gyre_process_pool_submit(self->pool, stay, NULL, 0);
        self->waiting = gyre_process_pool_submit(self->pool, square, &self->number, 8);
        GYRE_TRY(gyre_sleep(GYRE_MS(2)));
        gyre_process_pool_get_stats(self->pool, &self->stats);
        assert_int_equal(self->stats.running, 1);
        assert_int_equal(self->stats.queued, 1);
        gyre_future_cancel(self->running);
        if (self->kills) {
            GYRE_TRY(self->n, self->waiting); /* a new worker does it */
            assert_int_equal(self->n, 9);
        } else {
            GYRE_TRY(gyre_sleep(GYRE_MS(2)));
            assert_false(
                gyre_future_done(self->waiting)); /* the worker goes on with what nobody wants */
            gyre_future_cancel(self->waiting);
            GYRE_TRY(gyre_sleep(0));
            gyre_process_pool_get_stats(self->pool, &self->stats);
            assert_int_equal(self->stats.queued, 0);
        }
        gyre_future_unref(self->running);
        gyre_future_unref(self->waiting);
        GYRE_AWAIT(self->n, gyre_wait_for(gyre_process_pool_run(self->pool, stay, NULL, 0, NULL),
                                          GYRE_MS(3)));
        assert_int_equal(self->n, GYRE_ETIMEOUT);
        if (!self->kills) { /* the stayers never end */
            GYRE_AWAIT(self->n,
                       gyre_wait_for(gyre_process_pool_shutdown(self->pool, true), GYRE_MS(3)));
            assert_int_equal(self->n, GYRE_ETIMEOUT);
            gyre_process_pool_terminate(self->pool);
        }
        GYRE_TRY(gyre_process_pool_shutdown(self->pool, true));
        gyre_process_pool_free(self->pool);
    }
    GYRE_END;
}
REAL_TEST(cancelling);

/* Given up with everything in it; the futures are kept. */
struct given_up {
    gyre_frame frame;
    gyre_process_pool *pool;
    gyre_future *futures[3];
    int64_t n, pid;
    int i;
};
GYRE_CORO(given_up)
{
    GYRE_BEGIN;
    assert_int_equal(gyre_process_pool_new(gyre_loop_current(),
                                           &(gyre_process_pool_options){.workers = 2}, &self->pool),
                     0);
    GYRE_TRY(self->pid, gyre_process_pool_run(self->pool, my_pid, NULL, 0, NULL));
    for (self->i = 0; self->i < 3; self->i++)
        self->futures[self->i] = gyre_process_pool_submit(self->pool, stay, NULL, 0);
    GYRE_TRY(gyre_sleep(GYRE_MS(2)));
    gyre_process_pool_free(self->pool);
    for (self->i = 0; self->i < 3; self->i++) {
        GYRE_AWAIT(self->n, self->futures[self->i]);
        assert_int_equal(self->n, GYRE_ECANCELLED);
        gyre_future_unref(self->futures[self->i]);
    }
    while (kill((pid_t)self->pid, 0) == 0)
        GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    GYRE_END;
}
REAL_TEST(given_up);

/* The loop is closed with jobs in all states; the pool is freed afterwards. */
static gyre_process_pool *survivor;

struct leave {
    gyre_frame frame;
    gyre_future *future;
};
GYRE_CORO(leave)
{
    GYRE_BEGIN;
    assert_int_equal(gyre_process_pool_new(gyre_loop_current(),
                                           &(gyre_process_pool_options){.workers = 1}, &survivor),
                     0);
    for (int i = 0; i < 3; i++) {
        self->future = gyre_process_pool_submit(survivor, stay, NULL, 0);
        gyre_future_unref(self->future);
    }
    GYRE_TRY(gyre_sleep(GYRE_MS(2)));
    GYRE_END;
}

static void the_loop_closes_first(void **state)
{
    unsigned before = unit_descriptors();

    (void)state;
    unit_forget_loops();
    assert_int_equal(GYRE_RUN(leave), 0);
    gyre_process_pool_free(survivor);
    assert_int_equal(unit_descriptors(), before);
}

static void no_child_is_to_be_waited_for(void **state)
{
    (void)state;
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

/* The last test, as there is no other template then. */
static int64_t template_pid(const void *input, size_t size, gyre_process_answer *answer)
{
    (void)input;
    (void)size;
    (void)answer;
    return getppid();
}

struct template_dies {
    gyre_frame frame;
    gyre_process_pool *pool;
    gyre_future *job;
    int64_t n;
};
GYRE_CORO(template_dies)
{
    GYRE_BEGIN;
    assert_int_equal(gyre_process_pool_new(gyre_loop_current(),
                                           &(gyre_process_pool_options){.workers = 2}, &self->pool),
                     0);
    self->job = gyre_process_pool_submit(self->pool, stay, NULL, 0);
    GYRE_TRY(self->n, gyre_process_pool_run(self->pool, template_pid, NULL, 0, NULL));
    kill((pid_t)self->n, SIGKILL);
    GYRE_AWAIT(self->n, self->job);
    assert_int_equal(self->n, GYRE_EWORKERDIED);
    gyre_future_unref(self->job);
    do /* a worker that is dying may get one more job */
        GYRE_AWAIT(self->n, gyre_process_pool_run(self->pool, my_pid, NULL, 0, NULL));
    while (self->n == GYRE_EWORKERDIED);
    assert_int_equal(self->n, GYRE_ENOTEMPLATE);
    GYRE_TRY(gyre_process_pool_shutdown(self->pool, false));
    gyre_process_pool_free(self->pool);
    GYRE_END;
}
REAL_TEST(template_dies);

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run_results),
        cmocka_unit_test(run_maps),
        cmocka_unit_test(run_deaths),
        cmocka_unit_test(run_perils),
        cmocka_unit_test(run_killed_at),
        cmocka_unit_test(run_cancelling),
        cmocka_unit_test(run_given_up),
        cmocka_unit_test(the_loop_closes_first),
        cmocka_unit_test(no_child_is_to_be_waited_for),
        cmocka_unit_test(run_template_dies),
    };
    int64_t rc = gyre_process_pool_prepare();

    if (rc < 0 || gyre_process_pool_prepare() < 0) {
        printf("no template: %s\n", gyre_strerror(rc));
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
