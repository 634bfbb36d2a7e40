/* Tasks: spawning, the step that drives a stack of frames, and the end. */
#include "task_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "factory.h"
#include "generator_internal.h"
#include "graph_internal.h"
#include "inspect.h"

/* ---- the running task ---- */

gyre_task *gyre_task_current(void)
{
    const gyre_loop *loop = gyre__running;

    if (!loop)
        return NULL;
    return loop->current ? loop->current : loop->aside;
}

void gyre__no_task(const char *function)
{
    gyre__fatal("%s: awaited %s", function,
                gyre_task_current() ? "in a generator that is not asynchronous"
                                    : "where no task is running");
}

void gyre__bad_resume(const gyre_frame *frame)
{
    gyre__fatal("%s:%u: %s: await inside a nested switch, or a frame that was overwritten",
                frame->coro->file, frame->at, frame->coro->name);
}

void gyre__leave(gyre_frame *frame, int64_t result)
{
    gyre_error *detail = gyre__error_take(result), *old = frame->error;

    if (!detail && result == frame->value)
        return; /* the same error again, handed through below GYRE_FINALLY */
    frame->value = result;
    frame->error = detail;
    gyre_error_unref(old);
}

gyre_await gyre__call(const gyre_coro *coro, const void *args)
{
    gyre_task *task = gyre__task_running("GYRE_CALL");

    if (__builtin_expect(!gyre__frame_push(task, coro, args), 0))
        return gyre__complete(task, -ENOMEM);
    return (gyre_await){true};
}

/* ---- the end ---- */

static void finish(gyre_task *task, int64_t value, gyre_error *detail)
{
    gyre_future *future = &task->future;
    gyre_loop *loop = future->loop;
    bool requested = task->flags & GYRE__TASK_MUST_CANCEL;

    task->flags &= ~(uint32_t)GYRE__TASK_MUST_CANCEL; /* no uncancel() may take back what is over */
    if (task->segment)
        gyre__frames_fini(task);
    gyre__list_unlink(&task->link);
    loop->task_count--;
    if (__builtin_expect(task->error != NULL, 0))
        gyre__error_set(NULL);
    if (value >= 0) {
        if (__builtin_expect(detail != NULL, 0))
            gyre_error_unref(detail);
        if (requested) { /* too late to be thrown */
            detail = future->detail;
            future->detail = NULL;
            gyre__future_finish_cancelled(future, detail, false);
        } else {
            if (__builtin_expect(future->detail != NULL, 0))
                future->flags |= GYRE__FUTURE_DETAIL_OLD;
            gyre__future_finish_result(future, value);
        }
    } else if (value == GYRE_ECANCELLED) {
        gyre__future_finish_cancelled(future, detail, true);
    } else {
        if (!detail && future->detail) {
            future->flags |= GYRE__FUTURE_DETAIL_OLD;
            detail = gyre_error_ref(future->detail);
        }
        gyre__future_finish_error(future, value, detail);
    }
}

static int64_t class_cancel(gyre_future *future, gyre_error *detail)
{
    return gyre_task_cancel_with((gyre_task *)future, detail);
}

static gyre_future *class_awaits(const gyre_future *future, size_t i)
{
    return gyre__task_awaits((const gyre_task *)future, i);
}

static const gyre__future_class task_class = {
    .name = "task",
    .cancel = class_cancel,
    .size = sizeof(gyre_task),
    .awaits = class_awaits,
};

/* ---- a step ---- */

/* Takes the finished top frame off and hands its result down; false when that was the last. */
static bool hand_down(gyre_task *task)
{
    gyre_frame *frame = task->top, *caller;
    int64_t value = frame->value;
    gyre_error *detail = frame->error;

    if (__builtin_expect(value >= 0 && detail, 0)) {
        gyre_error_unref(detail); /* an error that the cleanup replaced by a value */
        detail = NULL;
    }
    caller = gyre__frame_pop(task);
    if (!caller) {
        finish(task, value, detail);
        return false;
    }
    if (value < 0)
        gyre__error_set(detail);
    caller->result = value;
    return true;
}

