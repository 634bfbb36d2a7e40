/*
 * An HTTP server under load: many connections, large bodies in little memory, no allocation for a
 * request.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../loop/alloc.h"
#include "../net/connect.h"
#include "../net/http_files.h"
#include "../net/http_router.h"
#include "../task/run.h"
#include "../task/sleep.h"
#include "../task/timeout.h"
#include "support/folder.h"
#include "support/unit.h"

/* Sanitizers make every block an allocation, and keep freed memory for a while. */
#if defined(__SANITIZE_ADDRESS__)
enum { SANITIZED = 1 };
#elif defined(__has_feature)
enum { SANITIZED = __has_feature(address_sanitizer) };
#else
enum { SANITIZED = 0 };
#endif

static const int64_t HUGE_BODY = INT64_C(300) << 20;

static gyre_http_server *server;
static unsigned reports;

static void on_report(gyre_loop *loop, const gyre_exception_context *context, void *arg)
{
    (void)loop, (void)arg;
    print_message("reported: %s: %s\n", context->message, gyre_err_name(context->code));
    reports++;
}

/* ---- handlers ---- */

struct hello {
    gyre_frame frame;
    gyre_http_exchange *exchange;
};
GYRE_CORO(hello)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_http_respond(self->exchange, 200, "text/plain", "hello", 5));
    GYRE_END;
}

/* Takes a body of any size and says how many bytes it had. */
struct sink {
    gyre_frame frame;
    gyre_http_exchange *exchange;
    char buffer[65536];
    int64_t n, total;
};
GYRE_CORO(sink)
{
    GYRE_BEGIN;
    gyre_http_set_body_limit(self->exchange, GYRE_HTTP_NO_LIMIT);
    do {
        GYRE_TRY(self->n, gyre_http_read(self->exchange, self->buffer, sizeof(self->buffer)));
        self->total += self->n;
    } while (self->n > 0);
    GYRE_TRY(gyre_http_respondf(self->exchange, 200, NULL, "%lld", (long long)self->total));
    GYRE_END;
}

static const char zeros[65536];

struct source {
    gyre_frame frame;
    gyre_http_exchange *exchange;
    int64_t left, n;
};
GYRE_CORO(source)
{
    GYRE_BEGIN;
    self->left = HUGE_BODY;
    self->n = gyre_http_start(self->exchange, 200, NULL, HUGE_BODY);
    while (self->left > 0) {
        GYRE_TRY(self->n, gyre_http_write(self->exchange, zeros, sizeof(zeros)));
        self->left -= self->n;
    }
    GYRE_END;
}

static gyre_http_router *router;

static void open_site(gyre_http_files *files)
{
    reports = 0;
    gyre_loop_set_exception_handler(gyre_loop_current(), on_report, NULL);
    assert_int_equal(gyre_http_router_new(&router), 0);
    assert_int_equal(GYRE_HTTP_ROUTE(router, "GET", "/", hello), 0);
    assert_int_equal(GYRE_HTTP_ROUTE(router, "POST", "/sink", sink), 0);
    assert_int_equal(GYRE_HTTP_ROUTE(router, "GET", "/source", source), 0);
    if (files)
        assert_int_equal(GYRE_HTTP_ROUTE(router, "GET", "/:path*", gyre_http_serve, .files = files),
                         0);
    assert_int_equal(GYRE_START_HTTP_SERVER(&server,
                                            ((gyre_http_server_options){
                                                .listen = {.host = "127.0.0.1", .backlog = 4096},
                                                .write_timeout_ns = GYRE_MS(300)}),
                                            gyre_http_route, .router = router),
                     0);
}

struct close_site {
    gyre_frame frame;
};
GYRE_CORO(close_site)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_http_server_stop(server, GYRE_SECONDS(10)));
    gyre_http_server_free(server);
    gyre_http_router_free(router);
    assert_int_equal(reports, 0);
    GYRE_END;
}

/* ---- a client: some requests over one connection ---- */

static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

struct visit {
    gyre_frame frame;
    int count, i;
    gyre_stream *stream;
    const char *data;
    int64_t n;
};
GYRE_CORO(visit)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_open_connection("127.0.0.1", gyre_http_server_port(server), NULL, &self->stream));
    for (self->i = 0; self->i < self->count; self->i++) {
        GYRE_TRY(gyre_stream_write(self->stream, request, sizeof(request) - 1));
        GYRE_TRY(self->n, gyre_stream_read_until(self->stream, "\r\n\r\nhello", 9, &self->data));
        if (memcmp(self->data, "HTTP/1.1 200 OK\r\n", 17) != 0)
            GYRE_RETURN(GYRE_EUSER(1));
    }
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
    GYRE_END;
}

enum { MANY = 1000 };

struct main_many {
    gyre_frame frame;
    gyre_task *tasks[MANY];
    int i;
    int64_t rc;
};
GYRE_CORO(main_many)
{
    GYRE_BEGIN;
    open_site(NULL);
    for (self->i = 0; self->i < MANY; self->i++) {
        self->tasks[self->i] = GYRE_SPAWN(visit, .count = 5);
        assert_non_null(self->tasks[self->i]);
    }
    for (self->i = 0; self->i < MANY; self->i++) {
        GYRE_AWAIT(self->rc, self->tasks[self->i]);
        assert_int_equal(self->rc, 0);
        gyre_task_unref(self->tasks[self->i]);
    }
    GYRE_TRY(GYRE_CALL(close_site));
    GYRE_END;
}
static void many_connections(void **state)
{
    struct rlimit limit;

    (void)state;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < 3 * MANY) {
        limit.rlim_cur = limit.rlim_max < 4 * MANY ? limit.rlim_max : 4 * MANY;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur < 3 * MANY) {
        print_message("skipped: too few descriptors are allowed\n");
        skip();
    }
    assert_int_equal(GYRE_RUN(main_many), 0);
}

