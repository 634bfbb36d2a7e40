/*
 * Bodies of responses: out of the connection, out of their framing, out of their compression.
 *
 * What is received lies in the response's buffer until it is given out; the framing says which part of
 * it is body. Large reads of a body with a known end go past the buffer, straight to the reader.
 */
#include <errno.h>
#include <string.h>

#include "../loop/error_internal.h"
#include "../task/timeout.h"
#include "http_client_internal.h"

/* ---- errors and deadlines ---- */

int64_t gyre__http_raise(int64_t code, const char *text)
{
    gyre_error *detail = gyre_error_new(code, text);

    if (detail)
        gyre__error_set(detail);
    return code;
}

int64_t gyre__http_time_left(const gyre_http_response *r, int64_t limit_ns)
{
    uint64_t now;

    if (r->deadline == UINT64_MAX)
        return limit_ns;
    now = gyre__http_now(r);
    if (now >= r->deadline)
        return 0;
    return r->deadline - now < (uint64_t)limit_ns ? (int64_t)(r->deadline - now) : limit_ns;
}

int64_t gyre__http_timed_out(const gyre_http_response *r, const char *what, int64_t limit_ns)
{
    gyre_error *detail;

    if (r->deadline != UINT64_MAX && gyre__http_now(r) >= r->deadline) {
        what = "no end of the whole request";
        limit_ns = r->timeouts.total_ns;
    }
    detail = gyre_error_newf(GYRE_ETIMEOUT, "%s within %g s", what, (double)limit_ns / 1e9);
    if (detail)
        gyre__error_set(detail);
    return GYRE_ETIMEOUT;
}

/* Nothing will be received any more. */
static void stop_receiving(gyre_http_response *r)
{
    gyre__http_buffer_give(r->client, r->buffer);
    r->buffer = NULL;
    r->piece_size = 0;
    r->start = r->end = 0;
}

int64_t gyre__http_break(gyre_http_response *r, int64_t error)
{
    gyre_error *detail = gyre_error_current();

    if (r->error)
        return r->error;
    if (r->upload_state == GYRE__HTTP_UPLOAD_FAILED) { /* which is why the connection ended */
        error = r->upload_error;
        detail = r->upload_detail;
        gyre__error_set(gyre_error_ref(detail));
    }
    r->error = error;
    r->error_detail = gyre_error_code(detail) == error ? gyre_error_ref(detail) : NULL;
    gyre__http_release(r, GYRE__HTTP_ABORT);
    stop_receiving(r);
    return error;
}

static int64_t fail_incomplete(gyre_http_response *r)
{
    return gyre__http_break(
        r, gyre__http_raise(GYRE_EHTTPINCOMPLETE, "the connection ended before the body did"));
}

/* ---- framing ---- */

/* The whole body has come: the connection is free for others, if it is of use to them. */
static void end_body(gyre_http_response *r)
{
    bool sent =
        r->upload_state == GYRE__HTTP_UPLOAD_NONE || r->upload_state == GYRE__HTTP_UPLOAD_DONE;
    bool keep = r->parser.keep_alive && r->start == r->end && sent && !r->send_error &&
                !r->unsent_body && r->parser.framing != GYRE__HTTP_UNTIL_EOF && r->connection &&
                gyre__http_is_silent(r->connection, r->may_have_more);

    r->at_end = true;
    r->timing.total_ns = gyre__http_now(r) - r->timing.started;
    gyre__http_release(r, keep ? GYRE__HTTP_KEEP : GYRE__HTTP_CLOSE);
    stop_receiving(r);
}

static int64_t next_chunk(gyre_http_response *r)
{
    enum gyre__http_event event = GYRE__HTTP_MORE;
    int64_t n;

    if (r->piece_size)
        return 1;
    n = gyre__http_parser_next(&r->parser, r->buffer + r->start, r->end - r->start, &event,
                               &r->piece, &r->piece_size);
    if (n < 0)
        return gyre__http_break(r, gyre__http_raise(n, r->parser.error_text));
    r->start += (size_t)n;
    if (event == GYRE__HTTP_BODY)
        return 1;
    r->piece_size = 0;
    r->framing_done = event == GYRE__HTTP_END;
    return r->framing_done ? 0 : -EAGAIN;
}

