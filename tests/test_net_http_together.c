/* The HTTP client and the HTTP server in one loop: what one sends the other understands. */
#include <stdio.h>
#include <stdlib.h>

#include "loop/alloc.h"
#include "net/http_client.h"
#include "net/http_headers.h"
#include "net/http_server.h"
#include "support/tls_world.h"
#include "support/unit.h"
#include "task/run.h"
#include "task/sleep.h"

static gyre_http_server *server;
static gyre_http_client *client;
static char base[64];
static unsigned served;

/* Answers by path: /echo, /moved, /slow, /refuse (reads nothing), /method. */
struct handle {
    gyre_frame frame;
    gyre_http_exchange *exchange;
    char buffer[4096];
    int64_t n;
};
GYRE_CORO(handle)
{
    GYRE_BEGIN;
    served++;
    if (strcmp(gyre_http_exchange_path(self->exchange), "/moved") == 0) {
        GYRE_TRY(gyre_http_redirect(self->exchange, 307, "/echo"));
        GYRE_RETURN(0);
    }
    if (strcmp(gyre_http_exchange_path(self->exchange), "/slow") == 0)
        GYRE_TRY(gyre_sleep(GYRE_MS(30)));
    if (strcmp(gyre_http_exchange_path(self->exchange), "/refuse") == 0) {
        GYRE_TRY(gyre_http_respond(self->exchange, 403, "text/plain", "no", 2));
        GYRE_RETURN(0);
    }
    if (strcmp(gyre_http_exchange_path(self->exchange), "/echo") != 0) {
        GYRE_TRY(gyre_http_respondf(self->exchange, 200, "text/plain", "%s %s",
                                    gyre_http_exchange_method(self->exchange),
                                    gyre_http_exchange_path(self->exchange)));
        GYRE_RETURN(0);
    }
    self->n = gyre_http_start(self->exchange, 200, "application/octet-stream", -1);
    while (self->n >= 0) {
        GYRE_TRY(self->n, gyre_http_read(self->exchange, self->buffer, sizeof(self->buffer)));
        if (self->n == 0)
            break;
        GYRE_TRY(gyre_http_write(self->exchange, self->buffer, (size_t)self->n));
    }
    if (gyre_http_headers_get(gyre_http_exchange_trailers(self->exchange), "X-Sum"))
        gyre_http_add_trailer(
            self->exchange, "X-Sum",
            gyre_http_headers_get(gyre_http_exchange_trailers(self->exchange), "X-Sum"));
    GYRE_TRY(gyre_http_end(self->exchange));
    GYRE_END;
}

static void set_up(gyre_tls_context *server_tls, gyre_tls_context *client_tls)
{
    int64_t rc = GYRE_START_HTTP_SERVER(
        &server,
        ((gyre_http_server_options){
            .listen = {.host = "127.0.0.1", .backlog = 4096, .tls = server_tls}}),
        handle);

    assert_int_equal(rc, 0);
    served = 0;
    snprintf(base, sizeof(base), "%s://127.0.0.1:%u", server_tls ? "https" : "http",
             gyre_http_server_port(server));
    assert_int_equal(gyre_http_client_new(
                         gyre_loop_current(),
                         &(gyre_http_client_options){.tls = client_tls, .limit = 1000}, &client),
                     0);
}

struct produce {
    gyre_frame frame;
    gyre_http_body *body;
    unsigned count, i;
    char piece[1000];
};
GYRE_CORO(produce)
{
    GYRE_BEGIN;
    for (self->i = 0; self->i < self->count; self->i++) {
        memset(self->piece, 'a' + (int)(self->i % 26), sizeof(self->piece));
        GYRE_TRY(gyre_http_body_write(self->body, self->piece, sizeof(self->piece)));
    }
    gyre_http_body_trailer(self->body, "X-Sum", "the sum");
    GYRE_END;
}

