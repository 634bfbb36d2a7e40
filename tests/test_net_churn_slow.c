/* Churn: 10,000 connections that come and go; descriptors, memory and operations end where they began. */
#include <stdlib.h>
#include <unistd.h>

#include "loop/alloc.h"
#include "net/connect.h"
#include "net/server.h"
#include "support/unit.h"
#include "task/run.h"
#include "task/sleep.h"

enum { CONNECTIONS = 10000, AT_A_TIME = 50, WARM_UP = 500 };

/* ---- an allocator that counts ---- */

struct block {
    size_t size;
    size_t filler;
};

static size_t live_bytes, live_blocks;

static void *count_alloc(void *context, size_t size)
{
    struct block *block = malloc(sizeof(*block) + size);

    (void)context;
    if (!block)
        return NULL;
    block->size = size;
    live_bytes += size;
    live_blocks++;
    return block + 1;
}

static void count_release(void *context, void *memory)
{
    struct block *block = (struct block *)memory - 1;

    (void)context;
    live_bytes -= block->size;
    live_blocks--;
    free(block);
}

static void *count_resize(void *context, void *memory, size_t size)
{
    void *moved = count_alloc(context, size);

    if (moved && memory) {
        size_t old = ((struct block *)memory - 1)->size;

        memcpy(moved, memory, old < size ? old : size);
        count_release(context, memory);
    }
    return moved;
}

/* ---- both sides ---- */

struct echo {
    gyre_frame frame;
    gyre_stream *stream;
    char buffer[256];
    int64_t n;
};
GYRE_CORO(echo)
{
    GYRE_BEGIN;
    for (;;) {
        GYRE_TRY(self->n, gyre_stream_read(self->stream, self->buffer, sizeof(self->buffer)));
        if (self->n == 0)
            GYRE_RETURN(0);
        GYRE_TRY(gyre_stream_write(self->stream, self->buffer, (size_t)self->n));
    }
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
    GYRE_RETURN(0);
    GYRE_END;
}

/* Connects again and again, and leaves in every way there is. */
struct churn {
    gyre_frame frame;
    uint16_t port;
    int *left;
    gyre_stream *stream;
    char buffer[100];
    int64_t n;
};
GYRE_CORO(churn)
{
    GYRE_BEGIN;
    while (--*self->left >= 0) {
        GYRE_TRY(gyre_open_connection("127.0.0.1", self->port, NULL, &self->stream));
        if (*self->left % 8 == 1) { /* at once */
            gyre_stream_abort(self->stream);
            self->stream = NULL;
            continue;
        }
        GYRE_TRY(gyre_stream_write(self->stream, self->buffer, sizeof(self->buffer)));
        if (*self->left % 8 == 2) { /* with the answer on its way */
            gyre_stream_abort(self->stream);
            self->stream = NULL;
            continue;
        }
        GYRE_TRY(gyre_stream_read_exactly(self->stream, self->buffer, sizeof(self->buffer)));
        if (*self->left % 8 == 3)
            gyre_stream_write_eof(self->stream);
        GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
        self->stream = NULL;
    }
    GYRE_FINALLY;
    gyre_stream_abort(self->stream);
    GYRE_END;
}

struct rounds {
    gyre_frame frame;
    uint16_t port;
    int left;
    gyre_task *tasks[AT_A_TIME];
    int i;
    int64_t rc;
};
GYRE_CORO(rounds)
{
    GYRE_BEGIN;
    for (self->i = 0; self->i < AT_A_TIME; self->i++)
        self->tasks[self->i] = GYRE_SPAWN(churn, .port = self->port, .left = &self->left);
    for (self->i = 0; self->i < AT_A_TIME; self->i++) {
        GYRE_AWAIT(self->rc, self->tasks[self->i]);
        assert_int_equal(self->rc, 0);
        gyre_task_unref(self->tasks[self->i]);
    }
    GYRE_END;
}

struct measure {
    unsigned descriptors;
    size_t operations, tasks, timers, bytes;
};

struct settle {
    gyre_frame frame;
    gyre_server *server;
    struct measure *out;
    int i;
};
GYRE_CORO(settle)
{
    gyre_loop_stats stats;

    GYRE_BEGIN;
    for (self->i = 0; self->i < 2000 && gyre_server_connections(self->server); self->i++)
        GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    GYRE_TRY(gyre_sleep(GYRE_MS(10)));
    gyre_loop_get_stats(gyre_loop_current(), &stats);
    *self->out = (struct measure){.descriptors = unit_descriptors(),
                                  .operations = stats.operations,
                                  .tasks = stats.tasks,
                                  .timers = stats.timers,
                                  .bytes = live_bytes};
    GYRE_END;
}

struct main_churn {
    gyre_frame frame;
    gyre_server *server;
    struct measure before, after;
    int64_t rc;
};
GYRE_CORO(main_churn)
{
    GYRE_BEGIN;
    self->rc = GYRE_START_SERVER(&self->server, ((gyre_server_options){.host = "127.0.0.1"}), echo);
    assert_int_equal(self->rc, 0);
    GYRE_TRY(GYRE_CALL(rounds, .port = gyre_server_port(self->server), .left = WARM_UP));
    GYRE_TRY(GYRE_CALL(settle, .server = self->server, .out = &self->before));
    GYRE_TRY(GYRE_CALL(rounds, .port = gyre_server_port(self->server), .left = CONNECTIONS));
    GYRE_TRY(GYRE_CALL(settle, .server = self->server, .out = &self->after));
    assert_int_equal(self->after.descriptors, self->before.descriptors);
    assert_int_equal(self->after.operations, self->before.operations);
    assert_int_equal(self->after.tasks, self->before.tasks);
    assert_int_equal(self->after.timers, self->before.timers);
    /* Small blocks stay with the loop: what the busiest moment needed, not more with each connection. */
    print_message("%zu bytes before, %zu after\n", self->before.bytes, self->after.bytes);
    assert_true(self->after.bytes < self->before.bytes + 256 * 1024);
    GYRE_TRY(self->rc, gyre_server_stop(self->server, GYRE_SECONDS(5)));
    assert_int_equal(self->rc, 0);
    gyre_server_free(self->server);
    GYRE_END;
}

static void ten_thousand_connections(void **state)
{
    const gyre_allocator counting = {count_alloc, count_resize, count_release, NULL};
    unsigned descriptors = unit_descriptors();

    (void)state;
    gyre_set_allocator(&counting);
    assert_int_equal(GYRE_RUN(main_churn), 0);
    gyre_set_allocator(NULL);
    assert_int_equal(live_blocks, 0);
    assert_int_equal(live_bytes, 0);
    assert_int_equal(unit_descriptors(), descriptors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(ten_thousand_connections)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
