/* The command line: every mistake gives one line and the exit status 2. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <gyre/gyre.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: gyre-crawl [OPTION]... URL...\n"
    "       gyre-crawl [OPTION]... --demo\n"
    "\n"
    "Visits the pages and follows their links on the same hosts; tells what it met.\n"
    "\n"
    "  --demo          crawl a small site of its own, which it serves meanwhile\n"
    "  -w N            so many workers: pages under way at the same time (10)\n"
    "  --depth N       follow up to N links in a row (10)\n"
    "  --pages N       visit up to N pages (1000)\n"
    "  --redirects N   follow up to N redirects in a row (10)\n"
    "  --timeout S     give each page S seconds (10)\n"
    "  --tries N       try each page up to N times while the connection fails (2)\n"
    "  --host HOST     go to HOST (or HOST:PORT), too; may be given more than once\n"
    "  --any-host      go to all hosts\n"
    "  --no-robots     do not ask for robots.txt\n"
    "  --cacert FILE   trust the certificates in FILE, not the system's\n"
    "  --insecure      accept every certificate\n"
    "  -q              print the summary alone\n"
    "  -h, --help      print this        --version  print the version\n"
    "\n"
    "Exit status: 0 all pages were fetched (--demo: the crawl was done), 1 some were not, 2 the\n"
    "command line is wrong.\n";

enum {
    DEMO = 256,
    DEPTH,
    PAGES,
    REDIRECTS,
    TIMEOUT,
    TRIES,
    HOST,
    ANY_HOST,
    NO_ROBOTS,
    CACERT,
    INSECURE,
    VERSION
};

static const struct option long_options[] = {
    {"demo", no_argument, NULL, DEMO},
    {"depth", required_argument, NULL, DEPTH},
    {"pages", required_argument, NULL, PAGES},
    {"redirects", required_argument, NULL, REDIRECTS},
    {"timeout", required_argument, NULL, TIMEOUT},
    {"tries", required_argument, NULL, TRIES},
    {"host", required_argument, NULL, HOST},
    {"any-host", no_argument, NULL, ANY_HOST},
    {"no-robots", no_argument, NULL, NO_ROBOTS},
    {"cacert", required_argument, NULL, CACERT},
    {"insecure", no_argument, NULL, INSECURE},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, VERSION},
    {NULL, 0, NULL, 0},
};

const char command_name[] = "gyre-crawl";

static bool seconds(int64_t *out_ns)
{
    char *end;
    double value = strtod(optarg, &end);

    if (strspn(optarg, "0123456789.") != strlen(optarg) || end == optarg || *end || value <= 0 ||
        value > 86400) {
        say("--timeout takes a number of seconds above 0, not '%s'", optarg);
        return false;
    }
    *out_ns = GYRE_SECONDS(value);
    return true;
}

/* One option; false after a line that says what is wrong with it. */
static bool take(struct options *options, int code)
{
    switch (code) {
    case 'w':
        return number("-w", 1, 1000, &options->workers);
    case DEPTH:
        return number("--depth", 0, 1000000, &options->depth);
    case PAGES:
        return number("--pages", 1, 10000000, &options->pages);
    case REDIRECTS:
        return number("--redirects", 0, 1000, &options->redirects);
    case TRIES:
        return number("--tries", 1, 100, &options->tries);
    case TIMEOUT:
        return seconds(&options->timeout_ns);
    case HOST:
        options->hosts[options->host_count++] = optarg;
        return true;
    case CACERT:
        options->cacert = optarg;
        return true;
    case ANY_HOST:
        options->any_host = true;
        return true;
    case NO_ROBOTS:
        options->no_robots = true;
        return true;
    case INSECURE:
        options->insecure = true;
        return true;
    case DEMO:
        options->demo = true;
        return true;
    default:
        options->quiet = true;
        return true;
    }
}

/* The URLs; "host/path" is taken as people mean it. */
static bool take_urls(struct options *options, int argc, char **argv)
{
    gyre_url url;

    if (options->demo ? optind < argc : optind == argc) {
        say(options->demo ? "--demo takes no URL" : "which URL? Try --help");
        return false;
    }
    for (int i = optind; i < argc; i++) {
        bool whole = strstr(argv[i], "://") != NULL;
        size_t size = strlen(argv[i]) + sizeof("http://");
        char *text = gyre_alloc(size);
        int64_t rc = -ENOMEM;

        if (text) {
            snprintf(text, size, "%s%s", whole ? "" : "http://", argv[i]);
            options->urls[options->url_count++] = text;
            rc = gyre_url_parse(&url, text, strlen(text), NULL);
        }
        if (rc >= 0 && strcmp(url.scheme, "http") != 0 && strcmp(url.scheme, "https") != 0)
            rc = GYRE_EHTTPSCHEME;
        if (rc >= 0 || rc == GYRE_EHTTPSCHEME)
            gyre_url_fini(&url);
        if (rc < 0) {
            say("%s: %s", argv[i], gyre_strerror(rc));
            return false;
        }
    }
    return true;
}

int options_parse(struct options *options, int argc, char **argv)
{
    int code;

    *options = (struct options){.urls = gyre_alloc_zeroed((size_t)argc * sizeof(char *)),
                                .hosts = gyre_alloc_zeroed((size_t)argc * sizeof(char *)),
                                .workers = 10,
                                .depth = 10,
                                .pages = 1000,
                                .redirects = 10,
                                .tries = 2,
                                .timeout_ns = GYRE_SECONDS(10)};
    opterr = 0;
    if (!options->urls || !options->hosts)
        return EXIT_FAILURES;
    while ((code = getopt_long(argc, argv, ":w:qh", long_options, NULL)) != -1) {
        if (code == 'h') {
            fputs(help, stdout);
            return EXIT_CRAWLED;
        }
        if (code == VERSION) {
            puts("gyre-crawl " GYRE_VERSION_STRING);
            return EXIT_CRAWLED;
        }
        if (code == ':' || code == '?') {
            say(code == ':' ? "%s takes a value. Try --help" : "unknown option %s. Try --help",
                argv[optind - 1]);
            return EXIT_USAGE;
        }
        if (!take(options, code))
            return EXIT_USAGE;
    }
    return take_urls(options, argc, argv) ? GO_ON : EXIT_USAGE;
}

void options_fini(struct options *options)
{
    for (size_t i = 0; i < options->url_count; i++)
        gyre_free(options->urls[i]);
    gyre_free(options->urls);
    gyre_free(options->hosts);
}
