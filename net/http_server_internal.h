/*
 * The HTTP server's insides.
 *
 * http_server.c has its life and what all connections share; http_server_connection.c the
 * connection's coroutine, http_server_wait.c its time-outs; http_server_request.c the request,
 * http_server_body.c its body, http_server_head.c and http_server_answer.c the answer.
 */
#ifndef GYRE_NET_HTTP_SERVER_INTERNAL_H
#define GYRE_NET_HTTP_SERVER_INTERNAL_H

#include "../task/task_internal.h"
#include "http_headers.h"
#include "http_parser_internal.h"
#include "http_router.h"
#include "server_internal.h"
#include "stream_internal.h"

enum {
    GYRE__HTTPD_MOST_PARAMS = 8,
    GYRE__HTTPD_SMALL_PIECE = 8192, /* bodies up to here are copied behind their head: one write */
    GYRE__HTTPD_BATCH = 16384,      /* pipelined answers are sent when they are so many bytes */
    GYRE__HTTPD_KEPT_MEMORY = 65536, /* larger buffers are not kept for the next exchange */
    GYRE__HTTPD_DATE_FIELD = 48,
};

/* A wait with a deadline: one of a connection's two sides. */
typedef struct gyre__httpd_wait {
    gyre_task *task;   /* that is parked in it, or NULL */
    uint64_t deadline;
    uint32_t cancels;  /* requests to cancel the task that were there before */
    bool expired;      /* it was ended from here */
    uint64_t progress; /* of a write: bytes that the client had taken when last looked at */
} gyre__httpd_wait;

typedef struct gyre__httpd_connection gyre__httpd_connection;

struct gyre_http_server {
    gyre_loop *loop;
    gyre_server *listener;     /* its last reference frees this struct too */
    gyre_http_server_options options;
    struct gyre__http_limits limits;
    char *server_field;        /* "Server: x\r\n", or "" */
    size_t server_field_size;
    const gyre_coro *coro;     /* the handler */
    /* where that only routes: one frame less for each request; or NULL */
    gyre_http_router *router;
    void *args;                /* the frame each one starts with */
    bool closing;
    gyre__link connections;
    gyre_http_exchange *spare; /* exchanges that wait for a request */
    size_t spare_count;
    uint64_t now;              /* time of the loop ... */
    uint64_t now_iteration;    /* ... in this iteration */
    uint64_t date_iteration;   /* iteration in which the date was looked at last */
    int64_t date_second;
    char date[GYRE__HTTPD_DATE_FIELD]; /* "Date: ...\r\n" */
    size_t date_size;
};

/* The session's frame, for as long as the connection lives. */
struct gyre__httpd_connection {
    gyre_frame frame;
    gyre_stream *stream;
    gyre_http_server *server;
    gyre_http_exchange *exchange; /* while a request is under way, or answers are unsent */
    gyre__link link;              /* in server->connections */
    gyre__httpd_wait reading, writing;
    gyre__timer timer;            /* set to the earlier deadline, or before it */
    uint64_t requests;
    int64_t rc;
    uint64_t dropped;             /* bytes, while lingering */
    bool began;                   /* linked, so that the end must unlink */
    bool idle;                    /* between two requests */
    bool abort;                   /* close without sending what is unsent */
    bool linger;                  /* the client may still be sending */
};

struct gyre__httpd_param {
    const char *name; /* the route's */
    size_t name_size;
    const char *value; /* in the exchange's text */
};

struct gyre_http_exchange {
    gyre_http_server *server;
    gyre__httpd_connection *connection; /* NULL: spare */
    gyre_http_exchange *next;          /* spare */
    /* sends what is composed; a reference to the listener while it is queued */
    gyre__node flush;
    bool flush_queued;

    /* the request */
    gyre__http_parser parser;
    char *text; /* decoded path, values of parameters */
    size_t text_size, text_capacity;
    const char *path, *query;
    struct gyre__httpd_param params[GYRE__HTTPD_MOST_PARAMS];
    size_t param_count;
    uint64_t began; /* when its first byte was there */
    bool has_head;

    /* its body */
    bool body_over, expects_continue;
    int64_t read_error;
    uint64_t received, body_limit;
    char *body; /* of gyre_http_read_all */
    size_t body_size, body_capacity;

