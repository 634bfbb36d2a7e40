/* An HTTP server answers: exact bytes for requests in raw bytes. */
#include <stdio.h>
#include <stdlib.h>

#include "../loop/error_internal.h"
#include "../loop/loop_internal.h"
#include "../net/connect.h"
#include "../net/http_headers.h"
#include "../net/http_server.h"
#include "../task/event.h"
#include "../task/run.h"
#include "../task/sleep.h"
#include "../task/timeout.h"
#include "support/http_talk.h"
#include "support/unit.h"

#define REQUEST(line_, fields_) line_ " HTTP/1.1\r\nHost: here\r\n" fields_ "\r\n"
#define GET(path_)              REQUEST("GET " path_, "")
#define OK(fields_, body_)      "HTTP/1.1 200 OK\r\nDate: *\r\n" fields_ "\r\n" body_
#define TEXT(length_, body_)                                                                       \
    OK("Content-Type: text/plain\r\nContent-Length: " length_ "\r\n", body_)

/* ---- the handler ---- */

static gyre_event may_go; /* what "/wait" waits for */
static unsigned waiting;

struct site {
    gyre_frame frame;
    gyre_http_exchange *exchange;
    const char *greeting;
    const char *path, *data;
    char buffer[50];
    int64_t n, i;
};

/* What the request said, as text. */
static int print_request(const gyre_http_exchange *exchange, char *buffer, size_t size)
{
    const char *query = gyre_http_exchange_query(exchange);
    const char *header = gyre_http_exchange_header(exchange, "x-AsKeD");

    return snprintf(buffer, size, "%s %s %s %s %u %s %lld\n", gyre_http_exchange_method(exchange),
                    gyre_http_exchange_target(exchange), gyre_http_exchange_path(exchange),
                    query ? query : "-", gyre_http_exchange_version(exchange),
                    header ? header : "-", (long long)gyre_http_exchange_content_length(exchange));
}