/* A piece of the body as it was sent: 1; 0 at the end; -EAGAIN when more must be received; an error. */
static int64_t next_piece(gyre_http_response *r, const char **out_data, size_t *out_size)
{
    int64_t rc = 0;

    *out_data = r->buffer + r->start;
    *out_size = r->end - r->start;
    if (r->framing_done)
        return 0;
    if (r->parser.framing == GYRE__HTTP_CHUNKED) {
        rc = next_chunk(r);
        *out_data = r->piece;
        *out_size = r->piece_size;
    } else if (r->parser.framing == GYRE__HTTP_LENGTH) {
        if (*out_size > r->remaining)
            *out_size = (size_t)r->remaining;
        rc = !r->remaining ? 0 : *out_size ? 1 : -EAGAIN;
    } else if (r->parser.framing == GYRE__HTTP_UNTIL_EOF) {
        rc = *out_size ? 1 : r->peer_ended ? 0 : -EAGAIN;
    }
    return rc == -EAGAIN && r->peer_ended ? fail_incomplete(r) : rc;
}

/* Bytes of the piece were used. */
static void advance(gyre_http_response *r, size_t size)
{
    if (r->parser.framing == GYRE__HTTP_CHUNKED) {
        r->piece += size;
        r->piece_size -= size;
        return;
    }
    r->start += size;
    if (r->parser.framing == GYRE__HTTP_LENGTH)
        r->remaining -= size;
}

/* Bytes go to the reader: counts them. */
static int64_t give_out(gyre_http_response *r, size_t size)
{
    if (size > r->client->options.body_limit - r->received)
        return gyre__http_break(
            r, gyre__http_raise(GYRE_EHTTPBODY, "the body is larger than body_limit"));
    r->received += size;
    return (int64_t)size;
}

/* Sees an end that has come already, so that the connection does not wait for the last read. */
static void look_ahead(gyre_http_response *r)
{
    const char *data;
    size_t size;

    if (r->parser.framing == GYRE__HTTP_LENGTH ? r->remaining == 0
                                               : r->start < r->end && !r->piece_size)
        if (r->parser.framing != GYRE__HTTP_UNTIL_EOF && next_piece(r, &data, &size) == 0)
            end_body(r);
}

/* ---- giving out ---- */

static int64_t take_plain(gyre_http_response *r, char *buffer, size_t size)
{
    const char *data;
    size_t ready;
    int64_t rc = next_piece(r, &data, &ready);

    if (rc == 0)
        end_body(r);
    if (rc != 1)
        return rc;
    ready = ready < size ? ready : size;
    memcpy(buffer, data, ready);
    advance(r, ready);
    rc = give_out(r, ready);
    if (rc > 0)
        look_ahead(r);
    return rc;
}

static int64_t end_inflated(gyre_http_response *r)
{
    int64_t rc = gyre__http_inflate_end(&r->inflate);

    if (rc < 0)
        return gyre__http_break(r, gyre__http_raise(rc, "the compressed body is cut off"));
    end_body(r);
    return 0;
}

static int64_t take_inflated(gyre_http_response *r, char *buffer, size_t size)
{
    for (;;) {
        const char *data;
        size_t ready, used = 0;
        int64_t got, rc = next_piece(r, &data, &ready);

        if (rc < 0 && rc != -EAGAIN)
            return rc;
        if (rc != 1)
            ready = 0;
        if (rc == -EAGAIN && !r->inflate_more)
            return rc;
        got = gyre__http_inflate_next(&r->inflate, ready ? data : "", ready, &used, buffer, size);
        if (got < 0)
            return gyre__http_break(
                r, gyre__http_raise(got, got == GYRE_ELIMIT ? "more than decoded_limit comes out"
                                                            : "the compressed body is damaged"));
        advance(r, used);
        r->inflate_more = (size_t)got == size;
        if (got > 0)
            return give_out(r, (size_t)got);
        if (rc == 0)
            return end_inflated(r);
    }
}

