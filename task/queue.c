/* Queues: a store of items between two lines of tasks, those that put and those that get. */
#include "queue.h"

#include <errno.h>

#include "../loop/alloc.h"
#include "queue_internal.h"

/* ---- moving items ---- */

/* Whoever is woken stays in line until it runs, where gyre_queue_fini() finds it. */
static inline void wake_next(gyre__queue_line *line)
{
    while (line->next != &line->tasks) {
        gyre_task *task = gyre__slot_task(line->next);

        line->next = line->next->next;
        if (gyre__waiter_wake(task, "gyre_queue"))
            return;
    }
}

void gyre__queue_wake_next(gyre__queue_line *line)
{
    wake_next(line);
}

/* Why an item cannot be put now: GYRE_EQSHUTDOWN, GYRE_EQFULL, -ENOMEM. 0 if it can. */
static int64_t refusal(gyre_queue *queue)
{
    if (queue->is_shutdown)
        return GYRE_EQSHUTDOWN;
    if (gyre__queue_is_full(queue))
        return GYRE_EQFULL;
    return queue->count < queue->open ? 0 : gyre__queue_grow(queue);
}

static inline int64_t put(gyre_queue *queue, void *item)
{
    if (__builtin_expect(queue->count >= queue->open, 0)) {
        int64_t rc = refusal(queue);

        if (rc < 0)
            return rc;
    }
    gyre__queue_store(queue, item);
    queue->unfinished++;
    queue->finished.value = false;
    wake_next(&queue->getters);
    return 0;
}

/* The queue is not empty. */
static inline int64_t get(gyre_queue *queue, void **out_item)
{
    *out_item = gyre__queue_unstore(queue);
    if (__builtin_expect(__atomic_load_n(&queue->inbox, __ATOMIC_ACQUIRE) != NULL, 0) &&
        gyre__queue_refill(queue))
        return 0;
    wake_next(&queue->putters);
    return 0;
}

int64_t gyre_queue_put_nowait(gyre_queue *queue, void *item)
{
    return put(queue, item);
}

int64_t gyre_queue_get_nowait(gyre_queue *queue, void **out_item)
{
    if (queue->count == 0)
        return queue->is_shutdown ? GYRE_EQSHUTDOWN : GYRE_EQEMPTY;
    return get(queue, out_item);
}

/* ---- waiting ---- */

static int64_t finish_put(gyre_task *task);
static int64_t finish_get(gyre_task *task);
static int64_t finish_join(gyre_task *task);

static const gyre__wait_kind wait_put = {
    .what = "room in a queue", .cancel = gyre__cancel_wait, .finish = finish_put};
static const gyre__wait_kind wait_get = {
    .what = "item of a queue", .cancel = gyre__cancel_wait, .finish = finish_get};
static const gyre__wait_kind wait_join = {
    .what = "end of the work in a queue", .cancel = gyre__cancel_wait, .finish = finish_join};

/* gyre_queue_fini() has taken the task out of its line, and the queue is gone. */
static int64_t ended(const gyre_task *task)
{
    return gyre__waiter_cancelled(task) ? GYRE_ECANCELLED : GYRE_EQSHUTDOWN;
}

/* Parks the task at the end of the line; an error if it may not wait. */
static inline int64_t line_up(gyre_queue *queue, gyre__queue_line *line, gyre_task *task,
                              const gyre__wait_kind *kind)
{
    int64_t rc = gyre__line_check(&queue->loop, task);

    if (rc < 0)
        return rc;
    if (line->next == &line->tasks)
        line->next = &task->wait.slot.link;
    gyre__line_join(&line->tasks, task, kind, queue);
    return 0;
}

static inline void leave_line(gyre__queue_line *line, const gyre_task *task)
{
    if (line->next == &task->wait.slot.link)
        line->next = line->next->next;
    gyre__list_unlink(&task->wait.slot.link);
}

static int64_t finish_put(gyre_task *task)
{
    gyre_queue *queue = task->wait.slot.owner;
    int64_t rc;

    if (!queue)
        return ended(task);
    leave_line(&queue->putters, task);
    if (gyre__raises_cancelled(task)) {
        if (!gyre__queue_is_full(queue) && !gyre__waiter_cancelled(task))
            gyre__queue_wake_next(&queue->putters); /* the room is for the next */
        return gyre__wait_result(task);
    }
    rc = put(queue, task->wait.slot.data);
    if (__builtin_expect(rc == GYRE_EQFULL, 0)) /* somebody was faster */
        rc = line_up(queue, &queue->putters, task, &wait_put);
    return rc;
}

static int64_t finish_get(gyre_task *task)
{
    gyre_queue *queue = task->wait.slot.owner;

    if (!queue)
        return ended(task);
    leave_line(&queue->getters, task);
    if (gyre__raises_cancelled(task)) {
        if (queue->count && !gyre__waiter_cancelled(task))
            gyre__queue_wake_next(&queue->getters); /* the item is for the next */
        return gyre__wait_result(task);
    }
    if (__builtin_expect(queue->count > 0, 1))
        return get(queue, task->wait.slot.data);
    return queue->is_shutdown ? GYRE_EQSHUTDOWN : line_up(queue, &queue->getters, task, &wait_get);
}

