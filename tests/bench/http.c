/* HTTP server as a user would write it, with a router: `http --port N [--cert F --key F]`, until SIGTERM. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gyre/gyre.h>

struct hello {
    gyre_frame frame;
    gyre_http_exchange *exchange;
};
GYRE_CORO(hello)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_http_respond(self->exchange, 200, "text/plain", "Hello, world!", 13));
    GYRE_END;
}

struct greet {
    gyre_frame frame;
    gyre_http_exchange *exchange;
};
GYRE_CORO(greet)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_http_respondf(self->exchange, 200, "text/plain", "Hello, %s!",
                                gyre_http_exchange_param(self->exchange, "name")));
    GYRE_END;
}

static int64_t on_term(gyre_loop *loop, void *task)
{
    (void)loop;
    gyre_task_cancel(task);
    return 0;
}

struct serve {
    gyre_frame frame;
    gyre_http_server_options options;
    gyre_http_router *router;
    gyre_http_server *server;
    int64_t rc;
};
GYRE_CORO(serve)
{
    GYRE_BEGIN;
    gyre_loop_add_signal_handler(gyre_loop_current(), SIGTERM, on_term, gyre_task_current());
    if (gyre_http_router_new(&self->router) < 0)
        GYRE_RETURN(-ENOMEM);
    GYRE_HTTP_ROUTE(self->router, "GET", "/", hello);
    GYRE_HTTP_ROUTE(self->router, "GET", "/hello/:name", greet);
    self->rc = GYRE_START_HTTP_SERVER(&self->server, self->options, gyre_http_route,
                                      .router = self->router);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    GYRE_TRY(gyre_sleep(GYRE_FOREVER));
    GYRE_FINALLY;
    if (self->server)
        GYRE_AWAIT(self->rc, gyre_http_server_stop(self->server, GYRE_MS(100)));
    gyre_http_server_free(self->server);
    gyre_http_router_free(self->router);
    GYRE_END;
}

static const char *value_of(int argc, char **argv, const char *name)
{
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return argv[i + 1];
    return NULL;
}

int main(int argc, char **argv)
{
    gyre_http_server_options options = {.listen = {.host = "127.0.0.1", .backlog = 4096}};
    const char *port = value_of(argc, argv, "--port");
    const gyre_tls_options tls = {.cert_file = value_of(argc, argv, "--cert"),
                                  .key_file = value_of(argc, argv, "--key")};
    int64_t rc = tls.cert_file ? gyre_tls_server_context(&tls, &options.listen.tls) : 0;

    options.listen.port = port ? (uint16_t)strtol(port, NULL, 10) : 0;
    if (rc >= 0)
        rc = GYRE_RUN(serve, .options = options);
    gyre_tls_context_unref(options.listen.tls);
    if (rc < 0 && rc != GYRE_ECANCELLED)
        fprintf(stderr, "http: %s\n", gyre_strerror(rc));
    return rc < 0 && rc != GYRE_ECANCELLED;
}
