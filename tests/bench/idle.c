/*
 * Memory of an idle connection: a TCP stream and its session task that waits for bytes, with 10,000 of them in one
 * process. Prints "idle_mem N bytes": resident memory a connection; what the kernel keeps is not in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "bench.h"
#include "net/server.h"
#include "task/run.h"
#include "task/sleep.h"

enum { CONNECTIONS = 10000, WARM_UP = 100 };

struct session {
    gyre_frame frame;
    gyre_stream *stream;
    size_t size;
    int64_t n;
};
GYRE_CORO(session)
{
    GYRE_BEGIN;
    for (;;) {
        const char *data;

        GYRE_TRY(self->n, gyre_stream_fill(self->stream, 1)); /* idle: no buffer anywhere */
        if (self->n == 0)
            GYRE_RETURN(0);
        data = gyre_stream_peek(self->stream, &self->size);
        self->n = gyre_stream_write_soon(self->stream, data, self->size);
        gyre_stream_consume(self->stream, self->size);
        GYRE_TRY(gyre_stream_drain(self->stream));
    }
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
    GYRE_END;
}

static void raise_limit(void)
{
    struct rlimit limit;

    bench_check(getrlimit(RLIMIT_NOFILE, &limit) == 0, "getrlimit");
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    bench_check(limit.rlim_cur > CONNECTIONS + 100, "room for 10,000 descriptors (ulimit -n)");
}

/* The other side: connects, says a word and hears it, and stays until the pipe ends. */
static void run_client(uint16_t port, int go, int ready)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char byte;

    for (int i = 0; i < CONNECTIONS + WARM_UP; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        bench_check(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0, "connect");
        bench_check(send(fd, "x", 1, 0) == 1 && recv(fd, &byte, 1, 0) == 1, "an echo");
        if (i == WARM_UP - 1)
            bench_check(write(ready, "w", 1) == 1 && read(go, &byte, 1) == 1, "the pipe");
    }
    bench_check(write(ready, "r", 1) == 1, "the pipe");
    _exit(read(go, &byte, 1) != 0);
}

struct serve {
    gyre_frame frame;
    double *out;
    gyre_server *server;
    int go[2], ready[2];
    pid_t child;
    double before;
    int64_t rc;
};

static void start_client(struct serve *self)
{
    bench_check(pipe(self->go) == 0 && pipe(self->ready) == 0, "pipe");
    fcntl(self->ready[0], F_SETFL, O_NONBLOCK);
    self->child = fork();
    if (self->child == 0) {
        close(self->go[1]); /* else its own end would keep it waiting */
        run_client(gyre_server_port(self->server), self->go[0], self->ready[1]);
    }
}

static bool is_ready(const struct serve *self)
{
    char byte;

    return read(self->ready[0], &byte, 1) == 1;
}

GYRE_CORO(serve)
{
    GYRE_BEGIN;
    self->rc = GYRE_START_SERVER(&self->server, ((gyre_server_options){.host = "127.0.0.1"}), session);
    bench_check(self->rc == 0, "the server");
    start_client(self);
    while (!is_ready(self))
        GYRE_TRY(gyre_sleep(GYRE_MS(5)));
    GYRE_TRY(gyre_sleep(GYRE_MS(20)));
    self->before = bench_resident();
    bench_check(write(self->go[1], "g", 1) == 1, "the pipe");
    while (!is_ready(self))
        GYRE_TRY(gyre_sleep(GYRE_MS(5)));
    GYRE_TRY(gyre_sleep(GYRE_MS(50)));
    bench_check(gyre_server_connections(self->server) == CONNECTIONS + WARM_UP, "10,000 sessions");
    self->out[0] = (bench_resident() - self->before) / CONNECTIONS;
    close(self->go[1]);
    GYRE_TRY(gyre_server_stop(self->server, GYRE_SECONDS(10)));
    bench_check(waitpid(self->child, NULL, 0) == self->child, "the client");
    gyre_server_free(self->server);
    GYRE_END;
}

int main(void)
{
    double memory = 0;

    raise_limit();
    bench_check(GYRE_RUN(serve, .out = &memory) >= 0, "the run");
    bench_print("idle_mem", memory, "bytes");
    return 0;
}
