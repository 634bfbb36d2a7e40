/*
 * Queues between tasks and threads: a ring under a lock; threads wait in conditions, tasks in
 * lines.
 */
#include "thread_queue.h"

#include <errno.h>
#include <pthread.h>

#include "../loop/alloc.h"
#include "line_internal.h"
#include "portal_internal.h"

enum { MOST = 1 << 24 };

/* An end of the queue: those who wait there. */
struct end {
    pthread_cond_t threads; /* wait here; monotonic clock */
    unsigned waiting;       /* of them; the queue's lock, as the next */
    unsigned parked;        /* tasks in the line */
    gyre__link line;        /* tasks, oldest first; loop's thread */
    const gyre__wait_kind *kind;
};

struct gyre_thread_queue {
    pthread_mutex_t lock;  /* guards what follows, up to `refs` */
    void **items;          /* a ring of maxsize */
    size_t head;           /* index of the first */
    size_t count;
    size_t maxsize;
    bool shutdown;
    bool posted;           /* the loop is on its way to wake tasks; holds a reference */
    gyre__portal *portal;  /* of the tasks that wait, reference; NULL: none has */
    struct end getters, putters;
    atomic_uint refs;
    void (*release)(void *item);
    gyre__post post;
};

/* ---- the ring, under the lock ---- */

static void *take(gyre_thread_queue *queue)
{
    void *item = queue->items[queue->head];

    queue->head = (queue->head + 1) % queue->maxsize;
    queue->count--;
    return item;
}

/* Somebody may go on at that end: a thread, or a task, which its loop has to wake. */
static void notify(gyre_thread_queue *queue, struct end *end)
{
    if (end->waiting)
        pthread_cond_signal(&end->threads);
    if (!end->parked || queue->posted)
        return;
    queue->posted = true;
    gyre_thread_queue_ref(queue);
    if (gyre__portal_post(queue->portal, &queue->post))
        return;
    queue->posted = false; /* the loop is closed */
    atomic_fetch_sub_explicit(&queue->refs, 1, memory_order_relaxed); /* the caller has one */
}

static int64_t put(gyre_thread_queue *queue, void *item)
{
    if (queue->shutdown)
        return GYRE_EQSHUTDOWN;
    if (queue->count == queue->maxsize)
        return GYRE_EQFULL;
    queue->items[(queue->head + queue->count++) % queue->maxsize] = item;
    notify(queue, &queue->getters);
    return 0;
}

static int64_t get(gyre_thread_queue *queue, void **out_item)
{
    if (!queue->count)
        return queue->shutdown ? GYRE_EQSHUTDOWN : GYRE_EQEMPTY;
    *out_item = take(queue);
    notify(queue, &queue->putters);
    return 0;
}

/* What is done at an end: `put` takes the item itself, `get` the place for one. */
typedef int64_t operation(gyre_thread_queue *queue, void *data);

static int64_t put_data(gyre_thread_queue *queue, void *data)
{
    return put(queue, data);
}

static int64_t get_data(gyre_thread_queue *queue, void *data)
{
    return get(queue, data);
}

static int64_t locked(gyre_thread_queue *queue, operation *operate, void *data)
{
    int64_t rc;

    pthread_mutex_lock(&queue->lock);
    rc = operate(queue, data);
    pthread_mutex_unlock(&queue->lock);
    return rc;
}

static bool must_wait(int64_t rc)
{
    return rc == GYRE_EQFULL || rc == GYRE_EQEMPTY;
}

int64_t gyre_thread_queue_put_nowait(gyre_thread_queue *queue, void *item)
{
    return locked(queue, put_data, item);
}

int64_t gyre_thread_queue_get_nowait(gyre_thread_queue *queue, void **out_item)
{
    return locked(queue, get_data, out_item);
}

/* ---- threads that wait ---- */

/* Under the lock. */
static int64_t wait_at(gyre_thread_queue *queue, struct end *end, operation *operate, void *data,
                       int64_t timeout_ns)
{
    uint64_t deadline = gyre__thread_deadline(timeout_ns);
    int64_t rc, waited = 0;

    while (must_wait(rc = operate(queue, data))) {
        if (waited < 0)
            return waited;
        if (gyre__running && timeout_ns > 0)
            return GYRE_ESTATE;
        end->waiting++;
        waited = gyre__thread_wait(&end->threads, &queue->lock, deadline);
        end->waiting--;
    }
    return rc;
}

