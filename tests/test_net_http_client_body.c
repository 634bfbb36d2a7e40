/*
 * Bodies of the HTTP client in both directions: uploads of every kind, what comes compressed, what
 * is large, and time limits.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "loop/alloc.h"
#include "net/http_client.h"
#include "net/http_headers.h"
#include "support/http_script.h"
#include "support/unit.h"
#include "task/run.h"
#include "task/sleep.h"
#include "task/timeout.h"

#define OK       "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"

static script server;
static gyre_http_client *client;

static void set_up(const script_reply *replies, size_t count,
                   const gyre_http_client_options *options)
{
    assert_int_equal(script_start(&server, replies, count), 0);
    assert_int_equal(gyre_http_client_new(gyre_loop_current(), options, &client), 0);
}

static gyre_http_client_stats stats(void)
{
    gyre_http_client_stats result;

    gyre_http_client_get_stats(client, &result);
    return result;
}

/* Writes `count` pieces of `size` bytes, waiting in between. */
struct produce {
    gyre_frame frame;
    gyre_http_body *body;
    unsigned count, i;
    size_t size;
    int64_t pause_ns, fail, trailer;
    char *data;
    unsigned *running; /* counted while it runs */
};
GYRE_CORO(produce)
{
    GYRE_BEGIN;
    if (self->running)
        ++*self->running;
    self->data = calloc(1, self->size + 1);
    memset(self->data, 'x', self->size);
    for (self->i = 0; self->i < self->count; self->i++) {
        GYRE_TRY(gyre_http_body_write(self->body, self->data, self->size));
        if (self->pause_ns)
            GYRE_TRY(gyre_sleep(self->pause_ns));
    }
    if (self->trailer)
        assert_int_equal(gyre_http_body_trailer(self->body, "X-Sum", "123"), self->trailer - 1);
    GYRE_RETURN(self->fail);
    GYRE_FINALLY;
    if (self->running)
        --*self->running;
    free(self->data);
    GYRE_END;
}

/* Result: the status, or the error of the request or of reading its body. */
struct ask {
    gyre_frame frame;
    gyre_http_request request;
    struct produce produce; /* makes the body if it has a count */
    bool made;
    char *body;
    gyre_http_response *response;
    int64_t n;
};
GYRE_CORO(ask)
{
    GYRE_BEGIN;
    self->request.url = server.url;
    if (self->made)
        self->request.upload = (gyre_http_body_source){&produce_coro, &self->produce};
    GYRE_TRY(gyre_http_send(client, &self->request, &self->response));
    GYRE_TRY(gyre_http_response_read_all(self->response, 0, &self->body, NULL));
    GYRE_RETURN(gyre_http_response_status(self->response));
    GYRE_FINALLY;
    gyre_free(self->body);
    GYRE_AWAIT(self->n, gyre_http_response_close(self->response));
    GYRE_END;
}
#define ASK(...)  GYRE_CALL(ask, .request = {__VA_ARGS__})
#define MADE(...) .made = true, .produce = {__VA_ARGS__}

/* ---- uploads ---- */

