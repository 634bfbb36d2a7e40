/* The referee: time, CPU time and memory of a way. */
#include "referee.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TICK_MS = 20 };

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/*
 * Memory of a process: its proportional set size, in which a page that n processes share counts for
 * one n-th. Summed up nothing counts twice. 0: the process has ended, or Linux does not say.
 */
static uint64_t memory_of(pid_t pid)
{
    unsigned long long kilobytes = 0;
    char path[64], line[128];
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
    file = fopen(path, "re");
    while (file && fgets(line, sizeof(line), file)) {
        if (sscanf(line, "Pss: %llu", &kilobytes) == 1)
            break;
    }
    if (file)
        fclose(file);
    return kilobytes * 1024;
}

static uint64_t memory_of_all(struct board *board)
{
    unsigned count = atomic_load(&board->processes);
    uint64_t sum = 0;

    for (unsigned i = 0; i < count && i < BOARD_PROCESSES; i++)
        sum += memory_of(atomic_load(&board->pids[i]));
    return sum;
}

/* Watches until all of its processes have closed `alive`, a pipe that only they can write to. */
static void watch(struct board *board, int alive, void (*tick)(void *arg), void *arg,
                  struct measured *out)
{
    struct pollfd end = {.fd = alive, .events = POLLIN};
    uint64_t bytes;

    while (poll(&end, 1, TICK_MS) <= 0) {
        bytes = memory_of_all(board);
        out->bytes = bytes > out->bytes ? bytes : out->bytes;
        tick(arg);
    }
}

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

bool referee_measure(const struct race *race, way_function *way, unsigned count,
                     void (*tick)(void *arg), void *arg, struct measured *out)
{
    struct rusage usage = {.ru_maxrss = 0};
    double start = now();
    int alive[2], status = 0;
    pid_t child;

    *out = (struct measured){.files = 0};
    board_clear(race->board);
    if (pipe(alive) < 0)
        return board_complain(race->board, "cannot make a pipe: %s", strerror(errno));
    child = board_fork(race->board);
    if (child == 0) {
        close(alive[0]);
        _exit(way(race, count) ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    close(alive[1]);
    if (child > 0) {
        watch(race->board, alive[0], tick, arg, out);
        while (wait4(child, &status, 0, &usage) < 0 && errno == EINTR)
            ;
    }
    close(alive[0]);
    if (child < 0)
        return board_complain(race->board, "cannot start a process: %s", strerror(errno));
    out->seconds = now() - start;
    out->cpu_seconds = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
    out->files = atomic_load(&race->board->done);
    tick(arg);
    return (status == 0 && out->files == count) ||
           board_complain(race->board, "%u of %u files came", out->files, count);
}
