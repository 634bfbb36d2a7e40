/*
 * The HTTP client over TLS and through proxies: certificates, sessions, downgrades, tunnels,
 * addresses in the place of names.
 */
#include <stdio.h>
#include <stdlib.h>

#include "loop/alloc.h"
#include "net/connect.h"
#include "net/http_client.h"
#include "net/http_headers.h"
#include "support/http_script.h"
#include "support/tls_world.h"
#include "support/unit.h"
#include "task/run.h"
#include "task/sleep.h"

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static script server, plain;
static tls_world world;
static gyre_http_client *client;
static gyre_tls_context *server_context, *client_context;

static int make_world(void **state)
{
    (void)state;
    tls_world_open(&world);
    server_context = tls_world_server(&world, (gyre_tls_options){.ca_file = NULL});
    client_context = tls_world_client(&world, (gyre_tls_options){.ca_file = NULL});
    return 0;
}

static int drop_world(void **state)
{
    (void)state;
    gyre_tls_context_unref(server_context);
    gyre_tls_context_unref(client_context);
    tls_world_close(&world);
    return 0;
}

static void set_up(const script_reply *replies, size_t count, gyre_http_client_options options)
{
    assert_int_equal(script_start_tls(&server, replies, count, server_context), 0);
    assert_int_equal(gyre_http_client_new(gyre_loop_current(), &options, &client), 0);
}

struct ask {
    gyre_frame frame;
    const char *url;
    gyre_http_timing timing;
    char *body;
    gyre_http_response *response;
    int64_t n;
};
GYRE_CORO(ask)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_http_get(client, self->url, &self->response));
    GYRE_TRY(gyre_http_response_read_all(self->response, 0, &self->body, NULL));
    if (!gyre_http_response_timing(self->response)->reused &&
        strncmp(gyre_http_response_url(self->response), "https", 5) == 0)
        assert_true(gyre_http_response_timing(self->response)->tls_ns > 0);
    GYRE_RETURN(gyre_http_response_status(self->response));
    GYRE_FINALLY;
    gyre_free(self->body);
    GYRE_AWAIT(self->n, gyre_http_response_close(self->response));
    GYRE_END;
}

static void tear_down(void)
{
    script_stop(&server);
    if (plain.server)
        script_stop(&plain);
}

/* ---- https ---- */

struct main_https {
    gyre_frame frame;
    gyre_http_response *response;
    char *large;
    size_t size;
    int64_t n;
};
GYRE_CORO(main_https)
{
    static char tail[65537];
    static const script_reply replies[] = {
        {.bytes = OK},
        {.bytes = OK},
        {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 6553600\r\n\r\n",
         .repeat = 100,
         .tail = tail},
        {.bytes = OK, .then = SCRIPT_CLOSE},
        {.bytes = OK},
        {.bytes = "HTTP/1.0 200 OK\r\n\r\nuntil the end", .then = SCRIPT_CLOSE},
        {.bytes = "HTTP/1.0 200 OK\r\n\r\ncut", .then = SCRIPT_RESET},
    };

    GYRE_BEGIN;
    memset(tail, 'x', 65536);
    set_up(replies, 7, (gyre_http_client_options){.tls = client_context});
    GYRE_TRY(GYRE_CALL(ask, .url = server.url));
    GYRE_TRY(gyre_sleep(GYRE_MS(10))); /* long enough to have a look at the connection */
    GYRE_TRY(GYRE_CALL(ask, .url = server.url));
    assert_int_equal(server.connections, 1);
    GYRE_TRY(gyre_http_get(client, server.url, &self->response));
    GYRE_TRY(gyre_http_response_read_all(self->response, 0, &self->large, &self->size));
    assert_int_equal(self->size, 6553600);
    GYRE_TRY(gyre_http_response_close(self->response));
    self->response = NULL;
    assert_int_equal(server.connections, 1);
    GYRE_TRY(GYRE_CALL(ask, .url = server.url)); /* closed by the server afterwards */
    GYRE_TRY(gyre_sleep(GYRE_MS(10)));
    GYRE_TRY(GYRE_CALL(ask, .url = server.url));
    assert_int_equal(server.connections, 2);
    GYRE_TRY(GYRE_CALL(ask, .url = server.url));            /* close_notify ends the body */
    GYRE_AWAIT(self->n, GYRE_CALL(ask, .url = server.url)); /* its lack does not */
    assert_true(self->n == GYRE_ETLSTRUNCATED || self->n == -ECONNRESET);
    GYRE_FINALLY;
    gyre_free(self->large);
    GYRE_AWAIT(self->n, gyre_http_response_close(self->response));
    GYRE_AWAIT(self->n, gyre_http_client_close(client));
    tear_down();
    GYRE_END;
}
static void https(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_https), 0);
}

