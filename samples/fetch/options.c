/* The command line: every mistake gives one line and the exit status 2. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "help.h"
#include "say.h"

enum {
    MOST_CONCURRENCY = 10000,
    MOST_RETRIES = 1000,
    MOST_REDIRECTS = 1000,
    MOST_SECONDS = 31536000
};

enum {
    OPTION_CACERT = 256,
    OPTION_INSECURE,
    OPTION_RETRY,
    OPTION_MAX_TIME,
    OPTION_MAX_REDIRS,
    OPTION_RESOLVE,
    OPTION_RESUME,
    OPTION_JSON,
    OPTION_VERSION
};

static const struct option long_options[] = {
    {"cacert", required_argument, NULL, OPTION_CACERT},
    {"insecure", no_argument, NULL, OPTION_INSECURE},
    {"retry", required_argument, NULL, OPTION_RETRY},
    {"max-time", required_argument, NULL, OPTION_MAX_TIME},
    {"max-redirs", required_argument, NULL, OPTION_MAX_REDIRS},
    {"resolve", required_argument, NULL, OPTION_RESOLVE},
    {"resume", no_argument, NULL, OPTION_RESUME},
    {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

/* One line, and the exit status. */
__attribute__((format(printf, 1, 2))) static int bad(const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    say_error("%s (gyre-fetch --help tells more)", text);
    return EXIT_USAGE;
}

static int no_memory(void)
{
    say_error("%s", strerror(ENOMEM));
    return EXIT_FAILED;
}

static int parse_number(const char *name, const char *text, unsigned least, unsigned most,
                        unsigned *out)
{
    char *end;
    unsigned long number;

    errno = 0;
    number = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || number < least || number > most)
        return bad("%s '%s': not a number from %u to %u", name, text, least, most);
    *out = (unsigned)number;
    return OPTIONS_RUN;
}

static int parse_seconds(const char *name, const char *text, int64_t *out_ns)
{
    double seconds;
    char *end;

    seconds = strtod(text, &end);
    if (strspn(text, "0123456789.") != strlen(text) || *end || end == text || !(seconds > 0) ||
        seconds > MOST_SECONDS)
        return bad("%s '%s': not a number of seconds above 0", name, text);
    *out_ns = GYRE_SECONDS(seconds);
    return OPTIONS_RUN;
}

/* "Name: value"; a value may be empty. */
static int parse_header(struct options *options, const char *text)
{
    const char *colon = strchr(text, ':');
    int64_t rc = GYRE_EHTTPHEADER;

    if (colon)
        rc = gyre_http_headers_addn(&options->headers, text, (size_t)(colon - text), colon + 1,
                                    strlen(colon + 1));
    if (rc == -ENOMEM)
        return no_memory();
    if (rc < 0)
        return bad("-H '%s': not 'NAME: VALUE'", text);
    options->own_range = gyre_http_headers_get(&options->headers, "range") != NULL;
    return OPTIONS_RUN;
}

/* HOST:PORT:ADDR; an IPv6 host or address may stand in brackets. */
static int parse_resolve(struct options *options, const char *text)
{
    const char *host = *text == '[' ? text + 1 : text;
    const char *host_end = *text == '[' ? strchr(text, ']') : strchr(text, ':');
    const char *port = host_end ? host_end + (*host_end == ']') : NULL;
    char address[GYRE_ADDRESS_TEXT], *end = NULL;
    gyre_http_resolve *resolve;
    unsigned long number = 0;

    if (port && *port == ':' && port[1] >= '0' && port[1] <= '9')
        number = strtoul(port + 1, &end, 10);
    if (!end || *end != ':' || number == 0 || number > 65535 || host_end == host)
        return bad("--resolve '%s': not HOST:PORT:ADDR", text);
    snprintf(address, sizeof(address), "%s", end + 1 + (end[1] == '['));
    if (end[1] == '[' && *address && address[strlen(address) - 1] == ']')
        address[strlen(address) - 1] = '\0';
    resolve = gyre_realloc(options->resolve, (options->resolve_count + 1) * sizeof(*resolve));
    if (!resolve)
        return no_memory();
    options->resolve = resolve;
    resolve += options->resolve_count;
    resolve->port = (uint16_t)number;
    if (gyre_address_parse(&resolve->address, address, resolve->port) < 0)
        return bad("--resolve '%s': '%s' is no IP address", text, address);
    resolve->host = strndup(host, (size_t)(host_end - host));
    if (!resolve->host)
        return no_memory();
    options->resolve_count++;
    return OPTIONS_RUN;
}

