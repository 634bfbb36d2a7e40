/*
 * Asynchronous generators: generators that may await between their yields.
 *
 *     struct ticks {
 *         gyre_frame frame;
 *         int64_t i;
 *     };
 *     GYRE_CORO(ticks)                                     async def ticks():
 *     {
 *         GYRE_BEGIN;
 *         for (self->i = 0; self->i < 3; self->i++) {          for i in range(3):
 *             GYRE_TRY(gyre_sleep(GYRE_SECONDS(1)));               await sleep(1)
 *             GYRE_YIELD(self->i);                                 yield i
 *         }
 *         GYRE_END;
 *     }
 *
 * and in a coroutine, with gyre_async_generator *clock and int64_t tick in its frame:
 *
 *     self->clock = GYRE_ASYNC_GENERATOR(ticks);
 *     GYRE_ASYNC_FOR(self->tick, self->clock) {            async for tick in clock:
 *         ...
 *     }
 *     gyre_async_generator_free(self->clock);
 *
 * The yields of the body are those of generator.h, without GYRE_YIELD_FROM; GYRE_RETURN(0), or the
 * end of the body, ends it (a value is ignored). It runs in the task that steps it: an await
 * suspends that task, and cancelling the task raises GYRE_ECANCELLED in that await. It is bound to
 * no task: any task of the loop may step it next, but one at a time.
 *
 * Python names: the methods of asynchronous generator objects, and async for.
 */
#ifndef GYRE_TASK_ASYNC_GENERATOR_H
#define GYRE_TASK_ASYNC_GENERATOR_H

#include "generator.h"

GYRE_BEGIN_DECLS

typedef struct gyre_async_generator gyre_async_generator;

GYRE_API GYRE_MUST_USE gyre_async_generator *gyre__async_generator_new(const gyre_coro *coro,
                                                                       const void *args);

/*
 * Awaitable: runs it to its next yield and gives the value. Suspends where the generator awaits.
 * anext(). Errors: GYRE_ESTOPASYNCITERATION when it has ended, now or before; what it raised, with
 * its detail; GYRE_ESTATE while another step is under way ("already running", RuntimeError);
 * GYRE_EGENERATORRAISEDSTOP if it raised GYRE_ESTOPITERATION or GYRE_ESTOPASYNCITERATION
 * (RuntimeError); -ENOMEM for NULL.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_async_generator_next(gyre_async_generator *generator);

/*
 * The same, and the yield it stands at gives it `value` (>= 0, else -EINVAL). asend(). Only
 * GYRE_NONE, which gyre_async_generator_next() sends, may start one: else GYRE_ETYPE.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_async_generator_send(gyre_async_generator *generator,
                                                            int64_t value);

/*
 * The same, and the yield it stands at raises `code` (< 0, else -EINVAL; detail: borrowed, may be
 * NULL). athrow(). One that has not started goes to its GYRE_FINALLY section; one that has ended
 * gives GYRE_NONE; one that yielded while it was being closed gives GYRE_ESTOPASYNCITERATION.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_async_generator_throw(gyre_async_generator *generator,
                                                             int64_t code, gyre_error *detail);

/*
 * Awaitable: ends it; GYRE_EGENERATOREXIT comes out of its yield, and its GYRE_FINALLY section may
 * await. 0: it has ended, now or before. Errors: what it raised instead; GYRE_EGENERATORIGNOREDEXIT
 * when it yielded (RuntimeError), and from then on GYRE_ESTOPASYNCITERATION; GYRE_ESTATE while
 * another step is under way. aclose().
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_async_generator_close(gyre_async_generator *generator);

/* GYRE_GENERATOR_RUNNING for the whole of a step, also while it awaits. */
GYRE_API gyre_generator_state gyre_async_generator_get_state(const gyre_async_generator *generator);

/*
 * Gives it up; NULL is allowed. While a step is under way it goes at the end of that. One that has
 * not ended is closed first, in a task of its own on the running loop, as asyncio does with those
 * that are left behind. While the loop closes, or when memory is short, that happens inside the
 * call, and the awaits of its GYRE_FINALLY section give GYRE_ECANCELLED. Where no loop runs that
 * section does not run. So await gyre_async_generator_close() before where that matters.
 */
GYRE_API void gyre_async_generator_free(gyre_async_generator *generator);

#ifndef __cplusplus

/*
 * An asynchronous generator object: GYRE_ASYNC_GENERATOR(name, .argument = value, ...); NULL when
 * memory is short.
 */
#define GYRE_ASYNC_GENERATOR(...)                                                                  \
    gyre__async_generator_new(GYRE__CORO_OF(__VA_ARGS__), GYRE__FRAME(__VA_ARGS__))

#define GYRE__PASTE_(a, b) a##b
#define GYRE__PASTE(a, b) GYRE__PASTE_(a, b)
#define GYRE__GOT GYRE__PASTE(gyre__got_, __LINE__)

/*
 * A loop over what an asynchronous generator gives: GYRE_ASYNC_FOR(lvalue, generator) { ... }, with
 * break and continue as in any loop. An error leaves the coroutine, as with GYRE_TRY. After a break
 * the generator stays where it is and can be stepped on. Both arguments are evaluated once a round.
 * async for.
 */
#define GYRE_ASYNC_FOR(lvalue_, generator_)                                                        \
    for (;;)                                                                                       \
        if (self->frame.at = __LINE__, gyre_async_generator_next(generator_).pending) {            \
            return (gyre_step){false};                                                             \
        case GYRE__HERE:                                                                           \
            goto GYRE__GOT;                                                                        \
        } else                                                                                     \
        GYRE__GOT:                                                                                 \
            if (self->frame.result == GYRE_ESTOPASYNCITERATION)                                    \
                break;                                                                             \
            else if (((lvalue_) = self->frame.result) < 0)                                         \
                GYRE_RETURN(self->frame.result);                                                   \
            else

#endif /* __cplusplus */

GYRE_END_DECLS

#endif