/* By default only what the system trusts: not a throw-away authority. */
struct main_untrusted {
    gyre_frame frame;
    char url[64];
    int64_t n;
};
GYRE_CORO(main_untrusted)
{
    static const script_reply reply = {.bytes = OK};

    GYRE_BEGIN;
    set_up(&reply, 1, (gyre_http_client_options){.limit = 2});
    GYRE_AWAIT(self->n, GYRE_CALL(ask, .url = server.url));
    assert_int_equal(self->n, GYRE_ETLSVERIFY);
    GYRE_TRY(gyre_http_client_close(client));
    self->n = gyre_http_client_new(gyre_loop_current(),
                                   &(gyre_http_client_options){.tls = client_context}, &client);
    snprintf(self->url, sizeof(self->url), "https://127.0.0.2:%u/", server.port);
    GYRE_AWAIT(self->n, GYRE_CALL(ask, .url = self->url));
    assert_true(self->n < 0); /* nobody listens there, and the certificate is for another */
    assert_int_equal(server.request_count, 0);
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_http_client_close(client));
    tear_down();
    GYRE_END;
}
static void untrusted(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_untrusted), 0);
}

/* ---- downgrades ---- */

struct main_downgrade {
    gyre_frame frame;
    bool allow;
    script_reply away;
    char text[256];
    int64_t n;
};
GYRE_CORO(main_downgrade)
{
    static const script_reply reply = {.bytes = OK};

    GYRE_BEGIN;
    assert_int_equal(script_start(&plain, &reply, 1), 0);
    snprintf(self->text, sizeof(self->text),
             "HTTP/1.1 301 Moved\r\nLocation: %s/\r\nContent-Length: 0\r\n\r\n", plain.url);
    self->away = (script_reply){.bytes = self->text};
    set_up(
        &self->away, 1,
        (gyre_http_client_options){.tls = client_context, .insecure_allow_downgrade = self->allow});
    GYRE_AWAIT(self->n, GYRE_CALL(ask, .url = server.url));
    assert_int_equal(self->n, self->allow ? 200 : GYRE_EHTTPDOWNGRADE);
    assert_int_equal(plain.request_count, self->allow ? 1 : 0);
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_http_client_close(client));
    tear_down();
    GYRE_END;
}
static void downgrade(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_downgrade, .allow = false), 0);
    assert_int_equal(GYRE_RUN(main_downgrade, .allow = true), 0);
}

/* ---- names ---- */

struct main_resolve {
    gyre_frame frame;
    gyre_http_resolve resolve[2];
    char url[128];
    int64_t n;
};
GYRE_CORO(main_resolve)
{
    static const script_reply reply = {.bytes = OK};

    GYRE_BEGIN;
    assert_int_equal(script_start(&plain, &reply, 1), 0);
    self->resolve[0].host = "Nowhere.invalid";
    self->resolve[1].host = "any.invalid";
    self->resolve[0].port = 81;
    assert_int_equal(gyre_address_parse(&self->resolve[0].address, "127.0.0.1", plain.port), 0);
    assert_int_equal(gyre_address_parse(&self->resolve[1].address, "127.0.0.1", 0), 0);
    set_up(&reply, 1,
           (gyre_http_client_options){
               .tls = client_context, .resolve = self->resolve, .resolve_count = 2});
    GYRE_TRY(self->n, GYRE_CALL(ask, .url = "http://nowhere.invalid:81/x"));
    assert_true(script_has(&plain, 0, "Host: nowhere.invalid:81\r\n"));
    snprintf(self->url, sizeof(self->url), "http://any.invalid:%u/", plain.port);
    GYRE_TRY(self->n, GYRE_CALL(ask, .url = self->url));
    snprintf(self->url, sizeof(self->url), "https://any.invalid:%u/", server.port);
    GYRE_AWAIT(self->n, GYRE_CALL(ask, .url = self->url)); /* the certificate is for the name */
    assert_int_equal(self->n, GYRE_ETLSHOST);
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_http_client_close(client));
    tear_down();
    GYRE_END;
}
static void resolved(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_resolve), 0);
}

/* ---- proxies ---- */

static char proxy_log[4096];
static const char *proxy_answer;

struct pump {
    gyre_frame frame;
    gyre_stream *from, *to; /* borrowed */
    char buffer[4096];
    int64_t n;
};
GYRE_CORO(pump)
{
    GYRE_BEGIN;
    for (;;) {
        GYRE_TRY(self->n, gyre_stream_read(self->from, self->buffer, sizeof(self->buffer)));
        if (self->n == 0)
            break;
        GYRE_TRY(gyre_stream_write(self->to, self->buffer, (size_t)self->n));
    }
    gyre_stream_write_eof(self->to);
    GYRE_END;
}

struct proxy_session {
    gyre_frame frame;
    gyre_stream *stream;
    gyre_stream *target;
    gyre_task *back;
    const char *head;
    int64_t n;
};
GYRE_CORO(proxy_session)
{
    GYRE_BEGIN;
    GYRE_TRY(self->n, gyre_stream_read_until(self->stream, "\r\n\r\n", 4, &self->head));
    strncat(proxy_log, self->head, (size_t)self->n);
    GYRE_TRY(gyre_stream_write(self->stream, proxy_answer, strlen(proxy_answer)));
    if (strncmp(proxy_log, "CONNECT", 7) == 0 && strncmp(proxy_answer + 9, "200", 3) == 0) {
        GYRE_TRY(gyre_open_connection("127.0.0.1", server.port, NULL, &self->target));
        self->back = GYRE_SPAWN(pump, .from = self->target, .to = self->stream);
        GYRE_AWAIT(self->n, GYRE_CALL(pump, .from = self->stream, .to = self->target));
        GYRE_AWAIT(self->n, self->back);
    }
    GYRE_FINALLY;
    if (self->back)
        gyre_future_ignore(gyre_task_future(self->back));
    gyre_task_unref(self->back);
    GYRE_AWAIT(self->n, gyre_stream_close(self->target));
    GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
    GYRE_RETURN(0);
    GYRE_END;
}

