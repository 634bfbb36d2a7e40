/* An HTTP client: several pages at once over a few connections. With URLs as arguments it gets those. */
#include <stdio.h>
#include <string.h>

#include <gyre/gyre.h>

/* The server that answers when no URLs are given: a moment's thought, then a page; /old has moved. */
struct answer {
    gyre_frame frame;
    gyre_http_exchange *exchange;
};
GYRE_CORO(answer)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(GYRE_MS(20)));
    if (strcmp(gyre_http_exchange_path(self->exchange), "/old") == 0)
        GYRE_TRY(gyre_http_redirect(self->exchange, 302, "/new"));
    else
        GYRE_TRY(gyre_http_respondf(self->exchange, 200, "text/plain", "this is %s\n",
                                    gyre_http_exchange_path(self->exchange)));
    GYRE_END;
}

/* One page: its status, size and where it was found in the end. */
struct get {
    gyre_frame frame;
    gyre_http_client *client;
    const char *url;
    gyre_http_response *response;
    char *body;
    size_t size;
    int64_t n;
};
GYRE_CORO(get)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_http_get(self->client, self->url, &self->response));
    GYRE_TRY(gyre_http_response_read_all(self->response, 0, &self->body, &self->size));
    self->url = gyre_http_response_url(self->response);
    printf("%u, %zu bytes, at %s", gyre_http_response_status(self->response), self->size,
           strrchr(self->url, '/'));
    printf(gyre_http_response_timing(self->response)->redirects ? " (redirected)\n" : "\n");
    GYRE_FINALLY;
    gyre_free(self->body);
    GYRE_AWAIT(self->n, gyre_http_response_close(self->response));
    GYRE_END;
}

struct get_all {
    gyre_frame frame;
    int count;
    char **urls;
    gyre_http_server *server;
    gyre_http_client *client;
    gyre_task *tasks[64];
    char made[4][64], *list[4];
    int i;
    int64_t rc;
};
GYRE_CORO(get_all)
{
    static const char *const paths[] = {"/a", "/old", "/b", "/c"};

    GYRE_BEGIN;
    if (!self->count) {
        self->rc = GYRE_START_HTTP_SERVER(
            &self->server, ((gyre_http_server_options){.listen.host = "127.0.0.1"}), answer);
        for (self->count = 0; self->rc >= 0 && self->count < 4; self->count++) {
            self->list[self->count] = self->made[self->count];
            snprintf(self->made[self->count], 64, "http://127.0.0.1:%u%s",
                     gyre_http_server_port(self->server), paths[self->count]);
        }
        self->urls = self->list;
    }
    if (self->rc >= 0)
        self->rc = gyre_http_client_new(gyre_loop_current(),
                                        &(gyre_http_client_options){.limit_per_host = 2}, &self->client);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    for (self->i = 0; self->i < self->count && self->i < 64; self->i++)
        self->tasks[self->i] = GYRE_SPAWN(get, .client = self->client, .url = self->urls[self->i]);
    for (self->i = 0; self->i < self->count && self->i < 64; self->i++) {
        GYRE_AWAIT(self->rc, self->tasks[self->i]);
        if (self->rc < 0)
            printf("%s: %s %s\n", self->urls[self->i], gyre_strerror(self->rc),
                   gyre_error_text(gyre_error_current()));
        gyre_task_unref(self->tasks[self->i]);
    }
    GYRE_FINALLY;
    GYRE_AWAIT(self->rc, gyre_http_client_close(self->client));
    gyre_http_server_free(self->server);
    GYRE_END;
}

int main(int argc, char **argv)
{
    return GYRE_RUN(get_all, .count = argc - 1, .urls = argv + 1) < 0;
}
