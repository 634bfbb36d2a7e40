/*
 * The HTTP client's insides: http_client.c has its life, http_pool.c the connections, http_connect.c and
 * http_proxy.c open them, http_send.c goes through a request's tries and redirects, http_exchange.c has
 * one try, http_compose.c writes heads, http_upload.c bodies; http_response.c and http_receive.c read.
 */
#ifndef GYRE_NET_HTTP_CLIENT_INTERNAL_H
#define GYRE_NET_HTTP_CLIENT_INTERNAL_H

#include "../loop/list_internal.h"
#include "../task/task_internal.h"
#include "../task/timeout.h"
#include "http_client.h"
#include "http_headers.h"
#include "http_inflate_internal.h"
#include "http_parser_internal.h"
#include "http_text_internal.h"
#include "stream.h"
#include "url.h"

enum {
    GYRE__HTTP_BUFFER = 32768, /* what is received at a time, unless it goes straight to the reader */
    GYRE__HTTP_DIRECT = 16384, /* from this much on it does */
    GYRE__HTTP_BESIDE = 32768, /* bodies up to here go out beside the head: less than streams hold back */
    GYRE__HTTP_PIECE = 65536,  /* larger ones piece by piece */
    GYRE__HTTP_METHOD = 32,    /* longest method, its end included */
};

/* Where connections lead to. It lives while requests or connections need it. */
struct gyre__http_origin {
    struct gyre__http_origin *next; /* in its bucket */
    gyre_http_client *client;       /* borrowed: requests hold it */
    size_t users;                   /* requests under way */
    size_t connections;             /* places taken: open, being opened, or about to be */
    gyre__link idle;                /* unused connections, oldest first */
    gyre__link waiters;             /* slots of tasks, oldest first */
    gyre__link starving;            /* in client->starving, or in no list */
    bool tls;
    uint16_t port;
    size_t hash;
    char host[];
};

/* A place in the pool, and the connection in it. */
typedef struct gyre__http_connection {
    struct gyre__http_origin *origin;
    gyre_stream *stream;  /* NULL: none yet, or no more */
    gyre__link link;      /* in origin->idle */
    gyre__link age;       /* in client->idle */
    uint64_t idle_since;  /* on the loop's clock */
    uint64_t iteration;   /* of the loop, when it was last used */
    bool used;            /* it has served before */
} gyre__http_connection;

/* Blocks of GYRE__HTTP_BUFFER bytes that nobody uses. */
struct gyre__http_spare {
    struct gyre__http_spare *next;
};

struct gyre_http_client {
    gyre_loop *loop;
    unsigned refs;                    /* the owner's and one per response */
    bool closed;
    gyre_http_client_options options; /* defaults filled in; pointers lead to what follows, or are NULL */
    gyre_url proxy;
    char *proxy_authorization;        /* the header's value, or NULL */
    gyre_http_headers headers;
    gyre_tls_context *tls;            /* reference; NULL until needed */

    struct gyre__http_origin **buckets;
    size_t bucket_count;              /* a power of two */
    size_t origin_count;
    gyre__link idle;                  /* every unused connection, oldest first */
    gyre__link starving;              /* origins with waiters that only the limit in all holds back */
    gyre__timer timer;                /* of the oldest unused connection, or earlier */
    uint64_t tickets;                 /* waiters so far */
    gyre_http_client_stats stats;

    gyre_http_response *responses;    /* ended ones, for their memory; linked by `next` */
    size_t response_count;
    struct gyre__http_spare *buffers;
    size_t buffer_count;
};

enum gyre__http_upload_state {
    GYRE__HTTP_UPLOAD_NONE,
    GYRE__HTTP_UPLOAD_RUNNING,
    GYRE__HTTP_UPLOAD_DONE,   /* everything was written */
    GYRE__HTTP_UPLOAD_FAILED, /* upload_error says why */
};

/* What a body coroutine writes to. */
struct gyre_http_body {
    gyre_http_response *response; /* which embeds it */
};

/* A request and its response: one object, from the call to the end of the response. */
struct gyre_http_response {
    gyre_http_response *next; /* of the client's spare ones */
    gyre_http_client *client; /* reference */
    unsigned refs;            /* the owner's, the upload's, a read's */
    struct gyre__http_origin *origin;      /* a user of it; NULL before the first try */
    gyre__http_connection *connection;     /* its own; NULL: not yet, or not any more */
    uint64_t ticket;                       /* while it waits for one */
    bool queued;

