/* What streams do with memory: how much a line takes while it comes, and what is read when it runs short. */
#include <malloc.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "loop/alloc.h"
#include "net/stream.h"
#include "support/unit.h"
#include "task/run.h"
#include "task/sleep.h"

enum { LIMIT = 1 << 20, PIECE = 500, CHUNK = 6000, CHUNKS = 4 };

/* The allocator of these tests counts, and refuses when it is told to. */
static size_t held, most;
static bool is_short;

static void count(const void *block)
{
    held += malloc_usable_size((void *)(uintptr_t)block);
    most = held > most ? held : most;
}

static void *take(void *context, size_t size)
{
    void *block = is_short ? NULL : malloc(size);

    (void)context;
    count(block);
    return block;
}

static void give(void *context, void *block)
{
    (void)context;
    held -= malloc_usable_size(block);
    free(block);
}

static void *resize(void *context, void *block, size_t size)
{
    void *moved;

    (void)context;
    if (is_short)
        return NULL;
    held -= malloc_usable_size(block);
    moved = realloc(block, size);
    count(moved ? moved : block);
    return moved;
}

struct pair {
    gyre_stream *a, *b;
};

static void open_pair(struct pair *pair, const gyre_stream_options *options)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(gyre_stream_new(gyre_loop_current(), fds[0], options, &pair->a), 0);
    assert_int_equal(gyre_stream_new(gyre_loop_current(), fds[1], options, &pair->b), 0);
}

static void close_pair(struct pair *pair)
{
    gyre_stream_abort(pair->a);
    gyre_stream_abort(pair->b);
}

/* ---- a long line that comes in small pieces ---- */

struct send_line {
    gyre_frame frame;
    gyre_stream *stream;
    size_t sent;
    char piece[PIECE];
};
GYRE_CORO(send_line)
{
    GYRE_BEGIN;
    memset(self->piece, 'x', PIECE);
    for (; self->sent + PIECE < LIMIT; self->sent += PIECE) {
        GYRE_TRY(gyre_stream_write(self->stream, self->piece, PIECE));
        GYRE_TRY(gyre_sleep(0));
        GYRE_TRY(gyre_sleep(0));
    }
    GYRE_TRY(gyre_stream_write(self->stream, "\n", 1));
    GYRE_END;
}

struct main_line {
    gyre_frame frame;
    struct pair pair;
    gyre_task *sender;
    const char *line;
    size_t before;
    int64_t n;
};
GYRE_CORO(main_line)
{
    GYRE_BEGIN;
    open_pair(&self->pair, &(gyre_stream_options){.limit = LIMIT});
    self->sender = GYRE_SPAWN(send_line, .stream = self->pair.a);
    most = self->before = held;
    GYRE_AWAIT(self->n, gyre_stream_readline(self->pair.b, &self->line));
    assert_true(self->n > LIMIT - PIECE - 1 && self->n <= LIMIT);
    GYRE_AWAIT(self->n, self->sender);
    assert_int_equal(self->n, 0);
    gyre_task_unref(self->sender);
    close_pair(&self->pair);
    GYRE_END;
}

/* The buffer doubles, and while it does there are two of them. */
static void line_that_comes_slowly(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_line), 0);
    assert_in_range(most, LIMIT, 4 * LIMIT);
}

/* ---- memory that is short for a while ---- */

static char pattern(size_t i)
{
    return (char)(i * 7 + i / 251);
}

struct main_short {
    gyre_frame frame;
    struct pair pair;
    char chunk[CHUNK], got[CHUNKS * CHUNK];
    size_t at;
    int i;
    int64_t n;
};

static void fill_chunk(struct main_short *self)
{
    for (size_t i = 0; i < CHUNK; i++)
        self->chunk[i] = pattern((size_t)self->i * CHUNK + i);
}

