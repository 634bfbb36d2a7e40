/* One attempt to fetch a URL. */
#include "attempt.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "retry.h"

/* ---- why it failed ---- */

void item_note(struct item *item, const char *format, ...)
{
    char text[2000];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    gyre_free(item->error);
    item->error = gyre_strdup(text);
}

enum verdict item_note_local(struct item *item, int64_t error)
{
    item->local_error = error;
    item_note(item, "cannot write %s: %s", item->path ? item->path : "to stdout",
              error == -EBUSY ? "another program is fetching it" : gyre_strerror(error));
    return VERDICT_FAILED;
}

/* The best that is known about an error that an await has just given. */
static enum verdict note_error(struct item *item, int64_t error)
{
    const gyre_error *detail = gyre_error_current();
    const char *text = gyre_error_code(detail) == error ? gyre_error_text(detail) : "";

    item_note(item, "%s", *text ? text : gyre_strerror(error));
    return retry_error(error) ? VERDICT_LATER : VERDICT_FAILED;
}

/* ---- the request ---- */

/* Asks for what is missing, if that can be done; else for all of it. */
static int64_t make_headers(struct attempt *self)
{
    const struct options *options = self->fetch->run->options;
    const struct save *save = &self->fetch->save;
    char range[48];
    int64_t rc = gyre_http_headers_copy(&self->headers, &options->headers);

    if (rc < 0 || save->size == 0 || save->resume.validator[0] == '\0' || options->own_range)
        return rc;
    self->from = save->size;
    if (save->resume.total > 0 && self->from >= (uint64_t)save->resume.total)
        self->from =
            (uint64_t)save->resume.total - 1; /* whole, it seems: its last byte proves it */
    snprintf(range, sizeof(range), "bytes=%" PRIu64 "-", self->from);
    rc = gyre_http_headers_set(&self->headers, "Range", range);
    return rc < 0 ? rc : gyre_http_headers_set(&self->headers, "If-Range", save->resume.validator);
}

static gyre_await send_request(struct attempt *self)
{
    const struct options *options = self->fetch->run->options;
    const gyre_http_request request = {
        .url = self->fetch->item->url,
        .headers = &self->headers,
        .max_redirects = options->max_redirects,
        .no_redirects = options->max_redirects == 0,
    };

    return gyre_http_send(self->fetch->run->client, &request, &self->response);
}

/* ---- the answer's head ---- */

static void note_head(struct attempt *self)
{
    struct item *item = self->fetch->item;

    item->status = gyre_http_response_status(self->response);
    gyre_free(item->final_url);
    item->final_url = gyre_strdup(gyre_http_response_url(self->response));
}

static enum verdict judge_failure(struct attempt *self, unsigned status)
{
    const char *reason = gyre_http_response_reason(self->response);

    item_note(self->fetch->item, "HTTP %u %s", status, *reason ? reason : gyre_http_reason(status));
    if (!retry_status(status))
        return VERDICT_FAILED;
    self->fetch->wait_ns =
        retry_after(gyre_http_response_header(self->response, "retry-after"), time(NULL));
    if (self->fetch->wait_ns > RETRY_MOST_WAIT) {
        item_note(self->fetch->item, "HTTP %u: not before %s", status,
                  gyre_http_response_header(self->response, "retry-after"));
        return VERDICT_FAILED;
    }
    return VERDICT_LATER;
}

/* A part that does not fit is as good as none. */
static enum verdict start_over(struct attempt *self)
{
    self->fetch->save.resume.validator[0] = '\0';
    return VERDICT_AGAIN;
}

static enum verdict judge_rest(struct attempt *self)
{
    struct save *save = &self->fetch->save;
    const char *range = gyre_http_response_header(self->response, "content-range");
    uint64_t first, last;
    int64_t total;

    if (!resume_range(range, &first, &last, &total) || first != self->from ||
        !resume_fits(&save->resume, gyre_http_response_headers(self->response), total))
        return start_over(self);
    save->size = self->from;
    self->goes_on = true;
    self->fetch->item->expected = total >= 0 ? total : save->resume.total;
    return VERDICT_FETCHED;
}

/*
 * --resume: a file that an earlier run completed, and that has not changed since, as far as dates
 * and sizes tell.
 */
static bool is_there(const struct attempt *self)
{
    const struct fetch *fetch = self->fetch;
    const char *text = gyre_http_response_header(self->response, "last-modified");
    int64_t length = gyre_http_response_content_length(self->response);
    struct stat info;
    struct tm date;

    if (!fetch->save.keep || fetch->save.made || !text || length < 0)
        return false;
    memset(&date, 0, sizeof(date));
    return stat(fetch->item->path, &info) == 0 && S_ISREG(info.st_mode) && info.st_size == length &&
           strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &date) && timegm(&date) <= info.st_mtime;
}

