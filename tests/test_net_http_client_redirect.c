/* Redirects of the HTTP client: methods, bodies, limits, and what must not reach another origin. */
#include <stdio.h>

#include "loop/alloc.h"
#include "net/http_client.h"
#include "net/http_headers.h"
#include "support/http_script.h"
#include "support/unit.h"
#include "task/run.h"

#define EMPTY "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

static script server, other;
static char location[512];
static script_reply replies[2];

/* The first answer of `server` is the redirect, all others are empty. */
static void set_up(unsigned status, const char *to)
{
    snprintf(location, sizeof(location),
             "HTTP/1.1 %u Moved\r\nLocation: %s\r\nContent-Length: 4\r\n\r\nbody", status, to);
    replies[0] = (script_reply){.bytes = location};
    replies[1] = (script_reply){.bytes = EMPTY};
    assert_int_equal(script_start(&server, replies, 2), 0);
    assert_int_equal(script_start(&other, &replies[1], 1), 0);
}

static void tear_down(void)
{
    script_stop(&server);
    script_stop(&other);
}

static const char *to_other(const char *path)
{
    static char url[128];

    snprintf(url, sizeof(url), "%s%s", other.url, path);
    return url;
}

struct produce {
    gyre_frame frame;
    gyre_http_body *body;
    unsigned *starts;
};
GYRE_CORO(produce)
{
    GYRE_BEGIN;
    ++*self->starts;
    GYRE_TRY(gyre_http_body_write(self->body, "made", 4));
    GYRE_END;
}

struct ask {
    gyre_frame frame;
    gyre_http_client *client; /* borrowed */
    gyre_http_request request;
    struct produce produce; /* makes the body if it counts its starts */
    const char *path;
    char url[256], final[256];
    unsigned redirects;
    gyre_http_response *response;
    int64_t n;
};
GYRE_CORO(ask)
{
    GYRE_BEGIN;
    snprintf(self->url, sizeof(self->url), "%s%s", server.url, self->path);
    self->request.url = self->url;
    if (self->produce.starts)
        self->request.upload = (gyre_http_body_source){&produce_coro, &self->produce};
    GYRE_TRY(gyre_http_send(self->client, &self->request, &self->response));
    snprintf(location, sizeof(location), "%s", gyre_http_response_url(self->response));
    self->redirects = gyre_http_response_timing(self->response)->redirects;
    GYRE_RETURN(gyre_http_response_status(self->response) * 100 + self->redirects);
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_http_response_close(self->response));
    GYRE_END;
}

/* ---- methods ---- */

struct main_method {
    gyre_frame frame;
    unsigned status;
    const char *method, *expected;
    bool has_body, keeps_body;
    gyre_http_client *client;
    int64_t n;
};
GYRE_CORO(main_method)
{
    GYRE_BEGIN;
    set_up(self->status, "../new?x#frag");
    self->n = gyre_http_client_new(gyre_loop_current(), NULL, &self->client);
    GYRE_TRY(self->n, GYRE_CALL(ask, .client = self->client, .path = "/old/dir/page",
                                .request = {.method = self->method,
                                            .body = self->has_body ? "data" : NULL,
                                            .body_size = self->has_body ? 4 : 0,
                                            .content_type = self->has_body ? "text/x" : NULL}));
    assert_int_equal(self->n, 20001);
    assert_int_equal(server.connections, 1); /* the redirect's own body was read */
    assert_true(script_has(&server, 1, self->expected));
    assert_int_equal(script_has(&server, 1, "\r\n\r\ndata"), self->keeps_body);
    assert_int_equal(script_has(&server, 1, "Content-Type: text/x"), self->keeps_body);
    assert_non_null(strstr(location, "/old/new?x"));
    assert_null(strstr(location, "#"));
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_http_client_close(self->client));
    tear_down();
    GYRE_END;
}

