/*
 * The HTTP client's pool: reuse, limits, the line, what is stale, what is idle for too long, and
 * requests that are cancelled at every point of it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "loop/alloc.h"
#include "net/http_client.h"
#include "support/http_script.h"
#include "support/unit.h"
#include "task/run.h"
#include "task/sleep.h"
#include "task/timeout.h"

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static script server, other;
static gyre_http_client *client;
static char order[512];

static void set_up(const script_reply *reply, const gyre_http_client_options *options)
{
    order[0] = '\0';
    assert_int_equal(script_start(&server, reply, 1), 0);
    assert_int_equal(script_start(&other, reply, 1), 0);
    assert_int_equal(gyre_http_client_new(gyre_loop_current(), options, &client), 0);
}

static void note(const char *name)
{
    strcat(order, name);
}

static gyre_http_client_stats stats(void)
{
    gyre_http_client_stats result;

    gyre_http_client_get_stats(client, &result);
    return result;
}

/* A request whose name is noted when its answer is complete. */
struct fetch {
    gyre_frame frame;
    const char *name, *url, *method;
    int64_t hold_ns; /* between head and body */
    char *body;
    gyre_http_response *response;
    int64_t n;
};
GYRE_CORO(fetch)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_http_send(client, &(gyre_http_request){.url = self->url, .method = self->method},
                            &self->response));
    if (self->hold_ns)
        GYRE_TRY(gyre_sleep(self->hold_ns));
    GYRE_TRY(gyre_http_response_read_all(self->response, 0, &self->body, NULL));
    if (self->name)
        note(self->name);
    GYRE_RETURN(gyre_http_response_status(self->response));
    GYRE_FINALLY;
    gyre_free(self->body);
    GYRE_AWAIT(self->n, gyre_http_response_close(self->response));
    GYRE_END;
}

#define LET_RUN GYRE_TRY(gyre_sleep(GYRE_MS(10)))

/* ---- the line ---- */

struct main_line {
    gyre_frame frame;
    gyre_task *tasks[8];
    int i;
    int64_t n;
};
GYRE_CORO(main_line)
{
    static const script_reply slow = {.bytes = OK, .delay_ns = GYRE_MS(20)};
    static const char *const names[] = {"0", "1", "2", "3", "4", "5", "6", "7"};

    GYRE_BEGIN;
    set_up(&slow, &(gyre_http_client_options){.limit_per_host = 2});
    for (self->i = 0; self->i < 8; self->i++)
        self->tasks[self->i] = GYRE_SPAWN(fetch, .name = names[self->i], .url = server.url);
    LET_RUN;
    assert_int_equal(stats().connections, 2);
    assert_int_equal(stats().waiting, 6);
    assert_int_equal(server.connections, 2);
    gyre_task_cancel(self->tasks[3]); /* while it waits: nobody else is disturbed */
    gyre_task_cancel(self->tasks[0]); /* while it is served: its place is free again */
    for (self->i = 0; self->i < 8; self->i++) {
        GYRE_AWAIT(self->n, self->tasks[self->i]);
        assert_int_equal(self->n, self->i == 0 || self->i == 3 ? GYRE_ECANCELLED : 200);
        gyre_task_unref(self->tasks[self->i]);
    }
    assert_string_equal(order, "124567");
    assert_int_equal(server.connections, 3);
    assert_int_equal(stats().idle, 2);
    assert_int_equal(stats().waiting, 0);
    /* A request that is cancelled in the step in which it gets its place passes it on. */
    order[0] = '\0';
    for (self->i = 0; self->i < 4; self->i++)
        self->tasks[self->i] = GYRE_SPAWN(fetch, .name = names[self->i], .url = server.url);
    while (stats().waiting == 2)
        GYRE_TRY(gyre_sleep(0));
    gyre_task_cancel(self->tasks[2]);
    for (self->i = 0; self->i < 4; self->i++) {
        GYRE_AWAIT(self->n, self->tasks[self->i]);
        gyre_task_unref(self->tasks[self->i]);
    }
    assert_int_equal(stats().connections, stats().idle);
    assert_string_equal(order, "013");
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_http_client_close(client));
    script_stop(&server);
    script_stop(&other);
    GYRE_END;
}
static void line(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_line), 0);
}

