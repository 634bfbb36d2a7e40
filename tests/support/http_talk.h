/*
 * Talking to an HTTP server in raw bytes, from a coroutine in the same loop.
 *
 *     GYRE_TRY(GYRE_CALL(http_talk, .port = port, .text = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
 *     assert_string_equal(http_answer, "HTTP/1.1 200 OK\r\nDate: *\r\n...");
 */
#ifndef GYRE_TESTS_SUPPORT_HTTP_TALK_H
#define GYRE_TESTS_SUPPORT_HTTP_TALK_H

#include "../../net/stream_tls.h"

enum { HTTP_ANSWER_SIZE = 1 << 20 };

/* What came back until the server ended the connection, with a 0 behind it; each date is a "*". */
extern char http_answer[HTTP_ANSWER_SIZE];
extern size_t http_answer_size;

/*
 * Connects, sends the text, ends the sending side (unless told to keep it), and reads to the end.
 * Result: 0, or the error of reading: -ECONNRESET where the server aborted.
 */
struct http_talk {
    gyre_frame frame;
    uint16_t port;
    const char *text;
    size_t size; /* 0: strlen(text) */
    /* bytes that are sent at a time, with a turn of the loop between; 0: all at once */
    size_t piece;
    bool keep; /* do not end the sending side */
    gyre_tls_context *tls; /* over TLS, with this (borrowed) */
    gyre_stream *stream;
    size_t sent;
    int64_t rc;
};
GYRE_CORO_DECLARE(http_talk);

/* Puts a "*" in the place of every date in http_answer. */
void http_hide_dates(void);

/* How often a text occurs in http_answer. */
unsigned http_count(const char *text);

#endif