int64_t gyre_thread_queue_put_blocking(gyre_thread_queue *queue, void *item, int64_t timeout_ns)
{
    int64_t rc;

    pthread_mutex_lock(&queue->lock);
    rc = wait_at(queue, &queue->putters, put_data, item, timeout_ns);
    pthread_mutex_unlock(&queue->lock);
    return rc;
}

int64_t gyre_thread_queue_get_blocking(gyre_thread_queue *queue, void **out_item,
                                       int64_t timeout_ns)
{
    int64_t rc;

    pthread_mutex_lock(&queue->lock);
    rc = wait_at(queue, &queue->getters, get_data, out_item, timeout_ns);
    pthread_mutex_unlock(&queue->lock);
    return rc;
}

/* ---- tasks that wait ---- */

/* Wakes so many tasks of a line; those woken stay in it until they run. */
static void wake_line(struct end *end, size_t most)
{
    for (gyre__link *link = end->line.next; link != &end->line && most; link = link->next)
        if (gyre__wake_task(gyre__slot_task(link)))
            most--;
}

/* In the loop. */
static void wake_tasks(gyre__node *node)
{
    gyre_thread_queue *queue = GYRE__CONTAINER(node, gyre_thread_queue, post.node);
    size_t items, room;

    pthread_mutex_lock(&queue->lock);
    queue->posted = false;
    items = queue->shutdown ? SIZE_MAX : queue->count;
    room = queue->shutdown ? SIZE_MAX : queue->maxsize - queue->count;
    pthread_mutex_unlock(&queue->lock);
    wake_line(&queue->getters, items);
    wake_line(&queue->putters, room);
    gyre_thread_queue_unref(queue);
}

/* Under the lock: the line of the running task's loop is the one of the queue. */
static int64_t bind_loop(gyre_thread_queue *queue, gyre_loop *loop)
{
    gyre__portal *portal = gyre__portal_of(loop);

    if (!portal)
        return -ENOMEM;
    if (!queue->portal)
        queue->portal = gyre__portal_ref(portal);
    return queue->portal == portal ? 0 : GYRE_EWRONGLOOP;
}

/*
 * Does it, or stands in line; in the same section, so that nothing comes in between. The loop is
 * held meanwhile.
 */
static int64_t operate_or_line_up(gyre_thread_queue *queue, struct end *end, operation *operate,
                                  gyre_task *task)
{
    int64_t rc, bound;

    pthread_mutex_lock(&queue->lock);
    rc = operate(queue, task->wait.slot.data);
    if (must_wait(rc)) {
        bound = bind_loop(queue, task->future.loop);
        if (bound < 0)
            rc = bound;
        else
            end->parked++;
    }
    pthread_mutex_unlock(&queue->lock);
    if (must_wait(rc)) {
        task->future.loop->holds++;
        gyre__line_join(&end->line, task, end->kind, queue);
    }
    return rc;
}

/* What a task woken for nothing leaves to the next. */
static void pass_on(gyre_thread_queue *queue, struct end *end)
{
    bool more;

    pthread_mutex_lock(&queue->lock);
    more = end == &queue->getters ? queue->count > 0 : queue->count < queue->maxsize;
    if (more)
        notify(queue, end);
    pthread_mutex_unlock(&queue->lock);
}

static int64_t finish(gyre_task *task, struct end *end, operation *operate)
{
    gyre_thread_queue *queue = task->wait.slot.owner;

    gyre__list_unlink(&task->wait.slot.link);
    task->future.loop->holds--;
    pthread_mutex_lock(&queue->lock);
    end->parked--;
    pthread_mutex_unlock(&queue->lock);
    if (gyre__raises_cancelled(task)) {
        pass_on(queue, end);
        return gyre__wait_result(task);
    }
    return operate_or_line_up(queue, end, operate, task);
}

static int64_t finish_put(gyre_task *task)
{
    gyre_thread_queue *queue = task->wait.slot.owner;

    return finish(task, &queue->putters, put_data);
}

