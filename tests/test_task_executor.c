/*
 * Executors: submitting, order, bounds, cancelling, map, shutdown in all its forms, several loops.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "future/gather.h"
#include "support/gate.h"
#include "support/in_task.h"
#include "task/as_completed.h"
#include "task/executor.h"

enum { JOBS = 6 };

static struct gate door;
static int numbers[64];
static void *number_args[64];

static void init_numbers(void)
{
    for (int i = 0; i < 64; i++) {
        numbers[i] = i;
        number_args[i] = &numbers[i];
    }
}

static int64_t twice(void *arg)
{
    return 2 * *(int *)arg;
}

static gyre_executor *new_executor(unsigned threads)
{
    const gyre_executor_options options = {.name = "test", .threads = threads, .queue_limit = 4};
    gyre_executor *executor;

    assert_int_equal(gyre_executor_new(&options, &executor), 0);
    return executor;
}

static gyre_job pass(bool moved)
{
    return (gyre_job){.fn = gate_pass,
                      .arg = &door,
                      .release = moved ? gate_release : NULL,
                      .drop = gate_drop};
}

/* ---- submitting ---- */

struct submits {
    gyre_frame frame;
    gyre_executor *executor;
    gyre_future *jobs[JOBS];
    gyre_future *all;
    gyre_executor_stats stats;
    int64_t rc;
};
GYRE_CORO(submits)
{
    GYRE_BEGIN;
    init_numbers();
    gate_init(&door);
    self->executor = new_executor(1);
    gyre_executor_get_stats(self->executor, &self->stats);
    assert_int_equal(self->stats.threads, 0); /* none before it is needed */
    {
        const gyre_job job = pass(false);

        self->jobs[0] = gyre_executor_submit(self->executor, &job);
    }
    gate_await_jobs(&door, 1);
    for (int i = 1; i < JOBS; i++)
        self->jobs[i] = gyre_executor_submit(
            self->executor, &((gyre_job){.fn = twice, .arg = number_args[i]}));
    gyre_executor_get_stats(self->executor, &self->stats);
    assert_int_equal(self->stats.threads, 1);
    assert_int_equal(self->stats.queued, 4);
    assert_int_equal(self->stats.running, 1);
    assert_int_equal(gyre_future_result(self->jobs[5]), GYRE_EQFULL);
    gate_open(&door);
    self->all = gyre_gather(NULL, JOBS - 1, self->jobs, 0);
    GYRE_TRY(self->all);
    assert_int_equal(gyre_gather_result(self->all, 0, NULL), 42);
    assert_int_equal(gyre_gather_result(self->all, 4, NULL), 8);
    gyre_future_unref(self->all);
    for (int i = 0; i < JOBS; i++)
        gyre_future_unref(self->jobs[i]);
    GYRE_TRY(self->rc, gyre_executor_shutdown(self->executor, GYRE_FOREVER, false));
    assert_int_equal(self->rc, 0);
    gyre_executor_get_stats(self->executor, &self->stats);
    assert_int_equal(self->stats.done, 5);
    assert_int_equal(self->stats.threads, 0);
    self->jobs[0] = gyre_executor_submit(self->executor, &((gyre_job){.fn = gate_pass}));
    assert_int_equal(gyre_future_result(self->jobs[0]), GYRE_EEXECUTORSHUTDOWN);
    gyre_future_unref(self->jobs[0]);
    gyre_executor_unref(self->executor);
    GYRE_END;
}
TASK_TEST(submits);

/* A thread that has nothing to do is used again before another one is started. */
struct reuses {
    gyre_frame frame;
    gyre_executor *executor;
    gyre_executor_stats stats;
    int i;
};
GYRE_CORO(reuses)
{
    GYRE_BEGIN;
    init_numbers();
    self->executor = new_executor(4);
    for (self->i = 0; self->i < 50; self->i++)
        GYRE_TRY(gyre_run_in_executor(self->executor,
                                      &((gyre_job){.fn = twice, .arg = number_args[1]})));
    gyre_executor_get_stats(self->executor, &self->stats);
    assert_int_equal(self->stats.threads, 1);
    assert_int_equal(self->stats.most, 4);
    gyre_executor_unref(self->executor);
    GYRE_END;
}
TASK_TEST(reuses);

/* Address space that one stack of BIG_STACK fits into, and not another one. */
enum { BIG_STACK = 256 << 20 };

