/* Files to streams under torture: what was sent is what is counted, whatever fails. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../loop/alloc.h"
#include "../../net/sendfile.h"
#include "../../task/sleep.h"
#include "../support/torture.h"

enum { SIZE = 300000, OFFSET = 1000 };

static int file = -1, fds[2] = {-1, -1};

static char pattern(size_t i)
{
    return (char)(i * 7 + i / 251);
}

static int64_t make_file(gyre_loop *loop)
{
    char *data = malloc(SIZE);
    int64_t rc = 0;

    (void)loop;
    file = memfd_create("torture", MFD_CLOEXEC);
    for (size_t i = 0; data && i < SIZE; i++)
        data[i] = pattern(i);
    if (!data || write(file, data, SIZE) != SIZE ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        rc = -EIO;
    free(data);
    return rc;
}

static void close_all(void)
{
    int *all[] = {&file, &fds[0], &fds[1]};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (*all[i] >= 0)
            close(*all[i]);
        *all[i] = -1;
    }
}

static gyre_stream *adopt(int i)
{
    gyre_stream *stream;

    if (gyre_stream_new(gyre_loop_current(), fds[i], NULL, &stream) < 0)
        return NULL;
    fds[i] = -1;
    return stream;
}

/* Takes everything until the end, and sees that it is the file's. */
struct receive {
    gyre_frame frame;
    gyre_stream *stream;
    char buffer[8192];
    size_t got;
    int64_t n;
};
GYRE_CORO(receive)
{
    GYRE_BEGIN;
    do {
        GYRE_TRY(self->n, gyre_stream_read(self->stream, self->buffer, sizeof(self->buffer)));
        for (size_t i = 0; i < (size_t)self->n; i++, self->got++)
            if (self->buffer[i] != pattern(OFFSET + self->got))
                GYRE_RETURN(-EBADMSG);
    } while (self->n > 0);
    GYRE_RETURN((int64_t)self->got);
    GYRE_FINALLY;
    gyre_stream_abort(self->stream);
    GYRE_END;
}

struct transfer {
    gyre_frame frame;
    gyre_stream *near, *far;
    gyre_task *receiver;
    int64_t rc, sent, got;
};
GYRE_CORO(transfer)
{
    GYRE_BEGIN;
    self->near = adopt(0);
    self->far = adopt(1);
    if (!self->near || !self->far)
        GYRE_RETURN(-ENOMEM);
    self->receiver = GYRE_SPAWN(receive, .stream = self->far);
    if (!self->receiver)
        GYRE_RETURN(-ENOMEM);
    self->far = NULL;
    GYRE_AWAIT(self->rc, gyre_stream_sendfile(self->near, file, OFFSET, -1, &self->sent));
    if (self->rc >= 0 && self->rc != self->sent)
        __builtin_trap();
    GYRE_AWAIT(self->got, gyre_stream_close(self->near));
    self->near = NULL;
    if (self->got < 0 || self->rc < 0)
        GYRE_RETURN(self->got < 0 ? self->got : self->rc);
    GYRE_TRY(self->got, self->receiver);
    /* A receive that was made to look cancelled has taken its bytes along. */
    if (self->got != self->sent && torture_current_mode() != TORTURE_ECANCELED)
        __builtin_trap();
    GYRE_RETURN(self->sent);
    GYRE_FINALLY;
    gyre_stream_abort(self->near);
    gyre_stream_abort(self->far);
    if (self->receiver) {
        gyre_task_cancel(self->receiver);
        gyre_future_ignore(gyre_task_future(self->receiver));
        gyre_task_unref(self->receiver);
    }
    GYRE_END;
}

int main(int argc, char **argv)
{
    const torture_scenario scenarios[] = {
        {TORTURE_MAIN(transfer), .flags = TORTURE_IO, .expect = SIZE - OFFSET, .setup = make_file,
         .teardown = close_all},
    };

    return torture_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
