/* The reading side of a stream: receiving, and what waits for it. */
#include <errno.h>
#include <string.h>

#include "../loop/provided_internal.h"
#include "../task/unwind_internal.h"
#include "stream_internal.h"

/*
 * From DIRECT_SIZE on a read goes straight into the caller's memory, which saves a copy. Below, a multishot
 * receive is cheaper, unless the messages are large: from LARGE_MESSAGE on direct, until they are small again.
 */
enum { DIRECT_SIZE = 16384, LARGE_MESSAGE = 8192, SMALL_MESSAGE = 512, STAGING_SIZE = 16384 };

static size_t available(const gyre_stream *stream)
{
    return gyre__bytes_length(&stream->in) - stream->held;
}

/* Every read begins here: what the one before gave away is dropped now. */
void gyre__stream_settle(gyre_stream *stream)
{
    if (stream->held) {
        gyre__bytes_consume(&stream->in, gyre__stream_blocks(stream), stream->held);
        stream->held = 0;
    }
    if (stream->taken.data)
        gyre__bytes_clear(&stream->taken, gyre__stream_blocks(stream));
}

/* Appends to `in` without moving bytes that a caller may still look at. */
static bool append(gyre_stream *stream, const char *data, size_t size)
{
    gyre__bytes fresh = {NULL, 0, 0, 0};

    if (!stream->held || stream->in.capacity - stream->in.end >= size)
        return gyre__bytes_append(&stream->in, gyre__stream_blocks(stream), data, size);
    if (!gyre__bytes_reserve(&fresh, gyre__stream_blocks(stream), available(stream) + size))
        return false;
    gyre__bytes_append(&fresh, gyre__stream_blocks(stream),
                       gyre__bytes_head(&stream->in) + stream->held, available(stream));
    gyre__bytes_append(&fresh, gyre__stream_blocks(stream), data, size);
    stream->taken = stream->in;
    stream->in = fresh;
    stream->held = 0;
    return true;
}

/* True if what the parked reader waits for is there, or will never be. */
static bool is_satisfied(const gyre_stream *stream)
{
    if (stream->eof || stream->read_error || stream->closing)
        return true;
    if (stream->target)
        return stream->received > 0;
    return stream->target_size && available(stream) >= stream->target_size;
}

