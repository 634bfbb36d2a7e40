/*
 * A worker of a process pool as its pool sees it: starting it, giving it jobs, reading answers,
 * noticing its end.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../loop/alloc.h"
#include "process_pool_internal.h"

/* ---- its end ---- */

static gyre_error *describe_end(const struct gyre__process_worker *worker)
{
    const char *name;

    if (worker->failure)
        return gyre_error_newf(worker->failure, "no worker process could be started: %s",
                               gyre_strerror(worker->failure));
    if (!worker->ended)
        return gyre_error_newf(GYRE_EWORKERDIED, "worker process %d was lost", (int)worker->pid);
    if (WIFEXITED(worker->status))
        return gyre_error_newf(GYRE_EWORKERDIED, "worker process %d exited with status %d",
                               (int)worker->pid, WEXITSTATUS(worker->status));
    name = sigabbrev_np(WTERMSIG(worker->status));
    return gyre_error_newf(GYRE_EWORKERDIED, "worker process %d was killed by SIG%s",
                           (int)worker->pid, name ? name : "?");
}

/* Both sockets are closed: what it had to do is lost, and it is no worker any more. */
static void gone(struct gyre__process_worker *worker)
{
    gyre_process_pool *pool = worker->pool;
    struct gyre__process_job *job = worker->job;

    if (worker->jobs || worker->life)
        return;
    gyre__list_remove(&worker->link);
    pool->worker_count--;
    pool->running -= worker->busy;
    pool->died += !worker->leaving && !worker->failure;
    if (job) {
        job->worker = NULL;
        gyre__process_job_finish(job, worker->failure ? worker->failure : GYRE_EWORKERDIED, NULL,
                                 describe_end(worker));
    }
    gyre_free(worker->data);
    gyre_free(worker);
    gyre__process_pool_advance(pool);
    gyre__process_pool_unref(pool);
}

/* ---- answers ---- */

static void finish_answer(struct gyre__process_worker *worker)
{
    gyre_process_pool *pool = worker->pool;
    struct gyre__process_job *job = worker->job;
    gyre_process_data *data = worker->data;
    int64_t value = worker->header.value;
    gyre_error *detail = NULL;

    worker->got = 0;
    worker->data = NULL;
    worker->job = NULL;
    worker->busy = false;
    worker->jobs_done++;
    pool->running--;
    pool->done++;
    if (job && worker->header.has_data && !data)
        value = -ENOMEM;
    else if (job && worker->header.text_size)
        detail = gyre_error_new(value, worker->text);
    if (job) {
        job->worker = NULL;
        gyre__process_job_finish(job, value, data, detail);
    } else {
        gyre_free(data);
    }
    if (pool->options.jobs_per_worker && worker->jobs_done >= pool->options.jobs_per_worker)
        gyre__process_worker_dismiss(worker);
    gyre__process_pool_advance(pool);
}

/*
 * The header is complete: makes room for what follows. Where memory is short that is read and
 * dropped.
 */
static bool accept_header(struct gyre__process_worker *worker)
{
    const struct gyre__process_answer_header *header = &worker->header;

    if (header->size > worker->pool->options.limit || header->text_size >= GYRE__MOST_TEXT)
        return false;
    if (header->has_data && worker->job) {
        worker->data = gyre_alloc(sizeof(*worker->data) + (size_t)header->size + 1);
        if (worker->data) /* the bytes lie behind it */
            *worker->data = (gyre_process_data){.size = (size_t)header->size,
                                                .bytes = (char *)(worker->data + 1)};
    }
    return true;
}

/*
 * Copies what belongs to the part that begins at byte `start` of the answer. Gives how much that
 * was.
 */
static size_t take(struct gyre__process_worker *worker, void *part, size_t start, size_t part_size,
                   const char *from, size_t size)
{
    size_t at = worker->got - start, n = part_size - at;

    if (worker->got < start || at >= part_size)
        return 0;
    n = n < size ? n : size;
    if (part)
        memcpy((char *)part + at, from, n);
    worker->got += n;
    return n;
}

static void on_answer(void *self, const char *from, size_t size)
{
    struct gyre__process_worker *worker = self;
    const size_t head = sizeof(worker->header);
    size_t data_size, text_size, n;

    if (!worker->busy) {
        gyre__process_worker_kill(
            worker); /* nobody has asked: somebody has overwritten its memory */
        return;
    }
    n = take(worker, &worker->header, 0, head, from, size);
    from += n;
    size -= n;
    if (worker->got < head)
        return;
    if (n && !accept_header(worker)) {
        gyre__process_worker_kill(worker);
        return;
    }
    data_size = (size_t)worker->header.size;
    text_size = worker->header.text_size;
    n = take(worker, worker->data ? worker->data->bytes : NULL, head, data_size, from, size);
    take(worker, worker->text, head + data_size, text_size, from + n, size - n);
    if (worker->got == head + data_size + text_size) {
        worker->text[text_size] = '\0';
        finish_answer(worker);
    }
}

