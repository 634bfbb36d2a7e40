/*
 * Task factories: who makes the tasks of a loop.
 *
 *     gyre_loop_set_task_factory(loop, gyre_eager_task_factory, NULL);    every task starts at once
 *
 * A factory stands between GYRE_SPAWN (also of groups, gyre_run and so on) and gyre_task_new().
 * It may change options, count, log, or refuse. Python names: loop.set_task_factory,
 * asyncio.eager_task_factory.
 */
#ifndef GYRE_TASK_FACTORY_H
#define GYRE_TASK_FACTORY_H

#include "task.h"

GYRE_BEGIN_DECLS

/*
 * What GYRE_SPAWN calls. All is borrowed: options are those of the call with `loop` filled in;
 * args is the new frame, coro->frame_size bytes, to be copied; file and line are the place of the
 * call. Gives what gyre_task_new() gave: a new reference (with options->detached: none), or NULL,
 * which means -ENOMEM to the caller.
 */
typedef gyre_task *gyre_task_factory(gyre_loop *loop, const gyre_spawn_options *options,
                                     const gyre_coro *coro, const void *args, const char *file,
                                     unsigned line, void *arg);

/*
 * Sets the factory of the loop; NULL brings back the default. arg: borrowed while it is set.
 * Gives 0; -ENOMEM; GYRE_ELOOPCLOSED. set_task_factory().
 */
GYRE_API int64_t gyre_loop_set_task_factory(gyre_loop *loop, gyre_task_factory *factory, void *arg);

/* The factory that was set, or NULL. get_task_factory(). */
GYRE_API gyre_task_factory *gyre_loop_get_task_factory(const gyre_loop *loop);

/* Makes a task without asking the factory. Task(). As GYRE_SPAWN_WITH otherwise. */
GYRE_API gyre_task *gyre_task_new(const gyre_spawn_options *options, const gyre_coro *coro,
                                  const void *args, const char *file, unsigned line);

/*
 * Starts every task at once, in the call that spawns it, unless its options say `lazy`.
 * eager_task_factory().
 */
GYRE_API gyre_task_factory gyre_eager_task_factory;

GYRE_END_DECLS

#endif