/* Runs the innermost frame. True: another is on top now. False: the task has parked or ended. */
static inline bool run_top(gyre_task *task)
{
    gyre_frame *frame = task->top;

    if (frame->coro->body(frame).done) {
        if (__builtin_expect(!frame->detached, 1))
            return hand_down(task);
        gyre__async_generator_ended(task, frame);
    } else if (task->waiting) {
        return false;
    } else if (__builtin_expect(frame->yielded, 0)) {
        gyre__async_generator_yielded(task, frame);
    }
    return true;
}

/* Runs frames until the task parks (true) or ends (false). Constant C stack however deep the calls go. */
static bool run_frames(gyre_task *task)
{
    while (run_top(task))
        ;
    return task->waiting != NULL;
}

void gyre__run_above(gyre_task *task, const gyre_frame *base)
{
    while (task->top != base)
        if (!run_top(task))
            gyre__fatal("%s parked where nothing can", task->top->coro->name);
}

/* A task that is cancelled before its first step goes straight to its cleanup section. */
static void skip_body(gyre_frame *frame)
{
    gyre__leave(frame, GYRE_ECANCELLED);
    frame->at = GYRE__FINALLY_AT;
}

/* What the await gives: the result of the wait, unless a cancellation was kept for now. */
static int64_t wait_outcome(gyre_task *task)
{
    const gyre__wait_kind *kind = task->waiting;
    uint32_t requests;
    int64_t result;

    task->waiting = NULL; /* before `finish`, which may park the task again */
    result = kind && kind->finish ? kind->finish(task) : 0;
    requests = task->flags & (GYRE__TASK_MUST_CANCEL | GYRE__TASK_WAIT_CANCELLED);
    if (__builtin_expect(!requests, 1))
        return result;
    if (kind && kind->keeps_result && result != GYRE_ECANCELLED)
        return result; /* the request waits for the next await */
    /* Else the awaited future was cancelled, and its message is the one that counts. */
    if (requests & GYRE__TASK_WAIT_CANCELLED || result != GYRE_ECANCELLED)
        gyre__error_set(gyre__take_message(task));
    task->flags &= ~requests;
    return GYRE_ECANCELLED;
}

/* Hands the outcome of the wait to the innermost frame and runs on; false if the task ended. */
static bool resume(gyre_task *task)
{
    int64_t result = wait_outcome(task);

    if (__builtin_expect(task->waiting != NULL, 0))
        return true; /* somebody else was faster: it waits on */
    if (__builtin_expect(!(task->flags & GYRE__TASK_STARTED), 0)) {
        task->flags |= GYRE__TASK_STARTED;
        if (result < 0)
            skip_body(task->top);
    }
    task->top->result = result;
    return run_frames(task);
}

/* A request that was kept is passed on to what the task waits for now. */
static void pass_on_cancel(gyre_task *task)
{
    const gyre__wait_kind *kind = task->waiting;

    if (!kind->cancel || !kind->cancel(task, task->future.detail))
        return;
    task->flags &= ~(uint32_t)GYRE__TASK_MUST_CANCEL;
    if (!(task->flags & GYRE__TASK_WAIT_CANCELLED)) { /* the message went on to what is awaited */
        gyre_error_unref(task->future.detail);
        task->future.detail = NULL;
    }
}

/* All but the future goes with the end, while it is in the cache; others may keep that for long. */
static void let_go(gyre_task *task)
{
    if (task->context)
        gyre_context_unref(task->context);
    gyre_future_unref(&task->future); /* the loop's reference */
}

