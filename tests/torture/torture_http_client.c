/*
 * The HTTP client under torture: plain, chunked and compressed answers, uploads, redirects, stale
 * connections, the line for a place, and answers that are given up, with each step failing in turn.
 */
#include <errno.h>
#include <string.h>

#include "../../loop/alloc.h"
#include "../../net/http_client.h"
#include "../support/http_script.h"
#include "../support/tls_world.h"
#include "../support/torture.h"

#define LONGEST GYRE_MS(300) /* for the other side, which a failure may have ended */
#define OK      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

static script server;
static char large[200000];
static tls_world world;
static gyre_tls_context *server_tls, *client_tls;

static const gyre_http_client_options options = {
    .limit = 1,
    .idle_timeout_ns = LONGEST,
    .timeouts = {.connect_ns = LONGEST,
                 .first_byte_ns = LONGEST,
                 .idle_ns = LONGEST,
                 .continue_ns = GYRE_MS(20)},
};

struct produce {
    gyre_frame frame;
    gyre_http_body *body;
    int i;
};
GYRE_CORO(produce)
{
    GYRE_BEGIN;
    for (self->i = 0; self->i < 3; self->i++)
        GYRE_TRY(gyre_http_body_write(self->body, "piece", 5));
    self->i = (int)gyre_http_body_trailer(self->body, "X-Trailer", "t");
    GYRE_RETURN(self->i);
    GYRE_END;
}

/* One request after the other to an answer each; gives the sum of what was read. */
struct visit {
    gyre_frame frame;
    gyre_http_client *client; /* borrowed */
    int count, i;
    bool uploads, expects, leaves, sends_large;
    gyre_http_response *response;
    char *body;
    char byte;
    int64_t n, got;
};

static gyre_await ask(struct visit *self)
{
    const gyre_http_body_source source = GYRE_HTTP_BODY(produce);
    gyre_http_request request = {.url = server.url, .timeouts.total_ns = GYRE_SECONDS(1)};

    if (self->uploads)
        request.upload = source;
    if (self->sends_large) {
        request.body = large;
        request.body_size = sizeof(large);
    }
    request.expect_continue = self->expects;
    request.method = self->uploads || self->sends_large ? "PUT" : NULL;
    request.upload_again = true;
    return gyre_http_send(self->client, &request, &self->response);
}

GYRE_CORO(visit)
{
    GYRE_BEGIN;
    for (self->i = 0; self->i < self->count; self->i++) {
        GYRE_TRY(ask(self));
        if (self->leaves)
            GYRE_TRY(self->n, gyre_http_response_read(self->response, &self->byte, 1));
        else
            GYRE_TRY(self->n, gyre_http_response_read_all(self->response, 0, &self->body, NULL));
        self->got += self->n;
        gyre_free(self->body);
        self->body = NULL;
        GYRE_AWAIT(self->n, gyre_http_response_close(self->response));
        self->response = NULL;
        if (self->n < 0)
            GYRE_RETURN(self->n);
    }
    GYRE_RETURN(self->got);
    GYRE_FINALLY;
    gyre_free(self->body);
    GYRE_AWAIT(self->n, gyre_http_response_close(self->response));
    GYRE_END;
}

/* ---- one visitor ---- */

struct single {
    gyre_frame frame;
    const script_reply *replies;
    size_t reply_count;
    int count;
    bool uploads, expects, leaves, sends_large, tls;
    gyre_http_client *client;
    gyre_http_client_options options;
    int64_t rc;
};
GYRE_CORO(single)
{
    GYRE_BEGIN;
    self->options = options;
    self->options.tls = client_tls;
    self->rc = script_start_tls(&server, self->replies, self->reply_count,
                                self->tls ? server_tls : NULL);
    if (self->rc >= 0)
        self->rc = gyre_http_client_new(gyre_loop_current(), &self->options, &self->client);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    GYRE_TRY(GYRE_CALL(visit, .client = self->client, .count = self->count,
                       .uploads = self->uploads, .expects = self->expects, .leaves = self->leaves,
                       .sends_large = self->sends_large));
    GYRE_RETURN(self->frame.result);
    GYRE_FINALLY;
    GYRE_AWAIT(self->rc, gyre_http_client_close(self->client));
    script_stop(&server);
    GYRE_END;
}

/* ---- three in line for one place; one of them gives up ---- */

struct line {
    gyre_frame frame;
    gyre_http_client *client;
    gyre_task *tasks[3];
    int i;
    int64_t rc, got;
};
GYRE_CORO(line)
{
    static const script_reply replies[] = {{.bytes = OK}};

    GYRE_BEGIN;
    self->rc = script_start(&server, replies, 1);
    if (self->rc >= 0)
        self->rc = gyre_http_client_new(gyre_loop_current(), &options, &self->client);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    for (self->i = 0; self->i < 3; self->i++) {
        self->tasks[self->i] = GYRE_SPAWN(visit, .client = self->client, .count = 2);
        if (!self->tasks[self->i])
            GYRE_RETURN(-ENOMEM);
    }
    GYRE_TRY(self->rc, self->tasks[0]);
    self->got = self->rc;
    gyre_task_cancel(self->tasks[1]);
    GYRE_AWAIT(self->rc, self->tasks[1]);
    if (self->rc != GYRE_ECANCELLED)
        GYRE_RETURN(self->rc);
    GYRE_TRY(self->rc, self->tasks[2]);
    GYRE_RETURN(self->got + self->rc);
    GYRE_FINALLY;
    for (int i = 0; i < 3 && self->tasks[i]; i++) {
        gyre_task_cancel(self->tasks[i]);
        gyre_future_ignore(gyre_task_future(self->tasks[i]));
        gyre_task_unref(self->tasks[i]);
    }
    GYRE_AWAIT(self->rc, gyre_http_client_close(self->client));
    script_stop(&server);
    GYRE_END;
}