static void methods(void **state)
{
    static const struct {
        unsigned status;
        const char *method, *expected;
        bool has_body, keeps_body;
    } cases[] = {
        {301, "GET", "GET /old/new?x HTTP/1.1\r\n", false, false},
        {302, "POST", "GET /old/new?x HTTP/1.1\r\n", true, false},
        {301, "POST", "GET /old/new?x HTTP/1.1\r\n", true, false},
        {301, "PUT", "PUT /old/new?x HTTP/1.1\r\n", true, true},
        {303, "PUT", "GET /old/new?x HTTP/1.1\r\n", true, false},
        {303, "POST", "GET /old/new?x HTTP/1.1\r\n", true, false},
        {307, "POST", "POST /old/new?x HTTP/1.1\r\n", true, true},
        {308, "PATCH", "PATCH /old/new?x HTTP/1.1\r\n", true, true},
        {302, "DELETE", "DELETE /old/new?x HTTP/1.1\r\n", false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(GYRE_RUN(main_method, .status = cases[i].status, .method = cases[i].method,
                                  .expected = cases[i].expected, .has_body = cases[i].has_body,
                                  .keeps_body = cases[i].keeps_body),
                         0);
}

/* ---- where it leads, and where not ---- */

struct main_target {
    gyre_frame frame;
    const char *to;
    unsigned status;
    bool no_redirects;
    int64_t expected;
    gyre_http_client *client;
    int64_t n, got;
};
GYRE_CORO(main_target)
{
    GYRE_BEGIN;
    set_up(self->status, self->to);
    self->n = gyre_http_client_new(gyre_loop_current(), NULL, &self->client);
    GYRE_AWAIT(self->got, GYRE_CALL(ask, .client = self->client, .path = "/a",
                                    .request = {.no_redirects = self->no_redirects}));
    GYRE_RETURN(self->got == self->expected ? 0 : self->got);
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_http_client_close(self->client));
    tear_down();
    GYRE_END;
}

static void targets(void **state)
{
    static const struct {
        const char *to;
        unsigned status;
        bool no_redirects;
        int64_t expected;
    } cases[] = {
        {"/x", 301, false, 20001},
        {"?y=z", 302, false, 20001},
        {"/x", 301, true, 30100},
        {"/x", 300, false, 30000}, /* not one to be followed */
        {"/x", 304, false, 30400},
        {"/x", 305, false, 30500},
        {"ftp://127.0.0.1/x", 301, false, GYRE_EHTTPREDIRECT},
        {"javascript:alert(1)", 301, false, GYRE_EHTTPREDIRECT},
        {"file:///etc/passwd", 301, false, GYRE_EHTTPREDIRECT},
        {"http://", 301, false, GYRE_EHTTPREDIRECT},
        {"http://[::1", 301, false, GYRE_EHTTPREDIRECT},
        {"/a b", 301, false, 20001}, /* see below */
        {"/a\tb", 301, false, GYRE_EHTTPREDIRECT},
        /* What is odd in an authority is not encoded: who knows which host is meant. */
        {"http://127.0.0.1\\@localhost/", 301, false, GYRE_EHTTPREDIRECT},
        {"http://127.0 .0.1/", 301, false, GYRE_EHTTPREDIRECT},
        {"//us er@127.0.0.1/", 301, false, GYRE_EHTTPREDIRECT},
        {"//h\xc3\xb6st/", 301, false, GYRE_EHTTPREDIRECT},
        {"//127.0.0.1|x/", 301, false, GYRE_EHTTPREDIRECT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (GYRE_RUN(main_target, .to = cases[i].to, .status = cases[i].status,
                     .no_redirects = cases[i].no_redirects, .expected = cases[i].expected) != 0)
            fail_msg("%u to %s", cases[i].status, cases[i].to);
}

/* ---- what servers leave bare ---- */

struct main_encoded {
    gyre_frame frame;
    const char *to, *expected;
    gyre_http_client *client;
    int64_t n;
};
GYRE_CORO(main_encoded)
{
    GYRE_BEGIN;
    set_up(302, self->to);
    self->n = gyre_http_client_new(gyre_loop_current(), NULL, &self->client);
    GYRE_TRY(self->n, GYRE_CALL(ask, .client = self->client, .path = "/dir/page"));
    assert_int_equal(self->n, 20001);
    assert_true(script_has(&server, 1, self->expected));
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_http_client_close(self->client));
    tear_down();
    GYRE_END;
}

static void encoded(void **state)
{
    static const char *const cases[][2] = {
        {"/a b?c d", "GET /a%20b?c%20d HTTP/1.1\r\n"},
        {"b c", "GET /dir/b%20c HTTP/1.1\r\n"},
        {"?q=a b", "GET /dir/page?q=a%20b HTTP/1.1\r\n"},
        {"/\xc3\xa9?\xff", "GET /%C3%A9?%FF HTTP/1.1\r\n"},
        {"/a|b^`{}?a[0]=\"<|>\"", "GET /a%7Cb%5E%60%7B%7D?a%5B0%5D=%22%3C%7C%3E%22 HTTP/1.1\r\n"},
        {"/a%20b%c3%A9", "GET /a%20b%c3%A9 HTTP/1.1\r\n"}, /* as it is */
        {"/100%", "GET /100%25 HTTP/1.1\r\n"},
        {"/%zz%4", "GET /%25zz%254 HTTP/1.1\r\n"},
        {"/a b#c d#e", "GET /a%20b HTTP/1.1\r\n"},
        /* Browsers take this for "//host/"; here it is a path like any other. */
        {"/\\evil.example/x", "GET /%5Cevil.example/x HTTP/1.1\r\n"},
        {"\\\\evil.example\\x", "GET /dir/%5C%5Cevil.example%5Cx HTTP/1.1\r\n"},
        {"/a:b@c/d;e=f,g!$&'()*+~", "GET /a:b@c/d;e=f,g!$&'()*+~ HTTP/1.1\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (GYRE_RUN(main_encoded, .to = cases[i][0], .expected = cases[i][1]) != 0)
            fail_msg("to %s", cases[i][0]);
}

/* ---- loops ---- */

struct main_loop {
    gyre_frame frame;
    gyre_http_client *client;
    gyre_http_client_stats stats;
    int64_t n;
};
GYRE_CORO(main_loop)
{
    static const script_reply reply = {
        .bytes = "HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n"};

    GYRE_BEGIN;
    assert_int_equal(script_start(&server, &reply, 1), 0);
    self->n = gyre_http_client_new(gyre_loop_current(), NULL, &self->client);
    GYRE_AWAIT(self->n, GYRE_CALL(ask, .client = self->client, .path = "/"));
    assert_int_equal(self->n, GYRE_EHTTPREDIRECT);
    assert_non_null(strstr(gyre_error_text(gyre_error_current()), "too many"));
    assert_int_equal(server.request_count, 11);
    GYRE_AWAIT(self->n, GYRE_CALL(ask, .client = self->client, .path = "/",
                                  .request = {.max_redirects = 2}));
    assert_int_equal(self->n, GYRE_EHTTPREDIRECT);
    assert_int_equal(server.request_count, 14);
    gyre_http_client_get_stats(self->client, &self->stats);
    assert_int_equal(self->stats.connections, self->stats.idle);
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_http_client_close(self->client));
    script_stop(&server);
    GYRE_END;
}
static void loops(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_loop), 0);
}

/* ---- secrets ---- */

struct main_secrets {
    gyre_frame frame;
    bool leave;      /* to another origin, else to the same */
    bool by_default; /* the client's headers instead of the request's */
    gyre_http_headers headers;
    gyre_http_client *client;
    const script *to;
    char back[256];
    int64_t n;
};

static void fill_secrets(gyre_http_headers *headers)
{
    assert_int_equal(gyre_http_headers_add(headers, "Authorization", "Bearer secret"), 0);
    assert_int_equal(gyre_http_headers_add(headers, "Cookie", "session=secret"), 0);
    assert_int_equal(gyre_http_headers_add(headers, "X-Public", "yes"), 0);
    assert_int_equal(gyre_http_headers_add(headers, "Host", "virtual.example"), 0);
}

GYRE_CORO(main_secrets)
{
    GYRE_BEGIN;
    set_up(302, "/here");
    if (self->leave) {
        tear_down();
        set_up(302, "/");
        snprintf(location, sizeof(location),
                 "HTTP/1.1 302 Moved\r\nLocation: http://user:word@127.0.0.1:%u/there\r\n"
                 "Content-Length: 0\r\n\r\n",
                 other.port);
    }
    self->to = self->leave ? &other : &server;
    fill_secrets(&self->headers);
    self->n = gyre_http_client_new(
        gyre_loop_current(),
        &(gyre_http_client_options){.headers = self->by_default ? &self->headers : NULL},
        &self->client);
    GYRE_TRY(GYRE_CALL(ask, .client = self->client, .path = "/a",
                       .request = {.headers = self->by_default ? NULL : &self->headers}));
    assert_true(script_has(&server, 0, "Authorization: Bearer secret"));
    assert_true(script_has(&server, 0, "Cookie: session=secret"));
    assert_true(script_has(&server, 0, "Host: virtual.example\r\n"));
    assert_true(script_has(self->to, self->leave ? 0 : 1, "X-Public: yes"));
    assert_int_equal(script_has(self->to, self->leave ? 0 : 1, "secret"), !self->leave);
    assert_int_equal(script_has(self->to, self->leave ? 0 : 1, "virtual.example"), !self->leave);
    assert_false(script_has(&other, 0, "Authorization"));
    GYRE_FINALLY;
    gyre_http_headers_fini(&self->headers);
    GYRE_AWAIT(self->n, gyre_http_client_close(self->client));
    tear_down();
    GYRE_END;
}
static void secrets(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(GYRE_RUN(main_secrets, .leave = i & 1, .by_default = i & 2), 0);
}

/* The URL's own user and password: sent at home, not abroad, nor when it comes home again. */
struct main_userinfo {
    gyre_frame frame;
    gyre_http_client *client;
    gyre_http_response *response;
    char url[256], home[512];
    script_reply back;
    int64_t n;
};
GYRE_CORO(main_userinfo)
{
    GYRE_BEGIN;
    set_up(302, "/");
    snprintf(location, sizeof(location),
             "HTTP/1.1 302 Moved\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n",
             to_other("/abroad"));
    snprintf(self->home, sizeof(self->home),
             "HTTP/1.1 302 Moved\r\nLocation: %s/home\r\nContent-Length: 0\r\n\r\n", server.url);
    self->back = (script_reply){.bytes = self->home};
    other.replies = &self->back;
    snprintf(self->url, sizeof(self->url), "http://us%%65r:p%%40ss@127.0.0.1:%u/a", server.port);
    self->n = gyre_http_client_new(gyre_loop_current(), NULL, &self->client);
    GYRE_TRY(gyre_http_get(self->client, self->url, &self->response));
    assert_int_equal(gyre_http_response_status(self->response), 200);
    assert_null(strchr(gyre_http_response_url(self->response), '@'));
    assert_true(script_has(&server, 0, "\r\nAuthorization: Basic dXNlcjpwQHNz\r\n"));
    assert_false(script_has(&server, 0, "@"));
    assert_true(script_has(&other, 0, "GET /abroad"));
    assert_false(script_has(&other, 0, "Authorization"));
    assert_true(script_has(&server, 1, "GET /home"));
    assert_false(script_has(&server, 1, "Authorization"));
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_http_response_close(self->response));
    GYRE_AWAIT(self->n, gyre_http_client_close(self->client));
    tear_down();
    GYRE_END;
}
static void userinfo(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_userinfo), 0);
}