GYRE_CORO(site)
{
    GYRE_BEGIN;
    self->path = gyre_http_exchange_path(self->exchange);
    if (strcmp(self->path, "/hello") == 0) {
        GYRE_TRY(gyre_http_respond(self->exchange, 200, "text/plain", self->greeting,
                                   strlen(self->greeting)));
        GYRE_RETURN(0);
    }
    if (strncmp(self->path, "/say", 4) == 0) {
        char text[300];

        print_request(self->exchange, text, sizeof(text));
        GYRE_TRY(gyre_http_respondf(self->exchange, 200, "text/plain", "%s", text));
        GYRE_RETURN(0);
    }
    if (strcmp(self->path, "/echo") == 0) {
        GYRE_TRY(self->n, gyre_http_read_all(self->exchange, 0, &self->data));
        GYRE_TRY(gyre_http_respond(self->exchange, 200, NULL, self->data, (size_t)self->n));
        GYRE_RETURN(0);
    }
    if (strcmp(self->path, "/stream") == 0) { /* echoes piece by piece */
        self->n = gyre_http_start(self->exchange, 200, "text/plain", -1);
        gyre_http_add_trailer(self->exchange, "X-Sum", "7");
        do {
            GYRE_TRY(self->n, gyre_http_read(self->exchange, self->buffer, sizeof(self->buffer)));
            GYRE_TRY(gyre_http_write(self->exchange, self->buffer, (size_t)self->n));
        } while (self->n > 0);
        GYRE_TRY(gyre_http_end(self->exchange));
        GYRE_RETURN(0);
    }
    if (strcmp(self->path, "/sized") == 0) {
        self->n = gyre_http_start(self->exchange, 201, NULL, 6);
        GYRE_TRY(gyre_http_write(self->exchange, "abc", 3));
        GYRE_TRY(gyre_sleep(GYRE_MS(1)));
        GYRE_TRY(gyre_http_write(self->exchange, "def", 3));
        GYRE_AWAIT(self->n, gyre_http_write(self->exchange, "g", 1));
        GYRE_RETURN(self->n == GYRE_EHTTPLENGTH ? 0 : GYRE_EUSER(1)); /* its end is made for it */
    }
    if (strcmp(self->path, "/short") == 0) {
        self->n = gyre_http_start(self->exchange, 200, NULL, 6);
        GYRE_TRY(gyre_http_write(self->exchange, "abc", 3));
        GYRE_RETURN(0);
    }
    if (strcmp(self->path, "/wait") == 0) {
        waiting++;
        GYRE_TRY(gyre_event_wait(&may_go));
        GYRE_TRY(gyre_http_respond(self->exchange, 200, NULL, "waited", 6));
        GYRE_RETURN(0);
    }
    if (strcmp(self->path, "/fields") == 0) {
        self->i = gyre_http_set_header(self->exchange, "X-A", "one");
        self->i |= gyre_http_add_header(self->exchange, "x-a", "two");
        self->i |= gyre_http_set_header(self->exchange, "Date", "never");
        self->i |= gyre_http_set_header(self->exchange, "Content-Type", "a/b");
        if (self->i != 0 ||
            gyre_http_set_header(self->exchange, "X-B", "a\r\nX-C: d") != GYRE_EHTTPHEADER ||
            gyre_http_set_header(self->exchange, "X-B: a\r\nX-C", "d") != GYRE_EHTTPHEADER ||
            gyre_http_set_header(self->exchange, "Content-Length", "7") != GYRE_EHTTPHEADER ||
            gyre_http_add_header(self->exchange, "transfer-encoding", "x") != GYRE_EHTTPHEADER ||
            gyre_http_set_header(self->exchange, "Connection", "close") != GYRE_EHTTPHEADER)
            GYRE_RETURN(GYRE_EUSER(2));
        for (self->i = 1; self->i < 20; self->i++) { /* wherever it stands */
            static char type[20];
            strcpy(type, "application/x-types");
            type[self->i - 1] = self->i % 3 ? '\n' : self->i % 2 ? 127 : '\1';
            GYRE_AWAIT(self->n, gyre_http_respond(self->exchange, 200, type, "", 0));
            if (self->n != GYRE_EHTTPHEADER)
                GYRE_RETURN(GYRE_EUSER(3));
        }
        GYRE_AWAIT(self->n, gyre_http_respond(self->exchange, 99, NULL, "", 0));
        if (self->n != -EINVAL)
            GYRE_RETURN(GYRE_EUSER(4));
        GYRE_TRY(gyre_http_respond(self->exchange, 299, "c/d", "", 0));
        GYRE_AWAIT(self->n, gyre_http_respond(self->exchange, 200, NULL, "again", 5));
        GYRE_RETURN(self->n == GYRE_ESTATE &&
                            gyre_http_add_header(self->exchange, "X-D", "e") == GYRE_ESTATE
                        ? 0
                        : GYRE_EUSER(5));
    }
    if (strcmp(self->path, "/nothing") == 0) {
        GYRE_TRY(gyre_http_respond(self->exchange, 204, NULL, NULL, 0));
        GYRE_RETURN(0);
    }
    if (strcmp(self->path, "/moved") == 0) {
        GYRE_TRY(gyre_http_redirect(self->exchange, 302, "/there?x=1"));
        GYRE_RETURN(0);
    }
    if (strcmp(self->path, "/close") == 0) {
        gyre_http_set_close(self->exchange);
        GYRE_TRY(gyre_http_respond(self->exchange, 200, NULL, "bye", 3));
        GYRE_RETURN(0);
    }
    if (strcmp(self->path, "/fail") == 0)
        GYRE_RETURN(gyre_raise(gyre_error_new(GYRE_EUSER(9), "out of luck")));
    if (strcmp(self->path, "/late") == 0) {
        self->n = gyre_http_start(self->exchange, 200, NULL, -1);
        GYRE_TRY(gyre_http_write(self->exchange, "half", 4));
        GYRE_TRY(gyre_sleep(GYRE_MS(1)));
        GYRE_RETURN(GYRE_EUSER(10));
    }
    if (strcmp(self->path, "/silent") == 0)
        GYRE_RETURN(0);
    GYRE_RETURN(404);
    GYRE_END;
}

/* ---- the frame of every test ---- */

static gyre_http_server *server;
static gyre_http_access last_access;
static unsigned accesses;
static char last_request[100];

static void on_access(void *arg, const gyre_http_access *access)
{
    (void)arg;
    accesses++;
    last_access = *access;
    snprintf(last_request, sizeof(last_request), "%s %s",
             gyre_http_exchange_method(access->exchange),
             gyre_http_exchange_target(access->exchange));
}