/* Two origins share a limit: places go back and forth, and nobody starves. */
struct main_shared {
    gyre_frame frame;
    gyre_task *tasks[8];
    int i;
    int64_t n;
};
GYRE_CORO(main_shared)
{
    static const script_reply slow = {.bytes = OK, .delay_ns = GYRE_MS(5)};
    static const char *const names[] = {"a", "b", "c", "D", "d", "E", "e", "F"};

    GYRE_BEGIN;
    set_up(&slow, &(gyre_http_client_options){.limit = 1});
    for (self->i = 0; self->i < 8; self->i++)
        self->tasks[self->i] = GYRE_SPAWN(fetch, .name = names[self->i],
                                          .url = names[self->i][0] < 'a' ? other.url : server.url);
    for (self->i = 0; self->i < 8; self->i++) {
        GYRE_TRY(self->n, self->tasks[self->i]);
        assert_true(stats().connections <= 1);
        gyre_task_unref(self->tasks[self->i]);
    }
    assert_string_equal(order, "abcDdEeF"); /* the order of coming, whatever the origin */
    assert_int_equal(stats().connections, 1);
    /* An unused connection makes room for another origin. */
    GYRE_TRY(GYRE_CALL(fetch, .url = server.url));
    assert_int_equal(stats().connections, 1);
    GYRE_TRY(GYRE_CALL(fetch, .url = other.url));
    assert_int_equal(stats().connections, 1);
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_http_client_close(client));
    script_stop(&server);
    script_stop(&other);
    GYRE_END;
}
static void shared_limit(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_shared), 0);
}

/* Waiting in line counts for the time limit of the whole, and leaves the pool as it was. */
struct main_wait_limit {
    gyre_frame frame;
    gyre_http_response *held, *response;
    int64_t n;
};
GYRE_CORO(main_wait_limit)
{
    static const script_reply reply = {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"};

    GYRE_BEGIN;
    set_up(&reply, &(gyre_http_client_options){.limit = 1});
    GYRE_TRY(gyre_http_get(client, server.url, &self->held));
    GYRE_AWAIT(self->n, gyre_http_send(client,
                                       &(gyre_http_request){.url = server.url,
                                                            .timeouts.total_ns = GYRE_MS(20)},
                                       &self->response));
    assert_int_equal(self->n, GYRE_ETIMEOUT);
    assert_null(self->response);
    assert_int_equal(stats().waiting, 0);
    assert_int_equal(stats().connections, 1);
    gyre_http_response_free(self->held);
    assert_int_equal(stats().connections, 0);
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_http_client_close(client));
    script_stop(&server);
    script_stop(&other);
    GYRE_END;
}
static void wait_limit(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_wait_limit), 0);
}

/* ---- stale connections ---- */

struct main_stale {
    gyre_frame frame;
    gyre_http_response *response;
    int64_t n;
};
GYRE_CORO(main_stale)
{
    static const script_reply replies[] = {
        {.bytes = OK, .then = SCRIPT_CLOSE}, /* without saying so */
        {.bytes = OK},
        {.bytes = "", .then = SCRIPT_CLOSE}, /* closed upon the second request: not seen before */
        {.bytes = OK},
        {.bytes = "", .then = SCRIPT_RESET},
        {.bytes = OK},
        {.bytes = "", .then = SCRIPT_CLOSE}, /* a POST is not sent twice */
        {.bytes = OK},
        {.bytes = "HTTP/1.1", .then = SCRIPT_CLOSE}, /* nor what was answered in part */
        {.bytes = OK "junk"},                        /* more than the body: not used again */
        {.bytes = OK},
    };

    GYRE_BEGIN;
    set_up(replies, NULL);
    server.reply_count = sizeof(replies) / sizeof(replies[0]);
    GYRE_TRY(GYRE_CALL(fetch, .url = server.url));
    assert_int_equal(stats().idle, 1);
    LET_RUN;
    GYRE_TRY(GYRE_CALL(fetch, .url = server.url));
    assert_int_equal(server.connections, 2);
    assert_int_equal(stats().stale, 1);
    assert_int_equal(server.request_count, 2);
    GYRE_TRY(gyre_http_get(client, server.url, &self->response));
    assert_int_equal(gyre_http_response_timing(self->response)->retries, 1);
    GYRE_TRY(gyre_http_response_close(self->response));
    self->response = NULL;
    assert_int_equal(server.connections, 3);
    assert_int_equal(server.request_count, 4);
    assert_int_equal(stats().stale, 2);
    GYRE_TRY(self->n, GYRE_CALL(fetch, .url = server.url, .method = "PUT"));
    assert_int_equal(server.request_count, 6);
    assert_int_equal(server.connections, 4);
    GYRE_AWAIT(self->n, GYRE_CALL(fetch, .url = server.url, .method = "POST"));
    assert_int_equal(self->n, GYRE_EHTTPINCOMPLETE);
    assert_int_equal(server.request_count, 7);
    GYRE_TRY(GYRE_CALL(fetch, .url = server.url));
    GYRE_AWAIT(self->n, GYRE_CALL(fetch, .url = server.url));
    assert_int_equal(self->n, GYRE_EHTTPINCOMPLETE);
    assert_int_equal(server.request_count, 9);
    assert_int_equal(stats().connections, 0);
    GYRE_TRY(GYRE_CALL(fetch, .url = server.url));
    assert_int_equal(stats().connections, 0);
    GYRE_TRY(GYRE_CALL(fetch, .url = server.url));
    assert_int_equal(stats().connections, 1);
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_http_response_close(self->response));
    GYRE_AWAIT(self->n, gyre_http_client_close(client));
    script_stop(&server);
    script_stop(&other);
    GYRE_END;
}
static void stale(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_stale), 0);
}

