/* What synchronous and asynchronous generators share, and where task.c meets the latter. */
#ifndef GYRE_TASK_GENERATOR_INTERNAL_H
#define GYRE_TASK_GENERATOR_INTERNAL_H

#include <string.h>

#include "async_generator.h"
#include "task_internal.h"

/* Fills in the frame of a new generator. */
static inline void gyre__generator_frame(gyre_frame *frame, const gyre_coro *coro, const void *args)
{
    memcpy(frame, args, coro->frame_size);
    frame->value = GYRE_NONE; /* what it returns without GYRE_RETURN */
    frame->detached = true;
}

/*
 * Gives the yield its result, a value or an error whose detail is the current one. An error thrown
 * into a body that has not started makes it go to its cleanup section, or its end; true then.
 */
static inline bool gyre__generator_resume(gyre_frame *frame, int64_t result)
{
    frame->result = result;
    if (__builtin_expect(result >= 0 || frame->at != 0, 1))
        return false;
    gyre__leave(frame, result);
    frame->at = GYRE__FINALLY_AT;
    return true;
}

/* The detail that a thrown error starts with. */
static inline void gyre__generator_throw_detail(gyre_error *detail)
{
    gyre__error_set(gyre_error_ref(detail));
}

/* A yield of something that is no value: the yield raises -EINVAL. */
int64_t gyre__generator_bad_yield(gyre_frame *frame);

/* ---- for run_frames() of task.c: the top frame is that of an asynchronous generator ---- */

/* Its body has ended: it goes off the stack, and the outcome to whoever steps it. */
void gyre__async_generator_ended(gyre_task *task, gyre_frame *frame);

/* Its body stopped at a yield: likewise. Aborts if the frame is no generator's. */
void gyre__async_generator_yielded(gyre_task *task, gyre_frame *frame);

/*
 * For generators made by the library: called where it is freed and its cleanup section cannot run
 * any more.
 */
void gyre__async_generator_on_drop(gyre_async_generator *generator,
                                   void (*drop)(gyre_frame *frame));

#endif
