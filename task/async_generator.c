/*
 * Asynchronous generators: frames that are put on the stack of the task that steps them, and taken
 * off again.
 */
#include "async_generator.h"

#include <errno.h>

#include "../loop/alloc.h"
#include "generator_internal.h"

/* What the step that is under way was asked to do. */
enum step_kind { SEND, THROW, CLOSE };

struct gyre_async_generator {
    void (*drop)(gyre_frame *frame); /* of the library's own, else NULL */
    uint8_t kind;                    /* enum step_kind */
    bool running;                    /* a step is under way: its frame is on a task's stack */
    bool ended;                      /* its body has ended */
    bool closed;                     /* no throw or close reaches it any more */
    bool unstarted;                  /* this step threw an error into a body that had not started */
    bool given_up;                   /* freed while running */
    _Alignas(16) gyre_frame frame;   /* and the rest of the user's */
};

static gyre_async_generator *of_frame(gyre_frame *frame)
{
    return GYRE__CONTAINER(frame, gyre_async_generator, frame);
}

gyre_async_generator *gyre__async_generator_new(const gyre_coro *coro, const void *args)
{
    size_t size = offsetof(gyre_async_generator, frame) + coro->frame_size;
    gyre_async_generator *generator =
        gyre_alloc(size < sizeof(*generator) ? sizeof(*generator) : size);

    if (!generator)
        return NULL;
    generator->drop = NULL;
    generator->kind = SEND;
    generator->running = generator->ended = generator->closed = false;
    generator->unstarted = generator->given_up = false;
    gyre__generator_frame(&generator->frame, coro, args);
    return generator;
}

void gyre__async_generator_on_drop(gyre_async_generator *generator, void (*drop)(gyre_frame *frame))
{
    generator->drop = drop;
}

/* ---- the end of a step ---- */

/* Takes the frame off the stack of its task; the result goes to whoever steps. */
static void leave(gyre_task *task, gyre_async_generator *generator, int64_t result)
{
    gyre_frame *frame = &generator->frame;

    task->top = frame->caller;
    frame->caller = NULL;
    generator->running = false;
    task->top->result = result;
    if (__builtin_expect(generator->given_up, 0)) {
        generator->given_up = false;
        gyre_async_generator_free(generator);
    }
}

/*
 * What the end of the body means to whoever steps. *detail: a reference, given back where it has no
 * use.
 */
static int64_t outcome(gyre_async_generator *generator, int64_t value, gyre_error **detail)
{
    bool stop = value == GYRE_ESTOPITERATION || value == GYRE_ESTOPASYNCITERATION;

    if (value >= 0 || (stop && !generator->unstarted)) {
        value = value >= 0 ? GYRE_ESTOPASYNCITERATION : GYRE_EGENERATORRAISEDSTOP;
        gyre_error_unref(*detail);
        *detail = NULL;
    }
    if (value != GYRE_ESTOPASYNCITERATION && value != GYRE_EGENERATOREXIT)
        return value;
    generator->closed = true;
    if (generator->kind != CLOSE)
        return value;
    gyre_error_unref(*detail);
    *detail = NULL;
    return 0;
}

void gyre__async_generator_ended(gyre_task *task, gyre_frame *frame)
{
    gyre_async_generator *generator = of_frame(frame);
    gyre_error *detail = frame->error;
    int64_t result = outcome(generator, frame->value, &detail);

    frame->error = NULL;
    generator->ended = true;
    gyre__error_set(detail);
    leave(task, generator, result);
}

void gyre__async_generator_yielded(gyre_task *task, gyre_frame *frame)
{
    gyre_async_generator *generator = of_frame(frame);
    int64_t result = frame->result;

    if (!frame->detached)
        gyre__fatal("%s:%u: %s: GYRE_YIELD outside a generator", frame->coro->file, frame->at,
                    frame->coro->name);
    frame->yielded = false;
    if (result < 0) {
        gyre__generator_bad_yield(frame);
        return; /* it is on top still */
    }
    if (generator->kind == CLOSE) {
        gyre__error_set(NULL);
        result = GYRE_EGENERATORIGNOREDEXIT;
    }
    leave(task, generator, result);
}

/* ---- its beginning ---- */

static gyre_await refuse(gyre_task *task, int64_t result)
{
    gyre__error_set(NULL);
    return gyre__complete(task, result);
}

static gyre_await step(gyre_task *task, gyre_async_generator *generator, enum step_kind kind,
                       int64_t result)
{
    gyre_frame *frame = &generator->frame;

    generator->kind = (uint8_t)kind;
    generator->running = true;
    generator->unstarted = gyre__generator_resume(frame, result);
    frame->caller = task->top;
    task->top = frame;
    return (gyre_await){true};
}

