/*
 * Generators: bodies stepped on the C stack of the caller, and chains of them that yield from one
 * another.
 */
#include <errno.h>
#include <stdio.h>

#include "../loop/alloc.h"
#include "generator_internal.h"

/*
 * While a generator yields from others they form a chain, from the root, which is what gets
 * stepped, by `outer` backwards, to the leaf, whose body runs next. The root knows the leaf, so a
 * step costs the same at any depth, and a loop instead of recursion takes constant C stack.
 */
struct gyre_generator {
    gyre_iter iter;
    gyre_generator *outer; /* yields from this one and owns it; NULL: nobody, it is a root */
    gyre_generator *leaf; /* of a root: the innermost of its chain; itself if it yields from none */
    gyre_iter *from;      /* what it yields from, owned; NULL: nothing */
    int64_t value;        /* what it returned, for the step that ended it */
    uint8_t state;        /* gyre_generator_state; of a root only, but for being closed */
    bool closing; /* of one in a chain: was thrown GYRE_EGENERATOREXIT by what yields from it */
    _Alignas(16) gyre_frame frame; /* and the rest of the user's */
};

static gyre_generator *of_frame(gyre_frame *frame)
{
    return GYRE__CONTAINER(frame, gyre_generator, frame);
}

/* ---- generators as iterators ---- */

static int64_t iter_next(gyre_iter *iter)
{
    return gyre_generator_next((gyre_generator *)iter);
}

static void iter_release(gyre_iter *iter)
{
    gyre_generator_free((gyre_generator *)iter);
}

gyre_iter *gyre_generator_iter(gyre_generator *generator)
{
    return (gyre_iter *)generator;
}

/* The generator that an iterator is; NULL if it is none. */
static gyre_generator *as_generator(gyre_iter *iter)
{
    return iter->next == iter_next ? (gyre_generator *)iter : NULL;
}

gyre_generator *gyre__generator_new(const gyre_coro *coro, const void *args)
{
    size_t size = offsetof(gyre_generator, frame) + coro->frame_size;
    gyre_generator *generator = gyre_alloc(size < sizeof(*generator) ? sizeof(*generator) : size);

    if (!generator)
        return NULL;
    generator->iter = (gyre_iter){.next = iter_next, .release = iter_release};
    generator->outer = NULL;
    generator->leaf = generator;
    generator->from = NULL;
    generator->value = GYRE_NONE;
    generator->state = GYRE_GENERATOR_CREATED;
    generator->closing = false;
    gyre__generator_frame(&generator->frame, coro, args);
    return generator;
}

/* ---- yield from ---- */

static int64_t no_memory(gyre_iter *iter)
{
    (void)iter;
    return -ENOMEM;
}

/* Stands in for a source that could not be made. */
static gyre_iter missing_source = {.next = no_memory};

void gyre__yield_from(gyre_frame *frame, gyre_iter *source)
{
    /* Frames of asynchronous generators have a caller while they run. */
    if (!frame->detached || frame->caller)
        gyre__fatal("%s:%u: %s: GYRE_YIELD_FROM outside a generator", frame->coro->file, frame->at,
                    frame->coro->name);
    of_frame(frame)->from = source ? source : &missing_source;
}

/*
 * Takes what `generator` yields from out of its chain; it ends at `leaf`, and is a root of its own
 * now.
 */
static void unlink_from(gyre_generator *generator, gyre_generator *leaf)
{
    gyre_generator *inner = as_generator(generator->from);

    generator->from = NULL;
    inner->outer = NULL;
    inner->leaf = leaf;
    inner->closing = false;
    if (inner->state != GYRE_GENERATOR_CLOSED)
        inner->state = GYRE_GENERATOR_SUSPENDED;
}

/* Frees an iterator without losing the detail of the error that is on its way. */
static void free_aside(gyre_iter *iter)
{
    gyre_error *detail = gyre_error_ref(gyre_error_current());

    gyre_iter_free(iter);
    gyre__error_set(detail);
}

/*
 * Steps the plain iterator that `generator` yields from. True: *result is its value. False: it is
 * done with, and *result is what the yield from gives. Such iterators know neither send nor throw.
 */
static bool step_plain(gyre_generator *generator, int64_t *result)
{
    if (*result == GYRE_NONE) {
        *result = gyre_iter_next(generator->from);
        if (*result >= 0)
            return true;
        if (*result == GYRE_ESTOPITERATION)
            *result = GYRE_NONE;
    } else if (*result >= 0) {
        gyre__error_set(NULL);
        *result = GYRE_ETYPE;
    }
    free_aside(generator->from);
    generator->from = NULL;
    return false;
}

/*
 * The body of `outer` stopped to yield from something. Gives the generator to run next: the leaf of
 * the chain that has grown, or `outer` again, and then *result is what the yield from gives.
 */