    /* the answer */
    gyre_http_headers fields, trailers;
    unsigned status; /* 0: not started */
    bool ended, chunked, bodyless, close;
    int64_t length; /* announced, or -1 */
    uint64_t sent;
    int64_t error; /* what ended the exchange too early */
    /* composed and not sent: of this answer, and of earlier ones on the connection */
    char *out;
    size_t out_size, out_capacity;
};

/* ---- http_server.c ---- */

/* The loop's time, looked at once an iteration. */
static inline uint64_t gyre__httpd_now(gyre_http_server *server)
{
    if (server->now_iteration != server->loop->iterations) {
        server->now_iteration = server->loop->iterations;
        server->now = gyre_loop_time(server->loop);
    }
    return server->now;
}

const char *gyre__httpd_date_field(gyre_http_server *server, size_t *out_size);
gyre_http_exchange *gyre__httpd_exchange_take(gyre__httpd_connection *connection);
void gyre__httpd_exchange_give(gyre_http_exchange *exchange);
extern const gyre_coro gyre__httpd_connection_coro;

/* ---- http_server_wait.c: between begin and end stands one await on the stream ---- */

void gyre__httpd_timer_init(gyre__httpd_connection *connection);
void gyre__httpd_timer_stop(gyre__httpd_connection *connection);
void gyre__httpd_wait_begin(gyre__httpd_connection *connection, gyre__httpd_wait *wait,
                            int64_t timeout_ns);
/* Gives the await's result; GYRE_ETIMEOUT when the wait was ended from here. */
int64_t gyre__httpd_wait_end(gyre__httpd_wait *wait, int64_t result);
/* Ends a wait as its deadline would. */
void gyre__httpd_wait_expire(gyre__httpd_wait *wait);
/* Waits until the client has taken enough for more to be sent. Result: `result`. */
GYRE_MUST_USE gyre_await gyre__httpd_drain(gyre_http_exchange *exchange, int64_t result);
/* Waits until the socket takes more. Result 0. For who writes to it past the stream. */
GYRE_MUST_USE gyre_await gyre__httpd_wait_writable(gyre_http_exchange *exchange);
/* True if what is written to the stream is what goes over the wire. */
static inline bool gyre__httpd_stream_is_plain(const gyre_stream *stream)
{
    return !stream->tls;
}

/* ---- http_server_connection.c ---- */

/*
 * True if the error is that of the client or of the connection: nothing that a programmer should
 * hear of.
 */
bool gyre__httpd_is_clients(const gyre_http_exchange *exchange, int64_t error);

/* ---- http_server_request.c ---- */

/* After the head: path, query and what the rest depends on. 0, or the status to refuse with. */
unsigned gyre__httpd_exchange_prepare(gyre_http_exchange *exchange);
/*
 * Makes room for so many more bytes of text, which moves no more after that; false when memory is
 * short.
 */
bool gyre__httpd_text_reserve(gyre_http_exchange *exchange, size_t size);
/* Forgets the request and its answer; keeps the memory, and `out`. */
void gyre__httpd_exchange_reset(gyre_http_exchange *exchange);

/* ---- http_server_body.c ---- */

/*
 * Reads and drops the rest of the body within the limit. Result: 0, or an error: the connection
 * is of no more use.
 */
GYRE_MUST_USE gyre_await gyre__httpd_drop_body(gyre_http_exchange *exchange);
/* The status that an error of reading deserves; 0: none, as nobody is there to read it. */
unsigned gyre__httpd_error_status(const gyre_http_exchange *exchange, int64_t error);

/* ---- http_server_head.c ---- */

char *gyre__httpd_out_reserve(gyre_http_exchange *exchange, size_t size);
/* Composes the head into `out`. */
int64_t gyre__httpd_compose_head(gyre_http_exchange *exchange, unsigned status,
                                 const char *content_type, int64_t length);
char *gyre__httpd_put_number(char *to, uint64_t number);

/* ---- http_server_answer.c ---- */

/* Answers with a status and its reason as text, without waiting. */
int64_t gyre__httpd_answer_status(gyre_http_exchange *exchange, unsigned status);
/* Ends an answer in pieces, without waiting. */
int64_t gyre__httpd_finish(gyre_http_exchange *exchange);
/* Sends what is composed. */
int64_t gyre__httpd_flush(gyre_http_exchange *exchange);
void gyre__httpd_run_flush(gyre__node *node);
/* A whole answer, without waiting. */
int64_t gyre__httpd_answer(gyre_http_exchange *exchange, unsigned status, const char *content_type,
                          const void *body, size_t size);

#endif
