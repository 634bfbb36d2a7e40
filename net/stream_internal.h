/* The stream's insides: stream.c has its life, stream_receive.c, stream_read.c and stream_write.c its two sides. */
#ifndef GYRE_NET_STREAM_INTERNAL_H
#define GYRE_NET_STREAM_INTERNAL_H

#include "../task/task_internal.h"
#include "bytes_internal.h"
#include "stream.h"

/* How the pending receive delivers. */
enum gyre__receive_mode {
    GYRE__RECEIVE_NONE,      /* nothing is pending */
    GYRE__RECEIVE_MULTISHOT, /* into provided buffers, again and again */
    GYRE__RECEIVE_ONCE,      /* into a provided buffer, once */
    GYRE__RECEIVE_READY,     /* not yet: once there is something it goes to the reader's memory */
    GYRE__RECEIVE_DIRECT,    /* once, into the waiting reader's memory: pipes */
    GYRE__RECEIVE_BUFFERED,  /* once, into `in`: pipes, and kernels without provided buffers */
};

struct gyre__kept {
    struct gyre__kept *next;
    gyre__bytes bytes;
};

struct gyre_stream {
    gyre_loop *loop;
    struct gyre__stream_tls *tls; /* stream_tls.c; NULL: what is received is what is read */
    unsigned refs;      /* the owner's and one per op in flight */
    int fd;             /* -1 once closed */
    bool is_socket;
    size_t limit, high_water, low_water;

    /* reading */
    gyre__op receive;
    gyre__node pump;      /* pauses a multishot receive outside the reaping */
    bool pump_queued;
    uint8_t mode;         /* enum gyre__receive_mode */
    bool no_multishot;    /* the kernel refused it */
    uint8_t family;       /* of the socket, once it was asked for; 0: not yet */
    bool end_missed;      /* the kernel may have: the multishot receive must begin anew */
    bool receive_cancelled;
    bool eof;
    bool drained;         /* the last receive took all there was */
    bool large_messages;  /* those that came last were */
    bool peeked;          /* a caller may still look at what `in` holds */
    bool composing;       /* a read made of several waits is under way */
    int64_t read_error;
    gyre__bytes in;       /* what nobody has read yet, behind `held` bytes that were given away */
    size_t held;          /* bytes at the start of `in` that a caller may still look at, until the next read */
    struct gyre__kept *kept; /* blocks that `in` has left but a caller may still look at */
    gyre__bytes staging;  /* where a buffered receive writes */
    gyre_task *reader;    /* parked */
    char *target;         /* where a parked plain read wants its bytes; NULL: it waits for `in` to grow */
    size_t target_size;   /* size of the target, or how many bytes `in` must hold */
    size_t received;      /* how many the target got */

    /* writing */
    gyre__op send;
    bool send_active;     /* from its start until its completion was handled */
    gyre__bytes sending;  /* belongs to the kernel while `send` is in flight */
    gyre__bytes pending;  /* what came meanwhile */
    bool eof_wanted;      /* shut the sending side down when all is sent */
    int64_t write_error;
    gyre_task *writer;    /* parked until `unsent` is at most wake_at */
    size_t wake_at;
    int64_t write_result; /* what its await gives */

    /* a transport (transport.c) that is told of everything that happens, or NULL */
    gyre__node *listener;
    bool listener_queued;
    bool listening;       /* it wants data: receive without a reader */

    /* closing */
    bool closing;
    bool aborted;         /* do not wait for unsent bytes */
    bool timed_out;
    gyre_task *closer;    /* parked in gyre_stream_close */
    gyre__timer deadline; /* holds a reference while it is set or due */
    int64_t close_timeout;
    gyre__close_hook hook; /* in the loop's list until the descriptor is closed */
};

static inline gyre__blocks *gyre__stream_blocks(gyre_stream *stream)
{
    return &stream->loop->blocks;
}

/* Bytes that nobody has read yet, and where they are (NULL when there are none). */
static inline size_t gyre__stream_available(const gyre_stream *stream)
{
    return gyre__bytes_length(&stream->in) - stream->held;
}

static inline const char *gyre__stream_peek(const gyre_stream *stream, size_t *out_size)
{
    *out_size = gyre__stream_available(stream);
    return *out_size ? gyre__bytes_head(&stream->in) + stream->held : NULL;
}

/* Gives one reference back; the last one frees the stream. */
void gyre__stream_unref(gyre_stream *stream);

/* Has the transport's node run in the next iteration, with a reference to the stream. */
void gyre__stream_notify(gyre_stream *stream);

/* Closes without anybody waiting: gracefully within the close timeout, or at once. */
void gyre__stream_close_soon(gyre_stream *stream, bool abort);

/* After -EAGAIN: operations on a descriptor with O_NONBLOCK would fail at once again. */
void gyre__stream_make_blocking(const gyre_stream *stream);

/* Whenever an op has ended: goes on with closing, if it is under way. */
void gyre__stream_advance_close(gyre_stream *stream);

/* Closing gives up after that time from now, whatever was set before; GYRE_FOREVER: never. */
void gyre__stream_set_deadline(gyre_stream *stream, int64_t timeout);

/* stream_receive.c: prepares the op; ends whatever read waits because the stream has ended. */
void gyre__stream_init_read(gyre_stream *stream);
void gyre__stream_end_read(gyre_stream *stream);
/*
 * Starts a receive if none is pending and the state allows. A failure is the stream's read error.
 */
void gyre__stream_receive(gyre_stream *stream);

/* True if what the reader waits for should be received straight into its memory. */
bool gyre__stream_wants_direct(const gyre_stream *stream);

/* Room for `size` bytes behind `in`, without moving bytes that a caller may still look at; false: no memory. */
bool gyre__stream_make_room(gyre_stream *stream, size_t size);

/* True if what the reader waits for is there, or will never be. */
bool gyre__stream_is_satisfied(const gyre_stream *stream);

/* Bytes have come, or never will: the parked reader goes on if that is what it waits for. */
void gyre__stream_wake_reader(gyre_stream *stream);

/* Outside the reaping: stops a receive whose bytes nobody wants for now. */
void gyre__stream_pause_soon(gyre_stream *stream);

/* For composed reads: one begins (-EBUSY, or takes a reference), waits, gives bytes away, ends. */
int64_t gyre__stream_compose(gyre_stream *stream);
void gyre__stream_composed(gyre_stream *stream);
GYRE_MUST_USE gyre_await gyre__stream_fill(gyre_stream *stream, size_t count);
GYRE_MUST_USE gyre_await gyre__stream_read_some(gyre_stream *stream, void *buffer, size_t size);
const char *gyre__stream_give(gyre_stream *stream, size_t size);

/* Drops what was given away to look at: every read begins with it. */
void gyre__stream_settle(gyre_stream *stream);

/* Receives for a transport, or stops doing so once enough lies there. */
void gyre__stream_listen(gyre_stream *stream, bool on);

/* stream_write.c */
void gyre__stream_init_write(gyre_stream *stream);
void gyre__stream_end_write(gyre_stream *stream);
/* gyre_stream_write_soon() for several pieces. */
int64_t gyre__stream_writev_soon(gyre_stream *stream, const struct iovec *pieces, size_t count);

/* Sends what lies in `pending`, at once as far as the socket takes it. Not inside the reaping. */
void gyre__stream_push(gyre_stream *stream);

/* The connection cannot be written to any more: what is unsent never will be. */
void gyre__stream_fail_write(gyre_stream *stream, int64_t error);

#endif
