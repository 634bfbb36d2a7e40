/*
 * An HTTP server under torture: bodies both ways, files, time-outs and the graceful end, with
 * each step failing in turn.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../net/connect.h"
#include "../../net/http_files.h"
#include "../../net/http_router.h"
#include "../../task/sleep.h"
#include "../../task/timeout.h"
#include "../support/http_talk.h"
#include "../support/tls_world.h"
#include "../support/torture.h"

#define LONGEST     GYRE_MS(300) /* for the other side, which a failure may have ended */
#define HEAD(line_) line_ " HTTP/1.1\r\nHost: x\r\n"

enum { BIG = 100000 };

static gyre_http_router *router;
static gyre_http_files *files;
static char folder[64];
static gyre_tls_context *server_tls, *client_tls;

/* ---- handlers ---- */

/* Sends back what comes, piece by piece. */
struct mirror {
    gyre_frame frame;
    gyre_http_exchange *exchange;
    char buffer[64];
    int64_t n;
};
GYRE_CORO(mirror)
{
    GYRE_BEGIN;
    self->n = gyre_http_set_header(self->exchange, "X-Kind", "mirror");
    if (self->n >= 0)
        self->n = gyre_http_start(self->exchange, 200, "text/plain", -1);
    if (self->n < 0)
        GYRE_RETURN(self->n);
    do {
        GYRE_TRY(self->n, gyre_http_read(self->exchange, self->buffer, sizeof(self->buffer)));
        GYRE_TRY(gyre_http_write(self->exchange, self->buffer, (size_t)self->n));
    } while (self->n > 0);
    GYRE_TRY(gyre_http_end(self->exchange));
    GYRE_END;
}

struct whole {
    gyre_frame frame;
    gyre_http_exchange *exchange;
    const char *data;
    int64_t n;
};
GYRE_CORO(whole)
{
    GYRE_BEGIN;
    GYRE_TRY(self->n, gyre_http_read_all(self->exchange, 0, &self->data));
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    GYRE_TRY(gyre_http_respondf(self->exchange, 200, NULL, "%s got %s",
                                gyre_http_exchange_param(self->exchange, "id"), self->data));
    GYRE_END;
}

struct rest {
    gyre_frame frame;
    gyre_http_exchange *exchange;
};
GYRE_CORO(rest)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(GYRE_SECONDS(10)));
    GYRE_TRY(gyre_http_respond(self->exchange, 200, NULL, "rested", 6));
    GYRE_END;
}

/* ---- the site ---- */

static void fill(const char *name, size_t size)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "w");
    for (size_t i = 0; file && i < size; i++)
        putc('a' + (int)(i % 26), file);
    if (file)
        fclose(file);
}

static int64_t set_up(gyre_loop *loop)
{
    int64_t rc;

    (void)loop;
    snprintf(folder, sizeof(folder), "/tmp/gyre-torture-http-%d", getpid());
    if (mkdir(folder, 0755) < 0 && errno != EEXIST)
        return -errno;
    fill("small.txt", 100);
    fill("big.txt", BIG);
    rc = gyre_http_files_new(folder, &(gyre_http_files_options){.listing = true}, &files);
    if (rc >= 0)
        rc = gyre_http_router_new(&router);
    if (rc >= 0)
        rc = GYRE_HTTP_ROUTE(router, "POST", "/mirror", mirror);
    if (rc >= 0)
        rc = GYRE_HTTP_ROUTE(router, NULL, "/whole/:id", whole);
    if (rc >= 0)
        rc = GYRE_HTTP_ROUTE(router, "GET", "/rest", rest);
    if (rc >= 0)
        rc = GYRE_HTTP_ROUTE(router, NULL, "/files/:path*", gyre_http_serve, .files = files);
    return rc;
}

static void tear_down(void)
{
    char path[128];

    gyre_http_router_free(router);
    gyre_http_files_free(files);
    router = NULL;
    files = NULL;
    snprintf(path, sizeof(path), "%s/small.txt", folder);
    unlink(path);
    snprintf(path, sizeof(path), "%s/big.txt", folder);
    unlink(path);
    rmdir(folder);
}

/* ---- one client, everything in order; `expect` counts the answers of 200 and 206 ---- */

struct serve {
    gyre_frame frame;
    const char *text;
    gyre_http_server_options options;
    bool keep, tls;
    gyre_http_server *server;
    int64_t rc;
};
GYRE_CORO(serve)
{
    GYRE_BEGIN;
    self->options.listen.host = "127.0.0.1";
    self->options.listen.tls = self->tls ? server_tls : NULL;
    self->rc =
        GYRE_START_HTTP_SERVER(&self->server, (self->options), gyre_http_route, .router = router);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    GYRE_TRY(gyre_wait_for(GYRE_CALL(http_talk, .port = gyre_http_server_port(self->server),
                                     .text = self->text, .keep = self->keep,
                                     .tls = self->tls ? client_tls : NULL),
                           LONGEST));
    self->rc = http_count("HTTP/1.1 20") + 100 * http_count("HTTP/1.1 4") +
               10000 * http_count("HTTP/1.1 5");
    GYRE_TRY(gyre_http_server_stop(self->server, GYRE_MS(50)));
    GYRE_RETURN(self->rc);
    GYRE_FINALLY;
    if (self->server)
        gyre_server_cancel_clients(gyre_http_server_listener(self->server));
    gyre_http_server_free(self->server);
    GYRE_END;
}