/* ---- unused connections ---- */

struct main_idle {
    gyre_frame frame;
    int64_t n;
};
GYRE_CORO(main_idle)
{
    static const script_reply reply = {.bytes = OK};
    static const script_reply closing = {.bytes = OK, .then = SCRIPT_CLOSE};

    GYRE_BEGIN;
    set_up(&reply, &(gyre_http_client_options){.idle_timeout_ns = GYRE_MS(60)});
    GYRE_TRY(GYRE_CALL(fetch, .url = server.url));
    GYRE_TRY(gyre_sleep(GYRE_MS(40)));
    GYRE_TRY(GYRE_CALL(fetch, .url = server.url));
    GYRE_TRY(GYRE_CALL(fetch, .url = other.url));
    assert_int_equal(stats().idle, 2);
    assert_int_equal(server.connections, 1);
    GYRE_TRY(gyre_sleep(GYRE_MS(40))); /* it was used meanwhile */
    assert_int_equal(stats().idle, 2);
    GYRE_TRY(gyre_sleep(GYRE_MS(50)));
    assert_int_equal(stats().idle, 0);
    assert_int_equal(stats().connections, 0);
    while (!server.ended || !other.ended)
        LET_RUN;
    GYRE_TRY(GYRE_CALL(fetch, .url = server.url));
    gyre_http_client_close_idle(client);
    assert_int_equal(stats().connections, 0);
    /* What the server closes does not stay for as long as it might. */
    GYRE_TRY(gyre_http_client_close(client));
    assert_int_equal(gyre_http_client_new(gyre_loop_current(), NULL, &client), 0);
    server.replies = &closing;
    GYRE_TRY(GYRE_CALL(fetch, .url = server.url));
    assert_int_equal(stats().idle, 1);
    GYRE_TRY(gyre_sleep(GYRE_MS(1100)));
    assert_int_equal(stats().connections, 0);
    assert_int_equal(stats().stale, 1);
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_http_client_close(client));
    script_stop(&server);
    script_stop(&other);
    GYRE_END;
}
static void idle(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_idle), 0);
}

struct main_no_keep_alive {
    gyre_frame frame;
    int64_t n;
};
GYRE_CORO(main_no_keep_alive)
{
    static const script_reply reply = {.bytes = OK};

    GYRE_BEGIN;
    set_up(&reply, &(gyre_http_client_options){.no_keep_alive = true});
    GYRE_TRY(GYRE_CALL(fetch, .url = server.url));
    GYRE_TRY(GYRE_CALL(fetch, .url = server.url));
    assert_int_equal(server.connections, 2);
    assert_int_equal(stats().connections, 0);
    assert_true(script_has(&server, 0, "\r\nConnection: close\r\n"));
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_http_client_close(client));
    script_stop(&server);
    script_stop(&other);
    GYRE_END;
}
static void no_keep_alive(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_no_keep_alive), 0);
}

