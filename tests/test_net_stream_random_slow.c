/*
 * Streams in random use, plain and TLS: reads and writes of all kinds and sizes, some cancelled at
 * random moments, with random marks; every byte is checked, in order, and so is the end.
 */
#include "support/unit.h"

#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../net/stream_tls_internal.h"
#include "../task/run.h"
#include "../task/sleep.h"
#include "../task/timeout.h"
#include "support/tls_world.h"

enum { SEEDS = 150, LARGEST = 150000, HANG_SECONDS = 60, WAITED = 20 };

static tls_world world;
static gyre_tls_context *server_context, *client_context;
static unsigned first_seed, state;

static unsigned random_below(unsigned n)
{
    state = state * 1103515245U + 12345U;
    return (state >> 8) % n;
}

/* From a few bytes to more than any buffer. */
static size_t random_size(void)
{
    static const unsigned most[] = {10, 600, 9000, 40000, LARGEST};

    return 1 + random_below(most[random_below(5)]);
}

/* The byte at a place of what is sent; lines are of all lengths. */
static char byte_at(size_t place)
{
    return (char)(place * 7 + place / 251);
}

static int64_t wrong(const char *what, size_t place, int64_t code)
{
    fprintf(stderr, "seed %u: %s at byte %zu: %s\n", first_seed, what, place, gyre_err_name(code));
    return GYRE_EUSER(1);
}

/* ---- one operation, in a task of its own, which may be cancelled ---- */

enum kind { READ, READ_EXACTLY, FILL, READLINE, WRITE };

/* Where an operation says what it did, as a task that was cancelled has no result. */
struct outcome {
    enum { NOT_STARTED, STARTED, OVER } stage;
    int64_t result;
    const char *line;
};

struct operate {
    gyre_frame frame;
    gyre_stream *stream;
    enum kind kind;
    size_t size;
    char *buffer;
    struct outcome *outcome;
    int64_t n;
};
GYRE_CORO(operate)
{
    GYRE_BEGIN;
    self->outcome->stage = STARTED;
    if (self->kind == READ)
        GYRE_AWAIT(self->n, gyre_stream_read(self->stream, self->buffer, self->size));
    else if (self->kind == READ_EXACTLY)
        GYRE_AWAIT(self->n, gyre_stream_read_exactly(self->stream, self->buffer, self->size));
    else if (self->kind == FILL)
        GYRE_AWAIT(self->n, gyre_stream_fill(self->stream, self->size));
    else if (self->kind == READLINE)
        GYRE_AWAIT(self->n, gyre_stream_readline(self->stream, &self->outcome->line));
    else
        GYRE_AWAIT(self->n, gyre_stream_write(self->stream, self->buffer, self->size));
    self->outcome->result = self->n;
    self->outcome->stage = OVER;
    GYRE_RETURN(self->n);
    GYRE_END;
}

/* Runs one and cancels it, perhaps, after a few iterations. */
struct try_one {
    gyre_frame frame;
    gyre_stream *stream;
    enum kind kind;
    size_t size;
    char *buffer;
    struct outcome *outcome;
    gyre_task *task;
    unsigned turns;
    int64_t n;
};
GYRE_CORO(try_one)
{
    GYRE_BEGIN;
    self->outcome->stage = NOT_STARTED;
    self->task = GYRE_SPAWN(operate, .stream = self->stream, .kind = self->kind, .size = self->size,
                            .buffer = self->buffer, .outcome = self->outcome);
    if (random_below(3) == 0) {
        for (self->turns = random_below(6); self->turns > 0; self->turns--)
            GYRE_TRY(gyre_sleep(0));
        gyre_task_cancel(self->task);
    }
    GYRE_AWAIT(self->n, self->task);
    if (random_below(20) == 0)
        GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    GYRE_FINALLY;
    gyre_task_unref(self->task);
    GYRE_END;
}

/* ---- one side ---- */

struct reader {
    gyre_frame frame;
    gyre_stream *stream;
    size_t total, at;
    struct outcome outcome;
    enum kind kind;
    size_t size;
    char *buffer;
    bool over;
    int64_t rc;
};

static int64_t compare(const struct reader *self, const char *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (data[i] != byte_at(self->at + i))
            return wrong("another byte", self->at + i, 0);
    return 0;
}

/* A fill: all that is there is looked at, and a part of it taken. */
static int64_t peek(struct reader *self, size_t promised)
{
    size_t there, part;
    const char *data = gyre_stream_peek(self->stream, &there);
    int64_t rc = there < promised ? wrong("less than promised", self->at, 0)
                                  : compare(self, data, there);

    if (!there)
        self->over = gyre_stream_at_eof(self->stream);
    if (rc < 0 || !there)
        return rc;
    part = 1 + random_below((unsigned)there);
    self->at += part;
    return gyre_stream_consume(self->stream, part);
}

static int64_t digest(struct reader *self)
{
    int64_t n = self->outcome.result, rc;

    if (self->outcome.stage != OVER || n == GYRE_ECANCELLED || n == GYRE_EINCOMPLETE ||
        n == GYRE_ELIMIT)
        return 0; /* nothing was taken: the next operation finds it */
    if (n < 0)
        return wrong("reading failed", self->at, n);
    if (self->kind == FILL)
        return peek(self, (size_t)n);
    self->over = n == 0;
    if (self->kind == READLINE && n && self->outcome.line[n - 1] != '\n' &&
        self->at + (size_t)n != self->total)
        return wrong("half a line", self->at, 0);
    rc = compare(self, self->kind == READLINE ? self->outcome.line : self->buffer, (size_t)n);
    self->at += (size_t)n;
    return rc;
}

