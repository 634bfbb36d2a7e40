/* The network: requests to a server that thinks before it answers. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "settings.h"
#include "tally.h"
#include "work.h"

uint16_t network_port;

static unsigned count(void)
{
    return settings.pieces;
}

static void describe(void)
{
    printf("Network: %u requests to a server that thinks for %u ms", settings.pieces,
           settings.delay_ms);
}

/* ---- blocking ---- */

static int connect_socket(void)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(network_port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* An answer: its head, an empty line, the body until the connection ends. Gives the body's size. */
static int64_t read_answer(int fd)
{
    char buffer[NETWORK_BODY + 4096];
    const char *body;
    size_t used = 0;
    ssize_t n;

    while ((n = read(fd, buffer + used, sizeof(buffer) - 1 - used)) > 0)
        used += (size_t)n;
    buffer[used] = '\0';
    body = strstr(buffer, "\r\n\r\n");
    if (n < 0 || !body || strncmp(buffer, "HTTP/1.1 200 ", 13) != 0)
        return n < 0 ? -errno : -EPROTO;
    return (int64_t)(used - (size_t)(body + 4 - buffer));
}

static int64_t piece(unsigned number)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
    int fd = connect_socket();
    int64_t result;

    (void)number;
    if (fd < 0)
        return -errno;
    if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) == sizeof(request) - 1)
        result = read_answer(fd);
    else
        result = -errno;
    close(fd);
    return result;
}

/* ---- awaiting ---- */

static gyre_http_client *client;

static int64_t open_client(void)
{
    return gyre_http_client_new(gyre_loop_current(),
                                &(gyre_http_client_options){.limit = MOST_AT_ONCE}, &client);
}

static void close_client(void)
{
    gyre_http_client_abort(client);
    client = NULL;
}

struct get {
    gyre_frame frame;
    gyre_http_response *response;
    char url[64], *body;
    int64_t n;
};
GYRE_CORO(get)
{
    GYRE_BEGIN;
    snprintf(self->url, sizeof(self->url), "http://127.0.0.1:%u/", network_port);
    GYRE_TRY(gyre_http_get(client, self->url, &self->response));
    if (gyre_http_response_status(self->response) != 200)
        GYRE_RETURN(-EPROTO);
    GYRE_TRY(self->n, gyre_http_response_read_all(self->response, 0, &self->body, NULL));
    tally_add(self->n);
    GYRE_FINALLY;
    gyre_free(self->body);
    GYRE_AWAIT(self->n, gyre_http_response_close(self->response));
    GYRE_END;
}

static bool spawn(gyre_group *group, unsigned number)
{
    (void)number;
    return GYRE_GROUP_SPAWN_DETACHED(group, get);
}

const struct work network_work = {.count = count,
                                  .workers = count,
                                  .describe = describe,
                                  .piece = piece,
                                  .spawn = spawn,
                                  .open = open_client,
                                  .close = close_client};
