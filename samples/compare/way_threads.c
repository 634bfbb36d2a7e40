/* Without gyre, in one process: one piece after the other, and threads that take the next one. */
#include <pthread.h>

#include "settings.h"
#include "ways.h"

void way_serial(const struct work *work)
{
    for (unsigned i = 0; i < work->count() && tally_add(work->piece(i)) >= 0; i++)
        ;
}

struct shared {
    const struct work *work;
    atomic_uint next; /* the first piece that nobody has taken */
};

static void *run_thread(void *arg)
{
    struct shared *shared = arg;
    unsigned i;

    while ((i = atomic_fetch_add(&shared->next, 1)) < shared->work->count() &&
           tally_add(shared->work->piece(i)) >= 0)
        ;
    return NULL;
}

void way_threads(const struct work *work)
{
    struct shared shared = {.work = work};
    pthread_t threads[MOST_AT_ONCE];
    unsigned started = 0;
    int error = 0;

    while (started < work->workers() && error == 0) {
        error = pthread_create(&threads[started], NULL, run_thread, &shared);
        started += error == 0;
    }
    if (error)
        tally_add(-error);
    while (started > 0)
        pthread_join(threads[--started], NULL);
}
