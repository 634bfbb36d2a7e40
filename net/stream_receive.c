/* Receiving for a stream: the op, its modes, and where the bytes go. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "../loop/provided_internal.h"
#include "../task/unwind_internal.h"
#include "stream_tls_internal.h"

/*
 * From DIRECT_SIZE on a read goes straight into the caller's memory, which saves a copy. Below, a multishot
 * receive is cheaper, unless the messages are large: from LARGE_MESSAGE on direct, until they are small again.
 */
enum { DIRECT_SIZE = 16384, LARGE_MESSAGE = 8192, SMALL_MESSAGE = 512, STAGING_SIZE = 16384 };

/* For TLS, which cannot receive into the reader's memory: several records at a time. */
enum { TLS_STAGING_SIZE = 65536 };

static void forget_kept(gyre_stream *stream)
{
    struct gyre__kept *kept = stream->kept;

    stream->kept = kept->next;
    gyre__bytes_clear(&kept->bytes, gyre__stream_blocks(stream));
    gyre__blocks_give(gyre__stream_blocks(stream), kept, sizeof(*kept));
}

/* Every read begins here: what the one before gave away is dropped now. */
void gyre__stream_settle(gyre_stream *stream)
{
    if (stream->held) {
        gyre__bytes_consume(&stream->in, gyre__stream_blocks(stream), stream->held);
        stream->held = 0;
    }
    stream->peeked = false;
    while (stream->kept)
        forget_kept(stream);
}

/* Puts a larger buffer in the place of one that a caller may still look at. */
static bool replace_buffer(gyre_stream *stream, size_t room)
{
    gyre__blocks *blocks = gyre__stream_blocks(stream);
    struct gyre__kept *kept = gyre__blocks_take(blocks, sizeof(*kept));
    gyre__bytes fresh = {NULL, 0, 0, 0};
    size_t unread = gyre__stream_available(stream);

    if (!kept)
        return false;
    if (!gyre__bytes_reserve(&fresh, blocks, unread + room)) {
        gyre__blocks_give(blocks, kept, sizeof(*kept));
        return false;
    }
    gyre__bytes_append(&fresh, blocks, gyre__bytes_head(&stream->in) + stream->held, unread);
    *kept = (struct gyre__kept){.next = stream->kept, .bytes = stream->in};
    stream->kept = kept;
    stream->in = fresh;
    stream->held = 0;
    stream->peeked = false;
    return true;
}

bool gyre__stream_make_room(gyre_stream *stream, size_t size)
{
    if ((stream->held || stream->peeked) && stream->in.capacity - stream->in.end < size &&
        !replace_buffer(stream, size))
        return false;
    return gyre__bytes_reserve(&stream->in, gyre__stream_blocks(stream), size);
}

static bool append(gyre_stream *stream, const char *data, size_t size)
{
    return gyre__stream_make_room(stream, size) &&
           gyre__bytes_append(&stream->in, gyre__stream_blocks(stream), data, size);
}

bool gyre__stream_is_satisfied(const gyre_stream *stream)
{
    if (stream->eof || stream->read_error || stream->closing)
        return true;
    if (stream->target)
        return stream->received > 0;
    return stream->target_size && gyre__stream_available(stream) >= stream->target_size;
}

void gyre__stream_wake_reader(gyre_stream *stream)
{
    if (stream->reader && gyre__stream_is_satisfied(stream))
        gyre__wake_task(stream->reader);
    gyre__stream_notify(stream);
}

static void note_size(gyre_stream *stream, size_t size)
{
    if (size >= LARGE_MESSAGE)
        stream->large_messages = true;
    else if (size < SMALL_MESSAGE)
        stream->large_messages = false;
}

bool gyre__stream_wants_direct(const gyre_stream *stream)
{
    return stream->target && !stream->tls &&
           (stream->target_size >= DIRECT_SIZE ||
            (stream->large_messages && stream->target_size >= LARGE_MESSAGE));
}

