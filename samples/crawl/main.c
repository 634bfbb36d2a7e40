/*
 * gyre-crawl: the classic crawler. A queue of URLs, and workers that take from it and add to it.
 *
 *     options.c  the command line                  crawl.c   which links to follow; the workers
 *     pages.c    each URL once                     visit.c   one page: asked for, read, searched
 *     sites.c    hosts, and their robots.txt       links.c   links in HTML
 *     robots.c   what robots.txt says              report.c  lines, and the summary
 *     demo_site.c  a site for --demo
 */
#include <errno.h>
#include <stdio.h>

#include "crawl.h"
#include "demo_site.h"
#include "report.h"

/* The crawl, with the site of --demo beside it. */
struct run {
    gyre_frame frame;
    struct crawl *crawl;
    struct options *options;
    gyre_http_server *server;
    char url[64];
    int64_t n;
};
GYRE_CORO(run)
{
    GYRE_BEGIN;
    if (self->options->demo) {
        self->n = demo_site_start(&self->server);
        if (self->n < 0)
            GYRE_RETURN(self->n);
        snprintf(self->url, sizeof(self->url), "http://127.0.0.1:%u/",
                 gyre_http_server_port(self->server));
        self->options->urls[0] = gyre_strdup(self->url); /* there is room: argc places */
        if (!self->options->urls[0])
            GYRE_RETURN(-ENOMEM);
        self->options->url_count = 1;
    }
    GYRE_TRY(GYRE_CALL(crawl_all, .crawl = self->crawl));
    GYRE_FINALLY;
    if (self->server)
        GYRE_AWAIT(self->n, gyre_http_server_stop(self->server, 0));
    gyre_http_server_free(self->server);
    GYRE_END;
}

/* Gives 0, or an error after a line that says what is wrong. */
static int64_t make_tls(struct crawl *crawl)
{
    const struct options *options = crawl->options;
    const gyre_tls_options tls = {.ca_file = options->cacert,
                                  .insecure_no_verification = options->insecure,
                                  .insecure_no_hostname = options->insecure};
    const char *text;
    int64_t rc;

    if (!options->cacert && !options->insecure)
        return 0;
    rc = gyre_tls_client_context(&tls, &crawl->tls);
    if (rc < 0) {
        text = gyre_error_text(gyre_error_current());
        say("%s", *text ? text : gyre_strerror(rc));
    }
    return rc;
}

/* Gives the exit status. */
static int crawl_and_tell(struct options *options)
{
    struct crawl crawl = {.options = options};
    size_t failures = 0;
    int64_t rc;

    if (make_tls(&crawl) < 0)
        return EXIT_USAGE;
    rc = GYRE_RUN(run, .crawl = &crawl, .options = options);
    if (crawl.pages.count > 0)
        failures = report_summary(&crawl);
    if (rc < 0 && rc != -EINTR)
        say("%s", rc == GYRE_ENORING ? gyre_loop_error_text() : gyre_strerror(rc));
    pages_fini(&crawl.pages);
    sites_fini(&crawl.sites);
    gyre_tls_context_unref(crawl.tls);
    return rc < 0 || (failures && !options->demo) ? EXIT_FAILURES : EXIT_CRAWLED;
}

int main(int argc, char **argv)
{
    struct options options;
    int status = options_parse(&options, argc, argv);

    if (status == GO_ON)
        status = crawl_and_tell(&options);
    options_fini(&options);
    gyre_error_clear();
    if (fflush(stdout) != 0 || ferror(stdout)) {
        say("cannot write to stdout");
        status = EXIT_FAILURES;
    }
    return status;
}