/* Status * 10,000,000 + size of the body. */
struct ask {
    gyre_frame frame;
    gyre_http_request request;
    const char *path;
    struct produce produce;
    char url[128];
    char *body;
    size_t size;
    gyre_http_response *response;
    int64_t n;
};
GYRE_CORO(ask)
{
    GYRE_BEGIN;
    snprintf(self->url, sizeof(self->url), "%s%s", base, self->path);
    self->request.url = self->url;
    if (self->produce.count)
        self->request.upload = (gyre_http_body_source){&produce_coro, &self->produce};
    GYRE_TRY(gyre_http_send(client, &self->request, &self->response));
    GYRE_TRY(gyre_http_response_read_all(self->response, 0, &self->body, &self->size));
    if (self->produce.count && gyre_http_response_status(self->response) == 200)
        assert_string_equal(
            gyre_http_headers_get(gyre_http_response_trailers(self->response), "x-sum"), "the sum");
    GYRE_RETURN((int64_t)gyre_http_response_status(self->response) * 10000000 +
                (int64_t)self->size);
    GYRE_FINALLY;
    gyre_free(self->body);
    GYRE_AWAIT(self->n, gyre_http_response_close(self->response));
    GYRE_END;
}

struct main_together {
    gyre_frame frame;
    gyre_tls_context *server_tls, *client_tls;
    char *large;
    gyre_task *tasks[1000];
    int i, count;
    gyre_http_client_stats stats;
    int64_t n;
};
GYRE_CORO(main_together)
{
    GYRE_BEGIN;
    set_up(self->server_tls, self->client_tls);
    self->large = calloc(1, 3000000);
    GYRE_TRY(self->n, GYRE_CALL(ask, .path = "/x%20y"));
    assert_int_equal(self->n, 2000000000 + 8);
    GYRE_TRY(self->n, GYRE_CALL(ask, .path = "/abc", .request.method = "HEAD"));
    assert_int_equal(self->n, 2000000000);
    GYRE_TRY(self->n, GYRE_CALL(ask, .path = "/echo",
                                .request = {.body = self->large, .body_size = 3000000}));
    assert_int_equal(self->n, 2003000000);
    GYRE_TRY(self->n, GYRE_CALL(ask, .path = "/echo", .produce.count = 2500));
    assert_int_equal(self->n, 2002500000);
    GYRE_TRY(self->n, GYRE_CALL(ask, .path = "/moved", .produce.count = 3,
                                .request = {.upload_again = true, .expect_continue = true}));
    assert_int_equal(self->n, 2000003000);
    GYRE_TRY(self->n, GYRE_CALL(ask, .path = "/refuse",
                                .request = {.body = self->large, .body_size = 3000000}));
    assert_int_equal(self->n, 4030000002);
    GYRE_TRY(
        self->n,
        GYRE_CALL(ask, .path = "/refuse",
                  .request = {.body = self->large, .body_size = 3000000, .expect_continue = true}));
    assert_int_equal(self->n, 4030000002);
    gyre_http_client_get_stats(client, &self->stats);
    assert_true(self->stats.connects <= 6);
    /* Many at once; then the server goes, and nobody is left hanging. */
    for (self->i = 0; self->i < self->count; self->i++)
        self->tasks[self->i] = GYRE_SPAWN(ask, .path = "/slow");
    for (self->i = 0; self->i < self->count; self->i++) {
        GYRE_TRY(self->n, self->tasks[self->i]);
        assert_int_equal(self->n, 2000000000 + 9);
        gyre_task_unref(self->tasks[self->i]);
    }
    self->tasks[0] = GYRE_SPAWN(ask, .path = "/slow");
    GYRE_TRY(gyre_sleep(GYRE_MS(10)));
    GYRE_TRY(self->n, gyre_http_server_stop(server, GYRE_SECONDS(5)));
    assert_int_equal(self->n, 0);
    GYRE_TRY(self->n, self->tasks[0]); /* it was answered all the same */
    gyre_task_unref(self->tasks[0]);
    GYRE_AWAIT(self->n, GYRE_CALL(ask, .path = "/slow"));
    assert_int_equal(self->n, -ECONNREFUSED);
    GYRE_FINALLY;
    free(self->large);
    GYRE_AWAIT(self->n, gyre_http_client_close(client));
    gyre_http_server_free(server);
    GYRE_END;
}

static void plain(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_together, .count = 1000), 0);
}

static void over_tls(void **state)
{
    const gyre_tls_options none = {.ca_file = NULL};
    tls_world world;
    gyre_tls_context *server_tls, *client_tls;

    (void)state;
    tls_world_open(&world);
    server_tls = tls_world_server(&world, none);
    client_tls = tls_world_client(&world, none);
    assert_int_equal(
        GYRE_RUN(main_together, .count = 50, .server_tls = server_tls, .client_tls = client_tls),
        0);
    gyre_tls_context_unref(server_tls);
    gyre_tls_context_unref(client_tls);
    tls_world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(plain), cmocka_unit_test(over_tls)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
