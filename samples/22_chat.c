/* A chat: every line goes to all clients, and one that does not read stalls nobody. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <gyre/gyre.h>

enum { CLIENTS = 4, MOST_UNSENT = 65536 };

static gyre_stream *members[CLIENTS];

/* Never waits for a member: who has too much unread is thrown out. */
static void broadcast(const char *line, size_t size)
{
    for (int i = 0; i < CLIENTS; i++) {
        if (!members[i])
            continue;
        if (gyre_stream_unsent(members[i]) > MOST_UNSENT) {
            puts("a member that does not read is thrown out");
            gyre_stream_abort(members[i]);
            members[i] = NULL;
        } else {
            gyre_stream_write_soon(members[i], line, size);
        }
    }
}

struct member {
    gyre_frame frame;
    gyre_stream *stream;
    const char *line;
    int place;
    int64_t n;
};
GYRE_CORO(member)
{
    GYRE_BEGIN;
    while (members[self->place])
        self->place++;
    members[self->place] = self->stream;
    setsockopt(gyre_stream_fd(self->stream), SOL_SOCKET, SO_SNDBUF, &(int){16384}, sizeof(int));
    for (;;) {
        GYRE_AWAIT(self->n, gyre_stream_readline(self->stream, &self->line));
        if (self->n <= 0)
            break;
        broadcast(self->line, (size_t)self->n);
    }
    GYRE_FINALLY;
    if (members[self->place] == self->stream) { /* else it was thrown out */
        members[self->place] = NULL;
        GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
    }
    GYRE_END;
}

/* Reads until it has seen the last line; the lazy one only sleeps. */
struct client {
    gyre_frame frame;
    uint16_t port;
    bool lazy, speaks;
    gyre_stream *stream;
    const char *line;
    int lines, i;
    int64_t n;
};
GYRE_CORO(client)
{
    static char text[1000];

    GYRE_BEGIN;
    GYRE_TRY(gyre_open_connection("127.0.0.1", self->port, NULL, &self->stream));
    if (self->lazy)
        GYRE_TRY(gyre_sleep(GYRE_FOREVER));
    GYRE_TRY(gyre_sleep(GYRE_MS(20))); /* until all are there */
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\n';
    while (self->lines < 2000) {
        if (self->speaks)
            GYRE_TRY(gyre_stream_write(self->stream, text, sizeof(text)));
        GYRE_TRY(self->n, gyre_stream_readline(self->stream, &self->line));
        self->lines++;
    }
    GYRE_RETURN(self->lines);
    GYRE_FINALLY;
    gyre_stream_abort(self->stream);
    GYRE_END;
}

struct chat {
    gyre_frame frame;
    gyre_server *server;
    gyre_task *clients[CLIENTS];
    int i;
    int64_t rc;
};
GYRE_CORO(chat)
{
    GYRE_BEGIN;
    self->rc = GYRE_START_SERVER(&self->server, ((gyre_server_options){.host = "127.0.0.1"}), member);
    for (self->i = 0; self->i < CLIENTS && self->rc >= 0; self->i++)
        self->clients[self->i] = GYRE_SPAWN(client, .port = gyre_server_port(self->server),
                                            .lazy = self->i == 0, .speaks = self->i == 1);
    for (self->i = 1; self->i < CLIENTS; self->i++) {
        GYRE_AWAIT(self->rc, self->clients[self->i]);
        printf("client %d read %lld lines\n", self->i, (long long)self->rc);
    }
    GYRE_FINALLY;
    for (self->i = 0; self->i < CLIENTS; self->i++)
        gyre_task_unref(self->clients[self->i]); /* the lazy one is cancelled with the run */
    gyre_server_free(self->server);
    GYRE_END;
}

int main(void)
{
    return GYRE_RUN(chat) < 0;
}