static int limit_address_space(struct rlimit *out_before)
{
    FILE *file = fopen("/proc/self/statm", "re");
    unsigned long long pages;
    struct rlimit limit;

    if (!file || fscanf(file, "%llu", &pages) != 1)
        return -1;
    fclose(file);
    getrlimit(RLIMIT_AS, out_before);
    limit = *out_before;
    limit.rlim_cur = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + BIG_STACK / 2;
    return setrlimit(RLIMIT_AS, &limit);
}

/*
 * When another thread cannot be started, the first one does all jobs; later it is tried again.
 */
struct second_thread_fails {
    gyre_frame frame;
    gyre_executor *executor;
    gyre_future *jobs[3];
    gyre_executor_stats stats;
    struct rlimit before;
    int i;
};
GYRE_CORO(second_thread_fails)
{
    GYRE_BEGIN;
    gate_init(&door);
    assert_int_equal(gyre_executor_new(
                         &(gyre_executor_options){.threads = 2, .stack_size = BIG_STACK},
                         &self->executor),
                     0);
    for (self->i = 0; self->i < 3; self->i++) {
        const gyre_job job = pass(false);

        self->jobs[self->i] = gyre_executor_submit(self->executor, &job);
        if (self->i == 0) {
            gate_await_jobs(&door, 1);
            assert_int_equal(limit_address_space(&self->before), 0);
        }
    }
    assert_int_equal(setrlimit(RLIMIT_AS, &self->before), 0);
    gyre_executor_get_stats(self->executor, &self->stats);
    assert_int_equal(self->stats.threads, 1);
    assert_int_equal(self->stats.queued, 2);
    gate_open(&door);
    for (self->i = 0; self->i < 3; self->i++) {
        GYRE_TRY(self->jobs[self->i]);
        assert_int_equal(self->frame.result, 42);
        gyre_future_unref(self->jobs[self->i]);
    }
    gyre_executor_get_stats(self->executor, &self->stats);
    assert_int_equal(self->stats.threads, 1);

    gate_init(&door);
    for (self->i = 0; self->i < 2; self->i++) {
        const gyre_job job = pass(false);

        self->jobs[self->i] = gyre_executor_submit(self->executor, &job);
    }
    gate_await_jobs(&door, 2); /* both are inside: the second thread is there */
    gate_open(&door);
    for (self->i = 0; self->i < 2; self->i++) {
        GYRE_TRY(self->jobs[self->i]);
        gyre_future_unref(self->jobs[self->i]);
    }
    gyre_executor_unref(self->executor);
    GYRE_END;
}
TASK_TEST(second_thread_fails);

static atomic_int initialized;
static char thread_name[16];

static void initialize(void *arg)
{
    *(int *)arg += 1;
    initialized++;
}

static int64_t read_name(void *arg)
{
    (void)arg;
    return pthread_getname_np(pthread_self(), thread_name, sizeof(thread_name));
}

struct names {
    gyre_frame frame;
    gyre_executor *executor;
    int count;
};
GYRE_CORO(names)
{
    GYRE_BEGIN;
    {
        const gyre_executor_options options = {.name = "a-very-long-name-for-a-thread",
                                               .threads = 1,
                                               .initializer = initialize,
                                               .arg = &self->count,
                                               .stack_size = 128 * 1024};

        assert_int_equal(gyre_executor_new(&options, &self->executor), 0);
    }
    GYRE_TRY(gyre_run_in_executor(self->executor, &((gyre_job){.fn = read_name})));
    assert_string_equal(thread_name, "a-very-long-n-0");
    assert_int_equal(self->count, 1);
    GYRE_TRY(gyre_executor_shutdown(self->executor, GYRE_FOREVER, false));
    gyre_executor_unref(self->executor);
    GYRE_END;
}
TASK_TEST(names);

static void test_options(void **state)
{
    gyre_executor *executor;

    (void)state;
    assert_int_equal(
        gyre_executor_new(&(gyre_executor_options){.threads = 100000}, &executor), -EINVAL);
    assert_int_equal(
        gyre_executor_new(&(gyre_executor_options){.stack_size = 100}, &executor), -EINVAL);
    assert_int_equal(gyre_executor_new(NULL, &executor), 0);
    gyre_executor_unref(gyre_executor_ref(executor));
    gyre_executor_unref(executor);
    gyre_executor_unref(NULL);
}

/* ---- cancelling futures ---- */

