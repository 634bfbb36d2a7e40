/* Readiness: one poll as an awaitable, and polls armed again and again for readers and writers. */
#include "poll.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include "../loop/alloc.h"
#include "raw_internal.h"

gyre_await gyre_poll(int fd, short events)
{
    return gyre__raw("gyre_poll",
                     &(gyre__request){.verb = GYRE__OP_POLL, .fd = fd, .flags = (uint16_t)events});
}

/* ---- readers and writers ---- */

/*
 * A descriptor that is watched in one direction. It lives until the final completion of its op, in
 * the table or (once removed) not.
 */
struct watch {
    gyre__op op;
    gyre_callback *callback;
    void *arg;
    gyre_context *context; /* that of whoever added it; reference */
    int fd;
    short events;
    bool removed; /* not in the table any more */
    bool replaced; /* since the completion in the ready queue, which was for the old callback */
};

/* The watches of a loop, at index 2 * descriptor (reading) and 2 * descriptor + 1 (writing). */
struct watches {
    gyre__close_hook hook;
    struct watch **entries;
    size_t size;
};

static size_t index_of(int fd, short events)
{
    return 2 * (size_t)fd + (events == POLLOUT);
}

static struct watches *watches_of(const gyre_loop *loop)
{
    return loop->slots[GYRE__SLOT_WATCHES];
}

static struct watch *find(const gyre_loop *loop, int fd, short events)
{
    const struct watches *watches = watches_of(loop);

    if (!watches || fd < 0 || index_of(fd, events) >= watches->size)
        return NULL;
    return watches->entries[index_of(fd, events)];
}

static void take_out(struct watch *watch)
{
    if (!watch->removed)
        watches_of(watch->op.loop)->entries[index_of(watch->fd, watch->events)] = NULL;
    watch->removed = true;
}

static void free_watch(gyre_loop *loop, struct watch *watch)
{
    gyre_context_unref(watch->context);
    gyre__blocks_give(&loop->blocks, watch, sizeof(*watch));
}

static int64_t arm(gyre_loop *loop, struct watch *watch)
{
    return gyre__op_start(
        loop, &watch->op,
        &(gyre__request){.verb = GYRE__OP_POLL, .fd = watch->fd, .flags = (uint16_t)watch->events});
}

/*
 * The reference to the context is the loop's meanwhile: a variable may be set, the watch replaced.
 */
static void call(gyre_loop *loop, struct watch *watch)
{
    gyre_context *outer = loop->context;
    int64_t rc;

    loop->context = watch->context;
    watch->context = NULL;
    rc = watch->callback(loop, watch->arg);
    if (watch->replaced)
        gyre_context_unref(loop->context);
    else
        watch->context = loop->context;
    loop->context = outer;
    gyre__callback_done(loop, rc, NULL, "error in a reader or writer callback");
}

/* The end of a watch that was removed, or whose descriptor the kernel refuses. */
static void end(struct watch *watch, int64_t error)
{
    gyre_loop *loop = watch->op.loop;
    bool expected = watch->removed || loop->closing || error == 0;

    take_out(watch);
    free_watch(loop, watch);
    if (!expected)
        gyre_loop_call_exception_handler(
            loop, &(gyre_exception_context){
                      .message = "a reader or writer ended: its descriptor cannot be watched",
                      .code = error});
}

/* One poll is over: so the callback runs as often as the descriptor is ready, as with select(). */
static void polled(gyre__node *node)
{
    struct watch *watch = GYRE__CONTAINER(node, struct watch, op.node);
    gyre_loop *loop = watch->op.loop;
    int64_t rc = watch->op.res < 0 ? watch->op.res : 0;

    if (rc == 0 && !watch->removed && !watch->replaced && !loop->closing)
        call(loop, watch);
    watch->replaced = false;
    if (rc == 0 && !watch->removed && !loop->closing)
        rc = arm(loop, watch);
    if (!watch->op.in_flight)
        end(watch, rc);
}

