/* An HTTP server with routes; with a port it serves until Ctrl+C, else it tries itself out. */
#include <stdio.h>
#include <stdlib.h>

#include <gyre/gyre.h>

struct greet {
    gyre_frame frame;
    gyre_http_exchange *exchange; /* must be second: the server fills it in */
};
GYRE_CORO(greet)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_http_respondf(self->exchange, 200, "text/plain", "Hello, %s!\n",
                                gyre_http_exchange_param(self->exchange, "name")));
    GYRE_END;
}

/* Sends back what is sent, piece by piece, however much it is. */
struct echo {
    gyre_frame frame;
    gyre_http_exchange *exchange;
    char buffer[4096];
    int64_t n;
};
GYRE_CORO(echo)
{
    GYRE_BEGIN;
    self->n = gyre_http_start(self->exchange, 200, "text/plain", -1);
    do {
        GYRE_TRY(self->n, gyre_http_read(self->exchange, self->buffer, sizeof(self->buffer)));
        GYRE_TRY(gyre_http_write(self->exchange, self->buffer, (size_t)self->n));
    } while (self->n > 0); /* the answer is ended for us */
    GYRE_END;
}

static void log_line(void *arg, const gyre_http_access *access)
{
    (void)arg;
    printf("%s %s: %u\n", gyre_http_exchange_method(access->exchange),
           gyre_http_exchange_target(access->exchange), access->status);
}

struct try_out {
    gyre_frame frame;
    gyre_http_client *client;
    uint16_t port;
    gyre_http_response *response;
    char url[64], *text;
};
GYRE_CORO(try_out)
{
    GYRE_BEGIN;
    snprintf(self->url, sizeof(self->url), "http://127.0.0.1:%u/greet/you", self->port);
    GYRE_TRY(gyre_http_get(self->client, self->url, &self->response));
    GYRE_TRY(gyre_http_response_read_all(self->response, 0, &self->text, NULL));
    printf("%s", self->text);
    GYRE_FINALLY;
    gyre_free(self->text);
    gyre_http_response_free(self->response);
    GYRE_END;
}

struct serve {
    gyre_frame frame;
    uint16_t port; /* 0: any */
    gyre_http_server_options options;
    gyre_http_router *router;
    gyre_http_server *server;
    gyre_http_client *client;
    int64_t rc;
};
GYRE_CORO(serve)
{
    GYRE_BEGIN;
    self->options.on_access = log_line;
    self->options.listen = (gyre_server_options){.host = "127.0.0.1", .port = self->port};
    if (gyre_http_router_new(&self->router) < 0 ||
        GYRE_HTTP_ROUTE(self->router, "GET", "/greet/:name", greet) < 0 ||
        GYRE_HTTP_ROUTE(self->router, "POST", "/echo", echo) < 0 ||
        gyre_http_client_new(gyre_loop_current(), NULL, &self->client) < 0 ||
        GYRE_START_HTTP_SERVER(&self->server, self->options, gyre_http_route,
                               .router = self->router) < 0)
        GYRE_RETURN(GYRE_EUSER(1));
    GYRE_TRY(gyre_sleep(self->port ? GYRE_FOREVER : 0));
    self->port = gyre_http_server_port(self->server);
    GYRE_TRY(GYRE_CALL(try_out, .client = self->client, .port = self->port));
    GYRE_FINALLY;
    GYRE_AWAIT(self->rc, gyre_http_client_close(self->client));
    GYRE_AWAIT(self->rc, gyre_http_server_stop(self->server, GYRE_SECONDS(1)));
    gyre_http_server_free(self->server);
    gyre_http_router_free(self->router);
    GYRE_END;
}

int main(int argc, char **argv)
{
    return GYRE_RUN(serve, .port = argc > 1 ? (uint16_t)atoi(argv[1]) : 0) < 0;
}
