/* The HTTP client among servers that say too much, and users that close what others still read. */
#include <stdio.h>
#include <stdlib.h>

#include "loop/alloc.h"
#include "net/http_client.h"
#include "support/http_script.h"
#include "support/in_task.h"
#include "support/tls_world.h"
#include "task/run.h"
#include "task/sleep.h"

#define GOOD "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood"
#define EVIL "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"

static script server;
static gyre_http_client *client;
static gyre_tls_context *server_tls, *client_tls;

static void set_up_tls(const script_reply *replies, size_t count, bool tls)
{
    const gyre_http_client_options options = {.limit = 1, .tls = client_tls};

    assert_int_equal(script_start_tls(&server, replies, count, tls ? server_tls : NULL), 0);
    assert_int_equal(gyre_http_client_new(gyre_loop_current(), &options, &client), 0);
}

static void set_up(const script_reply *replies, size_t count)
{
    set_up_tls(replies, count, false);
}

struct fetch {
    gyre_frame frame;
    const char *method, *expected; /* NULL: any */
    char *body;
    gyre_http_response *response;
    int64_t n;
};
GYRE_CORO(fetch)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_http_send(client,
                            &(gyre_http_request){.url = server.url, .method = self->method},
                            &self->response));
    GYRE_TRY(gyre_http_response_read_all(self->response, 0, &self->body, NULL));
    if (self->expected)
        assert_string_equal(self->body, self->expected);
    GYRE_FINALLY;
    gyre_free(self->body);
    GYRE_AWAIT(self->n, gyre_http_response_close(self->response));
    GYRE_END;
}

/* ---- bytes behind an answer are nobody's answer ---- */

struct main_beyond {
    gyre_frame frame;
    const char *method, *first;
    size_t body;     /* of the first answer; what is behind it is the evil one */
    bool waiting;    /* the next request waits for the connection already */
    bool tls;
    gyre_task *tasks[2];
    int64_t n;
};

static char answer[200000];
static script_reply beyond[2];

static void compose(const struct main_beyond *self)
{
    size_t size = (size_t)snprintf(answer, sizeof(answer), self->first, (unsigned)self->body);

    memset(answer + size, 'x', self->body);
    strcpy(answer + size + self->body, EVIL);
    beyond[0] = (script_reply){.bytes = answer};
    beyond[1] = (script_reply){.bytes = GOOD};
}

GYRE_CORO(main_beyond)
{
    GYRE_BEGIN;
    compose(self);
    set_up_tls(beyond, 2, self->tls);
    if (self->waiting) {
        self->tasks[0] = GYRE_SPAWN(fetch, .method = self->method);
        self->tasks[1] = GYRE_SPAWN(fetch, .expected = "good");
        GYRE_TRY(self->tasks[0]);
        GYRE_TRY(self->tasks[1]);
        gyre_task_unref(self->tasks[0]);
        gyre_task_unref(self->tasks[1]);
    } else {
        GYRE_TRY(GYRE_CALL(fetch, .method = self->method));
        GYRE_TRY(GYRE_CALL(fetch, .expected = "good"));
    }
    assert_int_equal(server.connections, 2);
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_http_client_close(client));
    script_stop(&server);
    GYRE_END;
}

#define LENGTH "HTTP/1.1 200 OK\r\nContent-Length: %u\r\n\r\n"

static void beyond_small(void **state)
{
    (void)state;
    unit_forget_loops();
    assert_int_equal(GYRE_RUN(main_beyond, .first = LENGTH, .body = 10), 0);
    assert_int_equal(GYRE_RUN(main_beyond, .first = LENGTH, .body = 10, .waiting = true), 0);
}

static void beyond_large(void **state)
{
    (void)state;
    unit_forget_loops();
    for (size_t size = 20000; size < 150000; size += 8192) {
        assert_int_equal(GYRE_RUN(main_beyond, .first = LENGTH, .body = size), 0);
        assert_int_equal(GYRE_RUN(main_beyond, .first = LENGTH, .body = size, .waiting = true), 0);
    }
}

/* The buffer holds 32 KiB: what is behind it lies in the socket. */
static void beyond_buffer(void **state)
{
    const size_t head = strlen("HTTP/1.1 200 OK\r\nContent-Length: 32725\r\n\r\n");

    (void)state;
    unit_forget_loops();
    for (size_t size = 32768 - head; size < 32768 - head + 3; size++) {
        assert_int_equal(GYRE_RUN(main_beyond, .first = LENGTH, .body = size), 0);
        assert_int_equal(GYRE_RUN(main_beyond, .first = LENGTH, .body = size, .waiting = true), 0);
    }
}

