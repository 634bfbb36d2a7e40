/* Measuring: the time that a process takes for a way. */
#include "measure.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int64_t measure(const struct work *work, way_function *way, struct measured *out)
{
    double start;
    int status = 0;
    pid_t child;

    tally_clear();
    fflush(NULL); /* what waits in a buffer would be written twice */
    start = now();
    child = fork();
    if (child < 0)
        return -errno;
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        way(work);
        _exit(EXIT_SUCCESS);
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    *out = (struct measured){.seconds = now() - start,
                             .sum = atomic_load(&tally->sum),
                             .slow_steps = atomic_load(&tally->slow_steps)};
    if (atomic_load(&tally->error) < 0)
        return atomic_load(&tally->error);
    return status == 0 && atomic_load(&tally->pieces) == work->count() ? 0 : GYRE_EWORKERDIED;
}