struct main_upload {
    gyre_frame frame;
    char *large;
    int64_t n;
};
GYRE_CORO(main_upload)
{
    static const script_reply replies[] = {{.bytes = OK}};

    GYRE_BEGIN;
    set_up(replies, 1, NULL);
    self->large = calloc(1, 5000000);
    GYRE_TRY(self->n, ASK(.body = self->large, .body_size = 5000000));
    assert_int_equal(server.body_sizes[0], 5000000);
    assert_true(script_has(&server, 0, "Content-Length: 5000000\r\n"));
    GYRE_TRY(GYRE_CALL(ask, MADE(.count = 3, .size = 5, .trailer = 1), .request = {.url = NULL}));
    assert_int_equal(server.body_sizes[1], 15);
    assert_true(script_has(&server, 1, "\r\nTransfer-Encoding: chunked\r\n"));
    assert_true(script_has(
        &server, 1, "\r\n\r\n5\r\nxxxxx\r\n5\r\nxxxxx\r\n5\r\nxxxxx\r\n0\r\nX-Sum: 123\r\n\r\n"));
    GYRE_TRY(GYRE_CALL(ask, MADE(.count = 40, .size = 100000),
                       .request = {.method = "PUT", .upload_size = 4000000}));
    assert_int_equal(server.body_sizes[2], 4000000);
    assert_true(script_has(&server, 2, "PUT / HTTP/1.1\r\n"));
    assert_true(script_has(&server, 2, "Content-Length: 4000000\r\n"));
    GYRE_TRY(GYRE_CALL(ask, MADE(.count = 0), .request = {.url = NULL}));
    assert_int_equal(server.body_sizes[3], 0);
    assert_int_equal(server.connections, 1);
    /* Lengths that are not kept, and errors of the coroutine, are the request's. */
    GYRE_AWAIT(self->n,
               GYRE_CALL(ask, MADE(.count = 3, .size = 5), .request = {.upload_size = 14}));
    assert_int_equal(self->n, GYRE_EHTTPLENGTH);
    GYRE_AWAIT(self->n,
               GYRE_CALL(ask, MADE(.count = 3, .size = 5), .request = {.upload_size = 16}));
    assert_int_equal(self->n, GYRE_EHTTPLENGTH);
    GYRE_AWAIT(self->n, GYRE_CALL(ask, MADE(.count = 3, .size = 5, .fail = GYRE_EUSER(7)),
                                  .request = {.url = NULL}));
    assert_int_equal(self->n, GYRE_EUSER(7));
    GYRE_AWAIT(self->n, GYRE_CALL(ask, MADE(.trailer = 1 + GYRE_ESTATE, .size = 1, .count = 1),
                                  .request = {.upload_size = 1}));
    assert_int_equal(self->n, 200);
    assert_int_equal(stats().connections, 1);
    GYRE_FINALLY;
    free(self->large);
    GYRE_AWAIT(self->n, gyre_http_client_close(client));
    script_stop(&server);
    GYRE_END;
}
static void uploads(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_upload), 0);
}

/* Asking before sending. */
struct main_expect {
    gyre_frame frame;
    unsigned running;
    int64_t n;
};
GYRE_CORO(main_expect)
{
    static const script_reply replies[] = {
        {.bytes = OK, .before_body = CONTINUE},
        {.bytes = "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n", .early = true},
        {.bytes = OK}, /* never says that it wants the body */
        {.bytes = "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n",
         .before_body = CONTINUE,
         .early = true,
         .then = SCRIPT_CLOSE},
    };

    GYRE_BEGIN;
    set_up(replies, 4, NULL);
    GYRE_TRY(self->n, ASK(.body = "data", .body_size = 4, .expect_continue = true));
    assert_int_equal(self->n, 200);
    assert_true(script_has(&server, 0, "Expect: 100-continue\r\n"));
    assert_int_equal(server.body_sizes[0], 4);
    assert_int_equal(stats().idle, 1);
    GYRE_TRY(self->n, GYRE_CALL(ask, MADE(.count = 1, .size = 1, .running = &self->running),
                                .request = {.expect_continue = true}));
    assert_int_equal(self->n, 417);
    assert_int_equal(self->running, 0);
    assert_int_equal(stats().connections, 0); /* the body is owed, so it is of no use */
    GYRE_TRY(self->n, ASK(.body = "data", .body_size = 4, .expect_continue = true,
                          .timeouts.continue_ns = GYRE_MS(20)));
    assert_int_equal(self->n, 200);
    assert_int_equal(server.body_sizes[2], 4);
    GYRE_TRY(self->n, GYRE_CALL(ask, MADE(.count = 1000, .size = 100000, .running = &self->running),
                                .request = {.expect_continue = true}));
    assert_int_equal(self->n, 413);
    assert_int_equal(self->running, 0);
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_http_client_close(client));
    script_stop(&server);
    GYRE_END;
}
static void expect(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_expect), 0);
}