/*
 * Bytes have arrived: first to the waiting reader's memory, the rest to `in`. Once some had no room, those behind
 * them are dropped too: readers get a beginning and the error, never bytes from which others are missing.
 */
static void deliver(gyre_stream *stream, const char *data, size_t size)
{
    if (stream->read_error)
        return;
    note_size(stream, size);
    if (stream->tls) {
        gyre__stream_tls_received(stream, data, size);
        return;
    }
    if (stream->target && gyre__stream_available(stream) == 0 && stream->received < stream->target_size) {
        size_t part = stream->target_size - stream->received;

        part = part < size ? part : size;
        memcpy(stream->target + stream->received, data, part);
        stream->received += part;
        data += part;
        size -= part;
    }
    if (size && !append(stream, data, size)) {
        stream->read_error = -ENOMEM;
        gyre__stream_pause_soon(stream);
    }
    gyre__stream_wake_reader(stream);
}

/* Nothing more will be received: the end of the stream, or an error. */
static void transport_ended(gyre_stream *stream, int64_t error)
{
    if (stream->tls)
        gyre__stream_tls_ended(stream, error);
    else if (error)
        stream->read_error = error;
    else
        stream->eof = true;
}

/* ---- receiving ---- */

static gyre_stream *of_receive(gyre__op *op)
{
    return GYRE__CONTAINER(op, gyre_stream, receive);
}

/* Back-pressure: nobody reads, so the kernel must stop receiving. The next wait starts it again. */
static void run_pump(gyre__node *node)
{
    gyre_stream *stream = GYRE__CONTAINER(node, gyre_stream, pump);

    stream->pump_queued = false;
    if (stream->mode == GYRE__RECEIVE_MULTISHOT && !stream->receive_cancelled &&
        (gyre__stream_available(stream) >= 2 * stream->limit || stream->eof || stream->read_error ||
         stream->end_missed)) {
        stream->receive_cancelled = true;
        gyre__op_cancel(&stream->receive);
    }
    gyre__stream_unref(stream);
}

static void take_buffer(gyre_stream *stream, const gyre__op *op)
{
    if (op->res > 0)
        deliver(stream, gyre__provided_data(stream->loop, op->flags), (size_t)op->res);
    gyre__provided_return(stream->loop, op->flags);
}

void gyre__stream_pause_soon(gyre_stream *stream)
{
    if (stream->pump_queued)
        return;
    stream->pump_queued = true;
    stream->refs++;
    gyre__ready_push(&stream->loop->ready, &stream->pump);
}

/*
 * When the peer's last bytes and its end wake a multishot receive at once, Linux delivers the bytes only and then
 * waits for ever (seen on 6.18). With TCP it knows better: the end counts as more to receive. A receive that
 * begins anew sees it.
 */
static bool may_miss_end(gyre_stream *stream, const gyre__op *op)
{
    struct pollfd poll_fd = {.fd = stream->fd, .events = POLLRDHUP};
    int family = AF_UNSPEC;
    socklen_t size = sizeof(family);

    if (op->flags & IORING_CQE_F_SOCK_NONEMPTY)
        return false;
    if (!stream->family && getsockopt(stream->fd, SOL_SOCKET, SO_DOMAIN, &family, &size) == 0)
        stream->family = (uint8_t)family;
    return stream->family != AF_INET && stream->family != AF_INET6 && poll(&poll_fd, 1, 0) > 0;
}

static void received_more(gyre__op *op)
{
    gyre_stream *stream = of_receive(op);

    if (op->flags & IORING_CQE_F_BUFFER)
        take_buffer(stream, op);
    stream->end_missed |= may_miss_end(stream, op);
    if (gyre__stream_available(stream) >= 2 * stream->limit || stream->end_missed)
        gyre__stream_pause_soon(stream);
}