static void on_jobs_lost(void *self, int64_t error)
{
    struct gyre__process_worker *worker = self;

    (void)error;
    worker->jobs = NULL;
    gone(worker); /* unless the template has not said yet how it ended */
}

/* ---- what the template says ---- */

static void hear(struct gyre__process_worker *worker, const struct gyre__process_worker_news *news)
{
    if (news->event == GYRE__WORKER_STARTED) {
        worker->pid = news->value;
    } else if (news->event == GYRE__WORKER_FAILED) {
        worker->failure = -news->value;
    } else {
        worker->ended = true;
        worker->status = news->value;
    }
}

static void on_news(void *self, const char *data, size_t size)
{
    struct gyre__process_worker *worker = self;

    for (size_t i = 0; i < size; i++) {
        ((char *)&worker->news)[worker->news_got++] = data[i];
        if (worker->news_got == sizeof(worker->news)) {
            worker->news_got = 0;
            hear(worker, &worker->news);
        }
    }
}

static void on_life_lost(void *self, int64_t error)
{
    struct gyre__process_worker *worker = self;

    (void)error;
    worker->life = NULL;
    if (worker->jobs)
        gyre_transport_abort(worker->jobs); /* its answers have come, as it ended after them */
    gone(worker);
}

/* ---- starting and ending ---- */

static const gyre_protocol jobs_protocol = {.data_received = on_answer,
                                            .connection_lost = on_jobs_lost};
static const gyre_protocol life_protocol = {.data_received = on_news,
                                            .connection_lost = on_life_lost};

/* A transport on one end of a new socket pair; the other end goes to *out_other. */
static int64_t open_socket(struct gyre__process_worker *worker, int type,
                           const gyre_protocol *protocol, gyre_transport **out_transport,
                           int *out_other)
{
    gyre_stream *stream;
    int ends[2];
    int64_t rc;

    if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    rc = gyre_stream_new(worker->pool->loop, ends[0], NULL, &stream);
    if (rc < 0) {
        close(ends[0]);
        close(ends[1]);
        return rc;
    }
    rc = gyre_transport_new(stream, protocol, worker, out_transport);
    if (rc < 0) {
        gyre_stream_abort(stream);
        close(ends[1]);
        return rc;
    }
    *out_other = ends[1];
    return 0;
}

static int64_t ask_template(const gyre_process_pool *pool, int jobs_fd, int life_fd)
{
    const struct gyre__process_worker_request request = {.initializer = pool->options.initializer,
                                                         .arg = pool->options.arg,
                                                         .limit = pool->options.limit,
                                                         .trap = gyre__process_worker_trap};

    return gyre__process_template_ask(&request, jobs_fd, life_fd);
}

/* From the first transport on the worker ends through connection_lost(). */
int64_t gyre__process_worker_start(gyre_process_pool *pool)
{
    struct gyre__process_worker *worker = gyre_alloc_zeroed(sizeof(*worker));
    int jobs_fd = -1, life_fd = -1;
    int64_t rc;

    if (!worker)
        return -ENOMEM;
    worker->pool = pool;
    rc = open_socket(worker, SOCK_STREAM, &jobs_protocol, &worker->jobs, &jobs_fd);
    if (rc < 0) {
        gyre_free(worker);
        return rc;
    }
    pool->refs++;
    pool->worker_count++;
    gyre__list_append(&pool->workers, &worker->link);
    rc = open_socket(worker, SOCK_SEQPACKET, &life_protocol, &worker->life, &life_fd);
    if (rc >= 0)
        rc = ask_template(pool, jobs_fd, life_fd);
    close(jobs_fd);
    if (life_fd >= 0)
        close(life_fd);
    if (rc < 0)
        gyre__process_worker_abandon(worker);
    return rc;
}

void gyre__process_worker_dismiss(struct gyre__process_worker *worker)
{
    worker->leaving = true;
    if (worker->jobs && !worker->busy)
        gyre_transport_close(worker->jobs); /* it reads the end, and exits; the template tells us */
}

/* The template kills it, as only its parent can be sure of the pid, and says how it ended. */
void gyre__process_worker_kill(struct gyre__process_worker *worker)
{
    worker->leaving = true;
    if (worker->jobs)
        gyre_transport_abort(worker->jobs);
    if (worker->life && gyre_transport_write(worker->life, "", 1) < 0)
        gyre_transport_abort(worker->life);
}

/* The same where nobody wants to know how it ended: the template sees that nobody listens. */
void gyre__process_worker_abandon(struct gyre__process_worker *worker)
{
    worker->leaving = true;
    if (worker->jobs)
        gyre_transport_abort(worker->jobs);
    if (worker->life)
        gyre_transport_abort(worker->life);
}

int64_t gyre__process_worker_give(struct gyre__process_worker *worker,
                                  struct gyre__process_job *job)
{
    int64_t rc = gyre_transport_write(worker->jobs, &job->header,
                                      sizeof(job->header) + (size_t)job->header.size);

    if (rc < 0)
        return rc;
    worker->busy = true;
    worker->job = job;
    worker->pool->running++;
    job->worker = worker;
    return 0;
}