/* The loop steps tasks from its ready queue, where nothing else is current. */
void gyre__task_step(gyre_task *task)
{
    gyre_loop *loop = task->future.loop;
    bool parked;

    loop->current = task;
    loop->context = task->context;
    gyre__error_slot = &task->error;
    parked = resume(task);
    if (parked) {
        if (__builtin_expect((task->flags & GYRE__TASK_MUST_CANCEL) != 0, 0))
            pass_on_cancel(task);
        if (__builtin_expect(loop->park_hook != NULL, 0))
            loop->park_hook(loop, task, loop->park_arg);
    }
    task->context = loop->context;
    loop->context = NULL;
    gyre__error_slot = NULL;
    loop->current = NULL;
    if (!parked)
        let_go(task);
}

/* An eager first step runs inside a step or callback, which goes on afterwards. */
static void step_inside(gyre_task *task)
{
    gyre_loop *loop = task->future.loop;
    gyre_task *outer_task = loop->current;
    gyre_error **outer_slot = gyre__error_slot;
    gyre_context *outer_context = loop->context;

    gyre__task_step(task);
    loop->context = outer_context;
    gyre__error_slot = outer_slot;
    loop->current = outer_task;
}

static void run_wake(gyre__node *node)
{
    gyre__task_step(GYRE__CONTAINER(node, gyre_task, wake));
}

/* ---- spawning ---- */

gyre_task *gyre__spawn(const gyre_spawn_options *options, const gyre_coro *coro, const void *args,
                       const char *file, unsigned line)
{
    gyre_loop *loop = options->loop ? options->loop : gyre__running;

    if (__builtin_expect(loop && loop->slots[GYRE__SLOT_TASK_FACTORY], 0))
        return gyre__factory_spawn(loop, options, coro, args, file, line);
    return gyre_task_new(options, coro, args, file, line);
}

gyre_task *gyre_task_new(const gyre_spawn_options *options, const gyre_coro *coro, const void *args,
                         const char *file, unsigned line)
{
    gyre_loop *loop = options->loop ? options->loop : gyre__running;
    size_t size = gyre__blocks_round(sizeof(gyre_task) + coro->frame_size);
    gyre_task *task;

    if (__builtin_expect(!loop, 0))
        gyre__fatal("%s:%u: GYRE_SPAWN where no loop is running; use GYRE_SPAWN_ON", file, line);
    gyre__check_thread(loop, "GYRE_SPAWN");
    if (loop->closing)
        return NULL;
    if (size > UINT8_MAX * GYRE__BLOCK_UNIT)
        size = sizeof(gyre_task); /* a huge frame gets a segment of its own */
    task = gyre__blocks_take(&loop->blocks, size);
    if (!task)
        return NULL;
    if (__builtin_expect(!loop->unwind, 0))
        gyre__hang_into(loop);
    /* Loops in several threads write the same here. */
    __atomic_store_n(&gyre__task_class, &task_class, __ATOMIC_RELAXED);
    gyre__future_init(&task->future, loop, GYRE__FUTURE_TASK, file, line);
    task->future.blocks = (uint8_t)(size / GYRE__BLOCK_UNIT);
    task->wake.run = run_wake;
    task->top = NULL;
    task->waiting = NULL;
    task->cancels = 0;
    task->flags = 0;
    task->segment = NULL;
    task->error = NULL;
    if (__builtin_expect(size > sizeof(gyre_task), 1)) {
        gyre__frame_make(task, task + 1, coro, args);
    } else if (!gyre__frame_push(task, coro, args)) {
        gyre_future_unref(&task->future);
        return NULL;
    }
    task->future.id = ++loop->task_ids;
    if (options->name && gyre_future_set_name(&task->future, options->name) < 0) {
        gyre__frames_fini(task);
        gyre_future_unref(&task->future);
        return NULL;
    }
    task->context = options->empty_context ? NULL
                                           : gyre_context_ref(options->context ? options->context
                                                                               : loop->context);
    gyre__list_append(&loop->tasks, &task->link);
    loop->task_count++;
    task->future.refs += !options->detached;
    if (options->eager && !options->lazy && loop->running)
        step_inside(task);
    else
        gyre__ready_push(&loop->ready, &task->wake);
    return task;
}

/* ---- awaiting futures and tasks ---- */

