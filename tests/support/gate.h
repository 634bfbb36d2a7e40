/*
 * A gate for jobs in threads: a job says that it has come, and waits until it may go on.
 *
 *     gate_init(&gate);                      then submit gate_pass with &gate
 *     gate_await_jobs(&gate, 1);             blocks until the job is inside
 *     gate_open(&gate);
 */
#ifndef GYRE_TESTS_SUPPORT_GATE_H
#define GYRE_TESTS_SUPPORT_GATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int inside;         /* jobs that have come */
    int left;           /* and gone */
    bool open;
    bool until_told;    /* jobs go on when they are cancelled, too */
    atomic_int told;    /* jobs that found themselves cancelled on leaving */
    atomic_int released; /* calls of gate_release() */
    atomic_int dropped; /* calls of gate_drop() with 42 */
};

void gate_init(struct gate *gate);
void gate_open(struct gate *gate);

/* Blocks until n jobs have come, or gone. */
void gate_await_jobs(struct gate *gate, int n);
void gate_await_left(struct gate *gate, int n);
void gate_await_dropped(struct gate *gate, int n);

/* The job: arg is the gate; gives 42. */
int64_t gate_pass(void *arg);

/* For jobs whose argument is moved: the gate itself stays where it is. */
void gate_release(void *arg);

/* For gyre_job.drop: counts for the gate that was initialised last. */
void gate_drop(int64_t value);

#endif
