/*
 * Coroutines: async functions for C, as stackless state machines on Duff's device.
 *
 *     struct say {                       what Python would keep in locals: all that must survive an await
 *         gyre_frame frame;              first, always
 *         const char *text;              arguments are members, given by name at the call
 *         int64_t rc;
 *     };
 *     GYRE_CORO(say)                     async def say(text):
 *     {
 *         GYRE_BEGIN;
 *         GYRE_TRY(gyre_sleep(GYRE_MS(10)));          await sleep(0.01)
 *         puts(self->text);
 *         GYRE_RETURN(0);                             return 0
 *         GYRE_END;
 *     }
 *
 *     GYRE_TRY(GYRE_CALL(say, .text = "hello"));      await say("hello")
 *     task = GYRE_SPAWN(say, .text = "hello");        create_task(say("hello"))     (task.h)
 *     rc = GYRE_RUN(say, .text = "hello");            asyncio.run(say("hello"))     (run.h)
 *
 * Between GYRE_BEGIN and GYRE_END, `self` is the frame. The statements:
 *
 *   GYRE_AWAIT(lvalue, awaitable)  waits; the result, value or error, goes to the lvalue
 *   GYRE_TRY(lvalue, awaitable)    the same, but an error leaves the coroutine as GYRE_RETURN would
 *   GYRE_TRY(awaitable)            the same where the value is of no interest
 *   GYRE_RETURN(result)            leaves with a value (>= 0) or an error (< 0)
 *   GYRE_FINALLY;                  optional, once: what follows runs on every exit, once. Awaits are
 *                                  allowed; a GYRE_RETURN or failing GYRE_TRY there replaces the result.
 *                                  Falling into it without GYRE_RETURN means a result of 0.
 *   GYRE_YIELD(value)              in generators (generator.h)
 *
 * An awaitable is a gyre_future *, a gyre_task *, GYRE_CALL(...), or a call of a function that returns
 * gyre_await. A cancelled await gives GYRE_ECANCELLED: GYRE_TRY passes it on, GYRE_AWAIT catches it.
 * self->frame.result holds the result of the last await.
 *
 * Pitfalls, most of which do not compile (tests/misuse proves each):
 *   - A local variable does not survive an await: keep it in the frame. With gcc an initialised local
 *     whose scope reaches over an await is an error, with clang reading it afterwards is one under -Wall. One
 *     that is set later than declared: clang says so under -Wall, gcc warns under -Wall if it optimises.
 *     Blocks without awaits may have locals.
 *   - No await inside a switch statement: an error. Use if and else, or loops.
 *   - Two awaits on one line: an error (duplicate case).
 *   - A call that returns gyre_await without GYRE_AWAIT or GYRE_TRY: an error.
 *   - `return` in a body: an error. Use GYRE_RETURN.
 *   - Pointers into a caller's frame stay valid while that caller waits; frames never move.
 *
 * C only: C++ has coroutines of its own and no compound literals.
 */
#ifndef GYRE_TASK_CORO_H
#define GYRE_TASK_CORO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../future/future.h"

GYRE_BEGIN_DECLS

typedef struct gyre_frame gyre_frame;

/* What a body answers to its scheduler; a struct so that `return 0` does not compile. */
typedef struct gyre_step {
    bool done;
} gyre_step;

/* What an awaitable call answers: pending, or completed at once with the result in the frame. */
typedef struct gyre_await {
    bool pending;
} gyre_await;

/* What is the same for all calls of a coroutine. */
typedef struct gyre_coro {
    gyre_step (*body)(gyre_frame *frame);
    size_t frame_size;
    const char *name;
    const char *file;
} gyre_coro;

/* The head of every frame. Read `result` if you like; leave the rest to the macros. */
struct gyre_frame {
    const gyre_coro *coro;
    gyre_frame *caller;      /* who gets the result */
    int64_t result;          /* of the last await: >= 0 a value, < 0 an error */
    int64_t value;           /* what the coroutine returns */
    struct gyre_error *error; /* detail of `value`, a reference */
    uint32_t at;             /* resume point: 0 at the start, else the line of the pending await */
    bool cleanup;            /* below GYRE_FINALLY */
    bool detached;           /* not on the task's frame stack: a generator's */
    bool yielded;            /* stopped at a GYRE_YIELD */
    bool leaf;               /* library code: left out of backtraces */
};