gyre_await gyre_async_generator_send(gyre_async_generator *generator, int64_t value)
{
    gyre_task *task = gyre__task_running("gyre_async_generator_send");

    if (!generator)
        return refuse(task, -ENOMEM);
    if (value < 0)
        return refuse(task, -EINVAL);
    if (generator->running)
        return refuse(task, GYRE_ESTATE);
    if (generator->ended) {
        generator->closed = true;
        return refuse(task, GYRE_ESTOPASYNCITERATION);
    }
    if (generator->frame.at == 0 && value != GYRE_NONE)
        return refuse(task, GYRE_ETYPE);
    return step(task, generator, SEND, value);
}

gyre_await gyre_async_generator_next(gyre_async_generator *generator)
{
    return gyre_async_generator_send(generator, GYRE_NONE);
}

gyre_await gyre_async_generator_throw(gyre_async_generator *generator, int64_t code,
                                      gyre_error *detail)
{
    gyre_task *task = gyre__task_running("gyre_async_generator_throw");

    if (!generator)
        return refuse(task, -ENOMEM);
    if (code >= 0)
        return refuse(task, -EINVAL);
    if (generator->ended)
        return refuse(task, GYRE_NONE);
    if (generator->running)
        return refuse(task, GYRE_ESTATE);
    if (generator->closed)
        return refuse(task, GYRE_ESTOPASYNCITERATION);
    gyre__generator_throw_detail(detail);
    return step(task, generator, THROW, code);
}

gyre_await gyre_async_generator_close(gyre_async_generator *generator)
{
    gyre_task *task = gyre__task_running("gyre_async_generator_close");

    if (!generator || generator->ended)
        return refuse(task, 0);
    if (generator->running)
        return refuse(task, GYRE_ESTATE);
    if (generator->closed)
        return refuse(task, GYRE_ESTOPASYNCITERATION);
    generator->closed = true;
    gyre__error_set(NULL);
    return step(task, generator, CLOSE, GYRE_EGENERATOREXIT);
}

gyre_generator_state gyre_async_generator_get_state(const gyre_async_generator *generator)
{
    if (generator->running)
        return GYRE_GENERATOR_RUNNING;
    if (generator->ended)
        return GYRE_GENERATOR_CLOSED;
    return generator->frame.at ? GYRE_GENERATOR_SUSPENDED : GYRE_GENERATOR_CREATED;
}

/* ---- giving it up ---- */

/* Frees the memory, whatever state the body is in. */
static void drop(gyre_async_generator *generator)
{
    if (!generator->ended && generator->drop)
        generator->drop(&generator->frame);
    gyre_error_unref(generator->frame.error);
    gyre_free(generator);
}

/*
 * Closes a generator that was given up before it had ended; an error is reported as that of a lost
 * task.
 */
struct close_abandoned {
    gyre_frame frame;
    gyre_async_generator *generator;
    int64_t rc;
};
GYRE_CORO(close_abandoned)
{
    GYRE_BEGIN;
    GYRE_FINALLY; /* all of it is cleanup: it happens although the task be cancelled first */
    GYRE_AWAIT(self->rc, gyre_async_generator_close(self->generator));
    drop(self->generator);
    GYRE_RETURN(self->rc);
    GYRE_END;
}

static void report(gyre_loop *loop, const gyre_async_generator *generator, int64_t code)
{
    const gyre_exception_context context = {
        .message = "error of an asynchronous generator that was freed before it had ended",
        .code = code,
        .detail = gyre_error_current(),
        .name = generator->frame.coro->name,
        .file = generator->frame.coro->file,
        .line = generator->frame.at,
    };

    if (code < 0 && code != GYRE_ECANCELLED)
        gyre_loop_call_exception_handler(loop, &context);
}

/*
 * Closes it inside this call, where no task can be made for that: the awaits of its cleanup section fail, as they
 * do while the loop closes.
 */
static void close_here(gyre_loop *loop, gyre_async_generator *generator)
{
    gyre_task *task = loop->current;
    gyre_frame *base = task->top;
    gyre_error *detail = gyre_error_ref(gyre_error_current());
    int64_t result = base->result;
    bool closing = loop->closing;

    loop->closing = true;
    if (gyre_async_generator_close(generator).pending)
        gyre__run_above(task, base);
    loop->closing = closing;
    report(loop, generator, base->result);
    base->result = result;
    gyre__error_set(detail);
}

void gyre_async_generator_free(gyre_async_generator *generator)
{
    gyre_loop *loop = gyre__running;

    if (!generator)
        return;
    if (generator->running) {
        generator->given_up = true;
        return;
    }
    if (!generator->ended && !generator->closed && loop) {
        if (!loop->closing && GYRE_SPAWN_DETACHED(close_abandoned, .generator = generator))
            return;
        if (loop->current)
            close_here(loop, generator);
    }
    drop(generator);
}
