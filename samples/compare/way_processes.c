/* Without gyre, by processes: with a share of the pieces each, or fed by a queue. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ways.h"

/* One of them; `queue` is a pipe of numbers, -1: its share is every n-th piece. */
static void run_process(const struct work *work, unsigned own, int queue)
{
    unsigned i;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (queue < 0) {
        for (i = own; i < work->count() && tally_add(work->piece(i)) >= 0; i += work->workers())
            ;
        return;
    }
    /* Small pieces of a pipe are never mixed or cut: each number goes to one process. */
    while (read(queue, &i, sizeof(i)) == sizeof(i) && tally_add(work->piece(i)) >= 0)
        ;
}

/* Starts them all; gives how many. */
static unsigned start(const struct work *work, const int *queue)
{
    for (unsigned own = 0; own < work->workers(); own++) {
        pid_t child = fork();

        if (child < 0) {
            tally_add(-errno);
            return own;
        }
        if (child == 0) {
            if (queue)
                close(queue[1]); /* else the end of the queue would never come */
            run_process(work, own, queue ? queue[0] : -1);
            _exit(EXIT_SUCCESS);
        }
    }
    return work->workers();
}

static void finish(unsigned started)
{
    int status;

    for (; started > 0; started--) {
        if (wait(&status) < 0 || status != 0)
            tally_add(GYRE_EWORKERDIED);
    }
}

void way_processes(const struct work *work)
{
    finish(start(work, NULL));
}

void way_queue(const struct work *work)
{
    unsigned started;
    int queue[2];

    if (pipe(queue) < 0) {
        tally_add(-errno);
        return;
    }
    signal(SIGPIPE, SIG_IGN); /* all of them may be gone */
    started = start(work, queue);
    close(queue[0]);
    for (unsigned i = 0; started > 0 && i < work->count(); i++) {
        if (write(queue[1], &i, sizeof(i)) != sizeof(i))
            break;
    }
    close(queue[1]);
    finish(started);
}
