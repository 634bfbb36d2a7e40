/* Routing: which pattern wins, what its names stand for, and what is said where none fits. */
#include <stdio.h>

#include "../net/http_router.h"
#include "../task/run.h"
#include "support/http_talk.h"
#include "support/unit.h"

#define GET(path_) "GET " path_ " HTTP/1.1\r\nHost: x\r\n\r\n"

/* Says which handler it is and what its names stood for. */
struct tell {
    gyre_frame frame;
    gyre_http_exchange *exchange;
    const char *name;
};
static const char *shown(const gyre_http_exchange *exchange, const char *name)
{
    const char *value = gyre_http_exchange_param(exchange, name);

    return value ? value : "-";
}
GYRE_CORO(tell)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_http_respondf(self->exchange, 200, NULL, "%s id=%s rest=%s", self->name,
                                shown(self->exchange, "id"), shown(self->exchange, "rest")));
    GYRE_END;
}

static const struct {
    const char *method, *pattern, *name;
} routes[] = {
    {"GET", "/", "root"},
    {"GET", "/users", "users"},
    {"POST", "/users", "new user"},
    {"GET", "/users/me", "me"},
    {"GET", "/users/:id", "user"},
    {"DELETE", "/users/:id", "gone user"},
    {"GET", "/users/:id/posts/:rest", "post"},
    {NULL, "/any", "any"},
    {"GET", "/any", "get any"},
    {"GET", "/files/:rest*", "file"},
    {"GET", "/files/special", "special"},
    {"PUT", "/a/:id/c", "first"},
    {"PUT", "/a/b/:rest", "second"},
    {"GET", "/sl ash", "blank"},
};

#define SAYS(status_, fields_, length_, body_)                                                     \
    "HTTP/1.1 " status_ "\r\nDate: *\r\n" fields_ "Content-Length: " length_ "\r\n\r\n" body_
#define OK(length_, body_) SAYS("200 OK", "", length_, body_)
#define NOT_FOUND          SAYS("404 Not Found", "Content-Type: text/plain\r\n", "14", "404 Not Found\n")
#define NOT_ALLOWED(allow_)                                                                        \
    "HTTP/1.1 405 Method Not Allowed\r\nDate: *\r\nContent-Type: text/plain\r\n"                   \
    "Content-Length: 23\r\nAllow: " allow_ "\r\n\r\n405 Method Not Allowed\n"
#define OPTIONS(allow_) "HTTP/1.1 204 No Content\r\nDate: *\r\nAllow: " allow_ "\r\n\r\n"

static const struct {
    const char *request, *answer;
} cases[] = {
    {GET("/"), OK("16", "root id=- rest=-")},
    {GET("/?x=/users"), OK("16", "root id=- rest=-")},
    {GET("/users"), OK("17", "users id=- rest=-")},
    {"POST /users HTTP/1.1\r\nHost: x\r\n\r\n", OK("20", "new user id=- rest=-")},
    {GET("/users/me"), OK("14", "me id=- rest=-")},
    {GET("/users/7"), OK("16", "user id=7 rest=-")},
    {GET("/users/a%20b%2Fc"), NOT_FOUND}, /* decoded, it is one segment more */
    {GET("/users/%C3%A4"), OK("17", "user id=\xc3\xa4 rest=-")},
    {GET("/users/"), NOT_FOUND},
    {GET("/users//"), NOT_FOUND},
    {GET("/users/7/posts/9"), OK("16", "post id=7 rest=9")},
    {GET("/users/7/posts/"), NOT_FOUND},
    {GET("/users/7/posts"), NOT_FOUND},
    {GET("/Users"), NOT_FOUND},
    {"DELETE /users/7 HTTP/1.1\r\nHost: x\r\n\r\n", OK("21", "gone user id=7 rest=-")},
    {"DELETE /users/me HTTP/1.1\r\nHost: x\r\n\r\n", OK("22", "gone user id=me rest=-")},
    {"PUT /users HTTP/1.1\r\nHost: x\r\n\r\n", NOT_ALLOWED("GET, HEAD, POST, OPTIONS")},
    {"PUT /users/me HTTP/1.1\r\nHost: x\r\n\r\n", NOT_ALLOWED("GET, HEAD, DELETE, OPTIONS")},
    {"OPTIONS /users HTTP/1.1\r\nHost: x\r\n\r\n", OPTIONS("GET, HEAD, POST, OPTIONS")},
    {"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", OPTIONS("OPTIONS")},
    {"HEAD /users/7 HTTP/1.1\r\nHost: x\r\n\r\n", OK("16", "")},
    {"PATCH /any HTTP/1.1\r\nHost: x\r\n\r\n", OK("15", "any id=- rest=-")},
    {GET("/any"), OK("19", "get any id=- rest=-")},
    {GET("/files/"), OK("15", "file id=- rest=")},
    {GET("/files"), NOT_FOUND},
    {GET("/files/a/b%20c/"), OK("21", "file id=- rest=a/b c/")},
    {GET("/files/special"), OK("19", "special id=- rest=-")},
    {"PUT /a/b/c HTTP/1.1\r\nHost: x\r\n\r\n", OK("17", "first id=b rest=-")},
    {"PUT /a/b/d HTTP/1.1\r\nHost: x\r\n\r\n", OK("18", "second id=- rest=d")},
    {GET("/sl%20ash"), OK("17", "blank id=- rest=-")},
    {GET("/sl+ash"), NOT_FOUND},
};

