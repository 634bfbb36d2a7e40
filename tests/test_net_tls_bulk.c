/* Much over TLS: both ways at once, with a peer that does not read, from files, and closed behind it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/sendfile.h"
#include "net/stream_tls.h"
#include "support/tls_world.h"
#include "task/run.h"
#include "task/task.h"
#include "task/timeout.h"

static tls_world world;
static gyre_tls_context *server_context, *client_context;

#define OPEN_ENDS(ends_, options_)                                                                 \
    GYRE_CALL(tls_pair_start, .client_context = client_context, .server_context = server_context,  \
              .out_client = &(ends_)->client, .out_server = &(ends_)->server,                      \
              .options = (options_))

/* ---- much, both ways at once ---- */

enum { MUCH = 3000001 };

static char pattern(size_t i)
{
    return (char)(i * 7 + i / 251);
}

struct send_much {
    gyre_frame frame;
    gyre_stream *stream;
    size_t piece, sent;
    char *data;
    int64_t n;
};
GYRE_CORO(send_much)
{
    GYRE_BEGIN;
    self->data = malloc(MUCH);
    assert_non_null(self->data);
    for (size_t i = 0; i < MUCH; i++)
        self->data[i] = pattern(i);
    while (self->sent < MUCH) {
        if (self->piece > MUCH - self->sent)
            self->piece = MUCH - self->sent;
        GYRE_TRY(self->n, gyre_stream_write(self->stream, self->data + self->sent, self->piece));
        self->sent += self->piece;
        self->piece = self->piece * 3 % 150000 + 1;
    }
    GYRE_RETURN(gyre_stream_write_eof(self->stream));
    GYRE_FINALLY;
    free(self->data);
    GYRE_END;
}

struct receive_much {
    gyre_frame frame;
    gyre_stream *stream;
    size_t size, got; /* of the buffer */
    char *data;
    int64_t n;
};
GYRE_CORO(receive_much)
{
    GYRE_BEGIN;
    self->data = malloc(self->size);
    assert_non_null(self->data);
    for (;;) {
        GYRE_TRY(self->n, gyre_stream_read(self->stream, self->data, self->size));
        if (self->n == 0)
            break;
        for (int64_t i = 0; i < self->n; i++)
            assert_int_equal(self->data[i], pattern(self->got + (size_t)i));
        self->got += (size_t)self->n;
    }
    assert_int_equal(self->got, MUCH);
    assert_true(gyre_stream_at_eof(self->stream));
    GYRE_FINALLY;
    free(self->data);
    GYRE_END;
}

struct main_much {
    gyre_frame frame;
    size_t buffer;
    gyre_stream_options options;
    struct tls_ends ends;
    gyre_task *tasks[4];
    size_t i;
};
GYRE_CORO(main_much)
{
    GYRE_BEGIN;
    GYRE_TRY(OPEN_ENDS(&self->ends, &self->options));
    self->tasks[0] = GYRE_SPAWN(send_much, .stream = self->ends.client, .piece = 100000);
    self->tasks[1] = GYRE_SPAWN(send_much, .stream = self->ends.server, .piece = 1);
    self->tasks[2] = GYRE_SPAWN(receive_much, .stream = self->ends.client, .size = self->buffer);
    self->tasks[3] = GYRE_SPAWN(receive_much, .stream = self->ends.server, .size = self->buffer);
    for (self->i = 0; self->i < 4; self->i++) {
        GYRE_TRY(self->tasks[self->i]);
        gyre_task_unref(self->tasks[self->i]);
    }
    /* Both close_notify have been exchanged: nobody waits. */
    GYRE_TRY(gyre_stream_close(self->ends.client));
    GYRE_TRY(gyre_stream_close(self->ends.server));
    GYRE_END;
}
static void much_both_ways(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_much, .buffer = 100000), 0);
    assert_int_equal(GYRE_RUN(main_much, .buffer = 1000), 0);
    assert_int_equal(
        GYRE_RUN(main_much, .buffer = 20000, .options = {.limit = 100, .high_water = 5000}), 0);
}

