/* A gate for jobs in threads. */
#include "gate.h"

#include <sched.h>
#include <time.h>

#include "../../task/executor.h"

static _Atomic(struct gate *) newest;

void gate_init(struct gate *gate)
{
    pthread_mutex_init(&gate->lock, NULL);
    pthread_cond_init(&gate->changed, NULL);
    gate->inside = gate->left = 0;
    gate->open = gate->until_told = false;
    atomic_init(&gate->told, 0);
    atomic_init(&gate->released, 0);
    atomic_init(&gate->dropped, 0);
    newest = gate;
}

void gate_open(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->open = true;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

static void await_count(struct gate *gate, const int *count, int n)
{
    pthread_mutex_lock(&gate->lock);
    while (*count < n)
        pthread_cond_wait(&gate->changed, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
}

void gate_await_jobs(struct gate *gate, int n)
{
    await_count(gate, &gate->inside, n);
}

void gate_await_left(struct gate *gate, int n)
{
    await_count(gate, &gate->left, n);
}

void gate_await_dropped(struct gate *gate, int n)
{
    while (gate->dropped < n)
        sched_yield();
}

/* Looks at the flag every millisecond, as a job that computes would. */
static void wait_a_while(struct gate *gate)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_cond_timedwait(&gate->changed, &gate->lock, &until);
}

int64_t gate_pass(void *arg)
{
    struct gate *gate = arg;

    pthread_mutex_lock(&gate->lock);
    gate->inside++;
    pthread_cond_broadcast(&gate->changed);
    while (!gate->open && !(gate->until_told && gyre_job_cancelled()))
        wait_a_while(gate);
    if (gyre_job_cancelled())
        gate->told++;
    gate->left++;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
    return 42;
}

void gate_release(void *arg)
{
    struct gate *gate = arg;

    gate->released++;
}

void gate_drop(int64_t value)
{
    struct gate *gate = newest;

    if (value == 42)
        gate->dropped++;
}
