/* The table at the end, on stdout. */
#include "table.h"

#include <stdio.h>

/* What it would have been for all files. */
static double scaled(const struct race *race, const struct measured *measured, double seconds)
{
    return seconds * (double)race->count / (double)measured->files;
}

static void print_row(const struct race *race, const struct row *row, double first,
                      const char *mark)
{
    const struct measured *measured = &row->measured;
    double seconds = scaled(race, measured, measured->seconds);
    char name[64], memory[32] = "-";

    if (measured->bytes)
        snprintf(memory, sizeof(memory), "%.1f MB", (double)measured->bytes / 1e6);
    snprintf(name, sizeof(name), "%s%s", row->name, measured->files < race->count ? " (1)" : "");
    printf("%-28s%8.2f%8.2f%8.2f%10s%10.2f%7.2f%s\n", name, seconds, first / seconds,
           scaled(race, measured, measured->cpu_seconds), memory, row->reported_seconds,
           row->reported_gain, mark);
}

static void print_notes(const struct race *race, const struct row *first,
                        const struct measured *blocking, double seconds)
{
    double blocked = scaled(race, blocking, blocking->seconds);
    double wait = (double)race->count * race->delay_ms / 1000;

    printf("\nCPU and memory (most at any time) are those of the downloading side alone.\n");
    if (first->measured.files < race->count)
        printf("(1) %u files in %.2f s; time and CPU are scaled to %u.\n", first->measured.files,
               first->measured.seconds, race->count);
    printf("(2) This row is wrong (its text says 65.68 s): those coroutines called a blocking "
           "client, so\n"
           "    they ran one after the other, and what they gained was the network's mood. Tasks "
           "that do\n"
           "    the same here take %.2f s: %.2f times as fast (%u files, scaled).\n\n",
           blocked, seconds / blocked, blocking->files);
    printf("Waiting is what takes time: %u answers need at least %.2f s if %u wait at once, %.2f s "
           "if %u\n"
           "do. Threads and processes can wait in such numbers, too (-j %u): for a stack or more "
           "each.\n",
           race->count, wait / race->few, race->few, wait / race->many, race->many, race->many);
}

void table_print(const struct race *race, const struct row *rows, unsigned count,
                 const struct measured *blocking)
{
    double first = scaled(race, &rows[0].measured, rows[0].measured.seconds);

    printf("%-28s%8s%8s%8s%10s%17s\n", "", "seconds", "faster", "CPU s", "memory", "as reported");
    for (unsigned i = 0; i < count; i++)
        print_row(race, &rows[i], first, i + 1 == count ? " (2)" : "");
    print_notes(race, &rows[0], blocking, first);
}
