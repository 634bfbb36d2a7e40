/* What an HTTP server does not put up with: too much, too slow, and how it says so. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "../net/connect.h"
#include "../net/http_server.h"
#include "../task/run.h"
#include "../task/sleep.h"
#include "../task/timeout.h"
#include "support/http_talk.h"
#include "support/unit.h"

#define REFUSED(status_, length_)                                                                  \
    "HTTP/1.1 " status_ "\r\nDate: *\r\nContent-Type: text/plain\r\nContent-Length: " length_      \
    "\r\nConnection: close\r\n\r\n" status_ "\n"
#define ANSWER(fields_, body_) "HTTP/1.1 200 OK\r\nDate: *\r\n" fields_ "\r\n" body_

enum { LARGE = 4 << 20 };

static gyre_http_server *server;
static gyre_http_access last;
static unsigned accesses, reports;
static char large[LARGE];

static void on_access(void *arg, const gyre_http_access *access)
{
    (void)arg;
    accesses++;
    last = *access;
}

static void on_report(gyre_loop *loop, const gyre_exception_context *context, void *arg)
{
    (void)loop, (void)context, (void)arg;
    reports++;
}

/* /echo, /more (a larger limit), /large (much to send), anything else "ok". */
struct site {
    gyre_frame frame;
    gyre_http_exchange *exchange;
    const char *path, *data;
    int64_t n;
};
GYRE_CORO(site)
{
    GYRE_BEGIN;
    self->path = gyre_http_exchange_path(self->exchange);
    if (strcmp(self->path, "/more") == 0)
        gyre_http_set_body_limit(self->exchange, 2000);
    if (strcmp(self->path, "/echo") == 0 || strcmp(self->path, "/more") == 0) {
        GYRE_TRY(self->n, gyre_http_read_all(self->exchange, 0, &self->data));
        GYRE_TRY(gyre_http_respondf(self->exchange, 200, NULL, "%lld", (long long)self->n));
        GYRE_RETURN(0);
    }
    if (strcmp(self->path, "/large") == 0) {
        GYRE_TRY(gyre_http_respond(self->exchange, 200, NULL, large, sizeof(large)));
        GYRE_RETURN(0);
    }
    GYRE_TRY(gyre_http_respond(self->exchange, 200, NULL, "ok", 2));
    GYRE_END;
}

static void open_site(gyre_http_server_options options)
{
    accesses = reports = 0;
    last = (gyre_http_access){.status = 0};
    gyre_loop_set_exception_handler(gyre_loop_current(), on_report, NULL);
    options.listen.host = "127.0.0.1";
    options.on_access = on_access;
    assert_int_equal(GYRE_START_HTTP_SERVER(&server, options, site), 0);
}

/* ---- too much ---- */

