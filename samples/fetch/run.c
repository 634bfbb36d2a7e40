/* The run as a whole: workers over a queue of URLs. */
#include "run.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attempt.h"
#include "json.h"
#include "report.h"
#include "say.h"
#include "show.h"

/* ---- ending early ---- */

void run_stop(struct run *run, const char *format, ...)
{
    va_list args;

    if (run->stopped[0])
        return;
    va_start(args, format);
    vsnprintf(run->stopped, sizeof(run->stopped), format, args);
    va_end(args);
    gyre_group_cancel(&run->group);
}

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

enum { SIGNALS = sizeof(signals) / sizeof(signals[0]) };

static void let_signals_be(gyre_loop *loop)
{
    for (size_t i = 0; i < SIGNALS; i++)
        gyre_loop_remove_signal_handler(loop, signals[i]);
}

/*
 * The first one ends the run in good order, which is soon done. One that comes when it ought to be
 * done, as somebody does not take what is written to stdout, ends it at once.
 */
static int64_t on_signal(gyre_loop *loop, void *arg)
{
    struct run *run = arg;
    uint64_t now = gyre_loop_time(loop);

    if (run->interrupted_ns == 0) {
        run->interrupted_ns = now;
        run_stop(run, "interrupted");
    }
    if (now - run->interrupted_ns < (uint64_t)GYRE_SECONDS(1))
        return 0;
    save_remove_all();
    say_no_bar();
    let_signals_be(loop);
    signal(SIGINT, SIG_DFL);
    raise(SIGINT);
    return 0;
}

/* What is ignored, as under nohup, stays so. */
static void watch_signals(struct run *run)
{
    struct sigaction before;

    for (size_t i = 0; i < SIGNALS; i++) {
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            gyre_loop_add_signal_handler(gyre_loop_current(), signals[i], on_signal, run);
    }
}

static void on_output_error(void *arg, int64_t error)
{
    struct run *run = arg;

    say_error("cannot write to stdout: %s", gyre_strerror(error));
    run_stop(run, "cannot write to stdout");
}

/* ---- a worker ---- */

struct worker {
    gyre_frame frame;
    struct run *run;
    size_t number;
    char *buffer;
    void *taken; /* struct item * */
    struct item *item;
    int64_t n;
};

/*
 * Errors of the file system after which nothing else can be saved either: the disk is full, or the
 * directory takes no files. Of FILE.part they may be about that one alone.
 */
static bool is_fatal(const struct options *options, int64_t error)
{
    if (error == -ENOSPC || error == -EDQUOT || error == -EROFS || error == -EIO)
        return true;
    return !options->resume &&
           (error == -EACCES || error == -EPERM || error == -ENOENT || error == -ENOTDIR);
}

static void note_late(struct run *run, struct item *item)
{
    char before[300] = "";

    if (item->error)
        snprintf(before, sizeof(before), " (%s)", item->error);
    item_note(item, "not done within %s%s", show_time(run->options->max_time_ns).text, before);
    item->state = ITEM_FAILED;
}

/* What became of the item, when fetch has given `result`. */
static void settle(struct run *run, struct item *item, int64_t result)
{
    if (result == GYRE_ETIMEOUT) {
        note_late(run, item);
    } else if (result == GYRE_ECANCELLED) {
        item_note(item, "%s", run->stopped[0] ? run->stopped : "cancelled");
        item->state = ITEM_STOPPED;
    } else if (result < 0) {
        item_note(item, "%s", gyre_strerror(result));
        item->state = ITEM_FAILED;
    }
    if (run->stopped[0] && is_fatal(run->options, item->local_error)) {
        item_note(item, "%s", run->stopped); /* another was first to find that out, and to say so */
        item->state = ITEM_STOPPED;
    }
    run->fetched += item->state == ITEM_FETCHED;
    run->failed += item->state == ITEM_FAILED;
    report_item(run, item);
    if (is_fatal(run->options, item->local_error))
        run_stop(run, "stopped, as nothing can be written: %s", gyre_strerror(item->local_error));
}

GYRE_CORO(worker)
{
    GYRE_BEGIN;
    self->buffer = malloc(FETCH_BUFFER);
    if (!self->buffer)
        GYRE_RETURN(-ENOMEM);
    for (;;) {
        GYRE_AWAIT(self->n, gyre_queue_get(&self->run->waiting, &self->taken));
        if (self->n < 0)
            GYRE_RETURN(self->n == GYRE_EQSHUTDOWN ? 0 : self->n);
        self->item = self->taken;
        self->item->state = ITEM_RUNNING;
        self->run->running[self->number] = self->item;
        GYRE_AWAIT(self->n, gyre_wait_for(GYRE_CALL(fetch, .run = self->run, .item = self->item,
                                                    .buffer = self->buffer),
                                          self->run->options->max_time_ns));
        self->run->running[self->number] = NULL;
        settle(self->run, self->item, self->n);
        if (self->n == GYRE_ECANCELLED)
            GYRE_RETURN(self->n);
        if (self->run->options->json) {
            GYRE_TRY(output_put(&self->run->output, json_line(self->item)));
            self->item->reported = true;
        }
    }
    GYRE_FINALLY;
    free(self->buffer);
    GYRE_END;
}