    /* the request */
    char method[GYRE__HTTP_METHOD];
    gyre_url url;             /* where it goes now */
    gyre_http_headers request_headers;
    const char *body;         /* borrowed from the user */
    size_t body_size;
    bool has_body;            /* `body`, also an empty one, or `upload` */
    const gyre_coro *upload;  /* makes the body; NULL: there is none */
    void *upload_args;        /* its frame, as it starts */
    uint64_t upload_size;     /* 0: not known */
    bool writing;             /* a task is in gyre_http_body_write() */
    bool upload_again, expect_continue, no_redirects, decoding;
    bool left_origin;         /* it was redirected to another: credentials are not sent any more */
    unsigned max_redirects;
    gyre_http_timeouts timeouts;
    uint64_t deadline;        /* for everything, on the loop's clock; UINT64_MAX: none */

    /* sending */
    gyre__http_text text;     /* the head; later the final URL */
    gyre_task *upload_task;   /* reference; NULL: none */
    uint8_t upload_state;     /* enum gyre__http_upload_state */
    gyre_task *upload_waiter; /* parked until it has ended */
    gyre_timeout *head_timeout; /* of the wait for the head; set anew when the upload has ended */
    bool unsent_body;         /* the answer came before the body was asked for: it was not sent */
    int64_t upload_error;     /* of the coroutine */
    gyre_error *upload_detail;
    int64_t send_error;       /* of the connection, while there may be an answer still */
    uint64_t sent;            /* bytes of the body */
    gyre_http_headers upload_trailers;
    gyre_http_body writer;

    /* receiving */
    gyre__http_parser parser;
    char *buffer;             /* GYRE__HTTP_BUFFER bytes while it receives, else NULL */
    size_t start, end;        /* what it holds that was not looked at */
    const char *piece;        /* chunked: body inside the buffer that was parsed and not given out */
    size_t piece_size;
    bool received_any;        /* a byte of this try's answer */
    unsigned informational;   /* answers of class 1xx before the final one */
    bool at_end;              /* the body was read to its end */
    bool reading;             /* a task is in a read */
    bool peer_ended;          /* the stream's end has come */
    bool may_have_more;       /* the last read took all it had room for */
    uint64_t remaining;       /* LENGTH: bytes that are still to come */
    int64_t length;           /* of what is given out, or -1 */
    uint64_t received;        /* given out */
    int64_t error;            /* what ended the body, or 0 */
    gyre_error *error_detail;
    bool framing_done;        /* the last chunk has come */
    bool inflating;           /* the body is decompressed */
    bool inflate_more;        /* more may come out without input */
    gyre__http_inflate inflate;
    uint64_t phase;           /* when the phase under way began */
    gyre_http_timing timing;
};

static inline uint64_t gyre__http_now(const gyre_http_response *r)
{
    return gyre_loop_time(r->client->loop);
}

/* Time since the phase began; begins the next one. */
static inline uint64_t gyre__http_lap(gyre_http_response *r)
{
    uint64_t now = gyre__http_now(r), before = r->phase;

    r->phase = now;
    return now - before;
}

/* ---- http_client.c ---- */

void gyre__http_client_unref(gyre_http_client *client);

/* Keeps an ended response for the next request; false if there are enough. */
bool gyre__http_response_keep(gyre_http_response *r);

/* A buffer; NULL when memory is short. */
char *gyre__http_buffer_take(gyre_http_client *client);
void gyre__http_buffer_give(gyre_http_client *client, char *buffer);

/* The context for https, borrowed; makes the default one. */
int64_t gyre__http_client_tls(gyre_http_client *client, gyre_tls_context **out);

/* ---- http_pool.c ---- */

void gyre__http_pool_init(gyre_http_client *client);
void gyre__http_pool_fini(gyre_http_client *client);

/* http_origin.c: makes the origin of r->url the request's, in place of the one before. -ENOMEM. */
int64_t gyre__http_origin_enter(gyre_http_response *r);
void gyre__http_origin_leave(gyre_http_response *r);

/* Frees one that neither requests nor connections need. */
void gyre__http_origin_forget(struct gyre__http_origin *origin);

/* Waits for a place: r->connection, with or without a stream. */
GYRE_MUST_USE gyre_await gyre__http_acquire(gyre_http_response *r);

/* How a connection's service ends. */
enum gyre__http_release { GYRE__HTTP_KEEP, GYRE__HTTP_CLOSE, GYRE__HTTP_ABORT };

/* Gives r->connection back, to whoever waits. Nothing happens if there is none. */
void gyre__http_release(gyre_http_response *r, enum gyre__http_release how);

/*
 * True if nothing has come that nobody asked for, nor the end; `look`: the socket is asked too. Else
 * the next request would take it for its answer.
 */
bool gyre__http_is_silent(const gyre__http_connection *connection, bool look);

/* Ends the connection's stream but keeps its place. */
void gyre__http_disconnect(gyre__http_connection *connection, bool abort);

/* Ends a stream, also after its loop was closed. */
void gyre__http_end_stream(gyre_stream *stream, bool abort);