/* A request in four parts: before, a byte so many times, after. */
static const struct {
    const char *before;
    size_t count;
    const char *after, *answer;
    int64_t error;
} cases[] = {
    {"GET /", 200 - 16, " HTTP/1.1\r\nHost: x\r\n\r\n", ANSWER("Content-Length: 2\r\n", "ok"), 0},
    {"GET /", 201 - 16, " HTTP/1.1\r\nHost: x\r\n\r\n", REFUSED("414 URI Too Long", "17"),
     GYRE_EHTTPLINE},
    {"GET /", 5000, "", REFUSED("414 URI Too Long", "17"), GYRE_EHTTPLINE},
    {"GET / HTTP/1.1\r\nHost: x\r\nX: ", 300, "\r\n\r\n", ANSWER("Content-Length: 2\r\n", "ok"), 0},
    {"GET / HTTP/1.1\r\nHost: x\r\nX: ", 400, "\r\n\r\n",
     REFUSED("431 Request Header Fields Too Large", "36"), GYRE_EHTTPFIELDS},
    {"GET / HTTP/1.1\r\nHost: x\r\nX: ", 5000, "",
     REFUSED("431 Request Header Fields Too Large", "36"), GYRE_EHTTPFIELDS},
    {"GET / HTTP/1.1\r\nHost: x\r\nA: 1\r\nB: 2\r\nC: 3\r\n", 0, "\r\n",
     ANSWER("Content-Length: 2\r\n", "ok"), 0},
    {"GET / HTTP/1.1\r\nHost: x\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n", 0, "\r\n",
     REFUSED("431 Request Header Fields Too Large", "36"), GYRE_EHTTPFIELDS},
    {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", 1000, "",
     ANSWER("Content-Length: 4\r\n", "1000"), 0},
    {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n", 1001, "",
     REFUSED("413 Content Too Large", "22"), GYRE_EHTTPBODY},
    {"POST /more HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n", 1001, "",
     ANSWER("Content-Length: 4\r\n", "1001"), 0},
    {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n", 1000,
     "\r\n0\r\n\r\n", ANSWER("Content-Length: 4\r\n", "1000"), 0},
    {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n", 1001,
     "\r\n0\r\n\r\n", REFUSED("413 Content Too Large", "22"), GYRE_EHTTPBODY},
    {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999999\r\n\r\n", 100000, "",
     REFUSED("413 Content Too Large", "22"), GYRE_EHTTPBODY},
    /* ---- what nobody reads: up to 2,000 bytes are dropped ---- */
    {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n", 2000,
     "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
     ANSWER("Content-Length: 2\r\n", "ok") ANSWER("Content-Length: 2\r\n", "ok"), 0},
    {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2001\r\n\r\n", 2001,
     "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
     ANSWER("Content-Length: 2\r\nConnection: close\r\n", "ok"), 0},
    {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nbb8\r\n", 3000,
     "\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", ANSWER("Content-Length: 2\r\n", "ok"), 0},
    /* ---- what is no HTTP that we speak ---- */
    {"hello\r\n\r\n", 0, "", REFUSED("400 Bad Request", "16"), GYRE_EHTTPSYNTAX},
    {"GET / HTTP/1.1\r\n\r\n", 0, "", REFUSED("400 Bad Request", "16"), GYRE_EHTTPHOST},
    {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 0, "", REFUSED("505 HTTP Version Not Supported", "31"),
     GYRE_EHTTPVERSION},
    {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 0, "",
     REFUSED("501 Not Implemented", "20"), GYRE_EHTTPCODING},
    {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: "
     "chunked\r\n\r\n0\r\n\r\n",
     0, "", REFUSED("400 Bad Request", "16"), GYRE_EHTTPFRAMING},
    {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", 0, "",
     REFUSED("400 Bad Request", "16"), GYRE_EHTTPSYNTAX},
};

struct main_much {
    gyre_frame frame;
    size_t i;
    char *text;
    int64_t rc;
};

static char *join(const char *before, size_t count, const char *after)
{
    size_t size = strlen(before);
    char *text = malloc(size + count + strlen(after) + 1);

    memcpy(text, before, size);
    memset(text + size, 'x', count);
    strcpy(text + size + count, after);
    return text;
}

GYRE_CORO(main_much)
{
    GYRE_BEGIN;
    open_site((gyre_http_server_options){.max_line = 200,
                                         .max_header_bytes = 350,
                                         .max_header_count = 4,
                                         .max_body = 1000,
                                         .max_drain = 2000});
    for (self->i = 0; self->i < sizeof(cases) / sizeof(cases[0]); self->i++) {
        self->text = join(cases[self->i].before, cases[self->i].count, cases[self->i].after);
        GYRE_AWAIT(self->rc,
                   GYRE_CALL(http_talk, .port = gyre_http_server_port(server), .text = self->text));
        free(self->text);
        if (self->rc < 0 || strcmp(http_answer, cases[self->i].answer) != 0)
            print_error("case %zu: %s\n", self->i, gyre_err_name(self->rc));
        assert_string_equal(http_answer, cases[self->i].answer);
        assert_int_equal(last.error, cases[self->i].error);
    }
    assert_int_equal(reports, 0);
    GYRE_TRY(gyre_http_server_stop(server, GYRE_SECONDS(5)));
    gyre_http_server_free(server);
    GYRE_END;
}
static void too_much(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_much), 0);
}

/* The answer arrives although the client goes on sending for a while. */
struct main_linger {
    gyre_frame frame;
    gyre_stream *stream;
    int i;
    int64_t n, rc;
    char buffer[500];
};
GYRE_CORO(main_linger)
{
    GYRE_BEGIN;
    open_site((gyre_http_server_options){.max_body = 1000});
    GYRE_TRY(gyre_open_connection("127.0.0.1", gyre_http_server_port(server), NULL, &self->stream));
    GYRE_TRY(gyre_stream_write(
        self->stream, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n", 54));
    for (self->i = 0; self->i < 10; self->i++) {
        GYRE_TRY(gyre_stream_write(self->stream, large, 500));
        GYRE_TRY(gyre_sleep(GYRE_MS(2)));
    }
    GYRE_TRY(self->n, gyre_stream_read(self->stream, self->buffer, sizeof(self->buffer)));
    assert_memory_equal(self->buffer, "HTTP/1.1 413 ", 13);
    GYRE_TRY(self->n, gyre_stream_read(self->stream, self->buffer, sizeof(self->buffer)));
    assert_int_equal(self->n, 0);
    GYRE_TRY(gyre_stream_close(self->stream));
    GYRE_TRY(gyre_http_server_stop(server, GYRE_SECONDS(5)));
    gyre_http_server_free(server);
    GYRE_END;
}
static void refusals_arrive(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_linger), 0);
}

