/*
 * The HTTP client against exact bytes: requests as they go out, answers of every framing, what is
 * malformed, and every time limit.
 */
#include <stdio.h>

#include "loop/alloc.h"
#include "net/http_client.h"
#include "net/http_headers.h"
#include "support/http_script.h"
#include "support/unit.h"
#include "task/run.h"
#include "task/sleep.h"
#include "task/timeout.h"

static script server;

#define START(replies_)                                                                            \
    assert_int_equal(script_start(&server, replies_, sizeof(replies_) / sizeof(replies_[0])), 0)

static gyre_http_client *new_client(const gyre_http_client_options *options)
{
    gyre_http_client *client;

    assert_int_equal(gyre_http_client_new(gyre_loop_current(), options, &client), 0);
    return client;
}

static const char *url_of(const char *path)
{
    static char url[512];

    snprintf(url, sizeof(url), "%s%s", server.url, path);
    return url;
}

/* ---- one request ---- */

/* Sends a request and reads the whole answer. */
struct ask {
    gyre_frame frame;
    gyre_http_client *client;
    gyre_http_request request;
    char *body;
    size_t size;
    gyre_http_response *response;
    int64_t n;
};
GYRE_CORO(ask)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_http_send(self->client, &self->request, &self->response));
    GYRE_TRY(gyre_http_response_read_all(self->response, 0, &self->body, &self->size));
    assert_true(gyre_http_response_at_end(self->response));
    GYRE_RETURN(self->n = gyre_http_response_status(self->response) * 1000 + (int64_t)self->size);
    GYRE_FINALLY;
    gyre_free(self->body);
    GYRE_AWAIT(self->n, gyre_http_response_close(self->response));
    GYRE_END;
}

#define ASK(...) GYRE_CALL(ask, .client = self->client, .request = {__VA_ARGS__})

struct main_simple {
    gyre_frame frame;
    gyre_http_client *client;
    gyre_http_response *response;
    char *body;
    char buffer[100];
    size_t size;
    int64_t n;
};
GYRE_CORO(main_simple)
{
    static const script_reply replies[] = {
        {.bytes = "HTTP/1.1 200 Fine\r\nContent-Length: 5\r\nX-A: 1\r\nx-a: 2\r\n\r\nhello"},
        {.bytes = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"},
        {.bytes = "HTTP/1.1 204 No Content\r\n\r\n"},
        {.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
                  "chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nT: end\r\n\r\n"},
        {.bytes = "HTTP/1.0 200 OK\r\n\r\nuntil the end", .then = SCRIPT_CLOSE},
    };

    GYRE_BEGIN;
    START(replies);
    self->client = new_client(NULL);
    GYRE_TRY(self->n, gyre_http_get(self->client, url_of("/a/b?c=d#e"), &self->response));
    assert_int_equal(self->n, 200);
    assert_int_equal(gyre_http_response_status(self->response), 200);
    assert_int_equal(gyre_http_response_version(self->response), 11);
    assert_string_equal(gyre_http_response_reason(self->response), "Fine");
    assert_string_equal(gyre_http_response_header(self->response, "X-a"), "1");
    assert_int_equal(gyre_http_headers_count(gyre_http_response_headers(self->response)), 3);
    assert_string_equal(gyre_http_response_url(self->response), url_of("/a/b?c=d"));
    assert_int_equal(gyre_http_response_content_length(self->response), 5);
    GYRE_TRY(self->n, gyre_http_response_read(self->response, self->buffer, 3));
    assert_int_equal(self->n, 3);
    assert_false(gyre_http_response_at_end(self->response));
    GYRE_TRY(self->n, gyre_http_response_read(self->response, self->buffer + 3, 97));
    assert_int_equal(self->n, 2);
    assert_true(gyre_http_response_at_end(self->response));
    assert_memory_equal(self->buffer, "hello", 5);
    GYRE_TRY(self->n, gyre_http_response_read(self->response, self->buffer, 3));
    assert_int_equal(self->n, 0);
    assert_int_equal(gyre_http_response_received(self->response), 5);
    assert_true(gyre_http_response_timing(self->response)->total_ns > 0);
    assert_false(gyre_http_response_timing(self->response)->reused);
    GYRE_TRY(gyre_http_response_close(self->response));
    self->response = NULL;
    GYRE_TRY(self->n, ASK(.url = url_of("/")));
    assert_int_equal(self->n, 404000);
    GYRE_TRY(self->n, ASK(.url = url_of("/"), .method = "DELETE"));
    assert_int_equal(self->n, 204000);
    assert_true(script_has(&server, 2, "DELETE / HTTP/1.1\r\n"));
    GYRE_TRY(self->n, gyre_http_get(self->client, url_of("/chunks"), &self->response));
    assert_int_equal(gyre_http_response_content_length(self->response), -1);
    GYRE_TRY(gyre_http_response_read_all(self->response, 0, &self->body, &self->size));
    assert_string_equal(self->body, "abcdefg");
    assert_int_equal(self->size, 7);
    assert_string_equal(gyre_http_headers_get(gyre_http_response_trailers(self->response), "t"),
                        "end");
    gyre_free(self->body);
    gyre_http_response_free(self->response);
    assert_int_equal(server.connections, 1);
    GYRE_TRY(self->n, gyre_http_get(self->client, url_of("/eof"), &self->response));
    assert_int_equal(gyre_http_response_version(self->response), 10);
    assert_true(gyre_http_response_timing(self->response)->reused);
    GYRE_TRY(gyre_http_response_read_all(self->response, 0, &self->body, &self->size));
    assert_string_equal(self->body, "until the end");
    GYRE_FINALLY;
    gyre_free(self->body);
    GYRE_AWAIT(self->n, gyre_http_response_close(self->response));
    GYRE_AWAIT(self->n, gyre_http_client_close(self->client));
    script_stop(&server);
    GYRE_END;
}
static void answers(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_simple), 0);
    assert_non_null(strstr(server.requests[0], "GET /a/b?c=d HTTP/1.1\r\nHost: 127.0.0.1:"));
    assert_non_null(strstr(server.requests[0], "\r\nAccept: */*\r\n"));
    assert_non_null(strstr(server.requests[0], "\r\nAccept-Encoding: gzip, deflate\r\n"));
    assert_non_null(strstr(server.requests[0], "\r\nUser-Agent: gyre/"));
    assert_null(strstr(server.requests[0], "Connection"));
    assert_null(strstr(server.requests[0], "Content-Length"));
}