static void run_future_done(gyre__node *node)
{
    gyre_task *task = GYRE__CONTAINER(node, gyre_task, wait.on.callback.node);

    gyre__task_step(task);
}

static bool cancel_future_wait(gyre_task *task, gyre_error *detail)
{
    return gyre_future_cancel_with(task->wait.on.future, detail) > 0;
}

static int64_t finish_future_wait(gyre_task *task)
{
    gyre_future *future = task->wait.on.future;
    int64_t result = future->result;

    if (__builtin_expect(result < 0, 0)) {
        gyre_error *detail;

        result = gyre__future_take(future, &detail);
        gyre__error_set(detail);
    }
    gyre_future_unref(future);
    return result;
}

static gyre_future *awaited_future(const gyre_task *task, size_t i)
{
    return i == 0 ? task->wait.on.future : NULL;
}

static const gyre__wait_kind wait_future = {.what = "future",
                                            .cancel = cancel_future_wait,
                                            .finish = finish_future_wait,
                                            .awaits = awaited_future};

static int64_t finish_self_wait(gyre_task *task)
{
    (void)task;
    return GYRE_ESELFAWAIT;
}

/* As in CPython the error comes with the next iteration. */
static const gyre__wait_kind wait_self = {.what = "itself", .finish = finish_self_wait};

gyre_future *gyre__task_awaited(const gyre_task *task)
{
    return task->waiting == &wait_future ? task->wait.on.future : NULL;
}

gyre_await gyre__await_future(gyre_future *future)
{
    gyre_task *task = gyre__task_running("GYRE_AWAIT");

    if (!future)
        return gyre__complete(task, -ENOMEM);
    if (future->state != GYRE_FUTURE_PENDING)
        return gyre__complete(task, gyre_future_result(future));
    if (!gyre__may_park(task))
        return gyre__complete(task, GYRE_ECANCELLED);
    if (future->loop != task->future.loop)
        return gyre__complete(task, GYRE_EWRONGLOOP);
    if (future == &task->future) {
        gyre_await pending = gyre__park(task, &wait_self);

        gyre__wake_task(task);
        return pending;
    }
    task->wait.on.callback.node.run = run_future_done;
    task->wait.on.future = future;
    future->refs++;
    gyre__future_add(future, &task->wait.on.callback);
    return gyre__park(task, &wait_future);
}

gyre_await gyre__await_task(gyre_task *task)
{
    return gyre__await_future(gyre_task_future(task));
}

/* ---- what can be asked ---- */

gyre_task *gyre__as_task(gyre_future *future)
{
    return future->kind == GYRE__FUTURE_TASK ? (gyre_task *)future : NULL;
}

gyre_future *gyre_task_future(gyre_task *task)
{
    return (gyre_future *)task;
}

gyre_task *gyre_future_task(gyre_future *future)
{
    return future ? gyre__as_task(future) : NULL;
}

gyre_task *gyre_task_ref(gyre_task *task)
{
    gyre_future_ref(gyre_task_future(task));
    return task;
}

void gyre_task_unref(gyre_task *task)
{
    gyre_future_unref(gyre_task_future(task));
}

bool gyre_task_done(const gyre_task *task)
{
    return gyre_future_done(&task->future);
}

bool gyre_task_cancelled(const gyre_task *task)
{
    return gyre_future_cancelled(&task->future);
}

int64_t gyre_task_result(gyre_task *task)
{
    return gyre_future_result(&task->future);
}

/* The default name is made when it is asked for: most tasks are never asked. */
const char *gyre_task_name(gyre_task *task)
{
    if (!task->future.name) {
        char name[24];

        snprintf(name, sizeof(name), "Task-%u", task->future.id);
        if (gyre_future_set_name(&task->future, name) < 0)
            return "Task-?";
    }
    return task->future.name;
}

int64_t gyre_task_set_name(gyre_task *task, const char *name)
{
    return gyre_future_set_name(&task->future, name);
}

gyre_loop *gyre_task_loop(const gyre_task *task)
{
    return task->future.loop;
}
