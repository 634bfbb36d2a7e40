/* An HTTP server that thinks for a while, then answers the same to everybody. */
#include "server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "settings.h"
#include "work.h"

struct answer {
    gyre_frame frame;
    gyre_http_exchange *exchange;
};
GYRE_CORO(answer)
{
    static const char body[NETWORK_BODY];

    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(GYRE_MS((int64_t)settings.delay_ms)));
    GYRE_TRY(
        gyre_http_respond(self->exchange, 200, "application/octet-stream", body, sizeof(body)));
    GYRE_END;
}

struct serve {
    gyre_frame frame;
    int told; /* a pipe: the port is written to it, or an error */
    gyre_http_server *server;
    int64_t rc;
};
GYRE_CORO(serve)
{
    GYRE_BEGIN;
    self->rc = GYRE_START_HTTP_SERVER(
        &self->server,
        ((gyre_http_server_options){.listen = {.host = "127.0.0.1", .backlog = MOST_AT_ONCE}}),
        answer);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    self->rc = gyre_http_server_port(self->server);
    if (write(self->told, &self->rc, sizeof(self->rc)) != sizeof(self->rc))
        GYRE_RETURN(-EPIPE);
    GYRE_TRY(gyre_sleep(GYRE_FOREVER));
    GYRE_FINALLY;
    gyre_http_server_free(self->server);
    GYRE_END;
}

/* The whole life of the process. */
static void run_server(int told)
{
    int64_t rc;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    rc = GYRE_RUN(serve, .told = told);
    if (rc != -EINTR && write(told, &rc, sizeof(rc)) != sizeof(rc))
        _exit(EXIT_FAILURE);
    _exit(EXIT_SUCCESS);
}

pid_t server_start(void)
{
    int64_t port = -EPIPE;
    int told[2];
    pid_t server;

    fflush(NULL); /* what waits in a buffer would be written twice */
    if (pipe(told) < 0 || (server = fork()) < 0) {
        say("cannot start the server: %s", strerror(errno));
        return -1;
    }
    if (server == 0) {
        close(told[0]);
        run_server(told[1]);
    }
    close(told[1]);
    if (read(told[0], &port, sizeof(port)) != sizeof(port) || port < 0) {
        say("cannot start the server: %s", gyre_strerror(port));
        server_stop(server);
        server = -1;
    }
    close(told[0]);
    network_port = (uint16_t)port;
    return server;
}

void server_stop(pid_t server)
{
    kill(server, SIGTERM);
    while (waitpid(server, NULL, 0) < 0 && errno == EINTR)
        ;
}
