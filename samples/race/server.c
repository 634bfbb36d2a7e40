/* The embedded HTTPS server: thinks for a while, then answers with the file the path describes. */
#include "server.h"

#include <errno.h>
#include <gyre/gyre.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "content.h"

struct answer {
    gyre_frame frame;
    gyre_http_exchange *exchange;
    struct file file;
};
GYRE_CORO(answer)
{
    /* One for all: filled and handed over without an await in between. */
    static unsigned char content[LARGEST_FILE];

    GYRE_BEGIN;
    if (sscanf(gyre_http_exchange_path(self->exchange), "/%u/%u/%u", &self->file.size,
               &self->file.delay_ms, &self->file.number) != 3 ||
        self->file.size > LARGEST_FILE)
        GYRE_RETURN(404);
    GYRE_TRY(gyre_sleep(GYRE_MS((int64_t)self->file.delay_ms)));
    content_make(self->file, content);
    GYRE_TRY(gyre_http_respond(self->exchange, 200, "application/octet-stream", content,
                               self->file.size));
    GYRE_END;
}

struct serve {
    gyre_frame frame;
    const struct race *race;
    gyre_tls_context *tls;
    gyre_http_server *server;
    int64_t rc;
};
GYRE_CORO(serve)
{
    GYRE_BEGIN;
    self->rc = GYRE_START_HTTP_SERVER(
        &self->server,
        ((gyre_http_server_options){
            .listen = {.host = "127.0.0.1", .backlog = MOST_AT_ONCE, .tls = self->tls}}),
        answer);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    atomic_store(&self->race->board->port, gyre_http_server_port(self->server));
    GYRE_TRY(gyre_sleep(GYRE_FOREVER));
    GYRE_FINALLY;
    gyre_http_server_free(self->server);
    GYRE_END;
}

/* The whole life of the process. */
static void run_server(const struct race *race, const char *identity)
{
    const gyre_tls_options options = {.cert_pem = identity, .cert_pem_size = strlen(identity)};
    gyre_tls_context *tls = NULL;
    int64_t rc = gyre_tls_server_context(&options, &tls);

    if (rc >= 0)
        rc = GYRE_RUN(serve, .race = race, .tls = tls);
    gyre_tls_context_unref(tls);
    if (rc == -EINTR)
        return;
    board_complain(race->board, "the server ended: %s",
                   rc == GYRE_ENORING ? gyre_loop_error_text() : gyre_strerror(rc));
}

pid_t server_start(const struct race *race, const char *identity)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    pid_t server = board_fork(NULL);

    if (server == 0) {
        run_server(race, identity);
        _exit(EXIT_SUCCESS);
    }
    if (server < 0)
        board_complain(race->board, "cannot start the server: %s", strerror(errno));
    while (server > 0 && atomic_load(&race->board->port) == 0) {
        if (waitpid(server, NULL, WNOHANG) == server)
            server = -1;
        nanosleep(&moment, NULL);
    }
    return server;
}

void server_stop(pid_t server)
{
    kill(server, SIGTERM);
    while (waitpid(server, NULL, 0) < 0 && errno == EINTR)
        ;
}
