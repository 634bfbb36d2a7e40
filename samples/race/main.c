/*
 * gyre-race: the same files from the same server, downloaded in five ways.
 *
 *     server.c    the embedded HTTPS server         content.c   what is in the files
 *     ways.h      the ways, each in way_*.c         blocking.c  the blocking client of four of them
 *     referee.c   runs a way and measures it        get.c       a file by gyre's client
 *     board.c     what the processes share          bar.c       progress
 *     scenes.c    what comes before the race        table.c     the figures, and those reported
 *
 * The figures it compares with are those of a well-known tutorial, for 930 images from the web.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../throwaway_ca.h"
#include "bar.h"
#include "options.h"
#include "referee.h"
#include "scenes.h"
#include "server.h"
#include "table.h"

enum { WAYS = 5 };

static struct bar bar;

/* The other processes die with this one. */
static void on_interrupt(int number)
{
    bar_erase(&bar);
    signal(number, SIG_DFL);
    raise(number);
}

static bool run_way(const struct race *race, const char *name, way_function *way, unsigned count,
                    struct measured *out)
{
    bool fine;

    bar_begin(&bar, name, count);
    fine = referee_measure(race, way, count, bar_tick, &bar, out);
    if (fine)
        bar_end(&bar, out->seconds);
    return fine;
}

static bool run_race(const struct race *race)
{
    static way_function *const ways[WAYS] = {way_serial, way_threads, way_processes, way_queue,
                                             way_tasks};
    struct row rows[WAYS] = {{"one after the other", 133.35, 1, {0}},
                             {"", 83.56, 1.60, {0}},
                             {"", 82.86, 1.61, {0}},
                             {"", 84.98, 1.57, {0}},
                             {"", 65.78, 2.03, {0}}};
    struct measured blocking;
    bool fine = true;

    snprintf(rows[1].name, sizeof(rows[1].name), "%u threads that block", race->few);
    snprintf(rows[2].name, sizeof(rows[2].name), "%u processes, a share each", race->few);
    snprintf(rows[3].name, sizeof(rows[3].name), "%u processes fed by a queue", race->few);
    snprintf(rows[4].name, sizeof(rows[4].name), "%u gyre tasks in one thread", race->many);
    printf("%u files of %u bytes over HTTPS, each answered after %u ms, in five ways:\n\n",
           race->count, race->size, race->delay_ms);
    fflush(stdout);
    bar_init(&bar, race->board, race->part * 2 + race->count * (WAYS - 1));
    for (unsigned i = 0; fine && i < WAYS; i++)
        fine = run_way(race, rows[i].name, ways[i], i == 0 ? race->part : race->count,
                       &rows[i].measured);
    fine = fine && run_way(race, "tasks that block", way_blocking_tasks, race->part, &blocking);
    bar_erase(&bar);
    if (fine)
        table_print(race, rows, WAYS, &blocking);
    return fine;
}

/* The server and the tasks hold a socket for each of the tasks. */
static void get_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int argc, char **argv)
{
    static struct throwaway_ca ca;
    struct race race;
    int status = options_parse(&race, argc, argv);
    pid_t server;
    bool fine;

    if (status != GO_ON)
        return status;
    race.board = board_new();
    if (!race.board || !throwaway_ca_make(&ca, "IP:127.0.0.1")) {
        say("cannot make a certificate");
        return EXIT_TROUBLE;
    }
    race.root = ca.root;
    get_descriptors();
    signal(SIGINT, on_interrupt);
    signal(SIGTERM, on_interrupt);
    server = server_start(&race, ca.identity);
    fine = server > 0 && (!race.scenes || scenes_play(&race)) && run_race(&race);
    if (server > 0)
        server_stop(server);
    if (fine && (fflush(stdout) != 0 || ferror(stdout)))
        fine = board_complain(race.board, "cannot write to stdout: %s", strerror(errno));
    if (!fine)
        say("%s", race.board->complaint);
    return fine ? EXIT_RACED : EXIT_TROUBLE;
}