/* The answer comes while the body is still being sent. */
struct main_early {
    gyre_frame frame;
    gyre_http_response *response;
    gyre_task *task;
    char *body;
    unsigned running;
    int64_t n;
};
GYRE_CORO(main_early)
{
    static const script_reply replies[] = {
        {.bytes = OK, .early = true, .then = SCRIPT_STALL},
        {.bytes = OK},
    };

    GYRE_BEGIN;
    set_up(replies, 2, NULL);
    GYRE_TRY(gyre_http_send(
        client,
        &(gyre_http_request){.url = server.url,
                             .upload = GYRE_HTTP_BODY(produce, .count = 100, .size = 1000000,
                                                      .running = &self->running)},
        &self->response));
    assert_int_equal(gyre_http_response_status(self->response), 200);
    assert_int_equal(self->running, 1);
    GYRE_TRY(gyre_http_response_read_all(self->response, 0, &self->body, NULL));
    assert_string_equal(self->body, "ok");
    GYRE_TRY(gyre_http_response_close(self->response)); /* waits for the coroutine's end */
    self->response = NULL;
    assert_int_equal(self->running, 0);
    assert_int_equal(stats().connections, 0);
    /* Cancelled in mid-upload: the coroutine has ended when the request has. */
    self->task = GYRE_SPAWN(
        ask, MADE(.count = 100000, .size = 10, .pause_ns = GYRE_MS(1), .running = &self->running),
        .request = {.url = NULL});
    GYRE_TRY(gyre_sleep(GYRE_MS(20)));
    assert_int_equal(self->running, 1);
    gyre_task_cancel(self->task);
    GYRE_AWAIT(self->n, self->task);
    assert_int_equal(self->n, GYRE_ECANCELLED);
    assert_int_equal(self->running, 0);
    assert_int_equal(stats().connections, 0);
    GYRE_FINALLY;
    gyre_task_unref(self->task);
    gyre_free(self->body);
    GYRE_AWAIT(self->n, gyre_http_response_close(self->response));
    GYRE_AWAIT(self->n, gyre_http_client_close(client));
    script_stop(&server);
    GYRE_END;
}
static void early_answers(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_early), 0);
}

/* ---- compressed ---- */

/* A gzip or zlib body behind its head; the caller frees it. */
static script_reply pack(const char *coding, int window, const char *data, size_t size, size_t cut,
                         bool chunked)
{
    static char packed[3000000], message[3100000];
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)data,
                  .avail_in = (unsigned)size,
                  .next_out = (unsigned char *)packed,
                  .avail_out = sizeof(packed)};
    size_t at;

    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, window, 9, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    size = z.total_out - cut;
    at = (size_t)sprintf(message, "HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\n", coding);
    if (chunked)
        at += (size_t)sprintf(message + at, "Transfer-Encoding: chunked\r\n\r\n%zx\r\n", size);
    else
        at += (size_t)sprintf(message + at, "Content-Length: %zu\r\n\r\n", size);
    memcpy(message + at, packed, size);
    at += size;
    if (chunked)
        at += (size_t)sprintf(message + at, "\r\n0\r\n\r\n");
    return (script_reply){.bytes = message, .size = at};
}

struct main_packed {
    gyre_frame frame;
    script_reply reply;
    const char *plain;
    size_t size, piece;
    uint64_t limit;
    int64_t expected;
    bool raw;
    gyre_http_response *response;
    gyre_http_client_stats after;
    char *got;
    size_t at;
    int64_t n;
};
GYRE_CORO(main_packed)
{
    GYRE_BEGIN;
    set_up(&self->reply, 1, &(gyre_http_client_options){.decoded_limit = self->limit});
    self->got = malloc(self->size + self->piece);
    GYRE_TRY(gyre_http_send(client,
                            &(gyre_http_request){.url = server.url, .no_decoding = self->raw},
                            &self->response));
    assert_int_equal(gyre_http_response_decoded(self->response), !self->raw);
    assert_int_equal(gyre_http_response_content_length(self->response) >= 0, self->raw);
    do {
        GYRE_AWAIT(self->n,
                   gyre_http_response_read(self->response, self->got + self->at, self->piece));
        self->at += self->n > 0 ? (size_t)self->n : 0;
    } while (self->n > 0 && self->at <= self->size);
    if (self->n == self->expected &&
        (self->n < 0 || self->raw ||
         (self->at == self->size && !memcmp(self->got, self->plain, self->at))))
        self->n = 1000;
    if (self->n == 1000 && self->expected == 0)
        assert_int_equal(stats().idle, 1); /* the connection is free */
    GYRE_RETURN(self->n);
    GYRE_FINALLY;
    free(self->got);
    GYRE_AWAIT(self->n, gyre_http_response_close(self->response));
    GYRE_AWAIT(self->n, gyre_http_client_close(client));
    script_stop(&server);
    GYRE_END;
}

