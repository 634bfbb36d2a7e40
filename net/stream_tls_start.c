/* The TLS handshake of a stream: how it begins, goes on, and ends within its time. */
#include <errno.h>
#include <string.h>

#include "../task/timeout.h"
#include "stream_tls_internal.h"

/* ---- going on ---- */

void gyre__stream_tls_shaken(gyre_stream *stream, int64_t result)
{
    struct gyre__stream_tls *tls = stream->tls;

    tls->handshaking = false;
    tls->result = result;
    if (result < 0 && !stream->read_error)
        stream->read_error = result;
    if (result < 0)
        gyre__tls_engine_fail(tls->engine, result);
    if (tls->handshaker)
        gyre__wake_task(tls->handshaker);
    if (stream->listening && !stream->closing)
        gyre__stream_listen(stream, true); /* data may have come with the end of the handshake */
    gyre__stream_notify(stream);
}

void gyre__stream_tls_shake(gyre_stream *stream)
{
    struct gyre__stream_tls *tls = stream->tls;
    int64_t rc = gyre__tls_engine_handshake(tls->engine);

    gyre__stream_push(stream);
    if (rc == -EAGAIN && !tls->over) {
        gyre__stream_receive(stream);
        if (!stream->read_error)
            return;
        rc = stream->read_error;
    } else if (rc == -EAGAIN) {
        rc = tls->transport_error;
    }
    gyre__stream_tls_shaken(stream, rc);
}

static void go_on(gyre__node *node)
{
    struct gyre__stream_tls *tls = GYRE__CONTAINER(node, struct gyre__stream_tls, node);
    gyre_stream *stream = tls->stream;

    tls->queued = false;
    if (stream->fd >= 0) {
        if (tls->handshaking)
            gyre__stream_tls_shake(stream);
        else
            gyre__stream_push(stream);
        gyre__stream_advance_close(stream);
    }
    gyre__stream_unref(stream);
}

/* ---- waiting ---- */

static int64_t finish_wait(gyre_task *task)
{
    gyre_stream *stream = task->wait.slot.data;
    int64_t rc = gyre__wait_result(task);

    stream->tls->handshaker = NULL;
    if (rc == 0)
        rc = gyre__stream_raise(stream, stream->tls->result);
    gyre__stream_unref(stream);
    return rc;
}

static const gyre__wait_kind wait_handshake = {
    .what = "a TLS handshake", .cancel = gyre__cancel_wait, .finish = finish_wait};

static gyre_await wait_for_handshake(gyre_stream *stream)
{
    gyre_task *task = gyre__task_running(__func__);

    if (!stream->tls->handshaking)
        return gyre__complete(task, gyre__stream_raise(stream, stream->tls->result));
    if (!gyre__may_park(task))
        return gyre__complete(task, GYRE_ECANCELLED);
    stream->tls->handshaker = task;
    stream->refs++;
    task->wait.slot.data = stream;
    return gyre__park_slot(task, &wait_handshake, stream);
}

struct start_tls {
    gyre_frame frame;
    gyre_stream *stream; /* reference through composing */
    int64_t timeout, rc;
};

/* The stream cannot be used in the clear again: bytes of both sides are on their way. */
static void leave(struct start_tls *self)
{
    if (self->stream->tls->handshaking)
        gyre__stream_tls_shaken(self->stream, -ECONNABORTED);
    gyre__stream_composed(self->stream);
}

GYRE_CORO(start_tls)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc, gyre_wait_for(wait_for_handshake(self->stream), self->timeout));
    if (self->rc == GYRE_ETIMEOUT)
        GYRE_RETURN(gyre_raise(gyre_error_new(GYRE_ETIMEOUT, "the TLS handshake took too long")));
    GYRE_RETURN(self->rc);
    GYRE_FINALLY;
    leave(self);
    GYRE_END;
}

/* ---- beginning ---- */