GYRE_API __attribute__((noreturn)) void gyre__bad_resume(const gyre_frame *frame);
GYRE_API GYRE_MUST_USE gyre_await gyre__await_future(gyre_future *future);
GYRE_API GYRE_MUST_USE gyre_await gyre__await_task(gyre_task *task);
GYRE_API GYRE_MUST_USE gyre_await gyre__call(const gyre_coro *coro, const void *args);
/* Keeps the detail of an error that leaves a coroutine. */
GYRE_API void gyre__leave(gyre_frame *frame, int64_t result);

#ifndef __cplusplus

GYRE_MUST_USE static inline gyre_await gyre__await_self(gyre_await await)
{
    return await;
}

/* Any of the three things that can be awaited, as a gyre_await. */
#define GYRE__AWAITABLE(x)                                                                         \
    _Generic((x),                                                                                  \
             gyre_await: gyre__await_self,                                                         \
             gyre_future *: gyre__await_future,                                                    \
             gyre_task *: gyre__await_task)(x)

/* ---- defining ---- */

#define GYRE__CORO(storage_, name_)                                                                \
    static gyre_step name_##__body(struct name_ *self);                                            \
    static gyre_step name_##__entry(gyre_frame *frame)                                             \
    {                                                                                              \
        return name_##__body((struct name_ *)(void *)frame);                                       \
    }                                                                                              \
    storage_ const gyre_coro name_##_coro = {name_##__entry, sizeof(struct name_), #name_,         \
                                             __FILE__};                                            \
    _Static_assert(offsetof(struct name_, frame) == 0, "gyre_frame frame must be the first member"); \
    static gyre_step name_##__body(struct name_ *self)

/* Defines the coroutine of struct name_, private to the file. The body follows in braces. */
#define GYRE_CORO(name_) GYRE__CORO(static, name_)

/* For a coroutine that other files call: this beside the struct in a header ... */
#define GYRE_CORO_DECLARE(name_) extern const gyre_coro name_##_coro

/* ... and this in one source file. */
#define GYRE_CORO_PUBLIC(name_) GYRE__CORO(, name_)

/*
 * Resume points are 2^40 + line: out of the range of int, so that an await inside a nested switch over an
 * int or an enum does not compile.
 */
#define GYRE__BASE (INT64_C(1) << 40)
#define GYRE__HERE (GYRE__BASE + __LINE__)
#define GYRE__FINALLY_AT UINT32_C(0x7fffffff)
#define GYRE__FINALLY (GYRE__BASE + GYRE__FINALLY_AT)

/* Inside a body the checks against Duff's traps are errors whatever the user's warning flags are. */
#if defined(__clang__)
#define GYRE__CHECKS                                                                               \
    _Pragma("clang diagnostic push") _Pragma("clang diagnostic error \"-Wswitch\"")                \
        _Pragma("clang diagnostic error \"-Wunused-result\"")                                      \
            _Pragma("clang diagnostic error \"-Wconditional-uninitialized\"")
#define GYRE__CHECKS_END _Pragma("clang diagnostic pop")
#elif defined(__GNUC__)
#define GYRE__CHECKS                                                                               \
    _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic error \"-Wjump-misses-init\"")          \
        _Pragma("GCC diagnostic error \"-Wswitch-outside-range\"")                                 \
            _Pragma("GCC diagnostic error \"-Woverflow\"")                                         \
                _Pragma("GCC diagnostic error \"-Wunused-result\"")
#define GYRE__CHECKS_END _Pragma("GCC diagnostic pop")
#else
#define GYRE__CHECKS
#define GYRE__CHECKS_END
#endif