/*
 * The socket has something. Of many large messages that have come, each is received when its reader
 * is about to run, which finds it in the cache: at 64 KiB 5 % cheaper than having the kernel receive
 * them all first, and the kernel never holds the reader's memory.
 */
static void receive_now(gyre_stream *stream)
{
    ssize_t n;

    if (!stream->target)
        return; /* who waited has left */
    n = recv(stream->fd, stream->target, stream->target_size, MSG_DONTWAIT);
    if (n > 0) {
        stream->received += (size_t)n;
        note_size(stream, stream->received);
    } else if (n == 0) {
        transport_ended(stream, 0);
    } else if (errno != EAGAIN && errno != EINTR) {
        transport_ended(stream, -errno);
    }
}

/* What the final completion brought, by the mode it was started in. */
static void take_result(gyre_stream *stream, uint8_t mode, const gyre__op *op)
{
    if (op->flags & IORING_CQE_F_BUFFER) {
        take_buffer(stream, op);
        if (op->res == 0)
            transport_ended(stream, 0);
    } else if (op->res >= 0 && mode == GYRE__RECEIVE_READY) {
        receive_now(stream);
    } else if (op->res == 0) {
        transport_ended(stream, 0);
    } else if (op->res > 0) {
        if (mode == GYRE__RECEIVE_DIRECT) {
            stream->received += (size_t)op->res;
            note_size(stream, stream->received);
        } else if (mode == GYRE__RECEIVE_BUFFERED) {
            deliver(stream, stream->staging.data, (size_t)op->res);
        }
    } else if (op->res == -EINVAL && mode == GYRE__RECEIVE_MULTISHOT) {
        stream->no_multishot = true; /* before Linux 6.0 */
    } else if (op->res == -EAGAIN) {
        gyre__stream_make_blocking(stream);
    } else if (op->res != -ECANCELED && op->res != -ENOBUFS && op->res != -EINTR) {
        transport_ended(stream, op->res);
    }
}

/* For a transport, which has no reader: until it pauses, the stream ends, or too much lies there. */
static bool can_receive(const gyre_stream *stream)
{
    return !stream->eof && !stream->read_error && !stream->closing &&
           gyre__stream_available(stream) < 2 * stream->limit;
}

void gyre__stream_listen(gyre_stream *stream, bool on)
{
    stream->listening = on;
    if (on && stream->tls && gyre__stream_tls_pump(stream))
        gyre__stream_notify(stream);
    if (on && can_receive(stream))
        gyre__stream_receive(stream);
}

/* True if receiving goes on without a reader. */
static bool is_wanted(const gyre_stream *stream)
{
    return (stream->listening && can_receive(stream)) ||
           (stream->tls && gyre__stream_tls_is_waiting(stream));
}

static void received_last(gyre__node *node)
{
    gyre__op *op = GYRE__CONTAINER(node, gyre__op, node);
    gyre_stream *stream = of_receive(op);
    gyre_task *reader;
    uint8_t mode = stream->mode;
    bool cancelled;

    stream->mode = GYRE__RECEIVE_NONE;
    stream->receive_cancelled = stream->end_missed = false;
    stream->drained = op->res > 0 && !(op->flags & IORING_CQE_F_SOCK_NONEMPTY);
    take_result(stream, mode, op);
    gyre__bytes_clear(&stream->staging, gyre__stream_blocks(stream));
    reader = stream->reader;
    cancelled = reader && reader->flags & GYRE__TASK_WAIT_CANCELLED;
    if (reader ? !gyre__stream_is_satisfied(stream) && !cancelled : is_wanted(stream))
        gyre__stream_receive(stream);
    gyre__stream_notify(stream);
    /* This is the reader's handle already: it runs here and now, not an iteration later. */
    if (reader && (gyre__stream_is_satisfied(stream) || cancelled) && !(reader->flags & GYRE__TASK_WOKEN)) {
        reader->flags |= GYRE__TASK_WOKEN;
        gyre__task_step(reader);
    }
    gyre__stream_advance_close(stream);
    gyre__stream_unref(stream); /* the op's */
}

