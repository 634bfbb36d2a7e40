/* The scenes: which ways each has, what was reported of them, and what there is to say. */
#include "scenes.h"

#include <stdio.h>

#include "measure.h"
#include "settings.h"

enum { MOST_WAYS = 8 };

/* Seconds that others have reported; 0: nothing. */
struct reported {
    double sums; /* 20000 sums by four threads or processes */
    double ten;  /* ten pieces of each kind, by ten */
};

struct line {
    way_function *way;
    const char *name; /* %u: threads or processes */
    struct reported reported;
    const char *remark;
};

struct scene {
    const struct work *work;
    struct line lines[MOST_WAYS];
};

static const struct scene scenes[] = {
    {&cpu_work,
     {{way_serial, "one after the other", {131.50, 83.42}, "One core works, the others look on."},
      {way_threads,
       "%u threads",
       {124.02, 93.82},
       "All cores work. The reported threads took turns at an interpreter's lock; C has none."},
      {way_processes,
       "%u processes",
       {71.51, 9.08},
       "All cores work, in any language: this is why processes were recommended for computing."},
      {way_queue,
       "%u processes and a queue",
       {77.31, 0},
       "The same: the queue costs little where pieces are long, and none sits idle at the end."},
      {way_blocking_tasks,
       "tasks",
       {124.85, 0},
       "A loop is one thread, so one core: tasks gain nothing here, and each holds up all others."},
      {way_task_threads,
       "tasks and %u threads",
       {0, 0},
       "gyre_run_in_executor(): all cores work, and the loop is free for others meanwhile."},
      {way_task_processes,
       "tasks and %u processes",
       {0, 0},
       "gyre_process_pool_run(): the same, and a piece that crashes fails alone."}}},
    {&disk_work,
     {{way_serial,
       "one after the other",
       {0, 15.64},
       "The disk waits while blocks are made and checked; then all wait for the disk."},
      {way_threads,
       "%u threads",
       {0, 13.27},
       "While one waits for its flush the others write, and flushes that meet are done together."},
      {way_processes,
       "%u processes",
       {0, 1.28},
       "The same. Reported threads gained next to nothing: so it was the text, not the disk."},
      {way_queue, "%u processes and a queue", {0, 0}, "The same, with a moment for the queue."},
      {way_tasks,
       "tasks",
       {0, 0},
       "One thread gives the kernel all requests by io_uring; one core makes and checks the "
       "blocks."},
      {way_task_threads, "tasks and %u threads", {0, 0}, "As with threads that nobody awaits."},
      {way_task_processes, "tasks and %u processes", {0, 0}, "The same once more."}}},
    {&network_work,
     {{way_serial, "one after the other", {0, 1.13}, "Nothing but waiting, ten times over."},
      {way_threads, "%u threads", {0, 0.18}, "All wait at the same time, with a thread for each."},
      {way_processes, "%u processes", {0, 0.13}, "All wait at the same time, in a process each."},
      {way_queue, "%u processes and a queue", {0, 0}, "The same."},
      {way_tasks,
       "tasks",
       {0, 0},
       "All wait at the same time, in one thread: there could be ten thousand of them."},
      {way_blocking_tasks, "tasks that block", {0, 0}, NULL},
      {way_task_threads,
       "tasks and %u threads",
       {0, 0},
       "What makes a client that blocks bearable, if there is no other."},
      {way_task_processes,
       "tasks and %u processes",
       {0, 0},
       "Works, and is too much for waiting."}}},
    {&sleep_work,
     {{way_serial, "one after the other", {0, 20.02}, "The sum of all sleeps."},
      {way_threads, "%u threads", {0, 2.02}, "The longest sleep, and a thread for each."},
      {way_processes, "%u processes", {0, 2.01}, "The longest sleep, and a process for each."},
      {way_queue, "%u processes and a queue", {0, 0}, "The same."},
      {way_tasks, "tasks", {0, 0}, "The longest sleep, and a timer for each."},
      {way_task_threads,
       "tasks and %u threads",
       {0, 0},
       "Threads that sleep, and a loop that does not."},
      {way_task_processes,
       "tasks and %u processes",
       {0, 0},
       "The longest sleep, and the time it takes to start the processes."}}},
};

static void print_reported(double seconds, double first)
{
    if (seconds > 0)
        printf("%10.2f%8.2f", seconds, first / seconds);
    else
        printf("%10s%8s", "-", "-");
}

static void print_head(const struct scene *scene)
{
    bool sums = scene->lines[0].reported.sums > 0;

    scene->work->describe();
    printf("\n\n%-28s%16s%s%18s\n%-28s", "", "here", sums ? "  reported (20000)" : "",
           "reported (n=10)", "");
    for (int i = 0; i < (sums ? 3 : 2); i++)
        printf("%*s%8s", i == 0 ? 8 : 10, "seconds", "faster");
    printf("\n");
}

/* What to say of tasks that block, where there are others. */
static void print_blocking(const struct scene *scene, unsigned slow_steps)
{
    printf("    A client that blocks stops the loop: one after the other again. Its debug mode "
           "told of\n"
           "    %u slow steps of %u. (Reported for five such requests of 3 s each: 15.13 s.)\n",
           slow_steps, scene->work->count());
}

static void print_line(const struct scene *scene, const struct line *line,
                       const struct measured *measured, double first)
{
    const struct reported *reported = &scene->lines[0].reported;

    printf("%8.2f%8.2f", measured->seconds, first / measured->seconds);
    if (reported->sums > 0)
        print_reported(line->reported.sums, reported->sums);
    print_reported(line->reported.ten, reported->ten);
    printf("\n");
    if (line->remark)
        printf("    %s\n", line->remark);
    else
        print_blocking(scene, measured->slow_steps);
    fflush(stdout);
}

static bool play(const struct scene *scene)
{
    const struct line *line = scene->lines;
    struct measured first, measured;
    char name[64];
    int64_t error;

    print_head(scene);
    for (unsigned i = 0; i < MOST_WAYS && line[i].way; i++) {
        snprintf(name, sizeof(name), line[i].name, scene->work->workers());
        printf("%-28s", name);
        fflush(stdout);
        error = measure(scene->work, line[i].way, &measured);
        if (i == 0)
            first = measured;
        if (error < 0 || measured.sum != first.sum) {
            printf("\n");
            say("%s: %s", name,
                error < 0 ? gyre_strerror(error) : "comes to another result than the first way");
            return false;
        }
        print_line(scene, &line[i], &measured, first.seconds);
    }
    printf("\n");
    return true;
}

bool scenes_play(void)
{
    for (unsigned i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++) {
        if (settings.wanted[i] && !play(&scenes[i]))
            return false;
    }
    return true;
}