static void open_site(void)
{
    unit_record_reports(gyre_loop_current());
    waiting = accesses = 0;
    last_access = (gyre_http_access){.status = 0};
    gyre_event_init(&may_go);
    assert_int_equal(GYRE_START_HTTP_SERVER(&server,
                                            ((gyre_http_server_options){.listen.host = "127.0.0.1",
                                                                        .on_access = on_access}),
                                            site, .greeting = "Hello"),
                     0);
}

struct close_site {
    gyre_frame frame;
};
GYRE_CORO(close_site)
{
    GYRE_BEGIN;
    GYRE_TRY(self->frame.value, gyre_http_server_stop(server, GYRE_SECONDS(5)));
    gyre_http_server_free(server);
    GYRE_RETURN(self->frame.value);
    GYRE_END;
}

/* ---- one request after the other, each with its exact answer ---- */

static const struct {
    const char *name, *request, *answer;
} cases[] = {
    {"a text", GET("/hello"), TEXT("5", "Hello")},
    {"HEAD", REQUEST("HEAD /hello", ""), TEXT("5", "")},
    {"HTTP/1.0 ends with its answer", "GET /hello HTTP/1.0\r\n\r\n",
     TEXT("5\r\nConnection: close", "Hello")},
    {"HTTP/1.0 that stays",
     "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
     "GET /hello HTTP/1.0\r\n\r\n",
     TEXT("5\r\nConnection: keep-alive", "Hello") TEXT("5\r\nConnection: close", "Hello")},
    {"the client closes", REQUEST("GET /hello", "Connection: close\r\n") GET("/hello"),
     TEXT("5\r\nConnection: close", "Hello")},
    {"the handler closes", GET("/close") GET("/hello"),
     OK("Content-Length: 3\r\nConnection: close\r\n", "bye")},
    {"what is asked", REQUEST("GET /say%20it?a=b%20c&d", "X-Asked: yes\r\n"),
     TEXT("51", "GET /say%20it?a=b%20c&d /say it a=b%20c&d 11 yes 0\n")},
    {"an absolute target", "GET http://here/say?x HTTP/1.1\r\nHost: here\r\n\r\n",
     TEXT("36", "GET http://here/say?x /say x 11 - 0\n")},
    {"a NUL in the path", GET("/say%00it"),
     "HTTP/1.1 400 Bad Request\r\nDate: *\r\nContent-Type: text/plain\r\nContent-Length: 16\r\n"
     "Connection: close\r\n\r\n400 Bad Request\n"},
    {"CONNECT", "CONNECT here:80 HTTP/1.1\r\nHost: here:80\r\n\r\n",
     "HTTP/1.1 501 Not Implemented\r\nDate: *\r\nContent-Type: text/plain\r\nContent-Length: 20\r\n"
     "Connection: close\r\n\r\n501 Not Implemented\n"},
    {"a body with a length", REQUEST("POST /echo", "Content-Length: 5\r\n") "12345" GET("/hello"),
     OK("Content-Length: 5\r\n", "12345") TEXT("5", "Hello")},
    {"a body in chunks",
     REQUEST("POST /echo", "Transfer-Encoding: chunked\r\n") "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX: "
                                                             "y\r\n\r\n" GET("/hello"),
     OK("Content-Length: 5\r\n", "abcde") TEXT("5", "Hello")},
    {"an empty body", REQUEST("POST /echo", "Content-Length: 0\r\n"),
     OK("Content-Length: 0\r\n", "")},
    {"chunks both ways",
     REQUEST("POST /stream", "Transfer-Encoding: chunked\r\n") "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
     OK("Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n",
        "3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 7\r\n\r\n")},
    {"in pieces for HTTP/1.0", "POST /stream HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc",
     OK("Content-Type: text/plain\r\nConnection: close\r\n", "abc")},
    {"in pieces for HEAD", REQUEST("HEAD /stream", "") GET("/hello"),
     OK("Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n", "") TEXT("5", "Hello")},
    {"pieces with a length", GET("/sized"),
     "HTTP/1.1 201 Created\r\nDate: *\r\nContent-Length: 6\r\n\r\nabcdef"},
    {"a field twice, a date of one's own, no injection", GET("/fields"),
     "HTTP/1.1 299 \r\nContent-Length: 0\r\nX-A: one\r\nx-a: two\r\nDate: never\r\n"
     "Content-Type: a/b\r\n\r\n"},
    {"no content", GET("/nothing"), "HTTP/1.1 204 No Content\r\nDate: *\r\n\r\n"},
    {"a redirection", GET("/moved"),
     "HTTP/1.1 302 Found\r\nDate: *\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n"
     "Location: /there?x=1\r\n\r\n302 Found\n"},
    {"a status as result", GET("/unknown"),
     "HTTP/1.1 404 Not Found\r\nDate: *\r\nContent-Type: text/plain\r\nContent-Length: 14\r\n\r\n"
     "404 Not Found\n"},
    {"a handler that fails, and goes on", GET("/fail") GET("/hello"),
     "HTTP/1.1 500 Internal Server Error\r\nDate: *\r\nContent-Type: text/plain\r\n"
     "Content-Length: 26\r\n\r\n500 Internal Server Error\n" TEXT("5", "Hello")},
    {"a handler that says nothing", GET("/silent"),
     "HTTP/1.1 500 Internal Server Error\r\nDate: *\r\nContent-Type: text/plain\r\n"
     "Content-Length: 26\r\n\r\n500 Internal Server Error\n"},
    {"an unread body is dropped",
     REQUEST("POST /hello", "Content-Length: 5\r\n") "12345" GET("/hello"),
     TEXT("5", "Hello") TEXT("5", "Hello")},
    {"unread chunks are dropped",
     REQUEST("POST /hello", "Transfer-Encoding: chunked\r\n") "3\r\nabc\r\n0\r\n\r\n" GET("/hello"),
     TEXT("5", "Hello") TEXT("5", "Hello")},
    {"no 100 for a body that nobody wants",
     REQUEST("POST /hello", "Content-Length: 5\r\nExpect: 100-continue\r\n") "12345",
     TEXT("5\r\nConnection: close", "Hello")},
    {"another expectation",
     REQUEST("POST /echo", "Content-Length: 5\r\nExpect: miracles\r\n") "12345",
     "HTTP/1.1 417 Expectation Failed\r\nDate: *\r\nContent-Type: text/plain\r\n"
     "Content-Length: 23\r\nConnection: close\r\n\r\n417 Expectation Failed\n"},
    {"empty lines between requests", "\r\n" GET("/hello") "\r\n" GET("/hello"),
     TEXT("5", "Hello") TEXT("5", "Hello")},
    {"another protocol that we do not speak",
     REQUEST("GET /hello", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n") GET("/hello"),
     TEXT("5", "Hello") TEXT("5", "Hello")},
    {"the same with a body",
     REQUEST(
         "POST /echo",
         "Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 3\r\n") "abc" GET("/hello"),
     OK("Content-Length: 3\r\n", "abc") TEXT("5", "Hello")},
    {"nothing at all", "", ""},
    {"half a head", "GET / HTTP/1.1\r\nHo", ""},
    {"pipelined, in order", GET("/hello") GET("/sized") GET("/nothing") GET("/hello"),
     TEXT("5", "Hello") "HTTP/1.1 201 Created\r\nDate: *\r\nContent-Length: 6\r\n\r\nabcdef"
                        "HTTP/1.1 204 No Content\r\nDate: *\r\n\r\n" TEXT("5", "Hello")},
};

struct main_cases {
    gyre_frame frame;
    size_t i, piece;
    int64_t rc;
    unsigned reports;
};
GYRE_CORO(main_cases)
{
    GYRE_BEGIN;
    open_site();
    for (self->i = 0; self->i < sizeof(cases) / sizeof(cases[0]); self->i++) {
        if (self->piece && strcmp(cases[self->i].name, "chunks both ways") == 0)
            continue; /* its answer shows how the request came */
        self->reports = unit_reports();
        GYRE_AWAIT(self->rc, GYRE_CALL(http_talk, .port = gyre_http_server_port(server),
                                       .text = cases[self->i].request, .piece = self->piece));
        if (self->rc < 0 || strcmp(http_answer, cases[self->i].answer) != 0)
            print_error("%s: %s\n", cases[self->i].name, gyre_err_name(self->rc));
        assert_string_equal(http_answer, cases[self->i].answer);
        assert_int_equal(unit_reports() - self->reports, http_count("HTTP/1.1 500 "));
    }
    GYRE_TRY(self->rc, GYRE_CALL(close_site));
    GYRE_RETURN(self->rc);
    GYRE_END;
}
static void exact_answers(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_cases), 0);
}
static void byte_by_byte(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_cases, .piece = 1), 0);
}