/* ---- what goes out ---- */

struct main_headers {
    gyre_frame frame;
    gyre_http_client *client;
    gyre_http_headers common, own;
    int64_t n;
};

static void fill_headers(struct main_headers *self)
{
    assert_int_equal(gyre_http_headers_add(&self->common, "X-Common", "c"), 0);
    assert_int_equal(gyre_http_headers_add(&self->common, "X-Both", "common"), 0);
    assert_int_equal(gyre_http_headers_add(&self->own, "X-Both", "own"), 0);
    assert_int_equal(gyre_http_headers_add(&self->own, "Accept", "text/html"), 0);
    assert_int_equal(gyre_http_headers_add(&self->own, "Host", "other.example"), 0);
    assert_int_equal(gyre_http_authorize_bearer(&self->own, "abc.def"), 0);
    self->client = new_client(&(gyre_http_client_options){
        .headers = &self->common, .user_agent = "tester", .no_decoding = true});
}

static int64_t refused(struct main_headers *self, const char *name, const char *value)
{
    gyre_http_headers_clear(&self->own);
    assert_int_equal(gyre_http_headers_add(&self->own, name, value), 0);
    return 0;
}

GYRE_CORO(main_headers)
{
    static const script_reply replies[] = {
        {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}};

    GYRE_BEGIN;
    START(replies);
    fill_headers(self);
    GYRE_TRY(ASK(.url = url_of("?q"), .headers = &self->own));
    assert_true(script_has(&server, 0, "GET /?q HTTP/1.1\r\nHost: other.example\r\n"));
    assert_true(script_has(&server, 0, "\r\nX-Common: c\r\n"));
    assert_true(script_has(&server, 0, "\r\nX-Both: own\r\n"));
    assert_false(script_has(&server, 0, "common"));
    assert_true(script_has(&server, 0, "\r\nAccept: text/html\r\n"));
    assert_true(script_has(&server, 0, "\r\nUser-Agent: tester\r\n"));
    assert_true(script_has(&server, 0, "\r\nAuthorization: Bearer abc.def\r\n"));
    assert_false(script_has(&server, 0, "Accept-Encoding"));
    GYRE_TRY(ASK(.url = url_of(""), .body = "x=1", .body_size = 3, .content_type = "text/x"));
    assert_true(script_has(&server, 1, "POST / HTTP/1.1\r\n"));
    assert_true(script_has(&server, 1, "\r\nContent-Type: text/x\r\n"));
    assert_true(script_has(&server, 1, "\r\nContent-Length: 3\r\n"));
    assert_true(script_has(&server, 1, "\r\n\r\nx=1"));
    GYRE_TRY(ASK(.url = url_of(""), .method = "PUT"));
    assert_true(script_has(&server, 2, "\r\nContent-Length: 0\r\n"));
    refused(self, "Connection", "close");
    GYRE_TRY(ASK(.url = url_of(""), .headers = &self->own));
    assert_true(script_has(&server, 3, "\r\nConnection: close\r\n"));
    refused(self, "Content-Length", "5");
    GYRE_AWAIT(self->n, ASK(.url = url_of(""), .headers = &self->own));
    assert_int_equal(self->n, GYRE_EHTTPHEADER);
    refused(self, "transfer-encoding", "chunked");
    GYRE_AWAIT(self->n, ASK(.url = url_of(""), .headers = &self->own));
    assert_int_equal(self->n, GYRE_EHTTPHEADER);
    refused(self, "Connection", "upgrade");
    GYRE_AWAIT(self->n, ASK(.url = url_of(""), .headers = &self->own));
    assert_int_equal(self->n, GYRE_EHTTPHEADER);
    GYRE_AWAIT(self->n, ASK(.url = url_of(""), .method = "GET /x HTTP/1.1\r\nX:"));
    assert_int_equal(self->n, GYRE_EHTTPHEADER);
    GYRE_AWAIT(self->n, ASK(.url = url_of(""), .method = "CONNECT"));
    assert_int_equal(self->n, GYRE_EHTTPHEADER);
    GYRE_AWAIT(self->n, ASK(.url = url_of(""), .content_type = "a\r\nb: c"));
    assert_int_equal(self->n, GYRE_EHTTPHEADER);
    GYRE_AWAIT(self->n, ASK(.url = "http://bad host/"));
    assert_int_equal(self->n, GYRE_EURL);
    GYRE_AWAIT(self->n, ASK(.url = "ftp://host/"));
    assert_int_equal(self->n, GYRE_EHTTPSCHEME);
    GYRE_AWAIT(self->n, ASK(.url = "mailto:a@b.c"));
    assert_int_equal(self->n, GYRE_EHTTPSCHEME);
    assert_int_equal(server.request_count, 4);
    GYRE_FINALLY;
    gyre_http_headers_fini(&self->common);
    gyre_http_headers_fini(&self->own);
    GYRE_AWAIT(self->n, gyre_http_client_close(self->client));
    script_stop(&server);
    GYRE_END;
}
static void what_goes_out(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_headers), 0);
}

