/*
 * Workers: the same program on every core, one loop each, looked after by a master.
 *
 *     struct serve { gyre_frame frame; uint16_t port; gyre_server *server; ... };
 *     GYRE_CORO(serve)
 *     {
 *         GYRE_BEGIN;
 *         self->rc = GYRE_START_SERVER(
 *             &self->server,
 *             ((gyre_server_options){.port = self->port, .reuse_port = true}), session);
 *         ...
 *         gyre_worker_ready();
 *         GYRE_TRY(gyre_sleep(GYRE_FOREVER));          until the master says stop: GYRE_ECANCELLED
 *         GYRE_FINALLY;
 *         GYRE_AWAIT(self->rc, gyre_server_stop(self->server, GYRE_SECONDS(5)));
 *         gyre_server_free(self->server);
 *         GYRE_END;
 *     }
 *
 *     int main(void)
 *     {
 *         return GYRE_WORKERS(((gyre_workers_options){.count = 0}), serve, .port = 8080) < 0;
 *     }
 *
 * The master is the thread that calls GYRE_WORKERS(). It has no loop; it starts the workers,
 * forwards signals, and restarts what crashes, later and later if it crashes again. Each worker
 * runs the coroutine as the main task of a loop of its own, with a copy of the arguments, as
 * GYRE_RUN() does.
 *
 *   SIGTERM, SIGINT   graceful stop: every worker's main task is cancelled, once. Those that have
 *                     not ended within the grace time are killed. A second one kills at once.
 *   SIGHUP            rolling restart: one worker after another is replaced; the new one is started
 *                     first, and the old one is stopped when it is ready.
 *   SIGUSR1, SIGUSR2  go to every worker process, which should handle them (threads: to nobody).
 *
 * (Not those that were ignored when the call was made.) A worker whose coroutine ends with a
 * value is done; with an error, or killed, it has crashed. When the master dies the worker
 * processes get a SIGTERM.
 *
 * Servers share a port through SO_REUSEPORT: the kernel spreads the connections. Connections that
 * wait in the backlog of a worker are lost when it goes, as the listening socket is its own.
 *
 * With `threads` the workers are threads of this process: they share its memory, cost less, and one
 * crash is the end of all. They cannot be killed: the master waits for them.
 *
 * Python has no name for it: gunicorn, or multiprocessing around asyncio.run().
 */
#ifndef GYRE_NET_WORKERS_H
#define GYRE_NET_WORKERS_H

#include <sys/types.h>

#include "../task/run.h"

GYRE_BEGIN_DECLS

typedef enum gyre_workers_event_kind {
    GYRE_WORKERS_STARTED, /* a worker was started */
    GYRE_WORKERS_READY,   /* it has called gyre_worker_ready() */
    GYRE_WORKERS_DONE,    /* it ended with a value, or after having been told to */
    GYRE_WORKERS_CRASHED, /* it ended otherwise: `error`, `text` */
    GYRE_WORKERS_KILLED,  /* it had to be killed: the grace time was over */
    GYRE_WORKERS_ROLLED,  /* a rolling restart is complete; `error`: it was given up */
} gyre_workers_event_kind;

/* Something that happened, as the master sees it. Borrowed during the call. */
typedef struct gyre_workers_event {
    gyre_workers_event_kind kind;
    unsigned index;      /* of the worker, from 0 */
    pid_t pid;           /* its process; with threads the master's own */
    int64_t error;       /* of a crash: what the coroutine gave, or GYRE_EWORKERDIED */
    const char *text;    /* one line about it, or "" */
    int64_t restart_ns;  /* after a crash: when it is restarted; < 0: never */
} gyre_workers_event;