/* ---- what is not read ---- */

struct main_unread {
    gyre_frame frame;
    gyre_http_response *response;
    char byte;
    int64_t n;
};
GYRE_CORO(main_unread)
{
    static const script_reply replies[] = {
        {.bytes = OK},
        {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nten bytes.",
         .repeat = 1,
         .tail = "ten more.."},
        {.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
         .repeat = 1,
         .tail = "0\r\n\r\n"},
        {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nlittle"}, /* too much */
        {.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
         .repeat = 100000,
         .tail = "5\r\nhello\r\n"}, /* much more */
    };

    GYRE_BEGIN;
    set_up(replies, NULL);
    server.reply_count = sizeof(replies) / sizeof(replies[0]);
    GYRE_TRY(gyre_http_get(client, server.url, &self->response));
    gyre_http_response_free(self->response); /* all of it was there */
    assert_int_equal(stats().idle, 1);
    GYRE_TRY(gyre_http_get(client, server.url, &self->response));
    GYRE_TRY(gyre_http_response_read(self->response, &self->byte, 1));
    GYRE_TRY(gyre_http_response_close(self->response));
    assert_int_equal(stats().idle, 1);
    GYRE_TRY(gyre_http_get(client, server.url, &self->response));
    GYRE_TRY(gyre_http_response_close(self->response));
    assert_int_equal(stats().idle, 1);
    assert_int_equal(server.connections, 1);
    GYRE_TRY(gyre_http_get(client, server.url, &self->response));
    GYRE_TRY(gyre_http_response_close(self->response));
    assert_int_equal(stats().connections, 0);
    GYRE_TRY(gyre_http_get(client, server.url, &self->response));
    GYRE_TRY(gyre_http_response_close(self->response));
    assert_int_equal(stats().connections, 0);
    self->response = NULL;
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_http_response_close(self->response));
    GYRE_AWAIT(self->n, gyre_http_client_close(client));
    script_stop(&server);
    script_stop(&other);
    GYRE_END;
}
static void unread(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_unread), 0);
}

/* ---- the client ends ---- */

struct main_close {
    gyre_frame frame;
    gyre_task *waits, *served;
    gyre_http_response *response;
    char buffer[10];
    int64_t n;
};
GYRE_CORO(main_close)
{
    static const script_reply slow = {.bytes = OK, .delay_ns = GYRE_MS(20)};

    GYRE_BEGIN;
    set_up(&slow, &(gyre_http_client_options){.limit = 2});
    GYRE_TRY(gyre_http_get(client, other.url, &self->response));
    self->served = GYRE_SPAWN(fetch, .url = server.url);
    self->waits = GYRE_SPAWN(fetch, .url = server.url);
    LET_RUN;
    assert_int_equal(stats().waiting, 1);
    GYRE_TRY(gyre_http_client_close(client));
    GYRE_AWAIT(self->n, self->waits);
    assert_int_equal(self->n, GYRE_ESTATE);
    GYRE_AWAIT(self->n, self->served);
    assert_int_equal(self->n, 200);
    GYRE_TRY(self->n, gyre_http_response_read(self->response, self->buffer, 10));
    assert_int_equal(self->n, 2);
    GYRE_TRY(gyre_http_response_close(self->response));
    gyre_task_unref(self->waits);
    gyre_task_unref(self->served);
    GYRE_FINALLY;
    script_stop(&server);
    script_stop(&other);
    GYRE_END;
}
static void closing(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_close), 0);
}

