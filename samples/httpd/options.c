/* The command line of gyre-httpd. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <gyre/gyre.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

static const char help[] =
    "usage: gyre-httpd [OPTION]... DIR\n"
    "\n"
    "Serves the files of DIR over HTTP, or HTTPS with --cert and --key.\n"
    "Prints \"listening on URL\" when it is ready; SIGTERM and SIGINT end it gracefully.\n"
    "\n"
    "  --bind ADDR      listen on this numeric address (default 127.0.0.1; :: for all)\n"
    "  --port N         on this port (default 8080; 0 picks a free one)\n"
    "  --workers N      so many processes, one loop each (default 1; 0: one for each core)\n"
    "  --cert FILE      certificate and those above it, PEM\n"
    "  --key FILE       its private key, PEM\n"
    "  --access-log F   a line for each request, appended to F (\"-\": stdout)\n"
    "  --no-listing     no lists of directories without an index.html\n"
    "  --hidden         serve names that begin with a dot, too\n"
    "  --grace SECONDS  how long requests under way may go on at the end (default 10)\n"
    "  -h, --help       this text\n"
    "  --version        the version\n";

enum { BIND = 256, PORT, WORKERS, CERT, KEY, ACCESS_LOG, NO_LISTING, HIDDEN, GRACE, VERSION };

static const struct option long_options[] = {
    {"bind", required_argument, NULL, BIND},
    {"port", required_argument, NULL, PORT},
    {"workers", required_argument, NULL, WORKERS},
    {"cert", required_argument, NULL, CERT},
    {"key", required_argument, NULL, KEY},
    {"access-log", required_argument, NULL, ACCESS_LOG},
    {"no-listing", no_argument, NULL, NO_LISTING},
    {"hidden", no_argument, NULL, HIDDEN},
    {"grace", required_argument, NULL, GRACE},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, VERSION},
    {NULL, 0, NULL, 0},
};

const char command_name[] = "gyre-httpd";

/* A whole number up to `most`; false after a line that says what is wrong. */
static bool whole_number(const char *name, const char *text, unsigned long most, unsigned long *out)
{
    char *end;

    errno = 0;
    *out = strtoul(text, &end, 10);
    if (!errno && *text >= '0' && *text <= '9' && !*end && *out <= most)
        return true;
    say("%s takes a number from 0 to %lu, not \"%s\"", name, most, text);
    return false;
}

/* One option; false after a line that says what is wrong. */
static bool take(struct options *options, int code)
{
    unsigned long value = 0;

    switch (code) {
    case BIND: options->bind = optarg; return true;
    case CERT: options->cert_file = optarg; return true;
    case KEY: options->key_file = optarg; return true;
    case ACCESS_LOG: options->log_file = optarg; return true;
    case NO_LISTING: options->listing = false; return true;
    case HIDDEN: options->hidden = true; return true;
    case PORT:
        if (!whole_number("--port", optarg, 65535, &value))
            return false;
        options->port = (uint16_t)value;
        return true;
    case WORKERS:
        if (!whole_number("--workers", optarg, 1024, &value))
            return false;
        options->workers = (unsigned)value;
        return true;
    case GRACE:
        if (!whole_number("--grace", optarg, 86400, &value))
            return false;
        options->grace = (unsigned)value;
        return true;
    default: return false;
    }
}

/* What single options cannot tell. */
static bool fits(struct options *options, int argc, char **argv)
{
    gyre_address address;

    if (optind + 1 != argc) {
        say(optind == argc ? "which directory? Try --help" : "one directory, please. Try --help");
        return false;
    }
    options->directory = argv[optind];
    if (!options->cert_file != !options->key_file) {
        say("--cert and --key belong together");
        return false;
    }
    if (gyre_address_parse(&address, options->bind, options->port) < 0) {
        say("--bind takes a numeric address, not \"%s\"", options->bind);
        return false;
    }
    return true;
}

int options_parse(struct options *options, int argc, char **argv)
{
    int code;

    *options = (struct options){
        .bind = "127.0.0.1", .port = 8080, .workers = 1, .listing = true, .grace = 10};
    opterr = 0;
    while ((code = getopt_long(argc, argv, ":h", long_options, NULL)) != -1) {
        switch (code) {
        case 'h': fputs(help, stdout); return EXIT_SERVED;
        case VERSION: puts("gyre-httpd " GYRE_VERSION_STRING); return EXIT_SERVED;
        case ':': say("%s takes a value. Try --help", argv[optind - 1]); return EXIT_USAGE;
        case '?': say("unknown option %s. Try --help", argv[optind - 1]); return EXIT_USAGE;
        default:
            if (!take(options, code))
                return EXIT_USAGE;
        }
    }
    return fits(options, argc, argv) ? GO_ON : EXIT_USAGE;
}
