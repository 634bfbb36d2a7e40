/* Futures: states, callbacks, references, and the report of errors that nobody retrieved. */
#include "future_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../loop/alloc.h"

/* A future as users make it: with room for a pointer. */
struct plain {
    gyre_future future;
    void *pointer;
    void (*release)(void *);
};

/* An entry made by gyre_future_add_done_callback. */
struct user_callback {
    gyre__callback callback;
    gyre_future *future; /* a reference once the entry is scheduled */
    gyre_done_callback *function;
    void *arg;
    gyre_context *context; /* reference */
};

const gyre__future_class *gyre__task_class;

static void run_user_callback(gyre__node *node);

/* ---- life ---- */

void gyre__future_init(gyre_future *future, gyre_loop *loop, enum gyre__future_kind kind,
                       const char *file, unsigned line)
{
    *future = (gyre_future){
        .loop = loop, .refs = 1, .line = line, .file = file, .kind = (uint8_t)kind};
    gyre__loop_keep(loop);
}

gyre_future *gyre__future_new(gyre_loop *loop, const char *file, unsigned line)
{
    struct plain *plain;

    gyre__check_thread(loop, "gyre_future_new");
    if (loop->closing)
        return NULL;
    plain = gyre__blocks_take(&loop->blocks, sizeof(*plain));
    if (!plain)
        return NULL;
    gyre__future_init(&plain->future, loop, GYRE__FUTURE_PLAIN, file, line);
    plain->pointer = NULL;
    plain->release = NULL;
    return &plain->future;
}

gyre_future *gyre__combined_new(gyre_loop *loop, const gyre__future_class *class, const char *file,
                                unsigned line)
{
    gyre__combined *combined;

    if (loop->closing)
        return NULL;
    combined = gyre__blocks_take(&loop->blocks, class->size);
    if (!combined)
        return NULL;
    memset(combined, 0, class->size);
    gyre__future_init(&combined->future, loop, GYRE__FUTURE_COMBINED, file, line);
    combined->class = class;
    return &combined->future;
}

gyre_future *gyre_future_ref(gyre_future *future)
{
    if (future)
        future->refs++;
    return future;
}

static const gyre__future_class *class_of(const gyre_future *future)
{
    switch (future->kind) {
    case GYRE__FUTURE_TASK:
        return __atomic_load_n(&gyre__task_class, __ATOMIC_RELAXED);
    case GYRE__FUTURE_COMBINED:
        return ((const gyre__combined *)future)->class;
    default:
        return NULL;
    }
}

/* Never inlined: it is rare, and would burden the end of every future. */
static __attribute__((noinline)) void report_unretrieved(gyre_future *future)
{
    bool is_task = future->kind == GYRE__FUTURE_TASK;
    char task_name[24];
    const gyre_exception_context context = {
        .message = is_task ? "error of a task was never retrieved"
                           : "error of a future was never retrieved",
        .code = future->result,
        .detail = gyre__future_detail(future),
        .future = future,
        .name = future->name || !is_task ? future->name : task_name,
        .file = future->file,
        .line = future->line,
    };

    snprintf(task_name, sizeof(task_name), "Task-%u", future->id); /* as gyre_task_name() would say */
    future->refs = 1; /* the handler may look at it, and even keep it */
    gyre__future_retrieved(future);
    gyre_loop_call_exception_handler(future->loop, &context);
    future->refs--;
}

static void free_user_callback(gyre_loop *loop, struct user_callback *user)
{
    gyre_context_unref(user->context);
    gyre__blocks_give(&loop->blocks, user, sizeof(*user));
}

static void drop_callbacks(gyre_future *future)
{
    gyre__callback *callback = future->callbacks;

    future->callbacks = NULL;
    while (callback) {
        gyre__callback *next = (gyre__callback *)(void *)callback->node.next;

        /* Embedded entries hold a reference to the future, so only users' are left here. */
        if (callback->node.run == run_user_callback)
            free_user_callback(future->loop,
                               GYRE__CONTAINER(callback, struct user_callback, callback));
        callback = next;
    }
}

static void free_future(gyre_future *future)
{
    gyre_loop *loop = future->loop;
    size_t size = sizeof(struct plain);

    if (future->callbacks)
        drop_callbacks(future);
    if (future->detail)
        gyre_error_unref(future->detail);
    if (future->flags & GYRE__FUTURE_OWNS_NAME)
        gyre_free((char *)(uintptr_t)future->name);
    if (future->kind == GYRE__FUTURE_TASK) { /* the rest went when it ended */
        size = (size_t)future->blocks * GYRE__BLOCK_UNIT;
    } else if (future->kind == GYRE__FUTURE_COMBINED) {
        const gyre__future_class *class = ((const gyre__combined *)future)->class;

        size = class->size;
        if (class->fini)
            class->fini(future);
    } else {
        struct plain *plain = GYRE__CONTAINER(future, struct plain, future);

        if (plain->release)
            plain->release(plain->pointer);
    }
    gyre__blocks_give(&loop->blocks, future, size);
    gyre__loop_drop(loop);
}