struct cancels {
    gyre_frame frame;
    bool moved;
    gyre_executor *executor;
    gyre_future *running, *queued;
    int64_t rc;
};
GYRE_CORO(cancels)
{
    GYRE_BEGIN;
    gate_init(&door);
    self->executor = new_executor(1);
    {
        const gyre_job job = pass(self->moved);

        self->running = gyre_executor_submit(self->executor, &job);
        gate_await_jobs(&door, 1);
        self->queued = gyre_executor_submit(self->executor, &job);
    }
    assert_int_equal(gyre_future_cancel(self->queued), 1);
    assert_true(gyre_future_cancelled(self->queued));
    assert_int_equal(door.released, self->moved ? 1 : 0);
    assert_int_equal(gyre_future_cancel(self->running), 1);
    assert_int_equal(gyre_future_cancelled(self->running), self->moved);
    assert_int_equal(gyre_future_cancel(self->running), self->moved ? 0 : 1);
    gate_open(&door);
    GYRE_AWAIT(self->rc, self->running);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    gyre_future_unref(self->running);
    gyre_future_unref(self->queued);
    GYRE_TRY(gyre_executor_shutdown(self->executor, GYRE_FOREVER, false));
    assert_int_equal(door.told, 1);
    assert_int_equal(door.dropped, 1);
    assert_int_equal(door.inside, 1);
    gyre_executor_unref(self->executor);
    GYRE_END;
}

static void test_cancel(void **state)
{
    const gyre_run_options options = {.loop.clock = GYRE_CLOCK_VIRTUAL};

    (void)state;
    unit_forget_loops();
    assert_int_equal(GYRE_RUN_WITH(options, cancels, .moved = false), 0);
    assert_int_equal(GYRE_RUN_WITH(options, cancels, .moved = true), 0);
}

/* ---- in the order of completion, and of the arguments ---- */

/* The first of two waits for the second: a gate that its neighbour opens. */
static int64_t first_waits(void *arg)
{
    if (*(int *)arg == 0)
        gate_pass(&door);
    else
        gate_open(&door);
    return *(int *)arg;
}

struct orders {
    gyre_frame frame;
    gyre_executor *executor;
    gyre_executor_map *map;
    gyre_as_completed *ac;
    gyre_future *jobs[2];
    int64_t rc;
};
GYRE_CORO(orders)
{
    GYRE_BEGIN;
    init_numbers();
    self->executor = new_executor(2);
    gate_init(&door);
    {
        const gyre_executor_map_options options = {.executor = self->executor,
                                                   .job.fn = first_waits,
                                                   .args = number_args,
                                                   .count = 2};

        assert_int_equal(gyre_executor_map_new(&options, &self->map), 0);
    }
    GYRE_TRY(self->rc, gyre_executor_map_next(self->map));
    assert_int_equal(self->rc, 0);
    GYRE_TRY(self->rc, gyre_executor_map_next(self->map));
    assert_int_equal(self->rc, 1);
    GYRE_AWAIT(self->rc, gyre_executor_map_next(self->map));
    assert_int_equal(self->rc, GYRE_ESTOPITERATION);
    GYRE_TRY(gyre_executor_map_close(self->map));
    gate_init(&door);
    self->jobs[0] =
        gyre_executor_submit(self->executor, &((gyre_job){.fn = gate_pass, .arg = &door}));
    self->jobs[1] =
        gyre_executor_submit(self->executor, &((gyre_job){.fn = twice, .arg = number_args[1]}));
    self->ac = gyre_as_completed_new(NULL, 2, self->jobs, GYRE_FOREVER);
    GYRE_TRY(self->rc, gyre_as_completed_next(self->ac));
    assert_int_equal(self->rc, 2);
    gate_open(&door);
    GYRE_TRY(self->rc, gyre_as_completed_next(self->ac));
    assert_int_equal(self->rc, 42);
    gyre_as_completed_free(self->ac);
    gyre_future_unref(self->jobs[0]);
    gyre_future_unref(self->jobs[1]);
    gyre_executor_unref(self->executor);
    GYRE_END;
}
TASK_TEST(orders);

/* Few in flight at a time, all in order. */
static atomic_int now_running, most_running;

static int64_t count_running(void *arg)
{
    int now = ++now_running;

    if (now > most_running)
        most_running = now;
    sched_yield();
    now_running--;
    return *(int *)arg;
}

