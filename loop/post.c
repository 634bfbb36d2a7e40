/* Posts from other threads: a lock-free stack that the loop takes over whole, and an eventfd to wake it. */
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "alloc.h"
#include "loop_internal.h"

/* A post that gyre_call_soon_threadsafe makes. */
struct user_post {
    gyre__post post;
    gyre_loop *loop;
    gyre_callback *callback;
    void *arg;
};

/* Writes the eventfd only when the loop sleeps: a busy loop looks for posts in each iteration anyway. */
void gyre__wake(gyre_loop *loop)
{
    if (atomic_load(&loop->asleep) && atomic_exchange(&loop->asleep, false)) {
        uint64_t one = 1;
        ssize_t written = write(loop->wake_fd, &one, sizeof(one));

        (void)written; /* fails only when the counter is full, and then the loop wakes too */
    }
}

static void run_post(gyre__node *node)
{
    struct user_post *post = GYRE__CONTAINER(node, struct user_post, post.node);
    gyre_loop *loop = post->loop;
    gyre_callback *callback = post->callback;
    void *arg = post->arg;
    int64_t rc;

    gyre_free(post);
    if (loop->closing)
        return;
    rc = callback(loop, arg);
    gyre__callback_done(loop, rc, NULL, "error in a callback posted by another thread");
    gyre__context_forget(loop);
}

void gyre__post_push(gyre_loop *loop, gyre__post *post)
{
    post->older = atomic_load_explicit(&loop->posts, memory_order_relaxed);
    while (!atomic_compare_exchange_weak(&loop->posts, &post->older, post))
        ;
    gyre__wake(loop);
}

int64_t gyre_call_soon_threadsafe(gyre_loop *loop, gyre_callback *callback, void *arg)
{
    struct user_post *user;

    if (atomic_load_explicit(&loop->posts_closed, memory_order_relaxed))
        return GYRE_ELOOPCLOSED;
    if (loop->generation != gyre__fork_generation)
        return GYRE_EFORKED;
    user = gyre_alloc(sizeof(*user));
    if (!user)
        return -ENOMEM;
    *user = (struct user_post){
        .post.node.run = run_post, .loop = loop, .callback = callback, .arg = arg};
    gyre__post_push(loop, &user->post);
    return 0;
}

void gyre_loop_stop_threadsafe(gyre_loop *loop)
{
    atomic_store(&loop->stop_posted, true);
    gyre__wake(loop);
}

bool gyre__post_waiting(gyre_loop *loop)
{
    return atomic_load(&loop->posts) != NULL || atomic_load(&loop->stop_posted) ||
           atomic_load(&loop->signals_pending) != 0;
}

/* The stack is newest first; turning it round restores the order of each thread. */
void gyre__post_take(gyre_loop *loop)
{
    gyre__post *post, *oldest = NULL;

    if (atomic_load_explicit(&loop->posts, memory_order_relaxed)) {
        post = atomic_exchange(&loop->posts, NULL);
        while (post) {
            gyre__post *older = post->older;

            post->older = oldest;
            oldest = post;
            post = older;
        }
        while (oldest) {
            gyre__node *node = &oldest->node;

            oldest = oldest->older;
            gyre__ready_push(&loop->ready, node);
        }
    }
    if (atomic_load_explicit(&loop->stop_posted, memory_order_relaxed)) {
        atomic_store(&loop->stop_posted, false);
        loop->stopping = true;
    }
    if (atomic_load_explicit(&loop->signals_pending, memory_order_relaxed))
        gyre__signals_take(loop);
}

/* ---- the eventfd in the ring ---- */

static void woken(gyre__node *node)
{
    gyre__op *op = GYRE__CONTAINER(node, gyre__op, node);

    if (!op->loop->closing)
        gyre__post_arm(op->loop);
}

void gyre__post_arm(gyre_loop *loop)
{
    const gyre__request request = {.verb = GYRE__OP_READ,
                                   .fd = loop->wake_fd,
                                   .addr = &loop->wake_count,
                                   .length = sizeof(loop->wake_count)};

    if (loop->wake_op.in_flight)
        return;
    /* A failure is met again by the next iteration, which arms before it sleeps. */
    if (gyre__op_start(loop, &loop->wake_op, &request) < 0)
        loop->wake_op.in_flight = false;
}

int64_t gyre__post_init(gyre_loop *loop)
{
    loop->wake_fd = eventfd(0, EFD_CLOEXEC);
    if (loop->wake_fd < 0)
        return -errno;
    gyre__op_init(&loop->wake_op, woken, NULL);
    loop->wake_op.internal = true;
    return 0;
}

void gyre__post_fini(gyre_loop *loop)
{
    atomic_store(&loop->posts_closed, true);
    if (loop->wake_fd >= 0)
        close(loop->wake_fd);
    loop->wake_fd = -1;
}
