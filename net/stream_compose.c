/* Reads made of several waits: exactly n bytes, up to a separator, a line. */
#include <errno.h>
#include <string.h>

#include "stream_internal.h"

/* Up to this size exact reads wait in the stream's buffer, so that a cancelled one has consumed nothing. */
enum { BUFFERED_EXACT = 65536 };

/* ---- exactly n bytes ---- */

struct read_exactly {
    gyre_frame frame;
    gyre_stream *stream; /* reference through composing */
    char *buffer;
    size_t size, got;
    int64_t n;
};

/* Without room for it, what came behind it is dropped, too: nobody may read bytes from which others are missing. */
static void put_back(gyre_stream *stream, const char *data, size_t size)
{
    if (gyre__bytes_unread(&stream->in, gyre__stream_blocks(stream), data, size))
        return;
    gyre__bytes_clear(&stream->in, gyre__stream_blocks(stream));
    stream->read_error = -ENOMEM;
}

GYRE_CORO(read_exactly)
{
    GYRE_BEGIN;
    while (self->got < self->size) {
        if (self->size <= BUFFERED_EXACT) {
            GYRE_TRY(self->n, gyre__stream_fill(self->stream, self->size));
            if ((size_t)self->n < self->size)
                GYRE_RETURN(GYRE_EINCOMPLETE);
        }
        GYRE_TRY(self->n, gyre__stream_read_some(self->stream, self->buffer + self->got,
                                                 self->size - self->got));
        if (self->n == 0)
            GYRE_RETURN(GYRE_EINCOMPLETE);
        self->got += (size_t)self->n;
    }
    GYRE_RETURN((int64_t)self->size);
    GYRE_FINALLY;
    if (self->frame.value < 0 && self->got)
        put_back(self->stream, self->buffer, self->got);
    gyre__stream_composed(self->stream);
    GYRE_END;
}

gyre_await gyre_stream_read_exactly(gyre_stream *stream, void *buffer, size_t size)
{
    gyre_task *task = gyre__task_running(__func__);
    int64_t rc = gyre__stream_compose(stream);
    gyre_await pending;

    if (rc < 0)
        return gyre__complete(task, rc);
    pending = gyre__call(&read_exactly_coro,
                         &(struct read_exactly){
                             .frame = {.coro = &read_exactly_coro, .leaf = true},
                             .stream = stream,
                             .buffer = buffer,
                             .size = size,
                         });
    if (!pending.pending)
        gyre__stream_composed(stream);
    return pending;
}

/* ---- up to a separator ---- */

struct read_until {
    gyre_frame frame;
    gyre_stream *stream; /* reference through composing */
    const char *separator; /* NULL: a line */
    size_t separator_size;
    const char **out_data;
    size_t searched; /* bytes in which no separator begins */
    int64_t n;
};

/* Length up to and with the separator in what is buffered; 0 if there is none yet. */
static size_t find_end(struct read_until *self)
{
    const char *separator = self->separator ? self->separator : "\n";
    size_t size, width = self->separator_size;
    const char *data = gyre__stream_peek(self->stream, &size), *found; /* not kept over a wait */

    if (size < width + self->searched)
        return 0;
    found = width == 1 ? memchr(data + self->searched, separator[0], size - self->searched)
                       : memmem(data + self->searched, size - self->searched, separator, width);
    if (found)
        return (size_t)(found - data) + width;
    self->searched = size - width + 1;
    return 0;
}

GYRE_CORO(read_until)
{
    GYRE_BEGIN;
    for (;;) {
        self->n = (int64_t)find_end(self);
        if (self->n > (int64_t)self->stream->limit)
            GYRE_RETURN(GYRE_ELIMIT);
        if (self->n > 0)
            break;
        if (self->searched + self->separator_size > self->stream->limit)
            GYRE_RETURN(GYRE_ELIMIT);
        self->n = (int64_t)gyre__stream_available(self->stream);
        if (self->stream->eof)
            break;
        GYRE_TRY(gyre__stream_fill(self->stream, (size_t)self->n + 1));
        continue;
    }
    if (self->stream->eof && find_end(self) == 0 && self->separator)
        GYRE_RETURN(GYRE_EINCOMPLETE);
    *self->out_data = self->n ? gyre__stream_give(self->stream, (size_t)self->n) : "";
    GYRE_RETURN(self->n);
    GYRE_FINALLY;
    gyre__stream_composed(self->stream);
    GYRE_END;
}

static gyre_await start_read_until(gyre_stream *stream, const char *separator, size_t size,
                                   const char **out_data)
{
    gyre_task *task = gyre__task_running("gyre_stream_read_until");
    int64_t rc = size ? gyre__stream_compose(stream) : -EINVAL;
    gyre_await pending;

    if (rc < 0)
        return gyre__complete(task, rc);
    pending = gyre__call(&read_until_coro, &(struct read_until){
                                               .frame = {.coro = &read_until_coro, .leaf = true},
                                               .stream = stream,
                                               .separator = separator,
                                               .separator_size = size,
                                               .out_data = out_data,
                                           });
    if (!pending.pending)
        gyre__stream_composed(stream);
    return pending;
}

gyre_await gyre_stream_read_until(gyre_stream *stream, const void *separator, size_t separator_size,
                                  const char **out_data)
{
    return start_read_until(stream, separator, separator_size, out_data);
}

gyre_await gyre_stream_readline(gyre_stream *stream, const char **out_line)
{
    return start_read_until(stream, NULL, 1, out_line);
}