/* ---- bodies that are made ---- */

struct main_replay {
    gyre_frame frame;
    bool again;
    unsigned starts;
    gyre_http_client *client;
    int64_t n, got;
};
GYRE_CORO(main_replay)
{
    GYRE_BEGIN;
    set_up(307, "/again");
    self->n = gyre_http_client_new(gyre_loop_current(), NULL, &self->client);
    GYRE_AWAIT(self->got,
               GYRE_CALL(ask, .client = self->client, .path = "/", .produce.starts = &self->starts,
                         .request = {.upload_again = self->again}));
    assert_int_equal(self->got, self->again ? 20001 : GYRE_EHTTPREPLAY);
    assert_int_equal(self->starts, self->again ? 2 : 1);
    assert_int_equal(server.body_sizes[0], 4);
    assert_int_equal(server.body_sizes[1], self->again ? 4 : 0);
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_http_client_close(self->client));
    tear_down();
    GYRE_END;
}
static void replay(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_replay, .again = true), 0);
    assert_int_equal(GYRE_RUN(main_replay, .again = false), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods),  cmocka_unit_test(targets), cmocka_unit_test(encoded),
        cmocka_unit_test(loops),    cmocka_unit_test(secrets), cmocka_unit_test(userinfo),
        cmocka_unit_test(replay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
