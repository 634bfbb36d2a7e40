/*
 * A worker of a process pool, in its own process: reads jobs, runs them, writes answers, until
 * the pool is gone.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../loop/alloc.h"
#include "process_pool_internal.h"

struct gyre_process_answer {
    void *data;
    size_t size;
    bool set;
};

/* ---- where tests kill it ---- */

static int trap;

static void step(void)
{
    if (trap && --trap == 0)
        raise(SIGKILL);
}

/* ---- bytes ---- */

/* False at the end, which the pool has brought about. */
static bool read_fully(int fd, void *buffer, size_t size)
{
    char *to = buffer;

    while (size) {
        ssize_t n = recv(fd, to, size, 0);

        if (n == 0 || (n < 0 && errno != EINTR))
            return false;
        if (n > 0) {
            to += n;
            size -= (size_t)n;
        }
    }
    return true;
}

static bool write_fully(int fd, const void *data, size_t size)
{
    const char *from = data;

    while (size) {
        ssize_t n = send(fd, from, size, MSG_NOSIGNAL);

        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0) {
            from += n;
            size -= (size_t)n;
        }
    }
    return true;
}

/* In two halves, with a step between them. */
static bool write_halves(int fd, const void *data, size_t size)
{
    if (!write_fully(fd, data, size / 2))
        return false;
    step();
    return write_fully(fd, (const char *)data + size / 2, size - size / 2);
}

/* ---- jobs ---- */

int64_t gyre_process_answer_set(gyre_process_answer *answer, const void *data, size_t size)
{
    void *copy = gyre_alloc(size ? size : 1);

    if (!copy)
        return -ENOMEM;
    if (size)
        memcpy(copy, data, size);
    gyre_free(answer->data);
    *answer = (gyre_process_answer){.data = copy, .size = size, .set = true};
    return 0;
}

static bool send_answer(int fd, int64_t value, const gyre_process_answer *answer)
{
    const gyre_error *detail = gyre_error_current();
    const char *text = value < 0 && gyre_error_code(detail) == value ? gyre_error_text(detail) : "";
    size_t text_size = strnlen(text, GYRE__MOST_TEXT - 1);
    const struct gyre__process_answer_header header = {.value = value,
                                                       .size = answer->size,
                                                       .has_data = answer->set,
                                                       .text_size = (uint32_t)text_size};

    return write_halves(fd, &header, sizeof(header)) &&
           write_halves(fd, answer->data, answer->size) && write_fully(fd, text, text_size);
}

/* What does not fit is dropped here, as nobody would take it. */
static int64_t run(const struct gyre__process_job_header *job, const void *input, size_t limit,
                   gyre_process_answer *answer)
{
    int64_t value;

    gyre_error_clear();
    value = job->fn(input, (size_t)job->size, answer);
    fflush(NULL);
    if (answer->size <= limit)
        return value;
    gyre_free(answer->data);
    *answer = (gyre_process_answer){.data = NULL};
    return gyre_raise(gyre_error_new(GYRE_ELIMIT, "the answer is larger than the pool's limit"));
}

static bool serve_one(int fd, size_t limit)
{
    gyre_process_answer answer = {.data = NULL};
    struct gyre__process_job_header job;
    void *input;
    bool going_on;

    step();
    if (!read_fully(fd, &job, sizeof(job)))
        return false;
    step();
    input = gyre_alloc(job.size ? (size_t)job.size : 1);
    if (!input || !read_fully(fd, input, (size_t)job.size)) {
        gyre_free(input);
        return false;
    }
    step();
    going_on = send_answer(fd, run(&job, input, limit, &answer), &answer);
    step();
    gyre_free(input);
    gyre_free(answer.data);
    return going_on;
}

_Noreturn void gyre__process_worker_main(int fd, const struct gyre__process_worker_request *request)
{
    trap = request->trap;
    prctl(PR_SET_NAME, "gyre-worker");
    if (request->initializer)
        request->initializer(request->arg);
    while (serve_one(fd, request->limit))
        ;
    gyre_error_clear();
    fflush(NULL);
    _exit(0);
}
