/* Streams: making one, and the one way in which it ends. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stream_tls_internal.h"

enum { DEFAULT_LIMIT = 65536, DEFAULT_HIGH = 65536, DEFAULT_CLOSE_SECONDS = 30 };

static void on_loop_close(gyre_loop *loop, gyre__close_hook *hook);
static void on_deadline(gyre__node *node);

static int64_t fill_options(gyre_stream *stream, const gyre_stream_options *options)
{
    static const gyre_stream_options defaults;

    options = options ? options : &defaults;
    stream->limit = options->limit ? options->limit : DEFAULT_LIMIT;
    stream->high_water = options->high_water ? options->high_water : DEFAULT_HIGH;
    stream->low_water = options->low_water ? options->low_water : stream->high_water / 4;
    stream->close_timeout = options->close_timeout_ns ? options->close_timeout_ns
                                                      : GYRE_SECONDS(DEFAULT_CLOSE_SECONDS);
    return stream->low_water > stream->high_water ? -EINVAL : 0;
}

int64_t gyre_stream_new(gyre_loop *loop, int fd, const gyre_stream_options *options,
                        gyre_stream **out_stream)
{
    struct stat info;
    gyre_stream *stream;
    int64_t rc;

    gyre__check_thread(loop, __func__);
    if (loop->closing)
        return GYRE_ELOOPCLOSED;
    if (fstat(fd, &info) < 0)
        return -errno;
    stream = gyre__blocks_take(&loop->blocks, sizeof(*stream));
    if (!stream)
        return -ENOMEM;
    memset(stream, 0, sizeof(*stream));
    rc = fill_options(stream, options);
    if (rc < 0) {
        gyre__blocks_give(&loop->blocks, stream, sizeof(*stream));
        return rc;
    }
    stream->loop = loop;
    stream->refs = 1;
    stream->fd = fd;
    stream->is_socket = S_ISSOCK(info.st_mode);
    gyre__stream_init_read(stream);
    gyre__stream_init_write(stream);
    gyre__timer_init(&stream->deadline, on_deadline);
    stream->hook.close = on_loop_close;
    gyre__list_append(&loop->close_hooks, &stream->hook.link);
    gyre__loop_keep(loop);
    *out_stream = stream;
    return 0;
}

void gyre__stream_unref(gyre_stream *stream)
{
    gyre_loop *loop = stream->loop;

    if (--stream->refs)
        return;
    gyre__stream_settle(stream);
    if (stream->tls)
        gyre__stream_tls_free(stream);
    gyre__bytes_clear(&stream->in, &loop->blocks);
    gyre__bytes_clear(&stream->staging, &loop->blocks);
    gyre__bytes_clear(&stream->sending, &loop->blocks);
    gyre__bytes_clear(&stream->pending, &loop->blocks);
    gyre__blocks_give(&loop->blocks, stream, sizeof(*stream));
    gyre__loop_drop(loop);
}

void gyre__stream_make_blocking(const gyre_stream *stream)
{
    int flags = fcntl(stream->fd, F_GETFL);

    if (flags >= 0 && flags & O_NONBLOCK)
        fcntl(stream->fd, F_SETFL, flags & ~O_NONBLOCK);
}

/* ---- ending ---- */

/* No op is in flight and nothing more is to be sent. */
static void close_now(gyre_stream *stream)
{
    if (gyre__timer_is_set(&stream->deadline)) {
        gyre__timers_remove(&stream->loop->timers, &stream->deadline);
        gyre__stream_unref(stream);
    }
    gyre__list_remove(&stream->hook.link);
    close(stream->fd);
    stream->fd = -1;
    if (stream->closer) {
        gyre__wake_task(stream->closer); /* its reference to the stream goes when it has the result */
        stream->closer = NULL;
    }
    gyre__stream_notify(stream);
    gyre__stream_unref(stream); /* the owner's, which closing took over */
}

/*
 * The order of HAZARDS: what is unsent goes out, the ops are cancelled and waited for, and only then is the
 * descriptor closed, so that its number cannot be reused under an op.
 */
void gyre__stream_advance_close(gyre_stream *stream)
{
    bool unsent = gyre_stream_unsent(stream) > 0 && stream->write_error == 0;

    if (!stream->closing || stream->fd < 0 || (unsent && !stream->aborted))
        return;
    if (stream->tls && !stream->aborted && gyre__stream_tls_lingers(stream))
        return;
    if (stream->receive.in_flight && !stream->receive_cancelled) {
        stream->receive_cancelled = true;
        gyre__op_cancel(&stream->receive);
    }
    if (stream->send.in_flight)
        gyre__op_cancel(&stream->send);
    if (stream->mode == GYRE__RECEIVE_NONE && !stream->send_active)
        close_now(stream);
}

static void begin_close(gyre_stream *stream, bool abort)
{
    stream->closing = true;
    stream->aborted = abort || stream->loop->closing;
    gyre__stream_end_read(stream);
    if (stream->tls)
        gyre__stream_tls_end(stream);
    if (stream->aborted)
        gyre__stream_end_write(stream);
}

