/* Processes that block: with a share of the files each, or fed by a queue. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "blocking.h"
#include "ways.h"

/* One of them; `queue` is a pipe of file numbers, -1: every `few`-th file is its share. */
static bool work(const struct race *race, unsigned count, unsigned own, int queue)
{
    SSL_CTX *trust = blocking_trust(race);
    struct blocking connection;
    bool fine = false;
    unsigned i;

    if (trust) {
        fine = blocking_open(&connection, race, trust);
        for (i = own; fine && queue < 0 && i < count; i += race->few)
            fine = blocking_get(&connection, race_file(race, i));
        /* Small pieces of a pipe are never mixed or cut: each number goes to one process. */
        while (fine && queue >= 0 && read(queue, &i, sizeof(i)) == sizeof(i))
            fine = blocking_get(&connection, race_file(race, i));
        blocking_close(&connection);
    }
    SSL_CTX_free(trust);
    return fine;
}

/* Starts them all; gives how many. */
static unsigned start(const struct race *race, unsigned count, const int *queue)
{
    for (unsigned own = 0; own < race->few; own++) {
        pid_t child = board_fork(race->board);

        if (child < 0) {
            board_complain(race->board, "cannot start a process: %s", strerror(errno));
            return own;
        }
        if (child == 0) {
            if (queue)
                close(queue[1]); /* else the end of the queue would never come */
            _exit(work(race, count, own, queue ? queue[0] : -1) ? EXIT_SUCCESS : EXIT_FAILURE);
        }
    }
    return race->few;
}

/* Waits for all of them; false if one has failed. */
static bool finish(const struct race *race, unsigned started)
{
    bool fine = started == race->few;
    int status;

    for (; started > 0; started--) {
        if (wait(&status) < 0 || status != 0)
            fine = board_complain(race->board, "a process failed");
    }
    return fine;
}

bool way_processes(const struct race *race, unsigned count)
{
    return finish(race, start(race, count, NULL));
}

bool way_queue(const struct race *race, unsigned count)
{
    unsigned started;
    int queue[2];

    if (pipe(queue) < 0)
        return board_complain(race->board, "cannot make a pipe: %s", strerror(errno));
    started = start(race, count, queue);
    close(queue[0]); /* so that writing fails when all of them are gone */
    for (unsigned i = 0; started > 0 && i < count; i++) {
        if (write(queue[1], &i, sizeof(i)) != sizeof(i))
            break;
    }
    close(queue[1]);
    return finish(race, started);
}