struct main_proxy {
    gyre_frame frame;
    const char *answer, *url, *user, *logged, *logged_too;
    bool tls;
    int64_t expected;
    gyre_server *proxy;
    char text[256];
    int64_t n;
};
GYRE_CORO(main_proxy)
{
    static const script_reply reply = {.bytes = OK};

    GYRE_BEGIN;
    proxy_log[0] = '\0';
    proxy_answer = self->answer;
    self->n = GYRE_START_SERVER(&self->proxy, ((gyre_server_options){.host = "127.0.0.1"}),
                                proxy_session);
    assert_int_equal(self->n, 0);
    snprintf(self->text, sizeof(self->text), "http://%s127.0.0.1:%u", self->user,
             gyre_server_port(self->proxy));
    set_up(&reply, 1, (gyre_http_client_options){.tls = client_context, .proxy = self->text});
    if (self->tls)
        self->url = server.url;
    GYRE_AWAIT(self->n, GYRE_CALL(ask, .url = self->url));
    if (self->n == 200 && self->tls)
        GYRE_AWAIT(self->n, GYRE_CALL(ask, .url = self->url)); /* through the same tunnel */
    assert_int_equal(self->n, self->expected);
    if (!strstr(proxy_log, self->logged) || !strstr(proxy_log, self->logged_too))
        fail_msg("%s and %s not in %s", self->logged, self->logged_too, proxy_log);
    if (self->tls)
        assert_false(script_has(&server, 0, "Proxy-Authorization"));
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_http_client_close(client));
    gyre_server_cancel_clients(self->proxy);
    gyre_server_free(self->proxy);
    tear_down();
    GYRE_END;
}
static void proxies(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_proxy, .answer = OK, .url = "http://example.test/a?b#c",
                              .user = "", .logged = "GET http://example.test/a?b HTTP/1.1\r\n",
                              .logged_too = "Host: example.test\r\n", .expected = 200),
                     0);
    assert_int_equal(GYRE_RUN(main_proxy, .answer = OK, .url = "http://me:too@example.test:81/",
                              .user = "u:p@", .logged = "\r\nProxy-Authorization: Basic dTpw\r\n",
                              .logged_too = "GET http://example.test:81/ HTTP/1.1\r\n",
                              .expected = 200),
                     0);
    assert_int_equal(GYRE_RUN(main_proxy, .answer = "HTTP/1.1 200 Connected\r\n\r\n", .tls = true,
                              .user = "u:p@", .logged = "CONNECT 127.0.0.1:",
                              .logged_too = "\r\nProxy-Authorization: Basic dTpw\r\n",
                              .expected = 200),
                     0);
    assert_int_equal(
        GYRE_RUN(main_proxy,
                 .answer =
                     "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
                 .tls = true, .user = "", .logged = "CONNECT ", .logged_too = "User-Agent: gyre",
                 .expected = GYRE_EHTTPPROXY),
        0);
    assert_int_equal(GYRE_RUN(main_proxy, .answer = "HTTP/1.1 200 Connected\r\n\r\nhello",
                              .tls = true, .user = "", .logged = "CONNECT ",
                              .logged_too = "Host: ", .expected = GYRE_EHTTPPROXY),
                     0);
    assert_int_equal(GYRE_RUN(main_proxy, .answer = "garbage\r\n\r\n", .tls = true, .user = "",
                              .logged = "CONNECT ",
                              .logged_too = "Host: ", .expected = GYRE_EHTTPSYNTAX),
                     0);
}

static void bad_proxies(void **state)
{
    gyre_loop *loop = unit_loop();

    (void)state;
    assert_int_equal(
        gyre_http_client_new(loop, &(gyre_http_client_options){.proxy = "https://a/"}, &client),
        GYRE_EHTTPSCHEME);
    assert_int_equal(
        gyre_http_client_new(loop, &(gyre_http_client_options){.proxy = "a b"}, &client),
        GYRE_EURL);
    assert_int_equal(
        gyre_http_client_new(loop, &(gyre_http_client_options){.user_agent = "a\nb"}, &client),
        GYRE_EHTTPHEADER);
    assert_null(client);
    gyre_error_clear();
    gyre_loop_close(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(https),    cmocka_unit_test(untrusted), cmocka_unit_test(downgrade),
        cmocka_unit_test(resolved), cmocka_unit_test(proxies),   cmocka_unit_test(bad_proxies),
    };

    return cmocka_run_group_tests(tests, make_world, drop_world);
}