/* What the status means for the file: VERDICT_FETCHED if its body is to be received. */
static enum verdict judge(struct attempt *self)
{
    const struct save *save = &self->fetch->save;
    unsigned status = gyre_http_response_status(self->response);

    if (status == 416 && self->from > 0)
        return start_over(self);
    if (status < 200 || status > 299)
        return judge_failure(self, status);
    if (status == 206 && self->from > 0)
        return judge_rest(self);
    if (status == 206 && !self->fetch->run->options->own_range) {
        item_note(self->fetch->item, "HTTP 206 that was not asked for");
        return VERDICT_FAILED;
    }
    if (save->size > 0 && !save_can_restart(save)) {
        item_note(self->fetch->item, "broken off, and the server cannot go on from there");
        return VERDICT_FAILED;
    }
    self->fetch->item->expected = gyre_http_response_content_length(self->response);
    return VERDICT_FETCHED;
}

/* ---- its body ---- */

static void count_bytes(struct fetch *fetch, int64_t n)
{
    fetch->run->received += (uint64_t)n;
    fetch->item->size = fetch->save.size;
}

/* Gives a verdict or GYRE_ECANCELLED. */
struct receive {
    gyre_frame frame;
    struct attempt *attempt;
    struct fetch *fetch;
    int64_t got, n;
};
GYRE_CORO(receive)
{
    GYRE_BEGIN;
    if (!self->attempt->goes_on) {
        self->fetch->item->resumed = 0;
        resume_note(&self->fetch->save.resume, gyre_http_response_headers(self->attempt->response),
                    self->fetch->item->expected);
        GYRE_AWAIT(self->n, GYRE_CALL(save_begin, .save = &self->fetch->save));
        if (self->n < 0)
            GYRE_RETURN(self->n == GYRE_ECANCELLED ? self->n
                                                   : item_note_local(self->fetch->item, self->n));
    }
    for (;;) {
        GYRE_AWAIT(self->got, gyre_http_response_read(self->attempt->response, self->fetch->buffer,
                                                      FETCH_BUFFER));
        if (self->got < 0)
            GYRE_RETURN(self->got == GYRE_ECANCELLED ? self->got
                                                     : note_error(self->fetch->item, self->got));
        if (self->got == 0)
            break;
        GYRE_AWAIT(self->n, GYRE_CALL(save_write, .save = &self->fetch->save,
                                      .data = self->fetch->buffer, .count = (size_t)self->got));
        if (self->n < 0)
            GYRE_RETURN(self->n == GYRE_ECANCELLED ? self->n
                                                   : item_note_local(self->fetch->item, self->n));
        count_bytes(self->fetch, self->got);
    }
    if (self->fetch->item->expected >= 0 &&
        self->fetch->save.size != (uint64_t)self->fetch->item->expected)
        GYRE_RETURN(note_error(self->fetch->item, GYRE_EHTTPINCOMPLETE)); /* gave less than asked */
    GYRE_AWAIT(self->n, GYRE_CALL(save_complete, .save = &self->fetch->save));
    if (self->n < 0)
        GYRE_RETURN(self->n == GYRE_ECANCELLED ? self->n
                                               : item_note_local(self->fetch->item, self->n));
    GYRE_RETURN(VERDICT_FETCHED);
    GYRE_END;
}

static void note_timing(struct attempt *self)
{
    struct item *item = self->fetch->item;
    uint64_t now = gyre_loop_time(gyre_loop_current());

    if (!self->response)
        return;
    item->timing = *gyre_http_response_timing(self->response);
    item->body_ns = now - item->timing.started - item->timing.head_ns;
}

GYRE_CORO_PUBLIC(attempt)
{
    GYRE_BEGIN;
    self->n = make_headers(self);
    if (self->n < 0)
        GYRE_RETURN(note_error(self->fetch->item, self->n));
    GYRE_AWAIT(self->n, send_request(self));
    if (self->n < 0)
        GYRE_RETURN(self->n == GYRE_ECANCELLED ? self->n : note_error(self->fetch->item, self->n));
    note_head(self);
    self->n = judge(self);
    if (self->n != VERDICT_FETCHED)
        GYRE_RETURN(self->n);
    if (!self->goes_on && is_there(self)) {
        self->fetch->item->size = self->fetch->item->resumed =
            (uint64_t)self->fetch->item->expected;
        GYRE_RETURN(VERDICT_FETCHED);
    }
    GYRE_TRY(self->n, GYRE_CALL(receive, .attempt = self, .fetch = self->fetch));
    GYRE_RETURN(self->n);
    GYRE_FINALLY;
    note_timing(self);
    gyre_http_headers_fini(&self->headers);
    if (self->frame.value == GYRE_ECANCELLED)
        gyre_http_response_free(self->response); /* nobody wants to wait now */
    else
        GYRE_AWAIT(self->n, gyre_http_response_close(self->response));
    GYRE_END;
}