static void authorization(void **state)
{
    gyre_http_headers headers = {.bytes = NULL};

    (void)state;
    assert_int_equal(gyre_http_authorize_basic(&headers, "Aladdin", "open sesame"), 0);
    assert_string_equal(gyre_http_headers_get(&headers, "authorization"),
                        "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    assert_int_equal(gyre_http_authorize_basic(&headers, "a", ""), 0);
    assert_string_equal(gyre_http_headers_get(&headers, "authorization"), "Basic YTo=");
    assert_int_equal(gyre_http_authorize_basic(&headers, "", "bc"), 0);
    assert_string_equal(gyre_http_headers_get(&headers, "authorization"), "Basic OmJj");
    assert_int_equal(gyre_http_authorize_basic(&headers, "a:b", "c"), GYRE_EHTTPHEADER);
    assert_int_equal(gyre_http_authorize_basic(&headers, "a", "c\n"), GYRE_EHTTPHEADER);
    assert_int_equal(gyre_http_authorize_bearer(&headers, ""), GYRE_EHTTPHEADER);
    assert_int_equal(gyre_http_authorize_bearer(&headers, "a b"), GYRE_EHTTPHEADER);
    assert_int_equal(gyre_http_headers_count(&headers), 1);
    gyre_http_headers_fini(&headers);
    gyre_error_clear();
}

/* ---- wrong answers ---- */

struct main_wrong {
    gyre_frame frame;
    gyre_http_client *client;
    const script_reply *reply;
    int64_t expected;
    uint64_t body_limit;
    gyre_http_client_stats stats;
    int64_t n, got;
};
GYRE_CORO(main_wrong)
{
    GYRE_BEGIN;
    assert_int_equal(script_start(&server, self->reply, 1), 0);
    self->client = new_client(&(gyre_http_client_options){
        .head_limit = 4096, .body_limit = self->body_limit, .header_limit = 20});
    GYRE_AWAIT(self->got, ASK(.url = url_of("/")));
    gyre_http_client_get_stats(self->client, &self->stats);
    assert_int_equal(self->stats.connections, self->got < 0 ? 0 : 1);
    GYRE_RETURN(0);
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_http_client_close(self->client));
    script_stop(&server);
    if (self->got != self->expected)
        fail_msg("expected %s, got %s (%d): %s", gyre_err_name(self->expected),
                 gyre_err_name(self->got), (int)self->got, self->reply->bytes);
    GYRE_END;
}