static int64_t finish_join(gyre_task *task)
{
    if (!task->wait.slot.owner)
        return ended(task);
    gyre__list_unlink(&task->wait.slot.link);
    return gyre__wait_result(task);
}

/* Suspends, or completes with the reason why it cannot. */
static inline gyre_await suspend(gyre_queue *queue, gyre__queue_line *line, gyre_task *task,
                                 const gyre__wait_kind *kind)
{
    int64_t rc = line_up(queue, line, task, kind);

    return rc < 0 ? gyre__complete(task, rc) : (gyre_await){true};
}

gyre_await gyre_queue_put(gyre_queue *queue, void *item)
{
    gyre_task *task = gyre__task_running(__func__);
    int64_t rc = put(queue, item);

    if (rc != GYRE_EQFULL)
        return gyre__complete(task, rc);
    task->wait.slot.data = item;
    return suspend(queue, &queue->putters, task, &wait_put);
}

gyre_await gyre_queue_get(gyre_queue *queue, void **out_item)
{
    gyre_task *task = gyre__task_running(__func__);

    if (queue->count)
        return gyre__complete(task, get(queue, out_item));
    if (queue->is_shutdown)
        return gyre__complete(task, GYRE_EQSHUTDOWN);
    task->wait.slot.data = out_item;
    return suspend(queue, &queue->getters, task, &wait_get);
}

gyre_await gyre_queue_join(gyre_queue *queue)
{
    gyre_task *task = gyre__task_running(__func__);
    int64_t rc;

    if (!queue->unfinished)
        return gyre__complete(task, 0);
    rc = gyre__line_check(&queue->loop, task);
    if (rc < 0)
        return gyre__complete(task, rc);
    return gyre__line_up(&queue->finished.waiters, task, &wait_join, queue);
}

int64_t gyre_queue_task_done(gyre_queue *queue)
{
    if (!queue->unfinished)
        return GYRE_ETASKDONE;
    if (--queue->unfinished == 0)
        gyre_event_set(&queue->finished);
    return 0;
}

/* ---- beginning and end ---- */

static void line_init(gyre__queue_line *line)
{
    gyre__list_init(&line->tasks);
    line->next = &line->tasks;
}

int64_t gyre_queue_init(gyre_queue *queue, const gyre_queue_options *options)
{
    *queue = (gyre_queue){.options = options ? *options : (gyre_queue_options){.maxsize = 0}};
    if (queue->options.kind == GYRE_QUEUE_PRIORITY && !queue->options.compare)
        return -EINVAL;
    gyre_event_init(&queue->finished);
    gyre_event_set(&queue->finished);
    line_init(&queue->getters);
    line_init(&queue->putters);
    return gyre__queue_store_init(queue);
}

static void release_all(gyre_queue *queue)
{
    while (queue->count) {
        void *item = gyre__queue_unstore(queue);

        if (queue->unfinished)
            queue->unfinished--;
        if (queue->options.release)
            queue->options.release(item);
    }
    gyre__queue_inbox_clear(queue);
}

void gyre_queue_shutdown(gyre_queue *queue, bool immediate)
{
    queue->is_shutdown = true;
    gyre__queue_set_open(queue);
    if (immediate) {
        release_all(queue);
        if (!queue->unfinished)
            gyre_event_set(&queue->finished);
    }
    /* All look again, and find that it is shut down. */
    while (queue->getters.next != &queue->getters.tasks)
        wake_next(&queue->getters);
    while (queue->putters.next != &queue->putters.tasks)
        wake_next(&queue->putters);
}

/* Has everyone in a line run without looking at the queue again. */
static void dismiss(gyre__link *line)
{
    while (!gyre__list_empty(line)) {
        gyre_task *task = gyre__slot_task(line->next);

        gyre__list_remove(&task->wait.slot.link);
        task->wait.slot.owner = NULL;
        gyre__waiter_wake(task, "gyre_queue_fini");
    }
}

void gyre_queue_fini(gyre_queue *queue)
{
    if (!queue->items)
        return; /* its beginning failed, or it has ended already */
    queue->is_shutdown = true;
    gyre__queue_set_open(queue);
    dismiss(&queue->getters.tasks);
    dismiss(&queue->putters.tasks);
    dismiss(&queue->finished.waiters);
    release_all(queue);
    gyre__queue_inbox_fini(queue);
    gyre_free(queue->items);
    queue->items = NULL;
}

/* ---- what can be asked ---- */

size_t gyre_queue_size(const gyre_queue *queue)
{
    return queue->count;
}

size_t gyre_queue_maxsize(const gyre_queue *queue)
{
    return queue->options.maxsize;
}

bool gyre_queue_empty(const gyre_queue *queue)
{
    return queue->count == 0;
}

bool gyre_queue_full(const gyre_queue *queue)
{
    return gyre__queue_is_full(queue);
}
