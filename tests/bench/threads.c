/*
 * Costs between threads: lines `name value unit`, time on the wall, median of five runs.
 *
 * to_thread is a round trip of an empty job; floor_to_thread is the same between two bare threads
 * with a mutex and two conditions. post is what gyre_call_soon_threadsafe() costs the calling
 * thread while the loop is busy, post4 the same with four threads at once. wakeups, only if it is
 * named, posts 10,000,000 times to a loop that falls asleep again and again, and fails if one is
 * lost.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "bench.h"
#include "task/executor.h"
#include "task/run.h"
#include "task/sleep.h"

enum { TRIPS = 20000, BURST = 64, BURSTS = 500, POSTS = 1000000, WAKEUPS = 10000000, POSTERS = 4 };

static double elapsed(uint64_t start, double operations)
{
    return (double)(bench_now() - start) / operations;
}

/* ---- round trips ---- */

static int64_t nothing(void *arg)
{
    (void)arg;
    return 0;
}

struct trips {
    gyre_frame frame;
    double *out;
    uint64_t start;
    int i;
};
GYRE_CORO(trips)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_to_thread(nothing, NULL, NULL)); /* starts the thread */
    self->start = bench_now();
    for (self->i = 0; self->i < TRIPS; self->i++)
        GYRE_TRY(gyre_to_thread(nothing, NULL, NULL));
    *self->out = elapsed(self->start, TRIPS);
    GYRE_END;
}

static double to_thread(void)
{
    double figure = 0;

    bench_check(GYRE_RUN(trips, .out = &figure) == 0, "to_thread");
    return figure;
}

/* Many at a time: what a job costs where threads and loop need not wait for each other. */
struct bursts {
    gyre_frame frame;
    double *out;
    gyre_future *jobs[BURST];
    uint64_t start;
    int i;
    int j;
};
GYRE_CORO(bursts)
{
    GYRE_BEGIN;
    self->start = bench_now();
    for (self->i = 0; self->i < BURSTS; self->i++) {
        for (self->j = 0; self->j < BURST; self->j++)
            self->jobs[self->j] = gyre_executor_submit(NULL, &((gyre_job){.fn = nothing}));
        for (self->j = 0; self->j < BURST; self->j++) {
            GYRE_TRY(self->jobs[self->j]);
            gyre_future_unref(self->jobs[self->j]);
        }
    }
    *self->out = elapsed(self->start, (double)BURSTS * BURST);
    GYRE_END;
}

static double submit64(void)
{
    double figure = 0;

    bench_check(GYRE_RUN(bursts, .out = &figure) == 0, "submit64");
    return figure;
}

/* Two threads, each of which waits for the other. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t wanted, done;
    int turn;
} floor_trip = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};

static void *answer_trips(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&floor_trip.lock);
    for (int i = 0; i < TRIPS; i++) {
        while (floor_trip.turn != 1)
            pthread_cond_wait(&floor_trip.wanted, &floor_trip.lock);
        floor_trip.turn = 0;
        pthread_cond_signal(&floor_trip.done);
    }
    pthread_mutex_unlock(&floor_trip.lock);
    return NULL;
}

static double floor_to_thread(void)
{
    uint64_t start = bench_now();
    pthread_t thread;

    bench_check(pthread_create(&thread, NULL, answer_trips, NULL) == 0, "a thread");
    pthread_mutex_lock(&floor_trip.lock);
    for (int i = 0; i < TRIPS; i++) {
        floor_trip.turn = 1;
        pthread_cond_signal(&floor_trip.wanted);
        while (floor_trip.turn != 0)
            pthread_cond_wait(&floor_trip.done, &floor_trip.lock);
    }
    pthread_mutex_unlock(&floor_trip.lock);
    pthread_join(thread, NULL);
    return elapsed(start, TRIPS);
}

/* ---- posts ---- */

struct posts {
    gyre_loop *loop;
    int posters;
    int each;
    bool yielding; /* lets the loop fall asleep in between */
    atomic_int running;
    uint64_t arrived; /* loop's thread */
    double cost;      /* ns for each, the slowest of the threads */
    pthread_mutex_t lock;
};

static int64_t count(gyre_loop *loop, void *arg)
{
    struct posts *posts = arg;

    (void)loop;
    posts->arrived++;
    return 0;
}

static void *post(void *arg)
{
    struct posts *posts = arg;
    uint64_t start = bench_now();
    double cost;

    for (int i = 0; i < posts->each; i++) {
        bench_check(gyre_call_soon_threadsafe(posts->loop, count, posts) == 0, "a post");
        if (posts->yielding && i % 8 == 0)
            sched_yield();
    }
    cost = elapsed(start, posts->each);
    pthread_mutex_lock(&posts->lock);
    posts->cost = cost > posts->cost ? cost : posts->cost;
    pthread_mutex_unlock(&posts->lock);
    atomic_fetch_sub(&posts->running, 1);
    return NULL;
}

/* A busy loop goes round without a pause; else it sleeps whenever it can: only posts wake it. */
struct receive {
    gyre_frame frame;
    struct posts *posts;
    bool busy;
};
GYRE_CORO(receive)
{
    GYRE_BEGIN;
    while (self->posts->arrived < (uint64_t)self->posts->posters * (uint64_t)self->posts->each)
        GYRE_TRY(gyre_sleep(self->busy ? 0 : GYRE_SECONDS(1)));
    GYRE_END;
}

static double measure_posts(int posters, int each, bool busy)
{
    struct posts posts = {.posters = posters, .each = each, .yielding = !busy,
                          .lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t threads[POSTERS];
    gyre_task *task;

    atomic_init(&posts.running, posters);
    bench_check(gyre_loop_new(NULL, &posts.loop) == 0, "a loop");
    task = GYRE_SPAWN_ON(posts.loop, receive, .posts = &posts, .busy = busy);
    bench_check(task != NULL, "a task");
    for (int i = 0; i < posters; i++)
        bench_check(pthread_create(&threads[i], NULL, post, &posts) == 0, "a thread");
    bench_check(gyre_loop_run_until(posts.loop, gyre_task_future(task)) == 0, "the posts");
    for (int i = 0; i < posters; i++)
        pthread_join(threads[i], NULL);
    gyre_task_unref(task);
    gyre_loop_close(posts.loop);
    return posts.cost;
}

static double post1(void)
{
    return measure_posts(1, POSTS, true);
}

static double post4(void)
{
    return measure_posts(POSTERS, POSTS / POSTERS, true);
}

int main(int argc, char **argv)
{
    bench_only = argv + 1;
    bench_line("to_thread", to_thread);
    bench_line("floor_to_thread", floor_to_thread);
    bench_line("submit64", submit64);
    bench_line("post", post1);
    bench_line("post4", post4);
    if (argc > 1 && bench_wanted("wakeups")) {
        measure_posts(POSTERS, WAKEUPS / POSTERS, false);
        bench_print("wakeups", WAKEUPS, "posts heard");
    }
    return 0;
}