/* clang-format off */
static const char bodies[] =
    HEAD("POST /mirror") "Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n3\r\nfgh\r\n0\r\n\r\n"
    HEAD("PUT /whole/one") "Content-Length: 4\r\n\r\nbody"
    HEAD("POST /files/") "Content-Length: 4\r\n\r\nlost"
    HEAD("PUT /whole/two") "Expect: 100-continue\r\nContent-Length: 4\r\n"
                           "Connection: close\r\n\r\nbody";

static const char site_files[] =
    HEAD("GET /files/small.txt") "\r\n"
    HEAD("GET /files/big.txt") "\r\n"
    HEAD("GET /files/small.txt") "Range: bytes=0-1,5-6\r\n\r\n"
    HEAD("GET /files/") "\r\n"
    HEAD("GET /files/missing") "\r\n";

static const char over_tls[] =
    HEAD("PUT /whole/one") "Content-Length: 4\r\n\r\nbody"
    HEAD("GET /files/big.txt") "Connection: close\r\n\r\n";
/* clang-format on */

/* ---- a request that does not end by itself ---- */

static const char rests[] = HEAD("GET /rest") "\r\n" HEAD("GET /rest") "\r\n";

struct stop_rest {
    gyre_frame frame;
    gyre_http_server *server;
    gyre_stream *stream;
    int i;
    int64_t rc;
};
GYRE_CORO(stop_rest)
{
    GYRE_BEGIN;
    self->rc = GYRE_START_HTTP_SERVER(&self->server,
                                      ((gyre_http_server_options){.listen.host = "127.0.0.1"}),
                                      gyre_http_route, .router = router);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    GYRE_TRY(gyre_open_connection("127.0.0.1", gyre_http_server_port(self->server), NULL,
                                  &self->stream));
    GYRE_TRY(gyre_stream_write(self->stream, rests, sizeof(rests) - 1));
    for (self->i = 0; self->i < 10; self->i++)
        GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    GYRE_TRY(self->rc, gyre_http_server_stop(self->server, GYRE_MS(1)));
    GYRE_RETURN(self->rc);
    GYRE_FINALLY;
    if (self->server)
        gyre_server_cancel_clients(gyre_http_server_listener(self->server));
    gyre_http_server_free(self->server);
    gyre_stream_abort(self->stream);
    GYRE_END;
}

#define NAMED(name_, ...)                                                                          \
    .name = (name_), .coro = &serve_coro, .args = &(const struct serve)                            \
    {                                                                                              \
        .frame = {.coro = &serve_coro}, __VA_ARGS__                                                \
    }

static const torture_scenario scenarios[] = {
    {NAMED("bodies", .text = bodies), .flags = TORTURE_IO, .expect = 103, .setup = set_up,
     .teardown = tear_down},
    {NAMED("files", .text = site_files), .flags = TORTURE_IO, .expect = 104, .setup = set_up,
     .teardown = tear_down},
    {NAMED("tls", .text = over_tls, .keep = true, .tls = true), .flags = TORTURE_IO, .expect = 2,
     .setup = set_up, .teardown = tear_down},
    {NAMED("slow_head", .text = "GET / HTTP/1.1\r\n", .keep = true,
           .options = {.head_timeout_ns = GYRE_MS(3)}),
     .flags = TORTURE_IO, .expect = 100, .setup = set_up, .teardown = tear_down},
    {NAMED("slow_body", .text = HEAD("POST /mirror") "Content-Length: 9\r\n\r\nab", .keep = true,
           .options = {.body_timeout_ns = GYRE_MS(3)}),
     .flags = TORTURE_IO, .expect = 1, .setup = set_up, .teardown = tear_down},
    {TORTURE_MAIN(stop_rest), .flags = TORTURE_IO, .expect = 1, .setup = set_up,
     .teardown = tear_down},
};

int main(int argc, char **argv)
{
    const gyre_tls_options options = {.no_resumption = true};
    tls_world world;
    int status;

    tls_world_open(&world);
    server_tls = tls_world_server(&world, options);
    client_tls = tls_world_client(&world, options);
    status = torture_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
    gyre_tls_context_unref(server_tls);
    gyre_tls_context_unref(client_tls);
    tls_world_close(&world);
    return status;
}
