/* Submitting: a job that a future of the loop stands for. */
#include <errno.h>

#include "executor_internal.h"
#include "unwind_internal.h"

/* The future with its job: NULL once the job is not waited for any more. */
struct job_future {
    gyre__combined combined;
    gyre__job *job;
};

static void finish(gyre_future *future, int64_t result, gyre_error *detail)
{
    if (result >= 0) {
        gyre_error_unref(detail);
        gyre__future_finish_result(future, result);
    } else if (result == GYRE_ECANCELLED) {
        gyre__future_finish_cancelled(future, detail, false);
    } else {
        gyre__future_finish_error(future, result, detail);
    }
}

/* Lets go of each other. Gives the job's reference to the future. */
static gyre_future *part(gyre__job *job)
{
    gyre_future *future = job->future;

    ((struct job_future *)(void *)future)->job = NULL;
    job->future = NULL;
    return future;
}

static void job_arrives(gyre__job *job)
{
    gyre_future *future;
    gyre_error *detail;
    int64_t result;

    if (!job->future) { /* cancelled meanwhile */
        gyre__job_free(job);
        return;
    }
    gyre__portal_leave(job->future->loop, &job->client);
    future = part(job);
    if (gyre__job_is_told(job)) { /* and had to be waited for: what it gives is dropped */
        finish(future, GYRE_ECANCELLED, gyre_error_ref(job->message));
    } else {
        result = gyre__job_take(job, &detail);
        finish(future, result, detail);
    }
    gyre__job_free(job);
    gyre_future_unref(future);
}

/* The future is cancelled; the job is freed if nobody else will do that. */
static void leave(gyre__job *job, gyre_future *future, gyre__job_fate fate, gyre_error *detail)
{
    if (fate == GYRE__JOB_REMOVED)
        gyre__job_free(job);
    gyre__future_finish_cancelled(future, gyre_error_ref(detail), false);
    gyre_future_unref(future);
}

static void close_job(gyre__portal_client *client)
{
    gyre__job *job = GYRE__CONTAINER(client, gyre__job, client);
    gyre_error *message = gyre_error_ref(job->message);
    gyre_future *future = part(job);

    leave(job, future, gyre__job_close(job), message);
    gyre_error_unref(message);
}

static int64_t cancel(gyre_future *future, gyre_error *detail)
{
    gyre__job *job = ((struct job_future *)(void *)future)->job;
    gyre_error *message;
    gyre__job_fate fate;

    if (future->state != GYRE_FUTURE_PENDING || !job)
        return 0;
    message = gyre_error_ref(job->message ? job->message : detail);
    part(job);
    fate = gyre__job_cancel(job); /* it may be gone now */
    if (fate == GYRE__JOB_STAYS) {
        job->future = future;
        ((struct job_future *)(void *)future)->job = job;
        gyre_error_unref(job->message);
        job->message = message;
        return 1;
    }
    leave(job, future, fate, message);
    gyre_error_unref(message);
    return 1;
}

static const gyre__future_class job_class = {
    .name = "job", .cancel = cancel, .size = sizeof(struct job_future)};

/* Queues the job; the future is done with the reason if that fails. */
static void start(gyre_future *future, gyre__job *job)
{
    int64_t rc;

    ((struct job_future *)(void *)future)->job = job;
    job->future = gyre_future_ref(future);
    job->arrive = job_arrives;
    job->client.close = close_job;
    gyre__portal_enter(job->portal, &job->client);
    rc = gyre__executor_add(job->executor, job, true);
    if (rc == 0)
        return;
    gyre__portal_leave(future->loop, &job->client);
    gyre_future_unref(part(job));
    gyre__job_free(job);
    gyre__future_finish_error(future, rc, NULL);
}

gyre_future *gyre__executor_submit(const char *file, unsigned line, gyre_executor *executor,
                                   const gyre_job *def)
{
    gyre_loop *loop = gyre__running;
    gyre_future *future;
    gyre__job *job;
    int64_t rc;

    if (!loop)
        gyre__fatal("%s:%u: gyre_executor_submit where no loop is running", file, line);
    future = gyre__combined_new(loop, &job_class, file, line);
    if (!future) {
        gyre__job_refuse(def);
        return NULL;
    }
    executor = gyre__executor_choose(loop, executor, &rc);
    if (!executor) {
        gyre__job_refuse(def);
        gyre__future_finish_error(future, rc, NULL);
        return future;
    }
    job = gyre__job_new(gyre__portal_of(loop), executor, def);
    if (!job) {
        gyre_future_unref(future);
        return NULL;
    }
    start(future, job);
    return future;
}

/* ---- waiting for the end of a job that was cancelled ---- */

static void job_ended(gyre__node *node)
{
    gyre__task_step(GYRE__CONTAINER(node, gyre_task, wait.on.callback.node));
}

/*
 * The request is kept for the next await. While the loop closes the thread is waited for, and wakes
 * the task.
 */
static bool cancel_wait(gyre_task *task, gyre_error *detail)
{
    gyre_future *future = task->wait.on.future;

    if (future->loop->closing && future->state == GYRE_FUTURE_PENDING)
        cancel(future, detail);
    return false;
}

static int64_t finish_wait(gyre_task *task)
{
    gyre_future_unref(task->wait.on.future);
    return 0;
}

static const gyre__wait_kind wait_end = {
    .what = "the end of a job", .cancel = cancel_wait, .finish = finish_wait, .keeps_result = true};

gyre_await gyre__job_await_end(gyre_future *future)
{
    gyre_task *task = gyre__task_running("gyre_executor_map_close");

    if (!future || future->state != GYRE_FUTURE_PENDING)
        return gyre__complete(task, 0);
    task->wait.on.callback.node.run = job_ended;
    task->wait.on.future = gyre_future_ref(future);
    gyre__future_add(future, &task->wait.on.callback);
    return gyre__park(task, &wait_end);
}

void gyre__job_block(gyre_future *future)
{
    gyre__job *job = future ? ((struct job_future *)(void *)future)->job : NULL;

    if (!job)
        return;
    pthread_mutex_lock(&job->portal->lock);
    while (!job->over)
        gyre__portal_wait(job->portal);
    pthread_mutex_unlock(&job->portal->lock);
}