static gyre_http_router *router;
static gyre_http_server *server;

static void add_routes(void)
{
    assert_int_equal(gyre_http_router_new(&router), 0);
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
        assert_int_equal(GYRE_HTTP_ROUTE(router, routes[i].method, routes[i].pattern, tell,
                                         .name = routes[i].name),
                         0);
}

struct main_routes {
    gyre_frame frame;
    size_t i;
    int64_t rc;
};
GYRE_CORO(main_routes)
{
    GYRE_BEGIN;
    add_routes();
    self->rc =
        GYRE_START_HTTP_SERVER(&server, ((gyre_http_server_options){.listen.host = "127.0.0.1"}),
                               gyre_http_route, .router = router);
    assert_int_equal(self->rc, 0);
    for (self->i = 0; self->i < sizeof(cases) / sizeof(cases[0]); self->i++) {
        GYRE_TRY(GYRE_CALL(http_talk, .port = gyre_http_server_port(server),
                           .text = cases[self->i].request));
        assert_string_equal(http_answer, cases[self->i].answer);
    }
    GYRE_TRY(gyre_http_server_stop(server, GYRE_SECONDS(5)));
    gyre_http_server_free(server);
    gyre_http_router_free(router);
    GYRE_END;
}
static void what_fits(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_routes), 0);
}

static void what_is_no_pattern(void **state)
{
    (void)state;
    assert_int_equal(gyre_http_router_new(&router), 0);
    assert_int_equal(GYRE_HTTP_ROUTE(router, "GET", "", tell), -EINVAL);
    assert_int_equal(GYRE_HTTP_ROUTE(router, "GET", "users", tell), -EINVAL);
    assert_int_equal(GYRE_HTTP_ROUTE(router, "GET", "/:", tell), -EINVAL);
    assert_int_equal(GYRE_HTTP_ROUTE(router, "GET", "/:*", tell), -EINVAL);
    assert_int_equal(GYRE_HTTP_ROUTE(router, "GET", "/:a*/b", tell), -EINVAL);
    assert_int_equal(GYRE_HTTP_ROUTE(router, "GET", "/:a/:b/:c/:d/:e/:f/:g/:h/:i", tell), -E2BIG);
    assert_int_equal(GYRE_HTTP_ROUTE(router, "GET", "/:a/:b/:c/:d/:e/:f/:g/:h", tell), 0);
    assert_int_equal(GYRE_HTTP_ROUTE(router, "GET", "/a", tell), 0);
    assert_int_equal(GYRE_HTTP_ROUTE(router, "GET", "/a", tell), -EEXIST);
    assert_int_equal(GYRE_HTTP_ROUTE(router, NULL, "/a", tell), 0);
    assert_int_equal(GYRE_HTTP_ROUTE(router, NULL, "/a", tell), -EEXIST);
    assert_int_equal(GYRE_HTTP_ROUTE(router, "GET", "/:a", tell), 0);
    assert_int_equal(GYRE_HTTP_ROUTE(router, "GET", "/:a", tell), -EEXIST);
    for (int i = 0; i < 100; i++) { /* the table of plain patterns grows */
        char pattern[20];

        snprintf(pattern, sizeof(pattern), "/page/%d", i);
        assert_int_equal(GYRE_HTTP_ROUTE(router, "GET", pattern, tell), 0);
        assert_int_equal(GYRE_HTTP_ROUTE(router, "GET", pattern, tell), -EEXIST);
    }
    gyre_http_router_free(router);
    gyre_http_router_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fits),
        cmocka_unit_test(what_is_no_pattern),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