/* The same for TLS: large messages come into memory of the stream, several records at a time. */
static bool wants_staging(const gyre_stream *stream)
{
    return stream->tls && stream->target && stream->large_messages &&
           stream->target_size >= LARGE_MESSAGE;
}

static uint8_t choose_mode(gyre_stream *stream)
{
    if (stream->is_socket && !gyre__stream_wants_direct(stream) && !stream->no_multishot) {
        /* Of a large message the rest lies there already: no staging memory is held while waiting. */
        if (wants_staging(stream) && !stream->drained)
            return GYRE__RECEIVE_BUFFERED;
        if (gyre__provided_need(stream->loop) == 0)
            return wants_staging(stream) ? GYRE__RECEIVE_ONCE : GYRE__RECEIVE_MULTISHOT;
        stream->no_multishot = true;
    }
    if (!stream->target || stream->tls)
        return GYRE__RECEIVE_BUFFERED;
    return stream->is_socket ? GYRE__RECEIVE_READY : GYRE__RECEIVE_DIRECT;
}

static int64_t start(gyre_stream *stream, uint8_t mode)
{
    gyre__request request = {.verb = stream->is_socket ? GYRE__OP_RECV : GYRE__OP_READ,
                             .fd = stream->fd,
                             .offset = stream->is_socket ? 0 : UINT64_MAX,
                             .poll_first = stream->is_socket && stream->drained};
    size_t staging = stream->tls && stream->large_messages ? TLS_STAGING_SIZE : STAGING_SIZE;

    switch (mode) {
    case GYRE__RECEIVE_MULTISHOT:
    case GYRE__RECEIVE_ONCE:
        request.multishot = mode == GYRE__RECEIVE_MULTISHOT;
        request.select = true;
        request.group = GYRE__PROVIDED_GROUP;
        break;
    case GYRE__RECEIVE_READY:
        request = (gyre__request){.verb = GYRE__OP_POLL, .fd = stream->fd, .flags = POLLIN};
        break;
    case GYRE__RECEIVE_DIRECT:
        request.addr = stream->target;
        request.length = (uint32_t)(stream->target_size < INT32_MAX ? stream->target_size : INT32_MAX);
        break;
    default:
        if (!gyre__bytes_reserve(&stream->staging, gyre__stream_blocks(stream), staging))
            return -ENOMEM;
        request.addr = stream->staging.data;
        request.length = (uint32_t)staging;
        break;
    }
    return gyre__op_start(stream->loop, &stream->receive, &request);
}

void gyre__stream_receive(gyre_stream *stream)
{
    uint8_t mode;
    int64_t rc;

    if (stream->mode == GYRE__RECEIVE_MULTISHOT && !stream->receive_cancelled &&
        (gyre__stream_wants_direct(stream) || wants_staging(stream))) {
        stream->receive_cancelled = true; /* its end starts another one */
        gyre__op_cancel(&stream->receive);
    }
    if (stream->mode != GYRE__RECEIVE_NONE || (stream->tls && stream->tls->over))
        return;
    mode = choose_mode(stream);
    rc = start(stream, mode);
    if (rc < 0) {
        gyre__bytes_clear(&stream->staging, gyre__stream_blocks(stream));
        stream->read_error = rc;
        return;
    }
    stream->mode = mode;
    stream->refs++;
}

void gyre__stream_init_read(gyre_stream *stream)
{
    gyre__op_init(&stream->receive, received_last, received_more);
    stream->pump.run = run_pump;
}

/* The owner ends the stream: whoever reads gets an error, after the completion if the kernel has its memory. */
void gyre__stream_end_read(gyre_stream *stream)
{
    if (stream->mode != GYRE__RECEIVE_DIRECT)
        gyre__stream_wake_reader(stream);
}
