/*
 * Generators: functions that give values one at a time and keep their place in between.
 *
 *     struct fibonacci {
 *         gyre_frame frame;
 *         int64_t a, b;
 *     };
 *     GYRE_CORO(fibonacci)                         def fibonacci(a, b):
 *     {
 *         GYRE_BEGIN;
 *         for (;;) {                                   while True:
 *             GYRE_YIELD(self->a);                         yield a
 *             self->b += self->a;
 *             self->a = self->b - self->a;                 a, b = b, a + b
 *         }
 *         GYRE_END;
 *     }
 *
 *     gyre_generator *numbers = GYRE_GENERATOR(fibonacci, .a = 1, .b = 1);
 *     while ((value = gyre_generator_next(numbers)) >= 0)      for value in numbers:
 *         ...
 *     gyre_generator_free(numbers);
 *
 * The body is that of a coroutine; what makes it a generator is how it is called. It runs on the C
 * stack of whoever steps it, at once, be that a task, a callback or a program without any loop; it
 * is bound to none of them, but belongs to one thread at a time. To await in it is an error that
 * aborts: that takes an asynchronous generator (async_generator.h). In its body:
 *
 *   GYRE_YIELD(value)               gives a value (>= 0) to whoever steps it. A thrown error leaves
 *                                   the generator as GYRE_RETURN would, through GYRE_FINALLY
 *   GYRE_YIELD(lvalue, value)       the same; what is sent goes to the lvalue: `x = yield value`
 *   GYRE_YIELD_CATCH(lvalue, value) the same; a thrown error goes to the lvalue, too
 *   GYRE_YIELD_FROM(source), GYRE_YIELD_FROM(lvalue, source), GYRE_YIELD_FROM_CATCH(lvalue, source)
 *                                   gives all values of a generator or iterator (moved: freed at
 *                                   its end); what is sent and thrown meanwhile goes to it; the
 *                                   lvalue gets what it returns, or GYRE_NONE
 *   GYRE_RETURN(result)             ends it. Without: it returns GYRE_NONE
 *
 * GYRE_YIELD of a negative value raises -EINVAL in the generator. The rules of coro.h hold: what
 * must survive a yield lives in the frame, one yield a line, none inside a switch.
 *
 * A yield from may nest to any depth: stepping takes the same time and C stack at each.
 *
 * Python names: the methods of generator objects; inspect.getgeneratorstate.
 */
#ifndef GYRE_TASK_GENERATOR_H
#define GYRE_TASK_GENERATOR_H

#include "coro.h"
#include "iter.h"

GYRE_BEGIN_DECLS

typedef struct gyre_generator gyre_generator;

/* Also of asynchronous generators. */
typedef enum gyre_generator_state {
    GYRE_GENERATOR_CREATED,   /* not started */
    GYRE_GENERATOR_RUNNING,   /* being stepped */
    GYRE_GENERATOR_SUSPENDED, /* at a yield */
    GYRE_GENERATOR_CLOSED,    /* ended */
} gyre_generator_state;

GYRE_API GYRE_MUST_USE gyre_generator *gyre__generator_new(const gyre_coro *coro, const void *args);
GYRE_API void gyre__yield_from(gyre_frame *frame, gyre_iter *source);

/*
 * Runs the generator to its next yield and gives the value. next(). Errors: GYRE_ESTOPITERATION
 * when it has ended, now (gyre_generator_value() is what it returned) or before; what it raised,
 * with its detail; GYRE_EGENERATORRUNNING from inside itself (ValueError);
 * GYRE_EGENERATORRAISEDSTOP if it raised GYRE_ESTOPITERATION (RuntimeError); -ENOMEM for NULL.
 */
GYRE_API int64_t gyre_generator_next(gyre_generator *generator);

/*
 * The same, and the yield it stands at gives it `value` (>= 0, else -EINVAL). send().
 * gyre_generator_next() sends GYRE_NONE, which alone may start a generator: else GYRE_ETYPE.
 */
GYRE_API int64_t gyre_generator_send(gyre_generator *generator, int64_t value);

/*
 * The same, and the yield it stands at raises `code` (< 0, else -EINVAL; detail: borrowed, may be
 * NULL). throw(). One that has not started goes to its GYRE_FINALLY section, one that has ended
 * gives the error back.
 */
GYRE_API int64_t gyre_generator_throw(gyre_generator *generator, int64_t code, gyre_error *detail);