/* ---- dialogues: what is sent next depends on what has come ---- */

/* Reads until `count` bytes are there, and compares. Dates do not count. */
struct expect {
    gyre_frame frame;
    gyre_stream *stream;
    const char *text;
    char buffer[512];
    size_t used;
    int64_t n;
};
GYRE_CORO(expect)
{
    GYRE_BEGIN;
    http_answer_size = 0;
    do {
        GYRE_TRY(self->n, gyre_stream_read(self->stream, self->buffer + self->used,
                                           sizeof(self->buffer) - 1 - self->used));
        self->used += (size_t)self->n;
        self->buffer[self->used] = '\0';
        http_answer_size = self->used;
        memcpy(http_answer, self->buffer, self->used + 1);
        http_hide_dates();
    } while (self->n > 0 && http_answer_size < strlen(self->text));
    assert_string_equal(http_answer, self->text);
    GYRE_END;
}

#define SEND(text_)                                                                                \
    GYRE_AWAIT(self->rc, gyre_stream_write(self->stream, (text_), strlen(text_)));                 \
    assert_true(self->rc >= 0)
#define EXPECT(text_)                                                                              \
    GYRE_AWAIT(self->rc, GYRE_CALL(expect, .stream = self->stream, .text = (text_)));              \
    assert_int_equal(self->rc, 0)
