/*
 * gyre-fetch: fetches many URLs at a time. Workers take them from a queue; each file appears when
 * it is whole.
 *
 *     options.c  the command line          list.c     the URLs, and what became of each
 *     name.c     safe names for files      run.c      queue, workers, signals
 *     fetch.c    one URL: attempts         attempt.c  one attempt: a request and its answer
 *     save.c     whole files or none       resume.c   going on where it broke off
 *     retry.c    what is worth it          report.c   lines, summary, the bar of progress.c
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run.h"
#include "say.h"

/* The directory of -o, with those above it; gives false after a line that says why not. */
static bool make_directory(const char *directory)
{
    char *path = gyre_strdup(directory);
    bool fine = path != NULL;

    for (char *slash = path; fine && slash;) {
        slash = strchr(slash + 1, '/');
        if (slash)
            *slash = '\0';
        fine = mkdir(path, 0777) == 0 || errno == EEXIST;
        if (slash)
            *slash = '/';
    }
    if (!fine)
        say_error("cannot make %s: %s", directory, strerror(errno));
    gyre_free(path);
    return fine;
}

/* Each URL under way takes a socket and a file. */
static bool get_descriptors(unsigned concurrency)
{
    rlim_t wanted = (rlim_t)concurrency * 3 + 64, least = (rlim_t)concurrency * 2 + 24;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
        return true;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= least)
        return true;
    say_error("-c %u needs %llu open files, and %llu are allowed (ulimit -n)", concurrency,
              (unsigned long long)least, (unsigned long long)limit.rlim_cur);
    return false;
}

/* Gives an exit status; EXIT_FETCHED: go on. */
static int make_tls(const struct options *options, gyre_tls_context **out)
{
    const gyre_tls_options tls = {
        .ca_file = options->cacert,
        .insecure_no_verification = options->insecure,
        .insecure_no_hostname = options->insecure,
    };
    const char *text;
    int64_t rc;

    if (!options->cacert && !options->insecure)
        return EXIT_FETCHED;
    rc = gyre_tls_client_context(&tls, out);
    if (rc >= 0)
        return EXIT_FETCHED;
    text = gyre_error_text(gyre_error_current());
    say_error("--cacert %s: %s", options->cacert ? options->cacert : "",
              *text ? text : gyre_strerror(rc));
    return EXIT_USAGE;
}

/*
 * Where stdin, stdout or stderr is closed, the next file or socket would take its place, and get what
 * is meant for it. What fills the gap can only be used the other way round.
 */
static void fill_gaps(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0)
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    }
}

static int fetch_all(struct options *options)
{
    bool on_screen = isatty(STDOUT_FILENO) &&
                     (options->json || (options->file && strcmp(options->file, "-") == 0));
    struct run run = {
        .options = options,
        .draws = !options->silent && !on_screen && say_can_draw(),
    };
    int64_t status;

    run.tells = !options->silent && !run.draws;
    status = make_tls(options, &run.tls);
    if (status != EXIT_FETCHED)
        return (int)status;
    status = GYRE_RUN_WITH(((gyre_run_options){.keep_sigint = true, .keep_sigterm = true}), run_all,
                           .run = &run);
    gyre_tls_context_unref(run.tls);
    if (status == GYRE_ENORING)
        say_error("%s", gyre_loop_error_text());
    else if (status < 0)
        say_error("%s", gyre_strerror(status));
    return status < 0 ? EXIT_FAILED : (int)status;
}

int main(int argc, char **argv)
{
    struct options options;
    int status;

    fill_gaps();
    status = options_parse(&options, argc, argv);
    if (status == OPTIONS_RUN) {
        status = EXIT_FAILED;
        signal(SIGXFSZ, SIG_IGN); /* a file beyond the limit is an error, not the end */
        if (options.concurrency > options.list.count)
            options.concurrency = (unsigned)options.list.count;
        if (!get_descriptors(options.concurrency))
            status = EXIT_USAGE;
        else if (!options.directory || make_directory(options.directory))
            status = fetch_all(&options);
    }
    options_fini(&options);
    return status;
}
