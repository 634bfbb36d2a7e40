/* Threads that block: each has a connection, and takes the next file when it is done with one. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "blocking.h"
#include "ways.h"

struct shared {
    const struct race *race;
    SSL_CTX *trust;
    unsigned count;
    atomic_uint next; /* the first file that nobody has taken */
    atomic_bool failed;
};

static void *run_thread(void *arg)
{
    struct shared *shared = arg;
    struct blocking connection;
    bool fine = blocking_open(&connection, shared->race, shared->trust);
    unsigned i;

    while (fine && (i = atomic_fetch_add(&shared->next, 1)) < shared->count)
        fine = blocking_get(&connection, race_file(shared->race, i));
    blocking_close(&connection);
    if (!fine)
        atomic_store(&shared->failed, true);
    return NULL;
}

bool way_threads(const struct race *race, unsigned count)
{
    struct shared shared = {.race = race, .trust = blocking_trust(race), .count = count};
    pthread_t *threads = calloc(race->few, sizeof(*threads));
    unsigned started = 0;
    int error = 0;

    while (shared.trust && threads && started < race->few && error == 0) {
        error = pthread_create(&threads[started], NULL, run_thread, &shared);
        started += error == 0;
    }
    for (unsigned i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    free(threads);
    SSL_CTX_free(shared.trust);
    if (error)
        return board_complain(race->board, "cannot start a thread: %s", strerror(error));
    return started == race->few && !shared.failed;
}
