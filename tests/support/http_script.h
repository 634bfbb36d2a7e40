/*
 * A scripted HTTP server: answers requests with exact bytes, in the order in which they come.
 *
 *     static const script_reply replies[] = {
 *         {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"},
 *         {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", .then = SCRIPT_RESET},
 *     };
 *     script_start(&script, replies, 2);       in a task
 *     ... script.url, script.requests[i] ...
 *     script_stop(&script);
 *
 * It lives in the same loop, on 127.0.0.1, and reads each request whole (its head, and a body with
 * Content-Length or in chunks) unless the reply says otherwise.
 */
#ifndef GYRE_TESTS_SUPPORT_HTTP_SCRIPT_H
#define GYRE_TESTS_SUPPORT_HTTP_SCRIPT_H

#include "../../net/server.h"

enum script_then {
    SCRIPT_KEEP,  /* wait for the next request on this connection */
    SCRIPT_CLOSE, /* the end of the stream */
    SCRIPT_RESET, /* RST */
    SCRIPT_STALL, /* say no more, until the client leaves */
};

typedef struct script_reply {
    const char *bytes; /* with a 0 at the end, unless size is set */
    size_t size;
    int64_t delay_ns;   /* before it is sent */
    int64_t trickle_ns; /* between its bytes; 0: at once */
    enum script_then then;
    bool early;              /* answer when the head has come, without reading the body */
    const char *before_body; /* sent when the head has come: "HTTP/1.1 100 Continue\r\n\r\n" */
    uint64_t repeat;         /* sends `tail` so often after the bytes */
    const char *tail;
} script_reply;

enum { SCRIPT_MOST = 64, SCRIPT_REQUEST = 4096 };

typedef struct script {
    gyre_server *server;
    const script_reply *replies;
    size_t reply_count, next; /* the next reply; requests beyond the last get it again */
    size_t request_count;     /* so far */
    size_t connections;       /* accepted */
    size_t ended;             /* of these over */
    char requests[SCRIPT_MOST][SCRIPT_REQUEST]; /* each as it came, cut to fit */
    size_t body_sizes[SCRIPT_MOST];
    char url[64]; /* "http://127.0.0.1:PORT", or https */
    uint16_t port;
} script;

/* Starts it on the running loop; with TLS if there is a context (borrowed). */
int64_t script_start(script *self, const script_reply *replies, size_t count);
int64_t script_start_tls(script *self, const script_reply *replies, size_t count,
                         gyre_tls_context *tls);

/* Ends it, with its connections. */
void script_stop(script *self);

/* True if request i has the text in it. */
bool script_has(const script *self, size_t i, const char *text);

#endif