static void wake_reader(gyre_stream *stream)
{
    if (stream->reader && is_satisfied(stream))
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

/* True if what the reader waits for should be received straight into its memory. */
static bool wants_direct(const gyre_stream *stream)
{
    return stream->target && (stream->target_size >= DIRECT_SIZE ||
                              (stream->large_messages && stream->target_size >= LARGE_MESSAGE));
}

/* Bytes have arrived: first to the waiting reader's memory, the rest to `in`. */
static void deliver(gyre_stream *stream, const char *data, size_t size)
{
    note_size(stream, size);
    if (stream->target && available(stream) == 0 && stream->received < stream->target_size) {
        size_t part = stream->target_size - stream->received;

        part = part < size ? part : size;
        memcpy(stream->target + stream->received, data, part);
        stream->received += part;
        data += part;
        size -= part;
    }
    if (size && !append(stream, data, size))
        stream->read_error = -ENOMEM;
    wake_reader(stream);
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
        available(stream) >= 2 * stream->limit) {
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

static void received_more(gyre__op *op)
{
    gyre_stream *stream = of_receive(op);

    if (op->flags & IORING_CQE_F_BUFFER)
        take_buffer(stream, op);
    if (available(stream) >= 2 * stream->limit && !stream->pump_queued) {
        stream->pump_queued = true;
        stream->refs++;
        gyre__ready_push(&stream->loop->ready, &stream->pump);
    }
}

/* What the final completion brought, by the mode it was started in. */
static void take_result(gyre_stream *stream, uint8_t mode, const gyre__op *op)
{
    if (op->flags & IORING_CQE_F_BUFFER) {
        take_buffer(stream, op);
        stream->eof |= op->res == 0;
    } else if (op->res == 0) {
        stream->eof = true;
    } else if (op->res > 0) {
        if (mode == GYRE__RECEIVE_DIRECT) {
            stream->received += (size_t)op->res;
            note_size(stream, stream->received);
        } else if (mode == GYRE__RECEIVE_BUFFERED) {
            deliver(stream, stream->staging.data, (size_t)op->res);
        }
    } else if (op->res == -EINVAL && mode == GYRE__RECEIVE_MULTISHOT) {
        stream->no_multishot = true; /* before Linux 6.0 */
    } else if (op->res != -ECANCELED && op->res != -ENOBUFS && op->res != -EINTR &&
               op->res != -EAGAIN) {
        stream->read_error = op->res;
    }
}

/* For a transport, which has no reader: until it pauses, the stream ends, or too much lies there. */
static bool can_receive(const gyre_stream *stream)
{
    return !stream->eof && !stream->read_error && !stream->closing &&
           available(stream) < 2 * stream->limit;
}

void gyre__stream_listen(gyre_stream *stream, bool on)
{
    stream->listening = on;
    if (on && can_receive(stream))
        gyre__stream_receive(stream);
}

static void received_last(gyre__node *node)
{
    gyre__op *op = GYRE__CONTAINER(node, gyre__op, node);
    gyre_stream *stream = of_receive(op);
    gyre_task *reader;
    uint8_t mode = stream->mode;
    bool cancelled;

    stream->mode = GYRE__RECEIVE_NONE;
    stream->receive_cancelled = false;
    stream->drained = op->res > 0 && !(op->flags & IORING_CQE_F_SOCK_NONEMPTY);
    take_result(stream, mode, op);
    gyre__bytes_clear(&stream->staging, gyre__stream_blocks(stream));
    reader = stream->reader;
    cancelled = reader && reader->flags & GYRE__TASK_WAIT_CANCELLED;
    if (reader ? !is_satisfied(stream) && !cancelled : stream->listening && can_receive(stream))
        gyre__stream_receive(stream);
    gyre__stream_notify(stream);
    /* This is the reader's handle already: it runs here and now, not an iteration later. */
    if (reader && (is_satisfied(stream) || cancelled) && !(reader->flags & GYRE__TASK_WOKEN)) {
        reader->flags |= GYRE__TASK_WOKEN;
        gyre__task_step(reader);
    }
    gyre__stream_advance_close(stream);
    gyre__stream_unref(stream); /* the op's */
}

static uint8_t choose_mode(gyre_stream *stream)
{
    if (stream->is_socket && !wants_direct(stream) && !stream->no_multishot) {
        if (gyre__provided_need(stream->loop) == 0)
            return GYRE__RECEIVE_MULTISHOT;
        stream->no_multishot = true;
    }
    return stream->target ? GYRE__RECEIVE_DIRECT : GYRE__RECEIVE_BUFFERED;
}

static int64_t start(gyre_stream *stream, uint8_t mode)
{
    gyre__request request = {.verb = stream->is_socket ? GYRE__OP_RECV : GYRE__OP_READ,
                             .fd = stream->fd,
                             .offset = stream->is_socket ? 0 : UINT64_MAX,
                             .poll_first = stream->is_socket && stream->drained};

    switch (mode) {
    case GYRE__RECEIVE_MULTISHOT:
        request.multishot = true;
        request.select = true;
        request.group = GYRE__PROVIDED_GROUP;
        break;
    case GYRE__RECEIVE_DIRECT:
        request.addr = stream->target;
        request.length = (uint32_t)(stream->target_size < INT32_MAX ? stream->target_size : INT32_MAX);
        break;
    default:
        if (!gyre__bytes_reserve(&stream->staging, gyre__stream_blocks(stream), STAGING_SIZE))
            return -ENOMEM;
        request.addr = stream->staging.data;
        request.length = STAGING_SIZE;
        break;
    }
    return gyre__op_start(stream->loop, &stream->receive, &request);
}

void gyre__stream_receive(gyre_stream *stream)
{
    uint8_t mode;
    int64_t rc;

    if (stream->mode == GYRE__RECEIVE_MULTISHOT && !stream->receive_cancelled &&
        wants_direct(stream)) {
        stream->receive_cancelled = true; /* its end starts a direct one */
        gyre__op_cancel(&stream->receive);
    }
    if (stream->mode != GYRE__RECEIVE_NONE)
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
        wake_reader(stream);
}

/* ---- waiting ---- */

static bool cancel_read(gyre_task *task, gyre_error *detail)
{
    gyre_stream *stream = task->wait.slot.data;
    gyre_error *old = task->future.detail;

    if (stream->mode != GYRE__RECEIVE_DIRECT) {
        if (!gyre__cancel_wait(task, detail))
            return false;
        stream->target = NULL; /* what arrives from now on is for the next reader */
        stream->target_size = 0;
        return true;
    }
    if (task->flags & GYRE__TASK_WOKEN || !stream->receive.in_flight)
        return false;
    if (!(task->flags & GYRE__TASK_WAIT_CANCELLED)) {
        task->flags |= GYRE__TASK_WAIT_CANCELLED;
        task->future.detail = gyre_error_ref(detail);
        gyre_error_unref(old);
    }
    stream->receive_cancelled = true;
    gyre__op_cancel(&stream->receive);
    return true;
}

static int64_t outcome(const gyre_stream *stream)
{
    if (stream->target && stream->received)
        return (int64_t)stream->received;
    if (!stream->target && available(stream) >= stream->target_size && stream->target_size)
        return (int64_t)available(stream);
    if (stream->read_error)
        return stream->read_error;
    if (stream->eof)
        return stream->target ? 0 : (int64_t)available(stream);
    return -EBADF; /* closed meanwhile */
}

static int64_t finish_read(gyre_task *task)
{
    gyre_stream *stream = task->wait.slot.data;
    int64_t result = outcome(stream);

    if (task->flags & GYRE__TASK_WAIT_CANCELLED) {
        if (stream->target && stream->received) { /* the receive won: no byte may be lost */
            task->flags &= ~(uint32_t)GYRE__TASK_WAIT_CANCELLED;
            task->flags |= GYRE__TASK_MUST_CANCEL;
        } else {
            result = GYRE_ECANCELLED;
        }
    }
    stream->reader = NULL;
    stream->target = NULL;
    stream->target_size = 0;
    stream->received = 0;
    gyre__stream_unref(stream);
    return result;
}

static const gyre__wait_kind wait_read = {
    .what = "data of a stream", .cancel = cancel_read, .finish = finish_read, .keeps_result = true};

/* Parks until bytes are in the target, or until `in` holds `size` bytes if the target is NULL. */
static gyre_await wait_for_bytes(gyre_task *task, gyre_stream *stream, char *target, size_t size)
{
    if (!gyre__may_park(task))
        return gyre__complete(task, GYRE_ECANCELLED);
    stream->target = target;
    stream->target_size = size;
    stream->received = 0;
    gyre__stream_receive(stream);
    if (stream->read_error) {
        stream->target = NULL;
        return gyre__complete(task, stream->read_error);
    }
    stream->reader = task;
    stream->refs++;
    task->wait.slot.data = stream;
    return gyre__park_slot(task, &wait_read, stream);
}

static bool is_busy(const gyre_stream *stream)
{
    return stream->reader || stream->composing;
}

/* An answer that needs no waiting: the state forbids reading. 0: go on. */
static int64_t refusal(const gyre_stream *stream)
{
    if (stream->read_error)
        return stream->read_error;
    return stream->closing ? -EBADF : 0;
}

/* ---- plain reads ---- */

static gyre_await read_some(gyre_task *task, gyre_stream *stream, char *buffer, size_t size)
{
    size_t ready = available(stream);
    int64_t rc;

    if (ready) {
        ready = ready < size ? ready : size;
        memcpy(buffer, gyre__bytes_head(&stream->in), ready);
        gyre__bytes_consume(&stream->in, gyre__stream_blocks(stream), ready);
        return gyre__complete(task, (int64_t)ready);
    }
    rc = refusal(stream);
    if (rc < 0 || stream->eof)
        return gyre__complete(task, rc);
    return wait_for_bytes(task, stream, buffer, size);
}

gyre_await gyre_stream_read(gyre_stream *stream, void *buffer, size_t size)
{
    gyre_task *task = gyre__task_running(__func__);

    if (is_busy(stream))
        return gyre__complete(task, -EBUSY);
    gyre__stream_settle(stream);
    if (size == 0)
        return gyre__complete(task, 0);
    return read_some(task, stream, buffer, size);
}

static gyre_await fill(gyre_task *task, gyre_stream *stream, size_t count)
{
    int64_t rc;

    if (available(stream) >= count || stream->eof)
        return gyre__complete(task, (int64_t)available(stream));
    rc = refusal(stream);
    if (rc < 0)
        return gyre__complete(task, rc);
    return wait_for_bytes(task, stream, NULL, count);
}

gyre_await gyre_stream_fill(gyre_stream *stream, size_t count)
{
    gyre_task *task = gyre__task_running(__func__);

    if (is_busy(stream))
        return gyre__complete(task, -EBUSY);
    gyre__stream_settle(stream);
    if (count > stream->limit)
        return gyre__complete(task, GYRE_ELIMIT);
    return fill(task, stream, count);
}

const char *gyre_stream_peek(const gyre_stream *stream, size_t *out_size)
{
    *out_size = available(stream);
    return *out_size ? gyre__bytes_head(&stream->in) + stream->held : NULL;
}

int64_t gyre_stream_consume(gyre_stream *stream, size_t size)
{
    if (is_busy(stream))
        return -EBUSY;
    if (size > available(stream))
        return -EINVAL;
    gyre__stream_settle(stream);
    gyre__bytes_consume(&stream->in, gyre__stream_blocks(stream), size);
    return 0;
}

bool gyre_stream_at_eof(const gyre_stream *stream)
{
    return stream->eof && available(stream) == 0;
}

/* ---- for the composed reads in stream_compose.c ---- */

gyre_await gyre__stream_fill(gyre_stream *stream, size_t count)
{
    return fill(gyre__task_running(__func__), stream, count);
}

gyre_await gyre__stream_read_some(gyre_stream *stream, void *buffer, size_t size)
{
    return read_some(gyre__task_running(__func__), stream, buffer, size);
}

int64_t gyre__stream_compose(gyre_stream *stream)
{
    if (is_busy(stream))
        return -EBUSY;
    gyre__stream_settle(stream);
    stream->composing = true;
    stream->refs++;
    return 0;
}

void gyre__stream_composed(gyre_stream *stream)
{
    stream->composing = false;
    gyre__stream_unref(stream);
}

const char *gyre__stream_give(gyre_stream *stream, size_t size)
{
    stream->held = size;
    return gyre__bytes_head(&stream->in);
}