/* Takes the oldest unused connection's stream out of the pool; NULL: there is none. */
gyre_stream *gyre__http_pool_take_idle(gyre_http_client *client);

/* Has those who wait go on with GYRE_ESTATE. */
void gyre__http_pool_dismiss(gyre_http_client *client);

/* ---- http_connect.c, http_proxy.c ---- */

/* Opens r->connection->stream. */
GYRE_MUST_USE gyre_await gyre__http_connect(gyre_http_response *r);

/* Asks the proxy for a tunnel to the origin. */
GYRE_MUST_USE gyre_await gyre__http_tunnel(gyre_http_response *r);

/* ---- http_compose.c ---- */

/* Whether the caller may send the header; GYRE_EHTTPHEADER with a text. */
int64_t gyre__http_check_header(const char *name, const char *value);

/* Drops the headers that must not reach another origin. */
void gyre__http_forget_secrets(gyre_http_headers *headers);

/* Writes the head of the request into r->text. -ENOMEM. */
int64_t gyre__http_compose(gyre_http_response *r);

/* http_authorize.c: adds "Basic ..." from the userinfo of a URL. GYRE_EURL, GYRE_EHTTPHEADER. */
int64_t gyre__http_compose_userinfo(gyre__http_text *text, const char *userinfo);

/* ---- http_exchange.c ---- */

/* One try: a connection, the request, the head of the answer. */
GYRE_MUST_USE gyre_await gyre__http_exchange(gyre_http_response *r);

/* Receives until a final head is complete, or 100 has come where `until_continue`. Result: its status. */
GYRE_MUST_USE gyre_await gyre__http_receive_head(gyre_http_response *r, bool until_continue);

/* Forgets what belongs to one try, before the next. */
void gyre__http_forget_try(gyre_http_response *r);

/* ---- http_upload.c ---- */

/* Starts the task that writes the body. -ENOMEM. */
int64_t gyre__http_upload_start(gyre_http_response *r);

/* True while it runs. */
bool gyre__http_uploading(const gyre_http_response *r);

/* Cancels it and waits for its end. */
GYRE_MUST_USE gyre_await gyre__http_upload_stop(gyre_http_response *r);

/* The same without waiting. */
void gyre__http_upload_drop(gyre_http_response *r);

/* ---- http_redirect.c ---- */

/* 1: r was pointed at where the answer sends it; 0: the answer is final; an error: it cannot be followed. */
int64_t gyre__http_redirect(gyre_http_response *r);

/* ---- http_receive.c ---- */

/* Once the head is complete: how the body ends. */
int64_t gyre__http_begin_body(gyre_http_response *r);

/*
 * Gives out what was received already: bytes, 0 at the end, -EAGAIN when more must come, or an
 * error, which is kept.
 */
int64_t gyre__http_take(gyre_http_response *r, char *buffer, size_t size);

/* Drops what was received already: as above. */
int64_t gyre__http_drop(gyre_http_response *r);

/* Receives more into the buffer. Result: how many, 0 at the end of the stream. */
GYRE_MUST_USE gyre_await gyre__http_fill(gyre_http_response *r, int64_t limit_ns);

/* The body ends here with an error: keeps it with its detail, closes the connection. Gives it. */
int64_t gyre__http_break(gyre_http_response *r, int64_t error);

/* Large reads of bodies that are given out as they come: past the buffer. */
bool gyre__http_wants_direct(const gyre_http_response *r, size_t size);
GYRE_MUST_USE gyre_await gyre__http_read_direct(gyre_http_response *r, char *buffer, size_t size);
int64_t gyre__http_took_direct(gyre_http_response *r, size_t size);

/* Raises an error with a text, if there is memory for that; gives the code. */
int64_t gyre__http_raise(int64_t code, const char *text);

/* The time a wait may take: the limit, or what is left for everything. */
int64_t gyre__http_time_left(const gyre_http_response *r, int64_t limit_ns);

/* After a GYRE_ETIMEOUT: raises it with a text that says for what. */
int64_t gyre__http_timed_out(const gyre_http_response *r, const char *what, int64_t limit_ns);

/* ---- http_response_read.c ---- */

/* Ends the answer: drops what is left if that is cheap, else the connection; stops the upload. 0. */
GYRE_MUST_USE gyre_await gyre__http_finish(gyre_http_response *r, bool owned);

/* ---- http_response.c ---- */

/* A response of the client, with one reference; NULL when memory is short. */
gyre_http_response *gyre__http_response_new(gyre_http_client *client);
void gyre__http_response_unref(gyre_http_response *r);

/* Frees one that nothing uses, with its memory. */
void gyre__http_response_destroy(gyre_http_response *r);

#endif