/* One option; what it must be combined with, or not, is seen to later. */
static int parse_option(struct options *options, int option, const char *value)
{
    switch (option) {
    case 'c':
        return parse_number("-c", value, 1, MOST_CONCURRENCY, &options->concurrency);
    case 'o':
        options->directory = value;
        return *value ? OPTIONS_RUN : bad("-o '': not a directory");
    case 'O':
        options->file = value;
        return *value ? OPTIONS_RUN : bad("-O '': not a file");
    case 'H':
        return parse_header(options, value);
    case 's':
        options->silent = true;
        return OPTIONS_RUN;
    case OPTION_CACERT:
        options->cacert = value;
        return OPTIONS_RUN;
    case OPTION_INSECURE:
        options->insecure = true;
        return OPTIONS_RUN;
    case OPTION_RETRY:
        return parse_number("--retry", value, 0, MOST_RETRIES, &options->retries);
    case OPTION_MAX_TIME:
        return parse_seconds("--max-time", value, &options->max_time_ns);
    case OPTION_MAX_REDIRS:
        return parse_number("--max-redirs", value, 0, MOST_REDIRECTS, &options->max_redirects);
    case OPTION_RESOLVE:
        return parse_resolve(options, value);
    case OPTION_RESUME:
        options->resume = true;
        return OPTIONS_RUN;
    case OPTION_JSON:
        options->json = true;
        return OPTIONS_RUN;
    case 'h':
        return help_print() ? EXIT_FETCHED : EXIT_FAILED;
    case OPTION_VERSION:
        return help_print_version() ? EXIT_FETCHED : EXIT_FAILED;
    default:
        return EXIT_USAGE;
    }
}

/* getopt's own complaints, in one form: ':' is a value that is missing, '?' something unknown. */
static int complain(int option, char **argv)
{
    const char *word = argv[optind - 1];

    if (optopt == 0 || optopt > 255) /* a long one */
        return option == ':' ? bad("%s needs a value", word) : bad("no such option: %s", word);
    return option == ':' ? bad("-%c needs a value", optopt) : bad("no such option: -%c", optopt);
}

/* Where the files go, and what does not go together. */
static int settle(struct options *options)
{
    struct list *list = &options->list;
    struct stat info;

    if (list->count == 0)
        return bad("no URL");
    if (options->file && options->directory)
        return bad("-o and -O do not go together");
    if (options->file && list->count > 1)
        return bad("-O takes one URL, not %zu; -o takes a directory for them", list->count);
    if (options->file && strcmp(options->file, "-") == 0 && options->json)
        return bad("--json and -O - both print on stdout");
    if (options->file && strcmp(options->file, "-") == 0 && options->resume)
        return bad("--resume needs a file, not -O -");
    if (options->own_range && options->resume)
        return bad("--resume and a Range of your own do not go together");
    if (options->directory && stat(options->directory, &info) == 0 && !S_ISDIR(info.st_mode))
        return bad("-o %s: not a directory", options->directory);
    if (options->file && stat(options->file, &info) == 0 && S_ISDIR(info.st_mode))
        return bad("-O %s: a directory; -o takes one", options->file);
    return OPTIONS_RUN;
}

static int place(struct options *options)
{
    struct item *only = options->list.items;

    if (!options->file)
        return list_place(&options->list, options->directory, options->resume) ? OPTIONS_RUN
                                                                               : EXIT_FAILED;
    if (strcmp(options->file, "-") == 0)
        return OPTIONS_RUN;
    only->path = gyre_strdup(options->file);
    return only->path ? OPTIONS_RUN : no_memory();
}

int options_parse(struct options *options, int argc, char **argv)
{
    const char **lists = gyre_alloc((size_t)argc * sizeof(*lists)); /* to be read later */
    int list_count = 0, outcome = OPTIONS_RUN, option;

    *options = (struct options){
        .concurrency = 8, .retries = 2, .max_redirects = 10, .max_time_ns = GYRE_FOREVER};
    gyre_http_headers_init(&options->headers);
    if (!lists)
        return no_memory();
    while (outcome == OPTIONS_RUN &&
           (option = getopt_long(argc, argv, ":c:o:O:i:H:sh", long_options, NULL)) != -1) {
        if (option == ':' || option == '?')
            outcome = complain(option, argv);
        else if (option == 'i')
            lists[list_count++] = optarg;
        else
            outcome = parse_option(options, option, optarg);
    }
    for (; outcome == OPTIONS_RUN && optind < argc; optind++) {
        if (!list_add(&options->list, "", argv[optind], strlen(argv[optind])))
            outcome = EXIT_USAGE;
    }
    for (int i = 0; outcome == OPTIONS_RUN && i < list_count; i++) {
        if (!list_read(&options->list, lists[i]))
            outcome = EXIT_USAGE;
    }
    gyre_free(lists);
    if (outcome == OPTIONS_RUN)
        outcome = settle(options);
    return outcome == OPTIONS_RUN ? place(options) : outcome;
}

void options_fini(struct options *options)
{
    gyre_http_headers_fini(&options->headers);
    for (size_t i = 0; i < options->resolve_count; i++)
        free((char *)(uintptr_t)options->resolve[i].host);
    gyre_free(options->resolve);
    list_fini(&options->list);
}