struct maps {
    gyre_frame frame;
    gyre_executor *executor;
    gyre_executor_map *map;
    int i;
    int64_t rc;
};
GYRE_CORO(maps)
{
    GYRE_BEGIN;
    init_numbers();
    most_running = 0;
    self->executor = new_executor(8);
    {
        const gyre_executor_map_options options = {.executor = self->executor,
                                                   .job.fn = count_running,
                                                   .args = number_args,
                                                   .count = 64,
                                                   .in_flight = 3};

        assert_int_equal(gyre_executor_map_new(&options, &self->map), 0);
    }
    for (self->i = 0; self->i < 64; self->i++) {
        GYRE_TRY(self->rc, gyre_executor_map_next(self->map));
        assert_int_equal(self->rc, self->i);
    }
    assert_in_range(most_running, 1, 3);
    GYRE_TRY(gyre_executor_map_close(self->map));
    GYRE_TRY(gyre_executor_map_close(NULL));
    gyre_executor_unref(self->executor);
    GYRE_END;
}
TASK_TEST(maps);

static int64_t fail_at_two(void *arg)
{
    return *(int *)arg == 2 ? GYRE_EUSER(2) : *(int *)arg;
}

struct map_fails {
    gyre_frame frame;
    gyre_executor_map *map;
    int64_t rc;
};
GYRE_CORO(map_fails)
{
    GYRE_BEGIN;
    init_numbers();
    {
        const gyre_executor_map_options options = {
            .job.fn = fail_at_two, .args = number_args, .count = 64, .in_flight = 2};

        assert_int_equal(gyre_executor_map_new(&options, &self->map), 0);
    }
    GYRE_TRY(gyre_executor_map_next(self->map));
    GYRE_TRY(gyre_executor_map_next(self->map));
    GYRE_AWAIT(self->rc, gyre_executor_map_next(self->map));
    assert_int_equal(self->rc, GYRE_EUSER(2));
    GYRE_AWAIT(self->rc, gyre_executor_map_next(self->map));
    assert_int_equal(self->rc, GYRE_ESTOPITERATION);
    GYRE_TRY(gyre_executor_map_close(self->map));
    GYRE_END;
}
TASK_TEST(map_fails);

/*
 * A map that is left early: what runs with borrowed arguments is waited for, what was moved is
 * released.
 */
static void *doors[8];

struct map_closes {
    gyre_frame frame;
    bool moved;
    gyre_executor *executor;
    gyre_executor_map *map;
};
GYRE_CORO(map_closes)
{
    GYRE_BEGIN;
    gate_init(&door);
    door.until_told = true;
    self->executor = new_executor(2);
    for (int i = 0; i < 8; i++)
        doors[i] = &door;
    {
        const gyre_executor_map_options options = {.executor = self->executor,
                                                   .job = pass(self->moved),
                                                   .args = doors,
                                                   .count = 8,
                                                   .in_flight = 4};

        assert_int_equal(gyre_executor_map_new(&options, &self->map), 0);
    }
    gate_await_jobs(&door, 2);
    GYRE_TRY(gyre_executor_map_close(self->map));
    if (!self->moved)
        assert_int_equal(door.left, 2);
    assert_int_equal(door.inside, 2);
    GYRE_TRY(gyre_executor_shutdown(self->executor, GYRE_FOREVER, false));
    assert_int_equal(door.released, self->moved ? 8 : 0);
    assert_int_equal(door.dropped, 2);
    gyre_executor_unref(self->executor);
    GYRE_END;
}

static void test_map_closes(void **state)
{
    const gyre_run_options options = {.loop.clock = GYRE_CLOCK_VIRTUAL};

    (void)state;
    assert_int_equal(GYRE_RUN_WITH(options, map_closes, .moved = false), 0);
    assert_int_equal(GYRE_RUN_WITH(options, map_closes, .moved = true), 0);
}

/* A cancelled taker leaves the result to the next. */
struct taker {
    gyre_frame frame;
    gyre_executor_map *map;
};
GYRE_CORO(taker)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_executor_map_next(self->map));
    GYRE_RETURN(self->frame.result);
    GYRE_END;
}