void gyre_future_unref(gyre_future *future)
{
    if (!future || --future->refs)
        return;
    if (__builtin_expect(future->flags & GYRE__FUTURE_UNRETRIEVED, 0)) {
        report_unretrieved(future);
        if (future->refs)
            return;
    }
    free_future(future);
}

/* ---- completing ---- */

static void schedule_callbacks(gyre_future *future)
{
    gyre__callback *callback = future->callbacks;

    future->callbacks = NULL;
    while (callback) {
        gyre__callback *next = (gyre__callback *)(void *)callback->node.next;

        if (callback->node.run == run_user_callback)
            future->refs++;
        gyre__ready_push(&future->loop->ready, &callback->node);
        callback = next;
    }
    if (__builtin_expect(future->loop->closed, 0))
        gyre__drain_ready(future->loop); /* nobody else would: they only let go of what they hold */
}

void gyre__future_finish_result(gyre_future *future, int64_t value)
{
    future->state = GYRE_FUTURE_DONE;
    future->result = value;
    schedule_callbacks(future);
}

void gyre__future_finish_error(gyre_future *future, int64_t code, gyre_error *detail)
{
    gyre_error *old = future->detail;

    future->state = GYRE_FUTURE_DONE;
    future->result = code;
    future->detail = detail;
    gyre_error_unref(old);
    future->flags |= GYRE__FUTURE_UNRETRIEVED;
    schedule_callbacks(future);
}

void gyre__future_finish_cancelled(gyre_future *future, gyre_error *detail, bool detail_once)
{
    gyre_error *old = future->detail;

    future->state = GYRE_FUTURE_CANCELLED;
    future->result = GYRE_ECANCELLED;
    future->detail = detail;
    gyre_error_unref(old);
    if (detail_once)
        future->flags |= GYRE__FUTURE_DETAIL_ONCE;
    schedule_callbacks(future);
}

/* Only plain futures are completed from outside; for a task the refusal is asyncio's RuntimeError. */
static int64_t can_be_set(gyre_future *future)
{
    gyre__check_thread(future->loop, "gyre_future_set");
    if (future->kind == GYRE__FUTURE_TASK)
        return GYRE_ESTATE;
    if (future->state != GYRE_FUTURE_PENDING || future->kind != GYRE__FUTURE_PLAIN)
        return GYRE_EINVALIDSTATE;
    return 0;
}

int64_t gyre_future_set_result(gyre_future *future, int64_t value)
{
    int64_t rc = can_be_set(future);

    if (value < 0)
        return -EINVAL;
    if (rc < 0)
        return rc;
    gyre__future_finish_result(future, value);
    return 0;
}

int64_t gyre_future_set_pointer(gyre_future *future, int64_t value, void *pointer,
                                void (*release)(void *))
{
    struct plain *plain = GYRE__CONTAINER(future, struct plain, future);
    int64_t rc = gyre_future_set_result(future, value);

    if (rc < 0)
        return rc;
    plain->pointer = pointer;
    plain->release = release;
    return 0;
}

int64_t gyre_future_set_exception(gyre_future *future, int64_t code, gyre_error *detail)
{
    int64_t rc = can_be_set(future);

    if (code >= 0 || code == GYRE_ECANCELLED || code == GYRE_ESTOPITERATION)
        return -EINVAL;
    if (rc < 0)
        return rc;
    gyre__future_finish_error(future, code, gyre_error_ref(detail));
    return 0;
}

int64_t gyre_future_cancel_with(gyre_future *future, gyre_error *detail)
{
    const gyre__future_class *class = class_of(future);

    gyre__check_thread(future->loop, "gyre_future_cancel");
    if (future->state != GYRE_FUTURE_PENDING) {
        if (!class || !class->keeps_error)
            gyre__future_retrieved(future); /* as in asyncio: nobody wants it any more */
        return 0;
    }
    if (class && class->cancel)
        return class->cancel(future, detail);
    gyre__future_finish_cancelled(future, gyre_error_ref(detail), false);
    return 1;
}

int64_t gyre_future_cancel(gyre_future *future)
{
    return gyre_future_cancel_with(future, NULL);
}

/* ---- asking ---- */

gyre_future_state gyre_future_get_state(const gyre_future *future)
{
    return (gyre_future_state)future->state;
}

bool gyre_future_done(const gyre_future *future)
{
    return future->state != GYRE_FUTURE_PENDING;
}

bool gyre_future_cancelled(const gyre_future *future)
{
    return future->state == GYRE_FUTURE_CANCELLED;
}

int64_t gyre__future_take(gyre_future *future, gyre_error **out_detail)
{
    *out_detail = NULL;
    if (future->state == GYRE_FUTURE_PENDING)
        return GYRE_EINVALIDSTATE;
    gyre__future_retrieved(future);
    if (__builtin_expect(gyre__future_detail(future) != NULL, 0)) {
        *out_detail = gyre_error_ref(future->detail);
        if (future->flags & GYRE__FUTURE_DETAIL_ONCE) {
            gyre_error_unref(future->detail);
            future->detail = NULL;
        }
    }
    return future->result;
}