#define GYRE_BEGIN                                                                                 \
    GYRE__CHECKS                                                                                   \
    goto gyre__dispatch;                                                                           \
    gyre__dispatch:                                                                                \
    switch (GYRE__BASE + (int64_t)self->frame.at) {                                                \
    default:                                                                                       \
        if (self->frame.at != GYRE__FINALLY_AT)                                                    \
            gyre__bad_resume(&self->frame);                                                        \
        goto gyre__done;                                                                           \
    case GYRE__BASE:

#define GYRE_END                                                                                   \
    }                                                                                              \
    gyre__done:                                                                                    \
    GYRE__CHECKS_END                                                                               \
    return (gyre_step)                                                                             \
    {                                                                                              \
        true                                                                                       \
    }

#define GYRE_RETURN(result_)                                                                       \
    do {                                                                                           \
        int64_t gyre__result = (result_);                                                          \
        if (gyre__result < 0)                                                                      \
            gyre__leave(&self->frame, gyre__result);                                               \
        else                                                                                       \
            self->frame.value = gyre__result;                                                      \
        if (self->frame.cleanup)                                                                   \
            goto gyre__done;                                                                       \
        self->frame.at = GYRE__FINALLY_AT;                                                         \
        goto gyre__dispatch;                                                                       \
    } while (0)

#define GYRE_FINALLY                                                                               \
    self->frame.at = GYRE__FINALLY_AT;                                                             \
    goto gyre__dispatch;                                                                           \
    case GYRE__FINALLY:                                                                            \
        self->frame.cleanup = true

/* ---- awaiting ---- */

#define GYRE__AWAIT1(awaitable_)                                                                   \
    do {                                                                                           \
        self->frame.at = __LINE__;                                                                 \
        if (GYRE__AWAITABLE(awaitable_).pending) {                                                 \
            return (gyre_step){false};                                                             \
    case GYRE__HERE:;                                                                              \
        }                                                                                          \
    } while (0)

#define GYRE__TRY1(awaitable_)                                                                     \
    do {                                                                                           \
        GYRE__AWAIT1(awaitable_);                                                                  \
        if (self->frame.result < 0)                                                                \
            GYRE_RETURN(self->frame.result);                                                       \
    } while (0)

#define GYRE__TRY2(lvalue_, awaitable_)                                                            \
    do {                                                                                           \
        GYRE__TRY1(awaitable_);                                                                    \
        (lvalue_) = self->frame.result;                                                            \
    } while (0)

/* Waits; the result, value or error, goes to the lvalue. */
#define GYRE_AWAIT(lvalue_, awaitable_)                                                            \
    do {                                                                                           \
        GYRE__AWAIT1(awaitable_);                                                                  \
        (lvalue_) = self->frame.result;                                                            \
    } while (0)

/*
 * GYRE_TRY(awaitable) or GYRE_TRY(lvalue, awaitable). The awaitable is always the last argument; calls
 * with commas inside parentheses, GYRE_CALL among them, are one argument.
 */
#define GYRE__PICK(_1, _2, macro_, ...) macro_
#define GYRE_TRY(...) GYRE__PICK(__VA_ARGS__, GYRE__TRY2, GYRE__TRY1, 0)(__VA_ARGS__)

/* ---- calling ---- */

/* A frame with its arguments: (name) or (name, .a = 1, .b = 2). The empty last argument keeps C11 happy. */
#define GYRE__FRAME(...) GYRE__FRAME_(__VA_ARGS__, )
#define GYRE__FRAME_(name_, ...)                                                                   \
    (&(struct name_){.frame = {.coro = &name_##_coro}, __VA_ARGS__})
#define GYRE__CORO_OF(...) GYRE__CORO_OF_(__VA_ARGS__, )
#define GYRE__CORO_OF_(name_, ...) (&name_##_coro)

/*
 * Calls a coroutine in the running task: GYRE_CALL(name, .argument = value, ...). An awaitable; the frame
 * goes on the task's stack and off it at the end. -ENOMEM when the stack cannot grow.
 */
#define GYRE_CALL(...) gyre__call(GYRE__CORO_OF(__VA_ARGS__), GYRE__FRAME(__VA_ARGS__))

#endif /* __cplusplus */

GYRE_END_DECLS

#endif