static gyre_generator *grow_chain(gyre_generator *outer, int64_t *result)
{
    gyre_generator *inner = as_generator(outer->from);

    *result = GYRE_NONE;
    if (!inner)
        return outer;
    if (inner->state == GYRE_GENERATOR_CLOSED) {
        outer->from = NULL;
        gyre_generator_free(inner);
        return outer;
    }
    if (inner->state == GYRE_GENERATOR_RUNNING || inner->outer) {
        outer->from = NULL; /* somebody else's still */
        gyre__error_set(NULL);
        *result = GYRE_EGENERATORRUNNING;
        return outer;
    }
    inner->outer = outer;
    return inner->leaf;
}

/* ---- stepping ---- */

/*
 * The body has ended: what it returned, or the error it raised. unstarted: it was thrown into
 * before it began.
 */
static int64_t end(gyre_generator *generator, bool unstarted)
{
    gyre_frame *frame = &generator->frame;
    gyre_error *detail = frame->error;
    int64_t value = frame->value;

    frame->error = NULL;
    generator->state = GYRE_GENERATOR_CLOSED;
    if (value >= 0) {
        gyre_error_unref(detail);
        return value;
    }
    if (value == GYRE_ESTOPITERATION && !unstarted) {
        gyre_error_unref(detail);
        detail = NULL;
        value = GYRE_EGENERATORRAISEDSTOP;
    }
    gyre__error_set(detail);
    return value;
}

/*
 * `generator` has ended with `result`; gives the one that yields from it, to be run with what is in
 * *result then.
 */
static gyre_generator *shrink_chain(gyre_generator *generator, int64_t *result)
{
    gyre_generator *outer = generator->outer;

    if (generator->closing && *result >= 0) {
        gyre__error_set(NULL);
        *result = GYRE_EGENERATOREXIT;
    }
    unlink_from(outer, generator);
    gyre_generator_free(generator);
    return outer;
}

/*
 * The leaf yielded. If that was against being closed, the one that was asked to close goes, and the
 * result is the generator that yields from it, which gets the error for that. NULL: it was not.
 */
static gyre_generator *ignored_exit(gyre_generator *root, gyre_generator *leaf, int64_t *result)
{
    gyre_generator *outer;

    while (leaf != root && !leaf->closing)
        leaf = leaf->outer;
    if (leaf == root)
        return NULL;
    outer = leaf->outer;
    unlink_from(outer, root->leaf);
    gyre_generator_free(leaf);
    gyre__error_set(NULL);
    *result = GYRE_EGENERATORIGNOREDEXIT;
    return outer;
}

int64_t gyre__generator_bad_yield(gyre_frame *frame)
{
    gyre__error_set(NULL);
    return frame->result = -EINVAL;
}

/* Runs bodies until one yields: gives the value; or the root ends: then it is closed. */
static int64_t run_chain(gyre_generator *root, int64_t result, bool closes)
{
    gyre_generator *leaf = root->leaf, *outer;

    for (;;) {
        gyre_frame *frame = &leaf->frame;
        bool unstarted;

        if (__builtin_expect(leaf->from != NULL, 0) && step_plain(leaf, &result))
            goto yielded;
        unstarted = gyre__generator_resume(frame, result);
        if (frame->coro->body(frame).done) {
            result = end(leaf, unstarted);
            if (leaf == root)
                return result;
            root->leaf = leaf = shrink_chain(leaf, &result);
            continue;
        }
        if (leaf->from) {
            root->leaf = leaf = grow_chain(leaf, &result);
            continue;
        }
        if (__builtin_expect(!frame->yielded, 0))
            gyre__fatal("%s:%u: %s: await in a generator", frame->coro->file, frame->at,
                        frame->coro->name);
        frame->yielded = false;
        result = frame->result;
        if (__builtin_expect(result < 0, 0)) {
            result = gyre__generator_bad_yield(frame);
            continue;
        }
    yielded:
        if (__builtin_expect(!closes, 1))
            return result;
        outer = ignored_exit(root, leaf, &result);
        if (!outer)
            return result;
        root->leaf = leaf = outer;
    }
}

/*
 * Steps a root that can be stepped. The running task, if there is one, steps aside:
 * gyre_task_current() still gives it, but nothing in the body can await.
 */
static int64_t step(gyre_generator *root, int64_t result, bool closes)
{
    gyre_loop *loop = gyre__running;
    gyre_task *task = loop ? loop->current : NULL, *outer_aside = NULL;

    if (task) {
        outer_aside = loop->aside;
        loop->aside = task;
        loop->current = NULL;
    }
    root->state = GYRE_GENERATOR_RUNNING;
    result = run_chain(root, result, closes);
    if (task) {
        loop->current = task;
        loop->aside = outer_aside;
    }
    if (root->state == GYRE_GENERATOR_RUNNING) {
        root->state = GYRE_GENERATOR_SUSPENDED;
        return result;
    }
    if (result < 0)
        return result;
    root->value = result;
    gyre__error_set(NULL);
    return GYRE_ESTOPITERATION;
}