static void compressed(void **state)
{
    enum { SIZE = 300000, GZIP = 31, ZLIB = 15, BARE = -15 };
    static char plain[SIZE];
    static const struct {
        const char *coding;
        int window;
        size_t cut, piece;
        bool chunked, raw;
        uint64_t limit;
        int64_t expected;
    } cases[] = {
        {"gzip", GZIP, 0, 100000, false, false, 0, 0},
        {"gzip", GZIP, 0, 1000, true, false, 0, 0},
        {"x-gzip", GZIP, 0, 7777, true, false, 0, 0},
        {"deflate", ZLIB, 0, 400000, false, false, 0, 0},
        {"deflate", BARE, 0, 400000, true, false, 0, 0},
        {"gzip", GZIP, 0, 30000, false, false, SIZE, 0},
        {"gzip", GZIP, 0, 30000, false, false, SIZE - 1, GYRE_ELIMIT},
        {"gzip", GZIP, 1, 30000, false, false, 0, GYRE_EHTTPENCODING},
        {"gzip", GZIP, 10, 30000, true, false, 0, GYRE_EHTTPENCODING},
        {"gzip", ZLIB, 0, 30000, true, false, 0, GYRE_EHTTPENCODING},
        {"gzip", GZIP, 0, 30000, false, true, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < SIZE; i++)
        plain[i] = (char)("abcdefgh"[i * i / 7 % 8] + (i / 1000) % 3);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (GYRE_RUN(main_packed,
                     .reply = pack(cases[i].coding, cases[i].window, plain, SIZE, cases[i].cut,
                                   cases[i].chunked),
                     .plain = plain, .size = SIZE, .piece = cases[i].piece, .limit = cases[i].limit,
                     .expected = cases[i].expected, .raw = cases[i].raw) != 1000)
            fail_msg("case %zu", i);
}

/* A hundred megabytes of zeros in a tenth of one: stopped where the limit says, in little memory. */
static void bomb(void **state)
{
    const size_t size = 100000000;
    char *zeros = calloc(1, size);
    script_reply reply = pack("gzip", 31, zeros, size, 0, false);

    (void)state;
    free(zeros);
    assert_int_equal(GYRE_RUN(main_packed, .reply = reply, .size = 3000000, .piece = 65536,
                              .limit = 2000000, .expected = GYRE_ELIMIT),
                     1000);
}

/* ---- large ---- */

static size_t in_use(void)
{
    return mallinfo2().uordblks;
}

struct main_large {
    gyre_frame frame;
    bool chunked;
    gyre_http_response *response;
    char *buffer;
    uint64_t got;
    size_t before, most;
    int64_t n;
};

enum { PIECE = 65536, PIECES = 4800, READ_AT_ONCE = 262144 };

GYRE_CORO(main_large)
{
    static char tail[PIECE + 1], chunk[PIECE + 32];
    static const script_reply replies[] = {
        {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 314572800\r\n\r\n",
         .repeat = PIECES,
         .tail = tail},
        {.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
         .repeat = PIECES,
         .tail = chunk,
         .then = SCRIPT_CLOSE},
    };

    GYRE_BEGIN;
    memset(tail, 'x', PIECE);
    snprintf(chunk, sizeof(chunk), "10000\r\n%s\r\n", tail);
    set_up(&replies[self->chunked], 1, NULL);
    self->buffer = malloc(READ_AT_ONCE);
    GYRE_TRY(gyre_http_get(client, server.url, &self->response));
    self->before = in_use();
    /* Nobody reads: the server must stop sending. */
    GYRE_TRY(gyre_sleep(GYRE_MS(20)));
    assert_true(in_use() < self->before + 1000000);
    do {
        GYRE_AWAIT(self->n, gyre_http_response_read(self->response, self->buffer, READ_AT_ONCE));
        self->got += self->n > 0 ? (uint64_t)self->n : 0;
        self->most = in_use() > self->most ? in_use() : self->most;
    } while (self->n > 0);
    assert_int_equal(self->n, self->chunked ? GYRE_EHTTPINCOMPLETE : 0);
    assert_int_equal(self->got, (uint64_t)PIECE * PIECES);
    assert_true(self->most < self->before + 1000000);
    GYRE_FINALLY;
    free(self->buffer);
    GYRE_AWAIT(self->n, gyre_http_response_close(self->response));
    GYRE_AWAIT(self->n, gyre_http_client_close(client));
    script_stop(&server);
    GYRE_RETURN(0);
    GYRE_END;
}

struct main_large_upload {
    gyre_frame frame;
    gyre_task *task;
    size_t before, most;
    int64_t n;
};
GYRE_CORO(main_large_upload)
{
    static const script_reply replies[] = {{.bytes = OK}};

    GYRE_BEGIN;
    set_up(replies, 1, NULL);
    self->before = in_use();
    self->task = GYRE_SPAWN(ask, MADE(.count = PIECES, .size = PIECE));
    while (!gyre_task_done(self->task)) {
        GYRE_TRY(gyre_sleep(GYRE_MS(1)));
        self->most = in_use() > self->most ? in_use() : self->most;
    }
    GYRE_AWAIT(self->n, self->task);
    assert_int_equal(self->n, 200);
    assert_int_equal(server.body_sizes[0], (size_t)PIECE * PIECES);
    assert_true(self->most < self->before + 2000000);
    GYRE_FINALLY;
    gyre_task_unref(self->task);
    GYRE_AWAIT(self->n, gyre_http_client_close(client));
    script_stop(&server);
    GYRE_END;
}

static void large_bodies(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_large, .chunked = false), 0);
    assert_int_equal(GYRE_RUN(main_large, .chunked = true), 0);
    assert_int_equal(GYRE_RUN(main_large_upload), 0);
}