#define HEAD(...) "HTTP/1.1 200 OK\r\n" __VA_ARGS__ "\r\n"
#define TEN_HEADERS                                                                                \
    "a: 1\r\nb: 1\r\nc: 1\r\nd: 1\r\ne: 1\r\nf: 1\r\ng: 1\r\nh: 1\r\ni: 1\r\nj: 1\r\n"

static void wrong_answers(void **state)
{
    static char huge[6000];
    static const struct {
        script_reply reply;
        int64_t expected;
    } cases[] = {
        {{.bytes = "", .then = SCRIPT_CLOSE}, GYRE_EHTTPINCOMPLETE},
        {{.bytes = "HTTP/1.1 200 OK\r\nContent-Le", .then = SCRIPT_CLOSE}, GYRE_EHTTPINCOMPLETE},
        {{.bytes = "SSH-2.0-OpenSSH\r\n", .then = SCRIPT_CLOSE}, GYRE_EHTTPSYNTAX},
        {{.bytes = HEAD("Content-Length: 10\r\n") "short", .then = SCRIPT_CLOSE},
         GYRE_EHTTPINCOMPLETE},
        {{.bytes = HEAD("Content-Length: 10\r\n") "short", .then = SCRIPT_RESET}, -ECONNRESET},
        {{.bytes = HEAD("Content-Length: 5\r\nContent-Length: 6\r\n") "short"}, GYRE_EHTTPFRAMING},
        {{.bytes = HEAD("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") "short"},
         GYRE_EHTTPFRAMING},
        {{.bytes = HEAD("Content-Length: -5\r\n") "short"}, GYRE_EHTTPFRAMING},
        {{.bytes = HEAD("Bad Name: 5\r\n") "short"}, GYRE_EHTTPSYNTAX},
        {{.bytes = HEAD("Transfer-Encoding: chunked\r\n") "5\r\nshort\r\n", .then = SCRIPT_CLOSE},
         GYRE_EHTTPINCOMPLETE},
        {{.bytes = HEAD("Transfer-Encoding: chunked\r\n") "5\r\nshort\r\nxyz\r\n",
          .then = SCRIPT_CLOSE},
         GYRE_EHTTPSYNTAX},
        {{.bytes = HEAD("Transfer-Encoding: chunked\r\n") "4\r\nshort\r\n0\r\n\r\n",
          .then = SCRIPT_CLOSE},
         GYRE_EHTTPSYNTAX},
        {{.bytes = "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"},
         GYRE_EHTTPSYNTAX},
        {{.bytes = HEAD(TEN_HEADERS TEN_HEADERS "x: y\r\n")}, GYRE_EHTTPFIELDS},
        {{.bytes = huge}, GYRE_EHTTPFIELDS},
        {{.bytes = HEAD("Content-Length: 101\r\n"), .then = SCRIPT_STALL}, GYRE_EHTTPBODY},
        {{.bytes = HEAD("Transfer-Encoding: chunked\r\n"),
          .repeat = 1000000,
          .tail = "5\r\nabcde\r\n"},
         GYRE_EHTTPBODY},
        {{.bytes = "HTTP/1.0 200 OK\r\n\r\n", .repeat = 1000000, .tail = "abcdefghij"},
         GYRE_EHTTPBODY},
        {{.bytes = "HTTP/1.1 100 Continue\r\n\r\n",
          .repeat = 1000,
          .tail = "HTTP/1.1 100 Continue\r\n\r\n"},
         GYRE_EHTTPSYNTAX},
    };

    (void)state;
    strcpy(huge, "HTTP/1.1 200 OK\r\nX: ");
    memset(huge + strlen(huge), 'x', 5000);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(GYRE_RUN(main_wrong, .reply = &cases[i].reply,
                                  .expected = cases[i].expected, .body_limit = 100),
                         0);
}

/* What comes in ten thousand pieces is the same. */
static void trickle(void **state)
{
    static const script_reply replies[] = {
        {.bytes = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 "
                  "OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "3\r\nabc\r\n0\r\n\r\n",
         .trickle_ns = 1},
    };

    (void)state;
    assert_int_equal(GYRE_RUN(main_wrong, .reply = replies, .expected = 200003, .body_limit = 3),
                     0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers),       cmocka_unit_test(what_goes_out),
        cmocka_unit_test(authorization), cmocka_unit_test(wrong_answers),
        cmocka_unit_test(trickle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
