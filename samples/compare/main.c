/*
 * gyre-compare: four kinds of work, each done in seven ways and more.
 *
 *     work.h      the kinds of work, each in work_*.c     server.c   whom the network's requests go to
 *     ways.h      the ways, each in way_*.c               measure.c  runs a way and times it
 *     scenes.c    the tables, with what was reported      tally.c    what the processes share
 *
 * The figures it compares with are those of well-known tutorials on threads, processes and
 * coroutines in Python, reached on machines with more cores or fewer: compare how many times faster
 * a way is, and not its seconds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "scenes.h"
#include "server.h"
#include "settings.h"
#include "tally.h"
#include "work.h"

static void print_preface(void)
{
    double load;

    printf("Here are %ld processors. Faster: so many times as fast as one after the other.\n"
           "Reported: of 20000 sums by four threads or processes, of ten pieces by ten.\n",
           sysconf(_SC_NPROCESSORS_ONLN));
    if (getloadavg(&load, 1) == 1 && load >= 1)
        printf("Others keep this machine busy (load %.1f): what is measured depends on them.\n",
               load);
    printf("\n");
}

int main(int argc, char **argv)
{
    int status = settings_parse(argc, argv);
    int64_t error;
    pid_t server;
    bool fine;

    if (status != GO_ON)
        return status;
    error = tally_make();
    if (error < 0) {
        say("%s", gyre_strerror(error));
        return EXIT_TROUBLE;
    }
    server = server_start();
    if (server < 0)
        return EXIT_TROUBLE;
    print_preface();
    fine = scenes_play();
    server_stop(server);
    return fine ? EXIT_DONE : EXIT_TROUBLE;
}
