/*
 * Bridges between a loop and thread futures: spawning from a thread, following a future, wrapping
 * one.
 */
#include <errno.h>
#include <string.h>

#include "../loop/alloc.h"
#include "executor_internal.h"

/* ---- following: a thread future that ends as a future of the loop does ---- */

struct follower {
    gyre__source source;         /* of the thread future */
    gyre__post post;             /* brings a cancellation to the loop */
    gyre_thread_future *answer;  /* reference */
    gyre__portal *portal;        /* reference */
    atomic_uint refs;            /* of the entry, and of the post while it is on its way */
    gyre__portal_client client;  /* loop's thread, as what follows */
    gyre__callback entry;        /* in the list of the future */
    gyre_future *future;         /* reference; NULL once it is done */
};

static void unref_follower(struct follower *follower)
{
    if (atomic_fetch_sub_explicit(&follower->refs, 1, memory_order_acq_rel) > 1)
        return;
    gyre_thread_future_unref(follower->answer);
    gyre__portal_unref(follower->portal);
    gyre_free(follower);
}

static bool ask_to_end(gyre__source *source)
{
    struct follower *follower = GYRE__CONTAINER(source, struct follower, source);

    atomic_fetch_add_explicit(&follower->refs, 1, memory_order_relaxed);
    if (!gyre__portal_post(follower->portal, &follower->post))
        unref_follower(follower); /* the loop's own reference is there still */
    return false;
}

static void end_asked(gyre__node *node)
{
    struct follower *follower = GYRE__CONTAINER(node, struct follower, post.node);

    if (follower->future && !follower->future->loop->closing)
        gyre_future_cancel(follower->future);
    unref_follower(follower);
}

/* The future is done: nothing can be asked of it afterwards. */
static void followed_to_the_end(gyre__node *node)
{
    struct follower *follower = GYRE__CONTAINER(node, struct follower, entry.node);
    gyre_future *future = follower->future;
    gyre_error *detail;
    int64_t result = gyre__future_take(future, &detail);

    follower->future = NULL;
    gyre__portal_leave(future->loop, &follower->client);
    gyre__thread_future_complete(follower->answer, result, detail);
    gyre_future_unref(future);
    unref_follower(follower);
}

/*
 * The loop closes: an entry of a done future is in the ready queue, which is gone through after
 * this.
 */
static void close_follower(gyre__portal_client *client)
{
    struct follower *follower = GYRE__CONTAINER(client, struct follower, client);
    gyre_future *future = follower->future;

    if (future->state != GYRE_FUTURE_PENDING) {
        gyre__list_append(&follower->portal->clients, &client->link);
        gyre__drain_ready(future->loop);
        return;
    }
    gyre__future_remove(future, &follower->entry);
    follower->future = NULL;
    gyre__thread_future_complete(follower->answer, GYRE_ELOOPCLOSED, NULL);
    gyre_future_unref(future);
    unref_follower(follower);
}

static struct follower *new_follower(gyre_loop *loop, gyre_thread_future *answer)
{
    gyre__portal *portal = gyre__portal_of(loop);
    struct follower *follower = portal ? gyre_alloc_zeroed(sizeof(*follower)) : NULL;

    if (!follower)
        return NULL;
    follower->source.cancel = ask_to_end;
    follower->post.node.run = end_asked;
    follower->answer = gyre_thread_future_ref(answer);
    follower->portal = gyre__portal_ref(portal);
    atomic_init(&follower->refs, 1);
    follower->client.close = close_follower;
    follower->client.idle = true;
    gyre__list_init(&follower->client.link);
    return follower;
}

/* If the answer was cancelled meanwhile, the future is told so at once. */
static void follow(struct follower *follower, gyre_future *future)
{
    follower->future = gyre_future_ref(future);
    follower->entry.node.run = followed_to_the_end;
    gyre__portal_enter(follower->portal, &follower->client);
    gyre__future_add(future, &follower->entry);
    if (!gyre__thread_future_set_source(follower->answer, &follower->source))
        gyre_future_cancel(future);
}

gyre_thread_future *gyre_thread_future_follow(gyre_future *future)
{
    gyre_thread_future *answer;
    struct follower *follower;

    gyre__check_thread(future->loop, __func__);
    answer = gyre_thread_future_new();
    follower = answer ? new_follower(future->loop, answer) : NULL;
    if (!follower) {
        gyre_thread_future_unref(answer);
        return NULL;
    }
    follow(follower, future);
    return answer;
}

/* ---- spawning from a thread ---- */

struct spawn {
    gyre__post post;
    gyre_loop *loop;
    gyre_thread_future *answer; /* reference */
    gyre_context *context;      /* of the thread, if it runs a job; reference */
    const char *file;
    const gyre_coro *coro;
    unsigned line;
    max_align_t frame[]; /* the arguments */
};

/* A result for the case that no task was made. */
static int64_t spawn_now(struct spawn *spawn)
{
    struct follower *follower = new_follower(spawn->loop, spawn->answer);
    gyre_task *task;

    if (!follower)
        return -ENOMEM;
    task = gyre__spawn(&(gyre_spawn_options){.loop = spawn->loop, .context = spawn->context},
                       spawn->coro, spawn->frame, spawn->file, spawn->line);
    if (!task) {
        unref_follower(follower);
        return -ENOMEM;
    }
    follow(follower, gyre_task_future(task));
    gyre_task_unref(task);
    return 0;
}

static void spawn_arrives(gyre__node *node)
{
    struct spawn *spawn = GYRE__CONTAINER(node, struct spawn, post.node);
    int64_t rc = GYRE_ELOOPCLOSED;

    if (!spawn->loop->closing && !gyre_thread_future_done(spawn->answer))
        rc = spawn_now(spawn);
    if (rc < 0)
        gyre__thread_future_complete(spawn->answer, rc, NULL);
    gyre_thread_future_unref(spawn->answer);
    gyre_context_unref(spawn->context);
    gyre_free(spawn);
}