GYRE_CORO(reader)
{
    GYRE_BEGIN;
    self->buffer = malloc(LARGEST);
    while (!self->over) {
        self->kind = (enum kind)random_below(READLINE + 1);
        self->size = random_size();
        if (self->kind == FILL && self->size > 60000)
            self->size = 60000;
        GYRE_TRY(GYRE_CALL(try_one, .stream = self->stream, .kind = self->kind, .size = self->size,
                           .buffer = self->buffer, .outcome = &self->outcome));
        self->rc = digest(self);
        if (self->rc < 0)
            GYRE_RETURN(self->rc);
    }
    GYRE_RETURN(self->at == self->total ? 0 : wrong("the end", self->at, 0));
    GYRE_FINALLY;
    free(self->buffer);
    GYRE_END;
}

struct writer {
    gyre_frame frame;
    gyre_stream *stream;
    size_t total, at;
    struct outcome outcome;
    size_t size;
    char *buffer;
    int64_t n;
};

/* Bytes to write; with TLS now and then new keys in between. */
static void prepare(struct writer *self)
{
    self->size = random_size();
    if (self->size > self->total - self->at)
        self->size = self->total - self->at;
    for (size_t i = 0; i < self->size; i++)
        self->buffer[i] = byte_at(self->at + i);
    if (self->stream->tls && random_below(10) == 0)
        SSL_key_update(self->stream->tls->engine->ssl,
                       random_below(2) ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED);
}

GYRE_CORO(writer)
{
    GYRE_BEGIN;
    self->buffer = malloc(LARGEST);
    while (self->at < self->total) {
        prepare(self);
        GYRE_TRY(GYRE_CALL(try_one, .stream = self->stream, .kind = WRITE, .size = self->size,
                           .buffer = self->buffer, .outcome = &self->outcome));
        self->n = self->outcome.stage == OVER ? self->outcome.result : 0;
        if (self->n < 0 && self->n != GYRE_ECANCELLED)
            GYRE_RETURN(wrong("writing failed", self->at, self->n));
        if (self->outcome.stage != NOT_STARTED) /* cancelled or not, they are on their way */
            self->at += self->size;
        if (random_below(8) == 0)
            GYRE_TRY(gyre_wait_for(gyre_stream_flush(self->stream), GYRE_SECONDS(WAITED)));
    }
    GYRE_RETURN(gyre_stream_write_eof(self->stream));
    GYRE_FINALLY;
    free(self->buffer);
    GYRE_END;
}

/* ---- both sides ---- */

struct talk {
    gyre_frame frame;
    bool tls;
    gyre_stream *a, *b;
    gyre_task *tasks[6];
    gyre_stream_options options;
    size_t total;
    int i;
};
GYRE_CORO(talk)
{
    GYRE_BEGIN;
    self->options = (gyre_stream_options){
        .limit = random_below(2) ? 0 : 100 + random_below(5000),
        .high_water = random_below(2) ? 0 : 1 + random_below(5000)};
    self->total = 200000 + random_below(1500000);
    if (self->tls)
        GYRE_TRY(GYRE_CALL(tls_pair_start, .client_context = client_context,
                           .server_context = server_context, .options = &self->options,
                           .out_client = &self->a, .out_server = &self->b));
    else
        plain_pair(&self->options, &self->a, &self->b);
    self->tasks[0] = GYRE_SPAWN(reader, .stream = self->a, .total = self->total);
    self->tasks[1] = GYRE_SPAWN(reader, .stream = self->b, .total = self->total);
    self->tasks[2] = GYRE_SPAWN(writer, .stream = self->a, .total = self->total);
    self->tasks[3] = GYRE_SPAWN(writer, .stream = self->b, .total = self->total);
    for (self->i = 0; self->i < 4; self->i++)
        GYRE_TRY(self->tasks[self->i]);
    self->tasks[4] = GYRE_SPAWN(close_one, .stream = self->a);
    self->tasks[5] = GYRE_SPAWN(close_one, .stream = self->b);
    self->a = self->b = NULL;
    for (self->i = 4; self->i < 6; self->i++)
        GYRE_TRY(self->tasks[self->i]);
    GYRE_FINALLY;
    for (self->i = 0; self->i < 6; self->i++)
        gyre_task_unref(self->tasks[self->i]);
    gyre_stream_abort(self->a);
    gyre_stream_abort(self->b);
    GYRE_END;
}

/* A stream that hangs is what this test looks for: GYRE_TEST_SEED runs its seed alone. */
static char hangs_text[32];

static void hangs(int signal)
{
    (void)signal;
    _exit(write(STDERR_FILENO, hangs_text, strlen(hangs_text)) < 0 ? 2 : 1);
}

static void talk_with_seeds(bool tls)
{
    const char *given = getenv("GYRE_TEST_SEED");
    unsigned from = given ? (unsigned)atoi(given) : 1, until = given ? from + 1 : from + SEEDS;

    signal(SIGALRM, hangs);
    for (first_seed = from; first_seed < until; first_seed++) {
        state = first_seed * 2654435761U + tls;
        snprintf(hangs_text, sizeof(hangs_text), "seed %u hangs\n", first_seed);
        alarm(HANG_SECONDS);
        assert_int_equal(GYRE_RUN(talk, .tls = tls), 0);
    }
    alarm(0);
}

static void plain_streams(void **test)
{
    (void)test;
    talk_with_seeds(false);
}

static void tls_streams(void **test)
{
    (void)test;
    tls_world_open(&world);
    server_context = tls_world_server(&world, (gyre_tls_options){.alpn_count = 0});
    client_context = tls_world_client(&world, (gyre_tls_options){.alpn_count = 0});
    talk_with_seeds(true);
    gyre_tls_context_unref(server_context);
    gyre_tls_context_unref(client_context);
    tls_world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_streams),
        cmocka_unit_test(tls_streams),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