int64_t gyre__http_take(gyre_http_response *r, char *buffer, size_t size)
{
    if (r->error) {
        gyre__error_set(gyre_error_ref(r->error_detail));
        return r->error;
    }
    if (r->at_end || !size)
        return 0;
    return r->inflating ? take_inflated(r, buffer, size) : take_plain(r, buffer, size);
}

int64_t gyre__http_drop(gyre_http_response *r)
{
    const char *data;
    size_t size;
    int64_t rc;

    if (r->error || r->at_end)
        return r->error;
    while ((rc = next_piece(r, &data, &size)) == 1)
        advance(r, size);
    if (rc == 0)
        end_body(r);
    return rc;
}

/* ---- where it begins ---- */

static int64_t begin_inflating(gyre_http_response *r)
{
    const char *coding = gyre_http_headers_get(&r->parser.headers, "Content-Encoding");
    int64_t kind = r->decoding && coding ? gyre__http_coding_find(coding) : GYRE__HTTP_IDENTITY;
    int64_t rc;

    if (kind != GYRE__HTTP_GZIP && kind != GYRE__HTTP_DEFLATE)
        return 0;
    rc = gyre__http_inflate_init(&r->inflate, (enum gyre__http_coding)kind,
                                 r->client->options.decoded_limit);
    r->inflating = rc >= 0;
    return rc;
}

int64_t gyre__http_begin_body(gyre_http_response *r)
{
    gyre__http_parser *parser = &r->parser;
    int64_t rc;

    if (strcmp(r->method, "HEAD") == 0) {
        parser->no_body = true;
        parser->framing = GYRE__HTTP_NO_BODY;
    }
    r->remaining = parser->content_length;
    r->length = -1;
    if (parser->framing == GYRE__HTTP_NO_BODY ||
        (parser->framing == GYRE__HTTP_LENGTH && r->remaining == 0)) {
        r->length = 0;
        end_body(r);
        return 0;
    }
    rc = begin_inflating(r);
    if (rc < 0)
        return rc;
    if (parser->framing != GYRE__HTTP_LENGTH || r->inflating)
        return 0;
    if (r->remaining > r->client->options.body_limit || r->remaining > INT64_MAX)
        return gyre__http_raise(GYRE_EHTTPBODY, "the Content-Length is above body_limit");
    r->length = (int64_t)r->remaining;
    return 0;
}

/* ---- receiving ---- */

gyre_await gyre__http_fill(gyre_http_response *r, int64_t limit_ns)
{
    r->start = r->end = 0; /* nothing is left there */
    return gyre_wait_for(gyre_stream_read(r->connection->stream, r->buffer, GYRE__HTTP_BUFFER),
                         gyre__http_time_left(r, limit_ns));
}

/* True if what comes should go straight to a reader with this much room. */
bool gyre__http_wants_direct(const gyre_http_response *r, size_t size)
{
    if (r->inflating || size < GYRE__HTTP_DIRECT)
        return false;
    return r->parser.framing == GYRE__HTTP_UNTIL_EOF ||
           (r->parser.framing == GYRE__HTTP_LENGTH && r->remaining >= GYRE__HTTP_DIRECT);
}

gyre_await gyre__http_read_direct(gyre_http_response *r, char *buffer, size_t size)
{
    if (r->parser.framing == GYRE__HTTP_LENGTH && size > r->remaining)
        size = (size_t)r->remaining;
    return gyre_wait_for(gyre_stream_read(r->connection->stream, buffer, size),
                         gyre__http_time_left(r, r->timeouts.idle_ns));
}

int64_t gyre__http_took_direct(gyre_http_response *r, size_t size)
{
    int64_t rc;

    if (r->parser.framing == GYRE__HTTP_LENGTH)
        r->remaining -= size;
    rc = give_out(r, size);
    if (rc > 0)
        look_ahead(r);
    return rc;
}