/* ---- what is left behind when the loop goes ---- */

struct leave {
    gyre_frame frame;
    gyre_http_client *client;
    gyre_http_response *response;
    int64_t rc;
};
GYRE_CORO(leave)
{
    static const script_reply replies[] = {
        {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"}};

    GYRE_BEGIN;
    self->rc = script_start(&server, replies, 1);
    if (self->rc >= 0)
        self->rc = gyre_http_client_new(gyre_loop_current(), &options, &self->client);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    GYRE_TRY(gyre_http_get(self->client, server.url, &self->response));
    GYRE_RETURN(6);
    GYRE_FINALLY;
    gyre_http_client_abort(self->client); /* the response lives longer */
    gyre_http_response_free(self->response);
    script_stop(&server);
    GYRE_END;
}

static const script_reply plain[] = {{.bytes = OK}};
static const script_reply chunked[] = {
    {.bytes =
         "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
         "5\r\nhello\r\n5\r\nworld\r\n0\r\nT: 1\r\n\r\n"}};
/* gzip of "hello". */
static const char packed_bytes[] =
    "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 25\r\n\r\n"
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48\xcd\xc9\xc9\x07\x00\x86\xa6\x10\x36\x05\x00"
    "\x00\x00";
static const script_reply packed[] = {{.bytes = packed_bytes, .size = sizeof(packed_bytes) - 1}};
static const script_reply redirected[] = {
    {.bytes = "HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 3\r\n\r\nfoo"}, {.bytes = OK}};
static const script_reply stale[] = {{.bytes = OK, .then = SCRIPT_CLOSE},
                                     {.bytes = OK},
                                     {.bytes = "", .then = SCRIPT_CLOSE},
                                     {.bytes = OK}};
static const script_reply until_eof[] = {
    {.bytes = "HTTP/1.0 200 OK\r\n\r\nhello", .then = SCRIPT_CLOSE}};
static const script_reply asking[] = {
    {.bytes = OK, .before_body = "HTTP/1.1 100 Continue\r\n\r\n"}};
static const script_reply early[] = {{.bytes = OK, .early = true}};
static const script_reply unfinished[] = {
    {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nhello"}};
static const script_reply little_more[] = {
    {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", .repeat = 1, .tail = "world"}};

/* A scenario of one visitor: its name, the replies, what it gives, and more members of struct single. */
#define SINGLE(name_, replies_, expect_, ...)                                                      \
    {.name = name_,                                                                                \
     .coro = &single_coro,                                                                         \
     .args = &(const struct single){.frame = {.coro = &single_coro},                               \
                                    .replies = replies_,                                           \
                                    .reply_count = sizeof(replies_) / sizeof(replies_[0]),         \
                                    __VA_ARGS__},                                                  \
     .flags = TORTURE_IO,                                                                          \
     .expect = expect_}

static int run_all(int argc, char **argv)
{
    const torture_scenario scenarios[] = {
        SINGLE("plain", plain, 10, .count = 2),
        SINGLE("chunked", chunked, 20, .count = 2),
        SINGLE("compressed", packed, 10, .count = 2),
        SINGLE("redirect", redirected, 5, .count = 1),
        SINGLE("stale", stale, 15, .count = 3),
        SINGLE("until_eof", until_eof, 10, .count = 2),
        SINGLE("upload", plain, 10, .count = 2, .uploads = true),
        SINGLE("upload_asking", asking, 5, .count = 1, .uploads = true, .expects = true),
        SINGLE("upload_early", early, 5, .count = 1, .uploads = true),
        SINGLE("upload_redirect", redirected, 5, .count = 1, .uploads = true),
        SINGLE("upload_large", plain, 10, .count = 2, .sends_large = true),
        SINGLE("leave_unfinished", unfinished, 2, .count = 2, .leaves = true),
        SINGLE("leave_drained", little_more, 2, .count = 2, .leaves = true),
        SINGLE("https", plain, 10, .count = 2, .tls = true),
        {TORTURE_MAIN(line), .flags = TORTURE_IO, .expect = 20},
        {TORTURE_MAIN(leave), .flags = TORTURE_IO, .expect = 6},
    };

    return torture_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}

int main(int argc, char **argv)
{
    const gyre_tls_options options_of_tls = {.no_resumption = true};
    int status;

    tls_world_open(&world);
    server_tls = tls_world_server(&world, options_of_tls);
    client_tls = tls_world_client(&world, options_of_tls);
    status = run_all(argc, argv);
    gyre_tls_context_unref(server_tls);
    gyre_tls_context_unref(client_tls);
    tls_world_close(&world);
    return status;
}
