/* What the benchmarks share: CPU time, resident memory, random numbers, medians of several runs. */
#ifndef GYRE_TESTS_BENCH_BENCH_H
#define GYRE_TESTS_BENCH_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BENCH_RUNS = 5, BENCH_FIGURES = 2 };

/* Names given on the command line: only these are measured. */
static char **bench_only;

static inline double bench_cpu_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static inline uint64_t bench_now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static inline double bench_resident(void)
{
    long total = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    if (!file || fscanf(file, "%ld %ld", &total, &resident) != 2)
        resident = 0;
    if (file)
        fclose(file);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

/* The same numbers in every run: xorshift from a fixed seed. */
static inline uint64_t bench_random(void)
{
    static uint64_t state = UINT64_C(0x9E3779B97F4A7C15);

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* A number in [0, limit). */
static inline uint64_t bench_below(uint64_t limit)
{
    return bench_random() % limit;
}

static inline void bench_check(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "bench: %s failed\n", what);
        exit(1);
    }
}

static inline bool bench_wanted(const char *name)
{
    if (!*bench_only)
        return true;
    for (char **only = bench_only; *only; only++)
        if (strcmp(*only, name) == 0)
            return true;
    return false;
}

static inline int bench_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static inline double bench_median(double *figures)
{
    qsort(figures, BENCH_RUNS, sizeof(*figures), bench_compare);
    return figures[BENCH_RUNS / 2];
}

static inline void bench_print(const char *name, double value, const char *unit)
{
    printf("%s %.2f %s\n", name, value, unit);
    fflush(stdout);
}

/* Measures a line: `measure` gives the nanoseconds of CPU time one operation took. */
static inline void bench_line(const char *name, double (*measure)(void))
{
    double figures[BENCH_RUNS];

    if (!bench_wanted(name))
        return;
    for (int run = 0; run < BENCH_RUNS; run++)
        figures[run] = measure();
    bench_print(name, bench_median(figures), "ns");
}

/*
 * Measures memory and time at once, each run in a process of its own, whose heap nothing has used.
 * `measure` fills in bytes, then nanoseconds.
 */
static inline void bench_isolated(const char *memory_name, const char *time_name,
                                  void (*measure)(double *out_figures))
{
    double figures[BENCH_FIGURES][BENCH_RUNS];

    if (!bench_wanted(memory_name) && !bench_wanted(time_name))
        return;
    for (int run = 0; run < BENCH_RUNS; run++) {
        double result[BENCH_FIGURES];
        int ends[2], status;
        pid_t child;

        bench_check(pipe(ends) == 0, "pipe");
        child = fork();
        if (child == 0) {
            measure(result);
            _exit(write(ends[1], result, sizeof(result)) != sizeof(result));
        }
        bench_check(child > 0 && read(ends[0], result, sizeof(result)) == sizeof(result),
                    "a child");
        waitpid(child, &status, 0);
        close(ends[0]);
        close(ends[1]);
        figures[0][run] = result[0];
        figures[1][run] = result[1];
    }
    bench_print(memory_name, bench_median(figures[0]), "bytes");
    bench_print(time_name, bench_median(figures[1]), "ns");
}

#endif
