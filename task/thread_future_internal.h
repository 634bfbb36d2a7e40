/* The insides of thread futures: who completes them, and who waits for them in a loop. */
#ifndef GYRE_TASK_THREAD_FUTURE_INTERNAL_H
#define GYRE_TASK_THREAD_FUTURE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "../loop/list_internal.h"
#include "thread_future.h"

/* What will complete a thread future; it is found there until the future is done. */
typedef struct gyre__source {
    /*
     * Any thread, with the future's lock: asks it to end. True: `let_go` must follow without the
     * lock.
     */
    bool (*cancel)(struct gyre__source *source);
    void (*let_go)(struct gyre__source *source);
} gyre__source;

/* Whoever wants to hear of the end. */
typedef struct gyre__observer {
    gyre__link link; /* in future->observers */
    /* Any thread, with the future's lock, once; it is off the list. */
    void (*done)(struct gyre__observer *observer);
} gyre__observer;

struct gyre_thread_future {
    pthread_mutex_t lock; /* guards all but refs */
    pthread_cond_t over;  /* for gyre_thread_future_wait(); monotonic clock */
    atomic_uint refs;
    bool done;            /* nothing below changes any more */
    int64_t result;       /* value or error; GYRE_ECANCELLED: cancelled */
    gyre_error *detail;   /* of the error; reference */
    gyre__source *source; /* NULL: nobody to ask */
    gyre__link observers;
};

/*
 * Completes it with a value or any error. detail: moved. False if it is done already. Any thread.
 */
bool gyre__thread_future_complete(gyre_thread_future *future, int64_t result, gyre_error *detail);

/* Where to ask for an end; false if the future is done already. */
bool gyre__thread_future_set_source(gyre_thread_future *future, gyre__source *source);

/* Enters the list; for a done future `done` is called at once. */
void gyre__thread_future_observe(gyre_thread_future *future, gyre__observer *observer);

/* Leaves the list; false if it was called already. */
bool gyre__thread_future_forget(gyre_thread_future *future, gyre__observer *observer);

/* The result of a done one; *out_detail: new reference or NULL. */
int64_t gyre__thread_future_result(gyre_thread_future *future, gyre_error **out_detail);

#endif
