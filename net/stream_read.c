/* Reading from a stream: the wait for bytes, and the plain reads. */
#include <errno.h>
#include <string.h>

#include "stream_tls_internal.h"

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
    if (!stream->target && gyre__stream_available(stream) >= stream->target_size && stream->target_size)
        return (int64_t)gyre__stream_available(stream);
    if (stream->read_error)
        return stream->read_error;
    if (stream->eof)
        return stream->target ? 0 : (int64_t)gyre__stream_available(stream);
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
    gyre__stream_raise(stream, result);
    gyre__stream_unref(stream);
    return result;
}

static const gyre__wait_kind wait_read = {
    .what = "data of a stream", .cancel = cancel_read, .finish = finish_read, .keeps_result = true};

/* What was received before but not decrypted may be all that is waited for. */
static bool is_there(gyre_task *task, gyre_stream *stream)
{
    if (!stream->tls || !gyre__stream_tls_pump(stream) || !gyre__stream_is_satisfied(stream))
        return false;
    task->top->result = gyre__stream_raise(stream, outcome(stream));
    stream->target = NULL;
    stream->target_size = 0;
    stream->received = 0;
    return true;
}

/* Parks until bytes are in the target, or until `in` holds `size` bytes if the target is NULL. */
static gyre_await wait_for_bytes(gyre_task *task, gyre_stream *stream, char *target, size_t size)
{
    if (!gyre__may_park(task))
        return gyre__complete(task, GYRE_ECANCELLED);
    stream->target = target;
    stream->target_size = size;
    stream->received = 0;
    if (is_there(task, stream))
        return (gyre_await){false};
    /* A receive that is done at once would win against a cancellation again and again. */
    if (__builtin_expect(task->flags & GYRE__TASK_MUST_CANCEL, 0) &&
        gyre__stream_wants_direct(stream)) {
        stream->target = NULL;
        return gyre__raise_kept(task);
    }
    gyre__stream_receive(stream);
    if (stream->read_error) {
        stream->target = NULL;
        stream->target_size = 0;
        return gyre__complete(task, gyre__stream_raise(stream, stream->read_error));
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
        return gyre__stream_raise(stream, stream->read_error);
    return stream->closing ? -EBADF : 0;
}

/* ---- plain reads ---- */

static gyre_await read_some(gyre_task *task, gyre_stream *stream, char *buffer, size_t size)
{
    size_t ready = gyre__stream_available(stream);
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

    if (gyre__stream_available(stream) >= count || stream->eof)
        return gyre__complete(task, (int64_t)gyre__stream_available(stream));
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

const char *gyre_stream_peek(gyre_stream *stream, size_t *out_size)
{
    const char *data = gyre__stream_peek(stream, out_size);

    stream->peeked |= data != NULL;
    return data;
}

int64_t gyre_stream_consume(gyre_stream *stream, size_t size)
{
    if (is_busy(stream))
        return -EBUSY;
    if (size > gyre__stream_available(stream))
        return -EINVAL;
    gyre__stream_settle(stream);
    gyre__bytes_consume(&stream->in, gyre__stream_blocks(stream), size);
    return 0;
}

bool gyre_stream_at_eof(const gyre_stream *stream)
{
    return stream->eof && gyre__stream_available(stream) == 0;
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
