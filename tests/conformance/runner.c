/* The program: a script from a file, or many from standard input; how each begins and ends. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner.h"

/* ---- the end of a script ---- */

static size_t count_unfinished(const runner *r)
{
    size_t count = 0;

    for (const record *rec = r->records; rec; rec = rec->next)
        count += gyre_future_task(rec->future) && !gyre_future_done(rec->future);
    return count;
}

/* As asyncio.run() does: cancels what is left, and runs the loop until that has ended. */
static void shut_down(runner *r)
{
    size_t count = count_unfinished(r), i = 0;
    gyre_future **left = take(r, (count + 1) * sizeof(*left)), *all;
    int64_t rc;

    if (count == 0)
        return;
    for (const record *rec = r->records; rec; rec = rec->next) {
        if (gyre_future_task(rec->future) && !gyre_future_done(rec->future))
            left[i++] = rec->future;
    }
    emit_number(r, 0, "shutdown", (int64_t)count);
    for (i = 0; i < count; i++)
        gyre_future_cancel(left[i]);
    all = gyre_gather(r->loop, count, left, GYRE_GATHER_RETURN_EXCEPTIONS);
    rc = run_until(r, all);
    gyre_future_unref(all);
    if (rc < 0)
        emit(r, 0, "shutdown", "!6");
}

static void report(runner *r)
{
    for (const record *rec = r->records; rec; rec = rec->next) {
        if (gyre_future_unretrieved(rec->future))
            emit(r, 0, "unretrieved", gyre_future_name(rec->future));
    }
    emit_number(r, 0, "end", (int64_t)count_unfinished(r));
}

/* Where the loop closes: asynchronous generators that are left in mid-run need a task to end in. */
struct give_up {
    gyre_frame frame;
    kept *generators;
};

GYRE_CORO(give_up)
{
    GYRE_BEGIN;
    GYRE_FINALLY;
    for (kept *k = self->generators; k; k = k->next)
        gyre_async_generator_free(k->object);
    GYRE_END;
}

/* No statement runs any more; blocks are left, for the loop closes. */
static void drop(runner *r)
{
    r->over = true;
    if (r->async_generators) {
        gyre_spawn_options options = {.loop = r->loop, .detached = true};

        if (!GYRE_SPAWN_WITH(options, give_up, .generators = r->async_generators))
            abort(); /* out of memory */
    }
    gyre_loop_close(r->loop);
    for (kept *k = r->kept; k; k = k->next)
        k->release(k->object);
    for (record *rec = r->records; rec; rec = rec->next) {
        gyre_future_ignore(rec->future);
        gyre_future_unref(rec->future);
    }
    for (call *c = r->calls; c; c = c->next)
        release_call(c);
}

/* ---- a script ---- */

/*
 * Errors that leave callbacks are logged. The other reports are no part of a trace: a deadlock,
 * which has a line of its own, and what CPython says when it collects an object.
 */
static void on_error(gyre_loop *loop, const gyre_exception_context *context, void *arg)
{
    static const char callback[] = "error in a callback";
    runner *r = arg;
    const char *outer = r->who;
    failure f = {.code = context->code, .detail = (gyre_error *)(uintptr_t)context->detail};

    (void)loop;
    if (strncmp(context->message, callback, sizeof(callback) - 1) != 0)
        return;
    r->who = "-";
    emit_failure(r, 0, "handler", &f);
    r->who = outer;
}

static int64_t stop(gyre_loop *loop, void *arg)
{
    (void)arg;
    gyre_loop_stop(loop);
    return 0;
}

/* A loop whose clock shows EPOCH. */
static void make_loop(runner *r)
{
    gyre_loop_options options = {.clock = GYRE_CLOCK_VIRTUAL, .ring_entries = 8};

    if (gyre_loop_new(&options, &r->loop) < 0) {
        fprintf(stderr, "runner: %s\n", gyre_loop_error_text());
        exit(1);
    }
    gyre_call_at(r->loop, EPOCH, stop, NULL, NULL);
    gyre_loop_run(r->loop);
    gyre_loop_set_exception_handler(r->loop, on_error, r);
}

/* Prints the trace of a script; the text is used up. */
static void run_script(char *script)
{
    static text trace, scratch; /* kept, so that their memory is used again */
    runner r = {.who = "-", .trace = trace, .scratch = scratch};

    r.records_end = &r.records;
    r.trace.length = 0;
    make_loop(&r);
    if (parse(&r, script)) {
        run_plain(new_call(r.script, 0));
        gyre_error_clear();
        shut_down(&r);
        report(&r);
    } else {
        text_add(&r.trace, "invalid %s\n", r.problem);
    }
    fwrite(r.trace.chars, 1, r.trace.length, stdout);
    drop(&r);
    drop_memory(&r);
    trace = r.trace;
    scratch = r.scratch;
}

/* ---- input ---- */

static void run_batch(void)
{
    text script = {.chars = NULL};
    char *line = NULL;
    size_t room = 0;

    text_add(&script, "%s", "");
    while (getline(&line, &room, stdin) >= 0) {
        if (strcmp(line, "%%\n") != 0) {
            text_add(&script, "%s", line);
            continue;
        }
        run_script(script.chars);
        puts("%%");
        fflush(stdout);
        script.length = 0;
        script.chars[0] = '\0';
    }
    free(line);
    free(script.chars);
}

static int run_file(const char *path)
{
    FILE *file = fopen(path, "r");
    text script = {.chars = NULL};
    char *line = NULL;
    size_t room = 0;

    if (!file) {
        perror(path);
        return 1;
    }
    text_add(&script, "%s", "");
    while (getline(&line, &room, file) >= 0)
        text_add(&script, "%s", line);
    fclose(file);
    run_script(script.chars);
    free(line);
    free(script.chars);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: runner FILE | runner --batch\n", stderr);
        return 2;
    }
    if (strcmp(argv[1], "--batch") != 0)
        return run_file(argv[1]);
    run_batch();
    return 0;
}