static void on_deadline(gyre__node *node)
{
    gyre_stream *stream = GYRE__CONTAINER(node, gyre_stream, deadline.node);

    if (stream->fd >= 0) { /* else it was closed while this handle was on its way */
        stream->timed_out = true;
        stream->aborted = true;
        gyre__stream_advance_close(stream);
    }
    gyre__stream_unref(stream); /* the timer's */
}

void gyre__stream_notify(gyre_stream *stream)
{
    if (!stream->listener || stream->listener_queued)
        return;
    if (stream->tls && stream->tls->handshaking)
        return; /* its end tells */
    stream->listener_queued = true;
    stream->refs++;
    gyre__ready_push(&stream->loop->ready, stream->listener);
}

void gyre__stream_set_deadline(gyre_stream *stream, int64_t timeout)
{
    if (gyre__timer_is_set(&stream->deadline)) {
        gyre__timers_remove(&stream->loop->timers, &stream->deadline);
        stream->refs--; /* not the last: its owner's is there until the descriptor is closed */
    }
    if (timeout == GYRE_FOREVER)
        return;
    stream->refs++;
    gyre__timers_add(&stream->loop->timers, &stream->deadline, gyre__deadline(stream->loop, timeout),
                     0);
}

/* Unless TLS has set one already, for what comes after the last byte. */
static void set_close_deadline(gyre_stream *stream)
{
    if (!gyre__timer_is_set(&stream->deadline) && !(stream->tls && stream->tls->lingering))
        gyre__stream_set_deadline(stream, stream->close_timeout);
}

void gyre__stream_close_soon(gyre_stream *stream, bool abort)
{
    stream->refs++;
    begin_close(stream, abort || (stream->closing && stream->aborted));
    gyre__stream_advance_close(stream);
    if (stream->fd >= 0 && !stream->aborted)
        set_close_deadline(stream);
    gyre__stream_unref(stream);
}

void gyre_stream_abort(gyre_stream *stream)
{
    if (!stream)
        return;
    if (stream->fd < 0) { /* its loop was closed before */
        gyre__stream_unref(stream);
        return;
    }
    gyre__check_thread(stream->loop, __func__);
    begin_close(stream, true);
    gyre__stream_advance_close(stream);
}

static bool cancel_close(gyre_task *task, gyre_error *detail)
{
    gyre_stream *stream = task->wait.slot.data;

    if (!gyre__cancel_wait(task, detail))
        return false;
    stream->closer = NULL;
    stream->aborted = true;
    gyre__stream_advance_close(stream);
    return true;
}

static int64_t close_result(const gyre_stream *stream)
{
    if (stream->timed_out)
        return GYRE_ETIMEOUT;
    return stream->write_error;
}

static int64_t finish_close(gyre_task *task)
{
    gyre_stream *stream = task->wait.slot.data;
    int64_t rc = gyre__wait_result(task);

    rc = rc < 0 ? rc : close_result(stream);
    gyre__stream_unref(stream);
    return rc;
}

static const gyre__wait_kind wait_close = {
    .what = "the end of a stream", .cancel = cancel_close, .finish = finish_close};

gyre_await gyre_stream_close(gyre_stream *stream)
{
    gyre_task *task = gyre__task_running(__func__);
    int64_t rc;

    if (!stream)
        return gyre__complete(task, 0);
    if (stream->fd < 0) {
        gyre__stream_unref(stream);
        return gyre__complete(task, GYRE_ELOOPCLOSED);
    }
    stream->refs++; /* for the result */
    begin_close(stream, false);
    gyre__stream_advance_close(stream);
    if (stream->fd < 0 || stream->aborted) {
        rc = stream->aborted ? GYRE_ECANCELLED : close_result(stream);
        gyre__stream_unref(stream);
        return gyre__complete(task, rc);
    }
    set_close_deadline(stream);
    stream->closer = task;
    task->wait.slot.data = stream;
    return gyre__park_slot(task, &wait_close, stream);
}

/* The loop goes before the stream: the descriptor is closed, the memory waits for its owner. */
static void on_loop_close(gyre_loop *loop, gyre__close_hook *hook)
{
    gyre_stream *stream = GYRE__CONTAINER(hook, gyre_stream, hook);

    (void)loop;
    if (!stream->closing && !stream->listener)
        stream->refs++; /* close_now must leave the owner's; a transport has its own */
    begin_close(stream, true);
    gyre__stream_advance_close(stream);
}

/* ---- asking ---- */

gyre_loop *gyre_stream_loop(const gyre_stream *stream)
{
    return stream->loop;
}

int gyre_stream_fd(const gyre_stream *stream)
{
    return stream->fd;
}

int64_t gyre_stream_peer(const gyre_stream *stream, gyre_address *out)
{
    out->length = sizeof(out->storage);
    return getpeername(stream->fd, (struct sockaddr *)&out->storage, &out->length) < 0 ? -errno : 0;
}

int64_t gyre_stream_local(const gyre_stream *stream, gyre_address *out)
{
    out->length = sizeof(out->storage);
    return getsockname(stream->fd, (struct sockaddr *)&out->storage, &out->length) < 0 ? -errno : 0;
}

int64_t gyre_stream_error(const gyre_stream *stream)
{
    return stream->read_error ? stream->read_error : stream->write_error;
}