struct main_requests {
    gyre_frame frame;
    int64_t rc;
};
GYRE_CORO(main_requests)
{
    GYRE_BEGIN;
    open_site((gyre_http_server_options){.max_requests = 2, .server = "gyre"});
    GYRE_TRY(GYRE_CALL(http_talk, .port = gyre_http_server_port(server),
                       .text = "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"
                               "GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert_string_equal(http_answer,
                        ANSWER("Server: gyre\r\nContent-Length: 2\r\n", "ok") ANSWER(
                            "Server: gyre\r\nContent-Length: 2\r\nConnection: close\r\n", "ok"));
    GYRE_TRY(gyre_http_server_stop(server, GYRE_SECONDS(5)));
    gyre_http_server_free(server);
    self->rc =
        GYRE_START_HTTP_SERVER(&server, ((gyre_http_server_options){.server = "a\r\nb"}), site);
    assert_int_equal(self->rc, GYRE_EHTTPHEADER);
    GYRE_END;
}
static void requests_of_a_connection(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_requests), 0);
}

/* ---- too slow ---- */

static const struct {
    const char *text, *answer;
    int64_t error;
    unsigned accesses;
} slow[] = {
    {"GET / HTTP/1.1\r\nHo", REFUSED("408 Request Timeout", "20"), GYRE_ETIMEOUT, 1},
    {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc",
     REFUSED("408 Request Timeout", "20"), GYRE_ETIMEOUT, 1},
    {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n",
     REFUSED("408 Request Timeout", "20"), GYRE_ETIMEOUT, 1},
    /* Nobody wants it: the answer is there already, then the connection ends. */
    {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc",
     ANSWER("Content-Length: 2\r\n", "ok"), 0, 1},
    /* Between requests the end comes without a word. */
    {"", "", 0, 0},
    {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", ANSWER("Content-Length: 2\r\n", "ok"), 0, 1},
};

struct main_slow {
    gyre_frame frame;
    size_t i;
    uint64_t start;
    int64_t rc;
};
GYRE_CORO(main_slow)
{
    GYRE_BEGIN;
    for (self->i = 0; self->i < sizeof(slow) / sizeof(slow[0]); self->i++) {
        open_site((gyre_http_server_options){.head_timeout_ns = GYRE_MS(20),
                                             .body_timeout_ns = GYRE_MS(25),
                                             .keep_alive_timeout_ns = GYRE_MS(30)});
        self->start = gyre_loop_time(gyre_loop_current());
        GYRE_AWAIT(self->rc, GYRE_CALL(http_talk, .port = gyre_http_server_port(server),
                                       .text = slow[self->i].text, .keep = true));
        assert_int_equal(self->rc, 0);
        assert_string_equal(http_answer, slow[self->i].answer);
        assert_int_equal(accesses, slow[self->i].accesses);
        assert_int_equal(last.error, slow[self->i].error);
        assert_true(gyre_loop_time(gyre_loop_current()) - self->start >= (uint64_t)GYRE_MS(20));
        GYRE_TRY(gyre_http_server_stop(server, GYRE_SECONDS(5)));
        gyre_http_server_free(server);
        assert_int_equal(reports, 0);
    }
    GYRE_END;
}
static void too_slow(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_slow), 0);
}

/*
 * One byte now and then is no way to hold a connection: the head has one deadline. A body that
 * comes slowly has none.
 */