/* ---- no allocation for a request ---- */

static unsigned allocations;

static void *counting_alloc(void *context, size_t size)
{
    (void)context;
    allocations++;
    return malloc(size);
}
static void *counting_resize(void *context, void *block, size_t size)
{
    (void)context;
    allocations++;
    return realloc(block, size);
}
static void plain_free(void *context, void *block)
{
    (void)context;
    free(block);
}

struct main_warm {
    gyre_frame frame;
    unsigned before;
};
GYRE_CORO(main_warm)
{
    GYRE_BEGIN;
    open_site(NULL);
    GYRE_TRY(GYRE_CALL(visit, .count = 20));
    GYRE_TRY(GYRE_CALL(visit, .count = 20));
    self->before = allocations;
    GYRE_TRY(GYRE_CALL(visit, .count = 1000));
    assert_in_range(allocations - self->before, 0, 20); /* those of the connection */
    GYRE_TRY(GYRE_CALL(close_site));
    GYRE_END;
}
static void no_allocation_for_a_request(void **state)
{
    const gyre_allocator counting = {counting_alloc, counting_resize, plain_free, NULL};

    (void)state;
    if (SANITIZED) {
        print_message("skipped: with sanitizers every block is an allocation\n");
        skip();
    }
    gyre_set_allocator(&counting);
    assert_int_equal(GYRE_RUN(main_warm), 0);
    gyre_set_allocator(NULL);
}

/* ---- large bodies ---- */

static long resident(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    if (file && fscanf(file, "%*d %ld", &pages) != 1)
        pages = 0;
    if (file)
        fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

struct main_large {
    gyre_frame frame;
    gyre_stream *stream;
    char buffer[65536];
    long before, most;
    int64_t left, n;
};
GYRE_CORO(main_large)
{
    GYRE_BEGIN;
    open_site(NULL);
    GYRE_TRY(gyre_open_connection("127.0.0.1", gyre_http_server_port(server), NULL, &self->stream));
    self->before = resident();
    self->n = snprintf(self->buffer, sizeof(self->buffer),
                       "POST /sink HTTP/1.1\r\nHost: x\r\nContent-Length: %lld\r\n\r\n",
                       (long long)HUGE_BODY);
    GYRE_TRY(gyre_stream_write(self->stream, self->buffer, (size_t)self->n));
    for (self->left = HUGE_BODY; self->left > 0; self->left -= (int64_t)sizeof(zeros)) {
        GYRE_TRY(gyre_stream_write(self->stream, zeros, sizeof(zeros)));
        self->most = resident() > self->most ? resident() : self->most;
    }
    GYRE_TRY(self->n, gyre_stream_read(self->stream, self->buffer, sizeof(self->buffer)));
    assert_memory_equal(self->buffer + self->n - 13, "\r\n\r\n314572800", 13);
    GYRE_TRY(gyre_stream_write(self->stream, "GET /source HTTP/1.1\r\nHost: x\r\n\r\n", 33));
    for (self->left = HUGE_BODY; self->left > 0; self->left -= self->n) {
        GYRE_TRY(self->n, gyre_stream_read(self->stream, self->buffer, sizeof(self->buffer)));
        assert_true(self->n > 0);
        self->most = resident() > self->most ? resident() : self->most;
    }
    assert_true(SANITIZED || self->most - self->before < 8 << 20);
    GYRE_FINALLY;
    gyre_stream_abort(self->stream);
    GYRE_TRY(GYRE_CALL(close_site));
    GYRE_END;
}
static void large_bodies_in_little_memory(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_large), 0);
}

/* ---- clients that leave in the middle of a large file, or stop taking it ---- */

struct leaver {
    gyre_frame frame;
    gyre_stream *stream;
    bool stays; /* without reading */
    char buffer[1000];
    int64_t n;
};
GYRE_CORO(leaver)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_open_connection("127.0.0.1", gyre_http_server_port(server), NULL, &self->stream));
    GYRE_TRY(gyre_stream_write(self->stream, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n", 32));
    GYRE_TRY(self->n, gyre_stream_read(self->stream, self->buffer, sizeof(self->buffer)));
    while (self->stays && gyre_server_connections(gyre_http_server_listener(server)))
        GYRE_TRY(gyre_sleep(GYRE_MS(5)));
    GYRE_FINALLY;
    gyre_stream_abort(self->stream);
    GYRE_END;
}

struct main_leavers {
    gyre_frame frame;
    gyre_http_files *files;
    int i;
};
GYRE_CORO(main_leavers)
{
    GYRE_BEGIN;
    assert_int_equal(gyre_http_files_new(".", NULL, &self->files), 0);
    open_site(self->files);
    for (self->i = 0; self->i < 20; self->i++)
        GYRE_TRY(GYRE_CALL(leaver));
    while (gyre_server_connections(gyre_http_server_listener(server)))
        GYRE_TRY(gyre_sleep(GYRE_MS(5)));
    GYRE_TRY(gyre_wait_for(GYRE_CALL(leaver, .stays = true), GYRE_SECONDS(20)));
    GYRE_TRY(GYRE_CALL(close_site));
    gyre_http_files_free(self->files);
    GYRE_END;
}
static void clients_that_leave(void **state)
{
    (void)state;
    folder_make_file("large", "");
    assert_int_equal(truncate("large", 40 << 20), 0);
    assert_int_equal(GYRE_RUN(main_leavers), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_allocation_for_a_request),
        cmocka_unit_test(many_connections),
        cmocka_unit_test(large_bodies_in_little_memory),
        cmocka_unit_test_setup_teardown(clients_that_leave, folder_set_up, folder_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
