/*
 * gyre-httpd: serves a directory over HTTP or HTTPS, on one core or on all.
 *
 *     options.c  the command line        log.c  the access log
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "options.h"

/* What all workers share; made once, before there are any. */
static struct {
    struct options options;
    gyre_tls_context *tls;
    gyre_http_files *files;
    int log;       /* -1: none */
    uint16_t port; /* the one that is shared */
    unsigned ready;
} site = {.log = -1};

static void print_url(uint16_t port)
{
    bool v6 = strchr(site.options.bind, ':') != NULL;

    printf("listening on %s://%s%s%s:%u\n", site.tls ? "https" : "http", v6 ? "[" : "",
           site.options.bind, v6 ? "]" : "", port);
    fflush(stdout);
}

/* Serves until it is cancelled, then lets requests under way come to their end. */
struct serve {
    gyre_frame frame;
    gyre_http_server *server;
    int64_t rc;
};
GYRE_CORO(serve)
{
    GYRE_BEGIN;
    self->rc = GYRE_START_HTTP_SERVER(
        &self->server,
        ((gyre_http_server_options){
            .listen = {.host = site.options.bind,
                       .port = site.port,
                       .backlog = 1024,
                       .reuse_port = gyre_worker_count() > 0,
                       .tls = site.tls},
            .server = "gyre-httpd",
            .on_access = site.log < 0 ? NULL : log_access,
            .on_access_arg = (void *)(intptr_t)site.log}),
        gyre_http_serve, .files = site.files);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    if (gyre_worker_count())
        gyre_worker_ready();
    else
        print_url(gyre_http_server_port(self->server));
    GYRE_TRY(gyre_sleep(GYRE_FOREVER));
    GYRE_FINALLY;
    if (self->server)
        GYRE_AWAIT(self->rc,
                   gyre_http_server_stop(self->server, GYRE_SECONDS((int64_t)site.options.grace)));
    gyre_http_server_free(self->server);
    GYRE_END;
}

/* ---- several processes ---- */

static void on_event(const gyre_workers_event *event, void *arg)
{
    unsigned *wanted = arg;

    if (event->kind == GYRE_WORKERS_READY && ++site.ready == *wanted)
        print_url(site.port);
    if (event->kind == GYRE_WORKERS_CRASHED)
        say("worker %u: %s%s%s", event->index, gyre_strerror(event->error),
            event->text[0] ? ": " : "", event->text);
}

static int64_t run_workers(void)
{
    unsigned count = site.options.workers;
    int64_t fd, rc;

    if (!count) {
        long cores = sysconf(_SC_NPROCESSORS_ONLN);

        count = cores > 0 ? (unsigned)cores : 1;
    }
    site.port = site.options.port;
    fd = gyre_workers_reserve_port(site.options.bind, &site.port);
    if (fd < 0)
        return fd;
    rc = GYRE_WORKERS(((gyre_workers_options){.count = count,
                                              .grace_ns = GYRE_SECONDS((int64_t)site.options.grace + 5),
                                              .most_restarts = 5,
                                              .on_event = on_event,
                                              .arg = &count}),
                      serve);
    close((int)fd);
    return rc;
}

static int64_t run(void)
{
    int64_t rc;

    if (site.options.workers != 1)
        return run_workers();
    site.port = site.options.port;
    rc = GYRE_RUN(serve);
    return rc == -EINTR ? 0 : rc; /* asked to end, and it did */
}

/* ---- before and after ---- */

/* Gives 0, or an error after a line that says what is wrong. */
static int64_t open_site(void)
{
    const struct options *options = &site.options;
    int64_t rc = gyre_http_files_new(
        options->directory,
        &(gyre_http_files_options){.listing = options->listing, .hidden = options->hidden},
        &site.files);

    if (rc < 0) {
        say("%s: %s", options->directory, gyre_strerror(rc));
        return rc;
    }
    if (options->cert_file) {
        rc = gyre_tls_server_context(
            &(gyre_tls_options){.cert_file = options->cert_file, .key_file = options->key_file},
            &site.tls);
        if (rc < 0) {
            const char *text = gyre_error_text(gyre_error_current());

            say("%s", text[0] ? text : gyre_strerror(rc));
            return rc;
        }
    }
    if (options->log_file) {
        site.log = log_open(options->log_file);
        if (site.log < 0) {
            say("%s: %s", options->log_file, strerror(-site.log));
            return site.log;
        }
    }
    return 0;
}

static void close_site(void)
{
    gyre_http_files_free(site.files);
    gyre_tls_context_unref(site.tls);
    if (site.log >= 0)
        close(site.log);
    gyre_error_clear();
}

int main(int argc, char **argv)
{
    int status = options_parse(&site.options, argc, argv);
    int64_t rc;

    if (status != GO_ON)
        return status;
    rc = open_site();
    if (rc == 0) {
        rc = run();
        if (rc < 0)
            say("cannot serve on %s port %u: %s", site.options.bind, site.options.port,
                gyre_strerror(rc));
    }
    close_site();
    return rc < 0 ? EXIT_TROUBLE : EXIT_SERVED;
}