/* The loop goes first: what is left can be given up afterwards. */
struct main_outlive {
    gyre_frame frame;
    gyre_http_response **out;
};
GYRE_CORO(main_outlive)
{
    static const script_reply reply = {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"};

    GYRE_BEGIN;
    set_up(&reply, NULL);
    GYRE_TRY(gyre_http_get(client, server.url, self->out));
    GYRE_FINALLY;
    script_stop(&server);
    script_stop(&other);
    GYRE_END;
}
static void outlived(void **state)
{
    gyre_http_response *response = NULL;

    (void)state;
    assert_int_equal(GYRE_RUN(main_outlive, .out = &response), 0);
    assert_int_equal(gyre_http_response_status(response), 200);
    gyre_http_client_abort(client);
    gyre_http_response_free(response);
}

/* ---- many ---- */

enum { MANY = 1000 };

struct main_many {
    gyre_frame frame;
    gyre_task *tasks[MANY];
    int i;
    unsigned at_once;
    int64_t n;
};
GYRE_CORO(main_many)
{
    static const script_reply slow = {.bytes = OK, .delay_ns = GYRE_MS(30)};

    GYRE_BEGIN;
    set_up(&slow, &(gyre_http_client_options){.limit = MANY});
    for (self->i = 0; self->i < MANY; self->i++)
        self->tasks[self->i] = GYRE_SPAWN(fetch, .url = self->i % 2 ? server.url : other.url);
    for (self->i = 0; self->i < MANY; self->i++) {
        GYRE_TRY(self->n, self->tasks[self->i]);
        assert_int_equal(self->n, 200);
        gyre_task_unref(self->tasks[self->i]);
    }
    assert_int_equal(server.request_count + other.request_count, MANY);
    assert_int_equal(stats().connections, stats().idle);
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_http_client_close(client));
    script_stop(&server);
    script_stop(&other);
    GYRE_END;
}
static void many(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_many), 0);
}

/* ---- chaos ---- */

enum { CHAOS = 300 };

/* Requests of every fate, cancelled at random: in the end every place is free, or holds a connection. */
struct main_chaos {
    gyre_frame frame;
    unsigned seed;
    gyre_task *tasks[CHAOS];
    unsigned i, served;
    int64_t n;
};

static unsigned roll(struct main_chaos *self, unsigned sides)
{
    self->seed = self->seed * 1664525 + 1013904223;
    return (self->seed >> 16) % sides;
}

GYRE_CORO(main_chaos)
{
    static const script_reply replies[] = {
        {.bytes = OK},
        {.bytes = OK, .delay_ns = GYRE_MS(2)},
        {.bytes = OK, .then = SCRIPT_CLOSE},
        {.bytes = "", .then = SCRIPT_CLOSE},
        {.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
         .trickle_ns = GYRE_MS(1) / 4},
        {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", .then = SCRIPT_RESET},
        {.bytes = "HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 2\r\n\r\nok"},
        {.bytes = OK, .delay_ns = GYRE_MS(1)},
    };

    GYRE_BEGIN;
    set_up(replies, &(gyre_http_client_options){
                        .limit = 5, .limit_per_host = 3, .idle_timeout_ns = GYRE_MS(3)});
    for (self->i = 0; self->i < CHAOS; self->i++) {
        server.reply_count = other.reply_count = 8;
        server.next = roll(self, 8);
        other.next = roll(self, 8);
        self->tasks[self->i] = GYRE_SPAWN(fetch, .url = roll(self, 2) ? server.url : other.url,
                                          .hold_ns = roll(self, 3) ? 0 : GYRE_MS(1));
        if (roll(self, 4) == 0)
            gyre_task_cancel(self->tasks[roll(self, self->i + 1)]);
        assert_true(stats().connections <= 5);
        if (roll(self, 3) == 0)
            GYRE_TRY(gyre_sleep((int64_t)roll(self, 3) * GYRE_MS(1) / 2));
    }
    for (self->i = 0; self->i < CHAOS; self->i++) {
        if (roll(self, 5) == 0)
            gyre_task_cancel(self->tasks[roll(self, CHAOS)]);
        GYRE_AWAIT(self->n, self->tasks[self->i]);
        self->served += self->n == 200;
    }
    for (self->i = 0; self->i < CHAOS; self->i++)
        gyre_task_unref(self->tasks[self->i]);
    assert_true(self->served > CHAOS / 10);
    assert_int_equal(stats().waiting, 0);
    assert_int_equal(stats().connections, stats().idle);
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_http_client_close(client));
    script_stop(&server);
    script_stop(&other);
    GYRE_END;
}
static void chaos(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 3; seed++)
        assert_int_equal(GYRE_RUN(main_chaos, .seed = seed), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line),       cmocka_unit_test(shared_limit),  cmocka_unit_test(stale),
        cmocka_unit_test(idle),       cmocka_unit_test(no_keep_alive), cmocka_unit_test(unread),
        cmocka_unit_test(wait_limit), cmocka_unit_test(closing),       cmocka_unit_test(outlived),
        cmocka_unit_test(many),       cmocka_unit_test(chaos),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