#define DIAL()                                                                                     \
    GYRE_AWAIT(self->rc, gyre_open_connection("127.0.0.1", gyre_http_server_port(server), NULL,    \
                                              &self->stream));                                     \
    assert_int_equal(self->rc, 0)
#define HANG_UP()                                                                                  \
    gyre_stream_abort(self->stream);                                                               \
    GYRE_AWAIT(self->rc, GYRE_CALL(close_site));                                                   \
    assert_int_equal(self->rc, 0)

struct dialogue {
    gyre_frame frame;
    gyre_stream *stream, *second;
    gyre_task *task;
    int64_t rc;
    char byte;
};

static void start_dialogue(const gyre_coro *coro)
{
    const struct dialogue args = {.frame = {.coro = coro}};

    gyre__running = NULL; /* a test that failed inside a task left its loop running */
    gyre__error_slot = NULL;
    assert_int_equal(gyre__run(&(gyre_run_options){.keep_sigint = true}, coro, &args, __FILE__, 0),
                     0);
}
#define dialogue_body(name_)                                                                       \
    static gyre_step name_##__body(struct dialogue *self);                                         \
    static gyre_step name_##__entry(gyre_frame *frame)                                             \
    {                                                                                              \
        return name_##__body((struct dialogue *)(void *)frame);                                    \
    }                                                                                              \
    static const gyre_coro name_##_coro = {name_##__entry, sizeof(struct dialogue), #name_,        \
                                           __FILE__};                                              \
    static void name_(void **state)                                                                \
    {                                                                                              \
        (void)state;                                                                               \
        start_dialogue(&name_##_coro);                                                             \
    }                                                                                              \
    static gyre_step name_##__body(struct dialogue *self)

dialogue_body(continue_when_asked)
{
    GYRE_BEGIN;
    open_site();
    DIAL();
    SEND(REQUEST("POST /echo", "Content-Length: 5\r\nExpect: 100-continue\r\n"));
    EXPECT("HTTP/1.1 100 Continue\r\n\r\n");
    SEND("12345");
    EXPECT(OK("Content-Length: 5\r\n", "12345"));
    /* What is there already needs no asking for. */
    SEND(REQUEST("POST /echo", "Content-Length: 2\r\nExpect: 100-continue\r\n") "ab");
    EXPECT(OK("Content-Length: 2\r\n", "ab"));
    HANG_UP();
    GYRE_END;
}

/* An answer that takes its time holds those behind it, and no answer before it. */
dialogue_body(order_is_kept)
{
    GYRE_BEGIN;
    open_site();
    DIAL();
    SEND(GET("/hello") GET("/wait") GET("/hello"));
    EXPECT(TEXT("5", "Hello"));
    assert_int_equal(waiting, 1);
    assert_int_equal(accesses, 1);
    gyre_event_set(&may_go);
    EXPECT(OK("Content-Length: 6\r\n", "waited") TEXT("5", "Hello"));
    assert_int_equal(accesses, 3);
    HANG_UP();
    GYRE_END;
}

/* What a handler has written leaves while it waits. */
dialogue_body(pieces_do_not_wait)
{
    GYRE_BEGIN;
    open_site();
    DIAL();
    SEND(REQUEST("POST /stream", "Content-Length: 6\r\n"));
    EXPECT(OK("Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n", ""));
    SEND("abc");
    EXPECT("3\r\nabc\r\n");
    SEND("def");
    EXPECT("3\r\ndef\r\n0\r\nX-Sum: 7\r\n\r\n");
    assert_int_equal(last_access.sent, 6);
    assert_int_equal(last_access.received, 6);
    HANG_UP();
    GYRE_END;
}

/* A body that is shorter than announced, or ends with an error, must not look whole. */
dialogue_body(cut_answers)
{
    GYRE_BEGIN;
    open_site();
    GYRE_AWAIT(self->rc, GYRE_CALL(http_talk, .port = gyre_http_server_port(server),
                                   .text = GET("/late"), .keep = true));
    assert_int_equal(self->rc, 0);
    assert_string_equal(http_answer, OK("Transfer-Encoding: chunked\r\n", "4\r\nhalf\r\n"));
    assert_int_equal(last_access.error, GYRE_EUSER(10));
    GYRE_AWAIT(self->rc, GYRE_CALL(http_talk, .port = gyre_http_server_port(server),
                                   .text = GET("/short"), .keep = true));
    assert_int_equal(last_access.error, GYRE_EHTTPLENGTH);
    assert_int_equal(unit_reports(), 2);
    assert_int_equal(unit_last_report()->code, GYRE_EHTTPLENGTH);
    GYRE_TRY(GYRE_CALL(close_site));
    GYRE_END;
}

dialogue_body(errors_are_reported)
{
    GYRE_BEGIN;
    open_site();
    GYRE_AWAIT(self->rc,
               GYRE_CALL(http_talk, .port = gyre_http_server_port(server), .text = GET("/fail?x")));
    assert_int_equal(unit_reports(), 1);
    assert_int_equal(unit_last_report()->code, GYRE_EUSER(9));
    assert_string_equal(unit_last_report()->text, "out of luck");
    assert_string_equal(unit_last_report()->message, "the HTTP handler site failed at GET /fail");
    assert_string_equal(last_request, "GET /fail?x");
    assert_int_equal(last_access.status, 500);
    assert_int_equal(last_access.error, GYRE_EUSER(9));
    assert_true(last_access.duration_ns > 0);
    /* A client that leaves is not the handler's fault. */
    GYRE_AWAIT(self->rc, GYRE_CALL(http_talk, .port = gyre_http_server_port(server),
                                   .text = REQUEST("POST /echo", "Content-Length: 9\r\n") "abc"));
    assert_string_equal(http_answer,
                        "HTTP/1.1 400 Bad Request\r\nDate: *\r\nContent-Type: text/plain\r\n"
                        "Content-Length: 16\r\nConnection: close\r\n\r\n400 Bad Request\n");
    assert_int_equal(last_access.error, GYRE_EHTTPINCOMPLETE);
    assert_int_equal(last_access.received, 3);
    assert_int_equal(unit_reports(), 1);
    GYRE_TRY(GYRE_CALL(close_site));
    GYRE_END;
}

/* ---- the graceful end ---- */

dialogue_body(idle_connections_end_at_once)
{
    GYRE_BEGIN;
    open_site();
    DIAL();
    SEND(GET("/hello"));
    EXPECT(TEXT("5", "Hello"));
    gyre_http_server_close(server);
    GYRE_AWAIT(self->rc,
               gyre_wait_for(gyre_stream_read(self->stream, &self->byte, 1), GYRE_SECONDS(5)));
    assert_int_equal(self->rc, 0);
    HANG_UP();
    GYRE_END;
}

dialogue_body(requests_under_way_are_answered)
{
    GYRE_BEGIN;
    open_site();
    DIAL();
    SEND(GET("/wait"));
    while (!waiting)
        GYRE_TRY(gyre_sleep(0));
    gyre_http_server_close(server);
    gyre_event_set(&may_go);
    EXPECT(OK("Content-Length: 6\r\n", "waited"));
    GYRE_AWAIT(self->rc, gyre_stream_read(self->stream, &self->byte, 1));
    assert_int_equal(self->rc, 0);
    HANG_UP();
    GYRE_END;
}

/* One that began later says that it is the last; what comes behind it is not asked any more. */
dialogue_body(the_last_answer_says_so)
{
    GYRE_BEGIN;
    open_site();
    DIAL();
    SEND(GET("/wait") GET("/hello") GET("/hello"));
    while (!waiting)
        GYRE_TRY(gyre_sleep(0));
    gyre_http_server_close(server);
    gyre_event_set(&may_go);
    EXPECT(OK("Content-Length: 6\r\n", "waited") TEXT("5\r\nConnection: close", "Hello"));
    gyre_stream_abort(self->stream);
    GYRE_TRY(GYRE_CALL(close_site));
    assert_int_equal(accesses, 2);
    GYRE_END;
}

dialogue_body(what_is_left_is_cancelled)
{
    GYRE_BEGIN;
    open_site();
    DIAL();
    SEND(GET("/wait"));
    while (!waiting)
        GYRE_TRY(gyre_sleep(0));
    GYRE_AWAIT(self->rc, gyre_http_server_stop(server, GYRE_MS(10)));
    assert_int_equal(self->rc, 1);
    assert_int_equal(last_access.error, GYRE_ECANCELLED);
    assert_int_equal(last_access.status, 0);
    assert_int_equal(unit_reports(), 0);
    HANG_UP();
    GYRE_END;
}

/* The server is given up with a request under way. */
dialogue_body(free_before_the_end)
{
    GYRE_BEGIN;
    open_site();
    DIAL();
    SEND(GET("/wait"));
    while (!waiting)
        GYRE_TRY(gyre_sleep(0));
    gyre_http_server_free(server);
    gyre_event_set(&may_go);
    EXPECT(OK("Content-Length: 6\r\n", "waited"));
    gyre_stream_abort(self->stream);
    GYRE_END;
}

/* ---- many ---- */

enum { MANY = 1000 };

/* More than a batch, more than the client reads at a time: all come, in order, in few writes. */
dialogue_body(a_thousand_pipelined)
{
    static char requests[MANY * 64];
    static unsigned count;
    size_t used;

    GYRE_BEGIN;
    open_site();
    used = 0;
    for (int i = 0; i < MANY; i++)
        used += (size_t)sprintf(requests + used, "GET /say?%d HTTP/1.1\r\nHost: here\r\n\r\n", i);
    GYRE_AWAIT(self->rc,
               GYRE_CALL(http_talk, .port = gyre_http_server_port(server), .text = requests));
    assert_int_equal(self->rc, 0);
    count = 0;
    for (const char *at = http_answer; (at = strstr(at, "\r\n\r\nGET /say?")) != NULL; at += 4)
        assert_int_equal(atoi(at + 13), count++);
    assert_int_equal(count, MANY);
    GYRE_TRY(GYRE_CALL(close_site));
    GYRE_END;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_answers),
        cmocka_unit_test(byte_by_byte),
        cmocka_unit_test(continue_when_asked),
        cmocka_unit_test(order_is_kept),
        cmocka_unit_test(pieces_do_not_wait),
        cmocka_unit_test(cut_answers),
        cmocka_unit_test(errors_are_reported),
        cmocka_unit_test(idle_connections_end_at_once),
        cmocka_unit_test(requests_under_way_are_answered),
        cmocka_unit_test(the_last_answer_says_so),
        cmocka_unit_test(what_is_left_is_cancelled),
        cmocka_unit_test(free_before_the_end),
        cmocka_unit_test(a_thousand_pipelined),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