static void on_loop_close(gyre_loop *loop, gyre__close_hook *hook)
{
    struct watches *watches = GYRE__CONTAINER(hook, struct watches, hook);

    for (size_t i = 0; i < watches->size; i++)
        if (watches->entries[i])
            take_out(
                watches->entries[i]); /* freed with the completion, which the closing loop awaits */
    loop->slots[GYRE__SLOT_WATCHES] = NULL;
    gyre_free(watches->entries);
    gyre_free(watches);
}

/* Makes room in the table for a descriptor. */
static int64_t reserve(gyre_loop *loop, int fd)
{
    struct watches *watches = watches_of(loop);
    size_t size, needed = index_of(fd, POLLOUT) + 1;
    struct watch **entries;

    if (!watches) {
        watches = gyre_alloc_zeroed(sizeof(*watches));
        if (!watches)
            return -ENOMEM;
        watches->hook.close = on_loop_close;
        gyre__list_append(&loop->close_hooks, &watches->hook.link);
        loop->slots[GYRE__SLOT_WATCHES] = watches;
    }
    if (needed <= watches->size)
        return 0;
    for (size = 64; size < needed; size *= 2)
        ;
    entries = gyre_realloc(watches->entries, size * sizeof(*entries));
    if (!entries)
        return -ENOMEM;
    memset(entries + watches->size, 0, (size - watches->size) * sizeof(*entries));
    watches->entries = entries;
    watches->size = size;
    return 0;
}

static void replace(struct watch *watch, gyre_callback *callback, void *arg)
{
    gyre_context *old = watch->context;

    watch->callback = callback;
    watch->arg = arg;
    watch->context = gyre_context_ref(watch->op.loop->context);
    watch->replaced = !watch->op.in_flight;
    gyre_context_unref(old);
}

static int64_t add(gyre_loop *loop, int fd, short events, gyre_callback *callback, void *arg)
{
    struct watch *watch;
    int64_t rc;

    if (loop->closing)
        return GYRE_ELOOPCLOSED;
    if (fcntl(fd, F_GETFD) < 0)
        return -errno;
    watch = find(loop, fd, events);
    if (watch) {
        replace(watch, callback, arg);
        return 0;
    }
    rc = reserve(loop, fd);
    if (rc < 0)
        return rc;
    watch = gyre__blocks_take(&loop->blocks, sizeof(*watch));
    if (!watch)
        return -ENOMEM;
    *watch = (struct watch){.callback = callback,
                            .arg = arg,
                            .context = gyre_context_ref(loop->context),
                            .fd = fd,
                            .events = events};
    gyre__op_init(&watch->op, polled, NULL);
    rc = arm(loop, watch);
    if (rc < 0) {
        free_watch(loop, watch);
        return rc;
    }
    watches_of(loop)->entries[index_of(fd, events)] = watch;
    return 0;
}

/* In its own callback a watch is not in flight: polled() ends it when the callback returns. */
static int64_t remove_watch(gyre_loop *loop, int fd, short events)
{
    struct watch *watch = find(loop, fd, events);

    if (!watch)
        return 0;
    take_out(watch);
    gyre__op_cancel(&watch->op);
    return 1;
}

void gyre__poll_forget(gyre_loop *loop, int fd)
{
    remove_watch(loop, fd, POLLIN);
    remove_watch(loop, fd, POLLOUT);
}

int64_t gyre_add_reader(gyre_loop *loop, int fd, gyre_callback *callback, void *arg)
{
    gyre__check_thread(loop, __func__);
    return add(loop, fd, POLLIN, callback, arg);
}

int64_t gyre_remove_reader(gyre_loop *loop, int fd)
{
    gyre__check_thread(loop, __func__);
    return remove_watch(loop, fd, POLLIN);
}

int64_t gyre_add_writer(gyre_loop *loop, int fd, gyre_callback *callback, void *arg)
{
    gyre__check_thread(loop, __func__);
    return add(loop, fd, POLLOUT, callback, arg);
}

int64_t gyre_remove_writer(gyre_loop *loop, int fd)
{
    gyre__check_thread(loop, __func__);
    return remove_watch(loop, fd, POLLOUT);
}
