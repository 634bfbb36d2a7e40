/* Streaming in both directions: a body that is made while it is sent, an answer read while it is made. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <gyre/gyre.h>

/* The server sends back what comes, in capitals, piece by piece; the sum of it follows as a trailer. */
struct shout {
    gyre_frame frame;
    gyre_http_exchange *exchange;
    char buffer[1024], sum[32];
    size_t total;
    int64_t n;
};
GYRE_CORO(shout)
{
    GYRE_BEGIN;
    self->n = gyre_http_start(self->exchange, 200, "text/plain", -1);
    while (self->n >= 0) {
        GYRE_TRY(self->n, gyre_http_read(self->exchange, self->buffer, sizeof(self->buffer)));
        if (self->n == 0)
            break;
        self->total += (size_t)self->n;
        for (int64_t i = 0; i < self->n; i++)
            self->buffer[i] = (char)toupper((unsigned char)self->buffer[i]);
        GYRE_TRY(gyre_http_write(self->exchange, self->buffer, (size_t)self->n));
    }
    snprintf(self->sum, sizeof(self->sum), "%zu bytes", self->total);
    gyre_http_add_trailer(self->exchange, "X-Sum", self->sum);
    GYRE_TRY(gyre_http_end(self->exchange));
    GYRE_END;
}

/* The body of the request: a line now and then. Writing waits while the connection is behind. */
struct lines {
    gyre_frame frame;
    gyre_http_body *body;
    int i;
    char line[32];
};
GYRE_CORO(lines)
{
    GYRE_BEGIN;
    for (self->i = 1; self->i <= 3; self->i++) {
        snprintf(self->line, sizeof(self->line), "line %d\n", self->i);
        printf("sent: %s", self->line);
        GYRE_TRY(gyre_http_body_write(self->body, self->line, strlen(self->line)));
        GYRE_TRY(gyre_sleep(GYRE_MS(20)));
    }
    GYRE_END;
}

struct talk {
    gyre_frame frame;
    gyre_http_server *server;
    gyre_http_client *client;
    gyre_http_response *response;
    char url[64], buffer[1024];
    int64_t n;
};
GYRE_CORO(talk)
{
    GYRE_BEGIN;
    self->n = GYRE_START_HTTP_SERVER(
        &self->server, ((gyre_http_server_options){.listen.host = "127.0.0.1"}), shout);
    if (self->n >= 0)
        self->n = gyre_http_client_new(gyre_loop_current(), NULL, &self->client);
    if (self->n < 0)
        GYRE_RETURN(self->n);
    snprintf(self->url, sizeof(self->url), "http://127.0.0.1:%u/", gyre_http_server_port(self->server));
    GYRE_TRY(gyre_http_send(self->client,
                            &(gyre_http_request){.url = self->url, .upload = GYRE_HTTP_BODY(lines)},
                            &self->response));
    for (;;) {
        GYRE_TRY(self->n, gyre_http_response_read(self->response, self->buffer, sizeof(self->buffer)));
        if (self->n == 0)
            break;
        printf("came back: %.*s", (int)self->n, self->buffer);
    }
    printf("in all: %s\n", gyre_http_headers_get(gyre_http_response_trailers(self->response), "X-Sum"));
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_http_response_close(self->response));
    GYRE_AWAIT(self->n, gyre_http_client_close(self->client));
    gyre_http_server_free(self->server);
    GYRE_END;
}

int main(void)
{
    int64_t rc = GYRE_RUN(talk);

    if (rc < 0)
        fprintf(stderr, "streaming: %s\n", gyre_strerror(rc));
    return rc < 0;
}
