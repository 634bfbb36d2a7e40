/*
 * Fetching many files at once: gets BASE/f0 .. BASE/f(COUNT-1), checks that each has 20480 bytes.
 *
 *     fetch --base http://127.0.0.1:8080 --n 930 --conc 64 [--cacert FILE] [--times]
 *
 * Exits with 0 if every file was right. --times prints wall and CPU time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "net/http_client.h"
#include "task/run.h"
#include "task/task.h"

enum { FILE_SIZE = 20480, MOST_WORKERS = 4096 };

struct app {
    gyre_http_client *client;
    const char *base;
    unsigned long count, next, bad;
};

struct worker {
    gyre_frame frame;
    struct app *app;
    gyre_http_response *response;
    unsigned long total;
    int64_t n;
    char url[512];
    char buffer[FILE_SIZE];
};

static bool next_url(struct worker *self)
{
    struct app *app = self->app;

    if (app->next >= app->count)
        return false;
    snprintf(self->url, sizeof(self->url), "%s/f%lu", app->base, app->next++);
    self->total = 0;
    self->response = NULL;
    return true;
}

static void judge(struct worker *self)
{
    if (self->n >= 0 && self->total == FILE_SIZE &&
        gyre_http_response_status(self->response) == 200)
        return;
    if (!self->app->bad++)
        fprintf(stderr, "fetch: %s: %lu bytes, %s: %s\n", self->url, self->total,
                gyre_strerror(self->n), gyre_error_text(gyre_error_current()));
}

GYRE_CORO(worker)
{
    GYRE_BEGIN;
    while (next_url(self)) {
        GYRE_AWAIT(self->n, gyre_http_get(self->app->client, self->url, &self->response));
        while (self->n > 0) {
            GYRE_AWAIT(self->n, gyre_http_response_read(self->response, self->buffer, FILE_SIZE));
            self->total += self->n > 0 ? (unsigned long)self->n : 0;
        }
        judge(self);
        GYRE_TRY(gyre_http_response_close(self->response));
    }
    GYRE_END;
}

struct fetch {
    gyre_frame frame;
    struct app *app;
    gyre_tls_context *tls;
    unsigned long workers, i;
    gyre_task *tasks[MOST_WORKERS];
    int64_t rc;
};
GYRE_CORO(fetch)
{
    GYRE_BEGIN;
    self->rc = gyre_http_client_new(
        gyre_loop_current(), &(gyre_http_client_options){.limit = self->workers, .tls = self->tls},
        &self->app->client);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    for (self->i = 0; self->i < self->workers; self->i++)
        self->tasks[self->i] = GYRE_SPAWN(worker, .app = self->app);
    for (self->i = 0; self->i < self->workers; self->i++) {
        GYRE_TRY(self->tasks[self->i]);
        gyre_task_unref(self->tasks[self->i]);
    }
    GYRE_FINALLY;
    GYRE_AWAIT(self->rc, gyre_http_client_close(self->app->client));
    GYRE_END;
}

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static void print_times(uint64_t start, unsigned long count)
{
    struct rusage usage;
    struct timespec now;
    double cpu;

    clock_gettime(CLOCK_MONOTONIC, &now);
    getrusage(RUSAGE_SELF, &usage);
    cpu = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    printf("wall %.1f ms, cpu %.1f us a file\n",
           ((double)now.tv_sec * 1e9 + (double)now.tv_nsec - (double)start) / 1e6,
           cpu * 1e6 / (double)count);
}

static int usage(void)
{
    fputs("usage: fetch --base URL --n COUNT --conc K [--cacert FILE] [--times]\n", stderr);
    return 2;
}

int main(int argc, char **argv)
{
    struct app app = {.count = 930};
    gyre_tls_context *tls = NULL;
    gyre_tls_options options = {.ca_file = NULL};
    unsigned long workers = 64;
    bool times = false;
    struct timespec now;
    int64_t rc = 0;

    clock_gettime(CLOCK_MONOTONIC, &now);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--times") == 0)
            times = true;
        else if (i + 1 == argc)
            return usage();
        else if (strcmp(argv[i], "--base") == 0)
            app.base = argv[++i];
        else if (strcmp(argv[i], "--n") == 0)
            app.count = strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--conc") == 0)
            workers = strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--cacert") == 0)
            options.ca_file = argv[++i];
        else
            return usage();
    }
    if (!app.base || !app.count || !workers || workers > MOST_WORKERS)
        return usage();
    if (options.ca_file)
        rc = gyre_tls_client_context(&options, &tls);
    if (rc >= 0)
        rc = GYRE_RUN(fetch, .app = &app, .workers = workers, .tls = tls);
    gyre_tls_context_unref(tls);
    if (rc < 0)
        fprintf(stderr, "fetch: %s\n", gyre_strerror(rc));
    if (times)
        print_times((uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec, app.count);
    return rc < 0 || app.bad;
}