static void beyond_nothing(void **state)
{
    static const char *const heads[] = {
        "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n"};

    (void)state;
    unit_forget_loops();
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        assert_int_equal(GYRE_RUN(main_beyond, .first = heads[i]), 0);
        assert_int_equal(GYRE_RUN(main_beyond, .first = heads[i], .waiting = true), 0);
    }
    assert_int_equal(GYRE_RUN(main_beyond, .method = "HEAD", .first = LENGTH, .body = 20), 0);
    assert_int_equal(GYRE_RUN(main_beyond, .method = "HEAD", .first = LENGTH, .body = 90000), 0);
    assert_int_equal(
        GYRE_RUN(main_beyond, .method = "HEAD", .first = LENGTH, .body = 90000, .waiting = true),
        0);
}

static void beyond_tls(void **state)
{
    (void)state;
    unit_forget_loops();
    for (int i = 0; i < 2; i++)
        for (size_t size = 10; size < 150000; size += size < 10000 ? 9990 : 8192)
            assert_int_equal(GYRE_RUN(main_beyond, .first = LENGTH, .body = size, .tls = true,
                                      .waiting = i),
                             0);
}

/* ---- no limit at all ---- */

struct main_unlimited {
    gyre_frame frame;
    gyre_http_response *response;
    char *body;
    size_t size;
    int64_t n;
};
GYRE_CORO(main_unlimited)
{
    static const script_reply replies[] = {
        {.bytes = GOOD},
        {.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n0\r\n\r\n"}};
    static int i;

    GYRE_BEGIN;
    set_up(replies, 2);
    for (i = 0; i < 2; i++) {
        GYRE_TRY(gyre_http_get(client, server.url, &self->response));
        GYRE_TRY(self->n, gyre_http_response_read_all(self->response, SIZE_MAX, &self->body,
                                                      &self->size));
        assert_int_equal(self->n, 4);
        assert_string_equal(self->body, "good");
        gyre_free(self->body);
        self->body = NULL;
        GYRE_AWAIT(self->n, gyre_http_response_close(self->response));
        self->response = NULL;
    }
    GYRE_FINALLY;
    gyre_free(self->body);
    GYRE_AWAIT(self->n, gyre_http_response_close(self->response));
    GYRE_AWAIT(self->n, gyre_http_client_close(client));
    script_stop(&server);
    GYRE_END;
}

static void unlimited(void **state)
{
    (void)state;
    unit_forget_loops();
    assert_int_equal(GYRE_RUN(main_unlimited), 0);
}

/* ---- closed by one task while another reads ---- */

static gyre_http_response *shared;

struct reader {
    gyre_frame frame;
    bool all;
    char buffer[32];
    char *body;
    int64_t n;
};
GYRE_CORO(reader)
{
    GYRE_BEGIN;
    if (self->all)
        GYRE_AWAIT(self->n, gyre_http_response_read_all(shared, 0, &self->body, NULL));
    else
        GYRE_AWAIT(self->n, gyre_http_response_read(shared, self->buffer, sizeof(self->buffer)));
    gyre_free(self->body);
    GYRE_RETURN(self->n);
    GYRE_END;
}

struct main_closed {
    gyre_frame frame;
    const char *text;
    bool all;
    int turns; /* of the loop before the response is freed */
    script_reply replies[1];
    gyre_task *reader;
    int64_t n;
};
GYRE_CORO(main_closed)
{
    GYRE_BEGIN;
    self->replies[0] = (script_reply){.bytes = self->text, .trickle_ns = 1};
    set_up(self->replies, 1);
    GYRE_TRY(gyre_http_get(client, server.url, &shared));
    self->reader = GYRE_SPAWN(reader, .all = self->all);
    for (; self->turns > 0; self->turns--)
        GYRE_TRY(gyre_sleep(0));
    gyre_http_response_free(shared);
    GYRE_AWAIT(self->n, self->reader);
    assert_true(self->n < 0 || self->n <= 32);
    gyre_task_unref(self->reader);
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_http_client_close(client));
    script_stop(&server);
    GYRE_END;
}

static void closed_while_read(void **state)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nsome of it only",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n000000000000",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n",
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x01\x01\x01\x01\x01\x01",
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood",
    };

    (void)state;
    unit_forget_loops();
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
        for (int turns = 1; turns < 24; turns++) /* it has begun */
            for (int all = 0; all < 2; all++)
                assert_int_equal(
                    GYRE_RUN(main_closed, .text = answers[i], .turns = turns, .all = all), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(beyond_small),      cmocka_unit_test(beyond_large),
        cmocka_unit_test(beyond_buffer),     cmocka_unit_test(beyond_nothing),
        cmocka_unit_test(beyond_tls),        cmocka_unit_test(unlimited),         cmocka_unit_test(closed_while_read),
    };
    const gyre_tls_options options = {.no_resumption = true};
    tls_world world;
    int failed;

    tls_world_open(&world);
    server_tls = tls_world_server(&world, options);
    client_tls = tls_world_client(&world, options);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    gyre_tls_context_unref(server_tls);
    gyre_tls_context_unref(client_tls);
    tls_world_close(&world);
    return failed;
}