/* ---- all of them ---- */

static int64_t make_client(struct run *run)
{
    const struct options *options = run->options;
    const gyre_http_client_options client = {
        .limit = options->concurrency,
        .no_decoding = true, /* files are saved as they lie on the server */
        .max_redirects = options->max_redirects,
        .tls = run->tls,
        .user_agent = "gyre-fetch/" GYRE_VERSION_STRING,
        .resolve = options->resolve,
        .resolve_count = options->resolve_count,
    };

    return gyre_http_client_new(gyre_loop_current(), &client, &run->client);
}

static int64_t fill_queue(struct run *run)
{
    struct list *list = &run->options->list;
    int64_t rc = gyre_queue_init(&run->waiting, NULL);

    run->queue_made = rc >= 0;
    for (size_t i = 0; rc >= 0 && i < list->count; i++)
        rc = gyre_queue_put_nowait(&run->waiting, &list->items[i]);
    if (rc >= 0)
        gyre_queue_shutdown(&run->waiting, false); /* workers end when it is empty */
    return rc;
}

static int64_t prepare(struct run *run)
{
    size_t count = run->options->list.count;
    int64_t rc = make_client(run);

    run->started_ns = gyre_loop_time(gyre_loop_current());
    run->workers = run->options->concurrency < count ? run->options->concurrency : count;
    run->running = gyre_alloc_zeroed(run->workers * sizeof(*run->running));
    if (rc >= 0)
        rc = run->running ? fill_queue(run) : -ENOMEM;
    if (rc >= 0 && run->options->json)
        rc = output_start(&run->output, on_output_error, run);
    return rc;
}

/* Those that nobody got to. */
static void mark_rest(struct run *run)
{
    struct list *list = &run->options->list;

    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].state == ITEM_WAITING) {
            item_note(&list->items[i], "%s", run->stopped[0] ? run->stopped : strerror(ENOMEM));
            list->items[i].state = ITEM_STOPPED;
        }
    }
}

/* The workers, from the first to the last. */
struct work {
    gyre_frame frame;
    struct run *run;
    size_t i;
    int64_t n;
};
GYRE_CORO(work)
{
    GYRE_BEGIN;
    gyre_group_enter(&self->run->group);
    for (self->i = 0; self->i < self->run->workers; self->i++)
        GYRE_GROUP_SPAWN_DETACHED(&self->run->group, worker, .run = self->run, .number = self->i);
    GYRE_AWAIT(self->n, gyre_group_exit(&self->run->group, 0));
    if (self->n == GYRE_EGROUP)
        self->n = gyre_error_at(gyre_error_current(), 0).code;
    if (self->n < 0 && !self->run->stopped[0])
        run_stop(self->run, "%s", gyre_strerror(self->n));
    GYRE_RETURN(0);
    GYRE_END;
}

GYRE_CORO_PUBLIC(run_all)
{
    GYRE_BEGIN;
    watch_signals(self->run);
    self->n = prepare(self->run);
    if (self->n < 0)
        GYRE_RETURN(self->n);
    if (self->run->draws)
        self->drawing = GYRE_SPAWN(report_draw, .run = self->run);
    GYRE_TRY(GYRE_CALL(work, .run = self->run));
    mark_rest(self->run);
    if (self->drawing) {
        gyre_task_cancel(self->drawing);
        GYRE_AWAIT(self->n, self->drawing);
    }
    for (; self->run->options->json && self->i < self->run->options->list.count; self->i++) {
        if (self->run->options->list.items[self->i].reported)
            continue;
        GYRE_TRY(
            output_put(&self->run->output, json_line(&self->run->options->list.items[self->i])));
    }
    GYRE_TRY(GYRE_CALL(output_finish, .output = &self->run->output));
    if (!self->run->options->silent)
        report_summary(self->run);
    GYRE_RETURN(self->run->fetched == self->run->options->list.count && self->run->output.error == 0
                    ? EXIT_FETCHED
                    : EXIT_FAILED);
    GYRE_FINALLY;
    gyre_task_unref(self->drawing);
    GYRE_AWAIT(self->n, GYRE_CALL(output_finish, .output = &self->run->output));
    if (self->run->stopped[0])
        gyre_http_client_abort(self->run->client);
    else
        GYRE_AWAIT(self->n, gyre_http_client_close(self->run->client));
    if (self->run->queue_made)
        gyre_queue_fini(&self->run->waiting);
    gyre_free(self->run->running);
    let_signals_be(gyre_loop_current());
    GYRE_END;
}