static int64_t finish_get(gyre_task *task)
{
    gyre_thread_queue *queue = task->wait.slot.owner;

    return finish(task, &queue->getters, get_data);
}

static const gyre__wait_kind wait_put = {
    .what = "room in a queue of threads", .cancel = gyre__cancel_wait, .finish = finish_put};
static const gyre__wait_kind wait_get = {
    .what = "item of a thread", .cancel = gyre__cancel_wait, .finish = finish_get};

static gyre_await operate_in_task(gyre_thread_queue *queue, struct end *end, operation *operate,
                                  gyre_task *task, void *data)
{
    int64_t rc;

    if (!gyre__may_park(task)) {
        rc = locked(queue, operate, data);
        return gyre__complete(task, must_wait(rc) ? GYRE_ECANCELLED : rc);
    }
    task->wait.slot.data = data;
    rc = operate_or_line_up(queue, end, operate, task);
    return must_wait(rc) ? (gyre_await){true} : gyre__complete(task, rc);
}

gyre_await gyre_thread_queue_put(gyre_thread_queue *queue, void *item)
{
    return operate_in_task(queue, &queue->putters, put_data, gyre__task_running(__func__), item);
}

gyre_await gyre_thread_queue_get(gyre_thread_queue *queue, void **out_item)
{
    return operate_in_task(queue, &queue->getters, get_data, gyre__task_running(__func__),
                           out_item);
}

/* ---- life ---- */

static void init_end(struct end *end, const gyre__wait_kind *kind)
{
    gyre__condition_init(&end->threads);
    gyre__list_init(&end->line);
    end->kind = kind;
}

int64_t gyre_thread_queue_new(size_t maxsize, void (*release)(void *item),
                              gyre_thread_queue **out_queue)
{
    gyre_thread_queue *queue;

    if (!maxsize || maxsize > MOST)
        return -EINVAL;
    queue = gyre_alloc_zeroed(sizeof(*queue));
    if (queue)
        queue->items = gyre_alloc(maxsize * sizeof(queue->items[0]));
    if (!queue || !queue->items) {
        gyre_free(queue);
        return -ENOMEM;
    }
    gyre__lock_init(&queue->lock);
    init_end(&queue->getters, &wait_get);
    init_end(&queue->putters, &wait_put);
    queue->maxsize = maxsize;
    queue->release = release;
    queue->post.node.run = wake_tasks;
    atomic_init(&queue->refs, 1);
    *out_queue = queue;
    return 0;
}

gyre_thread_queue *gyre_thread_queue_ref(gyre_thread_queue *queue)
{
    if (queue)
        atomic_fetch_add_explicit(&queue->refs, 1, memory_order_relaxed);
    return queue;
}

/* Without the lock, as `release` is the user's; nobody can put any more. */
static void release_items(gyre_thread_queue *queue)
{
    void *item;

    while (gyre_thread_queue_get_nowait(queue, &item) == 0)
        if (queue->release)
            queue->release(item);
}

void gyre_thread_queue_unref(gyre_thread_queue *queue)
{
    if (!queue || atomic_fetch_sub_explicit(&queue->refs, 1, memory_order_acq_rel) > 1)
        return;
    atomic_init(&queue->refs, 1); /* ours, while the last items go */
    release_items(queue);
    pthread_cond_destroy(&queue->getters.threads);
    pthread_cond_destroy(&queue->putters.threads);
    pthread_mutex_destroy(&queue->lock);
    gyre__portal_unref(queue->portal);
    gyre_free(queue->items);
    gyre_free(queue);
}

void gyre_thread_queue_shutdown(gyre_thread_queue *queue, bool immediate)
{
    pthread_mutex_lock(&queue->lock);
    queue->shutdown = true;
    pthread_cond_broadcast(&queue->getters.threads);
    pthread_cond_broadcast(&queue->putters.threads);
    notify(queue, &queue->getters);
    notify(queue, &queue->putters);
    pthread_mutex_unlock(&queue->lock);
    if (immediate)
        release_items(queue);
}

size_t gyre_thread_queue_size(gyre_thread_queue *queue)
{
    size_t count;

    pthread_mutex_lock(&queue->lock);
    count = queue->count;
    pthread_mutex_unlock(&queue->lock);
    return count;
}