struct map_taker_cancelled {
    gyre_frame frame;
    gyre_executor_map *map;
    gyre_task *task;
    int64_t rc;
};
GYRE_CORO(map_taker_cancelled)
{
    GYRE_BEGIN;
    gate_init(&door);
    doors[0] = &door;
    {
        const gyre_executor_map_options options = {
            .job.fn = gate_pass, .args = doors, .count = 1};

        assert_int_equal(gyre_executor_map_new(&options, &self->map), 0);
    }
    self->task = GYRE_SPAWN(taker, .map = self->map);
    gate_await_jobs(&door, 1);
    GYRE_TRY(gyre_sleep(0));
    GYRE_AWAIT(self->rc, gyre_executor_map_next(self->map));
    assert_int_equal(self->rc, GYRE_ESTATE);
    gyre_task_cancel(self->task);
    GYRE_AWAIT(self->rc, self->task);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    gyre_task_unref(self->task);
    assert_int_equal(door.left, 0);
    gate_open(&door);
    GYRE_TRY(self->rc, gyre_executor_map_next(self->map));
    assert_int_equal(self->rc, 42);
    assert_int_equal(door.told, 0);
    GYRE_TRY(gyre_executor_map_close(self->map));
    GYRE_END;
}
TASK_TEST(map_taker_cancelled);

/* ---- shutdown ---- */

struct shutdown_cancels {
    gyre_frame frame;
    gyre_executor *executor;
    gyre_future *running, *queued;
    int64_t rc;
};
GYRE_CORO(shutdown_cancels)
{
    GYRE_BEGIN;
    gate_init(&door);
    door.until_told = true;
    self->executor = new_executor(1);
    {
        const gyre_job job = pass(true);

        self->running = gyre_executor_submit(self->executor, &job);
        self->queued = gyre_executor_submit(self->executor, &job);
    }
    gate_await_jobs(&door, 1);
    GYRE_TRY(self->rc, gyre_executor_shutdown(self->executor, GYRE_FOREVER, true));
    assert_int_equal(self->rc, 0);
    GYRE_TRY(self->rc, self->running); /* it was told, but its result still counts */
    assert_int_equal(self->rc, 42);
    assert_int_equal(door.told, 1);
    GYRE_AWAIT(self->rc, self->queued);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    assert_int_equal(door.released, 2);
    gyre_future_unref(self->running);
    gyre_future_unref(self->queued);
    gyre_executor_unref(self->executor);
    GYRE_END;
}
TASK_TEST(shutdown_cancels);

/* Who does not wait is told how many are left; who waits is told when they have gone. */
struct shutdown_abandons {
    gyre_frame frame;
    gyre_executor *executor;
    gyre_future *jobs[2];
    int64_t rc;
};
GYRE_CORO(shutdown_abandons)
{
    GYRE_BEGIN;
    gate_init(&door);
    self->executor = new_executor(1);
    for (int i = 0; i < 2; i++) {
        const gyre_job job = pass(false);

        self->jobs[i] = gyre_executor_submit(self->executor, &job);
    }
    gate_await_jobs(&door, 1);
    GYRE_TRY(self->rc, gyre_executor_shutdown(self->executor, 0, false));
    assert_int_equal(self->rc, 2);
    assert_int_equal(gyre_executor_shutdown_blocking(self->executor, 0, false), 2);
    assert_int_equal(gyre_executor_shutdown_blocking(self->executor, GYRE_MS(2), false), 2);
    GYRE_TRY(self->rc, gyre_executor_shutdown(self->executor, -5, false));
    assert_int_equal(self->rc, 2);
    gate_open(&door);
    assert_int_equal(gyre_executor_shutdown_blocking(self->executor, GYRE_FOREVER, false), 0);
    GYRE_TRY(self->jobs[0]);
    GYRE_TRY(self->jobs[1]);
    gyre_future_unref(self->jobs[0]);
    gyre_future_unref(self->jobs[1]);
    gyre_executor_unref(self->executor);
    GYRE_END;
}
TASK_TEST(shutdown_abandons);

static int64_t shut_myself_down(void *arg)
{
    return gyre_executor_shutdown_blocking(arg, GYRE_FOREVER, false) == GYRE_ESTATE ? 0 : -1;
}

struct from_inside {
    gyre_frame frame;
    gyre_executor *executor;
};
GYRE_CORO(from_inside)
{
    GYRE_BEGIN;
    self->executor = new_executor(1);
    GYRE_TRY(gyre_run_in_executor(self->executor,
                                  &((gyre_job){.fn = shut_myself_down, .arg = self->executor})));
    gyre_executor_unref(self->executor);
    GYRE_END;
}
TASK_TEST(from_inside);