/* ---- time limits ---- */

struct main_slow {
    gyre_frame frame;
    script_reply reply;
    bool made;
    struct produce produce;
    gyre_http_request request;
    const char *expected;
    char text[128];
    uint64_t start;
    int64_t n, got;
};
GYRE_CORO(main_slow)
{
    GYRE_BEGIN;
    set_up(&self->reply, 1, &(gyre_http_client_options){.limit = 1});
    self->start = gyre_loop_time(gyre_loop_current());
    GYRE_AWAIT(self->got, GYRE_CALL(ask, .request = self->request, .made = self->made,
                                    .produce = self->produce));
    snprintf(self->text, sizeof(self->text), "%s", gyre_error_text(gyre_error_current()));
    assert_true(gyre_loop_time(gyre_loop_current()) - self->start < (uint64_t)GYRE_SECONDS(5));
    assert_int_equal(stats().connections, 0);
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_http_client_close(client));
    script_stop(&server);
    if (self->got != GYRE_ETIMEOUT ||
        strncmp(self->text, self->expected, strlen(self->expected)) != 0)
        fail_msg("expected \"%s\", got %s \"%s\"", self->expected, gyre_err_name(self->got),
                 self->text);
    GYRE_END;
}

static char endless[10000001];

#define SLOW(...) assert_int_equal(GYRE_RUN(main_slow, __VA_ARGS__), 0)