struct main_trickle {
    gyre_frame frame;
    gyre_stream *stream;
    int i;
    int64_t rc;
    char buffer[500];
};
GYRE_CORO(main_trickle)
{
    GYRE_BEGIN;
    open_site((gyre_http_server_options){.head_timeout_ns = GYRE_MS(30),
                                         .body_timeout_ns = GYRE_MS(200)});
    GYRE_TRY(gyre_open_connection("127.0.0.1", gyre_http_server_port(server), NULL, &self->stream));
    for (self->i = 0; self->i < 1000 && !accesses; self->i++) {
        GYRE_AWAIT(self->rc,
                   gyre_stream_write(self->stream, &"GET /xxx"[self->i < 5 ? self->i : 5], 1));
        GYRE_TRY(gyre_sleep(GYRE_MS(2)));
    }
    assert_true(self->i < 100);
    assert_int_equal(last.status, 408);
    gyre_stream_abort(self->stream);
    GYRE_TRY(gyre_open_connection("127.0.0.1", gyre_http_server_port(server), NULL, &self->stream));
    GYRE_TRY(gyre_stream_write(
        self->stream, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n", 53));
    for (self->i = 0; self->i < 100; self->i++) {
        GYRE_TRY(gyre_stream_write(self->stream, "b", 1));
        GYRE_TRY(gyre_sleep(GYRE_MS(3)));
    }
    GYRE_TRY(self->rc, gyre_stream_read(self->stream, self->buffer, sizeof(self->buffer)));
    assert_memory_equal(self->buffer, "HTTP/1.1 200 OK", 15);
    gyre_stream_abort(self->stream);
    GYRE_TRY(gyre_http_server_stop(server, GYRE_SECONDS(5)));
    gyre_http_server_free(server);
    GYRE_END;
}
static void a_trickle(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_trickle), 0);
}

/* A body that nobody wants is waited for once, not for each of its bytes. */
struct main_unwanted {
    gyre_frame frame;
    gyre_stream *stream;
    int i;
    int64_t rc;
    char buffer[500];
};
GYRE_CORO(main_unwanted)
{
    static const char head[] = "POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n";

    GYRE_BEGIN;
    open_site((gyre_http_server_options){.body_timeout_ns = GYRE_MS(50)});
    GYRE_TRY(gyre_open_connection("127.0.0.1", gyre_http_server_port(server), NULL, &self->stream));
    GYRE_TRY(gyre_stream_write(self->stream, head, sizeof(head) - 1));
    for (self->i = 0; self->i < 500; self->i++) {
        GYRE_TRY(gyre_stream_write(self->stream, "b", 1));
        GYRE_AWAIT(self->rc, gyre_wait_for(gyre_stream_read(self->stream, self->buffer,
                                                            sizeof(self->buffer)),
                                           GYRE_MS(2)));
        if (self->rc != GYRE_ETIMEOUT && self->rc <= 0)
            break;
    }
    assert_true(self->i < 400);
    assert_int_equal(reports, 0);
    gyre_stream_abort(self->stream);
    GYRE_TRY(gyre_http_server_stop(server, GYRE_SECONDS(5)));
    gyre_http_server_free(server);
    GYRE_END;
}
static void an_unwanted_body(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_unwanted), 0);
}

/* A client that asks for much and takes nothing is given up; one that takes it slowly is not. */
struct main_stalled {
    gyre_frame frame;
    gyre_stream *stream;
    bool reads;
    uint64_t left;
    int64_t rc;
    char buffer[131072];
};
GYRE_CORO(main_stalled)
{
    GYRE_BEGIN;
    open_site((gyre_http_server_options){.write_timeout_ns = GYRE_MS(60)});
    GYRE_TRY(gyre_open_connection("127.0.0.1", gyre_http_server_port(server), NULL, &self->stream));
    GYRE_TRY(gyre_stream_write(self->stream, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n", 32));
    if (!self->reads)
        setsockopt(gyre_stream_fd(self->stream), SOL_SOCKET, SO_RCVBUF, &(int){4096}, sizeof(int));
    for (self->left = LARGE; self->reads && self->left > sizeof(self->buffer);) {
        GYRE_TRY(self->rc, gyre_stream_read(self->stream, self->buffer, sizeof(self->buffer)));
        self->left -= (uint64_t)self->rc;
        GYRE_TRY(gyre_sleep(GYRE_MS(10)));
    }
    while (!accesses)
        GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    assert_int_equal(last.error, self->reads ? 0 : GYRE_ETIMEOUT);
    assert_int_equal(reports, 0);
    gyre_stream_abort(self->stream);
    GYRE_TRY(gyre_http_server_stop(server, GYRE_SECONDS(5)));
    gyre_http_server_free(server);
    GYRE_END;
}
static void a_client_that_takes_nothing(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_stalled), 0);
}
static void a_client_that_takes_its_time(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_stalled, .reads = true), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(too_much),
        cmocka_unit_test(refusals_arrive),
        cmocka_unit_test(requests_of_a_connection),
        cmocka_unit_test(too_slow),
        cmocka_unit_test(a_trickle),
        cmocka_unit_test(an_unwanted_body),
        cmocka_unit_test(a_client_that_takes_nothing),
        cmocka_unit_test(a_client_that_takes_its_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