/*
 * Ends it: GYRE_EGENERATOREXIT comes out of its yield. 0: it has ended, whether it passed that on
 * or returned (gyre_generator_value()), or it had ended before. Errors: what it raised instead;
 * GYRE_EGENERATORIGNOREDEXIT when it yielded (RuntimeError); GYRE_EGENERATORRUNNING. close().
 * Unlike in Python one that has not started goes through its GYRE_FINALLY section, which ends what
 * the arguments own.
 */
GYRE_API int64_t gyre_generator_close(gyre_generator *generator);

/*
 * What it returned, if the last step was the one that ended it: GYRE_NONE else.
 * StopIteration.value.
 */
GYRE_API int64_t gyre_generator_value(const gyre_generator *generator);

GYRE_API gyre_generator_state gyre_generator_get_state(const gyre_generator *generator);

/*
 * Closes it if need be and frees it; NULL is allowed. What closing raises goes to the exception
 * handler of the running loop, or to stderr. To free one that runs, or that another yields from,
 * aborts.
 */
GYRE_API void gyre_generator_free(gyre_generator *generator);

/* The generator as an iterator: the same object, to be freed once, as either. NULL stays NULL. */
GYRE_API gyre_iter *gyre_generator_iter(gyre_generator *generator);

#ifndef __cplusplus

/* A generator object: GYRE_GENERATOR(name, .argument = value, ...); NULL when memory is short. */
#define GYRE_GENERATOR(...)                                                                        \
    gyre__generator_new(GYRE__CORO_OF(__VA_ARGS__), GYRE__FRAME(__VA_ARGS__))

/* The same as an iterator. */
#define GYRE_ITER(...) gyre_generator_iter(GYRE_GENERATOR(__VA_ARGS__))

/* ---- in bodies ---- */

static inline gyre_iter *gyre__iter_self(gyre_iter *iter)
{
    return iter;
}

#define GYRE__ITERABLE(x)                                                                          \
    _Generic((x), gyre_generator *: gyre_generator_iter, gyre_iter *: gyre__iter_self)(x)

#define GYRE__LEAVE_IF_THROWN                                                                      \
    do {                                                                                           \
        if (self->frame.result < 0)                                                                \
            GYRE_RETURN(self->frame.result);                                                       \
    } while (0)

#define GYRE__YIELD0(value_)                                                                       \
    do {                                                                                           \
        self->frame.result = (value_);                                                             \
        self->frame.at = __LINE__;                                                                 \
        self->frame.yielded = true;                                                                \
        return (gyre_step){false};                                                                 \
    case GYRE__HERE:;                                                                              \
    } while (0)

#define GYRE__YIELD1(value_)                                                                       \
    do {                                                                                           \
        GYRE__YIELD0(value_);                                                                      \
        GYRE__LEAVE_IF_THROWN;                                                                     \
    } while (0)

#define GYRE__YIELD2(lvalue_, value_)                                                              \
    do {                                                                                           \
        GYRE__YIELD1(value_);                                                                      \
        (lvalue_) = self->frame.result;                                                            \
    } while (0)

#define GYRE_YIELD(...) GYRE__PICK(__VA_ARGS__, GYRE__YIELD2, GYRE__YIELD1, 0)(__VA_ARGS__)

#define GYRE_YIELD_CATCH(lvalue_, value_)                                                          \
    do {                                                                                           \
        GYRE__YIELD0(value_);                                                                      \
        (lvalue_) = self->frame.result;                                                            \
    } while (0)

#define GYRE__YIELD_FROM0(source_)                                                                 \
    do {                                                                                           \
        self->frame.at = __LINE__;                                                                 \
        gyre__yield_from(&self->frame, GYRE__ITERABLE(source_));                                   \
        return (gyre_step){false};                                                                 \
    case GYRE__HERE:;                                                                              \
    } while (0)

#define GYRE__YIELD_FROM1(source_)                                                                 \
    do {                                                                                           \
        GYRE__YIELD_FROM0(source_);                                                                \
        GYRE__LEAVE_IF_THROWN;                                                                     \
    } while (0)

#define GYRE__YIELD_FROM2(lvalue_, source_)                                                        \
    do {                                                                                           \
        GYRE__YIELD_FROM1(source_);                                                                \
        (lvalue_) = self->frame.result;                                                            \
    } while (0)

#define GYRE_YIELD_FROM(...)                                                                       \
    GYRE__PICK(__VA_ARGS__, GYRE__YIELD_FROM2, GYRE__YIELD_FROM1, 0)(__VA_ARGS__)

#define GYRE_YIELD_FROM_CATCH(lvalue_, source_)                                                    \
    do {                                                                                           \
        GYRE__YIELD_FROM0(source_);                                                                \
        (lvalue_) = self->frame.result;                                                            \
    } while (0)

#endif /* __cplusplus */

GYRE_END_DECLS

#endif