static void time_limits(void **state)
{
    static const script_reply stall = {.bytes = "", .then = SCRIPT_STALL};
    static const script_reply stall_head = {.bytes = "HTTP/1.1 200 OK\r\nConte",
                                            .then = SCRIPT_STALL};
    static const script_reply stall_body = {
        .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", .then = SCRIPT_STALL};
    static const script_reply trickle = {
        .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabcdefghi"
                 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz",
        .trickle_ns = GYRE_MS(10),
        .then = SCRIPT_STALL};
    static const script_reply no_reader = {.bytes = "", .early = true, .then = SCRIPT_STALL};

    (void)state;
    SLOW(.reply = stall, .request.timeouts.first_byte_ns = GYRE_MS(30),
         .expected = "no answer within 0.03 s");
    SLOW(.reply = stall_head, .request.timeouts.first_byte_ns = GYRE_MS(30),
         .expected = "no answer within 0.03 s");
    SLOW(.reply = stall_body, .request.timeouts.idle_ns = GYRE_MS(30),
         .expected = "nothing more of the body within 0.03 s");
    SLOW(.reply = stall, .request.timeouts.total_ns = GYRE_MS(30),
         .expected = "no end of the whole request within 0.03 s");
    SLOW(.reply = trickle, .request.timeouts.total_ns = GYRE_MS(300),
         .expected = "no end of the whole request within 0.3 s");
    SLOW(.reply = no_reader,
         .request = {.body = endless,
                     .body_size = sizeof(endless) - 1,
                     .timeouts = {.idle_ns = GYRE_MS(50)}},
         .expected = "nothing of the body taken within 0.05 s");
    SLOW(.reply = no_reader, MADE(.count = 1000, .size = 1000000),
         .request = {.timeouts = {.total_ns = GYRE_MS(50)}},
         .expected = "no end of the whole request");
    SLOW(.reply = stall, MADE(.count = 3, .size = 1, .pause_ns = GYRE_MS(5)),
         .request = {.timeouts = {.first_byte_ns = GYRE_MS(30)}},
         .expected = "no answer within 0.03 s");
}

/* A body that takes longer than the limit for the answer: that begins when it has ended. */
struct main_patient {
    gyre_frame frame;
    int64_t n;
};
GYRE_CORO(main_patient)
{
    static const script_reply replies[] = {{.bytes = OK}};

    GYRE_BEGIN;
    set_up(replies, 1, NULL);
    GYRE_TRY(GYRE_CALL(ask, MADE(.count = 10, .size = 1, .pause_ns = GYRE_MS(10)),
                       .request = {.timeouts.first_byte_ns = GYRE_MS(50)}));
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_http_client_close(client));
    script_stop(&server);
    GYRE_END;
}
static void patient(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_patient), 0);
}

/* ---- cancelled reads ---- */

struct main_cancelled_read {
    gyre_frame frame;
    gyre_http_response *response;
    char buffer[64];
    size_t at;
    unsigned timeouts;
    int64_t n;
};
GYRE_CORO(main_cancelled_read)
{
    static const script_reply replies[] = {
        {.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
                  "chunked\r\n\r\n5\r\nabcde\r\n5\r\nfghij\r\n0\r\n\r\n",
         .trickle_ns = GYRE_MS(2)},
    };

    GYRE_BEGIN;
    set_up(replies, 1, NULL);
    GYRE_TRY(gyre_http_get(client, server.url, &self->response));
    do {
        GYRE_AWAIT(self->n,
                   gyre_wait_for(gyre_http_response_read(self->response, self->buffer + self->at,
                                                         sizeof(self->buffer) - self->at),
                                 GYRE_MS(1)));
        if (self->n == GYRE_ETIMEOUT)
            self->timeouts++;
        else
            self->at += self->n > 0 ? (size_t)self->n : 0;
    } while (self->n > 0 || self->n == GYRE_ETIMEOUT);
    assert_int_equal(self->n, 0);
    assert_int_equal(self->at, 10);
    assert_memory_equal(self->buffer, "abcdefghij", 10);
    assert_true(self->timeouts > 0);
    assert_int_equal(stats().idle, 1);
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_http_response_close(self->response));
    GYRE_AWAIT(self->n, gyre_http_client_close(client));
    script_stop(&server);
    GYRE_END;
}
static void cancelled_reads(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_cancelled_read), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uploads),     cmocka_unit_test(expect),  cmocka_unit_test(early_answers),
        cmocka_unit_test(compressed),  cmocka_unit_test(bomb),    cmocka_unit_test(large_bodies),
        cmocka_unit_test(time_limits), cmocka_unit_test(patient), cmocka_unit_test(cancelled_reads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
