/*
 * The process pool's insides: process_template.c is the template and process_job.c a worker, both
 * other processes; process_worker.c is a worker as the pool sees it, process_pool.c deals out the
 * jobs, process_pool_run.c has what tasks await.
 *
 * A worker has two sockets. Jobs and answers go through the first, as streams of bytes. The
 * second is shared with the template, which says through it that the worker has started and how
 * it ended, and kills the worker when its other end is closed.
 */
#ifndef GYRE_NET_PROCESS_POOL_INTERNAL_H
#define GYRE_NET_PROCESS_POOL_INTERNAL_H

#include <sys/types.h>

#include "../task/task_internal.h"
#include "process_pool.h"
#include "transport.h"

/* ---- what goes through the sockets: both sides are the same program ---- */

/* To the template, with the two descriptors of a new worker. */
struct gyre__process_worker_request {
    void (*initializer)(void *arg);
    void *arg;
    size_t limit;
    int trap; /* for tests: at this step the worker kills itself; 0: never */
};

/* From the template. */
enum gyre__process_worker_event {
    GYRE__WORKER_STARTED, /* value: its pid */
    GYRE__WORKER_FAILED,  /* value: errno */
    GYRE__WORKER_ENDED,   /* value: status, as waitpid() gives it */
};
struct gyre__process_worker_news {
    int32_t event;
    int32_t value;
};

/* To a worker; the input follows. */
struct gyre__process_job_header {
    gyre_process_fn *fn;
    uint64_t size;
};

/* From a worker; the answer and the text of the error follow. */
struct gyre__process_answer_header {
    int64_t value;
    uint64_t size;
    uint32_t has_data; /* set, if only to nothing */
    uint32_t text_size;
};

enum { GYRE__MOST_TEXT = 1024 };

/* process_template.c: asks the template for a worker; the descriptors are the caller's to close. */
int64_t gyre__process_template_ask(const struct gyre__process_worker_request *request, int jobs_fd,
                                   int life_fd);
bool gyre__process_template_made(void);

/* process_job.c: the whole life of a worker, in its process. */
_Noreturn void gyre__process_worker_main(int fd,
                                         const struct gyre__process_worker_request *request);

/* For tests: the trap of workers that are started from now on. */
extern int gyre__process_worker_trap;

/* ---- in the pool's process ---- */

/* A job, until its future is done: then the callback frees it. */
struct gyre__process_job {
    gyre__callback done; /* of the future */
    gyre__link link;     /* in pool->waiting, or alone */
    gyre_process_pool *pool; /* reference */
    gyre_future *future; /* reference */
    struct gyre__process_worker *worker; /* that has it; or NULL */
    gyre_process_data **place; /* where a run wants the answer; NULL: it goes with the future */
    struct gyre__process_job_header header;
    char input[];
};

/* A worker process. */
struct gyre__process_worker {
    gyre__link link;          /* in pool->workers */
    gyre_process_pool *pool;  /* reference */
    gyre_transport *jobs;     /* NULL: lost */
    gyre_transport *life;     /* NULL: lost */
    struct gyre__process_job *job;    /* that it has; NULL with `busy`: one that nobody wants */
    bool busy;
    bool leaving;             /* told to exit, or killed by us */
    unsigned jobs_done;
    pid_t pid;                /* 0: not known yet */
    bool ended;               /* `status` is known */
    int status;
    int64_t failure;          /* why it could not start */
    /* what has come of an answer */
    struct gyre__process_answer_header header;
    size_t got;               /* bytes of header, data and text so far */
    gyre_process_data *data;  /* NULL: there is none, or no memory */
    char text[GYRE__MOST_TEXT];
    struct gyre__process_worker_news news;
    size_t news_got;
};

struct gyre_process_pool {
    gyre_loop *loop;
    unsigned refs;        /* owner, jobs, workers, tasks in shutdown */
    gyre_process_pool_options options;
    gyre__link waiting;   /* jobs, oldest first */
    gyre__link workers;
    gyre__link waiters;   /* tasks in shutdown */
    gyre__close_hook hook;
    bool shut_down;       /* takes no jobs any more */
    bool given_up;        /* by its owner, or by its loop */
    unsigned worker_count, running;
    size_t queued;
    uint64_t done, died;
};

void gyre__process_pool_unref(gyre_process_pool *pool);

/* process_worker.c: a new worker in the pool. */
int64_t gyre__process_worker_start(gyre_process_pool *pool);
/* Gives it a job: an error means that it can take none. */
int64_t gyre__process_worker_give(struct gyre__process_worker *worker,
                                  struct gyre__process_job *job);
/* Lets an idle one exit; kills it; kills it without waiting for its end. */
void gyre__process_worker_dismiss(struct gyre__process_worker *worker);
void gyre__process_worker_kill(struct gyre__process_worker *worker);
void gyre__process_worker_abandon(struct gyre__process_worker *worker);

/* process_pool.c: whenever a worker is free or gone. */
void gyre__process_pool_advance(gyre_process_pool *pool);
/* Ends a job that is neither in the queue nor with a worker. data, detail: moved. */
void gyre__process_job_finish(struct gyre__process_job *job, int64_t value,
                              gyre_process_data *data, gyre_error *detail);

/*
 * A job without a future yet; NULL when memory is short. gyre_free() ends it before it is
 * started.
 */
struct gyre__process_job *gyre__process_job_new(gyre_process_fn *fn, const void *input,
                                                size_t size);
/*
 * Makes its future, new reference, and hands it in (moved, always). place: NULL, or where the
 * answer goes, borrowed until the future is done. NULL when there can be no future.
 */
gyre_future *gyre__process_job_start(gyre_process_pool *pool, struct gyre__process_job *job,
                             gyre_process_data **place, bool bounded, const char *file,
                             unsigned line);

#endif