/* The last reference goes while jobs wait: they are done all the same. */
struct unreferenced {
    gyre_frame frame;
    gyre_executor *executor;
    gyre_future *jobs[3];
};
GYRE_CORO(unreferenced)
{
    GYRE_BEGIN;
    gate_init(&door);
    self->executor = new_executor(1);
    for (int i = 0; i < 3; i++) {
        const gyre_job job = pass(true);

        self->jobs[i] = gyre_executor_submit(self->executor, &job);
    }
    gyre_executor_unref(self->executor);
    gyre_future_unref(self->jobs[1]); /* nobody waits for that one */
    gate_open(&door);
    GYRE_TRY(self->jobs[2]);
    GYRE_TRY(self->jobs[0]);
    assert_int_equal(door.left, 3);
    gyre_future_unref(self->jobs[0]);
    gyre_future_unref(self->jobs[2]);
    GYRE_END;
}
TASK_TEST(unreferenced);

/* The loop is closed with a future's job inside and one in the queue. */
static void close_with_futures(bool moved)
{
    gyre_executor *executor = new_executor(1);
    const gyre_job job = pass(moved);
    gyre_loop *loop = unit_loop();
    gyre_future *jobs[2];

    gate_init(&door);
    door.until_told = true;
    for (int i = 0; i < 2; i++) {
        gyre__running = loop; /* as if something ran in it */
        jobs[i] = gyre_executor_submit(executor, &job);
        gyre__running = NULL;
    }
    gate_await_jobs(&door, 1);
    assert_int_equal(gyre_loop_close(loop), 0);
    assert_true(gyre_future_cancelled(jobs[0]));
    assert_true(gyre_future_cancelled(jobs[1]));
    assert_int_equal(gyre_executor_shutdown_blocking(executor, GYRE_FOREVER, false), 0);
    assert_int_equal(door.left, 1);
    assert_int_equal(door.released, moved ? 2 : 0);
    assert_int_equal(door.dropped, 1);
    gyre_future_unref(jobs[0]);
    gyre_future_unref(jobs[1]);
    gyre_executor_unref(executor);
}

static void test_loop_closes(void **state)
{
    (void)state;
    close_with_futures(false);
    close_with_futures(true);
}

/* ---- several loops ---- */

struct user {
    gyre_frame frame;
    gyre_executor *executor;
    int i;
    int64_t sum;
};
GYRE_CORO(user)
{
    GYRE_BEGIN;
    for (self->i = 0; self->i < 64; self->i++) {
        GYRE_TRY(gyre_run_in_executor(
            self->executor, &((gyre_job){.fn = twice, .arg = number_args[self->i]})));
        self->sum += self->frame.result;
    }
    GYRE_RETURN(self->sum);
    GYRE_END;
}

static void *run_user(void *arg)
{
    return (void *)(intptr_t)GYRE_RUN(user, .executor = arg);
}

static void test_loops_share_one(void **state)
{
    gyre_executor *executor = new_executor(2);
    pthread_t threads[3];
    void *sum;

    (void)state;
    init_numbers();
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_user, executor), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(threads[i], &sum), 0);
        assert_int_equal((intptr_t)sum, 64 * 63);
    }
    assert_int_equal(gyre_executor_shutdown_blocking(executor, GYRE_SECONDS(20), false), 0);
    gyre_executor_unref(executor);
}

/* In a fork's child there are no threads: it is refused, and ends without waiting. */
static int use_in_child(void *arg)
{
    gyre_executor *executor = arg;
    int64_t rc = GYRE_RUN(user, .executor = executor);

    return rc == GYRE_EFORKED &&
                   gyre_executor_shutdown_blocking(executor, GYRE_FOREVER, true) == 0
               ? 0
               : 1;
}

static void test_fork(void **state)
{
    gyre_executor *executor = new_executor(1);

    (void)state;
    assert_int_equal(GYRE_RUN(user, .executor = executor), 64 * 63);
    assert_int_equal(unit_in_child(use_in_child, executor), 0);
    gyre_executor_unref(executor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run_submits),
        cmocka_unit_test(run_reuses),
        cmocka_unit_test(run_second_thread_fails),
        cmocka_unit_test(run_names),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(run_orders),
        cmocka_unit_test(run_maps),
        cmocka_unit_test(run_map_fails),
        cmocka_unit_test(test_map_closes),
        cmocka_unit_test(run_map_taker_cancelled),
        cmocka_unit_test(run_shutdown_cancels),
        cmocka_unit_test(run_shutdown_abandons),
        cmocka_unit_test(run_from_inside),
        cmocka_unit_test(run_unreferenced),
        cmocka_unit_test(test_loop_closes),
        cmocka_unit_test(test_loops_share_one),
        cmocka_unit_test(test_fork),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
