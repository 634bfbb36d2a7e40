/* The command line of gyre-race. */
#include "options.h"

#include <getopt.h>
#include <gyre/gyre.h>
#include <stdio.h>

static const char help[] =
    "usage: gyre-race [OPTION]...\n"
    "\n"
    "Starts an HTTPS server that thinks before it answers, downloads the same files from it in "
    "five\n"
    "ways, checks every byte, and prints what each way took.\n"
    "\n"
    "  -n N          download N files in each way (930)\n"
    "  --part N      only N where they come one after the other, and scale that (60)\n"
    "  --size BYTES  of each file (20480)\n"
    "  --delay MS    before each answer (20)\n"
    "  -j N          so many threads, and processes (4)\n"
    "  -c N          so many gyre tasks (64)\n"
    "  --race-only   without the scenes before it\n"
    "  -h, --help    print this        --version  print the version\n"
    "\n"
    "Exit status: 0 all files came as they should, 1 something went wrong, 2 the command line is "
    "wrong.\n";

enum { PART = 256, SIZE, DELAY, RACE_ONLY, VERSION };

static const struct option long_options[] = {
    {"part", required_argument, NULL, PART},
    {"size", required_argument, NULL, SIZE},
    {"delay", required_argument, NULL, DELAY},
    {"race-only", no_argument, NULL, RACE_ONLY},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, VERSION},
    {NULL, 0, NULL, 0},
};

const char command_name[] = "gyre-race";

static bool take(struct race *race, int code)
{
    switch (code) {
    case 'n':
        return number("-n", 1, 1000000, &race->count);
    case 'j':
        return number("-j", 1, BOARD_PROCESSES - 1, &race->few); /* one place is the way's own */
    case 'c':
        return number("-c", 1, MOST_AT_ONCE, &race->many);
    case PART:
        return number("--part", 1, 1000000, &race->part);
    case SIZE:
        return number("--size", 0, LARGEST_FILE, &race->size);
    case DELAY:
        return number("--delay", 0, 60000, &race->delay_ms);
    default:
        race->scenes = false;
        return true;
    }
}

int options_parse(struct race *race, int argc, char **argv)
{
    int code;

    *race = (struct race){.count = 930,
                          .part = 60,
                          .size = 20480,
                          .delay_ms = 20,
                          .few = 4,
                          .many = 64,
                          .scenes = true};
    opterr = 0;
    while ((code = getopt_long(argc, argv, ":n:j:c:h", long_options, NULL)) != -1) {
        if (code == 'h') {
            fputs(help, stdout);
            return EXIT_RACED;
        }
        if (code == VERSION) {
            puts("gyre-race " GYRE_VERSION_STRING);
            return EXIT_RACED;
        }
        if (code == ':' || code == '?') {
            say(code == ':' ? "%s takes a value. Try --help" : "unknown option %s. Try --help",
                argv[optind - 1]);
            return EXIT_USAGE;
        }
        if (!take(race, code))
            return EXIT_USAGE;
    }
    if (optind < argc) {
        say("'%s': there is nothing to name. Try --help", argv[optind]);
        return EXIT_USAGE;
    }
    race->part = race->part < race->count ? race->part : race->count;
    return GO_ON;
}