/* ---- what can be done with them ---- */

static bool is_busy(const gyre_generator *generator)
{
    return generator->state == GYRE_GENERATOR_RUNNING || generator->outer;
}

static int64_t fail(int64_t code)
{
    gyre__error_set(NULL);
    return code;
}

/* Whatever is not the plain case of a generator that stands at a yield. */
static int64_t send_slow(gyre_generator *generator, int64_t value)
{
    if (!generator)
        return fail(-ENOMEM);
    if (value < 0)
        return fail(-EINVAL);
    if (is_busy(generator))
        return fail(GYRE_EGENERATORRUNNING);
    if (generator->state == GYRE_GENERATOR_CLOSED) {
        generator->value = GYRE_NONE;
        return fail(GYRE_ESTOPITERATION);
    }
    if (generator->state == GYRE_GENERATOR_CREATED && value != GYRE_NONE)
        return fail(GYRE_ETYPE);
    return step(generator, value, false);
}

int64_t gyre_generator_send(gyre_generator *generator, int64_t value)
{
    if (__builtin_expect(!generator || generator->state != GYRE_GENERATOR_SUSPENDED ||
                             generator->outer || value < 0,
                         0))
        return send_slow(generator, value);
    return step(generator, value, false);
}

int64_t gyre_generator_next(gyre_generator *generator)
{
    return gyre_generator_send(generator, GYRE_NONE);
}

/*
 * Throws into a root that has not ended. GYRE_EGENERATOREXIT closes what it yields from, innermost
 * first.
 */
static int64_t throw_into(gyre_generator *root, int64_t code)
{
    bool closes = code == GYRE_EGENERATOREXIT && root->leaf != root;

    for (gyre_generator *inner = root->leaf; closes && inner != root; inner = inner->outer)
        inner->closing = true;
    return step(root, code, closes);
}

int64_t gyre_generator_throw(gyre_generator *generator, int64_t code, gyre_error *detail)
{
    if (!generator)
        return fail(-ENOMEM);
    if (code >= 0)
        return fail(-EINVAL);
    if (is_busy(generator))
        return fail(GYRE_EGENERATORRUNNING);
    gyre__generator_throw_detail(detail);
    if (generator->state == GYRE_GENERATOR_CLOSED) {
        generator->value = GYRE_NONE;
        return code;
    }
    return throw_into(generator, code);
}

int64_t gyre_generator_close(gyre_generator *generator)
{
    int64_t result;

    if (!generator)
        return 0;
    if (is_busy(generator))
        return fail(GYRE_EGENERATORRUNNING);
    if (generator->state == GYRE_GENERATOR_CLOSED) {
        generator->value = GYRE_NONE;
        return 0;
    }
    gyre__error_set(NULL);
    result = throw_into(generator, GYRE_EGENERATOREXIT);
    if (result >= 0)
        return fail(GYRE_EGENERATORIGNOREDEXIT);
    if (result == GYRE_EGENERATOREXIT || result == GYRE_ESTOPITERATION)
        return fail(0);
    return result;
}

int64_t gyre_generator_value(const gyre_generator *generator)
{
    return generator ? generator->value : GYRE_NONE;
}

gyre_generator_state gyre_generator_get_state(const gyre_generator *generator)
{
    while (generator->outer)
        generator = generator->outer;
    return (gyre_generator_state)generator->state;
}

/* Closing failed where nobody can be told. */
static void report(const gyre_generator *generator, int64_t code)
{
    const gyre_exception_context context = {
        .message = "error of a generator that was freed before it had ended",
        .code = code,
        .detail = gyre_error_current(),
        .name = generator->frame.coro->name,
        .file = generator->frame.coro->file,
        .line = generator->frame.at,
    };

    if (gyre__running)
        gyre_loop_call_exception_handler(gyre__running, &context);
    else
        gyre_loop_default_exception_handler(NULL, &context);
}

static void close_and_report(gyre_generator *generator)
{
    gyre_error *detail = gyre_error_ref(gyre_error_current());
    int64_t rc = gyre_generator_close(generator);

    if (rc < 0)
        report(generator, rc);
    gyre__error_set(detail);
}

void gyre_generator_free(gyre_generator *generator)
{
    gyre_iter *from;

    if (!generator)
        return;
    if (is_busy(generator))
        gyre__fatal("gyre_generator_free: %s is %s", generator->frame.coro->name,
                    generator->outer ? "what another generator yields from" : "running");
    if (generator->state != GYRE_GENERATOR_CLOSED)
        close_and_report(generator);
    from = generator->from;
    if (from) { /* it ignored that, and stands in a yield from */
        if (as_generator(from))
            unlink_from(generator, generator->leaf);
        gyre_iter_free(from);
    }
    gyre_error_unref(generator->frame.error);
    gyre_free(generator);
}