int64_t gyre_future_result(gyre_future *future)
{
    gyre_error *detail;
    int64_t result = gyre__future_take(future, &detail);

    if (result < 0)
        gyre__error_set(detail);
    return result;
}

int64_t gyre_future_exception(gyre_future *future, int64_t *out_code, gyre_error **out_detail)
{
    if (out_detail)
        *out_detail = NULL;
    *out_code = 0;
    if (future->state != GYRE_FUTURE_DONE)
        return gyre_future_result(future);
    gyre__future_retrieved(future);
    if (future->result < 0) {
        *out_code = future->result;
        if (out_detail)
            *out_detail = gyre__future_detail(future);
    }
    return 0;
}

void *gyre_future_pointer(const gyre_future *future)
{
    return future->kind == GYRE__FUTURE_PLAIN ? ((const struct plain *)future)->pointer : NULL;
}

bool gyre_future_unretrieved(const gyre_future *future)
{
    return future->flags & GYRE__FUTURE_UNRETRIEVED;
}

void gyre_future_ignore(gyre_future *future)
{
    gyre__future_retrieved(future);
}

gyre_loop *gyre_future_loop(const gyre_future *future)
{
    return future->loop;
}

int64_t gyre_future_set_name(gyre_future *future, const char *name)
{
    char *copy = gyre_strdup(name);

    if (!copy)
        return -ENOMEM;
    if (future->flags & GYRE__FUTURE_OWNS_NAME)
        gyre_free((char *)(uintptr_t)future->name);
    future->name = copy;
    future->flags |= GYRE__FUTURE_OWNS_NAME;
    return 0;
}

const char *gyre_future_name(const gyre_future *future)
{
    return future->name;
}

const char *gyre_future_file(const gyre_future *future)
{
    return future->file;
}

unsigned gyre_future_line(const gyre_future *future)
{
    return future->line;
}

/* ---- callbacks ---- */

void gyre__future_add(gyre_future *future, gyre__callback *callback)
{
    callback->node.next = NULL;
    if (future->state != GYRE_FUTURE_PENDING) {
        gyre__ready_push(&future->loop->ready, &callback->node);
        return;
    }
    if (future->callbacks) {
        gyre__callback *tail = future->callbacks->prev;

        tail->node.next = &callback->node;
        callback->prev = tail;
        future->callbacks->prev = callback;
    } else {
        callback->prev = callback;
        future->callbacks = callback;
    }
}

void gyre__future_remove(gyre_future *future, gyre__callback *callback)
{
    gyre__callback *next = (gyre__callback *)(void *)callback->node.next;

    if (future->callbacks == callback)
        future->callbacks = next;
    else
        callback->prev->node.next = callback->node.next;
    if (next)
        next->prev = callback->prev;
    else if (future->callbacks)
        future->callbacks->prev = callback->prev;
}

static void run_user_callback(gyre__node *node)
{
    struct user_callback *user = GYRE__CONTAINER(node, struct user_callback, callback.node);
    gyre_future *future = user->future;
    gyre_loop *loop = future->loop;

    if (!loop->closing) {
        gyre_context *outer = loop->context;
        int64_t rc;

        loop->context = user->context;
        rc = user->function(future, user->arg);
        user->context = loop->context;
        loop->context = outer;
        gyre__callback_done(loop, rc, NULL, "error in a callback of a future");
    }
    free_user_callback(loop, user);
    gyre_future_unref(future);
}

int64_t gyre_future_add_done_callback(gyre_future *future, gyre_done_callback *function, void *arg)
{
    gyre_loop *loop = future->loop;
    struct user_callback *user;

    gyre__check_thread(loop, __func__);
    if (loop->closing)
        return GYRE_ELOOPCLOSED;
    user = gyre__blocks_take(&loop->blocks, sizeof(*user));
    if (!user)
        return -ENOMEM;
    *user = (struct user_callback){.callback.node.run = run_user_callback,
                                   .future = future,
                                   .function = function,
                                   .arg = arg,
                                   .context = gyre_context_ref(loop->context)};
    if (future->state != GYRE_FUTURE_PENDING)
        future->refs++;
    gyre__future_add(future, &user->callback);
    return 0;
}

int64_t gyre_future_remove_done_callback(gyre_future *future, gyre_done_callback *function, void *arg)
{
    gyre__callback *callback = future->callbacks;
    int64_t removed = 0;

    gyre__check_thread(future->loop, __func__);
    while (callback) {
        gyre__callback *next = (gyre__callback *)(void *)callback->node.next;
        struct user_callback *user = GYRE__CONTAINER(callback, struct user_callback, callback);

        if (callback->node.run == run_user_callback && user->function == function &&
            user->arg == arg) {
            gyre__future_remove(future, callback);
            free_user_callback(future->loop, user);
            removed++;
        }
        callback = next;
    }
    return removed;
}