static int64_t refusal(const gyre_stream *stream)
{
    if (stream->read_error || stream->write_error)
        return gyre_stream_error(stream);
    if (stream->closing)
        return -EBADF;
    if (stream->tls || stream->eof_wanted)
        return GYRE_ESTATE;
    if (!stream->is_socket)
        return -ENOTSOCK;
    return stream->writer ? -EBUSY : 0;
}

/* The peer of a client must wait for the client's first message. */
static int64_t refuse_injection(gyre_stream *stream)
{
    stream->read_error = GYRE_ETLS;
    gyre__stream_notify(stream);
    return gyre_raise(gyre_error_new(GYRE_ETLS, "the peer sent bytes before the TLS handshake"));
}

static int64_t make(gyre_stream *stream, gyre_tls_context *context,
                    const gyre_start_tls_options *options)
{
    struct gyre__stream_tls *tls = gyre__blocks_take(gyre__stream_blocks(stream), sizeof(*tls));
    gyre_tls_engine_options names = {NULL, NULL};
    int64_t rc;

    if (!tls)
        return -ENOMEM;
    memset(tls, 0, sizeof(*tls));
    if (options) {
        names.server_name = options->server_name;
        names.session_key = options->session_key;
    }
    rc = gyre__tls_engine_make(context, &names, gyre__stream_blocks(stream), &stream->pending,
                               &tls->engine);
    if (rc < 0) {
        gyre__blocks_give(gyre__stream_blocks(stream), tls, sizeof(*tls));
        return rc;
    }
    tls->stream = stream;
    tls->node.run = go_on;
    tls->handshaking = true;
    stream->tls = tls;
    return 0;
}

/* What came before belongs to the engine; not a byte of it is ever given to a reader. */
static void hand_over(gyre_stream *stream)
{
    struct gyre__stream_tls *tls = stream->tls;

    tls->engine->input = stream->in;
    stream->in = (gyre__bytes){NULL, 0, 0, 0};
    if (stream->eof) {
        stream->eof = false;
        tls->over = true;
        gyre_tls_engine_feed_eof(tls->engine);
    }
}

static int64_t begin(gyre_stream *stream, gyre_tls_context *context,
                     const gyre_start_tls_options *options)
{
    int64_t rc;

    if (!gyre_tls_context_is_server(context) && gyre__stream_available(stream))
        return refuse_injection(stream);
    rc = make(stream, context, options);
    if (rc < 0)
        return rc;
    hand_over(stream);
    return 0;
}

gyre_await gyre_start_tls(gyre_stream *stream, gyre_tls_context *context,
                          const gyre_start_tls_options *options)
{
    if (stream->listener)
        return gyre__complete(gyre__task_running(__func__), -EBUSY);
    return gyre__start_tls_below(stream, context, options);
}

gyre_await gyre__start_tls_below(gyre_stream *stream, gyre_tls_context *context,
                                 const gyre_start_tls_options *options)
{
    gyre_task *task = gyre__task_running("gyre_start_tls");
    int64_t timeout = options ? options->handshake_timeout_ns : 0, rc = refusal(stream);
    gyre_await pending;

    if (rc >= 0 && !gyre__may_park(task))
        rc = GYRE_ECANCELLED;
    if (rc >= 0)
        rc = gyre__stream_compose(stream);
    if (rc < 0)
        return gyre__complete(task, rc);
    rc = begin(stream, context, options);
    if (rc < 0) {
        gyre__stream_composed(stream);
        return gyre__complete(task, rc);
    }
    if (!timeout)
        timeout = stream->tls->engine->settings->handshake_timeout_ns;
    pending = gyre__call(&start_tls_coro,
                         &(struct start_tls){.frame = {.coro = &start_tls_coro, .leaf = true},
                                             .stream = stream,
                                             .timeout = timeout < 0 ? GYRE_FOREVER : timeout});
    if (pending.pending) {
        gyre__stream_tls_shake(stream);
    } else { /* no memory for the frame */
        gyre__stream_tls_shaken(stream, -ENOMEM);
        gyre__stream_composed(stream);
    }
    return pending;
}

const gyre_tls_engine *gyre_stream_tls(const gyre_stream *stream)
{
    return stream->tls ? stream->tls->engine : NULL;
}