gyre_thread_future *gyre__spawn_threadsafe(gyre_loop *loop, const gyre_coro *coro,
                                           const void *args, const char *file, unsigned line)
{
    gyre_thread_future *answer;
    struct spawn *spawn;

    if (atomic_load_explicit(&loop->posts_closed, memory_order_relaxed) ||
        loop->generation != gyre__fork_generation)
        return NULL;
    answer = gyre_thread_future_new();
    spawn = answer ? gyre_alloc(sizeof(*spawn) + coro->frame_size) : NULL;
    if (!spawn) {
        gyre_thread_future_unref(answer);
        return NULL;
    }
    *spawn = (struct spawn){.post.node.run = spawn_arrives,
                            .loop = loop,
                            .answer = gyre_thread_future_ref(answer),
                            .context = gyre_context_copy(),
                            .file = file,
                            .coro = coro,
                            .line = line};
    memcpy(spawn->frame, args, coro->frame_size);
    gyre__post_push(loop, &spawn->post);
    return answer;
}

/* ---- wrapping: a future of the loop that ends as a thread future does ---- */

struct wrapper {
    gyre__observer observer;    /* of the thread future */
    gyre__post post;            /* brings its end to the loop */
    bool posted;                /* the future's lock */
    gyre_thread_future *source; /* reference */
    gyre__portal *portal;       /* reference */
    gyre__portal_client client; /* loop's thread, as what follows */
    gyre_future *future;        /* reference; NULL: nobody waits any more */
};

struct wrapped {
    gyre__combined combined;
    struct wrapper *wrapper; /* NULL once it is done */
};

static void free_wrapper(struct wrapper *wrapper)
{
    gyre_thread_future_unref(wrapper->source);
    gyre__portal_unref(wrapper->portal);
    gyre_free(wrapper);
}

/* Any thread. */
static void source_done(gyre__observer *observer)
{
    struct wrapper *wrapper = GYRE__CONTAINER(observer, struct wrapper, observer);

    wrapper->posted = true;
    if (!gyre__portal_post(wrapper->portal, &wrapper->post))
        wrapper->posted = false; /* the loop has closed, or is about to see to this */
}

static gyre_future *part(struct wrapper *wrapper)
{
    gyre_future *future = wrapper->future;

    ((struct wrapped *)(void *)future)->wrapper = NULL;
    wrapper->future = NULL;
    return future;
}

static void end_arrives(gyre__node *node)
{
    struct wrapper *wrapper = GYRE__CONTAINER(node, struct wrapper, post.node);
    gyre_future *future;
    gyre_error *detail;
    int64_t result;

    if (wrapper->future) {
        gyre__portal_leave(wrapper->future->loop, &wrapper->client);
        future = part(wrapper);
        result = gyre__thread_future_result(wrapper->source, &detail);
        if (result >= 0)
            gyre__future_finish_result(future, result);
        else if (result == GYRE_ECANCELLED)
            gyre__future_finish_cancelled(future, detail, false);
        else
            gyre__future_finish_error(future, result, detail);
        gyre_future_unref(future);
    }
    free_wrapper(wrapper);
}

/* Nobody waits any more: what is on its way, or will not come at all. */
static void let_go(struct wrapper *wrapper, gyre_error *detail)
{
    gyre_future *future = part(wrapper);

    if (gyre__thread_future_forget(wrapper->source, &wrapper->observer) || !wrapper->posted)
        free_wrapper(wrapper);
    gyre__future_finish_cancelled(future, gyre_error_ref(detail), false);
    gyre_future_unref(future);
}

static void close_wrapper(gyre__portal_client *client)
{
    let_go(GYRE__CONTAINER(client, struct wrapper, client), NULL);
}

static int64_t cancel_wrapped(gyre_future *future, gyre_error *detail)
{
    struct wrapper *wrapper = ((struct wrapped *)(void *)future)->wrapper;
    gyre_thread_future *source;

    if (!wrapper)
        return 0;
    source = gyre_thread_future_ref(wrapper->source);
    gyre__portal_leave(future->loop, &wrapper->client);
    let_go(wrapper, detail);
    gyre_thread_future_cancel(source);
    gyre_thread_future_unref(source);
    return 1;
}

static const gyre__future_class wrapped_class = {
    .name = "wrapped", .cancel = cancel_wrapped, .size = sizeof(struct wrapped)};

gyre_future *gyre__wrap_future(const char *file, unsigned line, gyre_thread_future *source)
{
    gyre_loop *loop = gyre__running;
    gyre__portal *portal;
    struct wrapper *wrapper;
    gyre_future *future;

    if (!loop)
        gyre__fatal("%s:%u: gyre_wrap_future where no loop is running", file, line);
    portal = gyre__portal_of(loop);
    if (!source || !portal || loop->closing)
        return NULL;
    future = gyre__combined_new(loop, &wrapped_class, file, line);
    wrapper = future ? gyre_alloc_zeroed(sizeof(*wrapper)) : NULL;
    if (!wrapper) {
        gyre_future_unref(future);
        return NULL;
    }
    wrapper->observer.done = source_done;
    wrapper->post.node.run = end_arrives;
    wrapper->source = gyre_thread_future_ref(source);
    wrapper->portal = gyre__portal_ref(portal);
    wrapper->client.close = close_wrapper;
    wrapper->future = gyre_future_ref(future);
    ((struct wrapped *)(void *)future)->wrapper = wrapper;
    gyre__portal_enter(portal, &wrapper->client);
    gyre__thread_future_observe(source, &wrapper->observer);
    return future;
}