/* The second chunk finds no room; those behind it must not be taken for it. */
GYRE_CORO(main_short)
{
    GYRE_BEGIN;
    open_pair(&self->pair, NULL);
    for (self->i = 0; self->i < CHUNKS; self->i++) {
        fill_chunk(self);
        GYRE_AWAIT(self->n, gyre_stream_write(self->pair.a, self->chunk, CHUNK));
        assert_int_equal(self->n, CHUNK);
        if (self->i == 0)
            GYRE_AWAIT(self->n, gyre_stream_fill(self->pair.b, 1));
        is_short = self->i == 1;
        GYRE_TRY(gyre_sleep(0));
        GYRE_TRY(gyre_sleep(0));
        is_short = false;
    }
    do {
        GYRE_AWAIT(self->n, gyre_stream_read(self->pair.b, self->got + self->at,
                                             sizeof(self->got) - self->at));
        if (self->n > 0)
            self->at += (size_t)self->n;
    } while (self->n > 0);
    assert_int_equal(self->n, -ENOMEM);
    assert_int_equal(self->at, CHUNK);
    for (size_t i = 0; i < self->at; i++)
        assert_int_equal(self->got[i], pattern(i));
    assert_int_equal(gyre_stream_error(self->pair.b), -ENOMEM);
    close_pair(&self->pair);
    GYRE_END;
}
static void nothing_is_missing_in_between(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_short), 0);
}

/* An exact read that was cancelled, and has no room to put back what it had. */
struct read_much {
    gyre_frame frame;
    gyre_stream *stream;
    size_t size;
    char *buffer;
};
GYRE_CORO(read_much)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_stream_read_exactly(self->stream, self->buffer, self->size));
    GYRE_END;
}

static int64_t begin_shortage(gyre_loop *loop, void *arg)
{
    (void)loop, (void)arg;
    is_short = true;
    return 0;
}

enum { MUCH = 100000, REST = 300 };

struct main_put_back {
    gyre_frame frame;
    struct pair pair;
    gyre_task *reader;
    char *buffer;
    char got[REST];
    int64_t n;
};
GYRE_CORO(main_put_back)
{
    GYRE_BEGIN;
    open_pair(&self->pair, NULL);
    self->buffer = calloc(1, MUCH);
    assert_non_null(self->buffer);
    self->reader = GYRE_SPAWN(read_much, .stream = self->pair.b, .buffer = self->buffer, .size = MUCH);
    GYRE_TRY(gyre_stream_write(self->pair.a, self->buffer, MUCH - REST));
    while (gyre_stream_unsent(self->pair.a))
        GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    GYRE_TRY(gyre_sleep(GYRE_MS(20))); /* all but the rest has been read */
    GYRE_TRY(gyre_stream_write(self->pair.a, "rest", 4));
    assert_int_equal(gyre_call_soon(gyre_loop_current(), begin_shortage, NULL, NULL), 0);
    gyre_task_cancel(self->reader);
    GYRE_AWAIT(self->n, self->reader);
    is_short = false;
    assert_int_equal(self->n, GYRE_ECANCELLED);
    GYRE_AWAIT(self->n, gyre_stream_read(self->pair.b, self->got, sizeof(self->got)));
    assert_int_equal(self->n, -ENOMEM);
    GYRE_TRY(gyre_stream_write(self->pair.a, "more", 4));
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    GYRE_AWAIT(self->n, gyre_stream_read(self->pair.b, self->got, sizeof(self->got)));
    assert_int_equal(self->n, -ENOMEM);
    GYRE_FINALLY;
    is_short = false;
    gyre_task_unref(self->reader);
    free(self->buffer);
    close_pair(&self->pair);
    GYRE_END;
}
static void nothing_is_missing_after_a_cancelled_read(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_put_back), 0);
}

int main(void)
{
    static const gyre_allocator counting = {take, resize, give, NULL};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line_that_comes_slowly),
        cmocka_unit_test(nothing_is_missing_in_between),
        cmocka_unit_test(nothing_is_missing_after_a_cancelled_read),
    };

    gyre_set_allocator(&counting);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
