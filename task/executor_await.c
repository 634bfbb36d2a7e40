/* Awaiting a job: the task is parked with it, and no future is made. */
#include <errno.h>

#include "executor_internal.h"

/* ---- waiting ---- */

static void job_arrives(gyre__job *job)
{
    gyre_task *task = job->task;

    if (!task) { /* nobody waits any more */
        gyre__job_free(job);
        return;
    }
    gyre__portal_leave(task->future.loop, &job->client);
    job->task = NULL;
    gyre__wake_task(task);
}

/* The loop closes, and this task could not be cancelled any more: it never runs again. */
static void close_job(gyre__portal_client *client)
{
    gyre__job *job = GYRE__CONTAINER(client, gyre__job, client);
    gyre__job_fate fate;

    job->task = NULL;
    fate = gyre__job_close(job);
    if (fate == GYRE__JOB_REMOVED)
        gyre__job_free(job);
}

/* As with an operation of the kernel the message is kept until the thread is done. */
static void note_cancel(gyre_task *task, gyre_error *detail)
{
    gyre_error *old = task->future.detail;

    if (task->flags & GYRE__TASK_WAIT_CANCELLED)
        return;
    task->flags |= GYRE__TASK_WAIT_CANCELLED;
    task->future.detail = gyre_error_ref(detail);
    gyre_error_unref(old);
}

/*
 * A job that must be waited for is told so, and the task stays; else the task goes on without it.
 */
static bool cancel_job(gyre_task *task, gyre_error *detail)
{
    gyre__job *job = task->wait.slot.data;
    gyre__job_fate fate;

    if (task->flags & GYRE__TASK_WOKEN)
        return false;
    fate = gyre__job_cancel(job);
    if (fate == GYRE__JOB_STAYS) {
        note_cancel(task, detail);
        return true;
    }
    task->wait.slot.data = NULL;
    if (fate == GYRE__JOB_REMOVED)
        gyre__job_free(job);
    else if (fate == GYRE__JOB_ARRIVING)
        job->task = NULL;
    if (task->flags & GYRE__TASK_WAIT_CANCELLED)
        return gyre__wake_task(task); /* the message is where it was put before */
    return gyre__cancel_wait(task, detail);
}

/* A result that nobody will get is dropped with the job. */
static int64_t finish_job(gyre_task *task)
{
    gyre__job *job = task->wait.slot.data;
    gyre_error *detail = NULL;
    int64_t result = gyre__wait_result(task);

    if (!job)
        return result;
    if (!(task->flags & (GYRE__TASK_WAIT_CANCELLED | GYRE__TASK_MUST_CANCEL))) {
        result = gyre__job_take(job, &detail);
        if (result < 0)
            gyre__error_set(detail);
    }
    gyre__job_free(job);
    return result;
}

static const gyre__wait_kind wait_job = {
    .what = "a thread", .cancel = cancel_job, .finish = finish_job};

gyre_await gyre__job_park(gyre_task *task, gyre__job *job)
{
    job->task = task;
    job->arrive = job_arrives;
    job->client.close = close_job;
    gyre__portal_enter(job->portal, &job->client);
    task->wait.slot.data = job;
    return gyre__park_slot(task, &wait_job, job);
}

/* ---- the two calls ---- */

/* What the thread may end at once is all in place before it gets the job. */
static gyre_await start(gyre_task *task, gyre__job *job)
{
    gyre_await pending = gyre__job_park(task, job);
    int64_t rc = gyre__executor_add(job->executor, job, false);

    if (rc == 0)
        return pending;
    gyre__portal_leave(task->future.loop, &job->client);
    task->waiting = NULL;
    gyre__job_free(job);
    return gyre__complete(task, rc);
}

static gyre__job *make(gyre_task *task, gyre_executor *executor, const gyre_job *def,
                       int64_t *out_rc)
{
    gyre__job *job;

    *out_rc = GYRE_ECANCELLED;
    executor =
        gyre__may_park(task) ? gyre__executor_choose(task->future.loop, executor, out_rc) : NULL;
    if (!executor) {
        gyre__job_refuse(def);
        return NULL;
    }
    job = gyre__job_new(gyre__portal_of(task->future.loop), executor, def);
    *out_rc = -ENOMEM;
    return job;
}

gyre_await gyre_run_in_executor(gyre_executor *executor, const gyre_job *def)
{
    gyre_task *task = gyre__task_running(__func__);
    int64_t rc;
    gyre__job *job = make(task, executor, def, &rc);

    return job ? start(task, job) : gyre__complete(task, rc);
}

gyre_await gyre_to_thread(gyre_job_fn *fn, void *arg, void (*release)(void *arg))
{
    const gyre_job def = {.fn = fn, .arg = arg, .release = release};
    gyre_task *task = gyre__task_running(__func__);
    int64_t rc;
    gyre__job *job = make(task, NULL, &def, &rc);

    if (!job)
        return gyre__complete(task, rc);
    job->context = gyre_context_copy();
    job->has_context = true;
    return start(task, job);
}