/* Nobody reads: the writer must be held back, and what lies there must stay bounded. */
struct main_held_back {
    gyre_frame frame;
    struct tls_ends ends;
    gyre_stream_options options;
    char *data;
    size_t sent, got, size;
    int64_t n;
};
GYRE_CORO(main_held_back)
{
    GYRE_BEGIN;
    self->options = (gyre_stream_options){.limit = 1000, .high_water = 20000};
    GYRE_TRY(OPEN_ENDS(&self->ends, &self->options));
    self->data = calloc(1, 50000);
    assert_non_null(self->data);
    GYRE_AWAIT(self->n, gyre_stream_fill(self->ends.server, 0));
    do {
        GYRE_AWAIT(self->n, gyre_wait_for(gyre_stream_write(self->ends.client, self->data, 50000),
                                          GYRE_MS(30)));
        self->sent += 50000;
        assert_true(self->sent < 100000000);
    } while (self->n >= 0);
    assert_int_equal(self->n, GYRE_ETIMEOUT);
    gyre_stream_peek(self->ends.server, &self->size);
    assert_true(self->size < 2000 + 16384 + 8192);
    /* All of it arrives in the end. */
    while (self->got < self->sent) {
        GYRE_TRY(self->n, gyre_stream_read(self->ends.server, self->data, 50000));
        self->got += (size_t)self->n;
    }
    GYRE_AWAIT(self->n,
               gyre_wait_for(gyre_stream_read(self->ends.server, self->data, 1), GYRE_MS(5)));
    assert_int_equal(self->n, GYRE_ETIMEOUT);
    GYRE_TRY(GYRE_CALL(tls_close_ends, .ends = &self->ends));
    GYRE_FINALLY;
    free(self->data);
    GYRE_END;
}
static void held_back(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_held_back), 0);
}

/* ---- files ---- */

struct main_file {
    gyre_frame frame;
    struct tls_ends ends;
    FILE *file;
    char *data;
    int64_t n, sent;
};
GYRE_CORO(main_file)
{
    GYRE_BEGIN;
    GYRE_TRY(OPEN_ENDS(&self->ends, NULL));
    self->file = tmpfile();
    self->data = malloc(60000);
    assert_non_null(self->file);
    assert_non_null(self->data);
    for (size_t i = 0; i < 60000; i++)
        fputc(pattern(i), self->file);
    fflush(self->file);
    GYRE_TRY(self->n,
             gyre_stream_sendfile(self->ends.server, fileno(self->file), 0, -1, &self->sent));
    assert_int_equal(self->n, 60000);
    assert_int_equal(self->sent, 60000);
    GYRE_TRY(self->n, gyre_stream_read_exactly(self->ends.client, self->data, 60000));
    for (size_t i = 0; i < 60000; i++)
        assert_int_equal(self->data[i], pattern(i));
    GYRE_TRY(GYRE_CALL(tls_close_ends, .ends = &self->ends));
    GYRE_FINALLY;
    free(self->data);
    if (self->file)
        fclose(self->file);
    GYRE_END;
}
static void file(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_file), 0);
}

/* Closing sends everything first, close_notify behind it. */
struct main_flush {
    gyre_frame frame;
    struct tls_ends ends;
    gyre_task *task;
    char *data;
    size_t got;
    int64_t n;
};
GYRE_CORO(main_flush)
{
    GYRE_BEGIN;
    GYRE_TRY(OPEN_ENDS(&self->ends, NULL));
    self->data = calloc(1, MUCH);
    assert_non_null(self->data);
    assert_int_equal(gyre_stream_write_soon(self->ends.server, self->data, MUCH), MUCH);
    assert_true(gyre_stream_unsent(self->ends.server) > 0);
    self->task = GYRE_SPAWN(close_one, .stream = self->ends.server);
    do {
        GYRE_TRY(self->n, gyre_stream_read(self->ends.client, self->data, MUCH));
        self->got += (size_t)self->n;
    } while (self->n > 0);
    assert_int_equal(self->got, MUCH);
    GYRE_TRY(gyre_stream_close(self->ends.client));
    GYRE_TRY(self->task);
    GYRE_FINALLY;
    gyre_task_unref(self->task);
    free(self->data);
    GYRE_END;
}
static void close_flushes(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_flush), 0);
}

/* ---- set-up ---- */

static int open_world(void **state)
{
    (void)state;
    tls_world_open(&world);
    server_context = tls_world_server(&world, (gyre_tls_options){0});
    client_context = tls_world_client(&world, (gyre_tls_options){0});
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    gyre_tls_context_unref(server_context);
    gyre_tls_context_unref(client_context);
    tls_world_close(&world);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(much_both_ways),
        cmocka_unit_test(held_back),
        cmocka_unit_test(file),
        cmocka_unit_test(close_flushes),
    };

    return cmocka_run_group_tests(tests, open_world, close_world);
}
