/* Files to streams: read a piece, write it, in one buffer of 64 KiB. */
#include "sendfile.h"

#include <errno.h>

#include "../loop/alloc.h"
#include "../task/task_internal.h"
#include "raw.h"

enum { PIECE = 65536 };

struct stream_sendfile {
    gyre_frame frame;
    gyre_stream *stream;
    int file;
    int64_t offset, left; /* left: -1 without a limit */
    int64_t *out_sent;
    int64_t sent, n, rc;
    char *buffer;
};

static size_t next_size(const struct stream_sendfile *self)
{
    return self->left >= 0 && self->left < PIECE ? (size_t)self->left : PIECE;
}

static void count_sent(struct stream_sendfile *self)
{
    self->sent += self->n;
    self->offset += self->n;
    if (self->left >= 0)
        self->left -= self->n;
    if (self->out_sent)
        *self->out_sent = self->sent;
}

GYRE_CORO(stream_sendfile)
{
    GYRE_BEGIN;
    self->buffer = gyre_alloc(PIECE);
    if (!self->buffer)
        GYRE_RETURN(-ENOMEM);
    while (next_size(self) > 0) {
        GYRE_TRY(self->n, gyre_read(self->file, self->buffer, next_size(self), self->offset));
        if (self->n == 0)
            break;
        /* The stream has taken the bytes even if the wait for room ends with an error or a cancellation. */
        GYRE_AWAIT(self->rc, gyre_stream_write(self->stream, self->buffer, (size_t)self->n));
        if (self->rc >= 0 || self->rc == GYRE_ECANCELLED)
            count_sent(self);
        if (self->rc < 0)
            GYRE_RETURN(self->rc);
    }
    GYRE_RETURN(self->sent);
    GYRE_FINALLY;
    gyre_free(self->buffer);
    GYRE_END;
}

gyre_await gyre_stream_sendfile(gyre_stream *stream, int file, int64_t offset, int64_t count,
                                int64_t *out_sent)
{
    if (out_sent)
        *out_sent = 0;
    if (offset < 0)
        return gyre__complete(gyre__task_running(__func__), -EINVAL);
    return gyre__call(&stream_sendfile_coro,
                      &(struct stream_sendfile){
                          .frame = {.coro = &stream_sendfile_coro, .leaf = true},
                          .stream = stream,
                          .file = file,
                          .offset = offset,
                          .left = count < 0 ? -1 : count,
                          .out_sent = out_sent,
                      });
}
