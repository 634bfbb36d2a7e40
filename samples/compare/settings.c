/* The command line of gyre-compare. */
#include "settings.h"

#include <getopt.h>
#include <gyre/gyre.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: gyre-compare [OPTION]... [cpu|disk|network|sleep]...\n"
    "\n"
    "Does four kinds of work one after the other, by threads, by processes, by processes with a\n"
    "queue, and by gyre's tasks, and prints what each took beside what others have reported.\n"
    "\n"
    "  --sums N      pieces of computing (800)\n"
    "  --terms N     numbers that each adds up (200000)\n"
    "  -j N          threads, and processes, that compute (4)\n"
    "  -n N          files, requests, sleeps, with a thread or process for each (10)\n"
    "  --size KIB    of a file (8192)\n"
    "  --dir DIR     where the files are made ($TMPDIR or /tmp)\n"
    "  --delay MS    before the server answers (100)\n"
    "  --sleep MS    of a sleep (200)\n"
    "  --quick       a little of everything: it works, the figures say nothing\n"
    "  -h, --help    print this        --version  print the version\n"
    "\n"
    "Exit status: 0 all was done, 1 something went wrong, 2 the command line is wrong.\n";

enum { SUMS = 256, TERMS, SIZE, DIR_, DELAY, SLEEP, QUICK, VERSION };

static const struct option long_options[] = {
    {"sums", required_argument, NULL, SUMS},   {"terms", required_argument, NULL, TERMS},
    {"size", required_argument, NULL, SIZE},   {"dir", required_argument, NULL, DIR_},
    {"delay", required_argument, NULL, DELAY}, {"sleep", required_argument, NULL, SLEEP},
    {"quick", no_argument, NULL, QUICK},       {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, VERSION},   {NULL, 0, NULL, 0},
};

struct settings settings;

const char command_name[] = "gyre-compare";

/* Each takes a moment only. */
static bool be_quick(void)
{
    settings.sums = 20;
    settings.terms = 2000;
    settings.size_kib = 64;
    settings.delay_ms = settings.sleep_ms = 20;
    return true;
}

static bool take(int code)
{
    switch (code) {
    case 'j':
        return number("-j", 1, MOST_AT_ONCE, &settings.few);
    case 'n':
        return number("-n", 1, MOST_AT_ONCE, &settings.pieces);
    case SUMS:
        return number("--sums", 1, 1000000, &settings.sums);
    case TERMS:
        return number("--terms", 1, 1000000000, &settings.terms);
    case SIZE:
        return number("--size", 1, 1048576, &settings.size_kib);
    case DELAY:
        return number("--delay", 0, 60000, &settings.delay_ms);
    case SLEEP:
        return number("--sleep", 0, 60000, &settings.sleep_ms);
    case DIR_:
        settings.folder = optarg;
        return true;
    default:
        return be_quick();
    }
}

/* Which kinds; none named: all. */
static int take_kinds(int count, char **names)
{
    static const char *const kinds[] = {"cpu", "disk", "network", "sleep"};
    unsigned k;

    for (k = 0; k < 4; k++)
        settings.wanted[k] = count == 0;
    for (int i = 0; i < count; i++) {
        for (k = 0; k < 4 && strcmp(names[i], kinds[k]) != 0; k++)
            ;
        if (k == 4) {
            say("'%s' is no kind of work: cpu, disk, network, sleep", names[i]);
            return EXIT_USAGE;
        }
        settings.wanted[k] = true;
    }
    return GO_ON;
}

int settings_parse(int argc, char **argv)
{
    const char *folder = getenv("TMPDIR");
    int code;

    settings = (struct settings){.sums = 800,
                                 .terms = 200000,
                                 .few = 4,
                                 .pieces = 10,
                                 .size_kib = 8192,
                                 .delay_ms = 100,
                                 .sleep_ms = 200,
                                 .folder = folder && *folder ? folder : "/tmp"};
    opterr = 0;
    while ((code = getopt_long(argc, argv, ":j:n:h", long_options, NULL)) != -1) {
        if (code == 'h') {
            fputs(help, stdout);
            return EXIT_DONE;
        }
        if (code == VERSION) {
            puts("gyre-compare " GYRE_VERSION_STRING);
            return EXIT_DONE;
        }
        if (code == ':' || code == '?') {
            say(code == ':' ? "%s takes a value. Try --help" : "unknown option %s. Try --help",
                argv[optind - 1]);
            return EXIT_USAGE;
        }
        if (!take(code))
            return EXIT_USAGE;
    }
    return take_kinds(argc - optind, argv + optind);
}