/* All zero is a good default; use designated initialisers. Everything is copied. */
typedef struct gyre_workers_options {
    unsigned count;            /* 0: one for each core that this process may use */
    bool threads;              /* threads of this process in place of processes */
    bool wait_ready;           /* a rolling restart stops the old one when the new one is ready */
    int64_t grace_ns;          /* from the request to end to the kill; 0: 30 s; GYRE_FOREVER */
    int64_t backoff_ns;        /* before the first restart; 0: 100 ms; doubled each time ... */
    int64_t most_backoff_ns;   /* ... up to this; 0: 10 s. Who ran that long begins anew */
    unsigned most_restarts;    /* so many in a row, then the master gives up; 0: 16 */
    /* In the master, which waits for it; NULL: crashes and kills are printed to stderr. */
    void (*on_event)(const gyre_workers_event *event, void *arg);
    void *arg;                 /* borrowed, for on_event */
    gyre_run_options run;      /* for each worker's loop */
} gyre_workers_options;

GYRE_API int64_t gyre__workers(const gyre_workers_options *options, const gyre_coro *coro,
                               const void *args, const char *file, unsigned line);

#ifndef __cplusplus

/*
 * Runs workers until they have all ended: GYRE_WORKERS(options, coroutine, .argument = value,
 * ...), options being a gyre_workers_options value in parentheses. Call it in the main thread,
 * before the first loop and thread (processes are forked here, now and later).
 *
 * Gives how many had to be killed. Errors: the last crash's, or GYRE_EWORKERDIED, when the master
 * gave up, with the detail saying what happened; -EAGAIN, -ENOMEM, -EMFILE; -EINVAL for more than
 * 1024 workers; GYRE_ELOOPRUNNING in a running loop; GYRE_ESTATE in a worker.
 */
#define GYRE_WORKERS(options_, ...)                                                                \
    gyre__workers(&(options_), GYRE__CORO_OF(__VA_ARGS__), GYRE__FRAME(__VA_ARGS__), __FILE__,     \
                  __LINE__)

#endif

/*
 * Finds a TCP port that is free for servers with reuse_port, and keeps it: for workers that shall
 * share port 0. host: as in gyre_server_options, numeric; NULL: all IPv4 interfaces. Gives a
 * descriptor (bound, not listening; close it when all is over); *out_port: the port. Errors of
 * socket and bind; -EINVAL.
 */
GYRE_API GYRE_MUST_USE int64_t gyre_workers_reserve_port(const char *host, uint16_t *out_port);

/* ---- in a worker ---- */

/* Its number, from 0, kept over restarts; -1 outside of workers. */
GYRE_API int gyre_worker_index(void);

/* How many there are; 0 outside of workers. */
GYRE_API unsigned gyre_worker_count(void);

/* Tells the master that it does its work. Never suspends; once is enough. */
GYRE_API void gyre_worker_ready(void);

/* ---- messages between workers ---- */

/* What came with a message. */
typedef struct gyre_worker_message {
    unsigned from; /* index of the sender */
    int fd;        /* a descriptor that came along, the receiver's to close; or -1 */
} gyre_worker_message;

/* The most bytes of a message. */
#define GYRE_WORKER_MESSAGE_MOST 32768

/*
 * Sends a message (borrowed until the await is over) to a worker, itself included, and with it a
 * descriptor (borrowed; -1: none), of which the receiver gets a duplicate. Waits while there are
 * too many unread messages. Messages of one sender keep their order; those to a worker that is
 * just being restarted wait for it. Result: size. Errors: -EINVAL for an index there is not;
 * GYRE_ELIMIT for more bytes than may be; -EBADF; GYRE_ESTATE outside of workers.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_worker_send(unsigned to, const void *data, size_t size,
                                                   int fd);

/*
 * Waits for the next message to this worker. Result: its size. *out_message: borrowed, filled in
 * even if a cancellation came too late. buffer: borrowed until the await is over. Errors:
 * GYRE_ELIMIT when it is larger than the buffer (it is lost, the descriptor closed); GYRE_ESTATE
 * outside of workers.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_worker_receive(void *buffer, size_t size,
                                                      gyre_worker_message *out_message);

GYRE_END_DECLS

#endif
