/* What the HTTP parser makes of some bytes, written down. */
#include "http_transcript.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../loop/error.h"

struct scribe {
    FILE *out;
    gyre__http_parser parser;
    const http_input *input;
    size_t consumed;
    bool in_body; /* the last thing written was a piece of a body */
    http_verdict verdict;
};

static void write_fields(struct scribe *scribe, const gyre_http_headers *headers)
{
    for (size_t i = 0; i < gyre_http_headers_count(headers); i++) {
        gyre_http_header field = gyre_http_headers_at(headers, i);

        fprintf(scribe->out, "  %s: ", field.name);
        fwrite(field.value, 1, field.value_size, scribe->out);
        fputc('\n', scribe->out);
    }
}

static void write_head(struct scribe *scribe)
{
    gyre__http_parser *p = &scribe->parser;

    fprintf(scribe->out, "head at %zu: version %d, framing %d, length %d %llu,%s%s%s\n",
            scribe->consumed, p->version, (int)p->framing, p->has_length,
            (unsigned long long)p->content_length, p->chunked ? " chunked" : "",
            p->upgrade ? " upgrade" : "", p->expect_continue ? " expects" : "");
    if (p->request)
        fprintf(scribe->out, "  %s %s (form %d, path %.*s, query %s, host %s)\n", p->method,
                p->target, (int)p->target_form, (int)p->path_size, p->path,
                p->query ? p->query : "none", p->host ? p->host : "none");
    else
        fprintf(scribe->out, "  %u %s\n", p->status, p->reason);
    write_fields(scribe, &p->headers);
    if (scribe->input->no_body)
        p->no_body = true;
}

static void write_end(struct scribe *scribe, int64_t code)
{
    fprintf(scribe->out, "%send at %zu: %s%s\n", scribe->in_body ? "\n" : "", scribe->consumed,
            code < 0 ? gyre_err_name(code) : "complete", scribe->parser.keep_alive ? " kept" : "");
    write_fields(scribe, &scribe->parser.trailers);
    scribe->in_body = false;
    scribe->verdict.code = code;
    if (code >= 0)
        scribe->verdict.messages++;
}

static void write_error(struct scribe *scribe, int64_t code)
{
    gyre__http_parser *p = &scribe->parser;

    scribe->verdict.code = code;
    scribe->verdict.status = gyre__http_parser_status(p);
    fprintf(scribe->out, "%serror: %s %u at %llu: %s\n", scribe->in_body ? "\n" : "",
            gyre_err_name(code), scribe->verdict.status, (unsigned long long)p->error_position,
            p->error_text);
}

/* One piece of the input; false when it ended in an error. */
static bool take(struct scribe *scribe, const char *data, size_t size)
{
    enum gyre__http_event event;
    const char *body;
    size_t used = 0, body_size;

    for (;;) {
        int64_t taken = gyre__http_parser_next(&scribe->parser, data + used, size - used, &event,
                                               &body, &body_size);

        if (taken < 0) {
            write_error(scribe, taken);
            return false;
        }
        used += (size_t)taken;
        scribe->consumed += (size_t)taken;
        if (event == GYRE__HTTP_MORE && used == size)
            return true;
        if (event == GYRE__HTTP_MORE || used > size || (event == GYRE__HTTP_BODY && !body_size)) {
            fprintf(scribe->out, "broken: event %d, %zu of %zu used\n", (int)event, used, size);
            scribe->verdict.broken = true;
            return false;
        }
        if (event == GYRE__HTTP_HEAD)
            write_head(scribe);
        if (event == GYRE__HTTP_BODY) {
            fwrite(body, 1, body_size, scribe->out);
            scribe->in_body = true;
        }
        if (event == GYRE__HTTP_END) {
            write_end(scribe, 0);
            gyre__http_parser_reset(&scribe->parser);
            if (used == size)
                return true;
        }
    }
}

static bool take_copy(struct scribe *scribe, const char *data, size_t size)
{
    char *copy = malloc(size);
    bool good = false;

    if (copy) {
        memcpy(copy, data, size);
        good = take(scribe, copy, size);
    }
    free(copy);
    return good;
}

static void close_input(struct scribe *scribe)
{
    int64_t result = gyre__http_parser_eof(&scribe->parser);

    /* Between messages there is nothing to end. */
    if (result == GYRE_EEOF && scribe->verdict.messages)
        return;
    write_end(scribe, result);
    if (result == GYRE_EHTTPINCOMPLETE)
        write_error(scribe, result);
}

char *http_transcript(const http_input *input, size_t first, size_t piece,
                      http_verdict *out_verdict)
{
    struct scribe scribe = {.input = input};
    size_t at = 0, size = 0;
    char *text = NULL;
    bool good = true;

    scribe.out = open_memstream(&text, &size);
    if (!scribe.out)
        return NULL;
    gyre__http_parser_init(&scribe.parser, input->request, input->limits);
    while (good && at < input->size) {
        size_t length = at ? piece : first;

        if (length > input->size - at)
            length = input->size - at;
        good = take_copy(&scribe, input->data + at, length);
        at += length;
    }
    if (good)
        close_input(&scribe);
    gyre__http_parser_fini(&scribe.parser);
    fclose(scribe.out);
    *out_verdict = scribe.verdict;
    out_verdict->size = size;
    return text;
}

bool http_pieces_agree(const http_input *input, const char *whole, const http_verdict *verdict,
                       size_t first, size_t piece)
{
    http_verdict other;
    char *text = http_transcript(input, first, piece, &other);
    bool agree = text && !other.broken && other.size == verdict->size &&
                 memcmp(text, whole, other.size) == 0;

    if (!agree)
        fprintf(stderr, "whole:\n%s\nwith pieces of %zu and %zu:\n%s\n", whole, first, piece,
                text ? text : "out of memory");
    free(text);
    return agree;
}

bool http_splits_agree(const http_input *input, http_verdict *out_verdict)
{
    char *whole = http_transcript(input, input->size ? input->size : 1, 1, out_verdict);
    size_t stride = input->size / 400 + 1; /* quadratic: long inputs are split in fewer places */
    bool agree = whole && !out_verdict->broken;

    for (size_t first = 1; agree && first < input->size; first += stride)
        agree = http_pieces_agree(input, whole, out_verdict, first, input->size);
    agree = agree && http_pieces_agree(input, whole, out_verdict, 1, 1) &&
            http_pieces_agree(input, whole, out_verdict, 2, 3);
    free(whole);
    return agree;
}
