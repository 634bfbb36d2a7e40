/* Unix sockets: one with a name in the file system, one with an abstract name, and who is at the other end. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gyre/gyre.h>

struct greet {
    gyre_frame frame;
    gyre_stream *stream;
    int64_t n;
};
GYRE_CORO(greet)
{
    static const char text[] = "welcome\n";

    GYRE_BEGIN;
    GYRE_TRY(gyre_stream_write(self->stream, text, strlen(text)));
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
    GYRE_END;
}

static bool same_process(gyre_stream *stream)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);

    return getsockopt(gyre_stream_fd(stream), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           peer.pid == getpid();
}

struct visit {
    gyre_frame frame;
    const char *path;
    gyre_stream *stream;
    const char *line;
    int64_t n;
};
GYRE_CORO(visit)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_open_unix_connection(self->path, NULL, &self->stream));
    GYRE_TRY(self->n, gyre_stream_readline(self->stream, &self->line));
    printf("read %.*s", (int)self->n, self->line);
    printf("the peer is this process: %d\n", same_process(self->stream));
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
    GYRE_END;
}

struct start {
    gyre_frame frame;
    char path[64], name[64];
    gyre_address abstract;
    gyre_server *named, *hidden;
    int64_t rc;
};
GYRE_CORO(start)
{
    GYRE_BEGIN;
    snprintf(self->path, sizeof(self->path), "/tmp/gyre-sample-%d.sock", getpid());
    snprintf(self->name, sizeof(self->name), "@gyre-sample-%d", getpid());
    self->rc = GYRE_START_SERVER(&self->named, ((gyre_server_options){.unix_path = self->path}), greet);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    GYRE_TRY(GYRE_CALL(visit, .path = self->path));
    self->name[0] = '\0'; /* abstract: the name begins with a 0 */
    self->rc = gyre_address_unix(&self->abstract, self->name, 1 + strlen(self->name + 1));
    self->name[0] = '@';
    if (self->rc >= 0)
        self->rc = GYRE_START_SERVER(
            &self->hidden,
            ((gyre_server_options){.addresses = &self->abstract, .address_count = 1}), greet);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    GYRE_TRY(GYRE_CALL(visit, .path = self->name));
    GYRE_FINALLY;
    gyre_server_free(self->named);
    gyre_server_free(self->hidden);
    printf("the name is gone: %d\n", access(self->path, F_OK) != 0);
    GYRE_END;
}

int main(void)
{
    return GYRE_RUN(start) < 0;
}
